/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Base address registers of PCI functions: where each of them answers.
 *
 * Thread: vCPU threads under the function's lock; main before and after.
 * Trust:  every address comes from the guest.
 * Spec:   PCI Local Bus 3.0 §6.2.5
 *
 * Where a BAR answers. A guest that lays out BARs anew writes one after the other with decoding on,
 * so a BAR may lie on another one for a moment. Each BAR therefore has a place where it wants to be
 * and one where it is: when two want the same bytes the first keeps them, and whenever a BAR leaves
 * its place, those that wait for one try again. All of that is under map_lock, because the BAR that
 * gets its turn may belong to another function than the one that is being written.
 */
#include "lkvm/vm/pci_inside.h"

#include <errno.h>

#define TYPE_BITS 15u /* of a BAR's first word [PCI 3.0 §6.2.5.1] */

static void bar_unmap(struct pci_func *f, unsigned i)
{
	struct pci_bar *b = &f->bars[i];
	gpa_t at = gpa(b->mapped);

	if (!b->mapped)
		return;
	b->mapped = 0;
	if (f->ops->bar_mapped)
		f->ops->bar_mapped(f->dev, i, at, false);
	bus_remove(f->pci->bus, at, f->dev);
}

/* -EEXIST: another BAR is there. */
static int bar_try_map(struct pci_func *f, unsigned i)
{
	struct pci_bar *b = &f->bars[i];
	struct bus_range r = { .base = gpa(b->want),
			       .len = b->size,
			       .widths = b->widths,
			       .ops = b->ops,
			       .dev = f->dev,
			       .lock = f->lock,
			       .name = f->name };
	int err = bus_add(f->pci->bus, &r);

	if (err)
		return err;
	b->mapped = b->want;
	if (f->ops->bar_mapped)
		f->ops->bar_mapped(f->dev, i, r.base, true);
	return 0;
}

/* Some BAR left its place: those that wait try again, in the order of slots. */
static void bars_retry(struct pci *p)
{
	for (unsigned s = 0; s < PCI_SLOTS; s++) {
		struct pci_func *f = p->slots[s];

		for (unsigned i = 0; f && i < PCI_BARS; i++)
			if (f->bars[i].want && !f->bars[i].mapped)
				bar_try_map(f, i);
	}
}

static bool in_window(u64 addr, u64 len, gpa_t base, u64 size)
{
	return addr >= base.a && range_within(addr - base.a, len, size);
}

static u64 bar_wanted(const struct pci_func *f, unsigned i)
{
	const struct pci_map *map = &f->pci->map;
	const struct pci_bar *b = &f->bars[i];
	u64 addr = get32(&f->cfg[CFG_BAR + 4 * i]) & ~TYPE_BITS;

	if (!b->size || !(get16(&f->cfg[CFG_COMMAND]) & COMMAND_MEMORY))
		return 0;
	if (b->type & PCI_BAR_64)
		addr |= (u64)get32(&f->cfg[CFG_BAR + 4 * i + 4]) << 32;
	/*
	 * What the bridge does not forward arrives nowhere; all ones while sizing is such a place.
	 */
	if (!in_window(addr, b->size, map->mem, map->mem_size) &&
	    !in_window(addr, b->size, map->mem64, map->mem64_size))
		return 0;
	return addr;
}

int pci_bars_update(struct pci_func *f)
{
	bool freed = false;
	int err = 0;

	pthread_mutex_lock(&f->pci->map_lock);
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct pci_bar *b = &f->bars[i];
		u64 want = bar_wanted(f, i);

		if (want == b->want)
			continue;
		freed |= b->mapped != 0;
		bar_unmap(f, i);
		b->want = want;
		if (want && bar_try_map(f, i))
			err = -EEXIST;
	}
	if (freed)
		bars_retry(f->pci);
	pthread_mutex_unlock(&f->pci->map_lock);
	return err;
}

void pci_bar_add(struct pci_func *f, unsigned bar, u64 size, u32 type, unsigned widths,
		 const struct bus_ops *ops)
{
	bool wide = type & PCI_BAR_64;

	assert(bar + wide < PCI_BARS && !f->bars[bar].size && !f->bars[bar + wide].size);
	assert(is_power_of_2(size) && size > TYPE_BITS && (wide || size < BIT(32)));
	f->bars[bar] = (struct pci_bar){ .size = size, .type = type, .widths = widths, .ops = ops };
	/* [PCI 3.0 §6.2.5.1] Memory; the size is what cannot be set. */
	put32(&f->cfg[CFG_BAR + 4 * bar], type);
	put32(&f->wmask[CFG_BAR + 4 * bar], ~(u32)(size - 1));
	if (wide)
		put32(&f->wmask[CFG_BAR + 4 * bar + 4], (u32)(~(size - 1) >> 32));
}

/* The next place in a window for `len` bytes, which is their alignment, too. */
static int take_place(u64 *next, u64 len, gpa_t base, u64 window, u64 *at)
{
	*at = align_up(*next, MAX(len, SLOT_WINDOW));
	if (*at < *next || !in_window(*at, len, base, window))
		return -ENOSPC;
	*next = *at + len;
	return 0;
}

static int place_roomy(struct pci_func *f, unsigned i)
{
	struct pci *p = f->pci;
	struct pci_bar *b = &f->bars[i];
	bool wide = b->type & PCI_BAR_64 && p->map.mem64_size;
	u64 at;
	int err = wide ? take_place(&p->next64, b->size, p->map.mem64, p->map.mem64_size, &at)
		       : take_place(&p->next, b->size, p->map.mem, p->map.mem_size, &at);

	if (err)
		return err;
	put32(&f->cfg[CFG_BAR + 4 * i], (u32)at | b->type);
	if (b->type & PCI_BAR_64)
		put32(&f->cfg[CFG_BAR + 4 * i + 4], (u32)(at >> 32));
	return 0;
}

/* One after the other from the start of the slot's share of the window, unless they are roomy. */
int pci_bars_place(struct pci_func *f)
{
	u32 base = (u32)f->pci->map.mem.a + f->slot * SLOT_WINDOW;
	u64 off = 0;
	int err = 0;

	for (unsigned i = 0; i < PCI_BARS && !err; i++) {
		u64 size = f->bars[i].size;

		if (!size)
			continue;
		if (f->roomy) {
			err = place_roomy(f, i);
			continue;
		}
		off = align_up(off, size);
		assert(range_within(off, size, SLOT_WINDOW) && !f->bars[i].type);
		put32(&f->cfg[CFG_BAR + 4 * i], base + (u32)off);
		off += size;
	}
	return err;
}

enum bus_result pci_bar_access(struct pci_func *f, unsigned bar, u64 off, unsigned len,
			       bool is_write, u64 *val)
{
	const struct pci_bar *b = bar < PCI_BARS ? &f->bars[bar] : NULL;

	if (!b || !range_within(off, len, b->size))
		return BUS_UNMAPPED;
	if (!is_power_of_2(len) || !(b->widths & len) || !is_aligned(off, len))
		return BUS_BAD;
	if (is_write)
		b->ops->write(f->dev, off, len, *val);
	else
		*val = b->ops->read(f->dev, off, len);
	return BUS_OK;
}
