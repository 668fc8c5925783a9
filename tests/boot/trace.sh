# SPDX-License-Identifier: GPL-2.0-or-later
# Tables of system calls against what runs do. Each set of devices runs under strace: what a run makes
# and no table lists ends lkvm with status 159; what a table lists and no run with its room makes is told
# at the end.
#
# Of the processes under strace only lkvm's own counts: not its daemons, nor the keeper of a simulated Realm's keys.
nr=0

# traced WRAPPER...: makes $T/lkvm, which is lkvm under strace and under the wrapper.
traced() {
	nr=$((nr + 1))
	cat >$T/lkvm <<-END
		#!/bin/sh
		exec $* strace -f -qq -e raw=ioctl -e signal=none -o $T/trace $A/lkvm "\$@"
	END
	chmod +x $T/lkvm
	LKVM=$T/lkvm
}

# took_part: what the last one was allowed, and what it did from the filter on.
took_part() {
	LKVM=$A/lkvm
	sed -n 's/^ *Debug: confined: //p' ${1:-$err} | tr -d '\r' | sort -u >$T/rooms.$nr
	awk '
		/seccomp\(SECCOMP_SET_MODE_FILTER/ { on = 1; next }
		# Another process is what a clone without CLONE_THREAD makes, and all that it makes.
		/ (clone3?|vfork)\(/ { thread[$1] = /CLONE_THREAD/ }
		/ (clone3?|vfork)(\(| resumed).* = [0-9]+$/ && (!thread[$1] || ($1 in other)) { other[$NF] = 1 }
		$1 in other { next }
		on && match($0, /^[0-9]+ +[a-z0-9_]+\(/) {
			name = substr($0, RSTART, RLENGTH - 1)
			sub(/^[0-9]+ +/, "", name)
			if (name == "ioctl") {
				split($0, arg, ", ")
				sub(/[ )].*/, "", arg[2])
				name = name ":" arg[2]
			}
			if (!(name in seen)) print name
			seen[name] = 1
			if (name ~ /^ioctl/ && !seen["ioctl"]++) print "ioctl"
		}' $T/trace >$T/used.$nr
	holds "rooms" [ -s $T/rooms.$nr ]
	holds "calls" [ -s $T/used.$nr ]
	# Refused without a word: nobody should want it after set-up.
	! grep -E ' mmap\(.* ENOSYS' $T/trace || bad "memory that was wanted and refused"
}

# unmade: the listed calls that no run with their room has made, "room: call".
unmade() {
	awk '
		FILENAME ~ /rooms/ {
			room = $0
			sub(/:.*/, "", room)
			n = split(substr($0, length(room) + 3), call, " ")
			for (i = 1; i <= n; i++) {
				if (call[i] ~ /^\(/) continue
				if (call[i] !~ /^ioctl/) sub(/:.*/, "", call[i])
				listed[room ": " call[i]] = 1
				here[run(), room, call[i]] = 1
			}
			rooms[run(), room] = 1
		}
		FILENAME ~ /used/ { used[run(), $1] = 1 }
		function run() { name = FILENAME; sub(/.*[.]/, "", name); return name }
		END {
			for (k in here) {
				split(k, f, SUBSEP)
				if ((f[1], f[3]) in used) met[f[2] ": " f[3]] = 1
			}
			for (k in listed) if (!(k in met)) print k
		}' $T/rooms.* $T/used.* | sort
}

# made_by ROOM: its calls are all made.
made_by() { ! unmade | grep "^$1: " && grep -q "^$1: " $T/rooms.*; }

# all_made_by ROOM...: those of these rooms, which the traced runs had among others.
all_made_by() {
	local room
	case_begin "no call is listed that nobody makes: $*"
	for room; do
		grep -q "^$room: " $T/rooms.* || bad "no run had $room"
		unmade | grep "^$room: " >>$out
	done
	holds "all of them" [ ! -s $out ]
	case_end
}

# all_made [ROOM...]: those of all rooms that took part, but for these, which another group has at work.
all_made() {
	local room
	case_begin "no call is listed that nobody makes"
	unmade >$out
	for room; do
		grep -v "^$room: " $out >$T/unmade
		cp $T/unmade $out
	done
	holds "all of them" [ ! -s $out ]
	TAIL=100 case_end
}
