/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The front end of vhost-user with back ends of all kinds. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/fake/driver.h"
#include "tests/fake/vhost_user.h"
#include "tests/unit/suite.h"
#include "virtio/vhost/vhost.h"

#define FEATURES (BIT(32) | BIT(29))
#define ALIAS BIT(40)

static struct fake_vu f;
static struct vhost *v;
static struct mem *m;
static int kick, call;

static void up(u64 mem_flags)
{
	m = fake_mem(mem_flags);
	kick = eventfd(0, EFD_NONBLOCK);
	call = eventfd(0, EFD_NONBLOCK);
}

static void down(void)
{
	vhost_close(v);
	v = NULL;
	fake_vu_down(&f);
	mem_destroy(m);
	close(kick);
	close(call);
}

static int start(void)
{
	struct vhost_ring rings[3] = {
		{ true, 64, FAKE_RING(0), FAKE_RING(0) + 0x1000, FAKE_RING(0) + 0x2000, kick,
		  call },
		{ .on = false, .kick = -1, .call = -1 },
		{ true, 128, FAKE_RING(2) | mem_alias(m), FAKE_RING(2) + 0x1000,
		  FAKE_RING(2) + 0x2000, kick, call },
	};

	return vhost_start(v, m, FEATURES | BIT(33), rings, 3);
}

static unsigned nr_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned nr = 0;

	while (readdir(d))
		nr++;
	closedir(d);
	return nr;
}

START_TEST(starts_and_stops)
{
	up(MEM_LENT);
	fake_vu_init(&f);
	ck_assert_int_eq(vhost_open(&v, fake_vu_up(&f)), 0);
	ck_assert(vhost_features(v) == (BIT(32) | BIT(29) | BIT(28)));
	ck_assert_uint_eq(vhost_nr_queues(v), FAKE_VU_RINGS);
	ck_assert_uint_eq(f.owners, 1);
	ck_assert(f.protocol_set == (VHOST_PROTOCOL_F_MQ | VHOST_PROTOCOL_F_REPLY_ACK));

	ck_assert_int_eq(start(), 0);
	/* ACCESS_PLATFORM is between the guest and lkvm. */
	ck_assert(f.features_set == (FEATURES | VHOST_F_PROTOCOL_FEATURES));
	ck_assert_uint_eq(f.table.nr, 1);
	ck_assert(f.table.regions[0].guest == FAKE_RAM && f.table.regions[0].size == FAKE_RAM_SIZE);
	ck_assert(f.rings[0].running && f.rings[0].enabled && f.rings[0].num == 64);
	ck_assert(!f.rings[1].running && !f.rings[1].num);
	ck_assert(f.rings[2].running && f.rings[2].addr.avail == FAKE_RING(2) + 0x1000);
	strcpy(fake_ptr(m, FAKE_DATA, 8), "for it");
	ck_assert_str_eq(fake_vu_at(&f, FAKE_DATA, 8), "for it");
	eventfd_write(kick, 3);
	ck_assert_int_eq(eventfd_read(f.rings[2].kick, &(eventfd_t){ 0 }), 0);

	ck_assert_int_eq(vhost_stop(v), 0);
	ck_assert(!f.rings[0].running && !f.rings[2].running);
	ck_assert_int_eq(vhost_stop(v), 0);
	ck_assert_int_eq(start(), 0);
	ck_assert_uint_eq(f.tables, 2);
	ck_assert_ptr_null(vhost_why(v));
	down();
}
END_TEST

/* Without features of the protocol: no answers, and rings that start enabled. */
START_TEST(plain)
{
	up(MEM_LENT);
	fake_vu_init(&f);
	f.features &= ~VHOST_F_PROTOCOL_FEATURES;
	ck_assert_int_eq(vhost_open(&v, fake_vu_up(&f)), 0);
	ck_assert_uint_eq(vhost_nr_queues(v), 0);
	ck_assert_int_eq(start(), 0);
	ck_assert_int_eq(vhost_stop(v), 0);
	ck_assert(f.features_set == FEATURES && !f.rings[0].enabled && f.rings[0].num == 64);
	down();
}
END_TEST

/* A Realm's: both addresses of each page, of a file that has the shared ones only. */
START_TEST(realm)
{
	char *shared, *hidden;

	up(MEM_LENT | MEM_PROTECTED | MEM_SPLIT_VIEW);
	mem_set_alias(m, ALIAS);
	ck_assert_int_eq(mem_set_shared(m, gpa(FAKE_DATA), 4096, true), 0);
	fake_vu_init(&f);
	ck_assert_int_eq(vhost_open(&v, fake_vu_up(&f)), 0);
	ck_assert_int_eq(start(), 0);
	ck_assert_uint_eq(f.table.nr, 2);
	ck_assert(f.table.regions[0].guest == FAKE_RAM);
	ck_assert(f.table.regions[1].guest == (FAKE_RAM | ALIAS));
	ck_assert(f.rings[2].addr.desc == (FAKE_RING(2) | ALIAS));

	shared = fake_ptr(m, FAKE_DATA, 16);
	hidden = fake_ptr(m, FAKE_DATA + 4096, 16);
	strcpy(shared, "for all");
	strcpy(hidden, "for nobody else");
	ck_assert_str_eq(fake_vu_at(&f, FAKE_DATA, 16), "for all");
	ck_assert_str_eq(fake_vu_at(&f, FAKE_DATA | ALIAS, 16), "for all");
	/* All that it was given, from the first byte to the last. */
	for (u32 i = 0; i < f.table.nr; i++)
		ck_assert_ptr_null(memmem(f.maps[i], f.table.regions[i].size, "for nobody", 10));

	/* What it leaves where it has nothing to do is gone before the page is shared. */
	strcpy(fake_vu_at(&f, FAKE_DATA + 4096, 16), "from it");
	ck_assert_str_eq(hidden, "for nobody else");
	ck_assert_int_eq(mem_set_shared(m, gpa(FAKE_DATA + 4096), 4096, true), 0);
	ck_assert_str_eq(fake_ptr(m, FAKE_DATA + 4096, 16), "");
	/* And a page that is taken back is out of its reach, content and all. */
	ck_assert_int_eq(mem_set_shared(m, gpa(FAKE_DATA), 4096, false), 0);
	strcpy(fake_ptr(m, FAKE_DATA, 16), "a secret now");
	ck_assert_str_eq(fake_vu_at(&f, FAKE_DATA, 16), "");
	down();
}
END_TEST

