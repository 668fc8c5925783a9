/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network device: headers, buffers, back-pressure, and drivers that lie. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "tests/fake/driver.h"
#include "tests/fake/netif.h"
#include "tests/fake/transport.h"
#include "tests/unit/suite.h"
#include "virtio/core/pool.h"
#include "virtio/dev/kinds.h"

/* [virtio 1.3 §5.1.3] */
#define F_CSUM BIT(0)
#define F_GUEST_CSUM BIT(1)
#define F_MTU BIT(3)
#define F_MAC BIT(5)
#define F_GUEST_TSO4 BIT(7)
#define F_GUEST_TSO6 BIT(8)
#define F_HOST_TSO4 BIT(11)
#define F_HOST_TSO6 BIT(12)
#define F_MRG_RXBUF BIT(15)
#define F_STATUS BIT(16)
#define F_BASE (VIRTIO_F_VERSION_1 | F_MAC)
#define F_OFFLOADS (F_CSUM | F_GUEST_CSUM | F_GUEST_TSO4 | F_HOST_TSO4)

#define ALL_OFFLOADS                                                                               \
	(NETIF_TX_CSUM | NETIF_TX_TSO4 | NETIF_TX_TSO6 | NETIF_RX_CSUM | NETIF_RX_TSO4 |           \
	 NETIF_RX_TSO6)

enum { RXQ, TXQ };

struct rig {
	struct mem *mem;
	struct loop *loop;
	struct virtio_device *d;
	struct fake_netif *n;
	struct fake_transport t;
	struct fake_ring rx, tx;
};

