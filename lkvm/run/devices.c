/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of device kinds.
 *
 * Thread: main; rx_filled() on lkvm-io.
 * Trust:  the user's configuration; how many buffers a guest has given is only said.
 */
#include "lkvm/run/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "arm64/board.h"
#include "lkvm/base/log.h"
#include "lkvm/run/filter.h"
#include "net/netif.h"
#include "net/netopt.h"
#include "virtio/core/pool.h"
#include "virtio/dev/kinds.h"
#include "virtio/disk/disk.h"
#include "virtio/transport/mmio.h"
#include "virtio/transport/pci.h"

#define MAX_DEVICES (CONFIG_MAX_SHARES + CONFIG_MAX_DISKS + CONFIG_MAX_NICS + 2u)

/* One device with the transport it hangs on: exactly one of pci and mmio is set. */
struct slot {
	struct virtio_device *dev;
	struct virtio_pci *pci;
	struct virtio_mmio *mmio;
};

struct devices {
	const struct config *c;
	const struct devices_env *env;
	struct netif *netifs[CONFIG_MAX_NICS]; /* NULL: mode=none */
	struct virtio_device *disks[CONFIG_MAX_DISKS];
	unsigned nr, nr_pci, nr_mmio;
	const struct virtio_device *_Atomic resetting; /* devices_reset() writes */
	struct slot slots[MAX_DEVICES];
};

static bool nic_on_mmio(const struct config *c, const struct net_conf *n)
{
	if (n->trans == NET_TRANS_DEFAULT)
		return c->transport == TRANSPORT_MMIO;
	return n->trans == NET_TRANS_MMIO;
}

/* Put `dev` on its transport. Takes it over, also on error. */
static int attach(struct devices *d, struct virtio_device *dev, bool mmio)
{
	struct slot *s = &d->slots[d->nr];
	int err;

	assert(d->nr < MAX_DEVICES);
	s->dev = dev;
	d->nr++;
	if (d->env->bounced) {
		virtio_offer(dev, VIRTIO_F_ACCESS_PLATFORM);
		err = virtio_account(dev, (u8)(d->nr - 1));
		if (err)
			return err;
	}
	if (mmio) {
		unsigned n = d->nr_mmio++;

		err = virtio_mmio_create(&s->mmio, dev, d->env->bus, d->env->irq,
					 board_virtio_mmio(n), MEMMAP_SPI_VIRTIO_MMIO + n);
	} else {
		err = virtio_pci_create(&s->pci, dev, d->env->pci, d->env->irq, d->nr_pci++);
	}
	return err;
}

/*
 * Linux gives a Realm a thousandth of its memory and at least one segment of its pool, if the
 * command line does not say more.
 */
#define POOL_SEGMENT (256 * KiB)

static u64 pool_size(const struct devices *d)
{
	if (!d->env->bounced)
		return 0;
	return d->c->swiotlb ? d->c->swiotlb * MiB : MAX(d->c->ram_size / 1024, POOL_SEGMENT);
}

/* The user network takes any MTU, so the pool may choose it. */
static bool mtu_is_free(const struct net_conf *n)
{
	return n->mode == NET_MODE_USER && !n->mtu;
}

static struct virtio_pool_load pool_load(const struct config *c)
{
	/* A shared directory has a ring like a disk's. */
	struct virtio_pool_load l = { .nr_disks = c->nr_disks + c->nr_shares };

	static_assert(CONFIG_MAX_NICS <= VIRTIO_POOL_MAX_NICS, "a place for each");
	for (unsigned i = 0; i < c->nr_nics; i++)
		if (c->nics[i].mode != NET_MODE_NONE)
			l.mtu[l.nr_nics++] =
				mtu_is_free(&c->nics[i]) ? VIRTIO_POOL_MTU : c->nics[i].mtu;
	return l;
}

static const struct virtio_pool *pool_of(const struct devices *d)
{
	const struct virtio_pool_load load = pool_load(d->c);

	return d->env->bounced ? virtio_pool_fit(pool_size(d), &load) : NULL;
}

