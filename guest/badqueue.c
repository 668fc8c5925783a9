/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: a hostile driver. Posts everything a driver must not post, writes registers in every
 * wrong way, then at random; after each, the device must say NEEDS_RESET where the spec says so,
 * and work again after a reset. Over PCI, or over virtio-mmio with "mmio" on the command line.
 *
 * Thread: CPU 0.
 * Trust:  this is the hostile side itself.
 * Spec:   virtio 1.3 §2.1.2, §2.7, §3.1, §4.1.4, §4.2.2
 */
#include "guest/virtio.h"

static struct ring ring_page, *ring;
static u8 data_pages[65536] __attribute__((aligned(4096))), *data;
static u64 ram_base, ram_end;

/* ---- the black book ---- */

#define DATA ((u64)data)

static void self_loop(void)
{
	ring_desc(ring, 0, DATA, 1, D_NEXT | D_WRITE, 0);
	ring_post(ring, 0);
}

static void loop_of_two(void)
{
	ring_desc(ring, 0, DATA, 1, D_NEXT | D_WRITE, 1);
	ring_desc(ring, 1, DATA, 1, D_NEXT | D_WRITE, 0);
	ring_post(ring, 0);
}

static void loop_of_nothing(void)
{
	ring_desc(ring, 0, DATA, 0, D_NEXT | D_WRITE, 0);
	ring_post(ring, 0);
}

static void next_out_of_table(void)
{
	ring_desc(ring, 0, DATA, 1, D_NEXT | D_WRITE, RING_SIZE);
	ring_post(ring, 0);
}

static void next_far_out(void)
{
	ring_desc(ring, 0, DATA, 1, D_NEXT | D_WRITE, 0xffff);
	ring_post(ring, 0);
}

static void head_out_of_table(void)
{
	ring_post(ring, RING_SIZE);
}

static void head_far_out(void)
{
	ring_post(ring, 0xffff);
}

static void index_jumps_ahead(void)
{
	ring->avail.idx = RING_SIZE + 1;
}

static void index_goes_back(void)
{
	ring->avail.idx = 0xffff;
}

static void same_head_twice(void)
{
	/* A net or console device may be done with the first before it sees the second. */
	ring_desc(ring, 0, DATA, 1, D_NEXT | D_WRITE, 0);
	ring->avail.ring[0] = ring->avail.ring[1] = 0;
	ring->avail.idx = 2;
}

static void readable_after_writable(void)
{
	ring_desc(ring, 0, DATA, 16, D_NEXT | D_WRITE, 1);
	ring_desc(ring, 1, DATA, 16, 0, 0);
	ring_post(ring, 0);
}

static void no_bytes(void)
{
	ring_desc(ring, 0, DATA, 0, D_NEXT, 1);
	ring_desc(ring, 1, DATA, 0, D_WRITE, 0);
	ring_post(ring, 0);
}

static void below_ram(void)
{
	ring_desc(ring, 0, ram_base - 1, 2, D_WRITE, 0);
	ring_post(ring, 0);
}

static void beyond_ram(void)
{
	ring_desc(ring, 0, ram_end, 1, D_WRITE, 0);
	ring_post(ring, 0);
}

static void across_end_of_ram(void)
{
	ring_desc(ring, 0, ram_end - 8, 9, D_WRITE, 0);
	ring_post(ring, 0);
}

static void on_a_device(void)
{
	ring_desc(ring, 0, MEMMAP_UART, 8, 0, 0);
	ring_post(ring, 0);
}

static void on_the_gic(void)
{
	ring_desc(ring, 0, MEMMAP_GICD, 64, D_WRITE, 0);
	ring_post(ring, 0);
}

static void address_wraps(void)
{
	ring_desc(ring, 0, ~7ull, 16, D_WRITE, 0);
	ring_post(ring, 0);
}

static void longer_than_ram(void)
{
	ring_desc(ring, 0, DATA, ~0u, D_WRITE, 0);
	ring_post(ring, 0);
}

static void good_then_outside(void)
{
	ring_desc(ring, 0, DATA, 16, D_NEXT | D_WRITE, 1);
	ring_desc(ring, 1, 0, 16, D_WRITE, 0);
	ring_post(ring, 0);
}

static struct desc *table(void)
{
	return (struct desc *)data;
}

