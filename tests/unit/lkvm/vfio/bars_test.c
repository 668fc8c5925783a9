/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BARs of an assigned device: what is mapped into the guest, what is carried over, moves. */
#include "tests/unit/lkvm/vfio/rig.h"

#define COMMAND 4u
#define TABLE 0x2000u

/* The page of the table, and that of the pending bits, are not the guest's to touch directly. */
START_TEST(holes)
{
	struct rig x;
	struct fake_vfio_device *d = rig_up(&x);

	ck_assert_ptr_eq(direct(&x, BAR0), d->bars[0].mem);
	ck_assert_ptr_eq(direct(&x, BAR0 + 0x1fff), d->bars[0].mem + 0x1fff);
	ck_assert_ptr_null(direct(&x, BAR0 + 0x2000));
	ck_assert_ptr_null(direct(&x, BAR0 + 0x3000));
	ck_assert_ptr_null(direct(&x, BAR0 + 0x4000));
	ck_assert_uint_eq(d->bars[0].nr_maps, 1);
	rig_down(&x);
}
END_TEST

/* table, pending bits: where each page is. */
static void layout(u32 table, u32 pba, u64 size, const char *want)
{
	struct fake_vfio_device *d;
	struct rig x;

	fake_vfio_init();
	d = fake_vfio_add("0000:00:10.0", 3);
	d->bars[0].size = size;
	memcpy(&d->config[0xb4], &table, 4);
	memcpy(&d->config[0xb8], &pba, 4);
	ck_assert_int_eq(rig_start(&x, true), 0);
	for (unsigned i = 0; want[i]; i++)
		ck_assert_msg((want[i] == 'm') == (direct(&x, BAR0 + i * 4096) != NULL),
			      "%#x %#x: page %u is not %c", table, pba, i, want[i]);
	rig_down(&x);
}

START_TEST(layouts)
{
	layout(0x0000, 0x1000, 16 * KiB, "..mm");
	layout(0x0000, 0x0800, 16 * KiB, ".mmm");
	layout(0x3000, 0x0000, 16 * KiB, ".mm.");
	layout(0x1000, 0x3000, 32 * KiB, "m.m.mmmm");
	layout(0x3000, 0x1000, 32 * KiB, "m.m.mmmm");
	layout(0x1ff0, 0x5ff8, 32 * KiB, "m..mm..m"); /* over borders of pages */
	layout(0x0000, 0x0800, 4 * KiB, ".");
}
END_TEST

/* Of more vectors than the guest is shown, the table and the pending bits are its all the same. */
START_TEST(long_table)
{
	struct fake_vfio_device *d;
	struct rig x;

	fake_vfio_init();
	d = fake_vfio_add("0000:00:10.0", 3);
	d->config[0xb2] = 0xff;
	d->config[0xb3] = 0x07;
	d->bars[0].size = 64 * KiB;
	memcpy(&d->config[0xb4], &(u32){ 0x1000 }, 4);
	memcpy(&d->config[0xb8], &(u32){ 0xafc0 }, 4);
	d->irqs[VFIO_PCI_MSIX] = 2048;
	ck_assert_int_eq(rig_start(&x, true), 0);
	for (unsigned i = 0; i < 16; i++)
		ck_assert_msg((direct(&x, BAR0 + i * 4096) != NULL) ==
				      (i == 0 || i == 9 || i >= 12),
			      "page %u", i);
	memset(&d->bars[0].mem[0x8ff0], 0x5a, 16);
	memset(&d->bars[0].mem[0xb0b8], 0x5a, 8);
	wr(&x, BAR0 + 0x8ff0, 4, 0x12345678);
	ck_assert_uint_eq(rd(&x, BAR0 + 0x8ff0, 4), 0);
	ck_assert_uint_eq(rd(&x, BAR0 + 0xb0b8, 8), 0);
	ck_assert_uint_eq(d->bars[0].mem[0x8ff0], 0x5a);
	rig_down(&x);
}
END_TEST