struct hdr {
	u8 flags, gso_type;
	u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

static const struct netif_offload none = { .gso = NETIF_GSO_NONE };

static unsigned nr_filled, filled, filled_size, filled_mtu;

static void on_filled(const char *device, unsigned nr, u16 size, u16 mtu)
{
	ck_assert_str_eq(device, "virtio-net 0");
	nr_filled++;
	filled = nr;
	filled_size = size;
	filled_mtu = mtu;
}

static void rig_create(struct rig *x, u32 offloads, u16 mtu, bool small_pool)
{
	memset(x, 0, sizeof(*x));
	x->mem = fake_mem(0);
	x->n = fake_netif(offloads, mtu);
	ck_assert_int_eq(loop_create(&x->loop, "test"), 0);

	const struct virtio_pool_load alone = { .nr_nics = 1 };
	struct virtio_env env = { .mem = x->mem,
				  .loop = x->loop,
				  .pool = small_pool ? virtio_pool_fit(0, &alone) : NULL,
				  .rx_filled = small_pool ? on_filled : NULL };

	ck_assert_int_eq(virtio_net_create(&x->d, &env, &x->n->netif), 0);
	fake_transport_attach(&x->t, x->d);
}

static void rig_start(struct rig *x, u64 features)
{
	bool ev = features & VIRTIO_F_EVENT_IDX;

	fake_ring_init(&x->rx, x->mem, FAKE_RING(0), 16, ev);
	fake_ring_init(&x->tx, x->mem, FAKE_RING(1), 16, ev);
	ck_assert(fake_negotiate(x->d, features));
	fake_queue(x->d, RXQ, &x->rx);
	fake_queue(x->d, TXQ, &x->tx);
	fake_driver_ok(x->d);
}

static void rig_up(struct rig *x, u64 features)
{
	rig_create(x, ALL_OFFLOADS, 0, false);
	rig_start(x, features);
}

static void rig_down(struct rig *x)
{
	fake_unplug(x->d);
}

static void kick(struct rig *x, u16 q)
{
	fake_kick(x->d, q);
}

static bool broken(struct rig *x)
{
	return fake_broken(x->d);
}

/* A frame of `len` bytes at FAKE_DATA + `at` behind a header; both in one buffer, or in two. */
static void post_tx(struct rig *x, u64 at, const struct hdr *h, u32 len, bool split)
{
	u8 *p = fake_ptr(x->mem, FAKE_DATA + at, sizeof(*h) + len);
	struct fake_buf one = { FAKE_DATA + at, (u32)sizeof(*h) + len, false };
	struct fake_buf two[] = { { FAKE_DATA + at, 5, false },
				  { FAKE_DATA + at + 5, (u32)sizeof(*h) + len - 5, false } };

	memcpy(p, h, sizeof(*h));
	for (u32 i = 0; i < len; i++)
		p[sizeof(*h) + i] = (u8)(i * 3 + at);
	fake_ring_add(&x->tx, split ? two : &one, split ? 2 : 1);
}

static void post_rx(struct rig *x, u64 at, u32 len)
{
	struct fake_buf b = { FAKE_DATA + at, len, true };

	fake_ring_add(&x->rx, &b, 1);
}

START_TEST(identity_and_config)
{
	static const u8 mac[6] = { 2, 0x15, 0x15, 0x15, 0x15, 0x15 };
	struct rig x;

	rig_create(&x, ALL_OFFLOADS, 9000, false);
	ck_assert_uint_eq(x.d->type->id, 1);
	ck_assert_uint_eq(x.d->nr_queues, 3); /* and the control queue */
	ck_assert_uint_eq(x.d->offered & (F_BASE | F_STATUS | F_MRG_RXBUF | F_MTU | F_OFFLOADS |
					  F_HOST_TSO6 | F_GUEST_TSO6),
			  F_BASE | F_STATUS | F_MRG_RXBUF | F_MTU | F_OFFLOADS | F_HOST_TSO6 |
				  F_GUEST_TSO6);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_uint_eq(virtio_config_read(x.d, i, 1), mac[i]);
	ck_assert_uint_eq(virtio_config_read(x.d, 6, 2), 1); /* LINK_UP */
	ck_assert_uint_eq(virtio_config_read(x.d, 10, 2), 9000);
	rig_down(&x);
}
END_TEST

START_TEST(features_follow_the_netif_and_the_pool)
{
	struct rig x;

	rig_create(&x, 0, 0, false);
	ck_assert_uint_eq(x.d->offered & (F_MTU | F_OFFLOADS), 0);
	ck_assert_uint_eq(x.d->queues[RXQ].max_size, 256);
	rig_down(&x);
	/* Bounce memory is scarce: small rings, no 64 KiB frames out of the guest. */
	rig_create(&x, ALL_OFFLOADS, 9000, true);
	ck_assert_uint_eq(x.d->offered & (F_OFFLOADS | F_HOST_TSO6 | F_GUEST_TSO6),
			  F_CSUM | F_GUEST_CSUM);
	ck_assert_uint_eq(x.d->queues[RXQ].max_size, 16);
	ck_assert_uint_eq(x.d->queues[TXQ].max_size, 32);
	ck_assert_uint_eq(x.d->offered & F_MRG_RXBUF, 0);
	rig_down(&x);
	/* Frames of 1500 bytes: buffers that leave the pool at once, those for 64 KiB. */
	rig_create(&x, 0, 0, true);
	ck_assert_uint_eq(x.d->offered & (F_OFFLOADS | F_HOST_TSO6 | F_GUEST_TSO6 | F_MRG_RXBUF),
			  F_GUEST_CSUM | F_GUEST_TSO4 | F_GUEST_TSO6);
	ck_assert_uint_eq(x.d->queues[RXQ].max_size, 32);
	/* The netif is asked for what it has. */
	rig_start(&x, F_BASE | F_GUEST_CSUM | F_GUEST_TSO4);
	ck_assert_uint_eq(x.n->offloads, 0);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §5.1.3.1]: segmentation needs the checksum. */
START_TEST(the_netif_learns_what_was_accepted)
{
	struct rig x;

	rig_up(&x, F_BASE | F_OFFLOADS);
	ck_assert_uint_eq(x.n->nr_up, 1);
	ck_assert_uint_eq(x.n->offloads,
			  NETIF_TX_CSUM | NETIF_TX_TSO4 | NETIF_RX_CSUM | NETIF_RX_TSO4);
	virtio_status_set(x.d, 0);
	ck_assert_uint_eq(x.n->nr_down, 1);
	rig_start(&x, F_BASE | F_HOST_TSO4 | F_GUEST_TSO4);
	ck_assert_uint_eq(x.n->offloads, 0);
	rig_down(&x);
}
END_TEST

START_TEST(destroying_the_device_destroys_the_netif)
{
	bool gone = false;
	struct rig x;

	rig_create(&x, 0, 0, false);
	x.n->destroyed = &gone;
	rig_down(&x);
	ck_assert(gone);
}
END_TEST

START_TEST(frames_go_out)
{
	const struct hdr h = { .num_buffers = 0 };
	struct rig x;
	u32 id, len;

	for (unsigned split = 0; split < 2; split++) {
		rig_up(&x, F_BASE | VIRTIO_F_EVENT_IDX);
		post_tx(&x, 0, &h, 60, split);
		post_tx(&x, 4096, &h, 1514, split);
		kick(&x, TXQ);
		ck_assert_uint_eq(x.n->sent.nr, 2);
		ck_assert_uint_eq(x.n->sent.f[0].len, 60);
		ck_assert_uint_eq(x.n->sent.f[1].len, 1514);
		ck_assert_mem_eq(x.n->sent.f[1].data, fake_ptr(x.mem, FAKE_DATA + 4108, 1514),
				 1514);
		ck_assert(!x.n->sent.f[0].o.needs_csum);
		ck_assert_uint_eq(x.n->nr_flush, 1); /* one batch */
		ck_assert(fake_ring_used(&x.tx, &id, &len));
		ck_assert_uint_eq(len, 0);
		ck_assert(fake_ring_used(&x.tx, &id, &len));
		ck_assert_uint_eq(x.t.queue[TXQ], 1);
		rig_down(&x);
	}
}
END_TEST

START_TEST(offload_headers_go_along)
{
	const struct hdr h = { .flags = 1,
			       .gso_type = 1,
			       .hdr_len = 54,
			       .gso_size = 1460,
			       .csum_start = 34,
			       .csum_offset = 16 };
	struct rig x;

	rig_up(&x, F_BASE | F_OFFLOADS);
	post_tx(&x, 0, &h, 20000, false);
	kick(&x, TXQ);
	ck_assert_uint_eq(x.n->sent.nr, 1);

	const struct netif_offload *o = &x.n->sent.f[0].o;

	ck_assert(o->needs_csum);
	ck_assert_int_eq(o->gso, NETIF_GSO_TCPV4);
	ck_assert_uint_eq(o->gso_size, 1460);
	ck_assert_uint_eq(o->csum_start, 34);
	ck_assert_uint_eq(o->csum_offset, 16);
	ck_assert_uint_eq(o->hdr_len, 54);
	rig_down(&x);
}
END_TEST

/* Dropped, completed, and the device goes on. */
START_TEST(headers_that_lie)
{
	static const struct {
		struct hdr h;
		u32 len;
		u64 features;
	} bad[] = {
		{ { .flags = 1, .csum_start = 34, .csum_offset = 16 }, 60, 0 }, /* not negotiated */
		{ { .flags = 1, .csum_start = 60, .csum_offset = 0 }, 60, F_CSUM },
		{ { .flags = 1, .csum_start = 43, .csum_offset = 16 }, 60, F_CSUM },
		{ { .flags = 1, .csum_start = 65535, .csum_offset = 65535 }, 60, F_CSUM },
		{ { .flags = 1, .gso_type = 1, .gso_size = 1460, .csum_offset = 16 }, 60, F_CSUM },
		{ { .flags = 1, .gso_type = 1 }, 60, F_OFFLOADS },	 /* size 0 */
		{ { .gso_type = 1, .gso_size = 1460 }, 60, F_OFFLOADS }, /* no checksum */
		{ { .flags = 1, .gso_type = 4, .gso_size = 1460 }, 60, F_OFFLOADS },	/* TSO6 */
		{ { .flags = 1, .gso_type = 3, .gso_size = 1460 }, 60, F_OFFLOADS },	/* UFO */
		{ { .flags = 1, .gso_type = 0x81, .gso_size = 1460 }, 60, F_OFFLOADS }, /* ECN */
		{ { .flags = 1, .gso_type = 1, .gso_size = 9, .hdr_len = 61 }, 60, F_OFFLOADS },
		{ { .num_buffers = 0 }, 13, 0 },
		{ { .num_buffers = 0 }, 65554, 0 },
		{ { .num_buffers = 0 }, 0, 0 },
	};
	struct rig x;
	u32 id, len;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		rig_up(&x, F_BASE | bad[i].features);
		post_tx(&x, 0, &bad[i].h, bad[i].len, false);
		kick(&x, TXQ);
		ck_assert_msg(!x.n->nr_send, "case %u was sent", i);
		ck_assert(fake_ring_used(&x.tx, &id, &len));
		ck_assert(!broken(&x));
		rig_down(&x);
	}
	/* [virtio 1.3 §5.1.6.2.2]: flags that the device does not know are ignored. */
	rig_up(&x, F_BASE);
	post_tx(&x, 0, &(struct hdr){ .flags = 0xfe, .num_buffers = 77 }, 60, false);
	kick(&x, TXQ);
	ck_assert_uint_eq(x.n->sent.nr, 1);
	rig_down(&x);
}
END_TEST

