/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Races by design, for ThreadSanitizer: guests and devices write to the same memory, and whoever
 * reads there copies once, then checks.
 */
#ifndef TESTS_FAKE_RACES_H
#define TESTS_FAKE_RACES_H

#include "lkvm/vm/mem.h"

#ifdef __SANITIZE_THREAD__
void AnnotateBenignRaceSized(const char *file, int line, const volatile void *at, long size,
			     const char *what);
#endif

/* What happens at once in the guest's memory is nobody's mistake. */
static inline void races_in_guest_memory(const struct mem *m)
{
#ifdef __SANITIZE_THREAD__
	for (unsigned i = 0; i < mem_nr_regions(m); i++) {
		const struct mem_region *r = mem_region(m, i);

		AnnotateBenignRaceSized(__FILE__, __LINE__, r->host, (long)r->size, "guest");
		AnnotateBenignRaceSized(__FILE__, __LINE__, r->shared_view, (long)r->size, "guest");
	}
#endif
}

#endif
