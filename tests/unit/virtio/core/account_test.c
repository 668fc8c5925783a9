/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The account of a device: each buffer once, each refusal, pages, and the ring of events. */
#include <errno.h>
#include <pthread.h>

#include "lkvm/vm/loop.h"
#include "tests/fake/driver.h"
#include "tests/fake/echo.h"
#include "tests/unit/suite.h"

#define ALIAS BIT(40)

struct rig {
	struct mem *mem;
	struct account *a;
	struct fake_ring ring;
	struct virtqueue q;
	struct iovec iov[32];
	struct chain c;
	struct account_sums sums;
};

static void rig_up(struct rig *x, u64 mem_flags)
{
	*x = (struct rig){ .mem = fake_mem(mem_flags) };
	mem_set_alias(x->mem, ALIAS);
	if (mem_flags)
		ck_assert_int_eq(mem_set_shared(x->mem, gpa(FAKE_RAM), 3 * MiB, true), 0);
	ck_assert_int_eq(account_create(&x->a, x->mem, 3), 0);
	fake_ring_init(&x->ring, x->mem, FAKE_RING(0), 8, false);
	x->q = (struct virtqueue){ .index = 1, .max_size = 8, .size = 8, .account = x->a };
	x->q.desc = x->ring.desc;
	x->q.driver = x->ring.avail;
	x->q.device = x->ring.used;
	x->c = (struct chain){ .iov = x->iov, .max = ARRAY_SIZE(x->iov) };
	fake_hold(x->mem);
	ck_assert_int_eq(queue_start(&x->q, x->mem, VIRTIO_F_INDIRECT_DESC), 0);
}

static void rig_down(struct rig *x)
{
	fake_release(x->mem);
	account_destroy(x->a);
	mem_destroy(x->mem);
}

static const struct account_sums *sums(struct rig *x)
{
	account_sums(x->a, &x->sums);
	return &x->sums;
}

static const struct fake_buf request[] = {
	{ FAKE_DATA, 16, false },
	{ FAKE_DATA + 0x1ff0 + ALIAS, 0x20, false }, /* two pages */
	{ FAKE_DATA + 0x1800, 512, true },	     /* one of them again */
	{ FAKE_DATA + 0x5000, 1, true },
};

START_TEST(sums_of_chains)
{
	struct rig x;

	rig_up(&x, 0);
	ck_assert_uint_eq(sums(&x)->nr_out + sums(&x)->nr_in + sums(&x)->pages, 0);
	fake_ring_add(&x.ring, request, 4);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	queue_push(&x.q, x.c.head, 100);
	ck_assert_uint_eq(sums(&x)->nr_out, 2);
	ck_assert_uint_eq(sums(&x)->out_len, 0x30);
	ck_assert_uint_eq(sums(&x)->nr_in, 2);
	ck_assert_uint_eq(sums(&x)->in_len, 513);
	ck_assert_uint_eq(sums(&x)->nr_tables, 0);
	ck_assert_uint_eq(sums(&x)->written, 100);
	ck_assert_uint_eq(sums(&x)->pages, 4);
	/* The same buffers through a table: one more buffer, one more page. */
	fake_ring_add_indirect(&x.ring, request, 4, FAKE_DATA + 0x8000);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	ck_assert_uint_eq(sums(&x)->nr_out, 5);
	ck_assert_uint_eq(sums(&x)->out_len, 0x60 + 4 * 16);
	ck_assert_uint_eq(sums(&x)->nr_tables, 1);
	ck_assert_uint_eq(sums(&x)->table_len, 4 * 16);
	ck_assert_uint_eq(sums(&x)->pages, 5);
	/* Neither the rings nor an empty one count. */
	ck_assert_int_eq(chain_take(&x.q, &x.c), 0);
	ck_assert_uint_eq(sums(&x)->pages, 5);
	rig_down(&x);
}
END_TEST

/* Pages are counted from the first byte to the last, which may be the last of RAM. */
START_TEST(whole_pages)
{
	static const struct fake_buf bufs[] = {
		{ FAKE_DATA, 4096, false },
		{ FAKE_DATA + 3 * 4096, 8192, false },
		{ FAKE_RAM + FAKE_RAM_SIZE - 4096, 4096, true },
	};
	struct rig x;

	rig_up(&x, 0);
	fake_ring_add(&x.ring, bufs, 1);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	ck_assert_uint_eq(sums(&x)->pages, 1);
	fake_ring_add(&x.ring, bufs + 1, 2);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	ck_assert_uint_eq(sums(&x)->pages, 1 + 2 + 1);
	rig_down(&x);
}
END_TEST

