# SPDX-License-Identifier: GPL-2.0-or-later
# For groups with guests on a tap.
NET=host_ip=192.168.77.1,guest_ip=192.168.77.2

# on_tap NAME "GUEST TESTS" KEYS LKVM-ARGS...: a guest on a tap that lkvm makes, in a network of its own.
on_tap() {
	local tests=$2 keys=$3
	case_begin "$1"
	shift 3
	unshare -n sh -c "ip link set lo up; $A/tests/tool serve 5001 & exec timeout -s KILL $(tries 180) $LKVM run \
		--name tap$$ -k $KERNEL -i $INITRD -m 256 -n mode=tap,$NET$keys $* \
		-p 'quiet panic=-1 rig_net=off boot_tests=\"$tests\"'" </dev/null >$out 2>$err
	rc=$?
	status 0
	guest_results "$tests"
}
