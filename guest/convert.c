/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: CPUs share and unshare pages as fast as they can, while CPU 0 has a disk and an entropy
 * device read and write at those very pages. A device is served or needs a reset; nothing hangs.
 * What is written into protected pages stays there, and no byte survives a change of sides. The
 * host looks for "SECRET" on the disk, where it must not be, and for "SHARED", which must.
 *
 * With "pieces" on the command line: as many separate shared pages as the host can stand.
 *
 * With "flushes": requests are in flight and bells ring all the time, while another CPU takes a
 * page back that no device uses. The host must not make anybody wait for anybody else in a circle.
 *
 * Thread: all CPUs; a set of pages belongs to one of them, its state is nobody else's business.
 * Trust: devices and page states are under test. Spec: [RMM 1.0 A5.2.2 RIPAS, A5.4 RIPAS change];
 * virtio 1.3 §2.1.2
 */
#include "guest/virtio.h"

#define SECRET 0x322d544552434553ull /* "SECRET-2" */
#define SHARED 0x322d444552414853ull /* "SHARED-2" */
#define NR_SETS 8u
#define NR_PAGES 16u
#define ANSWER_MS 20000
#define RUN_NS 5000000000ull
#define RUN_NS_MAX (24 * RUN_NS) /* on a machine that is slow, or has others to serve */
#define CONVERSIONS 50u
#define SECTOR 512u
#define T_FLUSH 4u
#define DISK_WRITTEN 1024u /* first sector that is written to */

static u8 pages[NR_SETS][NR_PAGES][GRANULE] __attribute__((aligned(4096)));

/* What one CPU has found out. */
static struct set {
	bool shared[NR_PAGES];
	u64 tag[NR_PAGES]; /* another one each time, in a page that is shared */
	u64 seed;
	volatile unsigned conversions, refused; /* CPU 0 looks at them */
	unsigned survived, written;
	volatile bool done;
} sets[NR_SETS];
static unsigned nr_sets;
static volatile bool stop;

/* ---- CPUs that change pages ---- */

/* A page has changed sides, or stayed. Devices write to shared pages whenever they like. */
static void look_at(struct set *s, unsigned i, u8 *page, bool shared)
{
	u8 *alias = (u8 *)io((u64)page);

	if (shared && !s->shared[i]) {
		s->survived +=
			page_count(alias, SECRET) || (s->tag[i] && page_count(alias, s->tag[i]));
		page_fill(alias, SHARED);
		s->tag[i] = random_next(&s->seed);
		((volatile u64 *)alias)[random_next(&s->seed) % (GRANULE / 8)] = s->tag[i];
	} else if (!shared && s->shared[i]) {
		s->survived += page_count(page, 0) != GRANULE / 8;
		page_fill(page, SECRET);
	}
	s->shared[i] = shared;
}

static void change_some(unsigned index)
{
	struct set *s = &sets[index];
	u64 r = random_next(&s->seed), base;
	unsigned first = r % NR_PAGES, nr = 1 + (unsigned)(r >> 8) % (NR_PAGES - first);
	bool shared = r >> 16 & 1;

	for (unsigned i = first; i < first + nr; i++)
		if (!s->shared[i])
			s->written += page_count(pages[index][i], SECRET) != GRANULE / 8;
	base = (u64)pages[index][first];
	if (!set_ripas(base, base + (u64)nr * GRANULE, shared ? RIPAS_EMPTY : RIPAS_RAM)) {
		s->refused++;
		return;
	}
	s->conversions++;
	for (unsigned i = first; i < first + nr; i++)
		look_at(s, i, pages[index][i], shared);
}

static void begin_set(unsigned index)
{
	sets[index].seed = 0x9e3779b97f4a7c15 + index;
	for (unsigned i = 0; i < NR_PAGES; i++)
		page_fill(pages[index][i], SECRET);
}

static void change_until_stop(u64 index)
{
	begin_set((unsigned)index);
	while (!stop)
		change_some((unsigned)index);
	dsb();
	sets[index].done = true;
}