START_TEST(chains_that_are_no_frames)
{
	static const struct fake_buf shorter = { FAKE_DATA, 11, false };
	static const struct fake_buf mixed[] = { { FAKE_DATA, 100, false },
						 { FAKE_DATA, 100, true } };
	struct rig x;

	rig_up(&x, F_BASE);
	fake_ring_add(&x.tx, &shorter, 1);
	kick(&x, TXQ);
	ck_assert(broken(&x));
	ck_assert_uint_eq(x.t.config, 1);
	rig_down(&x);
	rig_up(&x, F_BASE);
	fake_ring_add(&x.tx, mixed, 2);
	kick(&x, TXQ);
	ck_assert(broken(&x));
	ck_assert_uint_eq(x.n->nr_send, 0);
	rig_down(&x);
}
END_TEST

/* Every bad chain in both queues: the device needs a reset, and works after it. */
START_TEST(the_black_book)
{
	struct rig x;

	for (unsigned i = 0; i < nr_fake_bad; i++) {
		for (u16 q = RXQ; q <= TXQ; q++) {
			rig_up(&x, F_BASE | (fake_bad[i].indirect ? VIRTIO_F_INDIRECT_DESC : 0));
			fake_bad[i].post(q ? &x.tx : &x.rx, FAKE_DATA);
			kick(&x, q);
			if (q == RXQ)
				fake_netif_receive(x.n, &none, "0123456789abcdef", 16);
			ck_assert_msg(broken(&x), "%s in queue %u", fake_bad[i].name, q);
			rig_start(&x, F_BASE);
			post_tx(&x, 0, &(struct hdr){ .flags = 0 }, 60, false);
			kick(&x, TXQ);
			ck_assert_uint_eq(x.n->sent.nr, 1);
			rig_down(&x);
		}
	}
}
END_TEST

