/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is asked of devices while they run.
 *
 * Thread: the warden's; what is about queues and networks runs on the devices' loop, which is not
 *         waited for long.
 * Trust:  whoever asks is a process of the same user.
 */
#include "lkvm/run/devices_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "arm64/board.h"
#include "net/netif.h"
#include "net/pcap_writer.h"
#include "virtio/dev/balloon.h"
#include "virtio/dev/kinds.h"

unsigned devices_nr(const struct devices *d)
{
	return d->nr;
}

void devices_info(const struct devices *d, unsigned i, struct devices_info *out)
{
	unsigned pci = d->c->nr_vfio, mmio = 0;

	/* Each transport numbers its devices in the order of creation. */
	for (unsigned k = 0; k < i; k++)
		*(d->slots[k].mmio ? &mmio : &pci) += 1;
	out->name = d->slots[i].dev->name;
	if (d->slots[i].mmio)
		snprintf(out->bus, sizeof(out->bus), "%llx.virtio",
			 (unsigned long long)board_virtio_mmio(mmio).a);
	else
		snprintf(out->bus, sizeof(out->bus), "0000:00:%02x.0", pci);
}

bool devices_accounted(const struct devices *d)
{
	return d->env->bounced;
}

/* One call to the loop of the devices; there all of it happens at one moment, and soon. */
#define LOOP_PATIENCE_MS 2000u /* less than a client of the control socket has */

struct watch {
	struct devices *d;
	struct account_sums *sums;
	struct account_ring *ring;
	unsigned nic, i;
	const struct net_hostfwd *forward;
	struct net_hostfwd *found;
	int fd;
	bool on;
	int err;
	struct virtio_device *balloon;
	struct balloon_stats *stats;
};

static void take_sums(void *arg)
{
	struct watch *w = arg;

	for (unsigned i = 0; i < w->d->nr; i++)
		account_sums(w->d->slots[i].dev->account, &w->sums[i]);
}

static int on_loop(struct watch *w, loop_call_fn fn)
{
	return loop_call_within(w->d->env->loop, fn, w, LOOP_PATIENCE_MS) ? w->err : -ETIMEDOUT;
}

int devices_sums(struct devices *d, struct account_sums *out)
{
	struct watch w = { .d = d, .sums = out };

	return on_loop(&w, take_sums);
}

static void set_ring(void *arg)
{
	struct watch *w = arg;

	for (unsigned i = 0; i < w->d->nr; i++)
		account_trace(w->d->slots[i].dev->account, w->ring);
}

int devices_trace(struct devices *d, struct account_ring *r)
{
	struct watch w = { .d = d, .ring = r };

	return on_loop(&w, set_ring);
}

static void set_capture(void *arg)
{
	struct watch *w = arg;

	w->err = -ENODEV;
	for (unsigned i = 0; i < w->d->c->nr_nics; i++) {
		if (w->d->netifs[i])
			w->err = netif_capture(w->d->netifs[i], w->on);
	}
}

int devices_capture(struct devices *d, int fd)
{
	struct watch w = { .d = d, .on = fd >= 0 };

	if (!d->capture) {
		if (fd >= 0)
			close(fd);
		return -ENODEV;
	}
	if (w.on)
		w.err = netif_capture_begin(d->capture, fd);
	if (w.err)
		return w.err;
	w.err = on_loop(&w, set_capture);
	if (w.err || !w.on)
		pcap_writer_end(d->capture);
	return w.err;
}

unsigned devices_nr_disks(const struct devices *d)
{
	return d->c->nr_disks;
}

int devices_resize(struct devices *d, unsigned n, u64 *old, u64 *new)
{
	return virtio_blk_resize(d->disks[n], old, new);
}

unsigned devices_nr_nics(const struct devices *d)
{
	return d->c->nr_nics;
}

static void do_forward(void *arg)
{
	struct watch *w = arg;
	struct netif *n = w->d->netifs[w->nic];

	w->err = n ? n->ops->forward(n, w->forward, w->fd) : -EOPNOTSUPP;
}

int devices_forward(struct devices *d, unsigned nic, const struct net_hostfwd *f, int fd)
{
	struct watch w = { .d = d, .nic = nic, .forward = f, .fd = fd };

	return on_loop(&w, do_forward);
}

static void find_forward(void *arg)
{
	struct watch *w = arg;
	struct netif *n = w->d->netifs[w->nic];

	w->err = n && n->ops->forwarded(n, w->i, w->found) ? 0 : -ENOENT;
}

int devices_forwarded(struct devices *d, unsigned nic, unsigned i, struct net_hostfwd *out)
{
	struct watch w = { .d = d, .nic = nic, .i = i, .found = out };

	return on_loop(&w, find_forward);
}

/* ---- the balloon ---- */

#define BALLOON_ID 5u /* [virtio 1.3 §5.5.1] */

static struct virtio_device *balloon_of(const struct devices *d)
{
	for (unsigned i = 0; i < d->nr; i++) {
		if (d->slots[i].dev->type->id == BALLOON_ID)
			return d->slots[i].dev;
	}
	return NULL;
}

/* On the loop, if there is one. */
static int ask_balloon(struct watch *w, loop_call_fn fn)
{
	w->balloon = balloon_of(w->d);
	return w->balloon ? on_loop(w, fn) : -ENODEV;
}

/* Whose loop answers has no register handler that waits for it, with the lock, for long. */
static void do_nothing(void *arg)
{
}

u64 devices_ram(const struct devices *d)
{
	return d->c->ram_size;
}

int devices_balloon_size(struct devices *d, u64 *wanted, u64 *actual)
{
	struct watch w = { .d = d };
	int err = ask_balloon(&w, do_nothing);

	if (!err)
		virtio_balloon_size(w.balloon, wanted, actual);
	return err;
}

int devices_balloon_want(struct devices *d, u64 wanted)
{
	struct watch w = { .d = d };
	int err = ask_balloon(&w, do_nothing);

	if (!err)
		virtio_balloon_want(w.balloon, wanted);
	return err;
}

static void do_ask(void *arg)
{
	struct watch *w = arg;

	w->err = virtio_balloon_ask(w->balloon);
	if (w->err == -ENODEV)
		w->err = -ENOENT;
}

int devices_balloon_ask(struct devices *d)
{
	struct watch w = { .d = d };

	return ask_balloon(&w, do_ask);
}

static void take_stats(void *arg)
{
	struct watch *w = arg;

	w->on = virtio_balloon_stats(w->balloon, w->stats);
}

int devices_balloon_stats(struct devices *d, struct balloon_stats *out, bool *done)
{
	struct watch w = { .d = d, .stats = out };
	int err = ask_balloon(&w, take_stats);

	*done = w.on;
	return err;
}
