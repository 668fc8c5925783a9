/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI host bridge with ECAM: one bus, 32 devices, function 0 only. Functions have a type 0 header,
 * up to six memory BARs, a list of capabilities and, if they want, INTA# [PCI 3.0 §6, PCIe §7.2.2].
 *
 * Threads: pci_intx_update() on any thread; pci_bar_access() on a vCPU thread. All other calls are
 * main's, before vCPUs run or after. Configuration space is accessed by vCPU threads under the
 * function's lock, which the bus takes.
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
#define PCI_PAGE_SIZE 0x1000u /* of a function, in ECAM */
#define PCI_CFG_SIZE 256u     /* conventional: the extended space reads 0 */
#define PCI_MAX_CAPS 8u

struct pci;

/* Where the board has the bridge. */
struct pci_map {
	gpa_t ecam; /* bus 0 is at its start; the part of other buses reads as ones */
	u64 ecam_size;
	gpa_t io;    /* nothing lives there: reads as ones */
	u64 io_size; /* 0: the board has no such window */
	gpa_t mem;   /* 32-bit, non-prefetchable; BARs answer only inside of it */
	u64 mem_size;
	gpa_t mem64;	/* another window above 4 GiB for 64-bit BARs */
	u64 mem64_size; /* 0: the board has no such window */
	u32 spi;	/* INTA# of slot n is SPI `spi` + n */
	/*
	 * From now on the guest reads the 4 KiB of `page` at `at`, the configuration space of slot
	 * n, without an exit, and its writes come over the bus; NULL: its reads do, too. The page
	 * stays until the function is finished, when no vCPU runs any more. 0, or -errno: nothing
	 * has changed. Main in pci_show(), or a vCPU thread under the function's lock. NULL: all
	 * reads are exits.
	 */
	int (*show)(void *arg, unsigned n, gpa_t at, void *page);
	void *show_arg;
};

/* What stands behind a capability. Under the function's lock. */
struct pci_cap_ops {
	/* Bytes [off, off + len) of the capability are about to be read. May be NULL. */
	void (*read)(void *arg, unsigned off, unsigned len);
	bool read_needs_write; /* nothing comes of a read before the guest writes to it */
	/* They were written (writable bits only) and are stored. */
	void (*written)(void *arg, unsigned off, unsigned len);
};

struct pci_ops {
	/*
	 * Should INTA# be asserted, apart from Interrupt Disable? Any thread, under the INTx lock:
	 * reads atomics only. Whoever changes the answer calls pci_intx_update() afterwards. NULL:
	 * the function has no INTA#.
	 */
	bool (*intx)(void *dev);
	/*
	 * BAR `bar` begins (`on`) or ceases to answer at `at`. Any vCPU thread, maybe one that
	 * works on another function, so without this function's lock; or main, in pci_add() and
	 * pci_remove(). Under the map lock, one call at a time. May be NULL.
	 */
	void (*bar_mapped)(void *dev, unsigned bar, gpa_t at, bool on);
	/* The command register was written, and is this now. May be NULL. Under the lock. */
	void (*command)(void *dev, u16 command);
};

/* [PCI 3.0 §6.2.1] */
struct pci_id {
	u16 vendor, device, subsys_vendor, subsys;
	u32 class_code; /* 24 bits */
	u8 revision;
};

/* Bits of a BAR's type [PCI 3.0 §6.2.5.1]. */
#define PCI_BAR_64 4u /* takes the next BAR's register, too */
#define PCI_BAR_PREFETCH 8u

struct pci_bar {
	u64 size;	 /* bytes; 0: not implemented */
	u32 type;	 /* PCI_BAR_*, or-ed */
	unsigned widths; /* BUS_W*: of accesses */
	const struct bus_ops *ops;
	u64 want;   /* under the map lock: where it should answer; 0: nowhere */
	u64 mapped; /* under the map lock: where it does */
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
	/*
	 * BARs of any size, which get places behind those of other functions; bus mastering is the
	 * guest's to switch on.
	 */
	bool roomy;

