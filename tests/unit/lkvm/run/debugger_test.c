/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who connects to --gdb: what a boot cannot show. The guest's vCPUs never run, and their registers
 * are all zero.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lkvm/kvm/kvm.h"
#include "lkvm/kvm/vcpu_priv.h"
#include "lkvm/run/debugger.h"
#include "lkvm/vm/loop.h"
#include "lkvm/vm/mem.h"
#include "tests/unit/starve.h"

static unsigned nr_set; /* registers, since somebody has looked */

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	const struct kvm_one_reg *r = arg;

	/* HCR_EL2 has no one. */
	if (req == KVM_GET_ONE_REG && r->id == KVM_REG_SYS(3u, 4u, 1u, 1u, 0u))
		return -ENOENT;
	if (req == KVM_GET_ONE_REG)
		*(u64 *)(uintptr_t)r->addr = 0;
	nr_set += req == KVM_SET_ONE_REG;
	return 0;
}

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	return 0;
}

/* Does GDB get an answer within `s` seconds? */
static bool answers(struct loop *loop, int gdb, unsigned s)
{
	u64 until = loop_now_ns() + (u64)scaled(s * 1000) * 1000000u;
	char c;

	while (loop_now_ns() < until) {
		loop_step(loop, 100);
		if (recv(gdb, &c, 1, MSG_DONTWAIT) == 1)
			return true;
	}
	return false;
}

/* accept(2) fails as long as there is no descriptor: the loop rests, and nobody is forgotten. */
START_TEST(no_descriptor)
{
	const struct kvm kvm = { .dev_fd = -1, .vm_fd = -1 };
	struct debugger_env env = { .kvm = &kvm };
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "s" };
	char dir[] = "/tmp/gdb-XXXXXX";
	struct debugger *d;
	int gdb;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(loop_create(&env.loop, "test"), 0);
	ck_assert_int_eq(debugger_create(&d, "s,wait", &env), 0);
	gdb = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(gdb, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(send(gdb, "$?#3f", 5, 0), 5);
	ck_assert_uint_lt(steps_without_descriptors(env.loop), 20);
	ck_assert(answers(env.loop, gdb, 10));
	close(gdb);
	debugger_destroy(d);
	loop_destroy(env.loop);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* All that GDB is sent until `want` is a part of it. */
static void hear(struct loop *loop, int gdb, const char *want)
{
	u64 until = loop_now_ns() + (u64)scaled(10000) * 1000000u;
	char said[512] = "";
	size_t len = 0;

	while (!strstr(said, want) && loop_now_ns() < until) {
		ssize_t n = recv(gdb, said + len, sizeof(said) - 1 - len, MSG_DONTWAIT);

		len += n > 0 ? (size_t)n : 0;
		said[len] = 0;
		loop_step(loop, 10);
	}
	ck_assert_msg(strstr(said, want), "%s, not %s", said, want);
}

/*
 * Two vCPUs meet the same breakpoint, and one of them comes late: GDB was told already, and goes
 * on. What it has met is not why the guest stands at the next Ctrl-C.
 */
START_TEST(what_was_met_before)
{
	const struct kvm kvm = { .dev_fd = -1, .vm_fd = -1 };
	const struct kvm_run brk = { .debug.hsr = KVM_ESR_BRK << KVM_ESR_CLASS_SHIFT };
	struct kvm_run own = { .debug.hsr = KVM_ESR_BRK << KVM_ESR_CLASS_SHIFT | 0x800 };
	struct vcpu vcpus[2] = { { .fd = -1 }, { .fd = -1 } };
	struct vcpu *list[] = { &vcpus[0], &vcpus[1] };
	struct vcpu_gate gate;
	struct debugger_env env = { .kvm = &kvm, .gate = &gate, .vcpus = list, .nr_vcpus = 2 };
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "s" };
	char dir[] = "/tmp/gdb-XXXXXX";
	struct debugger *d;
	int gdb;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	vcpu_gate_init(&gate);
	ck_assert_int_eq(mem_create(&env.mem), 0);
	ck_assert_int_eq(loop_create(&env.loop, "test"), 0);
	ck_assert_int_eq(debugger_create(&d, "s,wait", &env), 0);
	gdb = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(gdb, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(send(gdb, "$qSupported:swbreak+#8b", 23, 0), 23);
	hear(env.loop, gdb, "PacketSize");
	ck_assert_int_eq(send(gdb, "+$c#63", 6, 0), 6);
	hear(env.loop, gdb, "+");
	debugger_vcpu.exit(d, 0, &brk);
	hear(env.loop, gdb, "$T05thread:1;swbreak:;#");
	debugger_vcpu.exit(d, 1, &brk);
	ck_assert_int_eq(send(gdb, "+$c#63", 6, 0), 6);
	hear(env.loop, gdb, "+");
	ck_assert_int_eq(send(gdb, "\x03", 1, 0), 1);
	hear(env.loop, gdb, "$T02thread:");
	/* What is the guest's own is nothing to GDB, but where it steps or has asked to halt. */
	ck_assert_int_eq(send(gdb, "+$c#63", 6, 0), 6);
	hear(env.loop, gdb, "+");
	nr_set = 0;
	debugger_vcpu.exit(d, 1, &own);
	ck_assert(!answers(env.loop, gdb, 1));
	ck_assert_uint_eq(nr_set, 5);
	ck_assert(debugger_vcpu.may_run(d, 0) && debugger_vcpu.may_run(d, 1));
	debugger_vcpu.exit(d, 1, &own);
	ck_assert_int_eq(send(gdb, "\x03", 1, 0), 1);
	hear(env.loop, gdb, "$T02thread:");
	ck_assert_int_eq(send(gdb, "+$vCont;s:2#24", 14, 0), 14);
	hear(env.loop, gdb, "+");
	debugger_vcpu.exit(d, 0, &own);
	ck_assert(!answers(env.loop, gdb, 1));
	ck_assert(!debugger_vcpu.may_run(d, 0) && debugger_vcpu.may_run(d, 1));
	debugger_vcpu.exit(d, 1, &own);
	hear(env.loop, gdb, "$T05thread:2;#");
	close(gdb);
	debugger_destroy(d);
	loop_destroy(env.loop);
	vcpu_gate_fini(&gate);
	mem_destroy(env.mem);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

SUITE_MAIN("lkvm/run/debugger", no_descriptor, what_was_met_before)
