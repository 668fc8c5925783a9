/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of device kinds.
 *
 * Thread: main; rx_filled() on lkvm-io.
 * Trust:  the user's configuration; how many buffers a guest has given is only said.
 */
#include "lkvm/run/devices_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "arm64/board.h"
#include "arm64/pvpanic.h"
#include "lkvm/base/log.h"
#include "lkvm/run/filter.h"
#include "lkvm/vm/pci.h"
#include "net/netif.h"
#include "net/netopt.h"
#include "net/pcap_writer.h"
#include "virtio/core/pool.h"
#include "virtio/dev/kinds.h"
#include "virtio/disk/disk.h"
#include "virtio/transport/mmio.h"
#include "virtio/transport/pci.h"

/* Where a device goes; a network card of mode=none is none. */
enum place { NOWHERE, ON_PCI, ON_MMIO };

static enum place everywhere(const struct config *c, unsigned i)
{
	return c->transport == TRANSPORT_MMIO ? ON_MMIO : ON_PCI;
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

static u64 pool_size(const struct devices *d)
{
	if (!d->env->bounced)
		return 0;
	if (d->c->bounce)
		return d->c->bounce * MiB;
	return d->c->swiotlb ? d->c->swiotlb * MiB : virtio_pool_of_ram(d->c->ram_size);
}

/* The user network takes any MTU, so the pool may choose it. */
static bool mtu_is_free(const struct net_conf *n)
{
	return n->mode == NET_MODE_USER && !n->mtu;
}

static struct virtio_pool_load pool_load(const struct config *c)
{
	/* A shared directory has a ring like a disk's (by virtio-fs two), vsock smaller ones. */
	const unsigned like_disks = c->nr_shares + c->nr_fs + (c->vsock.cid != 0);
	struct virtio_pool_load l = { .nr_disks = c->nr_disks + like_disks };

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
			  "too small: --swiotlb MiB (--bounce=MiB) makes it larger",
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

static unsigned nr_9p(const struct config *c)
{
	return c->nr_shares;
}

/* The last one that was given is the first device, as with kvmtool. */
static int make_9p(struct devices *d, const struct virtio_env *env, struct virtio_device **out)
{
	return virtio_9p_create(out, env, &d->c->shares[d->c->nr_shares - 1 - env->instance]);
}

static unsigned nr_net(const struct config *c)
{
	return c->nr_nics;
}

static enum place net_place(const struct config *c, unsigned i)
{
	const struct net_conf *n = &c->nics[i];