	bool ready; /* pci_func_init() was called */
	struct pci *pci;
	unsigned slot;
	u32 spi;
	u8 cfg[PCI_CFG_SIZE];	/* what reads return, little-endian */
	u8 wmask[PCI_CFG_SIZE]; /* bits the guest can write */
	u8 *page;		/* cfg[] as the guest reads it without an exit; NULL: it does not */
	bool shown;		/* now */
	struct pci_bar bars[PCI_BARS];
	struct pci_cap caps[PCI_MAX_CAPS];
	unsigned nr_caps;

	pthread_mutex_t intx_lock;
	_Atomic bool intx_disable; /* Interrupt Disable of the command register; vCPU writes */
	_Atomic bool intx_status;  /* Interrupt Status; under intx_lock */
	bool intx_line;		   /* as last driven; under intx_lock */
};

/*
 * A bridge without functions, whose ranges of `map` are on the bus. `map` is copied; `bus` has to
 * outlive the bridge. 0, -EINVAL (the board's map has no room for it), -ENOMEM, or -errno of
 * bus_add().
 */
int pci_create(struct pci **out, struct bus *bus, const struct pci_map *map);

/* Take the bridge off the bus. All functions have been removed. Takes NULL. */
void pci_destroy(struct pci *p);

/*
 * Make `f` a function with these ids, without BARs and capabilities. `f` is zeroed but for ops,
 * dev, name, lock, irq and roomy, which are the caller's and outlive `f`.
 */
void pci_func_init(struct pci_func *f, const struct pci_id *id);

/* pci_remove(), and release what pci_func_init() made. A zeroed `f` is fine. */
void pci_func_fini(struct pci_func *f);

/*
 * Give `f` BAR `bar`, of `size` bytes (a power of two, 16 at least) and `type` (PCI_BAR_*), for
 * accesses of the `widths` (BUS_W*). `ops` get f->dev. Before pci_add(), once for each BAR. BARs of
 * a function that is not roomy have type 0 and share 64 KiB.
 */
void pci_bar_add(struct pci_func *f, unsigned bar, u64 size, u32 type, unsigned widths,
		 const struct bus_ops *ops);

/*
 * Append a capability of `len` bytes (a multiple of 4), a copy of `body` but for the first two
 * bytes (id, next), which are filled in here. The guest can write the bits of `wmask`, of `len`
 * bytes too; NULL: none. `ops` (NULL: plain bytes) get `arg`. Returns the offset in configuration
 * space. There is room for it: PCI_MAX_CAPS, PCI_CFG_SIZE. Before pci_add().
 */
u8 pci_cap_add(struct pci_func *f, u8 id, const void *body, const void *wmask, u8 len,
	       const struct pci_cap_ops *ops, void *arg);

/*
 * Plug `f` in: its BARs answer at addresses that the slot determines, memory decoding and bus
 * mastering are on, as firmware leaves them. `f` stays the caller's until pci_remove(). 0; -EINVAL:
 * no such slot; -EBUSY: the slot is taken; -EEXIST: something else is where a BAR should be;
 * -ENOSPC: a window has no room for a BAR. After
 * an error `f` is not plugged in.
 */
int pci_add(struct pci *p, struct pci_func *f, unsigned slot);

/*
 * The guest reads the configuration spaces of the functions that are there without exits from here
 * on, where pci_map.show allows it and a read has no effect. Main, before a vCPU runs.
 */
void pci_show(struct pci *p);

/* Unplug `f`: it answers nowhere, and INTA# is off. Nothing happens if it is not plugged in. */
void pci_remove(struct pci_func *f);

/*
 * Drive INTA# and Interrupt Status as ops->intx() and the command register say now. Any thread,
 * with or without the function's lock.
 */
void pci_intx_update(struct pci_func *f);

/*
 * Access BAR `bar` for a guest that does not do it over the bus (VIRTIO_PCI_CAP_PCI_CFG): as
 * bus_access() does, on a vCPU thread, with the function's lock. BUS_UNMAPPED: there is no such
 * BAR, or not all of [off, off + len) is in it.
 */
enum bus_result pci_bar_access(struct pci_func *f, unsigned bar, u64 off, unsigned len,
			       bool is_write, u64 *val);

#endif
