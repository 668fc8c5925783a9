/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host bridge as its files see it: for pci.c, pci_bars.c and pci_page.c only. */
#ifndef LKVM_PCI_INSIDE_H
#define LKVM_PCI_INSIDE_H

#include "lkvm/vm/pci.h"

/* [PCI 3.0 §6.1] type 0 header */
#define CFG_VENDOR 0x00
#define CFG_DEVICE 0x02
#define CFG_COMMAND 0x04
#define CFG_STATUS 0x06
#define CFG_REVISION 0x08
#define CFG_CLASS 0x09
#define CFG_CACHE_LINE 0x0c
#define CFG_BAR 0x10
#define CFG_SUBSYS_VENDOR 0x2c
#define CFG_SUBSYS 0x2e
#define CFG_CAP_PTR 0x34
#define CFG_INT_LINE 0x3c
#define CFG_INT_PIN 0x3d
#define CFG_HEADER_END 0x40

/* [PCI 3.0 §6.2.2] */
#define COMMAND_MEMORY 0x0002u

/* [PCI 3.0 §6.2.3] */
#define STATUS_INTX 0x0008u
#define STATUS_CAP_LIST 0x0010u

/* ECAM: bus 8 bits, device 5, function 3, register 12. */
#define ECAM_SLOT_SIZE (8 * PCI_PAGE_SIZE)
#define ECAM_BUS_SIZE (PCI_SLOTS * ECAM_SLOT_SIZE)

/* Of the memory window, for the BARs of one slot as we place them. */
#define SLOT_WINDOW 0x10000u

struct pci {
	struct bus *bus;
	struct pci_map map;
	pthread_mutex_t map_lock; /* want and mapped of all BARs */
	struct pci_func *slots[PCI_SLOTS];
	u64 next, next64; /* in either window: behind what roomy functions have so far */
};

static inline void put16(u8 *at, u16 v)
{
	at[0] = (u8)v;
	at[1] = (u8)(v >> 8);
}

static inline void put32(u8 *at, u32 v)
{
	put16(at, (u16)v);
	put16(at + 2, (u16)(v >> 16));
}

static inline u16 get16(const u8 *at)
{
	return (u16)(at[0] | at[1] << 8);
}

static inline u32 get32(const u8 *at)
{
	return get16(at) | (u32)get16(at + 2) << 16;
}

static inline gpa_t pci_ecam(const struct pci *p, unsigned slot)
{
	return gpa_add(p->map.ecam, slot * ECAM_SLOT_SIZE);
}

/* [PCI 3.0 §6.2.3] Interrupt Status shows the request whether or not INTx is disabled. */
static inline u16 pci_status(struct pci_func *f)
{
	return (u16)((f->nr_caps ? STATUS_CAP_LIST : 0) |
		     (atomic_load(&f->intx_status) ? STATUS_INTX : 0));
}

/* Reads are exits from here on; nothing happens if they were. */
void pci_page_hide(struct pci_func *f);

/* cfg[] has changed, or Interrupt Status has. Nothing happens without a page. */
void pci_page_update(struct pci_func *f);
void pci_page_status(struct pci_func *f);

/*
 * Where BARs are when the guest starts. 0; -ENOSPC: the windows have no room. Main, in pci_add().
 */
int pci_bars_place(struct pci_func *f);

/*
 * The command register or a BAR was written. -EEXIST when a BAR has to wait for its place. vCPU
 * threads, or main in pci_add() and pci_remove().
 */
int pci_bars_update(struct pci_func *f);

#endif
