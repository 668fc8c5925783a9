/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptor chains: what comes out of good ones, and that no bad one gets through. */
#include <errno.h>
#include <string.h>

#include "tests/fake/driver.h"
#include "tests/unit/suite.h"
#include "virtio/core/chain.h"
#include "virtio/core/device.h"

#define MAX_IOV 32u

struct rig {
	struct mem *mem;
	struct fake_ring ring;
	struct virtqueue q;
	struct iovec iov[MAX_IOV];
	struct chain c;
};

static void rig_on(struct rig *x, struct mem *m, u16 size, u64 features)
{
	x->mem = m;
	fake_ring_init(&x->ring, m, FAKE_RING(0), size, false);
	x->q = (struct virtqueue){ .max_size = 1024, .size = size };
	x->q.desc = x->ring.desc;
	x->q.driver = x->ring.avail;
	x->q.device = x->ring.used;
	x->c = (struct chain){ .iov = x->iov, .max = MAX_IOV };
	fake_hold(m);
	ck_assert_int_eq(queue_start(&x->q, m, features), 0);
}

static void rig_up(struct rig *x, u16 size, u64 features)
{
	rig_on(x, fake_mem(0), size, features);
}

static void rig_down(struct rig *x)
{
	fake_release(x->mem);
	mem_destroy(x->mem);
}

static void expect_iov(const struct rig *x, unsigned i, u64 addr, size_t len)
{
	ck_assert_ptr_eq(x->iov[i].iov_base, fake_ptr(x->mem, addr, len));
	ck_assert_uint_eq(x->iov[i].iov_len, len);
}

START_TEST(empty_queue)
{
	struct rig x;

	rig_up(&x, 8, 0);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 0);
	rig_down(&x);
}
END_TEST

START_TEST(readable_then_writable)
{
	/* [virtio 1.3 §2.7.4.2] */
	static const struct fake_buf bufs[] = {
		{ FAKE_DATA, 16, false },
		{ FAKE_DATA + 0x1000, 512, false },
		{ FAKE_DATA + 0x2000, 4096, true },
		{ FAKE_RAM + FAKE_RAM_SIZE - 1, 1, true },
	};

	/* direct, and the same through an indirect table */
	for (unsigned indirect = 0; indirect < 2; indirect++) {
		struct rig x;
		u16 head;

		rig_up(&x, 8, VIRTIO_F_INDIRECT_DESC);
		head = indirect ? fake_ring_add_indirect(&x.ring, bufs, 4, FAKE_DATA + 0x8000)
				: fake_ring_add(&x.ring, bufs, 4);
		ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
		ck_assert_uint_eq(x.c.head, head);
		ck_assert_uint_eq(x.c.nr_read, 2);
		ck_assert_uint_eq(x.c.nr_write, 2);
		ck_assert_uint_eq(x.c.read_len, 16 + 512);
		ck_assert_uint_eq(x.c.write_len, 4096 + 1);
		for (unsigned i = 0; i < 4; i++)
			expect_iov(&x, i, bufs[i].addr, bufs[i].len);
		ck_assert_uint_eq(chain_reader(&x.c).left, x.c.read_len);
		ck_assert_uint_eq(chain_writer(&x.c).left, x.c.write_len);
		ck_assert_int_eq(chain_take(&x.q, &x.c), 0);
		rig_down(&x);
	}
}
END_TEST

START_TEST(chain_as_long_as_the_queue)
{
	struct fake_buf bufs[8];
	struct rig x;

	/* [virtio 1.3 §2.7.5.3.1] The longest chain a driver may make, around the table's end. */
	for (unsigned i = 0; i < 8; i++)
		bufs[i] = (struct fake_buf){ FAKE_DATA + 0x1000 * i, i + 1, true };
	rig_up(&x, 8, 0);
	x.ring.next_desc = 5;
	fake_ring_add(&x.ring, bufs, 8);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	ck_assert_uint_eq(x.c.nr_write, 8);
	ck_assert_uint_eq(x.c.write_len, 36);
	rig_down(&x);
}
END_TEST

