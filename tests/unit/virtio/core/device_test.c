/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers of a device: negotiation, status, configuration space; and its construction. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/arm64/capture.h"
#include "tests/unit/virtio/core/device_rig.h"

/* ---- features and status ---- */

START_TEST(offer)
{
	struct rig x;

	rig_up(&x);
	ck_assert_str_eq(x.e.dev.name, "virtio-echo 7");
	ck_assert_uint_eq(virtio_features_word(&x.e.dev, 0),
			  (u32)(FAKE_ECHO_FEATURE | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX));
	ck_assert_uint_eq(virtio_features_word(&x.e.dev, 1),
			  (u32)((VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET) >> 32));
	virtio_offer(&x.e.dev, VIRTIO_F_ACCESS_PLATFORM);
	ck_assert(virtio_features_word(&x.e.dev, 1) & 2);
	/* [virtio 1.3 §4.1.4.3.1] Words without features read 0: Linux reads four of them. */
	ck_assert_uint_eq(virtio_features_word(&x.e.dev, 2), 0);
	ck_assert_uint_eq(virtio_features_word(&x.e.dev, 3), 0);
	ck_assert_uint_eq(virtio_features_word(&x.e.dev, UINT32_MAX), 0);
	ck_assert_uint_eq(virtio_driver_features_word(&x.e.dev, UINT32_MAX), 0);
	rig_down(&x);
}
END_TEST

START_TEST(features_ok_only_for_a_subset_with_version_1)
{
	struct rig x;

	/* [virtio 1.3 §2.2.2, §6.1] */
	rig_up(&x);
	ck_assert(fake_negotiate(&x.e.dev, F_ALL));
	ck_assert(fake_negotiate(&x.e.dev, VIRTIO_F_VERSION_1));
	ck_assert(!virtio_has(&x.e.dev, FAKE_ECHO_FEATURE));
	ck_assert(!fake_negotiate(&x.e.dev, 0));
	ck_assert(!fake_negotiate(&x.e.dev, FAKE_ECHO_FEATURE));
	ck_assert(!fake_negotiate(&x.e.dev, F_ALL | BIT(4)));
	ck_assert(!fake_negotiate(&x.e.dev, F_ALL | BIT(63)));
	ck_assert(!fake_negotiate(&x.e.dev, ~UINT64_C(0)));
	ck_assert_uint_eq(status(&x), ACK | DRV);

	/* A bit beyond bit 63 is a feature too, until the next reset. */
	virtio_driver_features_set(&x.e.dev, 0, (u32)F_ALL);
	virtio_driver_features_set(&x.e.dev, 1, F_ALL >> 32);
	virtio_driver_features_set(&x.e.dev, 2, 1);
	virtio_driver_features_set(&x.e.dev, 2, 0);
	virtio_status_set(&x.e.dev, ACK | DRV | FOK);
	ck_assert_uint_eq(status(&x), ACK | DRV);
	ck_assert(fake_negotiate(&x.e.dev, F_ALL));
	rig_down(&x);
}
END_TEST

START_TEST(features_are_final_once_ok)
{
	struct rig x;

	/* [virtio 1.3 §3.1.1] */
	rig_up(&x);
	ck_assert(fake_negotiate(&x.e.dev, VIRTIO_F_VERSION_1));
	virtio_driver_features_set(&x.e.dev, 0, (u32)FAKE_ECHO_FEATURE);
	virtio_driver_features_set(&x.e.dev, 1, 0);
	virtio_driver_features_set(&x.e.dev, 7, 1);
	ck_assert_uint_eq(x.e.dev.features, VIRTIO_F_VERSION_1);
	ck_assert_uint_eq(virtio_driver_features_word(&x.e.dev, 1), 1);
	rig_down(&x);
}
END_TEST

