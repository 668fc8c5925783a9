/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest half of a virtio device, over virtio-pci or virtio-mmio registers.
 *
 * Thread: the test's; plays a vCPU.
 * Trust:  none needed: it runs against our own device code, and asserts.
 * Spec:   virtio 1.3 §3.1, §4.1.4, §4.2.2
 */
#include "tests/fake/driver_dev.h"

#define S_ACKNOWLEDGE 1u
#define S_DRIVER 2u
#define S_DRIVER_OK 4u
#define S_FEATURES_OK 8u

/* [virtio 1.3 §4.1.4.3] struct virtio_pci_common_cfg */
static const struct fake_reg_at pci_map[NR_FAKE_REGS] = {
	[FAKE_DEVICE_FEATURES_SEL] = { 0x00, 4 },
	[FAKE_DEVICE_FEATURES] = { 0x04, 4 },
	[FAKE_DRIVER_FEATURES_SEL] = { 0x08, 4 },
	[FAKE_DRIVER_FEATURES] = { 0x0c, 4 },
	[FAKE_STATUS] = { 0x14, 1 },
	[FAKE_GENERATION] = { 0x15, 1 },
	[FAKE_QUEUE_SEL] = { 0x16, 2 },
	[FAKE_QUEUE_SIZE_MAX] = { 0x18, 2 },
	[FAKE_QUEUE_SIZE] = { 0x18, 2 },
	[FAKE_QUEUE_ENABLE] = { 0x1c, 2 },
	[FAKE_QUEUE_RESET] = { 0x3a, 2 },
	[FAKE_QUEUE_DESC_LO] = { 0x20, 4 },
	[FAKE_QUEUE_DESC_HI] = { 0x24, 4 },
	[FAKE_QUEUE_DRIVER_LO] = { 0x28, 4 },
	[FAKE_QUEUE_DRIVER_HI] = { 0x2c, 4 },
	[FAKE_QUEUE_DEVICE_LO] = { 0x30, 4 },
	[FAKE_QUEUE_DEVICE_HI] = { 0x34, 4 },
};
#define PCI_QUEUE_NOTIFY_OFF 0x1eu

/* [virtio 1.3 §4.2.2] */
static const struct fake_reg_at mmio_map[NR_FAKE_REGS] = {
	[FAKE_DEVICE_FEATURES_SEL] = { 0x14, 4 },
	[FAKE_DEVICE_FEATURES] = { 0x10, 4 },
	[FAKE_DRIVER_FEATURES_SEL] = { 0x24, 4 },
	[FAKE_DRIVER_FEATURES] = { 0x20, 4 },
	[FAKE_STATUS] = { 0x70, 4 },
	[FAKE_GENERATION] = { 0xfc, 4 },
	[FAKE_QUEUE_SEL] = { 0x30, 4 },
	[FAKE_QUEUE_SIZE_MAX] = { 0x34, 4 },
	[FAKE_QUEUE_SIZE] = { 0x38, 4 },
	[FAKE_QUEUE_ENABLE] = { 0x44, 4 },
	[FAKE_QUEUE_RESET] = { 0xc0, 4 },
	[FAKE_QUEUE_DESC_LO] = { 0x80, 4 },
	[FAKE_QUEUE_DESC_HI] = { 0x84, 4 },
	[FAKE_QUEUE_DRIVER_LO] = { 0x90, 4 },
	[FAKE_QUEUE_DRIVER_HI] = { 0x94, 4 },
	[FAKE_QUEUE_DEVICE_LO] = { 0xa0, 4 },
	[FAKE_QUEUE_DEVICE_HI] = { 0xa4, 4 },
};

u64 fake_read(struct fake_dev *f, u64 addr, unsigned len)
{
	u64 val = 0;
	enum bus_result res = bus_access(f->bus, gpa(addr), len, false, &val);

	assert(res == BUS_OK);
	return val;
}

void fake_write(struct fake_dev *f, u64 addr, unsigned len, u64 val)
{
	enum bus_result res = bus_access(f->bus, gpa(addr), len, true, &val);

	assert(res == BUS_OK);
}

u32 fake_get(struct fake_dev *f, enum fake_reg reg)
{
	return (u32)fake_read(f, f->regs + f->map[reg].off, f->map[reg].width);
}

void fake_set(struct fake_dev *f, enum fake_reg reg, u32 val)
{
	fake_write(f, f->regs + f->map[reg].off, f->map[reg].width, val);
}

/* ---- discovery ---- */

bool fake_dev_mmio(struct fake_dev *f, struct bus *b, u64 base)
{
	*f = (struct fake_dev){ .bus = b, .map = mmio_map, .regs = base };
	f->notify = base + 0x50;
	f->isr = base + 0x60;
	f->config = base + 0x100;
	/* [virtio 1.3 §4.2.2] MagicValue, Version, DeviceID (0: placeholder) */
	return fake_read(f, base, 4) == 0x74726976 && fake_read(f, base + 4, 4) == 2 &&
	       fake_read(f, base + 8, 4) != 0;
}

