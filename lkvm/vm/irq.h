/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The seam between devices and the interrupt controller: a doorbell comes in, an interrupt goes
 * out. lkvm/kvm/kvm_event.c implements it with KVM (irqfd, MSI routing, ioeventfd),
 * tests/fake/irq.c without.
 *
 * Interrupt numbers here are SPI numbers as in the device tree (SPI 0 = INTID 32). Any thread; the
 * implementation locks, and waits for nobody. Every op is present. Eventfds stay the caller's, who
 * undoes a binding before closing its eventfd.
 */
#ifndef LKVM_IRQ_H
#define LKVM_IRQ_H

#include "lkvm/base/gpa.h"

struct irq;

/* A message as the guest wrote it to an MSI-X table [PCI 3.0 §6.8.2]. */
struct msi_msg {
	u64 addr; /* without the alias bit, which the implementation sets */
	u32 data;
	u32 devid; /* requester id, for an ITS: slot << 3 on bus 0 */
};

struct irq_ops {
	/* Drive a level-triggered SPI that the board has: it stays at `level`. */
	void (*line)(struct irq *i, u32 spi, bool level);

	/*
	 * From now on each write to `fd` (an eventfd) raises the edge-triggered SPI. 0, -EINVAL (no
	 * such SPI) or -errno of the host.
	 */
	int (*edge_bind)(struct irq *i, u32 spi, int fd);
	void (*edge_unbind)(struct irq *i, u32 spi, int fd);

	/*
	 * From now on a write to `fd` raises the level-triggered SPI, which stays so until the
	 * guest has handled it: then it is low again and `resample` (an eventfd, too) is written.
	 * 0, -EINVAL (no such SPI) or -errno of the host.
	 */
	int (*level_bind)(struct irq *i, u32 spi, int fd, int resample);
	void (*level_unbind)(struct irq *i, u32 spi, int fd);

	/*
	 * From now on each write to `fd` sends the message. *route is -1 the first time, and has
	 * the number of the route afterwards; a call with that number changes the message of the
	 * route. 0, -ENOSPC (no more routes) or -errno of the host: then *route is what it was.
	 */
	int (*msi_bind)(struct irq *i, int *route, const struct msi_msg *msg, int fd);
	/* Undo msi_bind(): *route becomes -1. Nothing happens if it is -1. */
	void (*msi_unbind)(struct irq *i, int *route, int fd);

	/*
	 * From now on a write of the guest of `len` bytes (0: of any width) at `g`, and of the
	 * value `match` if that is not negative, writes to `fd` instead of causing an exit. 0 or
	 * -errno: then the write arrives over the bus as any other, and the device behaves the
	 * same. The arguments of doorbell_unbind() are those of doorbell_bind().
	 */
	int (*doorbell_bind)(struct irq *i, gpa_t g, unsigned len, s64 match, int fd);
	void (*doorbell_unbind)(struct irq *i, gpa_t g, unsigned len, s64 match, int fd);
};

struct irq {
	const struct irq_ops *ops;
	bool has_msi; /* msi_bind works: a device may offer MSI-X */
};

#endif
