/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: tries to reach protected memory of its Realm, or protected VM, through every device:
 * descriptors of each kind, indirect tables and rings, at pages that are protected, partly
 * protected, or no longer shared; with and without the alias bit. The device says NEEDS_RESET, and
 * works again after one. The bytes are neither changed nor read: the host looks for them ("SECRET")
 * where devices write to, and for those of shared pages ("SHARED"), which must be there.
 * Then the CPU's own accesses to a Realm's wrong half ("strict" on the command line: --sim-strict).
 * With a real RMM, and KVM, to touch the alias of a protected page is a request to share it up to
 * RMM 1.0, and the end of the guest later.
 *
 * Thread: CPU 0.
 * Trust:  devices and page states are under test.
 * Spec:   virtio 1.3 §2.1.2, §2.7; [RMM 1.0 A5.2 Realm IPA space]
 */
#include "guest/virtio.h"

#define ANSWER_MS 3000
#define SECRET 0x312d544552434553ull /* "SECRET-1" */
#define SHARED 0x312d444552414853ull /* "SHARED-1" */

/* Pages of both kinds side by side: a and c are shared, b and d are not. */
static struct {
	u8 a[GRANULE], b[GRANULE], c[GRANULE], d[GRANULE];
	struct ring ring[2]; /* of the queues 0 and 1 */
} mem __attribute__((aligned(4096)));
static_assert(sizeof(struct ring) == GRANULE, "a ring is a page");

static struct ring *ring[2];
static u64 address_bits; /* of those in descriptors and rings: the alias bit, or none */

/* What requests need besides the victim: in page a. */
struct parts {
	struct {
		u32 type, reserved;
		u64 sector;
	} header;
	u8 status, letter;
	u8 frame[64]; /* behind a header of virtio-net: 12 bytes */
	u8 data[512];
};
static struct parts *parts;

static u64 dma(const volatile void *p)
{
	return pa_of(p) | address_bits;
}

static bool secret(const u8 *page)
{
	return page_count(page, SECRET) == GRANULE / 8;
}

/* ---- requests, one part of which is at the victim's address ---- */

enum { BLK_IN, BLK_OUT };

static void post(const struct vdev *d, u16 q, u64 addr, u32 len, u16 flags)
{
	ring_desc(ring[q], 0, addr, len, flags, 0);
	ring_post(ring[q], 0);
	vdev_notify(d, q);
}

static void post_blk(const struct vdev *d, u32 type, unsigned which, u64 addr, u32 len)
{
	struct desc *t = ring[0]->desc;

	parts->header.type = type;
	parts->header.sector = 1;
	t[0] = (struct desc){ dma(&parts->header), 16, D_NEXT, 1 };
	t[1] = (struct desc){ dma(parts->data), 512, D_NEXT | (type == BLK_IN ? D_WRITE : 0), 2 };
	t[2] = (struct desc){ dma(&parts->status), 1, D_WRITE, 0 };
	t[which].addr = addr;
	t[which].len = len;
	ring_post(ring[0], 0);
	vdev_notify(d, 0);
}

static void blk_header(const struct vdev *d, u64 addr, u32 len)
{
	post_blk(d, BLK_IN, 0, addr, len);
}

static void blk_read(const struct vdev *d, u64 addr, u32 len)
{
	post_blk(d, BLK_IN, 1, addr, len);
}

static void blk_write(const struct vdev *d, u64 addr, u32 len)
{
	post_blk(d, BLK_OUT, 1, addr, len);
}

static void blk_status(const struct vdev *d, u64 addr, u32 len)
{
	post_blk(d, BLK_IN, 2, addr, len);
}

/*
 * The table itself: what lies at the victim is no descriptor, but nobody should know. Not every
 * device offers tables to Realms; it needs a reset all the same.
 */
static void any_table(const struct vdev *d, u64 addr, u32 len)
{
	post(d, vdev_queue_of(d), addr, len, D_INDIRECT);
}

static void rng_fill(const struct vdev *d, u64 addr, u32 len)
{
	post(d, 0, addr, len, D_WRITE);
}