/* ---- CPU 0 drives devices ---- */

struct parts {
	struct {
		u32 type, reserved;
		u64 sector;
	} header;
	u8 status;
};
static struct parts *parts;

static struct driven {
	struct vdev d;
	struct ring page, *ring;
	unsigned served, refused, hung;
} driven[2];
static unsigned nr_driven;

static u8 parts_page[GRANULE] __attribute__((aligned(GRANULE)));

static void set_up(struct driven *v)
{
	vdev_negotiate(&v->d, F_VERSION_1);
	vdev_queue(&v->d, 0, v->ring);
	vdev_ok(&v->d);
}

/* Somewhere in the pages that change, up to 8 KiB, with the alias bit or without. */
static struct desc somewhere(u64 r)
{
	u64 at = (r >> 8) % (nr_sets * NR_PAGES * GRANULE / SECTOR) * SECTOR;
	u64 left = nr_sets * NR_PAGES * GRANULE - at, len = (1 + (r >> 40) % 16) * SECTOR;

	return (struct desc){ .addr = ((u64)pages + at) | (r >> 60 & 1 ? io_alias : 0),
			      .len = (u32)(len < left ? len : left) };
}

static void post(struct driven *v, u64 r)
{
	struct desc data = somewhere(r), *t = v->ring->desc;
	bool out = r & 1;

	if (v->d.id == VIRTIO_ID_RNG) {
		ring_desc(v->ring, 0, data.addr, data.len, D_WRITE, 0);
	} else {
		parts->header.type = out;
		parts->header.sector = (r >> 20) % 512 + (out ? DISK_WRITTEN : 0);
		t[0] = (struct desc){ pa_of(&parts->header), 16, D_NEXT, 1 };
		t[1] = (struct desc){ data.addr, data.len, D_NEXT | (out ? 0 : D_WRITE), 2 };
		t[2] = (struct desc){ pa_of(&parts->status), 1, D_WRITE, 0 };
	}
	ring_post(v->ring, 0);
	vdev_notify(&v->d, 0);
}

/* Rings among these pages: whatever the device reads there, it writes no protected one. */
static void ring_astray(struct driven *v, u64 r)
{
	u64 at = somewhere(r).addr;

	vdev_negotiate(&v->d, F_VERSION_1);
	vdev_queue_at(&v->d, 0, at, at + 256, at + 512, 2);
	vdev_ok(&v->d);
	vdev_notify(&v->d, 0);
	delay_ms(1);
	set_up(v);
}

static void drive(struct driven *v, u64 r)
{
	u16 used = ring_used_idx(v->ring);

	if (r >> 50 & 1 && r >> 51 & 1 && r >> 52 & 1) {
		ring_astray(v, r);
		return;
	}
	post(v, r);
	if (!wait_for(ring_used_idx(v->ring) != used || vget(&v->d, R_STATUS) & S_NEEDS_RESET,
		      ANSWER_MS))
		v->hung++;
	if (vget(&v->d, R_STATUS) & S_NEEDS_RESET) {
		v->refused++;
		set_up(v);
	} else {
		v->served++;
	}
}

static void find_devices(void)
{
	for (u32 slot = 0; slot < 16 && nr_driven < ARRAY_SIZE(driven); slot++) {
		struct driven *v = &driven[nr_driven];

		if (!vdev_pci(&v->d, slot) ||
		    (v->d.id != VIRTIO_ID_RNG && v->d.id != VIRTIO_ID_BLK))
			continue;
		v->ring = ring_shared(&v->page);
		set_up(v);
		nr_driven++;
	}
}

/* ---- the run ---- */

/* Each CPU from `first` on has converted enough for the test to say something. */
static bool enough(unsigned first)
{
	for (unsigned i = first; i < nr_sets; i++)
		if (sets[i].conversions <= CONVERSIONS && !sets[i].refused)
			return false;
	return true;
}