/* Only what the kernel allows, and whole pages of that. */
START_TEST(sparse)
{
	struct fake_vfio_device *d;
	struct rig x;

	fake_vfio_init();
	d = fake_vfio_add("0000:00:10.0", 3);
	d->bars[0].size = 64 * KiB;
	d->bars[0].sparse[0] = (struct vfio_region_sparse_mmap_area){ 0x800, 0x1800 };
	d->bars[0].sparse[1] = (struct vfio_region_sparse_mmap_area){ 0x2000, 0x8000 };
	ck_assert_int_eq(rig_start(&x, true), 0);
	for (unsigned i = 0; i < 16; i++)
		ck_assert_msg((direct(&x, BAR0 + i * 4096) != NULL) ==
				      (i == 1 || (i >= 4 && i < 10)),
			      "page %u", i);
	rig_down(&x);
	/* An area that is not inside is none. */
	d->bars[0].sparse[1] = (struct vfio_region_sparse_mmap_area){ 0x8000, UINT64_MAX };
	d->attached = false;
	ck_assert_int_eq(rig_start(&x, true), 0);
	ck_assert_ptr_null(direct(&x, BAR0 + 0x9000));
	rig_down(&x);
}
END_TEST

/* 32 bits and less than a page, I/O ports, 64 bits and large. */
START_TEST(kinds)
{
	struct fake_vfio_device *d;
	struct rig x;
	u64 small, large;

	fake_vfio_init();
	d = fake_vfio_add("0000:00:10.0", 3);
	d->bars[2].size = 512;
	d->bars[2].can_map = true;
	d->bars[3].size = 32;
	d->config[0x1c] = 1;
	d->bars[4].size = 16 * GiB;
	d->bars[4].can_map = true;
	d->config[0x20] = 0xc;
	ck_assert_int_eq(rig_start(&x, true), 0);
	small = rd(&x, cfg(0x18), 4);
	ck_assert(small >= MEM && small < MEM + 768 * MiB);
	ck_assert_ptr_null(direct(&x, small));
	wr(&x, small + 508, 4, 0x12345678);
	ck_assert_uint_eq(rd(&x, small + 508, 4), 0x12345678);
	ck_assert_uint_eq(rd(&x, small + 508, 2), 0x5678);
	ck_assert_uint_eq(rd(&x, cfg(0x1c), 4), 0);
	large = rd(&x, cfg(0x20), 4);
	ck_assert_uint_eq(large & 15, 0xc);
	large = (large & ~UINT64_C(15)) | rd(&x, cfg(0x24), 4) << 32;
	ck_assert(large >= MEM64 && is_aligned(large, 16 * GiB));
	ck_assert_ptr_nonnull(direct(&x, large + 16 * GiB - 4));
	/* Sizes, as a guest asks for them. */
	wr(&x, cfg(COMMAND), 2, 0);
	wr(&x, cfg(0x20), 4, 0xffffffff);
	wr(&x, cfg(0x24), 4, 0xffffffff);
	ck_assert_uint_eq(rd(&x, cfg(0x20), 4), 0xc);
	ck_assert_uint_eq(rd(&x, cfg(0x24), 4), 0xfffffffc);
	wr(&x, cfg(0x18), 4, 0xffffffff);
	ck_assert_uint_eq(rd(&x, cfg(0x18), 4), 0xfffffe00);
	rig_down(&x);
}
END_TEST