/* One piece each way for the device, and the driver's buffers for the account. */
START_TEST(buffers_behind_each_other)
{
	static const struct fake_buf bufs[] = {
		{ FAKE_DATA, 16, false },
		{ FAKE_DATA + 16, 4096, false },
		{ FAKE_DATA + 4112, 512, true },
		{ FAKE_DATA + 4624, 1, true },
	};
	struct account_ring *ring;
	struct account_event e;
	struct rig x;

	rig_up(&x, 0);
	ck_assert_int_eq(account_ring_create(&ring), 0);
	for (unsigned watched = 0; watched < 2; watched++) {
		account_trace(x.a, watched ? ring : NULL);
		fake_ring_add(&x.ring, bufs, 4);
		ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
		ck_assert_uint_eq(x.c.nr_read, 1 + watched);
		ck_assert_uint_eq(x.c.nr_write, 1 + watched);
		queue_push(&x.q, x.c.head, 0);
		ck_assert_uint_eq(sums(&x)->nr_out, 2 + 2 * watched);
		ck_assert_uint_eq(sums(&x)->out_len, 4112 * (1 + watched));
		ck_assert_uint_eq(sums(&x)->nr_in, 2 + 2 * watched);
		ck_assert_uint_eq(sums(&x)->in_len, 513 * (1 + watched));
		ck_assert_uint_eq(sums(&x)->pages, 2);
	}
	for (unsigned i = 0; i < 4; i++) {
		ck_assert(account_ring_next(ring, &e));
		ck_assert_uint_eq(e.addr, bufs[i].addr);
		ck_assert_uint_eq(e.len, bufs[i].len);
	}
	ck_assert(!account_ring_next(ring, &e));
	account_ring_destroy(ring);
	rig_down(&x);
}
END_TEST

/* A frame that the netif does not take now comes back to the ring, and is taken again later. */
START_TEST(put_back_counts_once)
{
	struct rig x;
	u16 first;

	rig_up(&x, 0);
	/* Past the end of the 16-bit index, too. */
	for (unsigned i = 0; i < 70000; i++) {
		fake_ring_add(&x.ring, request, 2);
		fake_ring_add(&x.ring, request, 1);
		ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
		first = x.c.head;
		ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
		queue_untake(&x.q, x.c.head);
		queue_untake(&x.q, first);
		for (unsigned again = 0; again < 2; again++) {
			ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
			queue_push(&x.q, x.c.head, 0);
		}
		queue_publish(&x.q);
	}
	ck_assert_uint_eq(sums(&x)->nr_out, 3 * 70000);
	/* A queue that starts again begins at index 0. */
	queue_stop(&x.q);
	fake_ring_init(&x.ring, x.mem, FAKE_RING(0), 8, false);
	ck_assert_int_eq(queue_start(&x.q, x.mem, 0), 0);
	fake_ring_add(&x.ring, request, 1);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	ck_assert_uint_eq(sums(&x)->nr_out, 3 * 70000 + 1);
	rig_down(&x);
}
END_TEST

START_TEST(refused_are_told_apart)
{
	static const struct fake_buf bad[] = {
		{ FAKE_RAM + 3 * MiB, 16, false },    /* protected */
		{ FAKE_RAM + 3 * MiB - 8, 16, true }, /* half of it */
		{ 0x1000, 16, true },		      /* no RAM */
		{ UINT64_MAX - 7, 16, false },
	};
	struct account_event e;
	struct account_ring *ring;
	struct rig x;

	rig_up(&x, MEM_PROTECTED);
	ck_assert_int_eq(account_ring_create(&ring), 0);
	account_trace(x.a, ring);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		fake_ring_add(&x.ring, &bad[i], 1);
		ck_assert_int_eq(chain_take(&x.q, &x.c), -EFAULT);
		ck_assert_uint_eq(sums(&x)->refused, i + 1);
		ck_assert(account_ring_next(ring, &e));
		ck_assert_uint_eq(e.way, ACCOUNT_REFUSED);
		ck_assert_uint_eq(e.addr, bad[i].addr);
		ck_assert_uint_eq(e.len, 16);
	}
	ck_assert_uint_eq(sums(&x)->nr_out + sums(&x)->nr_in + sums(&x)->pages, 0);
	/* A table of descriptors, and a ring. */
	fake_desc(x.mem, x.ring.desc, 7, FAKE_RAM + 3 * MiB, 32, FAKE_INDIRECT, 0);
	fake_ring_expose(&x.ring, 7);
	fake_ring_publish(&x.ring);
	ck_assert_int_eq(chain_take(&x.q, &x.c), -EFAULT);
	ck_assert(account_ring_next(ring, &e));
	ck_assert_uint_eq(e.addr, FAKE_RAM + 3 * MiB);
	queue_stop(&x.q);
	x.q.device = FAKE_RAM + 3 * MiB;
	ck_assert_int_eq(queue_start(&x.q, x.mem, 0), -EFAULT);
	ck_assert_uint_eq(sums(&x)->refused, ARRAY_SIZE(bad) + 2);
	ck_assert(account_ring_next(ring, &e));
	ck_assert_uint_eq(e.addr, x.q.device);
	account_ring_destroy(ring);
	rig_down(&x);
}
END_TEST