static void console_out(const struct vdev *d, u64 addr, u32 len)
{
	post(d, 1, addr, len, 0);
}

/* The host's input comes when the guest has been silent for a moment. */
static void console_in(const struct vdev *d, u64 addr, u32 len)
{
	post(d, 0, addr, len, D_WRITE);
	parts->letter = '.';
	post(d, 1, dma(&parts->letter), 1, 0);
}

/* "Who has 192.168.33.1?", which is answered: behind the virtio header, at least 60 bytes. */
static void make_arp(const struct vdev *d)
{
	static const u8 request[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };
	static const u8 addresses[] = { 192, 168, 33, 15, 0, 0, 0, 0, 0, 0, 192, 168, 33, 1 };
	u8 *f = parts->frame;

	memset(f, 0, sizeof(parts->frame));
	memset(f, 0xff, 6);
	for (unsigned i = 0; i < 6; i++)
		f[6 + i] = f[22 + i] = read8(d->config + i);
	memcpy(f + 12, request, sizeof(request));
	memcpy(f + 28, addresses, sizeof(addresses));
}

static void send_frame(const struct vdev *d, u64 rest, u32 rest_len)
{
	memset(parts->data, 0, 12);
	ring_desc(ring[1], 0, dma(parts->data), 12, D_NEXT, 1);
	ring_desc(ring[1], 1, dma(parts->frame), rest_len ? 14 : 60, rest_len ? D_NEXT : 0, 2);
	ring_desc(ring[1], 2, rest, rest_len, 0, 0);
	ring_post(ring[1], 0);
	vdev_notify(d, 1);
}

static void net_out(const struct vdev *d, u64 addr, u32 len)
{
	make_arp(d);
	parts->frame[12] = 0x88; /* of an experimental kind: only its bytes matter */
	parts->frame[13] = 0xb5;
	send_frame(d, addr, len);
}

static void net_header(const struct vdev *d, u64 addr, u32 len)
{
	post(d, 1, addr, len, 0);
}

static void net_in(const struct vdev *d, u64 addr, u32 len)
{
	post(d, 0, addr, len, D_WRITE);
	make_arp(d);
	send_frame(d, 0, 0);
}

static const struct kind {
	const char *name;
	u32 id;
	u16 queue;
	u32 len; /* of the part at the victim's address, as a driver makes it */
	void (*post)(const struct vdev *d, u64 addr, u32 len);
} kinds[] = {
	{ "blk header", VIRTIO_ID_BLK, 0, 16, blk_header },
	{ "blk read", VIRTIO_ID_BLK, 0, 512, blk_read },
	{ "blk write", VIRTIO_ID_BLK, 0, 512, blk_write },
	{ "blk status", VIRTIO_ID_BLK, 0, 1, blk_status },
	{ "blk table", VIRTIO_ID_BLK, 0, 0, any_table },
	{ "rng", VIRTIO_ID_RNG, 0, 512, rng_fill },
	{ "rng table", VIRTIO_ID_RNG, 0, 0, any_table },
	{ "console out", VIRTIO_ID_CONSOLE, 1, 16, console_out },
	{ "console in", VIRTIO_ID_CONSOLE, 0, 16, console_in },
	{ "console table", VIRTIO_ID_CONSOLE, 1, 0, any_table },
	{ "net out", VIRTIO_ID_NET, 1, 64, net_out },
	{ "net header", VIRTIO_ID_NET, 1, 72, net_header },
	{ "net in", VIRTIO_ID_NET, 0, 512, net_in },
	{ "net table", VIRTIO_ID_NET, 1, 0, any_table },
};

/* ---- what must come of it ---- */

static void set_up(const struct vdev *d)
{
	u16 last = d->id == VIRTIO_ID_NET || d->id == VIRTIO_ID_CONSOLE;

	vdev_negotiate(d, F_VERSION_1 | (vdev_offered(d) & F_INDIRECT_DESC));
	for (u16 q = 0; q <= last; q++)
		vdev_queue(d, q, ring[q]);
	vdev_ok(d);
}

