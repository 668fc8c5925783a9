/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to mem.c: the memory as a whole; who uses it now, and which pages are in flight. */
#ifndef LKVM_MEM_USERS_H
#define LKVM_MEM_USERS_H

#include <pthread.h>

#include "lkvm/vm/mem_map.h"

struct mem_users {
	struct mem_user *first; /* under mem.lock */
	_Atomic u64 generation;
	_Atomic u32 waiters;  /* who wants to hear about holds that end, */
	_Atomic u32 nappers;  /* and about pins */
	pthread_mutex_t lock; /* a leaf, held over nothing but the sleep */
	pthread_cond_t changed;
};

#define MEM_MAX_REGIONS 8u

struct mem {
	unsigned nr_regions;
	struct region regions[MEM_MAX_REGIONS];
	u64 alias;
	bool sealed;
	pthread_mutex_t lock; /* converters, one at a time; the list of users */
	s64 borders;	      /* of regions that have them [region_has_borders()]; under lock */
	struct mem_users users;
};

/* Where a look-up has found `host`, and how far into its region that is. */
struct region *mem_region_behind(struct mem *m, const void *host, u64 *off);

void users_init(struct mem_users *us);
void users_fini(struct mem_users *us);

/*
 * Raise the generation, and wait until every hold has ended that began before. Those that begin
 * meanwhile are not waited for. One caller at a time.
 */
void users_pass(struct mem_users *us);

/* Is there a pin on any of these pages? After users_pass(), there will not be more of them. */
bool pins_any(const struct region *r, u64 off, u64 len);

#endif
