/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control queue of virtio-net: each command well and badly formed, the filter, and a card of
 * several pairs of queues.
 */
#include <errno.h>
#include <string.h>

#include "tests/fake/driver.h"
#include "tests/fake/netif.h"
#include "tests/fake/transport.h"
#include "tests/unit/suite.h"
#include "virtio/dev/kinds.h"
#include "virtio/dev/net_ctrl.h"

#define F_CTRL                                                                                     \
	(VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA |                \
	 VIRTIO_NET_F_CTRL_MAC_ADDR | VIRTIO_NET_F_MQ)

static const u8 own[6] = { 2, 0x15, 0x15, 0x15, 0x15, 0x15 }, other[6] = { 2, 0, 0, 0, 0, 9 };
static const u8 group[6] = { 1, 0, 0x5e, 0, 0, 1 }, all[6] = { 255, 255, 255, 255, 255, 255 };

static struct net_ctrl ctrl;

/* A command in two pieces, the first of which has not even the class and the command. */
static u8 run(u64 features, const void *bytes, size_t len)
{
	struct iovec iov[] = { { (void *)(uintptr_t)bytes, MIN(len, (size_t)1) },
			       { (char *)(uintptr_t)bytes + 1, len ? len - 1 : 0 } };

	return net_ctrl_run(&ctrl, features, iov_cur(iov, 2));
}

#define RUN(...) run(F_CTRL, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static void reset(void)
{
	net_ctrl_reset(&ctrl, own, 4);
}

/* What passes: own, other, group, all, as four bits. */
static unsigned wants(void)
{
	return net_ctrl_wants(&ctrl, own) * 8u + net_ctrl_wants(&ctrl, other) * 4u +
	       net_ctrl_wants(&ctrl, group) * 2u + net_ctrl_wants(&ctrl, all);
}

START_TEST(modes)
{
	reset();
	ck_assert_uint_eq(wants(), 15); /* who says nothing gets all */
	ck_assert_uint_eq(RUN(0, 0, 0), NET_CTRL_OK);
	ck_assert_uint_eq(wants(), 9);
	RUN(0, 0, 1); /* promiscuous */
	ck_assert_uint_eq(wants(), 15);
	RUN(0, 0, 0);
	RUN(0, 1, 1); /* all groups */
	ck_assert_uint_eq(wants(), 11);
	RUN(0, 2, 1); /* all interfaces */
	ck_assert_uint_eq(wants(), 15);
	RUN(0, 3, 1); /* no groups */
	ck_assert_uint_eq(wants(), 13);
	RUN(0, 4, 1); /* no interfaces */
	ck_assert_uint_eq(wants(), 1);
	RUN(0, 5, 1); /* no broadcasts */
	ck_assert_uint_eq(wants(), 0);
	RUN(0, 0, 0x80); /* any value but 0 is on */
	ck_assert_uint_eq(wants(), 15);
	reset();
	ck_assert_uint_eq(wants(), 15);
}
END_TEST

START_TEST(addresses)
{
	reset();
	ck_assert_uint_eq(RUN(1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 9, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1),
			  NET_CTRL_OK);
	ck_assert_uint_eq(wants(), 15);
	ck_assert_uint_eq(RUN(1, 0, 0, 0, 0, 0, 0, 0, 0, 0), NET_CTRL_OK);
	ck_assert_uint_eq(wants(), 9);
	/* The address itself; a group's and none are no addresses. */
	ck_assert_uint_eq(RUN(1, 1, 2, 0, 0, 0, 0, 9), NET_CTRL_OK);
	ck_assert_uint_eq(wants(), 5);
	ck_assert_uint_eq(RUN(1, 1, 3, 0, 0, 0, 0, 9), NET_CTRL_ERR);
	ck_assert_uint_eq(RUN(1, 1, 0, 0, 0, 0, 0, 0), NET_CTRL_ERR);
	ck_assert_uint_eq(wants(), 5);
}
END_TEST

/* More addresses than are kept: all pass, as the driver would not miss what it has asked for. */
START_TEST(large_tables)
{
	static u8 cmd[2 + 4 + 65 * 6 + 4] = { 1, 0 };

	reset();
	for (unsigned nr = 64; nr <= 65; nr++) {
		cmd[2] = (u8)nr;
		ck_assert_uint_eq(run(F_CTRL, cmd, 10 + 6 * nr), NET_CTRL_OK);
		ck_assert_uint_eq(wants(), nr == 64 ? 9 : 13);
	}
}
END_TEST