static bool needs_reset(const struct vdev *d)
{
	return wait_for(vget(d, R_STATUS) & S_NEEDS_RESET, ANSWER_MS);
}

/* After an attempt: 1 if the device has seen it, nothing was changed, and it works again. */
static unsigned refused(const struct vdev *d, const char *kind, const char *where)
{
	bool seen = needs_reset(d), kept = secret(mem.b) && secret(mem.d);
	bool works = vdev_works(d, ring[0]);

	if (seen && kept && works)
		return 1;
	checkf("refused", false, "%s, %s:%s%s%s", kind, where,
	       seen ? "" : " NEEDS_RESET is not set", kept ? "" : " bytes have changed",
	       works ? "" : " does not work after a reset");
	return 0;
}

static const struct {
	const char *name;
	u64 addr;
	u32 len; /* 0: as the kind has it */
} places[] = {
	{ "protected", (u64)mem.b, 0 },
	{ "its last bytes", (u64)mem.b + GRANULE - 16, 16 },
	{ "into a protected page", (u64)mem.a + GRANULE - 16, 32 },
	{ "out of a protected page", (u64)mem.b + GRANULE - 16, 32 },
	{ "over a protected page", (u64)mem.a + GRANULE - 16, GRANULE + 32 },
	{ "over both kinds", (u64)mem.a + GRANULE - 16, 2 * GRANULE + 32 },
};

static void test_places(const struct vdev *d, const struct kind *k)
{
	unsigned good = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		u32 len = places[i].len ? places[i].len : k->len ? k->len : 32;

		set_up(d);
		k->post(d, places[i].addr | address_bits, len);
		good += refused(d, k->name, places[i].name);
	}
	checkf("protected memory", good == ARRAY_SIZE(places), "%s: %u of %lu", k->name, good,
	       ARRAY_SIZE(places));
}

/* A page that served well is taken back while the device runs. */
static void test_taken_back(const struct vdev *d, const struct kind *k)
{
	u8 *shared;
	u16 used;

	if (!k->len)
		return;
	shared = share(mem.d, GRANULE);
	/* A header of zeros is a good one, the rest may be anything. */
	if (k->post != blk_header && k->post != net_header)
		page_fill(shared, SHARED);
	set_up(d);
	used = ring_used_idx(ring[k->queue]);
	k->post(d, (u64)mem.d | address_bits, k->len);
	checkf("a shared page serves", wait_for(ring_used_idx(ring[k->queue]) != used, ANSWER_MS),
	       "%s: status %x", k->name, vget(d, R_STATUS));
	unshare(mem.d, GRANULE);
	page_fill(mem.d, SECRET);
	k->post(d, (u64)mem.d | address_bits, k->len);
	if (refused(d, k->name, "no longer shared"))
		check("taken back", true);
}

/* ---- rings ---- */

static void test_ring_places(const struct vdev *d)
{
	const u64 desc = dma(&ring[0]->desc), avail = dma(&ring[0]->avail);
	const u64 used = dma(&ring[0]->used), secret_at = (u64)mem.b | address_bits;
	const struct {
		const char *name;
		u64 desc, avail, used;
	} bad[] = {
		{ "descriptors", secret_at, avail, used },
		{ "available ring", desc, secret_at, used },
		{ "used ring", desc, avail, secret_at },
		{ "end of the descriptors", secret_at - 16, avail, used },
		{ "end of the available ring", desc, secret_at - 4, used },
		{ "end of the used ring", desc, avail, secret_at - 4 },
	};
	u16 q = vdev_queue_of(d);
	unsigned good = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		vdev_negotiate(d, F_VERSION_1);
		vdev_queue_at(d, q, bad[i].desc, bad[i].avail, bad[i].used, 2);
		vdev_ok(d);
		vdev_notify(d, q);
		good += refused(d, vdev_kind(d), bad[i].name);
	}
	checkf("protected rings", good == ARRAY_SIZE(bad), "%s: %u of %lu", vdev_kind(d), good,
	       ARRAY_SIZE(bad));
}