static void post_table(u32 len, u16 flags)
{
	ring_desc(ring, 0, DATA, len, D_INDIRECT | flags, 1);
	ring_desc(ring, 1, DATA, 16, D_WRITE, 0);
	ring_post(ring, 0);
}

static void indirect_with_next(void)
{
	table()[0] = (struct desc){ DATA + 1024, 16, D_WRITE, 0 };
	post_table(16, D_NEXT);
}

static void indirect_in_itself(void)
{
	table()[0] = (struct desc){ DATA, 16, D_INDIRECT, 0 };
	post_table(16, 0);
}

static void indirect_empty(void)
{
	post_table(0, 0);
}

static void indirect_odd(void)
{
	table()[0] = (struct desc){ DATA + 1024, 16, D_WRITE, 0 };
	post_table(24, 0);
}

static void indirect_huge(void)
{
	post_table(0xfffffff0, 0);
}

static void indirect_outside(void)
{
	ring_desc(ring, 0, ram_end - 16, 32, D_INDIRECT, 0);
	ring_post(ring, 0);
}

static void indirect_loop(void)
{
	table()[0] = (struct desc){ DATA + 1024, 1, D_WRITE | D_NEXT, 1 };
	table()[1] = (struct desc){ DATA + 1024, 1, D_WRITE | D_NEXT, 0 };
	post_table(32, 0);
}

static void indirect_next_out_of_table(void)
{
	table()[0] = (struct desc){ DATA + 1024, 1, D_WRITE | D_NEXT, 2 };
	post_table(32, 0);
}

static const struct {
	const char *name;
	void (*post)(void);
	bool indirect;
} book[] = {
	{ "self loop", self_loop, false },
	{ "loop of two", loop_of_two, false },
	{ "loop of nothing", loop_of_nothing, false },
	{ "next out of table", next_out_of_table, false },
	{ "next far out", next_far_out, false },
	{ "head out of table", head_out_of_table, false },
	{ "head far out", head_far_out, false },
	{ "index jumps ahead", index_jumps_ahead, false },
	{ "index goes back", index_goes_back, false },
	{ "same head twice", same_head_twice, false },
	{ "readable after writable", readable_after_writable, false },
	{ "no bytes", no_bytes, false },
	{ "below RAM", below_ram, false },
	{ "beyond RAM", beyond_ram, false },
	{ "across the end of RAM", across_end_of_ram, false },
	{ "on a device", on_a_device, false },
	{ "on the GIC", on_the_gic, false },
	{ "address wraps", address_wraps, false },
	{ "longer than RAM", longer_than_ram, false },
	{ "good, then outside", good_then_outside, false },
	{ "INDIRECT with NEXT", indirect_with_next, true },
	{ "table in itself", indirect_in_itself, true },
	{ "empty table", indirect_empty, true },
	{ "odd table", indirect_odd, true },
	{ "huge table", indirect_huge, true },
	{ "table outside RAM", indirect_outside, true },
	{ "loop in a table", indirect_loop, true },
	{ "next out of an indirect table", indirect_next_out_of_table, true },
	/* The bit is not negotiated: the flag must not be there [2.7.5.3.1]. */
	{ "INDIRECT without asking", indirect_loop, false },
};

static void test_book(const struct vdev *d)
{
	bool tables = vdev_offered(d) & F_INDIRECT_DESC;
	u16 q = vdev_queue_of(d);
	unsigned good = 0, nr = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(book); i++) {
		bool needs_reset;

		/* Not every device for Realms has them. */
		if (book[i].indirect && !tables)
			continue;
		nr++;
		vdev_negotiate(d, F_VERSION_1 | (book[i].indirect ? F_INDIRECT_DESC : 0));
		vdev_queue(d, q, ring);
		vdev_ok(d);
		book[i].post();
		vdev_notify(d, q);
		needs_reset = wait_for(vget(d, R_STATUS) & S_NEEDS_RESET, 2000);
		if (!needs_reset)
			checkf("needs reset", false, "%s: %s: status %x", vdev_kind(d),
			       book[i].name, vget(d, R_STATUS));
		else if (!vdev_works(d, ring))
			checkf("works again", false, "%s: %s: status %x, used %u", vdev_kind(d),
			       book[i].name, vget(d, R_STATUS), ring_used_idx(ring));
		else
			good++;
	}
	checkf("bad chains", good == nr, "%s: %u of %u", vdev_kind(d), good, nr);
}

