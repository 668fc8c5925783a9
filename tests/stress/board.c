/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine under stress.
 *
 * Thread: the main one, before and after the others.
 * Trust:  none needed.
 */
#include "tests/stress/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/netif.h"
#include "net/netopt.h"
#include "tests/stress/ends.h"
#include "virtio/dev/kinds.h"
#include "virtio/dev/rng_conf.h"
#include "virtio/disk/disk.h"
#include "virtio/share/share_conf.h"

#define DISK_SIZE (8 * MiB)

static const struct pci_map pci_map = { .ecam = { BOARD_ECAM },
					.ecam_size = 256 * MiB,
					.mem = { BOARD_WINDOW },
					.mem_size = BOARD_WINDOW_SIZE,
					.spi = 64 };

static struct chardev *terminals[2];

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "stress: cannot set up %s: %s\n", what, strerror(-err));
	exit(2);
}

/* ---- kinds ---- */

static void add_rng(struct virtio_device **out, const struct virtio_env *env)
{
	const struct rng_conf unlimited = { .max_bytes = 0 };

	must(virtio_rng_create(out, env, &unlimited), "an entropy device");
}

static void add_net(struct virtio_device **out, const struct virtio_env *env)
{
	must(virtio_net_create(out, env, ends_netif(env->loop)), "a network card");
}

static void add_console(struct virtio_device **out, const struct virtio_env *env)
{
	struct chardev *c = ends_chardev(env->loop);
	const struct virtio_console_conf conf = { .console = c };

	terminals[env->instance] = c;
	must(virtio_console_create(out, env, &conf), "a console");
}

static void add_disk(struct virtio_device **out, const struct virtio_env *env, bool threads,
		     unsigned delay_ms)
{
	struct disk_conf conf = { .nr_queues = 1, .no_uring = threads };
	struct virtio_blk_conf blk = { .nr_queues = 1, .delay_ms = delay_ms };
	struct disk *disk;
	int fd;

	snprintf(conf.path, sizeof(conf.path), "/var/tmp/stress-XXXXXX");
	fd = mkstemp(conf.path);
	if (fd < 0 || ftruncate(fd, DISK_SIZE) < 0) {
		perror("stress: /var/tmp");
		exit(2);
	}
	close(fd);
	must(disk_open(&disk, &conf, env->loop), "a disk");
	unlink(conf.path);
	must(virtio_blk_create(out, env, disk, &blk), "a disk");
}

static void add_uring(struct virtio_device **out, const struct virtio_env *env)
{
	add_disk(out, env, false, 0);
}

static void add_threads(struct virtio_device **out, const struct virtio_env *env)
{
	add_disk(out, env, true, 0);
}

static void add_delayed(struct virtio_device **out, const struct virtio_env *env)
{
	add_disk(out, env, false, 2);
}

static char shares[2][40];

/* What a guest leaves there is removed with it. */
static void add_9p(struct virtio_device **out, const struct virtio_env *env)
{
	struct share_conf conf = { .tag = "stress" };
	char *dir = shares[env->instance];

	strcpy(dir, "/var/tmp/stress-XXXXXX");
	if (!mkdtemp(dir)) {
		perror("stress: /var/tmp");
		exit(2);
	}
	snprintf(conf.path, sizeof(conf.path), "%s", dir);
	must(virtio_9p_create(out, env, &conf), "a share");
}

/* libslirp without a way to the host. */
static void add_user_net(struct virtio_device **out, const struct virtio_env *env)
{
	struct net_conf conf = { 0 };
	struct netif *n;

	must(netopt_parse(&conf, "mode=user,restrict=on,guest_mac=02:01:02:03:04:05", 0),
	     "a network's options");
	netopt_settle(&conf, false);
	must(netif_create(&n, &conf, env->loop), "a user network");
	must(virtio_net_create(out, env, n), "a network card");
}

