/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The entropy device: answers, bounds its work, and takes no nonsense. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/unit/suite.h"
#include "virtio/dev/kinds.h"
#include "virtio/dev/rng_conf.h"

#define F_ALL (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC)

/* The host's source, which fails from the request with number `fails_at` on. */
static unsigned nr_asked, fails_at = UINT_MAX;

ssize_t read(int fd, void *buf, size_t len)
{
	struct stat st;

	if (!fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 9) &&
	    nr_asked++ >= fails_at) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_read, fd, buf, len);
}

static struct rng_conf limit; /* of the devices that are made */

struct rig {
	struct mem *mem;
	struct loop *loop;
	struct virtio_device *d;
	struct fake_transport t;
	struct fake_ring r;
};

static void rig_start(struct rig *x, u64 features)
{
	fake_ring_init(&x->r, x->mem, FAKE_RING(0), 8, features & VIRTIO_F_EVENT_IDX);
	ck_assert(fake_negotiate(x->d, features));
	fake_queue(x->d, 0, &x->r);
	fake_driver_ok(x->d);
}

static void rig_up(struct rig *x, u64 features)
{
	memset(x, 0, sizeof(*x));
	x->mem = fake_mem(0);
	ck_assert_int_eq(loop_create(&x->loop, "test"), 0);

	struct virtio_env env = { .mem = x->mem, .loop = x->loop };

	ck_assert_int_eq(virtio_rng_create(&x->d, &env, &limit), 0);
	fake_transport_attach(&x->t, x->d);
	rig_start(x, features);
}

static void rig_down(struct rig *x)
{
	fake_unplug(x->d);
}

static void kick(struct rig *x)
{
	fake_kick(x->d, 0);
}

START_TEST(identity)
{
	struct rig x;

	/* [virtio 1.3 §5.4.1, §5.4.2] id 4, one queue */
	rig_up(&x, F_ALL);
	ck_assert_uint_eq(x.d->type->id, 4);
	ck_assert_uint_eq(x.d->nr_queues, 1);
	ck_assert_uint_eq(x.d->config_len, 0);
	ck_assert_str_eq(x.d->name, "virtio-rng 0");
	rig_down(&x);
}
END_TEST

START_TEST(fills_buffers)
{
	static const struct fake_buf bufs[] = {
		{ FAKE_DATA, 100, true },
		{ FAKE_DATA + 0x1000, 1, true },
		{ FAKE_DATA + 0x2000, 1000, true },
	};
	struct rig x;
	u32 id, len;
	u8 *p;

	/* [virtio 1.3 §5.4.6.2] */
	for (unsigned ev = 0; ev < 2; ev++) {
		unsigned zeroes = 0;

		rig_up(&x, F_ALL | (ev ? VIRTIO_F_EVENT_IDX : 0));
		fake_ring_add(&x.r, bufs, 3);
		kick(&x);
		ck_assert(fake_ring_used(&x.r, &id, &len));
		ck_assert_uint_eq(id, 0);
		ck_assert_uint_eq(len, 1101);
		ck_assert_uint_eq(x.t.queue[0], 1);
		p = fake_ptr(x.mem, FAKE_DATA, 0x3000);
		for (unsigned i = 0; i < 1000; i++)
			zeroes += !p[0x2000 + i];
		ck_assert_uint_lt(zeroes, 50);
		/* Not a byte beside. */
		ck_assert_uint_eq(p[100], 0);
		ck_assert_uint_eq(p[0x1001], 0);
		ck_assert_uint_eq(p[0x2000 + 1000], 0);
		rig_down(&x);
	}
}
END_TEST

START_TEST(a_huge_request_is_answered_in_part)
{
	struct fake_buf buf = { FAKE_DATA, 1 * MiB, true };
	struct rig x;
	u32 id, len;

	/* [virtio 1.3 §5.4.6.2] The device may use less than the entire buffer. */
	rig_up(&x, F_ALL);
	fake_ring_add(&x.r, &buf, 1);
	kick(&x);
	ck_assert(fake_ring_used(&x.r, &id, &len));
	ck_assert_uint_eq(len, 16 * KiB);
	ck_assert_uint_eq(*(u64 *)fake_ptr(x.mem, FAKE_DATA + 16 * KiB, 8), 0);
	rig_down(&x);
}
END_TEST

/* What the source has given is used; a device whose source gives nothing has failed. */
START_TEST(a_source_that_fails)
{
	static const struct fake_buf bufs[] = {
		{ FAKE_DATA, 100, true },
		{ FAKE_DATA + 0x1000, 100, true },
	};
	struct rig x;
	u32 id, len;

	rig_up(&x, F_ALL);
	fails_at = 1;
	fake_ring_add(&x.r, bufs, 2);
	kick(&x);
	ck_assert(fake_ring_used(&x.r, &id, &len));
	ck_assert_uint_eq(len, 100);
	fake_ring_add(&x.r, bufs, 2);
	kick(&x);
	ck_assert(!fake_ring_used(&x.r, &id, &len));
	ck_assert(virtio_status_get(x.d) & VIRTIO_S_NEEDS_RESET);
	rig_down(&x);
}
END_TEST

