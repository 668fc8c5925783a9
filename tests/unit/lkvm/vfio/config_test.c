/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration space of an assigned device: what is shown, and what of writes reaches it. */
#include "tests/unit/lkvm/vfio/rig.h"

#define COMMAND 4u

START_TEST(header)
{
	struct rig x;

	rig_up(&x);
	ck_assert_uint_eq(rd(&x, cfg(0), 4), 0x00101b36);
	ck_assert_uint_eq(rd(&x, cfg(8), 4), 0x01080202);
	ck_assert_uint_eq(rd(&x, cfg(0x2c), 4), 0x11001af4);
	ck_assert_uint_eq(rd(&x, cfg(0x3d), 1), 1);
	ck_assert_uint_eq(rd(&x, cfg(0x0e), 1), 0); /* one function */
	ck_assert_uint_eq(rd(&x, cfg(0x30), 4), 0); /* no ROM */
	rig_down(&x);
}
END_TEST

START_TEST(capabilities)
{
	static const struct {
		u8 at, id;
	} want[] = { { PM, 1 }, { EXPRESS, 0x10 }, { MSI, 5 }, { MSIX, 0x11 } };
	struct rig x;
	u64 at;

	rig_up(&x);
	at = rd(&x, cfg(0x34), 1);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		ck_assert_uint_eq(at, want[i].at);
		ck_assert_uint_eq(rd(&x, cfg((unsigned)at), 1), want[i].id);
		at = rd(&x, cfg((unsigned)at + 1), 1);
	}
	ck_assert_uint_eq(at, 0);
	/* No PME; asleep before, awake now. */
	ck_assert_uint_eq(rd(&x, cfg(PM + 2), 2), 0x07f3);
	ck_assert_uint_eq(rd(&x, cfg(PM + 4), 4), 8);
	/* An endpoint of the root complex has no link. */
	ck_assert_uint_eq(rd(&x, cfg(EXPRESS + 2), 2), 0x92);
	ck_assert_uint_eq(rd(&x, cfg(EXPRESS + 12), 4), 0);
	/* Nothing is enabled, and single messages have no masks. */
	ck_assert_uint_eq(rd(&x, cfg(MSI + 2), 2), 0x86);
	ck_assert_uint_eq(rd(&x, cfg(MSIX + 2), 2), 0x40);
	ck_assert_uint_eq(rd(&x, cfg(MSIX + 4), 4), 0x2000);
	/* The extended space is not there. */
	ck_assert_uint_eq(rd(&x, cfg(0x100), 4), 0);
	rig_down(&x);
}
END_TEST

/* A host that sends no messages: then there is INTx alone. */
START_TEST(without_messages)
{
	struct rig x;

	fake_vfio_init();
	fake_vfio_add("0000:00:10.0", 3);
	ck_assert_int_eq(rig_start(&x, false), 0);
	ck_assert_uint_eq(rd(&x, cfg(0x34), 1), PM);
	ck_assert_uint_eq(rd(&x, cfg(PM + 1), 1), EXPRESS);
	ck_assert_uint_eq(rd(&x, cfg(EXPRESS + 1), 1), 0);
	ck_assert_int_eq(fake_vfio.devices[0].mode, VFIO_PCI_INTX);
	rig_down(&x);
}
END_TEST

/* Lists of capabilities that go round, lead into the header, or end behind the space. */
START_TEST(bad_lists)
{
	static const u8 nexts[] = { 0x40, 0x10, 0xff, 0xfc, 0x50 };
	struct rig x;

	for (size_t i = 0; i < ARRAY_SIZE(nexts); i++) {
		struct fake_vfio_device *d;

		fake_vfio_init();
		d = fake_vfio_add("0000:00:10.0", 3);
		d->config[0x41] = nexts[i];
		d->config[0xfc] = 0x10; /* Express, four bytes before the end */
		d->config[0x51] = 0x50;
		ck_assert_int_eq(rig_start(&x, true), 0);
		ck_assert_uint_eq(rd(&x, cfg(0x34), 1), PM);
		rig_down(&x);
	}
}
END_TEST

