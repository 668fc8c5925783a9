/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The common configuration structure of virtio-pci [virtio 1.3 §4.1.4.3]: part of pci.c, without
 * PCI.
 *
 * Threads: registers on vCPU threads under d->lock; the vectors are read by whoever interrupts.
 */
#ifndef VIRTIO_PCI_COMMON_H
#define VIRTIO_PCI_COMMON_H

#include "virtio/core/device.h"

/* With the registers of the administration queue, which read 0: there is none. */
#define PCI_COMMON_LEN 0x40u

struct pci_common {
	struct virtio_device *d;
	unsigned nr_vectors; /* of MSI-X; 0: no MSI-X */
	u32 device_feature_select, driver_feature_select;
	u16 queue_select;
	/* Below nr_vectors, or VIRTIO_NO_VECTOR; vCPUs write, under d->lock. */
	_Atomic u16 config_vector;
	_Atomic u16 queue_vector[VIRTIO_MAX_QUEUES];
};

/* The registers of `d` as after a reset, with that many MSI-X vectors. Main, before vCPUs run. */
void pci_common_init(struct pci_common *c, struct virtio_device *d, unsigned nr_vectors);

/*
 * Read a register. Any offset; `len` is 1, 2 or 4. A field that is accessed in another width than
 * its own reads 0 and ignores writes.
 */
u32 pci_common_read(struct pci_common *c, u32 off, unsigned len);

/* What a write means for the transport beside. */
enum pci_common_news {
	PCI_COMMON_SAME,
	PCI_COMMON_VECTORS, /* those of queues may be others now */
	PCI_COMMON_RESET,   /* the same, and the transport forgets interrupts, too */
};

/* Write a register. */
enum pci_common_news pci_common_write(struct pci_common *c, u32 off, unsigned len, u32 val);

#endif