/* ---- rings where they must not be ---- */

static void test_rings(const struct vdev *d)
{
	const u64 desc = (u64)ring->desc, avail = (u64)&ring->avail, used = (u64)&ring->used;
	const struct {
		const char *name;
		u64 desc, avail, used;
		u32 size;
	} bad[] = {
		{ "nowhere", 0, 0, 0, RING_SIZE },
		{ "beyond RAM", ram_end, ram_end + 4096, ram_end + 8192, RING_SIZE },
		{ "table across the end", ram_end - 16, avail, used, RING_SIZE },
		{ "avail across the end", desc, ram_end - 4, used, RING_SIZE },
		{ "used across the end", desc, avail, ram_end - 4, RING_SIZE },
		{ "table misaligned", desc + 8, avail, used, RING_SIZE },
		{ "avail misaligned", desc, avail + 1, used, RING_SIZE },
		{ "used misaligned", desc, avail, used + 2, RING_SIZE },
		{ "wrapping", ~15ull, ~1ull, ~3ull, RING_SIZE },
		{ "on the UART", MEMMAP_UART, MEMMAP_UART, MEMMAP_UART, RING_SIZE },
		{ "size 3", desc, avail, used, 3 },
		{ "size 0", desc, avail, used, 0 },
		{ "size huge", desc, avail, used, 32768 },
	};
	unsigned good = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		memset(ring, 0, sizeof(*ring));
		vdev_negotiate(d, F_VERSION_1);
		vdev_queue_at(d, vdev_queue_of(d), bad[i].desc, bad[i].avail, bad[i].used,
			      bad[i].size);
		vdev_ok(d);
		ring_desc(ring, 0, DATA, 16, D_WRITE, 0);
		ring_post(ring, 0);
		vdev_notify(d, vdev_queue_of(d));
		/*
		 * It may refuse at once, or when it is asked to run; it never serves such a ring.
		 */
		delay_ms(1);
		if (ring_used_idx(ring) && (bad[i].size == RING_SIZE))
			checkf("bad ring is served", false, "%s: %s", vdev_kind(d), bad[i].name);
		else if (!vdev_works(d, ring))
			checkf("works again", false, "%s: ring %s", vdev_kind(d), bad[i].name);
		else
			good++;
	}
	checkf("bad rings", good == ARRAY_SIZE(bad), "%s: %u of %lu", vdev_kind(d), good,
	       ARRAY_SIZE(bad));
}

/* ---- features, status, vectors ---- */