/* What is not carried out changes nothing. */
START_TEST(bad_commands)
{
	static const struct {
		u8 len, bytes[24];
	} bad[] = {
		{ 0, { 0 } },
		{ 1, { 0 } },
		{ 2, { 0, 0 } },       /* no flag */
		{ 4, { 0, 0, 1, 1 } }, /* two flags */
		{ 3, { 0, 6, 1 } },    /* unknown commands */
		{ 3, { 1, 2, 1 } },
		{ 4, { 4, 1, 1, 0 } },
		{ 3, { 2, 0, 1 } }, /* VLANs: not offered */
		{ 3, { 3, 0, 1 } }, /* announcements neither */
		{ 3, { 255, 255, 255 } },
		{ 2, { 1, 0 } },	     /* no tables */
		{ 6, { 1, 0, 0, 0, 0, 0 } }, /* one */
		{ 10, { 1, 0, 255, 255, 255, 255, 0, 0, 0, 0 } },
		{ 10, { 1, 0, 0, 0, 0, 0, 255, 255, 255, 255 } },
		{ 16, { 1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 9, 1, 0, 0, 0 } },
		{ 11, { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7 } },
		{ 7, { 1, 1, 2, 0, 0, 0, 0 } },
		{ 9, { 1, 1, 2, 0, 0, 0, 0, 1, 1 } },
		{ 4, { 4, 0, 0, 0 } }, /* no pairs, or more than there are */
		{ 4, { 4, 0, 5, 0 } },
		{ 4, { 4, 0, 1, 1 } },
		{ 3, { 4, 0, 1 } },
	};
	struct net_ctrl before;

	reset();
	before = ctrl;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_msg(run(F_CTRL, bad[i].bytes, bad[i].len) == NET_CTRL_ERR, "%u", i);
		ck_assert_mem_eq(&ctrl, &before, sizeof(ctrl));
	}
	/* Nor what was not negotiated. */
	ck_assert_uint_eq(run(0, (const u8[]){ 0, 0, 1 }, 3), NET_CTRL_ERR);
	ck_assert_uint_eq(run(VIRTIO_NET_F_CTRL_RX, (const u8[]){ 0, 2, 1 }, 3), NET_CTRL_ERR);
	ck_assert_uint_eq(run(0, (const u8[]){ 1, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 10), NET_CTRL_ERR);
	ck_assert_uint_eq(run(0, (const u8[]){ 1, 1, 2, 0, 0, 0, 0, 9 }, 8), NET_CTRL_ERR);
	ck_assert_uint_eq(run(0, (const u8[]){ 4, 0, 2, 0 }, 4), NET_CTRL_ERR);
	ck_assert_mem_eq(&ctrl, &before, sizeof(ctrl));
}
END_TEST

/* ---- the device ---- */

#define NR 3u

static struct mem *mem;
static struct loop *loop;
static struct virtio_device *dev;
static struct fake_netif *netifs[NR];
static struct fake_transport irq;
static struct fake_ring ring[2 * NR + 1];
static bool gone[NR];

static void start(u64 features)
{
	ck_assert(fake_negotiate(dev, VIRTIO_F_VERSION_1 | features));
	for (u16 i = 0; i < dev->nr_queues; i++) {
		fake_ring_init(&ring[i], mem, FAKE_RING(i), 16, false);
		fake_queue(dev, i, &ring[i]);
	}
	fake_driver_ok(dev);
}

static void setup(unsigned nr, u64 features)
{
	struct virtio_env env;

	mem = fake_mem(0);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	for (unsigned i = 0; i < nr; i++) {
		netifs[i] = fake_netif(0, 0);
		netifs[i]->destroyed = &gone[i];
		if (i)
			netifs[i - 1]->netif.next = &netifs[i]->netif;
	}
	env = (struct virtio_env){ .mem = mem, .loop = loop };
	ck_assert_int_eq(virtio_net_create(&dev, &env, &netifs[0]->netif), 0);
	fake_transport_attach(&irq, dev);
	start(features);
}

/* A command by queue `q`; what the device answers, or -1: nothing. */
static int command(u16 q, const u8 *bytes, u32 len)
{
	struct fake_buf b[] = { { FAKE_DATA, 2, false },
				{ FAKE_DATA + 2, len - 2, false },
				{ FAKE_DATA + 0x100, 1, true } };
	u32 id, used;

	memcpy(fake_ptr(mem, FAKE_DATA, len), bytes, len);
	*(u8 *)fake_ptr(mem, FAKE_DATA + 0x100, 1) = 0xee;
	fake_ring_add(&ring[q], b, 3);
	fake_kick(dev, q);
	if (!fake_ring_used(&ring[q], &id, &used))
		return -1;
	ck_assert_uint_eq(used, 1);
	return *(u8 *)fake_ptr(mem, FAKE_DATA + 0x100, 1);
}

