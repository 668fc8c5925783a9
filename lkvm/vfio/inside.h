/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An assigned device as its files see it: device.c, config.c, bars.c, intr.c, request.c only. */
#ifndef LKVM_VFIO_INSIDE_H
#define LKVM_VFIO_INSIDE_H

#include "lkvm/vfio/device.h"
#include "lkvm/vfio/uapi.h"
#include "lkvm/vm/msi.h"

#define VFIO_MAX_AREAS 4u     /* of one BAR, that are mapped */
#define VFIO_MAX_VECTORS 256u /* that are shown of more */
#define VFIO_MAX_MSI 32u      /* [PCI 3.0 §6.8.1.3] */

/* A part of a BAR that the guest reaches without us. */
struct vfio_area {
	u64 off, len; /* whole pages of the host */
	void *host;
	u32 slot;
	bool shown; /* under the bridge's map lock */
};

struct vfio_bar {
	u64 size; /* 0: none, or one for I/O ports */
	u64 file; /* offset in the device's file */
	unsigned nr_areas;
	struct vfio_area areas[VFIO_MAX_AREAS];
};

struct vfio_vector {
	struct msi_source source; /* the host's kernel writes */
	u32 words[MSIX_NR_WORDS];
};

/* Which interrupts the host's kernel sends: one kind at a time. */
enum vfio_mode { MODE_NONE, MODE_INTX, MODE_MSI, MODE_MSIX };

struct vfio_intr {
	enum vfio_mode mode;
	bool has_intx;
	int intx, resample; /* eventfds, or -1 */
	bool intx_bound;
	/* MSI and MSI-X share the vectors. */
	unsigned nr_fds; /* made */
	struct vfio_vector vectors[VFIO_MAX_VECTORS];
	u8 msi_cap, msix_cap; /* offsets in configuration space; 0: there is none */
	unsigned msi_max;     /* messages that the device can send */
	unsigned nr_msix;     /* vectors that the guest is shown */
	unsigned nr_entries;  /* of the device's own table */
	unsigned table_bar, pba_bar;
	u64 table, pba;	      /* offsets in their BARs */
	bool enabled, masked; /* MSI-X, as the guest has written it */
};

/* The host's wish to have the device back. */
struct vfio_request {
	int fd; /* an eventfd that the host's kernel writes; -1: there is none */
	struct loop_fd *reg;
	unsigned nr; /* signals so far */
};

struct vfio_device {
	const struct vfio_conf *conf;
	struct vfio_env env;
	char name[VFIO_ADDR_SIZE + 8]; /* for messages */
	int fd;
	bool can_reset;
	u64 config;	      /* offset of the configuration space in the device's file */
	u8 raw[PCI_CFG_SIZE]; /* as it was when the device was opened */
	pthread_mutex_t lock;
	struct pci_func func;
	u8 express; /* offset of the capability as the guest has it, or 0 */
	struct vfio_bar bars[PCI_BARS];
	struct vfio_intr intr;
	struct vfio_request request;
};

/* A struct of capabilities that a list in `raw` leads to: its offset, or 0. */
u8 vfio_raw_cap(const struct vfio_device *v, u8 id);

static inline u32 vfio_le(const u8 *at, unsigned len)
{
	u32 val = 0;

	for (unsigned i = 0; i < len; i++)
		val |= (u32)at[i] << (8 * i);
	return val;
}

/* ---- config.c: main thread, between the device's opening and pci_add() ---- */

/* Read the device's configuration space. 0 or -errno. */
int vfio_config_read(struct vfio_device *v);

/* Make v->func, with the ids and the capabilities that are shown. */
void vfio_config_init(struct vfio_device *v);

/*
 * The command register of the device itself: memory decoding stays on, as the kernel kills who
 * touches a mapped BAR without; bus mastering and INTx as in `command`. Under the lock.
 */
void vfio_config_command(void *dev, u16 command);

/* VFIO_DEVICE_RESET, if the device can. Under the lock, or when no vCPU runs. */
void vfio_config_reset(struct vfio_device *v);

/* ---- bars.c ---- */

/* Find, map and add the BARs. After vfio_intr_init(). 0 or -errno. Main thread. */
int vfio_bars_init(struct vfio_device *v);
void vfio_bars_fini(struct vfio_device *v);

/* pci_ops.bar_mapped */
void vfio_bars_mapped(void *dev, unsigned bar, gpa_t at, bool on);

/* ---- intr.c ---- */

/* Add the capabilities of interrupts, and what stands behind them. 0 or -errno. Main thread. */
int vfio_intr_init(struct vfio_device *v);

/* Interrupts as the registers say. Under the lock, or on main before and after. */
void vfio_intr_update(struct vfio_device *v);

/* None any more. No vCPU runs. */
void vfio_intr_off(struct vfio_device *v);
void vfio_intr_fini(struct vfio_device *v);

/* The host's kernel writes `fd` for the only interrupt of this kind, or reads it. 0 or -errno. */
int vfio_irq_to(struct vfio_device *v, enum vfio_irq_index index, u32 action, int fd);

/* ---- request.c ---- */

/*
 * Tell the user when the host wants the device back, if the host can say so. 0 or -errno. Main
 * thread, before the loop runs.
 */
int vfio_request_init(struct vfio_device *v);
/* The loop does not run. */
void vfio_request_fini(struct vfio_device *v);

static inline u64 vfio_table_end(const struct vfio_intr *n)
{
	return n->table + n->nr_entries * MSIX_ENTRY_SIZE;
}

static inline u64 vfio_pba_end(const struct vfio_intr *n)
{
	return n->pba + (n->nr_entries + 63) / 64 * 8;
}

/*
 * Is [off, off + len) of the BAR in the device's table or among its pending bits, which are ours?
 * Then vfio_intr_read() and vfio_intr_write() are for it; what is there of vectors that are not
 * shown reads as zero and keeps nothing. Under the lock.
 */
bool vfio_intr_owns(const struct vfio_device *v, unsigned bar, u64 off, unsigned len);
u64 vfio_intr_read(struct vfio_device *v, unsigned bar, u64 off, unsigned len);
void vfio_intr_write(struct vfio_device *v, unsigned bar, u64 off, unsigned len, u64 val);

#endif