/* The page of a running ring is taken back: the next request is the last one. */
static void test_ring_taken_back(const struct vdev *d)
{
	struct ring *r = ring_shared((struct ring *)mem.d);

	checkf("works there", vdev_works(d, r), "%s", vdev_kind(d));
	unshare(mem.d, GRANULE);
	page_fill(mem.d, SECRET);
	vdev_notify(d, vdev_queue_of(d));
	checkf("a ring that is taken back", refused(d, vdev_kind(d), "ring"), "%s", vdev_kind(d));
}

/* ---- the CPU in the wrong half ---- */

static bool aborts(volatile u64 *p, bool write)
{
	fault_begin();
	if (write)
		write64((u64)p, 0x0bad);
	else
		read64((u64)p);
	return fault_end() == 1 && fault_is_sea() && fault.far == (u64)p;
}

/* The bytes are no instructions, and would be undefined if they could be fetched. */
static bool fetch_aborts(const volatile void *at)
{
	fault_begin();
	((void (*)(void))(u64)at)();
	return fault_end() == 1 && fault_is_fetch_sea() && fault.far == (u64)at;
}

static void test_alias(void)
{
	volatile u64 *alias = (volatile u64 *)io((u64)mem.b);

	for (unsigned i = 0; i < 3; i++) {
		check("alias of a protected page: read aborts", aborts(alias, false));
		check("alias of a protected page: write aborts", aborts(alias + 1, true));
	}
	fault_begin();
	__asm__ volatile("ldxr x9, [%0]" : : "r"(alias) : "x9", "memory");
	check("so does an exclusive", fault_end() == 1 && fault_is_sea());
	fault_begin();
	__asm__ volatile("stp xzr, xzr, [%0]" : : "r"(alias) : "memory");
	check("and a pair", fault_end() == 1 && fault_is_sea());
	check("an instruction is not fetched there", fetch_aborts(alias));
	check("the page is as before", secret(mem.b));
}

static void test_protected_address(bool strict)
{
	volatile u64 *shared = (volatile u64 *)io((u64)mem.c), *plain = (volatile u64 *)mem.c;

	*shared = 0x5ba7ed;
	if (strict) {
		check("protected address of a shared page: read aborts", aborts(plain, false));
		check("protected address of a shared page: write aborts", aborts(plain, true));
		check("protected address of a shared page: no fetch", fetch_aborts(plain));
		check("the shared page is as before", *shared == 0x5ba7ed);
	} else {
		/* The exception that KVM's ITS needs. */
		check("protected address of a shared page: the same bytes", *plain == 0x5ba7ed);
	}
}

/* ---- */

static void test_device(const struct vdev *d)
{
	print("%s %u\n", vdev_kind(d), d->slot);
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].id != d->id)
			continue;
		test_places(d, &kinds[i]);
		test_taken_back(d, &kinds[i]);
	}
	test_ring_places(d);
	test_ring_taken_back(d);
	vdev_reset(d);
}

void payload_main(void)
{
	bool mmio = has_word(bootargs(), "mmio"), simulated = false;
	unsigned nr = 0;
	struct vdev d;

	if (!check("this is a Realm or a protected VM", io_alias || is_protected_vm()))
		goto out;
	if (io_alias)
		simulated = rmm_is_simulated();
	share(mem.a, GRANULE);
	share(mem.c, GRANULE);
	for (unsigned i = 0; i < 2; i++)
		ring[i] = ring_shared(&mem.ring[i]);
	parts = (struct parts *)io((u64)mem.a);
	page_fill(mem.b, SECRET);
	page_fill(mem.d, SECRET);
	for (u32 slot = 0; slot < 16; slot++) {
		if (mmio ? !vdev_mmio(&d, slot) : !vdev_pci(&d, slot))
			continue;
		nr++;
		for (unsigned i = 0; i < (io_alias ? 2 : 1); i++) {
			address_bits = i ? io_alias : 0;
			test_device(&d);
		}
	}
	print("virtio devices: %u\n", nr);
	check("there is one", nr > 0);
	if (simulated)
		test_alias();
	if (io_alias)
		test_protected_address(!simulated || has_word(bootargs(), "strict"));
out:
	check_summary();
}
