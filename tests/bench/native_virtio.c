/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The native device path, for callgrind: a fake driver posts requests in batches to a device whose
 * back end does nothing, so that what is counted is rings, chains, headers and the loop.
 *
 *	native_virtio net-tx|net-rx|blk-read|blk-write|rng BATCH NR
 *
 * NR requests, BATCH of them per doorbell (or per arrival). Only loop_step() is of interest
 * (callgrind --toggle-collect=loop_step); prints how many were done.
 *
 * Thread: one, plays guest and loop.
 * Trust:  none needed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/vm/loop.h"
#include "net/netif.h"
#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "virtio/dev/kinds.h"
#include "virtio/dev/rng_conf.h"
#include "virtio/disk/disk.h"

#define RING 256u
#define FEATURES (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)
#define NET_HDR 12u
#define FRAME 1514u
#define BLOCK 4096u
#define SLOT 8192u /* one request's room */
#define BLK_T_IN 0u
#define BLK_T_OUT 1u

struct bench {
	struct mem *mem;
	struct loop *loop;
	struct virtio_device *d;
	struct fake_transport t;
	struct fake_ring ring;
	u16 queue;
	u64 done;
};

/* ---- back ends that do nothing ---- */

static u64 frames_sent;

static int null_send(struct netif *n, const struct netif_offload *o, struct iov_cur frame)
{
	frames_sent++;
	return 0;
}

static void null_up(struct netif *n, u32 offloads)
{
}

static void null_net(struct netif *n)
{
}

static const struct netif_ops null_netif_ops = { .up = null_up,
						 .down = null_net,
						 .send = null_send,
						 .flush = null_net,
						 .rx_ready = null_net,
						 .destroy = null_net };
static struct netif null_netif = { .ops = &null_netif_ops,
				   .mtu = 1500,
				   .mac = { 2, 0, 0, 0, 0, 1 } };

static struct disk_req *queued;

static void null_submit(struct disk *d, struct disk_req *r)
{
	r->next = queued;
	queued = r;
}

static void null_commit(struct disk *d)
{
	while (queued) {
		struct disk_req *r = queued;

		queued = r->next;
		r->done(r, 0);
	}
	if (d->batch_end)
		d->batch_end(d->batch_arg);
}

static bool null_wait(struct disk *d)
{
	return false;
}

static int null_measure(struct disk *d, u64 *size)
{
	return -1;
}

static void null_disk_done(struct disk *d)
{
}

static const struct disk_ops null_disk_ops = { .submit = null_submit,
					       .commit = null_commit,
					       .cancel = null_commit,
					       .wait = null_wait,
					       .measure = null_measure,
					       .destroy = null_disk_done };
static struct disk null_disk = {
	.ops = &null_disk_ops, .size = GiB, .block_size = 512, .physical_block_size = 512
};

/* ---- driver ---- */

static void start(struct bench *b, u16 queue, u16 ring)
{
	b->queue = queue;
	fake_transport_attach(&b->t, b->d);
	if (!fake_negotiate(b->d, FEATURES & b->d->offered))
		exit(1);
	fake_ring_init(&b->ring, b->mem, FAKE_RING(queue), ring, true);
	fake_queue(b->d, queue, &b->ring);
	fake_driver_ok(b->d);
	loop_step(b->loop, 0);
}

static void reap(struct bench *b)
{
	u32 id, len;

	while (fake_ring_used(&b->ring, &id, &len))
		b->done++;
	fake_ring_interrupts(&b->ring, true);
}

static void post_net(struct bench *b, unsigned i, bool rx)
{
	struct fake_buf buf = { FAKE_DATA + (u64)i * SLOT, NET_HDR + FRAME, rx };

	fake_ring_add(&b->ring, &buf, 1);
}

static void post_rng(struct bench *b, unsigned i)
{
	struct fake_buf buf = { FAKE_DATA + (u64)i * SLOT, 64, true };

	fake_ring_add(&b->ring, &buf, 1);
}

/* As Linux does: header, data, status through an indirect table. */
static void post_blk(struct bench *b, unsigned i, u32 type)
{
	u64 at = FAKE_DATA + (u64)i * SLOT;
	const struct fake_buf bufs[] = { { at, 16, false },
					 { at + BLOCK, BLOCK, type == BLK_T_IN },
					 { at + 16, 1, true } };
	le32 t = le32_of(type);

	memset(fake_ptr(b->mem, at, 16), 0, 16);
	memcpy(fake_ptr(b->mem, at, 4), &t, 4);
	fake_ring_add_indirect(&b->ring, bufs, 3, at + 64);
}

static void kick(struct bench *b)
{
	if (fake_ring_wants_kick(&b->ring))
		virtio_notify(b->d, b->queue);
	loop_step(b->loop, 0);
	reap(b);
}

/* ---- arrivals: frames for the guest, from inside the loop ---- */

static struct {
	struct loop_timer *timer;
	unsigned batch;
} arrival;

static void on_arrival(void *arg)
{
	static u8 frame[FRAME];
	const struct netif_offload o = { 0 };
	struct iovec iov = { frame, sizeof(frame) };

	for (unsigned i = 0; i < arrival.batch; i++)
		null_netif.client->receive(null_netif.client_arg, &o, iov_cur(&iov, 1));
	null_netif.client->flush(null_netif.client_arg);
}

static void run(struct bench *b, const char *what, unsigned batch, u64 nr)
{
	for (u64 posted = 0; posted < nr; posted += batch) {
		for (unsigned i = 0; i < batch; i++) {
			if (!strcmp(what, "rng"))
				post_rng(b, i);
			else if (!strncmp(what, "blk", 3))
				post_blk(b, i, !strcmp(what, "blk-read") ? BLK_T_IN : BLK_T_OUT);
			else
				post_net(b, i, !strcmp(what, "net-rx"));
		}
		if (!strcmp(what, "net-rx"))
			loop_timer_arm(arrival.timer, 0);
		kick(b);
	}
	/* A timer that was not due yet. */
	for (unsigned i = 0; i < 100 && b->done < nr; i++) {
		loop_step(b->loop, 1);
		reap(b);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc == 4 ? argv[1] : "";
	unsigned batch = argc == 4 ? (unsigned)atoi(argv[2]) : 0;
	u64 nr = argc == 4 ? (u64)atoll(argv[3]) : 0;
	struct virtio_blk_conf conf = { .nr_queues = 1 };
	const struct rng_conf unlimited = { .max_bytes = 0 };
	struct bench b = { .mem = fake_mem(0) };
	struct virtio_env env;
	bool blk = !strncmp(what, "blk", 3), rng = !strcmp(what, "rng");
	int err;

	if (!batch || batch > 128 || loop_create(&b.loop, "bench"))
		return 2;
	env = (struct virtio_env){ .mem = b.mem, .loop = b.loop };
	if (rng)
		err = virtio_rng_create(&b.d, &env, &unlimited);
	else if (blk)
		err = virtio_blk_create(&b.d, &env, &null_disk, &conf);
	else
		err = virtio_net_create(&b.d, &env, &null_netif);
	if (err || loop_timer_add(b.loop, on_arrival, NULL, &arrival.timer))
		return 1;
	arrival.batch = batch;
	start(&b, !strcmp(what, "net-tx"), rng ? 8 : RING);
	run(&b, what, batch, nr);
	printf("%llu done\n", (unsigned long long)b.done);
	return b.done == nr ? 0 : 1;
}
