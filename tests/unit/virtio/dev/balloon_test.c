/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The balloon: gives back what is the guest's, in runs, and nothing else. */
#include "virtio/dev/balloon.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/unit/suite.h"
#include "virtio/dev/kinds.h"

#define F_ALL                                                                                      \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_RING_RESET | BIT(1) | BIT(2) |     \
	 BIT(5))

enum { INFLATE, DEFLATE, STATS, HINTS_OR_REPORTS, REPORTS, NR };

/* The host's kernel, whose calls are counted. */
static unsigned nr_discards;
static u64 discarded;

int madvise(void *p, size_t len, int advice)
{
	if (advice == MADV_DONTNEED && len < FAKE_RAM_SIZE) {
		nr_discards++;
		discarded += len;
	}
	return (int)syscall(SYS_madvise, p, len, advice);
}

struct rig {
	struct mem *mem;
	struct loop *loop;
	struct virtio_device *d;
	struct fake_transport t;
	struct fake_ring r[NR];
};

static void rig_start(struct rig *x, u64 features)
{
	ck_assert(fake_negotiate(x->d, features));
	for (u16 i = 0; i < NR; i++) {
		fake_ring_init(&x->r[i], x->mem, FAKE_RING(i), i < HINTS_OR_REPORTS ? 8 : 32,
			       false);
		fake_queue(x->d, i, &x->r[i]);
	}
	fake_driver_ok(x->d);
}

static void rig_up(struct rig *x, u64 mem_flags)
{
	memset(x, 0, sizeof(*x));
	x->mem = fake_mem(mem_flags);
	ck_assert_int_eq(loop_create(&x->loop, "test"), 0);

	struct virtio_env env = { .mem = x->mem, .loop = x->loop };

	ck_assert_int_eq(virtio_balloon_create(&x->d, &env), 0);
	fake_transport_attach(&x->t, x->d);
	rig_start(x, F_ALL);
	nr_discards = 0;
	discarded = 0;
}

/* A request with these page numbers, which lie at FAKE_DATA. Has it come back? */
static bool request(struct rig *x, u16 queue, const u32 *pages, unsigned nr)
{
	const struct fake_buf buf = { FAKE_DATA, nr * 4, false };
	u32 id, len;

	memcpy(fake_ptr(x->mem, FAKE_DATA, nr * 4), pages, nr * 4);
	fake_ring_add(&x->r[queue], &buf, 1);
	fake_kick(x->d, queue);
	return fake_ring_used(&x->r[queue], &id, &len) && !len;
}

static u8 *page_at(struct rig *x, u64 i)
{
	return fake_ptr(x->mem, FAKE_RAM + i * 4096, 4096);
}

#define PFN(i) ((u32)(FAKE_RAM >> 12) + (i))

static bool broken(struct rig *x)
{
	return virtio_status_get(x->d) & VIRTIO_S_NEEDS_RESET;
}

START_TEST(identity)
{
	struct rig x;

	/* [virtio 1.3 §5.5.1 to §5.5.4] No FREE_PAGE_HINT, no PAGE_POISON. */
	rig_up(&x, 0);
	ck_assert_uint_eq(x.d->type->id, 5);
	ck_assert_uint_eq(x.d->config_len, 8);
	ck_assert_uint_eq(x.d->offered & 0xffffff, BIT(1) | BIT(2) | BIT(5));
	fake_unplug(x.d);
}
END_TEST

/* Neighbours in any order, and one of them twice, are one piece; what is beside stays. */
START_TEST(pages_go_in_runs)
{
	static const u32 pages[] = { PFN(903), PFN(901), PFN(902), PFN(902), PFN(910), PFN(900) };
	struct rig x;

	rig_up(&x, 0);
	memset(page_at(&x, 890), 0x5a, 30 * 4096);
	ck_assert(request(&x, INFLATE, pages, ARRAY_SIZE(pages)));
	ck_assert_uint_eq(nr_discards, 2);
	ck_assert_uint_eq(discarded, 5 * 4096);
	for (unsigned i = 890; i < 920; i++) {
		bool gone = (i >= 900 && i <= 903) || i == 910;

		ck_assert_uint_eq(page_at(&x, i)[17], gone ? 0 : 0x5a);
	}
	/* Back again: they are there when they are touched. */
	memset(page_at(&x, 900), 0x11, 4096);
	ck_assert(request(&x, DEFLATE, pages, ARRAY_SIZE(pages)));
	ck_assert_uint_eq(nr_discards, 2);
	ck_assert_uint_eq(page_at(&x, 900)[17], 0x11);
	fake_unplug(x.d);
}
END_TEST

