/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio over PCI: how a driver finds the device, and every register it configures it with. */
#include <errno.h>
#include <sys/resource.h>

#include "tests/unit/virtio/transport/pci_rig.h"

/* [virtio 1.3 §4.1.2.1] */
START_TEST(identity)
{
	struct rig x;

	rig_up(&x, true);
	ck_assert_uint_eq(rd(&x, CFG, 4), (0x1040u + FAKE_ECHO_ID) << 16 | 0x1af4);
	ck_assert_uint_eq(rd(&x, CFG + 8, 4), 0xff000001);
	ck_assert_uint_eq(rd(&x, CFG + 0x2c, 4), (0x40u + FAKE_ECHO_ID) << 16 | 0x1af4);
	rig_down(&x);
}
END_TEST

struct found {
	unsigned nr;
	u32 bar, off, len, cap_len;
};

/* All virtio capabilities, by type. */
static void find_caps(struct rig *x, struct found *c, unsigned nr)
{
	u64 cap = rd(x, CFG + 0x34, 1);

	memset(c, 0, nr * sizeof(*c));
	for (; cap; cap = rd(x, CFG + cap + 1, 1)) {
		u64 type = rd(x, CFG + cap + 3, 1);

		if (rd(x, CFG + cap, 1) != 9)
			continue;
		ck_assert_uint_lt(type, nr);
		c[type].nr++;
		c[type].cap_len = (u32)rd(x, CFG + cap + 2, 1);
		c[type].bar = (u32)rd(x, CFG + cap + 4, 1);
		c[type].off = (u32)rd(x, CFG + cap + 8, 4);
		c[type].len = (u32)rd(x, CFG + cap + 12, 4);
		ck_assert_uint_eq(rd(x, CFG + cap + 5, 1), 0); /* id: the only one of its type */
	}
}

/* [virtio 1.3 §4.1.4.3.1, §4.1.4.4.1, §4.1.4.5.1, §4.1.4.6.1, §4.1.4.9.1] One of each. */
START_TEST(capabilities)
{
	struct rig x;
	struct found c[6];

	rig_up(&x, true);
	find_caps(&x, c, 6);
	for (unsigned type = 1; type < 6; type++) {
		ck_assert_uint_eq(c[type].nr, 1);
		ck_assert_uint_eq(c[type].cap_len, type == 2 || type == 5 ? 20 : 16);
		ck_assert_uint_eq(c[type].bar, 0);
		/* Each in pages of its own. */
		ck_assert_uint_eq(c[type].off % 0x1000, 0);
	}
	ck_assert_uint_ge(c[1].len, 0x3c); /* up to queue_reset */
	/* [§4.1.4.4.1] Aligned to 2, and cap.length reaches behind the last queue's address. */
	ck_assert_uint_eq(x.f.notify_mult, 4);
	ck_assert_uint_ge(c[2].len, (FAKE_ECHO_QUEUES - 1) * x.f.notify_mult + 2);
	ck_assert_uint_ge(c[3].len, 1);
	ck_assert_uint_eq(c[4].len, 8);
	ck_assert_uint_ne(x.f.cap_msix, 0);
	ck_assert_uint_eq(rd(&x, CFG + x.f.cap_msix + 2, 2), FAKE_ECHO_QUEUES); /* N - 1 */
	rig_down(&x);
}
END_TEST

/* Without MSIs no MSI-X, without configuration no window on it. */
START_TEST(capabilities_left_out)
{
	struct rig x;
	struct found c[6];

	rig_prepare(&x, false);
	x.e.dev.config_len = 0;
	rig_plug(&x);
	find_caps(&x, c, 6);
	ck_assert_uint_eq(c[4].nr, 0);
	ck_assert_uint_eq(c[5].nr, 1);
	ck_assert_uint_eq(x.f.cap_msix, 0);
	ck_assert_uint_eq(x.f.bar[2], 0);
	rig_down(&x);
}
END_TEST