START_TEST(events_of_a_chain)
{
	static const struct {
		u64 addr;
		u32 len;
		enum account_way way;
	} want[] = {
		{ FAKE_DATA, 16, ACCOUNT_OUT },
		{ FAKE_DATA + 0x1ff0, 0x20, ACCOUNT_OUT }, /* without the alias */
		{ FAKE_DATA + 0x1800, 512, ACCOUNT_IN },
		{ FAKE_DATA + 0x5000, 1, ACCOUNT_IN },
		{ FAKE_DATA + 0x8000, 4 * 16, ACCOUNT_OUT }, /* the table */
	};
	u64 before = loop_now_ns();
	struct account_event e;
	struct account_ring *ring;
	struct rig x;

	rig_up(&x, 0);
	ck_assert_int_eq(account_ring_create(&ring), 0);
	account_trace(x.a, ring);
	fake_ring_add_indirect(&x.ring, request, 4, FAKE_DATA + 0x8000);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
		ck_assert(account_ring_next(ring, &e));
		ck_assert_uint_eq(e.addr, want[i].addr);
		ck_assert_uint_eq(e.len, want[i].len);
		ck_assert_uint_eq(e.way, want[i].way);
		ck_assert_uint_eq(e.device, 3);
		ck_assert_uint_eq(e.queue, 1);
		ck_assert(e.time_ns >= before && e.time_ns <= loop_now_ns());
	}
	ck_assert(!account_ring_next(ring, &e));
	account_trace(x.a, NULL);
	fake_ring_add(&x.ring, request, 2);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	ck_assert(!account_ring_next(ring, &e));
	account_ring_destroy(ring);
	rig_down(&x);
}
END_TEST

/* Nobody reads: the oldest stay, the rest is counted. Then it goes on. */
START_TEST(a_full_ring_counts_what_it_loses)
{
	struct account_event e;
	struct account_ring *ring;
	struct rig x;
	unsigned nr = 0;

	rig_up(&x, 0);
	ck_assert_int_eq(account_ring_create(&ring), 0);
	account_trace(x.a, ring);
	for (u32 i = 0; i < 10000; i++)
		account_refused(x.a, x.q.index, i, 1);
	while (account_ring_next(ring, &e))
		ck_assert_uint_eq(e.addr, nr++);
	ck_assert_uint_gt(nr, 1000);
	ck_assert_uint_eq(account_ring_lost(ring), 10000 - nr);
	ck_assert_uint_eq(account_ring_lost(ring), 0);
	account_refused(x.a, x.q.index, 77, UINT64_MAX);
	ck_assert(account_ring_next(ring, &e));
	ck_assert_uint_eq(e.addr, 77);
	ck_assert_uint_eq(e.len, UINT32_MAX);
	account_ring_destroy(ring);
	rig_down(&x);
}
END_TEST

#define MANY 300000u

static void *read_all(void *arg)
{
	struct account_ring *ring = arg;
	struct account_event e;
	u64 seen = 0, next = 0, lost = 0;

	while (seen + lost < MANY) {
		lost += account_ring_lost(ring);
		while (account_ring_next(ring, &e)) {
			ck_assert_uint_ge(e.addr, next); /* in order, none twice */
			ck_assert_uint_eq(e.len, (u32)e.addr);
			next = e.addr + 1;
			seen++;
		}
	}
	ck_assert_uint_eq(seen + lost, MANY);
	return NULL;
}

START_TEST(two_threads_and_a_ring)
{
	struct account_ring *ring;
	pthread_t reader;
	struct rig x;

	rig_up(&x, 0);
	ck_assert_int_eq(account_ring_create(&ring), 0);
	account_trace(x.a, ring);
	ck_assert_int_eq(pthread_create(&reader, NULL, read_all, ring), 0);
	for (u32 i = 0; i < MANY; i++)
		account_refused(x.a, x.q.index, i, i);
	pthread_join(reader, NULL);
	account_ring_destroy(ring);
	rig_down(&x);
}
END_TEST

/* A device gives its account to all of its queues, and a reset does not take it away. */
START_TEST(account_of_a_device)
{
	struct fake_echo e;
	struct loop *loop;
	struct mem *m = fake_mem(0);

	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(fake_echo_init(&e, 0, m, loop), 0);
	ck_assert_ptr_null(e.dev.queues[0].account);
	ck_assert_int_eq(virtio_account(&e.dev, 7), 0);
	virtio_status_set(&e.dev, 0);
	for (unsigned i = 0; i < FAKE_ECHO_QUEUES; i++)
		ck_assert_ptr_eq(e.dev.queues[i].account, e.dev.account);
	fake_echo_fini(&e);
	loop_destroy(loop);
	mem_destroy(m);
}
END_TEST

SUITE_MAIN("virtio/account", sums_of_chains, whole_pages, buffers_behind_each_other,
	   put_back_counts_once, refused_are_told_apart, events_of_a_chain,
	   a_full_ring_counts_what_it_loses, two_threads_and_a_ring, account_of_a_device)