static void rx_filled(const char *device, unsigned nr, u16 size, u16 mtu)
{
	unsigned all;

	if (virtio_pool_exhausted(nr, size, mtu, &all))
		guest_err(device,
			  "the guest gave %u of %u receive buffers, its bounce pool (SWIOTLB) is "
			  "too small: --swiotlb MiB makes it larger, and is measured",
			  nr, all);
}

static struct virtio_env env_of(const struct devices *d, unsigned instance)
{
	return (struct virtio_env){
		.mem = d->env->mem,
		.loop = d->env->loop,
		.instance = instance,
		.pool = pool_of(d),
		.rx_filled = d->env->bounced ? rx_filled : NULL,
	};
}

/* ---- kinds ---- */

static unsigned nr_9p(const struct devices *d)
{
	return d->c->nr_shares;
}

/* The last one that was given is the first device, as with kvmtool. */
static int add_9p(struct devices *d, unsigned i)
{
	struct virtio_env env = env_of(d, i);
	struct virtio_device *dev;
	int err = virtio_9p_create(&dev, &env, &d->c->shares[d->c->nr_shares - 1 - i]);

	return err ? err : attach(d, dev, d->c->transport == TRANSPORT_MMIO);
}

static unsigned nr_rng(const struct devices *d)
{
	return d->c->rng;
}

static int add_rng(struct devices *d, unsigned i)
{
	struct virtio_env env = env_of(d, i);
	struct virtio_device *dev;
	int err = virtio_rng_create(&dev, &env);

	return err ? err : attach(d, dev, d->c->transport == TRANSPORT_MMIO);
}

static unsigned nr_net(const struct devices *d)
{
	return d->c->nr_nics;
}

static int add_net(struct devices *d, unsigned i)
{
	struct virtio_env env = env_of(d, i);
	struct net_conf conf = d->c->nics[i];
	struct virtio_device *dev;
	struct netif *n;
	int err;

	if (env.pool && mtu_is_free(&conf))
		conf.mtu = env.pool->mtu;
	netopt_settle(&conf, d->env->bounced);
	conf.may_capture = d->env->bounced;
	err = netif_create(&n, &conf, d->env->loop);
	if (err || !n)
		return err;
	err = virtio_net_create(&dev, &env, n);
	if (err)
		return err;
	d->netifs[i] = n;
	return attach(d, dev, nic_on_mmio(d->c, &conf));
}

static unsigned nr_console(const struct devices *d)
{
	return d->c->console == CONSOLE_VIRTIO;
}

static int add_console(struct devices *d, unsigned i)
{
	struct virtio_env env = env_of(d, i);
	struct virtio_device *dev;
	int err = virtio_console_create(&dev, &env, d->env->console);

	return err ? err : attach(d, dev, d->c->transport == TRANSPORT_MMIO);
}

static unsigned nr_blk(const struct devices *d)
{
	return d->c->nr_disks;
}

static int add_blk(struct devices *d, unsigned i)
{
	struct virtio_env env = env_of(d, i);
	struct virtio_device *dev;
	const struct disk_conf *conf = &d->c->disks[i];
	const struct virtio_blk_conf blk = { .serial = *conf->serial ? conf->serial : NULL,
					     .nr_queues = conf->nr_queues,
					     .delay_ms = d->c->disk_delay_ms };
	struct disk *disk;
	int err = disk_open(&disk, conf, d->env->loop);

	if (err)
		return err;

	err = virtio_blk_create(&dev, &env, disk, &blk);
	if (err)
		return err;
	d->disks[i] = dev;
	return attach(d, dev, d->c->transport == TRANSPORT_MMIO);
}

/* The order fixes slot numbers and thus names in the guest: never sort it. */
static const struct {
	const char *name;
	unsigned (*count)(const struct devices *d);
	int (*add)(struct devices *d, unsigned i);
} kinds[] = {
	{ "9p", nr_9p, add_9p },    { "rng", nr_rng, add_rng },
	{ "net", nr_net, add_net }, { "console", nr_console, add_console },
	{ "blk", nr_blk, add_blk },
};