static const struct {
	const char *name;
	enum board_kind kind;
	void (*add)(struct virtio_device **out, const struct virtio_env *env);
	unsigned nr_queues;
} kinds[] = {
	{ "rng", KIND_RNG, add_rng, 1 },
	{ "net", KIND_NET, add_net, 2 },
	{ "console", KIND_CONSOLE, add_console, 2 },
	{ "blk, io_uring", KIND_BLK, add_uring, 1 },
	{ "blk, threads", KIND_BLK, add_threads, 1 },
	{ "9p", KIND_9P, add_9p, 1 },
	{ "net, user", KIND_NET, add_user_net, 2 },
	{ "blk, delayed", KIND_BLK, add_delayed, 1 },
};

/* ---- the board ---- */

static void add_target(struct board *b, unsigned kind, bool mmio)
{
	struct virtio_env env = { .mem = b->mem, .loop = b->loop, .instance = mmio };
	struct target *t = &b->targets[b->nr];
	u64 at = BOARD_MMIO + b->nr * 0x1000;

	assert(b->nr < BOARD_TARGETS);
	t->name = kinds[kind].name;
	t->kind = kinds[kind].kind;
	t->nr_queues = kinds[kind].nr_queues;
	t->slot = kind + 1;
	pthread_mutex_init(&t->lock, NULL);
	kinds[kind].add(&t->dev, &env);
	must(virtio_account(t->dev, (u8)b->nr), "an account");
	for (unsigned i = 0; i < t->nr_queues; i++)
		t->rings[i].desc = FAKE_RING(BOARD_QUEUES * b->nr + i);
	if (mmio) {
		must(virtio_mmio_create(&t->mmio, t->dev, b->bus, &b->irq.irq, gpa(at), b->nr),
		     "a transport");
		fake_dev_mmio(&t->f, b->bus, at);
	} else {
		must(virtio_pci_create(&t->pci, t->dev, b->pci, &b->irq.irq, t->slot),
		     "a transport");
		fake_dev_pci(&t->f, b->bus, BOARD_ECAM + t->slot * 0x8000,
			     BOARD_WINDOW + BOARD_WINDOW_SIZE / 2 + b->nr * MiB);
	}
	b->nr++;
}

void board_up(struct board *b, u64 mem_flags)
{
	memset(b, 0, sizeof(*b));
	b->mem = fake_mem(mem_flags);
	must(mem_set_shared(b->mem, gpa(FAKE_RAM), FAKE_RAM_SIZE, true), "memory");
	fake_irq_init(&b->irq, true);
	must(loop_create(&b->loop, "lkvm-io"), "a loop");
	must(bus_create(&b->bus), "a bus");
	must(pci_create(&b->pci, b->bus, &pci_map), "PCI");
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		add_target(b, i, false);
	for (unsigned i = 0; i + 1 < ARRAY_SIZE(kinds); i++) /* all but the delayed disk */
		add_target(b, i, true);
	must(loop_start(b->loop), "a thread");
}

void board_down(struct board *b)
{
	for (unsigned i = 0; i < b->nr; i++) {
		pthread_mutex_lock(&b->targets[i].dev->lock);
		virtio_status_set(b->targets[i].dev, 0);
		pthread_mutex_unlock(&b->targets[i].dev->lock);
	}
	loop_stop(b->loop);
	while (b->nr) {
		struct target *t = &b->targets[--b->nr];

		virtio_mmio_destroy(t->mmio);
		virtio_pci_destroy(t->pci);
		t->dev->type->destroy(t->dev);
		pthread_mutex_destroy(&t->lock);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(terminals); i++) {
		char command[100];

		ends_chardev_free(terminals[i]);
		snprintf(command, sizeof(command), "rm -rf %s", shares[i]);
		if (system(command))
			exit(2);
	}
	pci_destroy(b->pci);
	bus_destroy(b->bus);
	loop_destroy(b->loop);
	mem_destroy(b->mem);
	fake_irq_fini(&b->irq);
}