/* Size and place memory BARs the way a firmware does: all ones, read back, natural alignment. */
static void pci_place_bars(struct fake_dev *f, u64 window)
{
	for (unsigned i = 0; i < 6; i++) {
		u64 reg = f->ecam + 0x10 + 4 * i;
		u32 low = (u32)fake_read(f, reg, 4);
		bool is_64 = (low & 6) == 4;

		fake_write(f, reg, 4, UINT32_MAX);

		u64 mask = fake_read(f, reg, 4) & ~UINT64_C(15);

		if (!mask || (low & 1)) {
			fake_write(f, reg, 4, low);
			continue;
		}
		mask |= ~UINT64_C(0) << 32;

		u64 size = ~mask + 1;

		window = align_up(window, size);
		f->bar[i] = window;
		fake_write(f, reg, 4, (u32)window);
		if (is_64)
			fake_write(f, f->ecam + 0x10 + 4 * ++i, 4, window >> 32);
		window += size;
	}
}

/* [virtio 1.3 §4.1.4] struct virtio_pci_cap at `cap`. */
static void pci_virtio_cap(struct fake_dev *f, u8 cap)
{
	u64 at = f->ecam + cap;
	u8 type = (u8)fake_read(f, at + 3, 1);
	u8 bar = (u8)fake_read(f, at + 4, 1);
	u64 addr = (bar < 6 ? f->bar[bar] : 0) + fake_read(f, at + 8, 4);

	switch (type) {
	case 1:
		f->regs = addr;
		break;
	case 2:
		f->notify = addr;
		f->notify_mult = (u32)fake_read(f, at + 16, 4);
		break;
	case 3:
		f->isr = addr;
		break;
	case 4:
		f->config = addr;
		f->config_len = (u32)fake_read(f, at + 12, 4);
		break;
	case 5:
		f->cap_pci_cfg = cap;
		break;
	}
}

bool fake_dev_pci(struct fake_dev *f, struct bus *b, u64 ecam, u64 window)
{
	*f = (struct fake_dev){ .bus = b, .map = pci_map, .pci = true, .ecam = ecam };
	if (fake_read(f, ecam, 2) != 0x1af4)
		return false;
	pci_place_bars(f, window);
	fake_write(f, ecam + 4, 2, fake_read(f, ecam + 4, 2) | 6); /* memory, bus master */

	u8 cap = (u8)fake_read(f, ecam + 0x34, 1);

	for (unsigned left = 48; cap && left; left--) {
		u8 id = (u8)fake_read(f, ecam + cap, 1);

		if (id == 0x09)
			pci_virtio_cap(f, cap);
		if (id == 0x11)
			f->cap_msix = cap;
		cap = (u8)fake_read(f, ecam + cap + 1, 1);
	}
	return f->regs && f->notify && f->isr;
}

/* ---- the life of a driver ---- */

u32 fake_dev_offer(struct fake_dev *f, u32 word)
{
	fake_set(f, FAKE_DEVICE_FEATURES_SEL, word);
	return fake_get(f, FAKE_DEVICE_FEATURES);
}

bool fake_dev_negotiate(struct fake_dev *f, u64 features)
{
	/* [virtio 1.3 §3.1.1] */
	fake_set(f, FAKE_STATUS, 0);
	assert(fake_get(f, FAKE_STATUS) == 0);
	fake_set(f, FAKE_STATUS, S_ACKNOWLEDGE);
	fake_set(f, FAKE_STATUS, S_ACKNOWLEDGE | S_DRIVER);
	for (u32 word = 0; word < 2; word++) {
		fake_set(f, FAKE_DRIVER_FEATURES_SEL, word);
		fake_set(f, FAKE_DRIVER_FEATURES, (u32)(features >> (32 * word)));
	}
	fake_set(f, FAKE_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	return fake_get(f, FAKE_STATUS) & S_FEATURES_OK;
}

void fake_dev_queue(struct fake_dev *f, u16 index, const struct fake_ring *r)
{
	fake_set(f, FAKE_QUEUE_SEL, index);
	fake_set(f, FAKE_QUEUE_SIZE, r->size);
	fake_set(f, FAKE_QUEUE_DESC_LO, (u32)r->desc);
	fake_set(f, FAKE_QUEUE_DESC_HI, (u32)(r->desc >> 32));
	fake_set(f, FAKE_QUEUE_DRIVER_LO, (u32)r->avail);
	fake_set(f, FAKE_QUEUE_DRIVER_HI, (u32)(r->avail >> 32));
	fake_set(f, FAKE_QUEUE_DEVICE_LO, (u32)r->used);
	fake_set(f, FAKE_QUEUE_DEVICE_HI, (u32)(r->used >> 32));
	fake_set(f, FAKE_QUEUE_ENABLE, 1);
}

void fake_dev_driver_ok(struct fake_dev *f)
{
	fake_set(f, FAKE_STATUS, fake_get(f, FAKE_STATUS) | S_DRIVER_OK);
}

void fake_dev_notify(struct fake_dev *f, u16 index)
{
	if (!f->pci) {
		fake_write(f, f->notify, 4, index);
		return;
	}
	fake_set(f, FAKE_QUEUE_SEL, index);

	/* [virtio 1.3 §4.1.4.4] */
	u32 off = (u32)fake_read(f, f->regs + PCI_QUEUE_NOTIFY_OFF, 2);

	fake_write(f, f->notify + (u64)off * f->notify_mult, 2, index);
}