	if (n->mode == NET_MODE_NONE)
		return NOWHERE;
	if (n->trans == NET_TRANS_DEFAULT)
		return everywhere(c, i);
	return n->trans == NET_TRANS_MMIO ? ON_MMIO : ON_PCI;
}

static int make_net(struct devices *d, const struct virtio_env *env, struct virtio_device **out)
{
	unsigned i = env->instance;
	struct net_conf conf = d->c->nics[i];
	struct netif *n;
	int err;

	if (env->pool && mtu_is_free(&conf))
		conf.mtu = env->pool->mtu;
	if (conf.mode == NET_MODE_VHOST_USER)
		return virtio_vhost_net_create(out, env, conf.socket, conf.mac, conf.mtu);
	netopt_settle(&conf, d->env->bounced);
	/* For lkvm trace, which looks at guests that bounce. All cards go to one file. */
	err = d->env->bounced && !d->capture ? pcap_writer_create(&d->capture, d->env->loop) : 0;
	if (err)
		return log_errno(err, "cannot start a thread");
	conf.capture = d->capture;
	conf.held = d->env->held;
	conf.held_arg = d->env->held_arg;
	err = netif_create(&n, &conf, d->env->loop);
	if (!err)
		err = conf.vhost ? virtio_vhost_tap_create(out, env, n)
				 : virtio_net_create(out, env, n);
	if (!err)
		d->netifs[i] = n;
	return err;
}

static unsigned nr_console(const struct config *c)
{
	return config_has_virtio_console(c);
}

static int make_console(struct devices *d, const struct virtio_env *env, struct virtio_device **out)
{
	return virtio_console_create(out, env, d->env->console);
}

static unsigned nr_blk(const struct config *c)
{
	return c->nr_disks;
}

static int make_blk(struct devices *d, const struct virtio_env *env, struct virtio_device **out)
{
	const struct disk_conf *conf = &d->c->disks[env->instance];
	const struct virtio_blk_conf blk = { .serial = *conf->serial ? conf->serial : NULL,
					     .nr_queues = conf->nr_queues,
					     .delay_ms = d->c->disk_delay_ms };
	struct disk *disk;
	int err = disk_open(&disk, conf, d->env->loop);

	if (!err)
		err = virtio_blk_create(out, env, disk, &blk);
	if (!err)
		d->disks[env->instance] = *out;
	return err;
}

static unsigned nr_fs(const struct config *c)
{
	return c->nr_fs;
}

static int make_fs(struct devices *d, const struct virtio_env *env, struct virtio_device **out)
{
	return virtio_fs_create(out, env, &d->c->fs[env->instance]);
}

static unsigned nr_vsock(const struct config *c)
{
	return c->vsock.cid != 0;
}

static int make_vsock(struct devices *d, const struct virtio_env *env, struct virtio_device **out)
{
	return d->c->vsock.vhost ? virtio_vsock_kernel_create(out, env, &d->c->vsock)
				 : virtio_vsock_create(out, env, &d->c->vsock);
}

static unsigned nr_rng(const struct config *c)
{
	return c->rng;
}

static int make_rng(struct devices *d, const struct virtio_env *env, struct virtio_device **out)
{
	return virtio_rng_create(out, env, &d->c->rng_conf);
}

/* One of VIRTIO_SINGLES: a flag of the config, and a constructor without anything else. */
#define SINGLE_KIND(kind, ...)                                                                     \
	static unsigned nr_##kind(const struct config *c)                                          \
	{                                                                                          \
		return c->kind;                                                                    \
	}                                                                                          \
	static int make_##kind(struct devices *d, const struct virtio_env *env,                    \
			       struct virtio_device **out)                                         \
	{                                                                                          \
		return virtio_##kind##_create(out, env);                                           \
	}
VIRTIO_SINGLES(SINGLE_KIND)
#define SINGLE_ROW(kind, ...) { nr_##kind, everywhere, make_##kind },

/* clang-format off */
/*
 * How many the config asks for, where each of them goes, and how it is made (unless that is
 * nowhere). The order fixes slot numbers and thus names in the guest: never sort it.
 */
static const struct {
	unsigned (*count)(const struct config *c);
	enum place (*place)(const struct config *c, unsigned i);
	int (*make)(struct devices *d, const struct virtio_env *env, struct virtio_device **out);
} kinds[] = {
	{ nr_9p, everywhere, make_9p },
	VIRTIO_SINGLES(SINGLE_ROW)
	{ nr_rng, everywhere, make_rng },
	{ nr_net, net_place, make_net },
	{ nr_console, everywhere, make_console },
	{ nr_blk, everywhere, make_blk },
	{ nr_fs, everywhere, make_fs },
	{ nr_vsock, everywhere, make_vsock },
};
/* clang-format on */

static int add(struct devices *d, size_t kind, unsigned i)
{
	const struct virtio_env env = env_of(d, i);
	enum place place = kinds[kind].place(d->c, i);
	struct virtio_device *dev;
	int err;

	if (place == NOWHERE)
		return 0;
	err = kinds[kind].make(d, &env, &dev);
	return err ? err : attach(d, dev, place == ON_MMIO);
}

/* A pool that is full is silent: drivers only wait, and drop packets. */
static void check_pool(const struct devices *d)
{
	const struct virtio_pool_load load = pool_load(d->c);
	u32 mib = virtio_pool_advice(pool_size(d), &load);

	if (d->env->bounced && mib)
		log_warn(
			"the devices may need more bounce buffers than the %llu KiB that this guest "
			"makes (Linux 7): try --%s%u%s",
			(unsigned long long)(pool_size(d) / KiB),
			d->c->bounce ? "bounce=" : "swiotlb ", mib,
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
	d->nr_pci = c->nr_vfio; /* they come first */
	for (size_t k = 0; k < ARRAY_SIZE(kinds) && !err; k++) {
		for (unsigned i = 0; i < kinds[k].count(c) && !err; i++)
			err = add(d, k, i);
	}
	if (!err && devices_have_pvpanic(c))
		err = pvpanic_create(&d->pvpanic, env->pci, env->said, env->said_arg);
	if (err) {
		devices_destroy(d);
		return err;
	}
	check_pool(d);
	*out = d;
	return 0;
}

bool devices_can_fs(void)
{
	char path[PATH_MAX];

	return virtio_fs_program(path, sizeof(path));
}

static unsigned count_at(const struct config *c, enum place place)
{
	unsigned nr = 0;

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (unsigned i = 0; i < kinds[k].count(c); i++)
			nr += kinds[k].place(c, i) == place;
	}
	return nr;
}

unsigned devices_count_mmio(const struct config *c)
{
	return count_at(c, ON_MMIO);
}

static bool wants_pvpanic(const struct config *c)
{
	return c->pvpanic == PVPANIC_ON;
}

unsigned devices_count_pci(const struct config *c)
{
	return c->nr_vfio + count_at(c, ON_PCI) + wants_pvpanic(c);
}

bool devices_have_pvpanic(const struct config *c)
{
	return wants_pvpanic(c) || (c->pvpanic == PVPANIC_AUTO && c->realm == REALM_OFF &&
				    !c->protected_vm && devices_count_pci(c) < PCI_SLOTS);
}

/* ---- the whole of them ---- */

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
	pvpanic_destroy(d->pvpanic);
	while (d->nr) {
		struct slot *s = &d->slots[--d->nr];

		virtio_mmio_destroy(s->mmio);
		virtio_pci_destroy(s->pci);
		s->dev->type->destroy(s->dev);
	}
	pcap_writer_destroy(d->capture);
	free(d);
}