static void expect_reset_state(struct rig *x)
{
	static const u16 sizes[FAKE_ECHO_QUEUES] = { 8, 16, 256 };

	ck_assert_uint_eq(status(x), 0);
	ck_assert_uint_eq(fake_get(&x->f, FAKE_DEVICE_FEATURES_SEL), 0);
	ck_assert_uint_eq(fake_get(&x->f, FAKE_DRIVER_FEATURES_SEL), 0);
	ck_assert_uint_eq(fake_get(&x->f, FAKE_DRIVER_FEATURES), 0);
	ck_assert_uint_eq(fake_get(&x->f, FAKE_QUEUE_SEL), 0);
	ck_assert_uint_eq(rd(x, x->f.regs + CONFIG_VECTOR, 2), VIRTIO_NO_VECTOR);
	ck_assert_uint_eq(rd(x, x->f.regs + NUM_QUEUES, 2), FAKE_ECHO_QUEUES);
	for (u16 i = 0; i < FAKE_ECHO_QUEUES; i++) {
		ck_assert_uint_eq(get_vector(x, i), VIRTIO_NO_VECTOR);
		/* [virtio 1.3 §4.1.5.1.3] The size as offered. */
		ck_assert_uint_eq(fake_get(&x->f, FAKE_QUEUE_SIZE), sizes[i]);
		ck_assert_uint_eq(fake_get(&x->f, FAKE_QUEUE_ENABLE), 0);
		ck_assert_uint_eq(fake_get(&x->f, FAKE_QUEUE_RESET), 0);
		ck_assert_uint_eq(rd(x, x->f.regs + NOTIFY_OFF, 2), i);
		for (unsigned off = 0x20; off < 0x40; off += 4)
			ck_assert_uint_eq(rd(x, x->f.regs + off, 4), 0);
	}
}

/* [virtio 1.3 §4.1.4.3.1] Writing 0 to device_status resets, and is over when 0 is read back. */
START_TEST(reset)
{
	struct rig x;

	rig_up(&x, true);
	expect_reset_state(&x);
	bring_up(&x, F_BASE, true);
	fake_set(&x.f, FAKE_DEVICE_FEATURES_SEL, 1);
	fake_set(&x.f, FAKE_DRIVER_FEATURES_SEL, 1);
	fake_set(&x.f, FAKE_STATUS, 0);
	ck_assert_uint_eq(x.e.stops, 1);
	fake_set(&x.f, FAKE_QUEUE_SEL, 0);
	expect_reset_state(&x);
	bring_up(&x, F_BASE, true);
	ck_assert_uint_eq(x.e.starts, 2);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.1.3.1] Each field in its own width and no other; nothing happens otherwise. */
START_TEST(field_widths)
{
	static const struct {
		u8 off, width;
	} fields[] = {
		{ 0x00, 4 }, { 0x08, 4 }, { 0x10, 2 }, { 0x16, 2 }, { 0x18, 2 }, { 0x1a, 2 },
		{ 0x20, 4 }, { 0x24, 4 }, { 0x28, 4 }, { 0x2c, 4 }, { 0x30, 4 }, { 0x34, 4 },
	};
	struct rig x;
	u64 val;

	rig_up(&x, true);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		u64 at = x.f.regs + fields[i].off;

		wr(&x, at, fields[i].width, 1);
		ck_assert_uint_eq(rd(&x, at, fields[i].width), 1);
		for (unsigned len = 1; len <= 4; len *= 2) {
			if (len == fields[i].width || fields[i].off % len)
				continue;
			wr(&x, at, len, 0);
			ck_assert_uint_eq(rd(&x, at, len), 0);
			ck_assert_uint_eq(rd(&x, at, fields[i].width), 1);
		}
		if (fields[i].off != 0x16)
			continue;
		wr(&x, at, 2, 0); /* queue_select: back, for the fields behind it */
	}
	/* 64-bit fields come in halves. */
	val = UINT64_MAX;
	ck_assert_int_eq(bus_access(x.bus, gpa(x.f.regs + 0x20), 8, true, &val), BUS_BAD);
	ck_assert_int_eq(bus_access(x.bus, gpa(x.f.regs + 0x20), 8, false, &val), BUS_BAD);
	ck_assert_uint_eq(val, UINT64_MAX);
	ck_assert_uint_eq(rd(&x, x.f.regs + 0x20, 4), 1);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.1.4.3.1] Words that hold no feature read 0, whatever is selected. */
