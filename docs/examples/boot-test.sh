#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# boot-test.sh KERNEL INITRD [OPTION OF RUN...]: boots a guest to its shell, has it say which kernel it is, and
# switch itself off. Status 0 if all of that happened within two minutes (or $TIMEOUT seconds); boot-test.xml is a
# JUnit report, boot-test.log what the guest has printed. With --realm or --realm=sim the same is a test of a Realm.
set -eu
LKVM=${LKVM:-lkvm}
kernel=$1 initrd=$2
shift 2

"$LKVM" run -k "$kernel" -i "$initrd" -m 512 -c 2 -p 'panic=-1' --name boot-test \
	--timeout "${TIMEOUT:-120}" --report boot-test.xml --console-log boot-test.log \
	--fail-on 'BUG:|Oops|WARNING: CPU' \
	--after '# $' --send 'uname -sr\n' --after '^Linux [0-9]' --after '# $' --send 'poweroff -f\n' \
	--until 'reboot: Power down' "$@" </dev/null
grep -a '^Linux ' boot-test.log