START_TEST(moves)
{
	struct rig x;
	struct fake_vfio_device *d = rig_up(&x);

	wr(&x, cfg(0x10), 4, 0x00100000);
	ck_assert_ptr_null(direct(&x, BAR0));
	ck_assert_ptr_eq(direct(&x, MEM64 + 0x100000), d->bars[0].mem);
	/* Outside of both windows it is nowhere; in the other window, and back. */
	wr(&x, cfg(0x14), 4, 0x1234);
	ck_assert_ptr_null(direct(&x, MEM64 + 0x100000));
	wr(&x, cfg(0x10), 4, 0x51000000);
	wr(&x, cfg(0x14), 4, 0);
	ck_assert_ptr_eq(direct(&x, 0x51000000), d->bars[0].mem);
	wr(&x, 0x51000000 + TABLE, 4, 0xabcd0000);
	ck_assert_uint_eq(rd(&x, 0x51000000 + TABLE, 4), 0xabcd0000);
	wr(&x, cfg(COMMAND), 2, 0);
	ck_assert_ptr_null(direct(&x, 0x51000000));
	wr(&x, cfg(COMMAND), 2, 2);
	ck_assert_ptr_eq(direct(&x, 0x51000000), d->bars[0].mem);
	rig_down(&x);
}
END_TEST

/* Any place, again and again: slots never overlap [rig_set_slot()], and never show a hole. */
START_TEST(hostile_moves)
{
	struct fake_vfio_device *d;
	struct rig x;
	u32 seed = 3;

	fake_vfio_init();
	d = fake_vfio_add("0000:00:10.0", 3);
	d->bars[2].size = 64 * KiB;
	d->bars[2].can_map = true;
	ck_assert_int_eq(rig_start(&x, true), 0);
	for (unsigned i = 0; i < 5000; i++) {
		static const u32 places[] = { 0x50000000, 0x50001000, 0x50008000, 0x7fffc000,
					      0x80000000, 0,	      0xffffffff };

		seed = seed * 1103515245 + 12345;
		switch ((seed >> 10) % 4) {
		case 0:
			wr(&x, cfg(0x10), 4, places[(seed >> 16) % ARRAY_SIZE(places)]);
			break;
		case 1:
			wr(&x, cfg(0x14), 4, (seed >> 16) % 3 * 0x10);
			break;
		case 2:
			wr(&x, cfg(0x18), 4, places[(seed >> 16) % ARRAY_SIZE(places)]);
			break;
		case 3:
			wr(&x, cfg(COMMAND), 2, (seed >> 16) & 6);
			break;
		}
		for (u32 k = 0; k < x.nr_slots; k++) {
			u8 *host = x.slots[k].host;

			if (x.slots[k].size && host >= d->bars[0].mem &&
			    host < d->bars[0].mem + 16 * KiB)
				ck_assert(host + x.slots[k].size <= d->bars[0].mem + TABLE);
		}
	}
	rig_down(&x);
}
END_TEST

/* What KVM does not take is carried over. */
START_TEST(kvm_refuses)
{
	struct rig x;
	struct fake_vfio_device *d = rig_up(&x);

	x.slot_err = -EINVAL;
	wr(&x, cfg(COMMAND), 2, 0);
	x.slots[0].size = 0;
	wr(&x, cfg(COMMAND), 2, 2);
	ck_assert_ptr_null(direct(&x, BAR0));
	wr(&x, BAR0 + 16, 8, UINT64_C(0x1122334455667788));
	ck_assert_uint_eq(d->bars[0].mem[16], 0x88);
	ck_assert_uint_eq(rd(&x, BAR0 + 20, 4), 0x11223344);
	x.slot_err = 0;
	rig_down(&x);
	/* Nor what the kernel does not map. */
	fake_vfio_init();
	d = fake_vfio_add("0000:00:10.0", 3);
	d->bars[0].can_map = false;
	ck_assert_int_eq(rig_start(&x, true), 0);
	ck_assert_uint_eq(x.nr_slots, 0);
	wr(&x, BAR0 + 16, 1, 0x5a);
	ck_assert_uint_eq(rd(&x, BAR0 + 16, 1), 0x5a);
	rig_down(&x);
}
END_TEST

SUITE_MAIN("lkvm/vfio/bars", holes, layouts, long_table, sparse, kinds, moves, hostile_moves,
	   kvm_refuses)
