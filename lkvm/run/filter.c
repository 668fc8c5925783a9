/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The compiler from tables of system calls to the kernel's classic BPF.
 *
 * Thread: main.
 * Trust:  the tables are ours.
 * Spec:   Linux Documentation/userspace-api/seccomp_filter.rst
 *
 * The program is a list: one comparison for each number, and behind it the conditions, if it has
 * any. Calls with conditions come first, in the order of the tables: the kernel remembers the
 * answer for the others, as it depends on nothing but the number (since Linux 5.11), and never runs
 * the program for them.
 *
 * libseccomp would do the same for 0.7 million instructions each start, more than all the rest of
 * it; tests/unit/lkvm/run/filter_test.c compares this compiler with it.
 */
#include "lkvm/run/filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/run/violation.h"

#if defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#elif defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#else
#error "seccomp's name of this instruction set is missing here"
#endif

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "lower half of an argument comes first");

void filter_add(struct filter *f, const struct calls *c)
{
	for (unsigned i = 0; i < f->nr_rooms; i++) {
		if (f->rooms[i] == c)
			return;
	}
	if (!c)
		return;
	assert(f->nr_rooms < FILTER_MAX_ROOMS);
	f->rooms[f->nr_rooms++] = c;
}

/* ---- rules ---- */

static bool same(const struct sys_call *a, const struct sys_call *b)
{
	return a->nr == b->nr && a->arg == b->arg && a->mask == b->mask && a->value == b->value;
}

/* In this order: a room that needs a call comes before one that has it refused. */
enum kind { CONDITIONAL, ANSWERED, PLAIN, REFUSED };

static enum kind kind_of(const struct sys_call *c)
{
	if (c->mask)
		return c->error ? ANSWERED : CONDITIONAL;
	return c->error ? REFUSED : PLAIN;
}

/* What is allowed without a condition needs none: true of numbers that some room has so. */
static void find_plain(struct filter *f)
{
	for (unsigned r = 0; r < f->nr_rooms; r++) {
		for (unsigned i = 0; i < f->rooms[r]->nr; i++) {
			const struct sys_call *c = &f->rooms[r]->list[i];

			assert(c->nr < FILTER_MAX_NR);
			f->plain[c->nr] |= kind_of(c) == PLAIN;
		}
	}
}

/* Is there nothing left to say about `c`, because of a rule that is there, or will be? */
static bool covered(const struct filter *f, const struct sys_call *c)
{
	if (!c->mask)
		return f->first[c->nr];
	for (unsigned i = f->first[c->nr]; i; i = f->next[i - 1]) {
		if (same(&f->calls[i - 1], c))
			return true;
	}
	return f->plain[c->nr];
}

static void add_rule(struct filter *f, const struct sys_call *c)
{
	u8 *link = &f->first[c->nr];

	assert(f->nr_calls < FILTER_MAX_CALLS);
	while (*link)
		link = &f->next[*link - 1];
	f->calls[f->nr_calls] = *c;
	f->next[f->nr_calls] = 0;
	*link = (u8)++f->nr_calls;
}

static void add_rules(struct filter *f, enum kind kind)
{
	for (unsigned r = 0; r < f->nr_rooms; r++) {
		for (unsigned i = 0; i < f->rooms[r]->nr; i++) {
			const struct sys_call *c = &f->rooms[r]->list[i];

			if (kind_of(c) == kind && !covered(f, c))
				add_rule(f, c);
		}
	}
}

/* ---- code ---- */

static struct sock_filter *emit(struct filter *f, u16 code, u32 k)
{
	struct sock_filter *s = &f->program[f->len++];

	assert(f->len <= FILTER_MAX_LEN);
	*s = (struct sock_filter){ .code = code, .k = k };
	return s;
}

static void load(struct filter *f, size_t offset)
{
	emit(f, BPF_LD | BPF_W | BPF_ABS, (u32)offset);
}

/* Skip what comes up to end_if() unless the loaded word is `k`. */
static struct sock_filter *begin_if(struct filter *f, u32 k)
{
	return emit(f, BPF_JMP | BPF_JEQ | BPF_K, k);
}

static void end_if(struct filter *f, struct sock_filter *s)
{
	long skipped = &f->program[f->len] - s - 1;

	assert(skipped <= UINT8_MAX);
	s->jf = (u8)skipped;
}

static void verdict(struct filter *f, u32 v)
{
	emit(f, BPF_RET | BPF_K, v);
}

static u32 verdict_of(const struct sys_call *c)
{
	return c->error ? SECCOMP_RET_ERRNO | c->error : SECCOMP_RET_ALLOW;
}

static void emit_condition(struct filter *f, const struct sys_call *c)
{
	struct sock_filter *s;

	load(f, offsetof(struct seccomp_data, args) + c->arg * sizeof(u64));
	if (c->mask != UINT32_MAX)
		emit(f, BPF_ALU | BPF_AND | BPF_K, c->mask);
	s = begin_if(f, c->value);
	verdict(f, verdict_of(c));
	end_if(f, s);
}

/* All rules for the number of rule `first`, the first of its number. */
static void emit_call(struct filter *f, unsigned first)
{
	struct sock_filter *s = begin_if(f, f->calls[first].nr);

	if (!f->calls[first].mask) {
		verdict(f, verdict_of(&f->calls[first]));
	} else {
		for (unsigned i = first + 1; i; i = f->next[i - 1])
			emit_condition(f, &f->calls[i - 1]);
		verdict(f, SECCOMP_RET_TRAP);
	}
	end_if(f, s);
}

void filter_compile(struct filter *f)
{
	struct sock_filter *s;

	f->nr_calls = f->nr_names = f->len = 0;
	memset(f->plain, 0, sizeof(f->plain));
	memset(f->first, 0, sizeof(f->first));
	find_plain(f);
	add_rules(f, CONDITIONAL);
	add_rules(f, ANSWERED);
	add_rules(f, PLAIN);
	add_rules(f, REFUSED);

	load(f, offsetof(struct seccomp_data, arch));
	s = begin_if(f, THIS_ARCH);
	s->jt = 1;
	verdict(f, SECCOMP_RET_KILL_PROCESS);
	load(f, offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < f->nr_calls; i++) {
		if (f->first[f->calls[i].nr] != i + 1)
			continue;
		f->nr_names += !f->calls[i].error;
		emit_call(f, i);
	}
	verdict(f, SECCOMP_RET_TRAP);
}

__attribute__((format(printf, 4, 5))) static size_t append(char *buf, size_t size, size_t at,
							   const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf + at, size - at, fmt, ap);
	va_end(ap);
	return MIN(at + (size_t)MAX(n, 0), size - 1);
}

void calls_print(const struct calls *c, char *buf, size_t size)
{
	size_t at = append(buf, size, 0, "%s:", c->room);

	for (unsigned i = 0; i < c->nr; i++) {
		const struct sys_call *call = &c->list[i];

		at = append(buf, size, at, " %s%s", call->rare ? "(" : "",
			    violation_name(call->nr));
		if (call->mask)
			at = append(buf, size, at, ":%#x", call->value);
		at = append(buf, size, at, "%s", call->rare ? ")" : "");
	}
}
