/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configured devices. Of virtio's: which kinds there are, in which order they get their slots,
 * and on which transport. Besides pvpanic. Main thread.
 */
#ifndef LKVM_DEVICES_H
#define LKVM_DEVICES_H

#include "lkvm/run/config.h"
#include "virtio/core/device.h"

struct bus;
struct net_hostfwd;
struct devices;
struct filter;
struct irq;
struct loop;
struct mem;
struct pci;
struct virtio_console_conf;

/* What devices are connected to. All of it, and the struct itself, outlives them. */
struct devices_env {
	struct mem *mem;
	struct loop *loop;
	struct bus *bus;
	struct irq *irq;
	struct pci *pci;
	const struct virtio_console_conf *console; /* used if the config asks for it */
	/*
	 * A confidential guest, or one that is treated like one (--bounce), which shares only what
	 * it bounces: devices must go through the DMA API of the guest (ACCESS_PLATFORM), and the
	 * pool is small (Linux: RAM / 1024).
	 */
	bool bounced;
	/* What the guest says by pvpanic; as pvpanic_fn. */
	void (*said)(void *arg, u64 said);
	void *said_arg;
	/* Is the guest paused, or held by a debugger? Any thread. NULL: it never is. */
	bool (*held)(void *arg);
	void *held_arg;
};

/*
 * Create all devices of the config, with what stands behind them: disks are opened, network
 * interfaces made. The order is kvmtool's, which fixes their numbers: rng, net, console, blk;
 * then fs. `c` and `env` outlive the devices. 0, or -errno after one log_error() line: then nothing
 * is left. Before vCPUs and the loop run.
 */
int devices_create(struct devices **out, const struct config *c, const struct devices_env *env);

/* Does this host have what serves a directory by virtio-fs? */
bool devices_can_fs(void);

/* How many virtio-mmio transports the config has: the device tree lists them. */
unsigned devices_count_mmio(const struct config *c);

/* How many places of the PCI bus it takes: config.c refuses too many. */
unsigned devices_count_pci(const struct config *c);

/*
 * Does it have pvpanic? Where nobody has asked for it, that needs a place that is left, and a guest
 * that is not confidential: such a one gets no device that it can do without.
 */
bool devices_have_pvpanic(const struct config *c);

/* ---- the balloon; the warden's thread. -ENODEV: there is none; -ETIMEDOUT: see below ---- */

struct balloon_stats;

/* In bytes: the guest's memory; what is wanted of it, and what the driver has given. */
u64 devices_ram(const struct devices *d);
int devices_balloon_size(struct devices *d, u64 *wanted, u64 *actual);

/* Want so many bytes, which are no more than the guest has. */
int devices_balloon_want(struct devices *d, u64 wanted);

/* Ask the driver. -ENOENT: there is no driver; -EOPNOTSUPP: it has no statistics. */
int devices_balloon_ask(struct devices *d);

/* What was answered last. *done: nothing is open. */
int devices_balloon_stats(struct devices *d, struct balloon_stats *out, bool *done);

/* ---- what they do, for those who watch; the warden's thread ---- */

struct devices_info {
	const char *name; /* "virtio-net 0" */
	char bus[32];	  /* where the guest's kernel has it: "0000:00:01.0", "3000000.virtio" */
};

/* How many devices there are. */
unsigned devices_nr(const struct devices *d);

/* About device `i`, below devices_nr(); out->name is the device's. */
void devices_info(const struct devices *d, unsigned i, struct devices_info *out);

/*
 * Is an account kept of what devices touch? Only of a guest that bounces; devices_sums() and
 * devices_trace() are for those only.
 */
bool devices_accounted(const struct devices *d);

/*
 * The next three are calls to the devices' loop. -ETIMEDOUT: it does not answer, and nothing was
 * done.
 */

/* The sums of all devices, taken at one moment, in out[0..devices_nr()). 0 or -ETIMEDOUT. */
int devices_sums(struct devices *d, struct account_sums *out);

/*
 * From now on all transfers are put into `r`, which stays the caller's; NULL: into none, and none
 * is being put anywhere when this returns. 0 or -ETIMEDOUT.
 */
int devices_trace(struct devices *d, struct account_ring *r);

/*
 * From now on all frames go to the capture file `fd`, which this call closes in the end, also after
 * an error; -1: to none. Never waits for the file. 0; -ENODEV: the guest has no network, or cannot
 * be traced; -EBUSY: an earlier file is still being written; -ETIMEDOUT.
 */
int devices_capture(struct devices *d, int fd);

/* Add the system calls that all devices make. */
void devices_calls(const struct devices *d, struct filter *f);

/*
 * The device that keeps the loop from answering, as far as anybody can tell: the loop is at it, or
 * it is being reset. NULL: none. Any thread, while they exist.
 */
const char *devices_suspect(const struct devices *d);

unsigned devices_nr_disks(const struct devices *d);

/* Look at the file of disk `n` again; as virtio_blk_resize(). */
int devices_resize(struct devices *d, unsigned n, u64 *old, u64 *new);

/*
 * The networks of the guest and their forwards: what netif_ops say, -EOPNOTSUPP for mode=none,
 * -ETIMEDOUT when the loop does not answer. devices_forwarded(): -ENOENT when there is no `i`-th.
 */
unsigned devices_nr_nics(const struct devices *d);
int devices_forward(struct devices *d, unsigned nic, const struct net_hostfwd *f, int fd);
int devices_forwarded(struct devices *d, unsigned nic, unsigned i, struct net_hostfwd *out);

/*
 * Reset all devices: takes the queues back from the loop and waits for requests in flight. No vCPU
 * runs any more; the loop still does.
 */
void devices_reset(struct devices *d);

/*
 * Unplug and release all devices, disks and network interfaces, the last one first. Neither vCPUs
 * nor the loop run. Takes NULL.
 */
void devices_destroy(struct devices *d);

#endif
