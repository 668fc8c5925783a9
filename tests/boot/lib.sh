# SPDX-License-Identifier: GPL-2.0-or-later
#
# For the scripts that run cases inside the (emulated) arm64 host. POSIX sh: there is only busybox.
#
#	case_begin NAME
#	lkvm [-t SECONDS] [-i INPUT_FILE] ARGS...    runs it; stdin is /dev/null without -i
#	status N | out REGEX | err REGEX | not_out REGEX | ...   what must hold
#	case_end                                    prints "ok NAME", or "FAIL NAME: why" and the output
#
# Paths: $A is build/arm64 with lkvm and guest/, $W where the run put kernels and initrds.

LKVM=$A/lkvm
G=$A/guest
T=/tmp/case
mkdir -p $T
out=$T/out err=$T/err
dtb=$T/dtb

case_begin() {
	name=$1 why= rc=
	: >$out
	: >$err
	started=$(cut -d' ' -f1 /proc/uptime)
}

# limited SECONDS COMMAND...: for that time, or TIME_SCALE times it on a slow or busy machine.
limited() {
	local limit=$(($1 * ${TIME_SCALE:-1}))
	shift
	timeout -s KILL $limit "$@"
}
# tries N: the number of times to look for something, likewise.
tries() { echo $(($1 * ${TIME_SCALE:-1})); }

# A run that takes longer than its time is killed: status 137, which no case expects.
lkvm() {
	local limit=60 input=/dev/null
	while :; do
		case $1 in
		-t) limit=$2 ;;
		-i) input=$2 ;;
		*) break ;;
		esac
		shift 2
	done
	rc=0
	limited "$limit" "$LKVM" "$@" <"$input" >$out 2>$err || rc=$?
}

bad() {
	why="${why:+$why; }$*"
}

status() { [ "$rc" = "$1" ] || bad "status $rc instead of $1"; }
failed() { [ "$rc" != 0 ] && [ "$rc" -lt 137 ] || bad "status $rc instead of a failure"; }
out() { grep -Eqe "$1" $out || bad "no '$1' in the output"; }
not_out() { ! grep -Eqe "$1" $out || bad "'$1' in the output"; }
err() { grep -Eqe "$1" $err || bad "no '$1' among the messages"; }
not_err() { ! grep -Eqe "$1" $err || bad "'$1' among the messages"; }
# holds "WHAT" COMMAND...
holds() {
	local what=$1
	shift
	"$@" >/dev/null 2>&1 || bad "not $what"
}
# What is in a file, and what is not.
has() { holds "'$1' in $2" grep -qe "$1" "$2"; }
lacks() { ! grep -qe "$1" "$2" || bad "'$1' in $2"; }

# What devices write to: shared pages get there, protected ones must not.
disk=$T/disk pcap=$T/pcap
new_disk() {
	rm -f $disk $pcap
	yes FROM-THE-DISK-- | head -c 1048576 >$disk
}

# One line that says what is wrong, besides the banner; and not many.
one_error() {
	local n
	n=$(grep -c '^ *\(Error\|Fatal\)' $err)
	[ "$n" = 1 ] || bad "$n error lines"
	[ "$(wc -l <$err)" -le 4 ] || bad "$(wc -l <$err) lines of messages"
}

case_end() {
	local now
	now=$(cut -d' ' -f1 /proc/uptime)
	if [ -z "$why" ]; then
		echo "ok $name ($(echo "$now $started" | awk '{ printf "%.1f", $1 - $2 }') s)"
		return
	fi
	echo "FAIL $name: $why"
	sed 's/^/  | /' $err | head -n 15
	grep -E 'FAIL|PANIC' $out | head -n 15 | sed 's/^/  > /'
	tail -n ${TAIL:-12} $out | cut -c 1-300 | sed 's/^/  > /'
}

skip() { echo "SKIP $1: $2"; }

# stop_after N REGEX ARGS...: lkvm in the background until REGEX was printed N times.
stop_after() {
	local nr=$1 regex=$2 i=0
	shift 2
	: >$out # what an earlier one has printed is not waited for
	"$LKVM" run "$@" </dev/null >$out 2>$err &
	guest=$!
	while [ "$(grep -Ec "$regex" $out)" -lt $nr ] && [ $i -lt $(tries 2400) ] && kill -0 $guest 2>/dev/null; do
		i=$((i + 1))
		usleep 100000
	done
	kill -TERM $guest
	rc=0
	wait $guest || rc=$?
	[ $rc != 143 ] || rc=0 # that was us
	holds "$nr times '$regex'" [ "$(grep -Ec "$regex" $out)" -ge $nr ]
}

# payload NAME FILE LKVM-ARGS...: a payload of guest/ whose own checks must pass.
payload() {
	case_begin "$1"
	local file=$2
	shift 2
	lkvm run --kernel "$G/$file" --nodefaults "$@"
	status 0
	out '^PASS [0-9]'
	not_out '^(FAIL|PANIC)'
	case_end
}

# bad_input NAME REGEX ARGS...: refused with one line that matches.
bad_input() {
	local regex=$2
	case_begin "bad: $1"
	shift 2
	lkvm -t 15 "$@"
	failed
	err "$regex"
	one_error
	case_end
}

# linux NAME "GUEST TESTS" LKVM-ARGS...: boots $KERNEL with $INITRD; each guest test is a result.
# The variables kargs (more kernel parameters) and limit (seconds) are read.
linux() {
	local tests=$2
	case_begin "$1"
	shift 2
	lkvm -t "${limit:-120}" run -k "$KERNEL" -i "$INITRD" "$@" \
		-p "quiet panic=-1 ${kargs:-} boot_tests=\"$tests\""
	status 0
	out 'GUEST done'
	err 'KVM session ended normally'
	guest_results "$tests"
}

# Results of the guest's tests that ran in the last lkvm, then the case's own.
guest_results() {
	local t main="$name"
	tr -d '\r' <$out >$T/results
	for t in $1; do
		if grep -q "^GUEST ok $t\$" $T/results; then
			echo "ok $main: $t"
		else
			echo "FAIL $main: $t: $(grep "^GUEST FAIL $t" $T/results | head -n 1)"
		fi
	done
	case_end
}

# linux_basics NAME MIB: what every stock kernel must do. Leaves a server and the disks $T/a, $T/b.
linux_basics() {
	echo 'nameserver 127.0.0.1' >/etc/resolv.conf
	$A/tests/tool serve 5001 &
	server=$!
	truncate -s 16M $T/a $T/b
	$A/tests/tool fill $T/a 1 0 16777216
	kargs="boot_time=$(date +%s)"
	linux "$1" "cpus2 dhcp dns ping send recv its rng rtc clock disk_read disk_write" -c 2 -m "$2" --rng \
		-d $T/a,ro -d $T/b
	kargs=
}

# comes TENTHS COMMAND...: wait until it holds, for at most so many tenths of a second.
comes() {
	local left=$(tries $1)
	shift
	until "$@"; do
		[ $left -gt 0 ] || return 1
		left=$((left - 1))
		usleep 100000
	done
}

# wait_line REGEX FILE: until the file has such a line.
wait_line() { comes 200 grep -Eqse "$1" "$2"; }