START_TEST(direct_descriptors_then_a_table)
{
	struct rig x;

	/*
	 * [virtio 1.3 §2.7.5.3.2] Zero or more normal descriptors, then one that is indirect; WRITE
	 * on that one is ignored.
	 */
	rig_up(&x, 8, VIRTIO_F_INDIRECT_DESC);
	fake_desc(x.mem, x.ring.desc, 0, FAKE_DATA, 10, FAKE_NEXT, 7);
	fake_desc(x.mem, x.ring.desc, 7, FAKE_DATA + 0x1000, 32, FAKE_INDIRECT | FAKE_WRITE, 3);
	fake_desc(x.mem, FAKE_DATA + 0x1000, 0, FAKE_DATA + 0x2000, 20, FAKE_NEXT, 1);
	fake_desc(x.mem, FAKE_DATA + 0x1000, 1, FAKE_DATA + 0x3000, 30, FAKE_WRITE, 0);
	fake_ring_expose(&x.ring, 0);
	fake_ring_publish(&x.ring);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	ck_assert_uint_eq(x.c.nr_read, 2);
	ck_assert_uint_eq(x.c.nr_write, 1);
	expect_iov(&x, 0, FAKE_DATA, 10);
	expect_iov(&x, 1, FAKE_DATA + 0x2000, 20);
	expect_iov(&x, 2, FAKE_DATA + 0x3000, 30);
	rig_down(&x);
}
END_TEST

/* A table may lie at any address and be longer than the ring: drivers with small rings do that. */
START_TEST(table_longer_than_the_ring)
{
	struct fake_buf bufs[19];
	struct rig x;

	for (unsigned i = 0; i < 19; i++)
		bufs[i] = (struct fake_buf){ FAKE_DATA + 0x1000 * i, 100, i >= 4 };
	rig_up(&x, 2, VIRTIO_F_INDIRECT_DESC);
	fake_ring_add_indirect(&x.ring, bufs, 19, FAKE_DATA + 0x80001);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	ck_assert_uint_eq(x.c.nr_read, 4);
	ck_assert_uint_eq(x.c.nr_write, 15);
	rig_down(&x);
}
END_TEST

START_TEST(indirect_only_if_negotiated)
{
	static const struct fake_buf buf = { FAKE_DATA, 16, true };
	struct rig x;

	/* [virtio 1.3 §2.7.5.3.1] */
	rig_up(&x, 8, VIRTIO_F_EVENT_IDX);
	fake_ring_add_indirect(&x.ring, &buf, 1, FAKE_DATA + 0x1000);
	ck_assert_int_eq(chain_take(&x.q, &x.c), -EBADMSG);
	rig_down(&x);
}
END_TEST

START_TEST(empty_elements_are_skipped)
{
	static const struct fake_buf bufs[] = {
		{ 0, 0, false },	  { FAKE_DATA, 16, false },
		{ UINT64_MAX, 0, false }, { FAKE_DATA + 64, 16, true },
		{ 0, 0, true },
	};
	struct rig x;

	rig_up(&x, 8, 0);
	fake_ring_add(&x.ring, bufs, ARRAY_SIZE(bufs));
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	ck_assert_uint_eq(x.c.nr_read, 1);
	ck_assert_uint_eq(x.c.nr_write, 1);
	rig_down(&x);
}
END_TEST

START_TEST(no_more_pieces_than_the_caller_has)
{
	struct fake_buf bufs[5];
	struct rig x;

	for (unsigned i = 0; i < 5; i++)
		bufs[i] = (struct fake_buf){ FAKE_DATA + 0x1000 * i, 8, i >= 2 };
	rig_up(&x, 8, 0);
	x.c.max = 4;
	memset(x.iov, 0xaa, sizeof(x.iov));
	fake_ring_add(&x.ring, bufs, 4);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	queue_push(&x.q, x.c.head, 0);
	fake_ring_add(&x.ring, bufs, 5);
	ck_assert_int_eq(chain_take(&x.q, &x.c), -EBADMSG);
	ck_assert_uint_eq((uintptr_t)x.iov[4].iov_base, UINT64_C(0xaaaaaaaaaaaaaaaa));
	rig_down(&x);
}
END_TEST