/* A pool that is full is silent: drivers only wait, and drop packets. */
static void check_pool(const struct devices *d)
{
	const struct virtio_pool_load load = pool_load(d->c);
	u64 need = virtio_pool_least(&load);

	if (d->env->bounced && need > pool_size(d))
		log_warn(
			"the devices may need more bounce buffers than the %llu KiB that this guest "
			"makes (Linux 7): try --swiotlb %llu%s",
			(unsigned long long)(pool_size(d) / KiB),
			(unsigned long long)((need + MiB - 1) / MiB),
			d->c->realm == REALM_OFF ? "" : "; it is measured");
}

int devices_create(struct devices **out, const struct config *c, const struct devices_env *env)
{
	struct devices *d = calloc(1, sizeof(*d));
	int err = 0;

	if (!d)
		return -ENOMEM;
	d->c = c;
	d->env = env;
	for (size_t k = 0; k < ARRAY_SIZE(kinds) && !err; k++) {
		for (unsigned i = 0; i < kinds[k].count(d) && !err; i++)
			err = kinds[k].add(d, i);
	}
	if (err) {
		devices_destroy(d);
		return err;
	}
	check_pool(d);
	*out = d;
	return 0;
}

unsigned devices_count_mmio(const struct config *c)
{
	unsigned nr = 0;

	if (c->transport == TRANSPORT_MMIO)
		nr = c->nr_shares + c->rng + (c->console == CONSOLE_VIRTIO) + c->nr_disks;
	for (unsigned i = 0; i < c->nr_nics; i++)
		nr += c->nics[i].mode != NET_MODE_NONE && nic_on_mmio(c, &c->nics[i]);
	return nr;
}

/* ---- for those who watch ---- */

unsigned devices_nr(const struct devices *d)
{
	return d->nr;
}

void devices_info(const struct devices *d, unsigned i, struct devices_info *out)
{
	unsigned pci = 0, mmio = 0;

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
	bool on;
	int fd, err;
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
			w->err = netif_capture(w->d->netifs[i],
					       w->fd < 0 ? -1 : fcntl(w->fd, F_DUPFD_CLOEXEC, 0));
	}
}

int devices_capture(struct devices *d, int fd)
{
	struct watch w = { .d = d, .fd = fd };

	if (fd >= 0)
		w.err = netif_capture_begin(fd);
	if (!w.err)
		w.err = on_loop(&w, set_capture);
	if (fd >= 0)
		close(fd);
	return w.err;
}

void devices_calls(const struct devices *d, struct filter *f)
{
	for (unsigned i = 0; i < d->nr; i++) {
		const struct virtio_device *dev = d->slots[i].dev;

		for (unsigned k = 0; k < ARRAY_SIZE(dev->calls); k++)
			filter_add(f, dev->calls[k]);
	}
}

const char *devices_suspect(const struct devices *d)
{
	const struct virtio_device *resetting = atomic_load(&d->resetting);

	for (unsigned i = 0; i < d->nr; i++) {
		if (virtio_at_work(d->slots[i].dev))
			return d->slots[i].dev->name;
	}
	return resetting ? resetting->name : NULL;
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

	w->err = n ? n->ops->forward(n, w->forward, w->on) : -EOPNOTSUPP;
}

int devices_forward(struct devices *d, unsigned nic, const struct net_hostfwd *f, bool on)
{
	struct watch w = { .d = d, .nic = nic, .forward = f, .on = on };

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

void devices_reset(struct devices *d)
{
	for (unsigned i = 0; i < d->nr; i++) {
		atomic_store(&d->resetting, d->slots[i].dev);
		pthread_mutex_lock(&d->slots[i].dev->lock);
		virtio_status_set(d->slots[i].dev, 0);
		pthread_mutex_unlock(&d->slots[i].dev->lock);
	}
	atomic_store(&d->resetting, NULL);
}

void devices_destroy(struct devices *d)
{
	if (!d)
		return;
	while (d->nr) {
		struct slot *s = &d->slots[--d->nr];

		virtio_mmio_destroy(s->mmio);
		virtio_pci_destroy(s->pci);
		s->dev->type->destroy(s->dev);
	}
	free(d);
}