static int pairs(u16 q, u8 nr)
{
	return command(q, (const u8[]){ 4, 0, nr, 0 }, 4);
}

/* A frame of the guest's in the transmit queue of pair `i`. */
static void send(unsigned i)
{
	struct fake_buf b = { FAKE_DATA + 0x1000, 12 + 60, false };

	memset(fake_ptr(mem, b.addr, b.len), 0, b.len);
	fake_ring_add(&ring[2 * i + 1], &b, 1);
	fake_kick(dev, 2 * i + 1);
}

static void post_rx(unsigned i)
{
	struct fake_buf b = { FAKE_DATA + 0x4000 + 0x1000 * i, 2048, true };

	fake_ring_add(&ring[2 * i], &b, 1);
}

static int receive(unsigned i, const u8 *dst)
{
	const struct netif_offload none = { .gso = NETIF_GSO_NONE };
	u8 frame[60] = { 0 };
	int err;

	memcpy(frame, dst, 6);
	err = fake_netif_receive(netifs[i], &none, frame, sizeof(frame));
	fake_netif_flush(netifs[i]);
	return err;
}

static bool arrived(unsigned i)
{
	u32 id, len;

	return fake_ring_used(&ring[2 * i], &id, &len);
}

START_TEST(a_card_that_filters)
{
	setup(1, F_CTRL & ~VIRTIO_NET_F_MQ);
	ck_assert(!(dev->offered & VIRTIO_NET_F_MQ));
	ck_assert_uint_eq(dev->nr_queues, 3);
	for (unsigned i = 0; i < 4; i++)
		post_rx(0);
	ck_assert(receive(0, other) == 0 && arrived(0));
	ck_assert_int_eq(command(2, (const u8[]){ 0, 0, 0 }, 3), NET_CTRL_OK);
	ck_assert(receive(0, other) == 0 && !arrived(0));
	ck_assert(receive(0, own) == 0 && arrived(0));
	ck_assert_int_eq(command(2, (const u8[]){ 1, 1, 2, 0, 0, 0, 0, 9 }, 8), NET_CTRL_OK);
	ck_assert(receive(0, other) == 0 && arrived(0));
	/* [§5.1.6.5.2.1] The address is what the configuration says, too. */
	ck_assert_mem_eq(dev->config, other, 6);
	ck_assert_int_eq(pairs(2, 1), NET_CTRL_ERR);
	/* After a reset it is the card that it was. */
	start(F_CTRL & ~VIRTIO_NET_F_MQ);
	ck_assert_mem_eq(dev->config, own, 6);
	post_rx(0);
	ck_assert(receive(0, group) == 0 && arrived(0));
	ck_assert(!fake_broken(dev));
	fake_unplug(dev);
	ck_assert(gone[0]);
}
END_TEST

START_TEST(pairs_of_queues)
{
	setup(NR, F_CTRL);
	ck_assert_uint_eq(dev->nr_queues, 2 * NR + 1);
	ck_assert_uint_eq(virtio_config_read(dev, 8, 2), NR);
	for (unsigned i = 0; i < NR; i++)
		ck_assert_uint_eq(netifs[i]->nr_up, 1);
	/* One pair at first: others' frames come there, and nothing goes out of the others. */
	post_rx(0);
	post_rx(0);
	ck_assert(receive(0, own) == 0 && arrived(0));
	ck_assert(receive(2, own) == 0 && arrived(0) && !arrived(2));
	send(1);
	ck_assert_uint_eq(netifs[1]->sent.nr, 0);
	/* A frame that waits for a buffer of the first finds one of the third's. */
	post_rx(2);
	ck_assert_int_eq(receive(2, own), -EAGAIN);
	ck_assert_int_eq(pairs(2 * NR, NR), NET_CTRL_OK);
	loop_step(loop, 0);
	ck_assert_uint_eq(netifs[1]->sent.nr, 1);
	ck_assert_uint_ge(netifs[2]->nr_rx_ready, 1);
	ck_assert(receive(2, own) == 0 && arrived(2));
	/* Two of three: the third's frames come in the first. */
	ck_assert_int_eq(pairs(2 * NR, 2), NET_CTRL_OK);
	ck_assert_int_eq(receive(2, own), -EAGAIN);
	netifs[2]->nr_rx_ready = netifs[1]->nr_rx_ready = 0;
	post_rx(0);
	fake_kick(dev, 0);
	ck_assert(netifs[2]->nr_rx_ready == 1 && !netifs[1]->nr_rx_ready);
	ck_assert(receive(2, own) == 0 && arrived(0));
	ck_assert_int_eq(pairs(2 * NR, NR + 1), NET_CTRL_ERR);
	ck_assert_int_eq(pairs(2 * NR, 0), NET_CTRL_ERR);
	ck_assert(!fake_broken(dev));
	fake_unplug(dev);
	for (unsigned i = 0; i < NR; i++)
		ck_assert(gone[i]);
}
END_TEST