static void test_features(const struct vdev *d)
{
	u64 offered = vdev_offered(d);
	const char *kind = vdev_kind(d);

	checkf("offers VERSION_1", offered & F_VERSION_1, "%s: %lx", kind, offered);
	for (u32 word = 2; word < 5; word++) {
		vset(d, R_DEVICE_FEATURES_SEL, word);
		checkf("feature word without features is 0", vget(d, R_DEVICE_FEATURES) == 0,
		       "%s: word %u", kind, word);
	}
	checkf("refuses features it did not offer",
	       !(vdev_negotiate(d, F_VERSION_1 | 1ull << 62) & S_FEATURES_OK), "%s", kind);
	checkf("refuses a driver without VERSION_1", !(vdev_negotiate(d, 0) & S_FEATURES_OK), "%s",
	       kind);
	vdev_reset(d);
	vset(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER);
	vset(d, R_DRIVER_FEATURES_SEL, 7);
	vset(d, R_DRIVER_FEATURES, 1);
	vset(d, R_DRIVER_FEATURES_SEL, 1);
	vset(d, R_DRIVER_FEATURES, 1);
	vset(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	checkf("refuses features far out", !(vget(d, R_STATUS) & S_FEATURES_OK), "%s", kind);

	vdev_negotiate(d, F_VERSION_1);
	vset(d, R_DRIVER_FEATURES_SEL, 0);
	vset(d, R_DRIVER_FEATURES, ~0u);
	vset(d, R_STATUS, S_ACKNOWLEDGE);
	vdev_ok(d);
	checkf("works after a reset", vdev_works(d, ring), "%s", kind);
}

static void test_registers(const struct vdev *d)
{
	const char *kind = vdev_kind(d);

	/*
	 * DRIVER_OK out of the blue, doorbells with nothing behind them, queues that do not exist.
	 */
	vdev_reset(d);
	vset(d, R_STATUS, S_DRIVER_OK);
	vdev_notify(d, 0);
	vdev_notify(d, 77);
	vset(d, R_QUEUE_SEL, 0xffff);
	checkf("no such queue has size 0", vget(d, R_QUEUE_SIZE_MAX) == 0, "%s", kind);
	vset(d, R_QUEUE_SIZE, 16);
	vset(d, R_QUEUE_ENABLE, 1);
	checkf("nor is it enabled", vget(d, R_QUEUE_ENABLE) == 0, "%s", kind);
	vdev_notify(d, 0xffff);
	checkf("works after that", vdev_works(d, ring), "%s", kind);

	/* What an enabled queue is cannot be changed. */
	vset(d, R_QUEUE_SEL, vdev_queue_of(d));
	vset(d, R_DESC_LO, 0xdead0000);
	vset(d, R_QUEUE_SIZE, 2);
	vset(d, R_QUEUE_ENABLE, 0);
	/* For mmio, writing 0 is how a driver lets go of a queue [4.2.2]. */
	checkf("an enabled queue stays", !d->pci || vget(d, R_QUEUE_ENABLE) == 1, "%s", kind);
	for (u32 off = 0; off < d->config_len + 64; off += 4) {
		fault_begin();
		write32(d->config + off, ~0u);
		read32(d->config + off);
		fault_end();
	}
	if (d->pci) {
		write16(d->common + 0x10, 0x7ffe);
		checkf("bad config vector", read16(d->common + 0x10) == 0xffff, "%s", kind);
		write16(d->common + 0x1a, 0x1234);
		checkf("bad queue vector", read16(d->common + 0x1a) == 0xffff, "%s", kind);
	}
	checkf("works after all", vdev_works(d, ring), "%s", kind);
}

/* ---- at random, the same every time ---- */

static void test_random(const struct vdev *d, unsigned rounds)
{
	u64 seed = 0x9e3779b97f4a7c15 ^ d->slot;
	unsigned good = 0;

	for (unsigned round = 0; round < rounds; round++) {
		vdev_works(d, ring);
		for (unsigned i = 0; i < 60; i++) {
			u64 r = random_next(&seed), where = r >> 8 & 0xff;
			unsigned width = 1u << (r & 3);

			/*
			 * Mostly registers; now and then a descriptor or an index under the device.
			 */
			fault_begin();
			if ((r >> 4 & 15) < 11)
				write_width(d->common +
						    (where & ~(u64)(width - 1)) %
							    (d->common_len ? d->common_len : 64),
					    width, r >> 20);
			else if ((r >> 4 & 15) == 11)
				write_width(d->config + (where & ~(u64)(width - 1)), width,
					    r >> 20);
			else if ((r >> 4 & 15) < 14)
				((volatile u64 *)ring)[where % (sizeof(*ring) / 8)] = r;
			else
				vdev_notify(d, (u16)(where & 3));
			fault_end();
		}
		if (vdev_works(d, ring))
			good++;
	}
	checkf("random writes", good == rounds, "%s: %u of %u rounds", vdev_kind(d), good, rounds);
}

static void test_device(const struct vdev *d)
{
	print("%s %u\n", vdev_kind(d), d->slot);
	if (!checkf("works", vdev_works(d, ring), "%s: status %x", vdev_kind(d), vget(d, R_STATUS)))
		return;
	test_book(d);
	test_rings(d);
	test_features(d);
	test_registers(d);
	test_random(d, 40);
	vdev_reset(d);
}

void payload_main(void)
{
	bool mmio = has_word(bootargs(), "mmio");
	unsigned nr = 0;
	struct vdev d;

	ring = ring_shared(&ring_page);
	data = share(data_pages, sizeof(data_pages));
	check("memory node", fdt_ram(&ram_base, &ram_end));
	for (u32 slot = 0; slot < 16; slot++) {
		if (mmio ? !vdev_mmio(&d, slot) : !vdev_pci(&d, slot))
			continue;
		nr++;
		test_device(&d);
	}
	print("virtio devices: %u\n", nr);
	check("there is one", nr > 0);
	check_summary();
}