/* A wrong number costs the device, and none of the request's pages goes. */
START_TEST(numbers_that_are_no_pages_of_the_guest)
{
	static const u32 bad[] = { 0,	       PFN(-1),	   PFN(FAKE_RAM_SIZE / 4096),
				   UINT32_MAX, 0x80000000, PFN(FAKE_RAM_SIZE / 4096 + 7) };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		for (u16 queue = INFLATE; queue <= DEFLATE; queue++) {
			const u32 pages[] = { PFN(900), bad[i], PFN(FAKE_RAM_SIZE / 4096 - 1) };
			struct rig x;

			rig_up(&x, 0);
			page_at(&x, 900)[0] = 0x5a;
			ck_assert(!request(&x, queue, pages, 3));
			ck_assert(broken(&x));
			ck_assert_uint_eq(nr_discards, 0);
			ck_assert_uint_eq(page_at(&x, 900)[0], 0x5a);
			/* After a reset all is well. */
			virtio_status_set(x.d, 0);
			rig_start(&x, F_ALL);
			ck_assert(request(&x, queue, pages, 1));
			fake_unplug(x.d);
		}
	}
}
END_TEST

START_TEST(requests_of_odd_form)
{
	static const struct {
		u16 queue;
		struct fake_buf buf;
	} bad[] = {
		{ INFLATE, { FAKE_DATA, 6, false } },
		{ INFLATE, { FAKE_DATA, 4, true } },
		{ INFLATE, { FAKE_DATA, 4 * 1025, false } },
		{ DEFLATE, { FAKE_DATA, 1 * MiB, false } },
		{ STATS, { FAKE_DATA, 10, true } },
		{ REPORTS, { FAKE_DATA, 4096, false } },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct rig x;
		u32 id, len;

		rig_up(&x, 0);
		fake_ring_add(&x.r[bad[i].queue], &bad[i].buf, 1);
		fake_kick(x.d, bad[i].queue);
		ck_assert(broken(&x));
		ck_assert(!fake_ring_used(&x.r[bad[i].queue], &id, &len));
		ck_assert_uint_eq(nr_discards, 0);
		fake_unplug(x.d);
	}
}
END_TEST

START_TEST(black_book)
{
	struct rig x;

	rig_up(&x, 0);
	for (u16 queue = 0; queue < NR; queue++) {
		for (unsigned i = 0; i < nr_fake_bad; i++) {
			virtio_status_set(x.d, 0);
			rig_start(&x, F_ALL);
			fake_bad[i].post(&x.r[queue], FAKE_DATA);
			fake_kick(x.d, queue);
			ck_assert_msg(broken(&x), "%s in queue %u", fake_bad[i].name, queue);
		}
	}
	ck_assert_uint_eq(nr_discards, 0);
	fake_unplug(x.d);
}
END_TEST

/* [virtio 1.3 §5.5.6.7] Whole pages inside the buffers; in both places where drivers look. */
START_TEST(free_pages_are_reported)
{
	static const struct fake_buf bufs[] = {
		{ FAKE_RAM + 900 * 4096, 8 * 4096, true },
		{ FAKE_RAM + 920 * 4096 + 100, 2 * 4096, true },
	};

	for (u16 queue = HINTS_OR_REPORTS; queue <= REPORTS; queue++) {
		struct balloon_stats stats;
		struct rig x;
		u32 id, len;

		rig_up(&x, 0);
		memset(page_at(&x, 890), 0x5a, 50 * 4096);
		fake_ring_add(&x.r[queue], bufs, 2);
		fake_kick(x.d, queue);
		ck_assert(fake_ring_used(&x.r[queue], &id, &len));
		ck_assert_uint_eq(discarded, 9 * 4096);
		ck_assert_uint_eq(page_at(&x, 899)[4095], 0x5a);
		ck_assert_uint_eq(page_at(&x, 900)[0], 0);
		ck_assert_uint_eq(page_at(&x, 907)[4095], 0);
		ck_assert_uint_eq(page_at(&x, 908)[0], 0x5a);
		ck_assert_uint_eq(page_at(&x, 920)[4095], 0x5a);
		ck_assert_uint_eq(page_at(&x, 921)[0], 0);
		ck_assert_uint_eq(page_at(&x, 922)[0], 0x5a);
		virtio_balloon_stats(x.d, &stats);
		ck_assert_uint_eq(stats.reported, 10 * 4096);
		fake_unplug(x.d);
	}
}
END_TEST

/* Where pages change sides nothing is dropped, whoever asks. */
START_TEST(memory_that_is_not_ours_to_drop)
{
	static const u32 pages[] = { PFN(900) };
	struct rig x;

	memset(&x, 0, sizeof(x));
	x.mem = fake_mem(MEM_PROTECTED);
	ck_assert_int_eq(mem_set_shared(x.mem, gpa(FAKE_RAM), FAKE_RAM_SIZE, true), 0);
	ck_assert_int_eq(loop_create(&x.loop, "test"), 0);

	struct virtio_env env = { .mem = x.mem, .loop = x.loop };

	ck_assert_int_eq(virtio_balloon_create(&x.d, &env), 0);
	fake_transport_attach(&x.t, x.d);
	rig_start(&x, F_ALL);
	page_at(&x, 900)[0] = 0x5a;
	ck_assert(!request(&x, INFLATE, pages, 1));
	ck_assert(broken(&x));
	ck_assert_uint_eq(page_at(&x, 900)[0], 0x5a);
	fake_unplug(x.d);
}
END_TEST

/* ---- statistics ---- */

