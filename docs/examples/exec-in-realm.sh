#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# exec-in-realm.sh [OPTION OF EXEC...]: runs a command in a simulated Realm, with this host's files and the
# current directory its own. The kernel is the one of this host, or -k KERNEL --modules DIR.
set -eu
LKVM=${LKVM:-lkvm}

"$LKVM" exec --realm=sim -m 512 "$@" -- sh -c '
	dmesg | grep "RSI version"
	echo "written in a Realm" >from-the-realm' </dev/null
cat from-the-realm