START_TEST(a_netif_that_is_full_keeps_frames_in_the_ring)
{
	const struct hdr h = { .flags = 0 };
	struct rig x;
	u32 id, len;

	rig_up(&x, F_BASE | VIRTIO_F_EVENT_IDX);
	x.n->budget = 2;
	for (u64 i = 0; i < 5; i++)
		post_tx(&x, i * 4096, &h, (u32)(60 + i), false);
	kick(&x, TXQ);
	ck_assert_uint_eq(x.n->sent.nr, 2);
	ck_assert(fake_ring_used(&x.tx, &id, &len));
	ck_assert(fake_ring_used(&x.tx, &id, &len));
	ck_assert(!fake_ring_used(&x.tx, &id, &len));
	/* No spinning: nothing happens until the netif says so. */
	ck_assert_uint_eq(x.n->nr_send, 3);
	for (int i = 0; i < 5; i++)
		loop_step(x.loop, 0);
	ck_assert_uint_eq(x.n->nr_send, 3);
	x.n->budget = 0;
	x.n->netif.client->writable(x.n->netif.client_arg);
	loop_step(x.loop, 0);
	ck_assert_uint_eq(x.n->sent.nr, 5);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_uint_eq(x.n->sent.f[i].len, 60 + i);
	rig_down(&x);
}
END_TEST

/* A ring that makes no sense, behind a frame that the netif does not want yet: must not spin. */
START_TEST(a_full_netif_and_a_broken_ring)
{
	struct rig x;

	for (unsigned ev = 0; ev < 2; ev++) {
		rig_up(&x, F_BASE | (ev ? VIRTIO_F_EVENT_IDX : 0));
		x.n->send_result = -EAGAIN;
		post_tx(&x, 0, &(struct hdr){ .flags = 0 }, 60, false);
		kick(&x, TXQ);
		x.tx.avail_idx += 100;
		fake_ring_publish(&x.tx);
		kick(&x, TXQ);
		ck_assert_uint_le(x.n->nr_send, 2);
		x.n->send_result = 0;
		x.n->netif.client->writable(x.n->netif.client_arg);
		loop_step(x.loop, 0);
		ck_assert(broken(&x));
		rig_down(&x);
	}
}
END_TEST

