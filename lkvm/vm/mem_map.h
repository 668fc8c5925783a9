/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to mem.c: how one region of guest RAM is mapped. */
#ifndef LKVM_MEM_MAP_H
#define LKVM_MEM_MAP_H

#include "lkvm/vm/mem.h"

#define MEM_PAGE UINT64_C(4096) /* granule of sharing: the RMM's, whatever the host's page size */

typedef _Atomic u64 bitmap_word;

struct region {
	struct mem_region pub;
	u64 huge; /* page size of a hugetlbfs mapping, else 0: unmapped in whole pages of it */
	bool split, strict, huge_advice, shared_only, guarded;
	bitmap_word *shared; /* one bit a page, NULL: all of it is shared */
	/* Where there is `shared`: pins of each page, and of the region as a whole. */
	_Atomic u32 *pins;
	_Atomic u64 nr_pins;
};

/*
 * Map r->pub.base, size (the rest zero, fd -1) as mem_add_ram() says. On error call region_unmap().
 */
int region_map(struct region *r, u64 flags, const char *hugetlbfs);
void region_unmap(struct region *r);

/* Is it mapped in another way where pages are shared: does a border between them cost mappings? */
static inline bool region_has_borders(const struct region *r)
{
	return r->split || r->shared_only;
}

/*
 * Map pages that change sides as their new side is mapped; nothing to do where both are mapped
 * alike. 0, or -errno: the mappings are what they were, but the pages may have lost their content.
 */
int region_change(struct region *r, u64 off, u64 len, bool shared);

/*
 * Guarded memory: an empty page that nobody else has, instead of the one of the devices' view that
 * `at` points into; async-signal-safe. False: `at` is elsewhere, or there is no memory.
 */
bool region_hide(const struct region *r, const void *at);
/* Undo all of it. */
void region_unhide(const struct region *r);

#endif
