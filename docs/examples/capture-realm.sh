#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# capture-realm.sh KERNEL INITRD: boots a simulated Realm with a user network and leaves all its frames in
# realm.pcap, which tcpdump and Wireshark read; then what went through shared buffers, and in realm.svg a picture of
# what the Realm shares. INITRD asks for an address by DHCP and gives a shell on the console.
set -eu
LKVM=${LKVM:-lkvm}
kernel=$1 initrd=$2

"$LKVM" run --realm=sim -k "$kernel" -i "$initrd" -m 512 -c 1 -p quiet --name capture \
	--network mode=user,pcap=realm.pcap --timeout "${TIMEOUT:-120}" \
	--after '# $' --send 'ping -c 3 192.168.33.1; echo pinged\n' --after '^pinged' \
	--send 'sleep 600\n' </dev/null >capture.log 2>&1 &
realm=$!
trap 'kill $realm 2>/dev/null || :' EXIT
until grep -aq '^pinged' capture.log; do
	kill -0 $realm
	sleep 1
done
"$LKVM" stat --bounce capture
"$LKVM" map --svg realm.svg capture
"$LKVM" stop capture
if command -v tcpdump >/dev/null; then
	tcpdump -n -r realm.pcap icmp
else
	ls -l realm.pcap
fi