START_TEST(total_length_fits_32_bits)
{
	/* [virtio 1.3 §2.7.5.2] Needs buffers that long, so RAM that is only reserved. */
	const u64 big = 0x100000000;
	struct fake_buf bufs[] = {
		{ big, 0x80000000, false },
		{ big, 0x7fffffff, true },
		{ big, 1, true },
	};
	struct mem *m = fake_mem(0);
	struct rig x;

	ck_assert_int_eq(mem_add_ram(m, gpa(big), 2 * GiB, 0, NULL), 0);
	rig_on(&x, m, 8, 0);
	fake_ring_add(&x.ring, bufs, 2);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	ck_assert_uint_eq(x.c.read_len, 0x80000000);
	ck_assert_uint_eq(x.c.write_len, 0x7fffffff);
	fake_ring_add(&x.ring, bufs, 3);
	ck_assert_int_eq(chain_take(&x.q, &x.c), -EBADMSG);
	rig_down(&x);
}
END_TEST

START_TEST(unshared_buffers_and_tables)
{
	static const struct fake_buf buf = { FAKE_DATA + 4096 - 8, 16, true };
	struct mem *m = fake_mem(MEM_PROTECTED);
	struct rig x;

	ck_assert_int_eq(mem_set_shared(m, gpa(FAKE_RAM), 64 * KiB, true), 0);
	ck_assert_int_eq(mem_set_shared(m, gpa(FAKE_DATA), 4096, true), 0);
	rig_on(&x, m, 8, VIRTIO_F_INDIRECT_DESC);
	/* the second half of the buffer is not shared */
	fake_ring_add(&x.ring, &buf, 1);
	ck_assert_int_eq(chain_take(&x.q, &x.c), -EFAULT);
	/* the buffer is, the table is not */
	fake_ring_add_indirect(&x.ring, &(struct fake_buf){ FAKE_DATA, 16, true }, 1,
			       FAKE_DATA + 64 * KiB);
	ck_assert_int_eq(chain_take(&x.q, &x.c), -EFAULT);
	rig_down(&x);
}
END_TEST

/* Buffers that lie one behind the other are one piece: of one direction, and shared as a whole. */
START_TEST(adjacent_buffers_are_one_piece)
{
	static const struct fake_buf bufs[] = {
		{ FAKE_DATA, 16, false },	    { FAKE_DATA + 16, 4080, false },
		{ FAKE_DATA + 8192, 100, false },   { FAKE_DATA + 8292, 100, true },
		{ FAKE_DATA + 8392, 100, true },    { FAKE_DATA + 8292, 100, true },
		{ FAKE_DATA + 8392 + 1, 99, true },
	};
	struct mem *m = fake_mem(MEM_PROTECTED);
	struct rig x;

	ck_assert_int_eq(mem_set_shared(m, gpa(FAKE_RAM), 64 * KiB, true), 0);
	ck_assert_int_eq(mem_set_shared(m, gpa(FAKE_DATA), 12 * KiB, true), 0);
	rig_on(&x, m, 8, 0);
	fake_ring_add(&x.ring, bufs, 7);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	ck_assert_uint_eq(x.c.nr_read, 2);
	ck_assert_uint_eq(x.c.nr_write, 3);
	ck_assert_uint_eq(x.c.bufs_read, 3);
	ck_assert_uint_eq(x.c.bufs_write, 4);
	ck_assert_uint_eq(x.c.read_len, 4196);
	ck_assert_uint_eq(x.c.write_len, 399);
	expect_iov(&x, 0, FAKE_DATA, 4096);
	expect_iov(&x, 1, FAKE_DATA + 8192, 100);
	expect_iov(&x, 2, FAKE_DATA + 8292, 200);
	expect_iov(&x, 3, FAKE_DATA + 8292, 100);
	expect_iov(&x, 4, FAKE_DATA + 8393, 99);
	queue_push(&x.q, x.c.head, 0);
	/* The second page of a piece is taken back. */
	fake_release(m);
	ck_assert_int_eq(mem_set_shared(m, gpa(FAKE_DATA + 4096), 4096, false), 0);
	fake_hold(m);
	fake_ring_add(&x.ring, bufs, 3);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	queue_push(&x.q, x.c.head, 0);
	fake_ring_add(
		&x.ring,
		(struct fake_buf[]){ { FAKE_DATA, 4096, false }, { FAKE_DATA + 4096, 1, false } },
		2);
	ck_assert_int_eq(chain_take(&x.q, &x.c), -EFAULT);
	rig_down(&x);
}
END_TEST