START_TEST(feature_words)
{
	struct rig x;
	u64 offer;

	rig_up(&x, true);
	offer = fake_dev_offer(&x.f, 0) | (u64)fake_dev_offer(&x.f, 1) << 32;
	ck_assert_uint_eq(offer, x.e.dev.offered);
	ck_assert(offer & VIRTIO_F_RING_RESET);
	ck_assert(!(offer & (BIT(38) | BIT(39)))); /* NOTIFICATION_DATA, NOTIF_CONFIG_DATA */
	for (u32 word = 2; word < 8; word++)
		ck_assert_uint_eq(fake_dev_offer(&x.f, word), 0);
	ck_assert_uint_eq(fake_dev_offer(&x.f, UINT32_MAX), 0);
	/* What the driver wrote can be read back. */
	for (u32 word = 0; word < 2; word++) {
		fake_set(&x.f, FAKE_DRIVER_FEATURES_SEL, word);
		fake_set(&x.f, FAKE_DRIVER_FEATURES, 0x50 + word);
	}
	fake_set(&x.f, FAKE_DRIVER_FEATURES_SEL, 0);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_DRIVER_FEATURES), 0x50);
	fake_set(&x.f, FAKE_DRIVER_FEATURES_SEL, 1);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_DRIVER_FEATURES), 0x51);
	fake_set(&x.f, FAKE_DRIVER_FEATURES_SEL, 2);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_DRIVER_FEATURES), 0);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §2.2.2] FEATURES_OK is refused for more than was offered, and without VERSION_1. */
START_TEST(feature_refusal)
{
	struct rig x;

	rig_up(&x, true);
	ck_assert(fake_dev_negotiate(&x.f, F_BASE | FAKE_ECHO_FEATURE));
	ck_assert(!fake_dev_negotiate(&x.f, F_BASE | BIT(38)));
	ck_assert(!fake_dev_negotiate(&x.f, FAKE_ECHO_FEATURE));
	/* A bit of word 2. */
	fake_set(&x.f, FAKE_STATUS, 0);
	fake_set(&x.f, FAKE_STATUS, S_ACK | S_DRIVER);
	fake_set(&x.f, FAKE_DRIVER_FEATURES_SEL, 1);
	fake_set(&x.f, FAKE_DRIVER_FEATURES, 1);
	fake_set(&x.f, FAKE_DRIVER_FEATURES_SEL, 2);
	fake_set(&x.f, FAKE_DRIVER_FEATURES, 1);
	fake_set(&x.f, FAKE_STATUS, S_ACK | S_DRIVER | S_FEATURES);
	ck_assert_uint_eq(status(&x), S_ACK | S_DRIVER);
	ck_assert(fake_dev_negotiate(&x.f, F_BASE));
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.1.4.3.1] queue_size 0 for a queue that is not there; its registers do nothing. */
START_TEST(no_such_queue)
{
	static const u16 sel[] = { FAKE_ECHO_QUEUES, 31, 32, 0xffff };
	struct rig x;

	rig_up(&x, true);
	for (size_t i = 0; i < ARRAY_SIZE(sel); i++) {
		fake_set(&x.f, FAKE_QUEUE_SEL, sel[i]);
		for (unsigned off = 0x18; off < 0x40; off += 2) {
			wr(&x, x.f.regs + off, 2, 1);
			wr(&x, x.f.regs + (off & ~3u), 4, 1);
		}
		ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_SIZE), 0);
		ck_assert_uint_eq(rd(&x, x.f.regs + QUEUE_VECTOR, 2), VIRTIO_NO_VECTOR);
		ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_ENABLE), 0);
		ck_assert_uint_eq(rd(&x, x.f.regs + NOTIFY_OFF, 2), 0);
		ck_assert_uint_eq(rd(&x, x.f.regs + 0x20, 4), 0);
	}
	fake_set(&x.f, FAKE_QUEUE_SEL, 0);
	expect_reset_state(&x);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.1.4.3.2] What describes a queue cannot change while it is enabled. */
START_TEST(inert_after_enable)
{
	struct rig x;
	struct virtqueue was;

	rig_up(&x, true);
	bring_up(&x, F_BASE, true);
	was = x.e.dev.queues[0];
	fake_set(&x.f, FAKE_QUEUE_SEL, 0);
	fake_set(&x.f, FAKE_QUEUE_SIZE, 4);
	for (unsigned off = 0x20; off < 0x38; off += 4)
		wr(&x, x.f.regs + off, 4, 0x1000);
	fake_set(&x.f, FAKE_QUEUE_ENABLE, 0);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_ENABLE), 1);
	ck_assert_uint_eq(x.e.dev.queues[0].size, was.size);
	ck_assert_uint_eq(x.e.dev.queues[0].desc, was.desc);
	ck_assert_uint_eq(x.e.dev.queues[0].driver, was.driver);
	ck_assert_uint_eq(x.e.dev.queues[0].device, was.device);
	ck_assert_uint_eq(rd(&x, x.f.regs + 0x20, 4), (u32)was.desc);
	ck_assert_uint_eq(rd(&x, x.f.regs + 0x24, 4), was.desc >> 32);
	/* A queue that is not enabled may still be set up. */
	fake_set(&x.f, FAKE_QUEUE_SEL, 2);
	fake_set(&x.f, FAKE_QUEUE_SIZE, 64);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_SIZE), 64);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.1.4.3.1] Values other than 1 enable nothing. */
