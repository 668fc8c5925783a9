/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory as a whole; who uses it now, and which pages are in flight. For mem.c and mem_users.c
 * only.
 */
#ifndef LKVM_MEM_USERS_H
#define LKVM_MEM_USERS_H

#include <pthread.h>

#include "lkvm/vm/mem_map.h"

struct mem_users {
	struct mem_user *first; /* under mem.lock */
	_Atomic u64 generation; /* the converter writes, under mem.lock */
	_Atomic u32 waiters;	/* who wants to hear about holds that end, */
	_Atomic u32 nappers;	/* and about pins */
	pthread_mutex_t lock;	/* a leaf, held over nothing but the sleep */
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
	const struct mem_follower *follower; /* NULL: none. Set before vCPUs run */
	void *follower_arg;
};

/* The region that [a, a + len), without alias bit, is in; or NULL. */
struct region *mem_region_at(struct mem *m, u64 a, u64 len);

/*
 * The region of the pointer `host`, which a look-up in `m` has given; *off: how far into the region
 * it points. Any thread.
 */
struct region *mem_region_behind(struct mem *m, const void *host, u64 *off);

/* Main thread, before there are users and after the last has gone. */
void users_init(struct mem_users *us);
void users_fini(struct mem_users *us);

/*
 * Raise the generation, and wait until every hold has ended that began before; holds that begin
 * meanwhile are not waited for. A vCPU thread, under mem.lock.
 */
void users_pass(struct mem_users *us);

/*
 * Is there a pin on a page of [off, off + len) of the region? Under mem.lock, after users_pass():
 * then look-ups refuse the pages already, so that no new pin comes.
 */
bool pins_any(const struct region *r, u64 off, u64 len);

#endif