START_TEST(what_the_netif_drops_is_done_with)
{
	struct rig x;
	u32 id, len;

	rig_up(&x, F_BASE);
	x.n->send_result = -EBADMSG;
	post_tx(&x, 0, &(struct hdr){ .flags = 0 }, 60, false);
	kick(&x, TXQ);
	ck_assert(fake_ring_used(&x.tx, &id, &len));
	ck_assert(!broken(&x));
	rig_down(&x);
}
END_TEST

START_TEST(frames_come_in)
{
	struct netif_offload o = { .data_valid = true };
	struct rig x;
	struct hdr h;
	u8 frame[200];
	u32 id, len;

	for (unsigned mrg = 0; mrg < 2; mrg++) {
		rig_up(&x, F_BASE | F_GUEST_CSUM | (mrg ? F_MRG_RXBUF : 0) | VIRTIO_F_EVENT_IDX);
		memset(frame, 0x42, sizeof(frame));
		post_rx(&x, 0, 1526);
		kick(&x, RXQ);
		ck_assert_int_eq(fake_netif_receive(x.n, &o, frame, sizeof(frame)), 0);
		ck_assert(!fake_ring_used(&x.rx, &id, &len)); /* the batch is not over */
		fake_netif_flush(x.n);
		ck_assert(fake_ring_used(&x.rx, &id, &len));
		ck_assert_uint_eq(len, 212);
		ck_assert_uint_eq(x.t.queue[RXQ], 1);
		memcpy(&h, fake_ptr(x.mem, FAKE_DATA, 12), 12);
		ck_assert_uint_eq(h.num_buffers, 1);
		ck_assert_uint_eq(h.flags, 2);
		ck_assert_uint_eq(h.gso_type, 0);
		ck_assert_mem_eq(fake_ptr(x.mem, FAKE_DATA + 12, 200), frame, 200);
		ck_assert_uint_eq(*(u8 *)fake_ptr(x.mem, FAKE_DATA + 212, 1), 0);
		rig_down(&x);
	}
}
END_TEST

START_TEST(large_frames_take_several_buffers)
{
	struct netif_offload o = { .needs_csum = true,
				   .csum_start = 34,
				   .csum_offset = 16,
				   .gso = NETIF_GSO_TCPV4,
				   .gso_size = 1460,
				   .hdr_len = 54 };
	static u8 frame[5000];
	struct rig x;
	struct hdr h;
	u32 id, len, at = 0;

	for (unsigned i = 0; i < sizeof(frame); i++)
		frame[i] = (u8)(i % 199);
	rig_up(&x, F_BASE | F_OFFLOADS | F_MRG_RXBUF);
	for (u64 i = 0; i < 4; i++)
		post_rx(&x, i * 4096, 1526);
	ck_assert_int_eq(fake_netif_receive(x.n, &o, frame, sizeof(frame)), 0);
	fake_netif_flush(x.n);
	memcpy(&h, fake_ptr(x.mem, FAKE_DATA, 12), 12);
	ck_assert_uint_eq(h.num_buffers, 4);
	ck_assert_uint_eq(h.flags, 1);
	ck_assert_uint_eq(h.gso_type, 1);
	ck_assert_uint_eq(h.gso_size, 1460);
	ck_assert_uint_eq(h.csum_start, 34);
	for (u64 i = 0; i < 4; i++) {
		u32 skip = i ? 0 : 12;

		ck_assert(fake_ring_used(&x.rx, &id, &len));
		ck_assert_mem_eq(fake_ptr(x.mem, FAKE_DATA + i * 4096 + skip, len - skip),
				 frame + at, len - skip);
		at += len - skip;
	}
	ck_assert_uint_eq(at, sizeof(frame));
	rig_down(&x);
}
END_TEST

/* Too few buffers: nothing is consumed, and the driver's next kick brings the frame in. */
static void again(struct fake_netif *n)
{
	static u8 frame[3000];

	ck_assert_int_eq(fake_netif_receive(n, &none, frame, sizeof(frame)),
			 n->budget ? -EAGAIN : 0);
	fake_netif_flush(n);
}