START_TEST(alias_addresses_are_the_same_pages)
{
	struct fake_buf buf = { FAKE_DATA | BIT(40), 16, true };
	struct mem *m = fake_mem(0);
	struct rig x;

	mem_set_alias(m, BIT(40));
	rig_on(&x, m, 8, 0);
	fake_ring_add(&x.ring, &buf, 1);
	ck_assert_int_eq(chain_take(&x.q, &x.c), 1);
	expect_iov(&x, 0, FAKE_DATA, 16);
	rig_down(&x);
}
END_TEST

/* Every entry of the black book gets exactly the answer it names, on small and large rings. */
START_TEST(black_book)
{
	static const u16 sizes[] = { 4, 1024 };

	for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++) {
		for (unsigned i = 0; i < nr_fake_bad; i++) {
			struct rig x;

			rig_up(&x, sizes[s], VIRTIO_F_INDIRECT_DESC);
			fake_bad[i].post(&x.ring, FAKE_DATA);

			int got = chain_take(&x.q, &x.c);

			ck_assert_msg(got == fake_bad[i].err, "%s: %d", fake_bad[i].name, got);
			rig_down(&x);
		}
	}
}
END_TEST

/* A loop of empty descriptors ends after one table's worth of steps, in both kinds of table. */
START_TEST(long_walks_end)
{
	struct rig x;

	rig_up(&x, 1024, VIRTIO_F_INDIRECT_DESC);
	for (u32 i = 0; i < 1024; i++) {
		u16 next = (u16)((i + 1) % 1024);

		fake_desc(x.mem, x.ring.desc, i, FAKE_DATA, 0, FAKE_NEXT, next);
		fake_desc(x.mem, FAKE_DATA, i, FAKE_DATA, 0, FAKE_NEXT, next);
	}
	fake_ring_expose(&x.ring, 17);
	fake_ring_publish(&x.ring);
	ck_assert_int_eq(chain_take(&x.q, &x.c), -EBADMSG);
	fake_desc(x.mem, x.ring.desc, 5, FAKE_DATA, 1024 * 16, FAKE_INDIRECT, 0);
	fake_ring_expose(&x.ring, 5);
	fake_ring_publish(&x.ring);
	ck_assert_int_eq(chain_take(&x.q, &x.c), -EBADMSG);
	rig_down(&x);
}
END_TEST

SUITE_MAIN("virtio/chain", empty_queue, readable_then_writable, chain_as_long_as_the_queue,
	   direct_descriptors_then_a_table, table_longer_than_the_ring, indirect_only_if_negotiated,
	   empty_elements_are_skipped, no_more_pieces_than_the_caller_has,
	   total_length_fits_32_bits, unshared_buffers_and_tables, adjacent_buffers_are_one_piece,
	   alias_addresses_are_the_same_pages, black_book, long_walks_end)