START_TEST(memory_that_is_not_lent)
{
	up(0);
	fake_vu_init(&f);
	ck_assert_int_eq(vhost_open(&v, fake_vu_up(&f)), 0);
	ck_assert_int_eq(start(), -EOPNOTSUPP);
	ck_assert_ptr_nonnull(vhost_why(v));
	ck_assert_int_eq(start(), -ENOTCONN);
	down();
}
END_TEST

START_TEST(legacy_back_end)
{
	up(MEM_LENT);
	fake_vu_init(&f);
	f.features = VHOST_F_PROTOCOL_FEATURES | BIT(29);
	ck_assert_int_eq(vhost_open(&v, fake_vu_up(&f)), -EOPNOTSUPP);
	down();
}
END_TEST

/* Each fault at each request: one error, no more questions, and no descriptor is left. */
START_TEST(faults)
{
	static const enum vhost_request at[] = {
		VHOST_GET_FEATURES,   VHOST_GET_PROTOCOL_FEATURES, VHOST_GET_QUEUE_NUM,
		VHOST_SET_OWNER,      VHOST_SET_FEATURES,	   VHOST_SET_MEM_TABLE,
		VHOST_SET_VRING_NUM,  VHOST_SET_VRING_ADDR,	   VHOST_SET_VRING_KICK,
		VHOST_GET_VRING_BASE, VHOST_SET_VRING_ENABLE,
	};
	unsigned fds;

	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		for (int fault = FAKE_VU_CLOSES; fault < FAKE_VU_NR_FAULTS; fault++) {
			int err;

			fds = nr_fds();
			up(MEM_LENT);
			fake_vu_init(&f);
			f.at = at[i];
			f.fault = (enum fake_vu_fault)fault;
			err = vhost_open(&v, fake_vu_up(&f));
			if (!err)
				err = start();
			if (!err)
				err = vhost_stop(v);
			if (fault == FAKE_VU_WITH_FDS)
				ck_assert_int_eq(err, 0);
			else if (fault == FAKE_VU_CLOSES)
				ck_assert_int_eq(err, -ECONNRESET);
			else if (fault != FAKE_VU_REFUSES && fault != FAKE_VU_CHATTERS)
				ck_assert_int_eq(err, -EPROTO);
			ck_assert(!v || !err == !vhost_why(v));
			down();
			ck_assert_uint_eq(nr_fds(), fds);
		}
	}
}
END_TEST

static unsigned told;

static void gone(void *arg)
{
	told++;
}

static void watched(void (*end)(int fd), const char *why)
{
	struct loop *loop;

	up(MEM_LENT);
	told = 0;
	fake_vu_init(&f);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(vhost_open(&v, fake_vu_up(&f)), 0);
	ck_assert_int_eq(vhost_watch(v, loop, gone, NULL), 0);
	ck_assert_int_eq(start(), 0);
	loop_step(loop, 0);
	ck_assert_uint_eq(told, 0);
	end(f.fd);
	loop_step(loop, scaled(10000));
	loop_step(loop, 0);
	ck_assert_uint_eq(told, 1);
	ck_assert_str_eq(vhost_why(v), why);
	ck_assert_int_eq(vhost_stop(v), -ENOTCONN);
	down();
	loop_destroy(loop);
}

static void dies(int fd)
{
	fake_vu_die(&f);
}

static void speaks(int fd)
{
	ck_assert_int_eq(write(fd, "psst", 4), 4);
}

START_TEST(end)
{
	watched(dies, "it has closed the connection");
	watched(speaks, "it sends what nobody has asked for");
}
END_TEST

START_TEST(by_path)
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/lkvm-vhost-%d", (int)getpid());
	up(MEM_LENT);
	fake_vu_init(&f);
	fake_vu_up_at(&f, path);
	ck_assert_int_eq(vhost_connect(&v, path), 0);
	unlink(path);
	ck_assert_int_eq(start(), 0);
	down();
	ck_assert_int_eq(vhost_connect(&v, path), -ENOENT);
	ck_assert_int_eq(
		vhost_connect(&v, "/0123456789012345678901234567890123456789012345678901"
				  "23456789012345678901234567890123456789012345678901234567890"),
		-ENAMETOOLONG);
}
END_TEST

SUITE_MAIN("virtio/vhost/vhost", starts_and_stops, plain, realm, memory_that_is_not_lent,
	   legacy_back_end, faults, end, by_path)
