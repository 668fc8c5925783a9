/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A KVM that shows a guest the configuration spaces of PCI functions, and what is read there. */
#ifndef FAKE_PCI_SHOWN_H
#define FAKE_PCI_SHOWN_H

#include <string.h>

#include "lkvm/vm/pci.h"

#define FAKE_ECAM_SLOT (8 * PCI_PAGE_SIZE)

struct fake_shown {
	u64 ecam;
	const u8 *page[PCI_SLOTS];
	unsigned changes;
	int err; /* it refuses */
};

static inline int fake_show(void *arg, unsigned n, gpa_t at, void *page)
{
	struct fake_shown *s = arg;

	assert(at.a == s->ecam + n * FAKE_ECAM_SLOT);
	s->changes++;
	if (!s->err)
		s->page[n] = page;
	return s->err;
}

/* A read of `len` bytes at `a` brings `val` without an exit, or is an exit: false otherwise. */
static inline bool fake_shown_same(const struct fake_shown *s, u64 a, unsigned len, u64 val)
{
	u64 off = a - s->ecam, seen = 0;

	if (off >= PCI_SLOTS * FAKE_ECAM_SLOT || off % FAKE_ECAM_SLOT >= PCI_PAGE_SIZE ||
	    !s->page[off / FAKE_ECAM_SLOT])
		return true;
	memcpy(&seen, s->page[off / FAKE_ECAM_SLOT] + off % FAKE_ECAM_SLOT, len);
	return seen == val;
}

#endif
