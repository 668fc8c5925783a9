#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# one-boot.sh N KERNEL INITRD [OPTION OF RUN...]: boot number N of many, for engines that start hundreds of these
# beside each other. Leaves results/boot-N.xml (JUnit), .log (the console) and .json (events); the status is the
# boot's: `lkvm help exit`.
set -eu
LKVM=${LKVM:-lkvm}
n=$1 kernel=$2 initrd=$3
shift 3
mkdir -p results

exec "$LKVM" run -k "$kernel" -i "$initrd" -m 512 -c 2 -p 'panic=-1' --name "boot-$n" --timeout "${TIMEOUT:-300}" \
	--report "results/boot-$n.xml" --console-log "results/boot-$n.log" --events "results/boot-$n.json" \
	--fail-on 'BUG:|Oops' --after '# $' --send 'poweroff -f\n' --until 'reboot: Power down' "$@" </dev/null
