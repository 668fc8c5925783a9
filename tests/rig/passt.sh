# SPDX-License-Identifier: GPL-2.0-or-later
# passt in the emulated host (tests/rig/host --tool passt), for scripts to source: boot groups, bench.
#
# It shuts itself in by a user namespace and pivot_root(2), which one in a chroot and one on an initramfs may not: so it
# gets a root of its own, in a mount namespace of its own.
PASST_ROOT=/tmp/passt-root
PASST_SOCKET=$PASST_ROOT/tmp/passt.sock
# The guest's address by DHCP is 10.7.0.15; this one is the host's loopback.
PASST_HOST=10.7.0.1

passt_root() {
	mkdir -p $PASST_ROOT
	mount -t tmpfs passt $PASST_ROOT
	(cd $PASST_ROOT && mkdir -p bin proc dev tmp etc opt run)
	cp /bin/busybox $PASST_ROOT/bin/
	ln -s busybox $PASST_ROOT/bin/sh
	cp -r /opt/passt $PASST_ROOT/opt/
	cp /etc/passwd /etc/group $PASST_ROOT/etc/
	echo 'nobody:x:65534:65534:nobody:/:/bin/sh' >>$PASST_ROOT/etc/passwd
	mount -t proc proc $PASST_ROOT/proc
	mount -o bind /dev $PASST_ROOT/dev
	chmod 1777 $PASST_ROOT/tmp
}

# passt_start LOG [--vhost-user]: for one client; sets $passt, its process.
passt_start() {
	local log=$1 i=0
	shift
	rm -f $PASST_SOCKET
	unshare -m sh -c 'cd $0 && mount -o move . / && exec chroot . "$@"' $PASST_ROOT \
		/opt/passt/ld-linux-aarch64.so.1 --library-path /opt/passt /opt/passt/passt -f -1 -4 -s /tmp/passt.sock \
		-a 10.7.0.15 -n 24 -g $PASST_HOST --no-map-gw --map-host-loopback $PASST_HOST "$@" >"$log" 2>&1 &
	passt=$!
	until [ -S $PASST_SOCKET ] || [ $i -ge $((100 * ${TIME_SCALE:-1})) ]; do
		i=$((i + 1))
		usleep 100000
	done
}

passt_stop() {
	kill $passt 2>/dev/null
	rm -f $PASST_SOCKET
}

passt_unroot() {
	umount $PASST_ROOT/dev $PASST_ROOT/proc $PASST_ROOT
}
