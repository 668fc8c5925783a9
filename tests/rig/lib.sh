# SPDX-License-Identifier: GPL-2.0-or-later
#
# Shared by the scripts of the rig (bash). Everything is kept below build/rig.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
RIG=$ROOT/tests/rig
CACHE=$ROOT/build/rig
PATH=$PATH:/usr/sbin:/sbin # depmod, mke2fs: not in the PATH of every user
MACHINE=$(dpkg --print-architecture 2>/dev/null || uname -m)

die() {
	echo "rig: $*" >&2
	exit 125
}

say() {
	echo "rig: $*" >&2
}

need() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null || die "$tool is missing: run tests/rig/deps check"
	done
}

# install_modules KERNEL_DIR ROOT MODULE...: the modules and what they depend on, unpacked, for
# modprobe, and in ROOT/lib/modules/load their paths in an order in which insmod can take them. A
# module that is built in, or that this kernel does not have, is left out.
install_modules() {
	local kdir=$1 root=$2 version path name module how
	shift 2
	version=$(cat "$kdir/version")
	mkdir -p "$root/lib/modules/$version"
	for module; do
		modprobe -d "$kdir/modules" -S "$version" --show-depends "$module" 2>/dev/null || :
	done | while read -r how path _; do
		[ "$how" = insmod ] || continue
		name=$version/$(basename "${path%.xz}")
		[ -e "$root/lib/modules/$name" ] && continue
		case $path in
		*.xz) xz -dc "$path" >"$root/lib/modules/$name" ;;
		*) cp "$path" "$root/lib/modules/$name" ;;
		esac
		echo "/lib/modules/$name"
	done >"$root/lib/modules/load"
	cp "$kdir/modules/lib/modules/$version/"modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$version/"
	depmod -b "$root" "$version"
	rm -f "$root/lib/modules/$version/"modules.{*.bin,order,builtin.modinfo}
}

# pack ROOT: the tree as an uncompressed cpio on stdout: sorted, owned by root, and of one date, so
# that the same files give the same bytes (even the dates make a difference to a run with --icount).
pack() {
	find "$1" -exec touch -h -d @1767225600 {} +
	(cd "$1" && find . -mindepth 1 -printf '%P\0' | LC_ALL=C sort -z |
		cpio --quiet -o -0 -H newc -R 0:0 --reproducible)
}
