#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# attested-key.sh KERNEL INITRD: a key broker on this host hands out a key to a simulated Realm that proves what
# it is, and to none that boots anything else. INITRD gives a shell on the console and has the module
# arm-cca-guest; keybroker-app is put into it here. Both programs of the broker are in the package lkvm-keybroker,
# or in build/arm64 of the sources (make keybroker).
set -eu
LKVM=${LKVM:-lkvm}
SERVER=${KEYBROKER_SERVER:-keybroker-server}
APP=${KEYBROKER_APP:-$(command -v keybroker-app)}
kernel=$1 initrd=$2

# What is measured: the same options go to measure and to run.
set -- -k "$kernel" -i "$initrd" --add-file "$APP:/bin/keybroker-app" --realm=sim -c 1 -m 512 \
	--network mode=user,host-loopback=on

"$LKVM" measure "$@" -p quiet --host-params host --reference-values >known-good.json
"$LKVM" attest-keys >anchor.jwk
"$SERVER" -v --endpoint http://192.168.33.1 --trust-anchor anchor.jwk --allow-unsecured \
	--reference-values known-good.json 2>broker.log &
broker=$!
trap 'kill $broker' EXIT
until grep -q 'listening on' broker.log; do
	kill -0 $broker
	sleep 1
done

# ask PARAMS: a Realm with these kernel parameters, which are measured, asks for the key.
ask() {
	"$LKVM" run "$@" --timeout "${TIMEOUT:-120}" --after '# $' \
		--send 'mount -t configfs none /sys/kernel/config; keybroker-app -v --endpoint http://192.168.33.1:8088 skywalker\n' \
		--after 'INFO Attestation' --until '# $' </dev/null
}
echo "== the Realm that was measured"
ask "$@" -p quiet | grep -a 'Attestation success'
echo "== one more kernel parameter"
ask "$@" -p 'quiet debug' | grep -a 'Attestation failure'
