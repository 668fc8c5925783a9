/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio over PCI, without legacy [virtio 1.3 §4.1].
 *
 * BAR 0: page 0 common configuration, 1 ISR, 2 device configuration, 3 notifications: whole pages,
 * so that a guest may map each of them on its own. BAR 2: MSI-X, when the board has MSIs.
 */
#ifndef VIRTIO_PCI_H
#define VIRTIO_PCI_H

#include "lkvm/vm/pci.h"
#include "virtio/core/device.h"

struct virtio_pci;

/*
 * Put `d` into `slot` of the bridge `p`. All of d, p and irq stay the caller's and outlive *out.
 * Main thread, before vCPUs run. 0, or -errno after one log_error() line.
 */
int virtio_pci_create(struct virtio_pci **out, struct virtio_device *d, struct pci *p,
		      struct irq *irq, unsigned slot);

/*
 * Unplug the device. It has been reset, and neither vCPUs nor its loop run. Takes NULL.
 */
void virtio_pci_destroy(struct virtio_pci *v);

#endif