static void post_stats(struct rig *x, unsigned tag, u64 value, u32 len)
{
	const struct fake_buf buf = { FAKE_DATA, len, false };
	u8 *p = fake_ptr(x->mem, FAKE_DATA, 64);

	memset(p, 0xff, 64);
	p[0] = (u8)tag;
	p[1] = (u8)(tag >> 8);
	memcpy(p + 2, &value, 8);
	fake_ring_add(&x->r[STATS], &buf, 1);
	fake_kick(x->d, STATS);
}

START_TEST(a_question_and_an_answer)
{
	struct balloon_stats s;
	struct rig x;
	u32 id, len;

	rig_up(&x, 0);
	/* A driver that has given no buffer yet. */
	ck_assert_int_eq(virtio_balloon_ask(x.d), -EOPNOTSUPP);
	post_stats(&x, BALLOON_FREE, 1000, 10);
	ck_assert(!fake_ring_used(&x.r[STATS], &id, &len));
	ck_assert(virtio_balloon_stats(x.d, &s));
	ck_assert(s.known[BALLOON_FREE] && s.value[BALLOON_FREE] == 1000);
	/* The question is the buffer that comes back; to ask twice is to ask once. */
	ck_assert_int_eq(virtio_balloon_ask(x.d), 0);
	ck_assert_int_eq(virtio_balloon_ask(x.d), 0);
	ck_assert(fake_ring_used(&x.r[STATS], &id, &len));
	ck_assert(!fake_ring_used(&x.r[STATS], &id, &len));
	ck_assert(!virtio_balloon_stats(x.d, &s));
	/* Tags of tomorrow, and half an entry at the end, are not counted. */
	post_stats(&x, BALLOON_TOTAL, 4000, 20);
	ck_assert(virtio_balloon_stats(x.d, &s));
	ck_assert(!s.known[BALLOON_FREE] && s.value[BALLOON_TOTAL] == 4000);
	ck_assert_int_eq(virtio_balloon_ask(x.d), 0);
	post_stats(&x, 4711, 1, 19);
	ck_assert(virtio_balloon_stats(x.d, &s) && !s.known[BALLOON_TOTAL]);
	/* [§5.5.6.3] Two buffers at a time are one too many. */
	post_stats(&x, BALLOON_FREE, 1, 10);
	ck_assert(broken(&x));
	ck_assert_int_eq(virtio_balloon_ask(x.d), -ENODEV);
	fake_unplug(x.d);
}
END_TEST

/* What the device holds is forgotten by a reset, of the device and of the queue alone. */
START_TEST(a_reset_takes_the_buffer)
{
	struct rig x;
	u32 id, len;

	for (unsigned whole = 0; whole < 2; whole++) {
		rig_up(&x, 0);
		post_stats(&x, BALLOON_FREE, 1000, 10);
		if (whole) {
			virtio_status_set(x.d, 0);
			ck_assert_int_eq(virtio_balloon_ask(x.d), -ENODEV);
			rig_start(&x, F_ALL);
		} else {
			fake_ring_init(&x.r[STATS], x.mem, FAKE_RING(STATS), 8, false);
			virtio_queue_reset(x.d, &x.d->queues[STATS]);
			fake_queue(x.d, STATS, &x.r[STATS]);
		}
		ck_assert_int_eq(virtio_balloon_ask(x.d), -EOPNOTSUPP);
		ck_assert(!fake_ring_used(&x.r[STATS], &id, &len));
		post_stats(&x, BALLOON_FREE, 1000, 10);
		ck_assert_int_eq(virtio_balloon_ask(x.d), 0);
		ck_assert(fake_ring_used(&x.r[STATS], &id, &len));
		fake_unplug(x.d);
	}
}
END_TEST

START_TEST(the_size_is_asked_for_and_told)
{
	u64 wanted, actual;
	struct rig x;

	rig_up(&x, 0);
	virtio_balloon_want(x.d, 3 * MiB);
	ck_assert_uint_eq(x.t.config, 1);
	ck_assert_uint_eq(virtio_config_read(x.d, 0, 4), 3 * MiB / 4096);
	/* The driver writes what it has given, and nothing else. */
	virtio_config_write(x.d, 0, 4, 77);
	virtio_config_write(x.d, 4, 4, 512);
	virtio_balloon_size(x.d, &wanted, &actual);
	ck_assert_uint_eq(wanted, 3 * MiB);
	ck_assert_uint_eq(actual, 2 * MiB);
	virtio_status_set(x.d, 0);
	virtio_balloon_size(x.d, &wanted, &actual);
	ck_assert_uint_eq(wanted, 3 * MiB);
	ck_assert_uint_eq(actual, 0);
	fake_unplug(x.d);
}
END_TEST

SUITE_MAIN("virtio/balloon", identity, pages_go_in_runs, numbers_that_are_no_pages_of_the_guest,
	   requests_of_odd_form, black_book, free_pages_are_reported,
	   memory_that_is_not_ours_to_drop, a_question_and_an_answer, a_reset_takes_the_buffer,
	   the_size_is_asked_for_and_told)
