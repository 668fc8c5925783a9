/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configured virtio devices: which kinds there are, in which order they get their slots, and on
 * which transport. Main thread.
 */
#ifndef LKVM_DEVICES_H
#define LKVM_DEVICES_H

#include "lkvm/run/config.h"
#include "virtio/core/device.h"

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

/* How many virtio-mmio transports the config has: the device tree lists them. */
unsigned devices_count_mmio(const struct config *c);

/* ---- what they do, for those who watch; the warden's thread ---- */

struct devices_info {
	const char *name; /* "virtio-net 0" */
	char bus[32];	  /* where the guest's kernel has it: "0000:00:01.0", "3000000.virtio" */
};

unsigned devices_nr(const struct devices *d);
void devices_info(const struct devices *d, unsigned i, struct devices_info *out);

/* False: nobody keeps an account, since the guest does not bounce. */
bool devices_accounted(const struct devices *d);

/*
 * The next three are calls to the devices' loop. -ETIMEDOUT: it does not answer, and nothing was
 * done.
 */

/* The sums of all, taken at one moment; `out` has devices_nr() elements. */
int devices_sums(struct devices *d, struct account_sums *out);

/* All transfers from now on go to `r`; NULL: no more, and none is under way. */
int devices_trace(struct devices *d, struct account_ring *r);

/*
 * All frames from now on go to the capture file `fd` (net/netif.h), which is taken over, also on
 * error; -1: no more. -ENODEV: the guest has no network, or does not bounce. -errno of write(2).
 */
int devices_capture(struct devices *d, int fd);

/*
 * The device that keeps the loop from answering, as far as anybody can tell: the loop is at it, or
 * it is being reset. NULL: none. Any thread, while they exist.
 */
const char *devices_suspect(const struct devices *d);

/* No vCPU runs any more: take the queues back from the loop, wait for what is in flight. */
void devices_reset(struct devices *d);

/* The loop is not running. Takes NULL. */
void devices_destroy(struct devices *d);

#endif