START_TEST(status_bits_are_only_added)
{
	struct rig x;

	/* [virtio 1.3 §2.1.1] A driver must not clear bits; one that tries does not succeed. */
	rig_up(&x);
	virtio_status_set(&x.e.dev, ACK);
	virtio_status_set(&x.e.dev, DRV);
	ck_assert_uint_eq(status(&x), ACK | DRV);
	/* NEEDS_RESET is the device's, the two reserved bits are nobody's. */
	virtio_status_set(&x.e.dev, 0x40 | 0x20 | 0x10);
	ck_assert_uint_eq(status(&x), ACK | DRV);
	virtio_status_set(&x.e.dev, VIRTIO_S_FAILED);
	ck_assert_uint_eq(status(&x), ACK | DRV | VIRTIO_S_FAILED);
	/* [virtio 1.3 §2.1.2] 0 resets. */
	virtio_status_set(&x.e.dev, 0);
	ck_assert_uint_eq(status(&x), 0);
	rig_down(&x);
}
END_TEST

START_TEST(no_driver_ok_without_features_ok)
{
	struct rig x;

	rig_up(&x);
	virtio_status_set(&x.e.dev, ACK | DRV | DOK);
	ck_assert_uint_eq(status(&x), ACK | DRV);
	ck_assert_uint_eq(x.e.starts, 0);
	/* Both at once is hasty, but complete. */
	virtio_driver_features_set(&x.e.dev, 1, 1);
	virtio_status_set(&x.e.dev, ACK | DRV | FOK | DOK);
	ck_assert_uint_eq(status(&x), ACK | DRV | FOK | DOK);
	ck_assert_uint_eq(x.e.starts, 1);
	/* Writing it again starts nothing. */
	virtio_status_set(&x.e.dev, ACK | DRV | FOK | DOK);
	ck_assert_uint_eq(x.e.starts, 1);
	rig_down(&x);
}
END_TEST

/* ---- configuration ---- */

START_TEST(config_space)
{
	struct rig x;

	rig_up(&x);
	for (u8 i = 0; i < 8; i++)
		x.e.config[i] = (u8)(0x10 + i);
	ck_assert_uint_eq(virtio_config_read(&x.e.dev, 0, 1), 0x10);
	ck_assert_uint_eq(virtio_config_read(&x.e.dev, 2, 2), 0x1312);
	ck_assert_uint_eq(virtio_config_read(&x.e.dev, 0, 8), UINT64_C(0x1716151413121110));
	/* Past the end: zeroes. */
	ck_assert_uint_eq(virtio_config_read(&x.e.dev, 6, 4), 0x1716);
	ck_assert_uint_eq(virtio_config_read(&x.e.dev, 8, 4), 0);
	ck_assert_uint_eq(virtio_config_read(&x.e.dev, UINT32_MAX, 8), 0);
	ck_assert_ptr_null(virtio_queue(&x.e.dev, 3));
	ck_assert_ptr_null(virtio_queue(&x.e.dev, UINT32_MAX));

	/* Only the writable part, and only as a whole. */
	virtio_config_write(&x.e.dev, 4, 2, 0xbeef);
	ck_assert_uint_eq(virtio_config_read(&x.e.dev, 4, 2), 0xbeef);
	ck_assert_uint_eq(x.e.written_off, 4);
	ck_assert_uint_eq(x.e.written_len, 2);
	x.e.written_len = 0;
	virtio_config_write(&x.e.dev, 3, 1, 0xff);
	virtio_config_write(&x.e.dev, 3, 2, 0xffff);
	virtio_config_write(&x.e.dev, 5, 2, 0xffff);
	virtio_config_write(&x.e.dev, 6, 1, 0xff);
	virtio_config_write(&x.e.dev, UINT32_MAX, 8, 0xff);
	ck_assert_uint_eq(x.e.written_len, 0);
	ck_assert_uint_eq(virtio_config_read(&x.e.dev, 0, 8), UINT64_C(0x1716beef13121110));
	rig_down(&x);
}
END_TEST

START_TEST(config_change)
{
	struct rig x;
	u32 gen;

	rig_up(&x);
	/* [virtio 1.3 §2.5.3] A new generation each time; an interrupt only after DRIVER_OK. */
	gen = x.e.dev.config_gen;
	virtio_config_changed(&x.e.dev);
	ck_assert_uint_ne(x.e.dev.config_gen, gen);
	ck_assert_uint_eq(x.t.config, 0);
	ck_assert(fake_negotiate(&x.e.dev, F_ALL));
	fake_driver_ok(&x.e.dev);
	virtio_config_changed(&x.e.dev);
	ck_assert_uint_eq(x.t.config, 1);
	rig_down(&x);
}
END_TEST

