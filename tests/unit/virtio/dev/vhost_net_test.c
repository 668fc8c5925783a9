/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network card that another process serves, and what is left of it when that has gone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/fake/vhost_user.h"
#include "tests/unit/suite.h"
#include "virtio/dev/kinds.h"
#include "virtio/dev/net_hdr.h"

static const u8 mac[6] = { 2, 0x15, 0x15, 0x15, 0x15, 0x15 };

static struct mem *mem;
static struct loop *loop;
static struct virtio_device *d;
static struct fake_transport t;
static struct fake_ring rx, tx;
static struct fake_vu f;

static void up(u16 mtu)
{
	struct virtio_env env;
	char path[64];

	snprintf(path, sizeof(path), "/tmp/lkvm-vnet-%d", (int)getpid());
	fake_vu_init(&f);
	f.features |= VIRTIO_NET_F_CSUM | VIRTIO_NET_F_MRG_RXBUF | BIT(40);
	fake_vu_up_at(&f, path);
	mem = fake_mem(MEM_LENT);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	env = (struct virtio_env){ .mem = mem, .loop = loop };
	ck_assert_int_eq(virtio_vhost_net_create(&d, &env, path, mac, mtu), 0);
	unlink(path);
	fake_transport_attach(&t, d);
	ck_assert(fake_negotiate(d, d->offered));
	fake_ring_init(&rx, mem, FAKE_RING(0), 16, true);
	fake_ring_init(&tx, mem, FAKE_RING(1), 16, true);
	fake_queue(d, 0, &rx);
	fake_queue(d, 1, &tx);
	fake_driver_ok(d);
}

static void down(void)
{
	fake_reset(d);
	d->type->destroy(d);
	loop_destroy(loop);
	mem_destroy(mem);
	fake_vu_down(&f);
}

START_TEST(identity)
{
	u64 ours = VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS;

	up(0);
	ck_assert_uint_eq(d->type->id, 1);
	ck_assert_int_eq(memcmp(d->config, mac, 6), 0);
	ck_assert_int_eq(memcmp(d->config + 6, "\1\0\1\0\0\0", 6), 0);
	ck_assert((d->offered & ours) == ours && !(d->offered & VIRTIO_NET_F_MTU));
	ck_assert(d->offered & VIRTIO_NET_F_CSUM && d->offered & VIRTIO_NET_F_MRG_RXBUF);
	/* Neither what the back end has not, nor what lkvm does not know. */
	ck_assert(!(d->offered & (VIRTIO_NET_F_HOST_TSO4 | BIT(40) | VIRTIO_F_RING_RESET)));
	/* What is lkvm's own it is not told. */
	ck_assert(f.features_set == ((d->offered & ~ours) | VHOST_F_PROTOCOL_FEATURES));
	ck_assert(f.rings[0].running && f.rings[1].running);
	down();
	up(9000);
	ck_assert(d->offered & VIRTIO_NET_F_MTU);
	ck_assert_int_eq(memcmp(d->config + 10, "\x28\x23", 2), 0);
	down();
}
END_TEST

/* Frames that are sent are gone; buffers for others stay where they are. */
START_TEST(death)
{
	u32 id, len;

	up(0);
	fake_ring_post(&rx);
	fake_vu_die(&f);
	fake_ring_post(&tx);
	virtio_notify(d, 1);
	for (int i = 0; i < scaled(2000) && fake_ring_used_idx(&tx) < 1; i++)
		usleep(5000);
	ck_assert(fake_ring_used(&tx, &id, &len));
	ck_assert_uint_eq(len, 0);
	virtio_notify(d, 0);
	usleep(20000);
	ck_assert(!fake_ring_back(&rx));
	ck_assert(!fake_broken(d));
	down();
}
END_TEST

SUITE_MAIN("virtio/dev/vhost_net", identity, death)