START_TEST(back_pressure)
{
	static u8 frame[3000];
	struct rig x;
	u32 id, len;

	for (unsigned ev = 0; ev < 2; ev++) {
		rig_up(&x, F_BASE | F_MRG_RXBUF | (ev ? VIRTIO_F_EVENT_IDX : 0));
		ck_assert_int_eq(fake_netif_receive(x.n, &none, frame, sizeof(frame)), -EAGAIN);
		fake_ring_wants_kick(&x.rx);
		post_rx(&x, 0, 1526);
		ck_assert(fake_ring_wants_kick(&x.rx));
		x.n->on_rx_ready = again;
		x.n->budget = 1; /* one buffer is not enough */
		kick(&x, RXQ);
		ck_assert_uint_eq(x.n->nr_rx_ready, 1);
		ck_assert(!fake_ring_used(&x.rx, &id, &len));
		post_rx(&x, 4096, 1526);
		ck_assert(fake_ring_wants_kick(&x.rx));
		x.n->budget = 0;
		kick(&x, RXQ);
		ck_assert_uint_eq(x.n->nr_rx_ready, 2);
		ck_assert(fake_ring_used(&x.rx, &id, &len));
		ck_assert_uint_eq(len, 1526);
		ck_assert(fake_ring_used(&x.rx, &id, &len));
		ck_assert_uint_eq(len, 3012 - 1526);
		/* While frames flow nobody needs kicks for new buffers. */
		fake_ring_wants_kick(&x.rx);
		post_rx(&x, 0, 1526);
		ck_assert(!fake_ring_wants_kick(&x.rx));
		rig_down(&x);
	}
}
END_TEST

/* A frame that is made in the receive buffers: what is not used stays in the ring. */
START_TEST(frames_are_made_in_place)
{
	struct netif_offload o = { .needs_csum = true, .csum_start = 34, .csum_offset = 16 };
	static u8 frame[3000];
	const struct netif_client *c;
	struct iov_cur room;
	struct rig x;
	struct hdr h;
	u32 id, len;
	void *arg;

	memset(frame, 0x42, sizeof(frame));
	rig_up(&x, F_BASE | F_OFFLOADS | F_MRG_RXBUF);
	c = x.n->netif.client;
	arg = x.n->netif.client_arg;
	ck_assert_int_eq(c->reserve(arg, 1, 100, &room), -EAGAIN);
	for (u64 i = 0; i < 4; i++)
		post_rx(&x, i * 4096, 1526);
	ck_assert(fake_ring_wants_kick(&x.rx));
	ck_assert_int_eq(c->reserve(arg, 6200, 9000, &room), -EAGAIN); /* too few, of four */
	for (unsigned round = 0; round < 2; round++) {
		ck_assert_int_eq(c->reserve(arg, 1, 5000, &room), 0);
		ck_assert_uint_eq(room.left, 4 * 1526 - 12);
		if (!round)
			c->commit(arg, NULL, 0);
	}
	ck_assert_uint_eq(iov_write(&room, frame, sizeof(frame)), sizeof(frame));
	c->commit(arg, &o, sizeof(frame));
	c->flush(arg);
	memcpy(&h, fake_ptr(x.mem, FAKE_DATA, 12), 12);
	ck_assert_uint_eq(h.num_buffers, 2);
	ck_assert_uint_eq(h.flags, 1);
	ck_assert(fake_ring_used(&x.rx, &id, &len));
	ck_assert_uint_eq(len, 1526);
	ck_assert_mem_eq(fake_ptr(x.mem, FAKE_DATA + 12, 1514), frame, 1514);
	ck_assert(fake_ring_used(&x.rx, &id, &len));
	ck_assert_uint_eq(len, 3012 - 1526);
	ck_assert_mem_eq(fake_ptr(x.mem, FAKE_DATA + 4096, len), frame, len);
	ck_assert(!fake_ring_used(&x.rx, &id, &len));
	/* The other two are the next ones. */
	ck_assert_int_eq(c->reserve(arg, 1, 10, &room), 0);
	ck_assert_ptr_eq(room.iov->iov_base, fake_ptr(x.mem, FAKE_DATA + 2 * 4096, 1));
	c->commit(arg, NULL, 0);
	rig_down(&x);

	/* One buffer is one frame where they are not merged; and without a driver there is none. */
	rig_up(&x, F_BASE);
	c = x.n->netif.client;
	arg = x.n->netif.client_arg;
	post_rx(&x, 0, 1526);
	post_rx(&x, 4096, 1526);
	ck_assert_int_eq(c->reserve(arg, 1515, 3000, &room), -EMSGSIZE);
	ck_assert_int_eq(c->reserve(arg, 1514, 3000, &room), 0);
	c->commit(arg, &none, 1514);
	virtio_status_set(x.d, 0);
	ck_assert_int_eq(c->reserve(arg, 1, 1, &room), -ENODEV);
	rig_down(&x);
}
END_TEST