START_TEST(enable_means_one)
{
	struct rig x;

	rig_up(&x, true);
	ck_assert(fake_dev_negotiate(&x.f, F_BASE));
	fake_set(&x.f, FAKE_QUEUE_ENABLE, 2);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_ENABLE), 0);
	/* An odd size: the device needs a reset, and is alive after it. */
	fake_set(&x.f, FAKE_QUEUE_SIZE, 7);
	fake_set(&x.f, FAKE_QUEUE_ENABLE, 1);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_ENABLE), 0);
	ck_assert(status(&x) & VIRTIO_S_NEEDS_RESET);
	bring_up(&x, F_BASE, true);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.1.5.1.2.1] A vector that cannot be had reads back as NO_VECTOR. */
START_TEST(vectors)
{
	struct rig x;

	rig_up(&x, true);
	for (u32 i = 0; i <= FAKE_ECHO_QUEUES; i++) {
		set_vector(&x, 1, (u16)i);
		ck_assert_uint_eq(get_vector(&x, 1), i);
		wr(&x, x.f.regs + CONFIG_VECTOR, 2, i);
		ck_assert_uint_eq(rd(&x, x.f.regs + CONFIG_VECTOR, 2), i);
	}
	set_vector(&x, 1, FAKE_ECHO_QUEUES + 1);
	ck_assert_uint_eq(get_vector(&x, 1), VIRTIO_NO_VECTOR);
	set_vector(&x, 1, 0);
	set_vector(&x, 1, 0xfffe);
	ck_assert_uint_eq(get_vector(&x, 1), VIRTIO_NO_VECTOR);
	wr(&x, x.f.regs + CONFIG_VECTOR, 2, FAKE_ECHO_QUEUES + 1);
	ck_assert_uint_eq(rd(&x, x.f.regs + CONFIG_VECTOR, 2), VIRTIO_NO_VECTOR);
	ck_assert_uint_eq(get_vector(&x, 0), VIRTIO_NO_VECTOR);
	rig_down(&x);

	rig_up(&x, false);
	set_vector(&x, 0, 0);
	ck_assert_uint_eq(get_vector(&x, 0), VIRTIO_NO_VECTOR);
	wr(&x, x.f.regs + CONFIG_VECTOR, 2, 0);
	ck_assert_uint_eq(rd(&x, x.f.regs + CONFIG_VECTOR, 2), VIRTIO_NO_VECTOR);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.1.4.6, §4.1.3.1, §2.5] */
