/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that the guest has mapped as a device's. On CPUs without FEAT_S2FWB such a mapping goes
 * past the caches, so what is changed has to be cleaned to memory. KVM does that itself when it
 * maps a page.
 */
#ifndef LKVM_CACHE_H
#define LKVM_CACHE_H

#include "lkvm/base/util.h"

#define CACHE_LINE 64u /* or more: of all CPUs that have KVM */

/* What was written to p[0..len) is in memory. `p` is aligned to CACHE_LINE. Any thread. */
static inline void cache_clean(const void *p, size_t len)
{
#ifdef __aarch64__
	for (size_t i = 0; i < len; i += CACHE_LINE)
		__asm__ volatile("dc cvac, %0" : : "r"((const u8 *)p + i) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
#endif
}

#endif
