/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of system calls as a program for seccomp(2). Pure: makes no system call.
 */
#ifndef LKVM_FILTER_H
#define LKVM_FILTER_H

#include <linux/filter.h>

#include "lkvm/base/calls.h"

#define FILTER_MAX_ROOMS 32u
#define FILTER_MAX_CALLS 160u /* distinct rules */
#define FILTER_MAX_NR 512u    /* of a call */
#define FILTER_MAX_LEN 1024u  /* instructions; the kernel takes 4096 */

struct filter {
	unsigned nr_rooms;
	const struct calls *rooms[FILTER_MAX_ROOMS];

	unsigned nr_calls, nr_names; /* after filter_compile(): distinct rules, calls allowed */
	struct sys_call calls[FILTER_MAX_CALLS];
	/* By number: is there a rule without a condition; its rules, as 1 + index, 0: no more. */
	bool plain[FILTER_MAX_NR];
	u8 first[FILTER_MAX_NR], next[FILTER_MAX_CALLS];
	unsigned len;
	struct sock_filter program[FILTER_MAX_LEN];
};

/* Add a room's table; once, however often it is given. NULL: the room makes no call of its own. */
void filter_add(struct filter *f, const struct calls *c);

/*
 * Make f->program, which allows what the tables allow and answers everything else with
 * SECCOMP_RET_TRAP; a call by another instruction set's numbers ends the process.
 */
void filter_compile(struct filter *f);

/* A room's table for people: "vcpu: ioctl:0xae80 futex (tgkill)", the rare ones in brackets. */
void calls_print(const struct calls *c, char *buf, size_t size);

#endif
