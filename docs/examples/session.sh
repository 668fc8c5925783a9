#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# session.sh KERNEL INITRD: a first look at lkvm, each command shown before it runs: what the host can do, a
# command in a guest and in a simulated Realm, a boot that is a test. docs/session.txt is a recording. MODULES:
# where the kernel's modules are, if not in /lib/modules.
set -u
LKVM=${LKVM:-lkvm}
K=$1 I=$2 M=${MODULES:-/lib/modules/$(uname -r)}

# show COMMAND LINE: typed, then run, with the paths of this machine in place of the names.
show() {
	printf '\n$ %s\n' "$1"
	eval "$(printf '%s\n' "$1" | sed 's|^lkvm |"$LKVM" |; s|Image|"$K"|; s|initrd.img|"$I"|; s|modules/|"$M"|
		s|--timeout 120|--timeout ${TIMEOUT:-120}|')" </dev/null
}
show 'lkvm doctor'
show 'lkvm exec -k Image --modules modules/ -- uname -sm'
show "lkvm exec -k Image --modules modules/ --realm=sim -- sh -c 'dmesg | grep RSI; exit 42'"
printf '$ echo $?\n%s\n' $?
show "lkvm run -k Image -i initrd.img -m 512 -p quiet --timeout 120 --after '# \$' --send 'date\\n' --until '^[A-Z].* UTC 20'"
status=$?
printf '\n$ echo $?\n%s\n' $status # the guest may have been ended in the middle of a line
exit $status