static void run(bool alone)
{
	u64 start = now_ns(), seed = 0x2545f4914f6cdd1d;
	unsigned hung = 0;

	while (!hung && (now_ns() - start < RUN_NS ||
			 (now_ns() - start < RUN_NS_MAX && !enough(alone ? 0 : 1)))) {
		for (unsigned i = 0; i < nr_driven; i++) {
			drive(&driven[i], random_next(&seed));
			hung += driven[i].hung;
			if (alone)
				change_some(0);
		}
	}
	stop = true;
}

static void report(unsigned first)
{
	for (unsigned i = first; i < nr_sets; i++) {
		const struct set *s = &sets[i];

		print("cpu %u: %u conversions\n", i, s->conversions);
		checkf("pages change sides", s->conversions > CONVERSIONS && !s->refused,
		       "%u, %u refused", s->conversions, s->refused);
		checkf("nothing survives that", !s->survived, "%u pages", s->survived);
		checkf("no protected page was written to", !s->written, "%u pages", s->written);
	}
	for (unsigned i = 0; i < nr_driven; i++) {
		struct driven *v = &driven[i];

		print("%s: %u served, %u refused\n", vdev_kind(&v->d), v->served, v->refused);
		checkf("never hangs", !v->hung, "%s", vdev_kind(&v->d));
		checkf("some requests were served, some refused", v->served && v->refused,
		       "%s: %u, %u", vdev_kind(&v->d), v->served, v->refused);
		checkf("works", vdev_works(&v->d, v->ring), "%s", vdev_kind(&v->d));
	}
}

static void stress(void)
{
	unsigned nr_cpus = 1, first;
	u64 mpidr;

	find_devices();
	check("a disk and an entropy device", nr_driven == ARRAY_SIZE(driven));
	for (; nr_cpus < NR_SETS && fdt_cpu(nr_cpus, &mpidr); nr_cpus++)
		;
	/* Alone, CPU 0 does both in turns. */
	first = nr_cpus > 1;
	nr_sets = nr_cpus;
	if (!first)
		begin_set(0);
	for (unsigned i = first; i < nr_cpus; i++) {
		fdt_cpu(i, &mpidr);
		if (i)
			check("CPU_ON", cpu_on(i, mpidr, change_until_stop, i) == 0);
	}
	run(!first);
	for (unsigned i = first; i < nr_cpus && first; i++)
		check("every CPU comes to its end", wait_for(sets[i].done, ANSWER_MS));
	report(first);
}

/* ---- pieces ---- */

/*
 * Every other page of RAM behind this payload: each is a mapping of its own for the host, whose
 * number is limited. It may refuse at some point; it does not give way.
 */
static void test_devices(void)
{
	for (unsigned i = 0; i < nr_driven; i++)
		checkf("a device works", vdev_works(&driven[i].d, driven[i].ring), "%s",
		       vdev_kind(&driven[i].d));
}

static void pieces(void)
{
	extern u8 _end[];
	u64 base, end, first = ((u64)_end + 2 * GRANULE) & ~(2ull * GRANULE - 1), a;
	volatile u64 *last;

	fdt_ram(&base, &end);
	/* The device tree may be behind. */
	end = end < (u64)dtb() ? end : (u64)dtb() & ~(GRANULE - 1ull);
	find_devices();
	/* Now, as what their requests are made of has to be shared, too. */
	test_devices();
	for (a = first; a + GRANULE < end; a += 2 * GRANULE) {
		*(volatile u64 *)(a + GRANULE) = SECRET;
		if (!set_ripas(a, a + GRANULE, RIPAS_EMPTY))
			break;
	}
	print("pieces: %lu%s\n", (a - first) / (2 * GRANULE),
	      a + GRANULE < end ? ", then refused" : "");
	last = (volatile u64 *)io(a - 2 * GRANULE);
	*last = SHARED;
	checkf("a shared page works", *last == SHARED, "%lx", *last);
	checkf("a protected page does", *(volatile u64 *)(a - GRANULE) == SECRET, "%lx",
	       *(volatile u64 *)(a - GRANULE));
	if (a + GRANULE < end) {
		*(volatile u64 *)a = SECRET;
		checkf("what was refused is protected", *(volatile u64 *)a == SECRET, "%lx",
		       *(volatile u64 *)a);
	}
	test_devices();
	check("and all of it back", set_ripas(first, a, RIPAS_RAM));
	checkf("content is gone", *(volatile u64 *)(a - 2 * GRANULE) == 0, "%lx",
	       *(volatile u64 *)(a - 2 * GRANULE));
	check("but that of pages that were protected", *(volatile u64 *)(a - GRANULE) == SECRET);
	check("and once more in one piece", set_ripas(first, a, RIPAS_EMPTY));
}

