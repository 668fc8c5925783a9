/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configured virtio devices: which kinds there are, in which order they get their slots, and on
 * which transport. Main thread.
 */
#ifndef LKVM_DEVICES_H
#define LKVM_DEVICES_H

#include "lkvm/config.h"

struct bus;
struct chardev;
struct devices;
struct irq;
struct loop;
struct mem;
struct pci;

/* What devices are connected to; all of it outlives them. */
struct devices_env {
	struct mem *mem;
	struct loop *loop;
	struct bus *bus;
	struct irq *irq;
	struct pci *pci;
	struct chardev *console; /* for virtio-console; used if the config asks for one */
	/*
	 * The guest shares only what it bounces: devices must go through the DMA API of the guest
	 * (ACCESS_PLATFORM), and the pool is small (Linux: RAM / 1024).
	 */
	bool bounced;
};

/*
 * Create all of them, in the order of kvmtool (which fixes their numbers): rng, net, console, blk.
 * 0 or -errno after one log_error() line.
 */
int devices_create(struct devices **out, const struct config *c, const struct devices_env *env);

/*
 * How many virtio-mmio transports the config has: the device tree lists them. -EINVAL after one
 * log_error() line when a --network argument makes no sense.
 */
int devices_count_mmio(const struct config *c, unsigned *nr);

/* No vCPU runs any more: take the queues back from the loop, wait for what is in flight. */
void devices_reset(struct devices *d);

/* The loop is not running. Takes NULL. */
void devices_destroy(struct devices *d);

#endif
