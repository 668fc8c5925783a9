/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio over MMIO, version 2 [virtio 1.3 §4.2]: 512 bytes of registers, one edge-triggered SPI. */
#ifndef VIRTIO_MMIO_H
#define VIRTIO_MMIO_H

#include "lkvm/vm/bus.h"
#include "lkvm/vm/irq.h"
#include "virtio/core/device.h"

#define VIRTIO_MMIO_SIZE 0x200u

struct virtio_mmio;

/*
 * Put `d` at [base, base + VIRTIO_MMIO_SIZE) of the bus `b`, with the edge-triggered SPI `spi`. All
 * of d, b and irq stay the caller's and outlive *out. Main thread, before vCPUs run. 0, or -errno
 * after one log_error() line.
 */
int virtio_mmio_create(struct virtio_mmio **out, struct virtio_device *d, struct bus *b,
		       struct irq *irq, gpa_t base, u32 spi);

/*
 * Take the device off the bus. It has been reset, and neither vCPUs nor its loop run. Takes NULL.
 */
void virtio_mmio_destroy(struct virtio_mmio *m);

#endif
