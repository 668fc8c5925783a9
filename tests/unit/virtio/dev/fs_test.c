/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-fs: the device in front of a back end, and what is left of it when that has gone. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/fake/vhost_user.h"
#include "tests/unit/suite.h"
#include "virtio/core/pool.h"
#include "virtio/dev/kinds.h"
#include "virtio/vhost/fs_conf.h"

#define F_ALL (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC)
#define REQUEST(i) (FAKE_DATA + (u64)(i)*0x2000)
#define ANSWER(i) (REQUEST(i) + 0x1000)
#define HEADER 40u

struct rig {
	struct mem *mem;
	struct loop *loop;
	struct virtio_device *d;
	struct fake_transport t;
	struct fake_ring r[2];
	struct fs_conf conf;
	struct fake_vu f;
};

static struct rig x;

static int create(const struct virtio_pool *pool)
{
	struct virtio_env env = { .mem = x.mem, .loop = x.loop, .pool = pool };

	return virtio_fs_create(&x.d, &env, &x.conf);
}

static void prepare(void)
{
	memset(&x, 0, sizeof(x));
	fake_vu_init(&x.f);
	snprintf(x.conf.socket, sizeof(x.conf.socket), "/tmp/lkvm-fs-%d", (int)getpid());
	strcpy(x.conf.tag, "home");
	x.mem = fake_mem(MEM_LENT);
	ck_assert_int_eq(loop_create(&x.loop, "test"), 0);
}

static void drive(void)
{
	for (u16 i = 0; i < 2; i++) {
		fake_ring_init(&x.r[i], x.mem, FAKE_RING(i), 16, false);
		fake_queue(x.d, i, &x.r[i]);
	}
	fake_driver_ok(x.d);
}

static void up(void)
{
	prepare();
	fake_vu_up_at(&x.f, x.conf.socket);
	ck_assert_int_eq(create(NULL), 0);
	unlink(x.conf.socket);
	fake_transport_attach(&x.t, x.d);
	ck_assert(fake_negotiate(x.d, F_ALL & x.d->offered));
}

/* The device has a loop of its own, so fake_unplug() leaves ours. */
static void down(void)
{
	fake_reset(x.d);
	x.d->type->destroy(x.d);
	loop_destroy(x.loop);
	mem_destroy(x.mem);
	fake_vu_down(&x.f);
}

static void await(bool (*cond)(void))
{
	for (int i = 0; i < scaled(2000); i++, usleep(5000))
		if (cond())
			return;
	ck_abort_msg("it does not come");
}

/* A request in place `i`, with room for an answer of `room` bytes. */
static u16 post(unsigned ring, unsigned i, u64 unique, u32 room)
{
	struct fake_buf bufs[] = { { REQUEST(i), HEADER, false }, { ANSWER(i), room, true } };
	u8 *at = fake_ptr(x.mem, REQUEST(i), HEADER);

	memset(at, 0, HEADER);
	at[0] = HEADER;
	memcpy(at + 8, &unique, sizeof(unique));
	return fake_ring_add(&x.r[ring], bufs, room ? 2 : 1);
}

START_TEST(identity)
{
	up();
	ck_assert_uint_eq(x.d->type->id, 26);
	ck_assert_uint_eq(x.d->nr_queues, 2);
	ck_assert_uint_eq(x.d->config_len, 40);
	ck_assert_int_eq(memcmp(x.d->config, "home\0", 5), 0);
	ck_assert_int_eq(memcmp(x.d->config + 36, "\1\0\0\0", 4), 0);
	/* What lkvm cannot pass on is not offered, nor what the back end has not. */
	ck_assert(x.d->offered ==
		  (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX));
	down();
}
END_TEST

static bool kicked(void)
{
	u64 n;

	return read(x.f.rings[1].kick, &n, sizeof(n)) == sizeof(n);
}

static bool interrupted(void)
{
	return x.t.queue[1] > 0;
}

