/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The seam between devices and the interrupt controller: a doorbell comes in, an interrupt goes
 * out. lkvm/kvm/kvm_event.c implements it with KVM (irqfd, MSI routing, ioeventfd),
 * tests/fake/irq.c without.
 *
 * Interrupt numbers here are SPI numbers as in the device tree (SPI 0 = INTID 32).
 * Any thread; the implementation locks. Every op is present.
 */
#ifndef LKVM_IRQ_H
#define LKVM_IRQ_H

#include "lkvm/base/gpa.h"

struct irq;

struct msi_msg {
	u64 addr;
	u32 data;
	u32 devid; /* requester id: slot << 3 on bus 0 */
};

struct irq_ops {
	/* Drive a level-triggered SPI. */
	void (*line)(struct irq *i, u32 spi, bool level);

	/* Each write to `fd` (an eventfd) raises the edge-triggered SPI. 0 or -errno. */
	int (*edge_bind)(struct irq *i, u32 spi, int fd);
	void (*edge_unbind)(struct irq *i, u32 spi, int fd);

	/*
	 * Each write to `fd` sends the message. *route is -1 the first time and keeps the number of
	 * the route afterwards; calling it again with the same route changes the message. 0 or
	 * -errno.
	 */
	int (*msi_bind)(struct irq *i, int *route, const struct msi_msg *msg, int fd);
	/* Undo; *route becomes -1. Nothing happens for -1. */
	void (*msi_unbind)(struct irq *i, int *route, int fd);

	/*
	 * A guest write of `len` bytes (0: any width) at `g`, with the value `match` when that is
	 * >= 0, writes to `fd` instead of causing an exit. 0 or -errno: then the write arrives over
	 * the bus as any other, and the device behaves the same.
	 */
	int (*doorbell_bind)(struct irq *i, gpa_t g, unsigned len, s64 match, int fd);
	void (*doorbell_unbind)(struct irq *i, gpa_t g, unsigned len, s64 match, int fd);
};

struct irq {
	const struct irq_ops *ops;
	bool has_msi; /* msi_bind works: a device may offer MSI-X */
};

#endif
