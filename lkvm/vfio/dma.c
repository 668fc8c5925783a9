/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of what is mapped for assigned devices, sorted by address.
 *
 * Thread: main; dma_shared() and dma_unshare() on vCPU threads, under the lock of the converters.
 * Trust:  ranges are the guest's choice; mem.c has checked that they are RAM.
 *
 * The kernel unmaps whole mappings only. A run that was shared in one piece is one mapping, so what
 * the guest takes back in the pieces in which it has shared it needs nothing else. If it takes back
 * a part of one, the whole is unmapped and the rest mapped again: a device that works on the rest
 * at that moment sees an error. Linux does not do that: it takes back what it has shared.
 */
#include "lkvm/vfio/dma.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/mem.h"

/*
 * Mappings, each of them twice in a Realm. The container takes 65535 by default
 * (dma_entry_limit of vfio_iommu_type1).
 */
#define MAX_RUNS 32000u

struct run {
	u64 base, len; /* of the guest, without the alias bit */
	char *host;
};

struct dma {
	struct mem *mem;
	struct vfio_iommu *io;
	u64 alias;
	unsigned nr, room;
	struct run *runs;
};

/* ---- one run, at each of its addresses ---- */

static int map_run(const struct dma *d, const struct run *r)
{
	int err = vfio_iommu_map(d->io, r->base, r->len, r->host);

	if (err || !d->alias)
		return err;
	err = vfio_iommu_map(d->io, r->base | d->alias, r->len, r->host);
	if (err)
		vfio_iommu_unmap(d->io, r->base, r->len);
	return err;
}

static int unmap_run(const struct dma *d, const struct run *r)
{
	int err = d->alias ? vfio_iommu_unmap(d->io, r->base | d->alias, r->len) : 0;

	if (err)
		return err;
	err = vfio_iommu_unmap(d->io, r->base, r->len);
	if (err && d->alias)
		vfio_iommu_map(d->io, r->base | d->alias, r->len, r->host);
	return err;
}

/* ---- the list ---- */

/* Index of the first run that ends behind `a`. */
static unsigned first_behind(const struct dma *d, u64 a)
{
	unsigned low = 0, high = d->nr;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (d->runs[mid].base + d->runs[mid].len > a)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* Room for `more` runs, so that putting them in cannot fail. */
static int reserve(struct dma *d, unsigned more)
{
	unsigned room = MAX(d->room, 64u);
	struct run *runs;

	if (d->nr + more > MAX_RUNS)
		return -ENOSPC;
	while (room < d->nr + more)
		room *= 2;
	if (room == d->room)
		return 0;
	runs = realloc(d->runs, room * sizeof(*runs));
	if (!runs)
		return -ENOMEM;
	d->runs = runs;
	d->room = room;
	return 0;
}

static void insert(struct dma *d, const struct run *r)
{
	unsigned i = first_behind(d, r->base);

	memmove(&d->runs[i + 1], &d->runs[i], (d->nr - i) * sizeof(*r));
	d->runs[i] = *r;
	d->nr++;
}

static void drop(struct dma *d, unsigned i)
{
	d->nr--;
	memmove(&d->runs[i], &d->runs[i + 1], (d->nr - i) * sizeof(d->runs[0]));
}

/* ---- following the memory ---- */

static int dma_shared(void *arg, gpa_t g, u64 len, void *host)
{
	struct dma *d = arg;
	const struct run r = { g.a, len, host };
	int err = reserve(d, 1);

	if (!err)
		err = map_run(d, &r);
	if (!err)
		insert(d, &r);
	return err;
}

/* What is left of a run when [from, end) is taken out of it. */
static void keep_rest(struct dma *d, const struct run *r, u64 from, u64 end)
{
	const struct run rest[] = {
		{ r->base, from > r->base ? from - r->base : 0, r->host },
		{ end, end < r->base + r->len ? r->base + r->len - end : 0,
		  r->host + (end - r->base) },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rest); i++) {
		if (!rest[i].len)
			continue;
		if (map_run(d, &rest[i]))
			guest_err("vfio",
				  "%llu KiB at %#llx are lost to the devices: the host "
				  "does not map them again",
				  (unsigned long long)(rest[i].len / KiB),
				  (unsigned long long)rest[i].base);
		else
			insert(d, &rest[i]);
	}
}

static int dma_unshare(void *arg, gpa_t g, u64 len, void *host)
{
	struct dma *d = arg;
	u64 end = g.a + len;
	unsigned i;
	int err = reserve(d, 2);

	while (!err && (i = first_behind(d, g.a)) < d->nr && d->runs[i].base < end) {
		const struct run r = d->runs[i];

		err = unmap_run(d, &r);
		/* The pages stay shared: what has gone of them comes back. */
		if (err && r.base > g.a)
			keep_rest(d, &(struct run){ g.a, r.base - g.a, host }, r.base, r.base);
		if (err)
			break;
		drop(d, i);
		keep_rest(d, &r, g.a, end);
	}
	return err;
}

static const struct mem_follower follower = { .shared = dma_shared, .unshare = dma_unshare };

/* ---- start and stop ---- */

static int check_ranges(const struct dma *d)
{
	int err = 0;

	for (unsigned i = 0; i < mem_nr_regions(d->mem) && !err; i++) {
		const struct mem_region *r = mem_region(d->mem, i);

		err = vfio_iommu_allows(d->io, r->base.a, r->size);
		if (!err && d->alias)
			err = vfio_iommu_allows(d->io, r->base.a | d->alias, r->size);
		if (err == -ERANGE)
			log_error(
				"--vfio-pci: the host's IOMMU cannot map the guest's memory at %#llx, "
				"%llu MiB: the host has something there, or it has fewer bits (another "
				"place: --mem SIZE@ADDR)",
				(unsigned long long)r->base.a, (unsigned long long)(r->size / MiB));
		else if (err)
			log_errno(err, "--vfio-pci: cannot ask what the IOMMU can map");
	}
	return err;
}

static int cannot_map(const struct dma *d, int err)
{
	u64 need = 0;
	struct rlimit has;

	for (unsigned i = 0; i < mem_nr_regions(d->mem); i++)
		need += mem_region(d->mem, i)->size * (d->alias ? 2 : 1);
	if (err == -ENOMEM && !getrlimit(RLIMIT_MEMLOCK, &has) && has.rlim_cur < need)
		log_error(
			"--vfio-pci: the guest's memory is pinned for its devices, which needs "
			"a limit of locked memory of %llu KiB or more; it is %llu (ulimit -l %llu)",
			(unsigned long long)(need / KiB), (unsigned long long)(has.rlim_cur / KiB),
			(unsigned long long)(need / KiB));
	else
		log_errno(err, "--vfio-pci: cannot map the guest's memory for its devices");
	return err;
}

int dma_start(struct dma **out, struct mem *m, struct vfio_iommu *io)
{
	struct dma *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return log_errno(-ENOMEM, "--vfio-pci");
	d->mem = m;
	d->io = io;
	d->alias = mem_alias(m);
	err = check_ranges(d);
	if (!err) {
		err = mem_follow(m, &follower, d);
		if (err)
			cannot_map(d, err);
	}
	if (err) {
		dma_stop(d);
		return err;
	}
	*out = d;
	return 0;
}

void dma_stop(struct dma *d)
{
	if (!d)
		return;
	mem_unfollow(d->mem);
	for (unsigned i = 0; i < d->nr; i++)
		unmap_run(d, &d->runs[i]);
	free(d->runs);
	free(d);
}