/* Doorbells go to the back end, also those rung too early; its signals are interrupts. */
START_TEST(a_request)
{
	u32 id, len, desc_len;
	int next;
	u16 head;
	char *to;

	up();
	for (u16 i = 0; i < 2; i++) {
		fake_ring_init(&x.r[i], x.mem, FAKE_RING(i), 16, false);
		fake_queue(x.d, i, &x.r[i]);
	}
	post(1, 0, 7, 0x100);
	fake_driver_ok(x.d);
	ck_assert(x.f.rings[0].running && x.f.rings[1].running);
	/* The transport may have its signals heard by the kernel. */
	ck_assert(x.t.from[0] >= 0 && x.t.from[1] >= 0 && x.t.from[0] != x.t.from[1]);
	await(kicked);
	ck_assert(fake_vu_take(&x.f, 1, &head));
	to = fake_vu_desc(&x.f, 1, head, &desc_len, &next);
	ck_assert(to && desc_len == HEADER && next >= 0);
	to = fake_vu_desc(&x.f, 1, (u16)next, &desc_len, &next);
	strcpy(to, "the answer");
	fake_vu_push(&x.f, 1, head, 11);
	await(interrupted);
	ck_assert(fake_ring_used(&x.r[1], &id, &len));
	ck_assert_uint_eq(len, 11);
	ck_assert_str_eq(fake_ptr(x.mem, ANSWER(0), 16), "the answer");
	ck_assert_uint_eq(x.t.queue[0], 0);
	ck_assert(!fake_broken(x.d));
	/* A driver that comes again finds it as new. */
	fake_reset(x.d);
	ck_assert(!x.f.rings[1].running);
	ck_assert(x.t.from[0] < 0 && x.t.from[1] < 0);
	ck_assert(fake_negotiate(x.d, F_ALL & x.d->offered));
	drive();
	ck_assert(x.f.rings[1].running && x.f.rings[1].next == 0);
	down();
}
END_TEST

static unsigned nr_used(void)
{
	return fake_ring_used_idx(&x.r[1]);
}

static bool two_used(void)
{
	return nr_used() == 2;
}

static bool three_used(void)
{
	return nr_used() == 3;
}

static void check_refused(unsigned i, u64 unique)
{
	const u8 *a = fake_ptr(x.mem, ANSWER(i), 16);
	s32 err;
	u64 n;

	memcpy(&err, a + 4, sizeof(err));
	memcpy(&n, a + 8, sizeof(n));
	ck_assert_uint_eq(a[0], 16);
	ck_assert_int_eq(err, -EIO);
	ck_assert(n == unique);
}

/* The back end dies with one request answered, one taken and one that it has not seen. */
START_TEST(death)
{
	u32 id, len;
	u16 head;

	up();
	drive();
	post(1, 0, 10, 0x100);
	post(1, 1, 11, 0x100);
	ck_assert(fake_vu_take(&x.f, 1, &head));
	fake_vu_push(&x.f, 1, head, 16);
	ck_assert(fake_vu_take(&x.f, 1, &head));
	fake_vu_die(&x.f);
	await(two_used);
	/* It may still have its eventfds, and interrupts nobody with them. */
	ck_assert(x.t.from[0] < 0 && x.t.from[1] < 0);
	check_refused(1, 11);
	await(interrupted);
	/* From now on lkvm hears the doorbells. */
	post(1, 2, 12, 0x100);
	virtio_notify(x.d, 1);
	await(three_used);
	check_refused(2, 12);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(fake_ring_used(&x.r[1], &id, &len) && len == 16);
	ck_assert(!fake_broken(x.d));
	/* A driver that begins anew is refused, too, and not kept waiting. */
	fake_reset(x.d);
	ck_assert(fake_negotiate(x.d, F_ALL & x.d->offered));
	fake_ring_init(&x.r[1], x.mem, FAKE_RING(1), 16, false);
	fake_queue(x.d, 1, &x.r[1]);
	post(1, 0, 13, 0x100);
	post(1, 1, 14, 0);
	fake_driver_ok(x.d);
	await(two_used);
	check_refused(0, 13);
	down();
}
END_TEST

/* It has answered, and died before it could say so: the guest looks at its ring all the same. */
START_TEST(death_before_the_signal)
{
	u16 head;
	int call;

	up();
	drive();
	post(1, 0, 10, 0x100);
	ck_assert(fake_vu_take(&x.f, 1, &head));
	call = x.f.rings[1].call;
	x.f.rings[1].call = -1;
	fake_vu_push(&x.f, 1, head, 16);
	x.f.rings[1].call = call;
	ck_assert_uint_eq(nr_used(), 1);
	fake_vu_die(&x.f);
	await(interrupted);
	ck_assert_uint_eq(nr_used(), 1);
	down();
}
END_TEST

