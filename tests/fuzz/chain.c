/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A driver that means harm: bytes of the input lay out rings, tables and buffers, post, take pages
 * back, and interleave all of it with a device that takes, puts back, completes and publishes.
 *
 * Checked besides the sanitizers: everything that chain_take() hands out lies in shared RAM and
 * adds up, heads are never in flight twice, and each step is bounded.
 *
 * Thread: one.
 * Trust:  plays the hostile side itself.
 * Spec:   virtio 1.3 §2.7
 *
 * Input: 4 bytes of set-up (log2 of the ring size, features, pieces, which areas lie oddly), then
 * operations of one byte each with their operands.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/driver.h"
#include "tests/fuzz/input.h"
#include "virtio/core/chain.h"
#include "virtio/core/device.h"

#define MAX_IOV 64u

struct rig {
	struct mem *mem;
	struct fake_ring ring;
	struct virtqueue q;
	struct iovec iov[MAX_IOV];
	u16 max;
	u16 held[QUEUE_MAX_SIZE]; /* heads in flight, in the order they were taken */
	u16 nr_held;
	u16 fresh; /* of these, taken since the last push: can be put back */
};

/* Mostly inside RAM, sometimes at its edges, sometimes anywhere. */
static u64 in_addr(struct input *i)
{
	u64 kind = in(i, 1);

	switch (kind >> 6) {
	case 0:
		return FAKE_DATA + (kind & 63) * 4096 + in(i, 2);
	case 1:
		return FAKE_RAM + FAKE_RAM_SIZE - (kind & 63);
	case 2:
		return FAKE_RAM + in(i, 3);
	default:
		return in(i, 8);
	}
}

static void check_chain(struct rig *x, const struct chain *c)
{
	const struct mem_region *ram = mem_region(x->mem, 0);
	u64 sum[2] = { 0, 0 };

	check(c->head < x->q.size);
	check(c->nr_read + c->nr_write <= x->max);
	check(c->nr_read + c->nr_write > 0);
	for (unsigned i = 0; i < (unsigned)c->nr_read + c->nr_write; i++) {
		u64 off = (u64)((char *)c->iov[i].iov_base - (char *)ram->shared_view);

		check(c->iov[i].iov_len > 0 && range_within(off, c->iov[i].iov_len, ram->size));
		check(mem_is_shared(x->mem, gpa(FAKE_RAM + (off & ~UINT64_C(4095))), 4096));
		sum[i >= c->nr_read] += c->iov[i].iov_len;
	}
	check(sum[0] == c->read_len && sum[1] == c->write_len);
	for (u16 i = 0; i < x->nr_held; i++)
		check(x->held[i] != c->head);
}

/* The device's side. False: it is broken and would wait for a reset. */
static bool take(struct rig *x)
{
	struct chain c = { .iov = x->iov, .max = x->max };
	int n = chain_take(&x->q, &c);

	check(n == 0 || n == 1 || n == -EBADMSG || n == -EFAULT);
	if (n == 1) {
		check_chain(x, &c);
		/* As a device would: the last byte of what it may write. */
		if (c.nr_write) {
			struct iovec *last = &c.iov[c.nr_read + c.nr_write - 1];

			((u8 *)last->iov_base)[last->iov_len - 1] = 0xa5;
		}
		check(x->nr_held < x->q.size);
		x->held[x->nr_held++] = c.head;
		x->fresh++;
	}
	return n >= 0;
}

static void push(struct rig *x, u16 which)
{
	if (!x->nr_held)
		return;
	which %= x->nr_held;
	queue_push(&x->q, x->held[which], which * 77u);
	memmove(&x->held[which], &x->held[which + 1],
		(x->nr_held - which - 1u) * sizeof(x->held[0]));
	x->nr_held--;
	x->fresh = 0;
}

static void untake(struct rig *x)
{
	if (!x->fresh)
		return;
	queue_untake(&x->q, x->held[--x->nr_held]);
	x->fresh--;
}

/* Take one page back or share it again, as a guest may at any time between holds. */
static bool flip_page(struct rig *x, u64 page)
{
	gpa_t g = gpa(FAKE_RAM + page % (FAKE_RAM_SIZE / 4096) * 4096);

	fake_release(x->mem);
	mem_set_shared(x->mem, g, 4096, !mem_is_shared(x->mem, g, 4096));
	fake_hold(x->mem);
	return queue_remap(&x->q) == 0;
}

static bool step(struct rig *x, struct input *i)
{
	u8 op = (u8)in(i, 1);
	u32 index;

	switch (op % 12) {
	case 0: /* a descriptor of the ring's table */
		index = (u32)in(i, 1) % x->ring.size;
		fake_desc(x->mem, x->ring.desc, index, in_addr(i), (u32)in(i, 2), (u16)in(i, 1),
			  (u16)in(i, 1));
		break;
	case 1: /* one of an indirect table, with a full-width length */
		index = (u32)in(i, 1);
		fake_desc(x->mem, FAKE_DATA, index, in_addr(i), (u32)in(i, 4), (u16)in(i, 1),
			  (u16)in(i, 2));
		break;
	case 2:
		fake_ring_expose(&x->ring, (u16)(in(i, 1) % x->ring.size));
		fake_ring_publish(&x->ring);
		break;
	case 3:
		fake_ring_expose(&x->ring, (u16)in(i, 2));
		break;
	case 4: /* the index goes anywhere */
		x->ring.avail_idx = (u16)(x->ring.avail_idx + in(i, 2));
		fake_ring_publish(&x->ring);
		break;
	case 5: /* any bytes anywhere */
		index = (u32)in(i, 3) % (u32)(FAKE_RAM_SIZE - 8);
		*(u8 *)fake_ptr(x->mem, FAKE_RAM + index, 1) = (u8)in(i, 1);
		break;
	case 6:
		return flip_page(x, in(i, 2));
	case 7:
		return take(x);
	case 8:
		push(x, (u16)in(i, 1));
		break;
	case 9:
		untake(x);
		break;
	case 10:
		queue_kick_off(&x->q);
		queue_publish(&x->q);
		break;
	case 11:
		queue_kick_on(&x->q);
		check(queue_available(&x->q) <= x->q.size);
		break;
	}
	return true;
}

static bool set_up(struct rig *x, struct input *i)
{
	u16 size = (u16)(1u << (in(i, 1) % 11));
	u8 features = (u8)in(i, 1);
	u8 oddness;

	x->max = (u16)(1 + in(i, 1) % MAX_IOV);
	oddness = (u8)in(i, 1);
	fake_ring_init(&x->ring, x->mem, FAKE_RING(0), size, features & 1);
	x->q = (struct virtqueue){ .max_size = 1024, .size = size };
	x->q.desc = oddness & 1 ? in_addr(i) & ~UINT64_C(15) : x->ring.desc;
	x->q.driver = oddness & 2 ? in_addr(i) & ~UINT64_C(1) : x->ring.avail;
	x->q.device = oddness & 4 ? in_addr(i) & ~UINT64_C(3) : x->ring.used;
	return queue_start(&x->q, x->mem,
			   (features & 1 ? VIRTIO_F_EVENT_IDX : 0) |
				   (features & 2 ? VIRTIO_F_INDIRECT_DESC : 0)) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input i = { data, len };
	struct rig x = { .mem = fake_mem(MEM_PROTECTED) };

	mem_set_shared(x.mem, gpa(FAKE_RAM), FAKE_RAM_SIZE, true);
	fake_hold(x.mem);
	if (set_up(&x, &i))
		while (i.left && step(&x, &i))
			;
	fake_release(x.mem);
	mem_destroy(x.mem);
	return 0;
}