START_TEST(device_configuration)
{
	struct rig x;
	u32 gen;

	rig_up(&x, true);
	memcpy(x.e.config, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	ck_assert_uint_eq(rd(&x, x.f.config, 1), 1);
	ck_assert_uint_eq(rd(&x, x.f.config + 2, 2), 0x0403);
	ck_assert_uint_eq(rd(&x, x.f.config + 4, 4), 0x08070605);
	ck_assert_uint_eq(rd(&x, x.f.config + 8, 4), 0);
	ck_assert_uint_eq(rd(&x, x.f.config + 0xffc, 4), 0);
	wr(&x, x.f.config, 4, 0xffffffff); /* read-only */
	wr(&x, x.f.config + 0xffc, 4, 0xffffffff);
	ck_assert_uint_eq(rd(&x, x.f.config, 4), 0x04030201);
	wr(&x, x.f.config + 4, 2, 0xbbaa);
	ck_assert_uint_eq(rd(&x, x.f.config + 4, 4), 0x0807bbaa);
	ck_assert_uint_eq(x.e.written_off, 4);
	/* [§4.1.4.3.1] config_generation changes with the configuration, in 8 bits. */
	gen = fake_get(&x.f, FAKE_GENERATION);
	for (unsigned i = 1; i < 300; i++) {
		virtio_config_changed(&x.e.dev);
		ck_assert_uint_eq(fake_get(&x.f, FAKE_GENERATION), (gen + i) & 0xff);
	}
	rig_down(&x);
}
END_TEST

static void window(struct rig *x, u8 bar, u32 off, u32 len)
{
	u64 cap = CFG + x->f.cap_pci_cfg;

	wr(x, cap + 4, 1, bar);
	wr(x, cap + 8, 4, off);
	wr(x, cap + 12, 4, len);
}

/* [virtio 1.3 §4.1.4.9.1] The window reads and writes the BAR, also where nothing decodes. */
START_TEST(cfg_window)
{
	struct rig x;
	u64 data;

	rig_up(&x, true);
	data = CFG + x.f.cap_pci_cfg + 16;
	wr(&x, CFG + 4, 2, 0);
	window(&x, 0, 0x14, 1); /* device_status */
	wr(&x, data, 1, S_ACK);
	ck_assert_uint_eq(virtio_status_get(&x.e.dev), S_ACK);
	ck_assert_uint_eq(rd(&x, data, 1), S_ACK);
	window(&x, 0, NUM_QUEUES, 2);
	ck_assert_uint_eq(rd(&x, data, 2), FAKE_ECHO_QUEUES);
	window(&x, 0, 0x00, 4);
	wr(&x, data, 4, 1);
	window(&x, 0, 0x04, 4);
	ck_assert_uint_eq(rd(&x, data, 4), x.e.dev.offered >> 32);
	/* MSI-X is a BAR like another. */
	window(&x, 2, 12, 4);
	ck_assert_uint_eq(rd(&x, data, 4), 1);
	/* The rest of cap stays what the driver wrote. */
	ck_assert_uint_eq(rd(&x, data - 12, 4), 2);
	ck_assert_uint_eq(rd(&x, data - 8, 4), 12);
	ck_assert_uint_eq(rd(&x, data - 4, 4), 4);
	rig_down(&x);
}
END_TEST

START_TEST(cfg_window_abused)
{
	static const struct {
		u8 bar;
		u32 off, len;
		bool access; /* it is one, to nowhere: ones */
	} t[] = {
		{ 0, 0x14, 0, false },	      { 0, 0x14, 3, false },  { 0, 0x14, 8, false },
		{ 0, 0x14, 1u << 31, false }, { 1, 0, 4, true },      { 6, 0, 4, true },
		{ 255, 0, 4, true },	      { 0, 0x4000, 4, true }, { 0, 0xfffffffc, 4, true },
		{ 0, 0x15, 2, true },	      { 2, 0, 1, true },      { 0, 0x3fff, 4, true },
	};
	struct rig x;
	u64 data;

	rig_up(&x, true);
	data = CFG + x.f.cap_pci_cfg + 16;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		u64 ones = t[i].len == 4 ? 0xffffffff : t[i].len == 2 ? 0xffff : 0xff;

		window(&x, t[i].bar, t[i].off, t[i].len);
		wr(&x, data, 4, 0);
		ck_assert_msg(rd(&x, data, 4) == (t[i].access ? ones : 0), "case %zu", i);
		ck_assert_uint_eq(virtio_status_get(&x.e.dev), 0);
	}
	/* The other bytes of pci_cfg_data are only storage. */
	window(&x, 0, 0x14, 1);
	wr(&x, data + 1, 1, 0x77);
	ck_assert_uint_eq(virtio_status_get(&x.e.dev), 0);
	rig_down(&x);
}
END_TEST

START_TEST(create_fails)
{
	struct rig x;
	struct virtio_pci *v = NULL;
	struct fake_echo other;
	struct rlimit old, few;

	rig_up(&x, true);
	ck_assert_int_eq(fake_echo_init(&other, 1, x.mem, x.loop), 0);
	ck_assert_int_eq(virtio_pci_create(&v, &other.dev, x.pci, &x.irq.irq, SLOT), -EBUSY);
	ck_assert_int_eq(virtio_pci_create(&v, &other.dev, x.pci, &x.irq.irq, 32), -EINVAL);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){ 3, old.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_int_eq(virtio_pci_create(&v, &other.dev, x.pci, &x.irq.irq, 2), -EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_ptr_null(v);
	/* Nothing of it is left behind: the slot is free. */
	ck_assert_int_eq(virtio_pci_create(&v, &other.dev, x.pci, &x.irq.irq, 2), 0);
	virtio_pci_destroy(v);
	virtio_pci_destroy(NULL);
	fake_echo_fini(&other);
	rig_down(&x);
}
END_TEST

SUITE_MAIN("virtio/pci", identity, capabilities, capabilities_left_out, reset, field_widths,
	   feature_words, feature_refusal, no_such_queue, inert_after_enable, enable_means_one,
	   vectors, device_configuration, cfg_window, cfg_window_abused, create_fails)