START_TEST(work_per_kick_is_bounded)
{
	struct fake_buf buf = { FAKE_DATA, 64, true };
	struct rig x;
	u32 id, len;

	/*
	 * A full ring is one kick's worth; the device then rings its own doorbell, and what the
	 * driver posted meanwhile without kicking is served by the loop's next turn.
	 */
	rig_up(&x, F_ALL);
	for (unsigned i = 0; i < 8; i++)
		fake_ring_add(&x.r, &buf, 1);
	kick(&x);
	for (unsigned i = 0; i < 8; i++)
		ck_assert(fake_ring_used(&x.r, &id, &len));
	ck_assert(!fake_ring_used(&x.r, &id, &len));
	fake_ring_wants_kick(&x.r);
	fake_ring_add(&x.r, &buf, 1);
	ck_assert(!fake_ring_wants_kick(&x.r));
	loop_step(x.loop, 0);
	ck_assert(fake_ring_used(&x.r, &id, &len));
	/* And then kicks are on again. */
	fake_ring_add(&x.r, &buf, 1);
	ck_assert(fake_ring_wants_kick(&x.r));
	rig_down(&x);
}
END_TEST

/* The bytes of a request that was posted, or 0: it waits. */
static u32 answered(struct rig *x)
{
	u32 id, len;

	loop_step(x->loop, 0);
	return fake_ring_used(&x->r, &id, &len) ? len : 0;
}

/* [virtio 1.3 §5.4.6.2] Less than the buffer, and later than at once. */
START_TEST(a_limit_is_kept)
{
	struct fake_buf buf = { FAKE_DATA, 64, true };
	u64 started = loop_now_ns();
	struct rig x;
	u32 len = 0;

	limit = (struct rng_conf){ .max_bytes = 100, .period_ms = 300 };
	rig_up(&x, F_ALL);
	for (unsigned i = 0; i < 3; i++)
		fake_ring_add(&x.r, &buf, 1);
	kick(&x);
	ck_assert_uint_eq(answered(&x), 64);
	ck_assert_uint_eq(answered(&x), 36);
	/* Neither another kick nor a reset brings more. */
	kick(&x);
	ck_assert_uint_eq(answered(&x), 0);
	rig_start(&x, F_ALL);
	fake_ring_add(&x.r, &buf, 1);
	kick(&x);
	/* In the next period it comes by itself, whatever the driver does. */
	for (unsigned i = 0; !len && i < 100; i++) {
		loop_step(x.loop, 100);
		len = answered(&x);
	}
	ck_assert_uint_eq(len, 64);
	ck_assert_uint_ge(loop_now_ns() - started, 300000000u);
	rig_down(&x);
	limit = (struct rng_conf){ .max_bytes = 0 };
}
END_TEST

START_TEST(the_option)
{
	static const char *const bad[] = { "",	       "max-bytes=0",	       "max-bytes=",
					   "period=5", "max-bytes=1,period=0", "max-bytes=1,",
					   "bytes=1",  "max-bytes=1,period=x" };
	struct rng_conf c;

	ck_assert_int_eq(rng_conf_parse("max-bytes=1024,period=1000", &c), 0);
	ck_assert(c.max_bytes == 1024 && c.period_ms == 1000);
	ck_assert_int_eq(rng_conf_parse("max-bytes=7", &c), 0);
	ck_assert(c.max_bytes == 7 && c.period_ms == 65536);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(rng_conf_parse(bad[i], &c) == -EINVAL, "%s", bad[i]);
}
END_TEST

START_TEST(readable_buffers_fail_the_device)
{
	static const struct fake_buf bufs[] = {
		{ FAKE_DATA, 8, false },
		{ FAKE_DATA + 64, 8, true },
	};

	/* [virtio 1.3 §5.4.6.1] */
	for (unsigned nr = 1; nr <= 2; nr++) {
		struct rig x;
		u32 id, len;

		rig_up(&x, F_ALL);
		fake_ring_add(&x.r, bufs, nr);
		kick(&x);
		ck_assert(virtio_status_get(x.d) & VIRTIO_S_NEEDS_RESET);
		ck_assert(!fake_ring_used(&x.r, &id, &len));
		ck_assert_uint_eq(x.t.config, 1);
		rig_down(&x);
	}
}
END_TEST

START_TEST(black_book)
{
	struct fake_buf buf = { FAKE_DATA, 64, true };
	struct rig x;
	u32 id, len;

	rig_up(&x, F_ALL);
	for (unsigned i = 0; i < nr_fake_bad; i++) {
		/* What came before the bad one is answered; after a reset all is well. */
		rig_start(&x, F_ALL);
		x.r.next_desc = 3;
		fake_ring_add(&x.r, &buf, 1);
		kick(&x);
		ck_assert(fake_ring_used(&x.r, &id, &len));
		fake_bad[i].post(&x.r, FAKE_DATA);
		kick(&x);
		ck_assert_msg(virtio_status_get(x.d) & VIRTIO_S_NEEDS_RESET, "%s",
			      fake_bad[i].name);
		ck_assert(!fake_ring_used(&x.r, &id, &len));
	}
	rig_start(&x, F_ALL);
	fake_ring_add(&x.r, &buf, 1);
	kick(&x);
	ck_assert(fake_ring_used(&x.r, &id, &len));
	rig_down(&x);
}
END_TEST

SUITE_MAIN("virtio/rng", identity, fills_buffers, a_huge_request_is_answered_in_part,
	   a_source_that_fails, work_per_kick_is_bounded, a_limit_is_kept, the_option,
	   readable_buffers_fail_the_device, black_book)