/* ---- flushes ---- */

static void post_flush_or_random(struct driven *v)
{
	if (v->d.id == VIRTIO_ID_RNG) {
		ring_desc(v->ring, 0, pa_of(parts) + GRANULE / 2, 16, D_WRITE, 0);
	} else {
		parts->header.type = T_FLUSH;
		ring_desc(v->ring, 0, pa_of(&parts->header), 16, D_NEXT, 1);
		ring_desc(v->ring, 1, pa_of(&parts->status), 1, D_WRITE, 0);
	}
	ring_post(v->ring, 0);
	vdev_notify(&v->d, 0);
}

/* Has enough happened at once for the test to say something? */
static bool busy_enough(void)
{
	for (unsigned i = 0; i < nr_driven; i++)
		if (driven[i].served <= CONVERSIONS)
			return false;
	return sets[1].conversions > CONVERSIONS || sets[1].refused;
}

/* As fast as it can, without a look at what is in the page. */
static void flip_until_stop(u64 index)
{
	u64 page = (u64)pages[index][0];

	while (!stop) {
		if (!set_ripas(page, page + GRANULE, RIPAS_EMPTY) ||
		    !set_ripas(page, page + GRANULE, RIPAS_RAM))
			sets[index].refused++;
		sets[index].conversions++;
	}
	dsb();
	sets[index].done = true;
}

static void flushes(void)
{
	u16 used[ARRAY_SIZE(driven)] = { 0 };
	u64 mpidr, start, alive;

	find_devices();
	check("a disk and an entropy device", nr_driven == ARRAY_SIZE(driven));
	fdt_cpu(1, &mpidr);
	check("CPU_ON", cpu_on(1, mpidr, flip_until_stop, 1) == 0);
	alive = start = now_ns();
	for (unsigned i = 0; i < nr_driven; i++)
		post_flush_or_random(&driven[i]);
	while (now_ns() - alive < ANSWER_MS * 1000000ull &&
	       (now_ns() - start < RUN_NS || (now_ns() - start < RUN_NS_MAX && !busy_enough()))) {
		for (unsigned i = 0; i < nr_driven; i++) {
			struct driven *v = &driven[i];

			if (ring_used_idx(v->ring) == used[i])
				continue;
			used[i]++;
			v->served++;
			alive = now_ns();
			post_flush_or_random(v);
		}
	}
	stop = true;
	check("the other CPU comes to its end", wait_for(sets[1].done, ANSWER_MS));
	checkf("pages change sides", sets[1].conversions > CONVERSIONS && !sets[1].refused,
	       "%u, %u refused", sets[1].conversions, sets[1].refused);
	for (unsigned i = 0; i < nr_driven; i++)
		checkf("requests are served meanwhile", driven[i].served > CONVERSIONS, "%s: %u",
		       vdev_kind(&driven[i].d), driven[i].served);
}

void payload_main(void)
{
	if (check("this is a Realm", io_alias)) {
		parts = share(parts_page, GRANULE);
		if (has_word(bootargs(), "pieces"))
			pieces();
		else if (has_word(bootargs(), "flushes"))
			flushes();
		else
			stress();
	}
	check_summary();
}
