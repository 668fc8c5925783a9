/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How one region of guest RAM is mapped. For mem.c, mem_users.c and mem_guard.c only. A region
 * belongs to its `struct mem`; which lock or order guards it is said at each call.
 */
#ifndef LKVM_MEM_MAP_H
#define LKVM_MEM_MAP_H

#include "lkvm/vm/mem.h"

#define MEM_PAGE UINT64_C(4096) /* granule of sharing: the RMM's, whatever the host's page size */

typedef _Atomic u64 bitmap_word;

struct region {
	struct mem_region pub;
	u64 huge; /* hugetlbfs: bytes of its pages, of which whole ones are mapped; else 0 */
	bool split, strict, huge_advice, shared_only, guarded, lent;
	bitmap_word *shared; /* one bit a page, converters write; NULL: all of it is shared */
	/*
	 * Where there is `shared`: pins of each page, and of the region as a whole. Whoever pins
	 * and unpins writes, on any thread.
	 */
	_Atomic u32 *pins;
	_Atomic u64 nr_pins;
};

/*
 * Map the region of which r->pub.base and size are set (fd -1, or a guest_memfd; the rest zero),
 * as the `flags` (MEM_*) and `hugetlbfs` of mem_add_ram() say. 0, or -errno, some of them after a
 * log_error() line; after an error too, region_unmap() releases what there is. Main thread, before
 * vCPUs run.
 */
int region_map(struct region *r, u64 flags, const char *hugetlbfs);

/* Unmap all of it. Nobody uses it any more, and there are no pins. Main thread. */
void region_unmap(struct region *r);

/*
 * Are shared pages mapped in another way than protected ones, so that each border costs a mapping?
 */
static inline bool region_has_borders(const struct region *r)
{
	return r->split || r->shared_only;
}

/*
 * Pages [off, off + len) of the region (multiples of MEM_PAGE) change sides: map them as their new
 * side is mapped, if that is another way. They are empty then. 0, or -errno: the mappings are what
 * they were, but the pages may have lost their content. A vCPU thread, under mem.lock, after
 * users_pass().
 */
int region_change(struct region *r, u64 off, u64 len, bool shared);

/*
 * Drop the whole pages of the host in [off, off + len) of a region whose pages do not change sides.
 * 0 or -errno of the host. Any thread.
 */
int region_discard(const struct region *r, u64 off, u64 len);

/*
 * Guarded memory: put an empty page that nobody else has in the place of the page of the devices'
 * view that `at` points into; `whole`: in the place of all of them, which takes one mapping however
 * many were hidden before. False: `at` points elsewhere, or there is no memory. Any thread,
 * async-signal-safe.
 */
bool region_hide(const struct region *r, const void *at, bool whole);

/* Show all pages again that region_hide() has hidden. What fails stays hidden. Any thread. */
void region_unhide(const struct region *r);

#endif
