/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space as memory that the guest reads without an exit. Two of three exits of a boot
 * with a network and a disk were such reads.
 *
 * Thread: main in pci_show(); vCPU threads under the function's lock; pci_page_status() on
 *         any, under the INTx lock.
 * Trust:  the guest reads the page and cannot write it.
 * Spec:   PCI Local Bus 3.0 chapter 6, PCI Express Base §7.2.2 (ECAM: a page is one function)
 *
 * The page has the bytes that cfg_read() returns. Interrupt Status, which changes on any thread, is
 * written by pci_page_status() alone. Where a read has an effect or its value changes by itself, it
 * has to be an exit: a function with such a capability has no page, or none any more as soon as the
 * guest writes to the capability.
 *
 * What is another access than of one, two or four aligned bytes differs, which no driver makes: an
 * exit gives ones.
 *
 * The guest's mapping of the page is one of device memory: see cache.h.
 */
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/cache.h"
#include "lkvm/base/log.h"
#include "lkvm/vm/pci_inside.h"

#define BEHIND_STATUS (CFG_STATUS + 2u)

static bool may_show(const struct pci_func *f)
{
	for (unsigned i = 0; i < f->nr_caps; i++) {
		const struct pci_cap_ops *ops = f->caps[i].ops;

		if (ops && ops->read && !ops->read_needs_write)
			return false;
	}
	return f->pci->map.show;
}

static void show(struct pci_func *f)
{
	const struct pci_map *map = &f->pci->map;
	u8 *page;

	if (f->page || !may_show(f))
		return;
	/* Private memory of its own page: a VM with memory tags takes no other. */
	page = aligned_alloc(PCI_PAGE_SIZE, PCI_PAGE_SIZE);
	if (!page)
		return;
	memset(page, 0, PCI_PAGE_SIZE);
	pthread_mutex_lock(&f->intx_lock);
	f->page = page;
	pci_page_status(f);
	pthread_mutex_unlock(&f->intx_lock);
	f->shown = true;
	pci_page_update(f);
	if (map->show(map->show_arg, f->slot, pci_ecam(f->pci, f->slot), page))
		f->shown = false;
}

void pci_show(struct pci *p)
{
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		if (p->slots[i])
			show(p->slots[i]);
}

void pci_page_hide(struct pci_func *f)
{
	const struct pci_map *map = &f->pci->map;
	int err;

	if (!f->shown)
		return;
	err = map->show(map->show_arg, f->slot, pci_ecam(f->pci, f->slot), NULL);
	if (err)
		log_errno(err, "%s: KVM keeps the configuration space", f->name);
	f->shown = false;
}

void pci_page_update(struct pci_func *f)
{
	if (!f->shown)
		return;
	memcpy(f->page, f->cfg, CFG_STATUS);
	memcpy(f->page + BEHIND_STATUS, f->cfg + BEHIND_STATUS, PCI_CFG_SIZE - BEHIND_STATUS);
	cache_clean(f->page, PCI_CFG_SIZE);
}

void pci_page_status(struct pci_func *f)
{
	if (!f->page)
		return;
	put16(f->page + CFG_STATUS, pci_status(f));
	cache_clean(f->page, CFG_STATUS + 2u);
}