/* A guest that makes a bad ring of it breaks its own device. */
START_TEST(bad_buffers_to_make_frames_in)
{
	for (unsigned i = 0; i < 2; i++) {
		struct iov_cur room;
		struct rig x;

		rig_up(&x, F_BASE | F_MRG_RXBUF);
		if (i) {
			post_rx(&x, 0, 11); /* no room for the header */
		} else {
			struct fake_buf b = { FAKE_DATA, 1526, false };

			fake_ring_add(&x.rx, &b, 1);
		}
		ck_assert_int_eq(x.n->netif.client->reserve(x.n->netif.client_arg, 1, 9, &room),
				 -EIO);
		ck_assert(broken(&x));
		rig_down(&x);
	}
}
END_TEST

START_TEST(reports_how_many_receive_buffers)
{
	/* Linux kicks when it has filled the ring; the other one if there was nothing. */
	static const struct {
		unsigned nr;
		u16 queue;
	} rings[] = { { 7, RXQ }, { 16, RXQ }, { 0, TXQ }, { 16, TXQ } };
	struct rig x;

	for (unsigned i = 0; i < ARRAY_SIZE(rings); i++) {
		rig_create(&x, ALL_OFFLOADS, 8192, true);
		/* Once for each driver. */
		for (unsigned driver = 1; driver <= 2; driver++) {
			nr_filled = driver - 1;
			rig_start(&x, F_BASE);
			for (u64 n = 0; n < rings[i].nr; n++)
				post_rx(&x, n * 4096, 1526);
			kick(&x, rings[i].queue);
			kick(&x, rings[i].queue);
			ck_assert_uint_eq(nr_filled, driver);
			ck_assert_uint_eq(filled, rings[i].nr);
			ck_assert_uint_eq(filled_size, 16);
			ck_assert_uint_eq(filled_mtu, 8192);
			virtio_status_set(x.d, 0);
		}
		rig_down(&x);
	}
}
END_TEST

START_TEST(frames_that_can_never_fit_are_dropped)
{
	static u8 frame[3000];
	struct rig x;
	u32 id, len;

	/* Without MRG_RXBUF a frame must fit into one buffer. */
	rig_up(&x, F_BASE);
	post_rx(&x, 0, 1526);
	ck_assert_int_eq(fake_netif_receive(x.n, &none, frame, sizeof(frame)), 0);
	fake_netif_flush(x.n);
	ck_assert(!fake_ring_used(&x.rx, &id, &len));
	ck_assert_int_eq(fake_netif_receive(x.n, &none, frame, 1514), 0);
	fake_netif_flush(x.n);
	ck_assert(fake_ring_used(&x.rx, &id, &len));
	ck_assert(!broken(&x));
	rig_down(&x);
	/* With it, into a full ring of them. */
	rig_up(&x, F_BASE | F_MRG_RXBUF);
	for (u64 i = 0; i < 16; i++)
		post_rx(&x, i * 4096, 64);
	ck_assert_int_eq(fake_netif_receive(x.n, &none, frame, sizeof(frame)), 0);
	ck_assert_int_eq(fake_netif_receive(x.n, &none, frame, 1000), 0);
	fake_netif_flush(x.n);
	for (unsigned i = 0; i < 16; i++)
		ck_assert(fake_ring_used(&x.rx, &id, &len));
	rig_down(&x);
}
END_TEST

START_TEST(bad_receive_buffers)
{
	static const struct fake_buf readable = { FAKE_DATA, 2000, false };
	static const struct fake_buf tiny = { FAKE_DATA, 11, true };
	struct rig x;

	rig_up(&x, F_BASE);
	fake_ring_add(&x.rx, &readable, 1);
	ck_assert_int_eq(fake_netif_receive(x.n, &none, "0123456789abcdef", 16), 0);
	ck_assert(broken(&x));
	/* Broken: frames are dropped, nothing is touched. */
	ck_assert_int_eq(fake_netif_receive(x.n, &none, "0123456789abcdef", 16), 0);
	rig_down(&x);
	/* [virtio 1.3 §5.1.6.3.1]: at least the header fits. */
	rig_up(&x, F_BASE | F_MRG_RXBUF);
	fake_ring_add(&x.rx, &tiny, 1);
	ck_assert_int_eq(fake_netif_receive(x.n, &none, "0123456789abcdef", 16), 0);
	ck_assert(broken(&x));
	rig_down(&x);
}
END_TEST