/*
 * Two netifs share a queue. One that waits for more buffers is told when there are some, whatever
 * the other has had of the queue meanwhile; and a queue that is reset alone is not this one.
 */
START_TEST(who_waits_keeps_the_bell)
{
	static const u8 frame[3000] = { 2 };
	const struct netif_offload none = { .gso = NETIF_GSO_NONE };

	for (unsigned reset = 0; reset < 2; reset++) {
		setup(NR, F_CTRL | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_F_RING_RESET);
		post_rx(0);
		ck_assert_int_eq(fake_netif_receive(netifs[1], &none, frame, sizeof(frame)),
				 -EAGAIN);
		if (reset)
			virtio_queue_reset(dev, &dev->queues[2 * NR]);
		ck_assert(receive(0, own) == 0 && arrived(0));
		fake_ring_wants_kick(&ring[0]);
		post_rx(0);
		ck_assert(fake_ring_wants_kick(&ring[0]));
		post_rx(0);
		fake_kick(dev, 0);
		ck_assert_uint_ge(netifs[1]->nr_rx_ready, 1);
		ck_assert_int_eq(fake_netif_receive(netifs[1], &none, frame, sizeof(frame)), 0);
		fake_netif_flush(netifs[1]);
		ck_assert(arrived(0) && arrived(0));
		/* Now nobody waits. */
		fake_ring_wants_kick(&ring[0]);
		post_rx(0);
		ck_assert(!fake_ring_wants_kick(&ring[0]));
		fake_unplug(dev);
	}
}
END_TEST

/* [virtio 1.3 §5.1.2.1] Without MQ the third queue takes commands. */
START_TEST(a_driver_without_mq)
{
	setup(NR, F_CTRL & ~VIRTIO_NET_F_MQ);
	ck_assert_int_eq(command(2, (const u8[]){ 0, 0, 0 }, 3), NET_CTRL_OK);
	ck_assert_int_eq(pairs(2, 2), NET_CTRL_ERR);
	ck_assert_int_eq(pairs(2 * NR, 2), -1);
	post_rx(0);
	ck_assert(receive(0, own) == 0 && arrived(0));
	fake_unplug(dev);
	/* And without a control queue nothing does. */
	setup(NR, VIRTIO_NET_F_MQ);
	ck_assert_int_eq(pairs(2 * NR, 2), -1);
	ck_assert_int_eq(command(2, (const u8[]){ 0, 0, 0 }, 3), -1);
	ck_assert(!fake_broken(dev));
	fake_unplug(dev);
}
END_TEST

/* There has to be room for the answer; and everything else that a driver must not post. */
START_TEST(bad_chains)
{
	struct fake_buf silent = { FAKE_DATA, 3, false }, mute = { FAKE_DATA, 1, true };
	u32 id, len;

	setup(NR, F_CTRL);
	fake_ring_add(&ring[2 * NR], &mute, 1); /* no command at all, but room */
	fake_kick(dev, 2 * NR);
	ck_assert(fake_ring_used(&ring[2 * NR], &id, &len) && len == 1);
	ck_assert_uint_eq(*(u8 *)fake_ptr(mem, FAKE_DATA, 1), NET_CTRL_ERR);
	fake_ring_add(&ring[2 * NR], &silent, 1);
	fake_kick(dev, 2 * NR);
	ck_assert(fake_broken(dev));
	for (unsigned i = 0; i < nr_fake_bad; i++) {
		start(F_CTRL | VIRTIO_F_INDIRECT_DESC);
		fake_bad[i].post(&ring[2 * NR], FAKE_DATA);
		fake_kick(dev, 2 * NR);
		ck_assert_msg(fake_broken(dev), "%s", fake_bad[i].name);
	}
	fake_unplug(dev);
}
END_TEST

SUITE_MAIN("virtio/net_ctrl", modes, addresses, large_tables, bad_commands, a_card_that_filters,
	   pairs_of_queues, who_waits_keeps_the_bell, a_driver_without_mq, bad_chains)
