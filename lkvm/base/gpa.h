/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest physical address is its own type, so that the compiler refuses to mix it up with a
 * length, an offset or a host pointer. Only lkvm/vm/mem.c turns one into a pointer. A gpa never
 * travels without a length.
 */
#ifndef LKVM_GPA_H
#define LKVM_GPA_H

#include "lkvm/base/util.h"

typedef struct {
	u64 a;
} gpa_t;

/* The address `a`, which need not be one of RAM. */
static inline gpa_t gpa(u64 a)
{
	return (gpa_t){ a };
}

/* `off` bytes behind `g`. The caller has checked that both lie in one range: the sum may wrap. */
static inline gpa_t gpa_add(gpa_t g, u64 off)
{
	return (gpa_t){ g.a + off };
}

#endif