static bool broken(void)
{
	return fake_broken(x.d);
}

/* A request that has no room for an answer, when there is only this answer left. */
START_TEST(death_and_bad_request)
{
	up();
	drive();
	fake_vu_die(&x.f);
	post(1, 0, 10, 15);
	virtio_notify(x.d, 1);
	await(broken);
	down();
}
END_TEST

/* One that refuses its start, closes on it, or answers nonsense: the guest gets errors. */
START_TEST(bad_start)
{
	static const enum fake_vu_fault faults[] = { FAKE_VU_CLOSES, FAKE_VU_REFUSES,
						     FAKE_VU_OTHER_REQUEST };

	for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
		prepare();
		x.f.at = VHOST_SET_MEM_TABLE;
		x.f.fault = faults[i];
		fake_vu_up_at(&x.f, x.conf.socket);
		ck_assert_int_eq(create(NULL), 0);
		unlink(x.conf.socket);
		fake_transport_attach(&x.t, x.d);
		ck_assert(fake_negotiate(x.d, F_ALL & x.d->offered));
		fake_ring_init(&x.r[1], x.mem, FAKE_RING(1), 16, false);
		fake_queue(x.d, 1, &x.r[1]);
		post(1, 0, 5, 64);
		post(1, 1, 6, 64);
		fake_driver_ok(x.d);
		await(two_used);
		check_refused(1, 6);
		down();
	}
}
END_TEST

/* Rings that are not the guest's to give are found before the back end hears of them. */
START_TEST(bad_ring)
{
	up();
	fake_ring_init(&x.r[1], x.mem, FAKE_RING(1), 16, false);
	x.r[1].used = FAKE_RAM + FAKE_RAM_SIZE - 64;
	fake_queue(x.d, 1, &x.r[1]);
	fake_driver_ok(x.d);
	ck_assert(fake_broken(x.d));
	ck_assert_uint_eq(x.f.tables, 0);
	down();
}
END_TEST

START_TEST(bounced)
{
	const struct virtio_pool pool = { .blk = 32 };

	prepare();
	fake_vu_up_at(&x.f, x.conf.socket);
	ck_assert_int_eq(create(&pool), 0);
	unlink(x.conf.socket);
	fake_transport_attach(&x.t, x.d);
	ck_assert_uint_eq(x.d->queues[1].max_size, 32);
	ck_assert(!(x.d->offered & VIRTIO_F_INDIRECT_DESC));
	down();
}
END_TEST

static void fails(int err)
{
	ck_assert_int_eq(create(NULL), err);
	loop_destroy(x.loop);
	mem_destroy(x.mem);
}

START_TEST(nobody_there)
{
	prepare();
	fails(-ENOENT);
	prepare();
	x.f.nr_queues = 1;
	fake_vu_up_at(&x.f, x.conf.socket);
	fails(-ENOSPC);
	unlink(x.conf.socket);
	fake_vu_down(&x.f);
	/* No program; and one that serves nothing. */
	setenv("PATH", "", 1);
	prepare();
	x.conf.socket[0] = 0;
	if (access("/usr/libexec/virtiofsd", X_OK) && access("/usr/lib/qemu/virtiofsd", X_OK))
		fails(-ENOENT);
	else
		loop_destroy(x.loop), mem_destroy(x.mem);
}
END_TEST

START_TEST(no_daemon)
{
	char dir[] = "/tmp/lkvm-fs-XXXXXX", path[64];
	FILE *script;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/virtiofsd", dir);
	script = fopen(path, "w");
	fprintf(script, "#!/bin/sh\n[ \"$*\" = \"--shared-dir=/srv --fd=3 --sandbox=none "
			"--log-level=warn --readonly\" ] && exit 7\nexit 8\n");
	fclose(script);
	chmod(path, 0755);
	setenv("PATH", dir, 1);
	prepare();
	x.conf.socket[0] = 0;
	strcpy(x.conf.path, "/srv");
	x.conf.read_only = true;
	x.conf.sandbox = FS_SANDBOX_NONE;
	fails(-ECONNRESET);
	unlink(path);
	rmdir(dir);
}
END_TEST

SUITE_MAIN("virtio/dev/fs", identity, a_request, death, death_before_the_signal,
	   death_and_bad_request, bad_start, bad_ring, bounced, nobody_there, no_daemon)
