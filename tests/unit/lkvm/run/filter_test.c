/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The compiler of filters, run by an interpreter of classic BPF, and compared with libseccomp's for
 * the same tables.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/console/terminal.h"
#include "lkvm/control/control.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/kvm/vcpu.h"
#include "lkvm/run/filter.h"
#include "lkvm/vm/loop.h"
#include "net/user/slirp.h"
#include "realm/realm.h"
#include "tests/unit/suite.h"

/* [Linux Documentation/networking/filter.rst], as far as the compilers use it. */
static u32 run(const struct sock_filter *p, unsigned len, const struct seccomp_data *d)
{
	u32 a = 0;

	for (unsigned pc = 0; pc < len; pc++) {
		const struct sock_filter *s = &p[pc];

		switch (s->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			ck_assert_uint_le(s->k, sizeof(*d) - sizeof(a));
			memcpy(&a, (const char *)d + s->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= s->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += s->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == s->k ? s->jt : s->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= s->k ? s->jt : s->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > s->k ? s->jt : s->jf;
			break;
		case BPF_RET | BPF_K:
			return s->k;
		default:
			ck_abort_msg("instruction %#x", s->code);
		}
	}
	ck_abort_msg("the program has no end");
	return 0;
}

static struct filter f;

static u32 ask(int nr, unsigned arg, u64 value)
{
	struct seccomp_data d = { .nr = nr, .arch = AUDIT_ARCH_X86_64 };

#ifdef __aarch64__
	d.arch = AUDIT_ARCH_AARCH64;
#endif
	d.args[arg] = value;
	return run(f.program, f.len, &d);
}

static const struct sys_call some[] = {
	CALL(read),	    CALL_IOCTL(0x1234),	    CALL_REFUSED(clone3),
	CALL_NO_EXEC(mmap), CALL_IOCTL(0xfedcba98), CALL(write),
};
static const struct calls one = CALLS("one", some);

START_TEST(what_is_listed_is_allowed_and_nothing_else)
{
	memset(&f, 0, sizeof(f));
	filter_add(&f, &one);
	filter_add(&f, NULL);
	filter_compile(&f);
	ck_assert_uint_eq(ask(__NR_read, 0, 3), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(ask(__NR_write, 0, 3), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(ask(__NR_ioctl, 1, 0x1234), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(ask(__NR_ioctl, 1, 0xfedcba98), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(ask(__NR_ioctl, 1, 0x1235), SECCOMP_RET_TRAP);
	ck_assert_uint_eq(ask(__NR_ioctl, 2, 0x1234), SECCOMP_RET_TRAP);
	ck_assert_uint_eq(ask(__NR_mmap, 2, PROT_READ | PROT_WRITE), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(ask(__NR_mmap, 2, PROT_READ | PROT_EXEC), SECCOMP_RET_TRAP);
	ck_assert_uint_eq(ask(__NR_execve, 0, 0), SECCOMP_RET_TRAP);
	ck_assert_uint_eq(ask(__NR_clone3, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
	ck_assert_uint_eq(f.nr_names, 4);
	ck_assert_uint_eq(f.nr_calls, 6);
}
END_TEST

/* Whichever room comes first; the condition of the one that allows it holds. */
START_TEST(what_one_room_needs_is_not_refused_by_another)
{
	static const struct sys_call none[] = { CALL_REFUSED(read), CALL_REFUSED(mmap),
						CALL_REFUSED(madvise) };
	static const struct calls refuses = CALLS("refuses", none);

	for (unsigned i = 0; i < 2; i++) {
		memset(&f, 0, sizeof(f));
		filter_add(&f, i ? &one : &refuses);
		filter_add(&f, i ? &refuses : &one);
		filter_compile(&f);
		ck_assert_uint_eq(ask(__NR_read, 0, 3), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(ask(__NR_mmap, 2, PROT_READ), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(ask(__NR_mmap, 2, PROT_EXEC), SECCOMP_RET_TRAP);
		ck_assert_uint_eq(ask(__NR_madvise, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
		ck_assert_uint_eq(f.nr_names, 4);
	}
}
END_TEST

/* What is answered under a condition says nothing about the others, nor against a room's need. */
START_TEST(an_answer_can_have_a_condition)
{
	static const struct sys_call answered[] = {
		CALL_IF_ANSWERED(socket, 0, UINT32_MAX, 1, EAFNOSUPPORT),
		CALL_IF(socket, 0, UINT32_MAX, 2),
		CALL_IF_ANSWERED(ioctl, 1, UINT32_MAX, 0x1234, ENOTTY),
	};
	static const struct calls answers = CALLS("answers", answered);

	for (unsigned i = 0; i < 2; i++) {
		memset(&f, 0, sizeof(f));
		filter_add(&f, i ? &one : &answers);
		filter_add(&f, i ? &answers : &one);
		filter_compile(&f);
		ck_assert_uint_eq(ask(__NR_socket, 0, 1), SECCOMP_RET_ERRNO | EAFNOSUPPORT);
		ck_assert_uint_eq(ask(__NR_socket, 0, 2), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(ask(__NR_socket, 0, 16), SECCOMP_RET_TRAP);
		ck_assert_uint_eq(ask(__NR_ioctl, 1, 0x1234), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(f.nr_names, 5);
	}
}
END_TEST

/* The kernel takes the lower half of an ioctl's number; C libraries may extend its sign. */
START_TEST(a_request_counts_by_its_lower_half)
{
	memset(&f, 0, sizeof(f));
	filter_add(&f, &one);
	filter_compile(&f);
	ck_assert_uint_eq(ask(__NR_ioctl, 1, UINT64_C(0xfffffffffedcba98)), SECCOMP_RET_ALLOW);
}
END_TEST

/* Numbers of 32-bit programs stand for other calls. */
START_TEST(another_instruction_set_is_the_end)
{
	struct seccomp_data d = { .nr = __NR_read, .arch = AUDIT_ARCH_ARM };

	memset(&f, 0, sizeof(f));
	filter_add(&f, &one);
	filter_compile(&f);
	ck_assert_uint_eq(run(f.program, f.len, &d), SECCOMP_RET_KILL_PROCESS);
}
END_TEST

START_TEST(rooms_add_up)
{
	static const struct sys_call all_ioctls[] = { CALL(ioctl), CALL(read) };
	static const struct sys_call other[] = { CALL_IOCTL(0x1234), CALL_IOCTL(0x77) };
	static const struct calls wide = CALLS("wide", all_ioctls), narrow = CALLS("narrow", other);

	memset(&f, 0, sizeof(f));
	filter_add(&f, &one);
	filter_add(&f, &narrow);
	filter_add(&f, &one);
	filter_compile(&f);
	ck_assert_uint_eq(f.nr_rooms, 2);
	ck_assert_uint_eq(f.nr_calls, 7);
	ck_assert_uint_eq(ask(__NR_ioctl, 1, 0x77), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(ask(__NR_ioctl, 1, 0x78), SECCOMP_RET_TRAP);

	/* What one room may do without a condition is not narrowed by another one's. */
	filter_add(&f, &wide);
	filter_compile(&f);
	ck_assert_uint_eq(ask(__NR_ioctl, 1, 0x78), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(f.nr_calls, 5);
}
END_TEST

/* ---- beside libseccomp ---- */

static unsigned oracle(struct sock_filter *p, unsigned max)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	char name[] = "/tmp/lkvm-filter-XXXXXX";
	int fd = mkstemp(name);
	ssize_t n;

	ck_assert_ptr_nonnull(ctx);
	seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	for (unsigned i = 0; i < f.nr_calls; i++) {
		const struct sys_call *c = &f.calls[i];
		struct scmp_arg_cmp cmp = { .arg = c->arg,
					    .op = SCMP_CMP_MASKED_EQ,
					    .datum_a = c->mask,
					    .datum_b = c->value };

		ck_assert_int_eq(seccomp_rule_add_array(
					 ctx, c->error ? SCMP_ACT_ERRNO(c->error) : SCMP_ACT_ALLOW,
					 c->nr, !!c->mask, &cmp),
				 0);
	}
	ck_assert_int_eq(seccomp_export_bpf(ctx, fd), 0);
	seccomp_release(ctx);
	n = pread(fd, p, max * sizeof(*p), 0);
	ck_assert_int_gt(n, 0);
	unlink(name);
	close(fd);
	return (unsigned)n / (unsigned)sizeof(*p);
}

START_TEST(the_same_as_libseccomp)
{
	static const struct calls *const rooms[] = {
		&vcpu_calls,	 &kvm_event_calls, &loop_calls, &control_calls,
		&terminal_calls, &slirp_calls,	   &one,
	};
	static struct sock_filter theirs[4096];
	unsigned len;

	memset(&f, 0, sizeof(f));
	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++)
		filter_add(&f, rooms[i]);
	filter_add(&f, realm_sim.calls);
	filter_add(&f, realm_rme.calls);
	filter_compile(&f);
	len = oracle(theirs, ARRAY_SIZE(theirs));
	ck_assert_uint_gt(len, 50);
	for (int nr = 0; nr < 600; nr++) {
		for (unsigned arg = 0; arg < 6; arg++) {
			for (unsigned k = 0; k < 4 * f.nr_calls; k++) {
				struct seccomp_data d = { .nr = nr, .arch = AUDIT_ARCH_X86_64 };
				u32 value = f.calls[k / 4].value + (k & 1);

#ifdef __aarch64__
				d.arch = AUDIT_ARCH_AARCH64;
#endif
				d.args[arg] = k & 2 ? value : value ^ f.calls[k / 4].mask;
				ck_assert_uint_eq(run(f.program, f.len, &d), run(theirs, len, &d));
			}
		}
	}
}
END_TEST

/* ---- for people ---- */

START_TEST(a_table_as_text)
{
	static const struct sys_call list[] = { CALL(read), CALL_IOCTL_RARE(0x5401, "why"),
						CALL_RARE(futex, "why") };
	static const struct calls room = CALLS("room", list);
	char buf[100];

	calls_print(&room, buf, sizeof(buf));
	ck_assert_str_eq(buf, "room: read (ioctl:0x5401) (futex)");
	calls_print(&room, buf, 12);
	ck_assert_str_eq(buf, "room: read ");
}
END_TEST

SUITE_MAIN("lkvm/run/filter", what_is_listed_is_allowed_and_nothing_else,
	   what_one_room_needs_is_not_refused_by_another, an_answer_can_have_a_condition,
	   a_request_counts_by_its_lower_half, another_instruction_set_is_the_end, rooms_add_up,
	   the_same_as_libseccomp, a_table_as_text)