/* ---- construction ---- */

START_TEST(fini_takes_anything)
{
	struct fake_echo *e = calloc(1, sizeof(*e));
	struct virtio_device *d = &e->dev;
	struct mem *m = fake_mem(0);
	struct loop *l;

	virtio_fini(d);
	ck_assert_int_eq(loop_create(&l, "test"), 0);
	ck_assert_int_eq(fake_echo_init(e, 0, m, l), 0);
	/* Interrupts before a transport is attached go nowhere. */
	virtio_status_set(d, ACK | DRV);
	virtio_driver_features_set(d, 1, 1);
	virtio_status_set(d, FOK | DOK);
	virtio_config_changed(d);
	d->tops->interrupt_queue(d->transport, 0);
	virtio_status_set(d, 0);
	virtio_fini(d);
	virtio_fini(d);
	loop_destroy(l);
	mem_destroy(m);
	free(e);
}
END_TEST

START_TEST(no_fds_left)
{
	const struct rlimit few = { 64, 64 };
	struct mem *m = fake_mem(0);
	int fds[64], nr = 0;
	struct loop *l;

	/* With 0, 1, 2, ... descriptors left, init fails or works, and gives all of them back. */
	ck_assert_int_eq(loop_create(&l, "test"), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	while ((fds[nr] = dup(0)) >= 0)
		nr++;
	for (int left = 0; left < 4; left++) {
		struct fake_echo *e = calloc(1, sizeof(*e));

		ck_assert_int_eq(fake_echo_init(e, 0, m, l), left < 3 ? -EMFILE : 0);
		virtio_fini(&e->dev);
		free(e);
		close(fds[--nr]);
	}
	while (nr)
		close(fds[--nr]);
	loop_destroy(l);
	mem_destroy(m);
}
END_TEST

/*
 * A guest that breaks one device over and over is told of a few times, and that says nothing about
 * the others.
 */
START_TEST(each_device_may_say_that_it_failed)
{
	struct fake_echo other;
	const char *s;
	unsigned nr = 0;
	struct rig x;

	rig_up(&x);
	ck_assert_int_eq(fake_echo_init(&other, 8, x.mem, x.loop), 0);
	capture_start();
	for (unsigned i = 0; i < 100; i++) {
		virtio_fail(&x.e.dev, "bad", -EFAULT);
		virtio_status_set(&x.e.dev, 0);
	}
	for (s = captured(); (s = strstr(s, "virtio-echo 7: ")); s++)
		nr++;
	ck_assert_uint_eq(nr, LOG_SITE_BURST + 1);
	virtio_fail(&other.dev, "bad", -EFAULT);
	ck_assert_ptr_nonnull(
		strstr(captured(), "virtio-echo 8: bad (Bad address); it needs a reset\n"));
	virtio_status_set(&other.dev, 0);
	fake_echo_fini(&other);
	rig_down(&x);
}
END_TEST

/* The other end of a doorbell may make it block, and fill it: nobody who rings waits for room. */
START_TEST(a_doorbell_of_others)
{
	struct virtio_type foreign;
	eventfd_t n;
	struct rig x;
	int fd;

	rig_up(&x);
	foreign = *x.e.dev.type;
	foreign.foreign = true;
	x.e.dev.type = &foreign;
	fd = x.e.dev.doorbell[0];
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	ck_assert_int_eq(eventfd_write(fd, UINT64_MAX - 1), 0);
	alarm(10);
	virtio_notify(&x.e.dev, 0);
	ck_assert_int_eq(eventfd_read(fd, &n), 0);
	ck_assert_uint_eq(n, 1);
	alarm(0);
	rig_down(&x);
}
END_TEST

SUITE_MAIN("virtio/device", offer, features_ok_only_for_a_subset_with_version_1,
	   features_are_final_once_ok, status_bits_are_only_added, no_driver_ok_without_features_ok,
	   config_space, config_change, fini_takes_anything, no_fds_left,
	   each_device_may_say_that_it_failed, a_doorbell_of_others)
