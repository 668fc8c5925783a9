/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI host bridge with ECAM: one bus, 32 devices, function 0 only. Functions have a type 0 header,
 * up to six 32-bit memory BARs, a list of capabilities and INTA#.
 *
 * Threads: pci_create() .. pci_bar_add() and the destructors before and after vCPUs run.
 * Configuration space is accessed by vCPU threads under the function's lock (taken by the bus).
 * pci_intx_update() on any thread.
 *
 * Locks: function's lock, then the bridge's map lock, then those of bus and irq. The INTx lock is
 * taken with or without the function's, and only irq's is taken under it. None but the function's
 * lock is ever held while waiting for a loop.
 */
#ifndef LKVM_PCI_H
#define LKVM_PCI_H

#include <stdatomic.h>

#include "lkvm/vm/bus.h"
#include "lkvm/vm/irq.h"

#define PCI_SLOTS 32u
#define PCI_BARS 6u
#define PCI_CFG_SIZE 256u /* conventional: the extended space reads 0 */
#define PCI_MAX_CAPS 8u

struct pci;

/* Where the board has the bridge. */
struct pci_map {
	gpa_t ecam; /* bus 0 is at its start; the part of other buses reads as ones */
	u64 ecam_size;
	gpa_t io; /* nothing lives there: reads as ones */
	u64 io_size;
	gpa_t mem; /* 32-bit, non-prefetchable; BARs answer only inside of it */
	u64 mem_size;
	u32 spi; /* INTA# of slot n is SPI `spi` + n */
};

/* What stands behind a capability. Under the function's lock. */
struct pci_cap_ops {
	/* Bytes [off, off + len) of the capability are about to be read. May be NULL. */
	void (*read)(void *arg, unsigned off, unsigned len);
	/* They were written (writable bits only) and are stored. */
	void (*written)(void *arg, unsigned off, unsigned len);
};

struct pci_ops {
	/*
	 * Should INTA# be asserted, apart from Interrupt Disable? Any thread, under the INTx lock:
	 * reads atomics only. Whoever changes the answer calls pci_intx_update() afterwards.
	 */
	bool (*intx)(void *dev);
	/*
	 * BAR `bar` begins (on) or ceases to answer at `at`. Any vCPU thread, maybe one that works
	 * on another function; calls are serialised by the map lock.
	 */
	void (*bar_mapped)(void *dev, unsigned bar, gpa_t at, bool on);
};

struct pci_id {
	u16 vendor, device, subsys_vendor, subsys;
	u32 class_code; /* 24 bits */
	u8 revision;
};

struct pci_bar {
	u32 size; /* 0: not implemented */
	unsigned widths;
	const struct bus_ops *ops;
	u32 want;   /* under the map lock: where it should answer; 0: nowhere */
	u32 mapped; /* under the map lock: where it does */
};

struct pci_cap {
	u8 off, len;
	const struct pci_cap_ops *ops; /* NULL: plain bytes */
	void *arg;
};

/* One function, embedded in its device. */
struct pci_func {
	const struct pci_ops *ops;
	void *dev; /* handed to ops and to the BARs' ops */
	const char *name;
	pthread_mutex_t *lock; /* the device's */
	struct irq *irq;

	struct pci *pci;
	unsigned slot;
	u32 spi;
	u8 cfg[PCI_CFG_SIZE];	/* what reads return, little-endian */
	u8 wmask[PCI_CFG_SIZE]; /* bits the guest can write */
	struct pci_bar bars[PCI_BARS];
	struct pci_cap caps[PCI_MAX_CAPS];
	unsigned nr_caps;

	pthread_mutex_t intx_lock;
	_Atomic bool intx_disable; /* Interrupt Disable of the command register; vCPU writes */
	_Atomic bool intx_status;  /* Interrupt Status; under intx_lock */
	bool intx_line;		   /* as last driven; under intx_lock */
};

int pci_create(struct pci **out, struct bus *bus, const struct pci_map *map);
/* All functions were removed. Takes NULL. */
void pci_destroy(struct pci *p);

/*
 * Make `f` (zeroed but for ops, dev, name, lock and irq, which are the caller's) an empty function
 * with these ids. Pair with pci_func_fini(), which tolerates a zeroed `f`.
 */
void pci_func_init(struct pci_func *f, const struct pci_id *id);
void pci_func_fini(struct pci_func *f);

/* BAR `bar` of `size` bytes (power of two, at least 4 KiB). Before pci_add(). */
void pci_bar_add(struct pci_func *f, unsigned bar, u32 size, unsigned widths,
		 const struct bus_ops *ops);

/*
 * Append a capability of `len` bytes (multiple of 4), the first two of which (id, next) are filled
 * in here; `wmask` NULL: nothing is writable. Returns its offset. Before pci_add().
 */
u8 pci_cap_add(struct pci_func *f, u8 id, const void *body, const void *wmask, u8 len,
	       const struct pci_cap_ops *ops, void *arg);

/*
 * Plug `f` in: BARs at addresses fixed by the slot, memory decoding and bus mastering on, as
 * firmware leaves it. -EINVAL (no such slot), -EBUSY (slot taken), -EEXIST.
 */
int pci_add(struct pci *p, struct pci_func *f, unsigned slot);
/* Nothing happens for one that is not plugged in. */
void pci_remove(struct pci_func *f);

/* Drive INTA# and Interrupt Status as ops->intx and the command register say now. Any thread. */
void pci_intx_update(struct pci_func *f);

/*
 * An access to BAR `bar` that does not come over the bus. With the function's lock. As
 * bus_access(); BUS_UNMAPPED when there is no such BAR or it is shorter.
 */
enum bus_result pci_bar_access(struct pci_func *f, unsigned bar, u64 off, unsigned len,
			       bool is_write, u64 *val);

#endif