START_TEST(frames_without_a_driver_are_dropped)
{
	struct rig x;

	rig_create(&x, 0, 0, false);
	ck_assert_int_eq(fake_netif_receive(x.n, &none, "0123456789abcdef", 16), 0);
	fake_netif_flush(x.n);
	rig_start(&x, F_BASE);
	virtio_status_set(x.d, 0);
	ck_assert_int_eq(fake_netif_receive(x.n, &none, "0123456789abcdef", 16), 0);
	rig_down(&x);
}
END_TEST

/* A ring that is never empty is served in turns, so that the loop's other fds get theirs. */
static struct rig *endless;

static int post_another(struct netif *n, const struct netif_offload *o, struct iov_cur frame)
{
	u32 id, len;

	endless->n->nr_send++;
	while (fake_ring_used(&endless->tx, &id, &len))
		;
	if (endless->n->nr_send < 1000)
		post_tx(endless, 0, &(struct hdr){ .flags = 0 }, 60, false);
	return 0;
}

static unsigned tx_interrupts;
static const struct fake_transport *at_flush;

static void look_at_flush(struct fake_netif *n)
{
	tx_interrupts = at_flush->queue[TXQ];
}

/* Who waits for a frame has it before the driver knows that it is sent. */
START_TEST(sent_before_it_is_said)
{
	struct rig x;

	rig_up(&x, F_BASE);
	at_flush = &x.t;
	tx_interrupts = UINT_MAX;
	x.n->on_flush = look_at_flush;
	post_tx(&x, 0, &(struct hdr){ .flags = 0 }, 60, false);
	kick(&x, TXQ);
	ck_assert_uint_eq(tx_interrupts, 0);
	ck_assert_uint_eq(x.t.queue[TXQ], 1);
	rig_down(&x);
}
END_TEST

START_TEST(work_per_kick_is_bounded)
{
	struct netif_ops ops;
	struct rig x;

	rig_up(&x, F_BASE);
	endless = &x;
	ops = *x.n->netif.ops;
	ops.send = post_another;
	x.n->netif.ops = &ops;
	post_tx(&x, 0, &(struct hdr){ .flags = 0 }, 60, false);
	kick(&x, TXQ);
	ck_assert_uint_le(x.n->nr_send, 16);
	for (int i = 0; i < 100; i++)
		loop_step(x.loop, 0);
	ck_assert_uint_eq(x.n->nr_send, 1000);
	rig_down(&x);
}
END_TEST

START_TEST(a_queue_is_reset_alone)
{
	struct rig x;
	u32 id, len;

	rig_up(&x, F_BASE | VIRTIO_F_RING_RESET);
	virtio_queue_reset(x.d, &x.d->queues[RXQ]);
	ck_assert_uint_eq(x.n->nr_down, 0);
	ck_assert_int_eq(fake_netif_receive(x.n, &none, "0123456789abcdef", 16), -EAGAIN);
	fake_ring_init(&x.rx, x.mem, FAKE_RING(0), 16, false);
	post_rx(&x, 0, 1526);
	fake_queue(x.d, RXQ, &x.rx);
	/* It had buffers when it started: the netif is told. */
	ck_assert_uint_eq(x.n->nr_rx_ready, 1);
	ck_assert_int_eq(fake_netif_receive(x.n, &none, "0123456789abcdef", 16), 0);
	fake_netif_flush(x.n);
	ck_assert(fake_ring_used(&x.rx, &id, &len));
	rig_down(&x);
}
END_TEST

SUITE_MAIN("virtio/net", identity_and_config, features_follow_the_netif_and_the_pool,
	   the_netif_learns_what_was_accepted, destroying_the_device_destroys_the_netif,
	   frames_go_out, offload_headers_go_along, headers_that_lie, chains_that_are_no_frames,
	   the_black_book, a_netif_that_is_full_keeps_frames_in_the_ring,
	   a_full_netif_and_a_broken_ring, what_the_netif_drops_is_done_with, frames_come_in,
	   large_frames_take_several_buffers, back_pressure, frames_are_made_in_place,
	   bad_buffers_to_make_frames_in, reports_how_many_receive_buffers,
	   frames_that_can_never_fit_are_dropped, bad_receive_buffers,
	   frames_without_a_driver_are_dropped, sent_before_it_is_said, work_per_kick_is_bounded,
	   a_queue_is_reset_alone)
