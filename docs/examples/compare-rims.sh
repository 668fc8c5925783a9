#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# compare-rims.sh PROFILE OPTIONS OPTIONS: predicts the initial measurements of two Realms and says in which step
# they part. PROFILE is what `lkvm doctor` prints of the host ("Realm profile"); each OPTIONS is a string of
# options of `lkvm run`, without quotes in it. Needs neither KVM nor an arm64 machine:
#
#	compare-rims.sh rmm=1.0,bps=6,wps=4,sve_vl=0 '-k Image -c 1 -m 512' '-k Image -c 1 -m 1G'
#
# Status 0: the same measurement; 1: two.
set -eu
LKVM=${LKVM:-lkvm}
profile=$1 one=$2 two=$3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# steps OPTION...: a line for each measured step: what it is, a tab, the measurement after it.
steps() {
	"$LKVM" measure "$@" --host-params "$profile" --explain >"$tmp/explained"
	grep '^RIM' "$tmp/explained" >&2
	awk '/^ +[0-9a-f]+$/ { print step "\t" $1; next } { step = $0 }' "$tmp/explained"
}
# shellcheck disable=SC2086 # options are words
steps $one >"$tmp/one"
# shellcheck disable=SC2086
steps $two >"$tmp/two"
# Names of files are no part of a measurement.
paste "$tmp/one" "$tmp/two" |
	awk -F '\t' '$2 != $4 { print $1 "\n           " $2 "\n" $3 "\n           " $4; exit }' >"$tmp/parted"
if [ -s "$tmp/parted" ]; then
	echo "The first step that differs, and the measurement after it:"
	cat "$tmp/parted"
	exit 1
fi
echo "The same, step by step."