/* Memory decoding stays on in the device, whatever the guest wants of it. */
START_TEST(command)
{
	struct rig x;
	struct fake_vfio_device *d = rig_up(&x);

	ck_assert_uint_eq(d->config[COMMAND], 2);
	ck_assert_uint_eq(rd(&x, cfg(COMMAND), 2), 2);
	wr(&x, cfg(COMMAND), 2, 0xffff);
	ck_assert_uint_eq(d->config[COMMAND], 6);
	ck_assert_uint_eq(d->config[COMMAND + 1], 4);
	wr(&x, cfg(COMMAND), 2, 0);
	ck_assert_uint_eq(d->config[COMMAND], 2);
	ck_assert_uint_eq(d->config[COMMAND + 1], 0);
	rig_down(&x);
}
END_TEST

/* No write but those reaches the device. */
START_TEST(hostile_writes)
{
	struct rig x;
	struct fake_vfio_device *d;
	u32 seed = 7;

	d = rig_up(&x);
	d->can_reset = false;
	for (unsigned i = 0; i < 20000; i++) {
		u8 before[256];
		unsigned off;

		memcpy(before, d->config, sizeof(before));
		seed = seed * 1103515245 + 12345;
		off = (seed >> 8) % 1024 * 4;
		seed = seed * 1103515245 + 12345;
		wr(&x, cfg(off), 4, i % 3 ? seed : i % 2 ? 0xffffffff : 0);
		memcpy(before + COMMAND, d->config + COMMAND, 2);
		ck_assert_mem_eq(before, d->config, sizeof(before));
		ck_assert(d->config[COMMAND] & 2);
		ck_assert_uint_eq(d->config[COMMAND] & ~6u, 0);
	}
	ck_assert_uint_eq(rd(&x, cfg(0), 4), 0x00101b36);
	rig_down(&x);
}
END_TEST

START_TEST(power_is_stored)
{
	struct rig x;

	rig_up(&x);
	wr(&x, cfg(PM + 4), 2, 0xffff);
	ck_assert_uint_eq(rd(&x, cfg(PM + 4), 2), 0xb);
	ck_assert_ptr_nonnull(direct(&x, BAR0));
	rig_down(&x);
}
END_TEST

START_TEST(reset_of_the_function)
{
	struct rig x;
	struct fake_vfio_device *d = rig_up(&x);

	wr(&x, cfg(EXPRESS + 8), 2, 0x2810);
	ck_assert_uint_eq(d->resets, 0);
	wr(&x, cfg(EXPRESS + 8), 2, 0xa810);
	ck_assert_uint_eq(d->resets, 1);
	ck_assert_uint_eq(rd(&x, cfg(EXPRESS + 8), 2), 0x2810);
	fake_vfio.fail_req = VFIO_DEVICE_RESET;
	fake_vfio.fail_err = EBUSY;
	wr(&x, cfg(EXPRESS + 8), 2, 0xa810);
	rig_down(&x);
	/* One that cannot is not said to. */
	fake_vfio_init();
	d = fake_vfio_add("0000:00:10.0", 3);
	d->can_reset = false;
	ck_assert_int_eq(rig_start(&x, true), 0);
	ck_assert_uint_eq(rd(&x, cfg(EXPRESS + 4), 4), 0x8fc0);
	wr(&x, cfg(EXPRESS + 8), 2, 0xa810);
	ck_assert_uint_eq(d->resets, 0);
	rig_down(&x);
}
END_TEST

START_TEST(status_is_the_devices)
{
	struct rig x;
	struct fake_vfio_device *d = rig_up(&x);

	d->config[0x7a] = 0x20; /* transactions pending */
	ck_assert_uint_eq(rd(&x, cfg(EXPRESS + 10), 2), 0x20);
	d->config[0x7a] = 0;
	ck_assert_uint_eq(rd(&x, cfg(EXPRESS + 10), 2), 0);
	rig_down(&x);
}
END_TEST

SUITE_MAIN("lkvm/vfio/config", header, capabilities, without_messages, bad_lists, command,
	   hostile_writes, power_is_stored, reset_of_the_function, status_is_the_devices)
