/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MMIO dispatch: a sorted array of ranges, searched by halves.
 *
 * Thread: any. The array is under `lock`; the device's lock is taken only after it was dropped, on
 *         a copy of the range, so that handlers may add and remove ranges. A thread may use its
 *         copy again as long as `changes` is what it was.
 * Trust:  address, length and value of an access are the guest's.
 */
#include "lkvm/vm/bus.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct bus {
	pthread_rwlock_t lock;
	struct bus_range *ranges; /* by base, disjoint */
	size_t nr, room;
	_Atomic u64 changes; /* of the array, the first of which is its creation; under `lock` */

	struct {
		u64 base, len;
	} windows[BUS_MAX_WINDOWS]; /* written before there are other threads */
	unsigned nr_windows;
};

int bus_create(struct bus **out)
{
	struct bus *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	pthread_rwlock_init(&b->lock, NULL);
	atomic_init(&b->changes, 1);
	*out = b;
	return 0;
}

void bus_destroy(struct bus *b)
{
	if (!b)
		return;
	pthread_rwlock_destroy(&b->lock);
	free(b->ranges);
	free(b);
}

/* Index of the first range that ends above `a`: the one that contains `a`, or the next one. */
static size_t find(const struct bus *b, u64 a)
{
	size_t low = 0, high = b->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct bus_range *r = &b->ranges[mid];

		/* The last byte, for a range may end at the top of the address space. */
		if (r->base.a + (r->len - 1) < a)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/*
 * Ranges come and go when a guest moves BARs, but their number is bounded by the devices: the array
 * stops growing once every device has been mapped.
 */
static int make_room(struct bus *b)
{
	size_t room = b->room ? 2 * b->room : 64;
	struct bus_range *ranges;

	if (b->nr < b->room)
		return 0;
	ranges = realloc(b->ranges, room * sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	b->ranges = ranges;
	b->room = room;
	return 0;
}

static int insert(struct bus *b, const struct bus_range *r)
{
	size_t i = find(b, r->base.a);
	int err;

	if (i < b->nr && b->ranges[i].base.a - r->base.a < r->len)
		return -EEXIST; /* begins inside the new one */
	if (i < b->nr && b->ranges[i].base.a < r->base.a)
		return -EEXIST; /* contains the new one's first byte */
	err = make_room(b);
	if (err)
		return err;
	memmove(&b->ranges[i + 1], &b->ranges[i], (b->nr - i) * sizeof(*r));
	b->ranges[i] = *r;
	b->nr++;
	return 0;
}

int bus_add(struct bus *b, const struct bus_range *r)
{
	int err;

	if (!r->len || r->len - 1 > UINT64_MAX - r->base.a)
		return -EINVAL;
	pthread_rwlock_wrlock(&b->lock);
	err = insert(b, r);
	atomic_fetch_add(&b->changes, 1);
	pthread_rwlock_unlock(&b->lock);
	return err;
}

int bus_remove(struct bus *b, gpa_t base, void *dev)
{
	int err = -ENOENT;
	size_t i;

	pthread_rwlock_wrlock(&b->lock);
	i = find(b, base.a);
	if (i < b->nr && b->ranges[i].base.a == base.a && b->ranges[i].dev == dev) {
		b->nr--;
		atomic_fetch_add(&b->changes, 1);
		memmove(&b->ranges[i], &b->ranges[i + 1], (b->nr - i) * sizeof(b->ranges[0]));
		err = 0;
	}
	pthread_rwlock_unlock(&b->lock);
	return err;
}

void bus_add_window(struct bus *b, gpa_t base, u64 len)
{
	assert(b->nr_windows < BUS_MAX_WINDOWS && len && len - 1 <= UINT64_MAX - base.a);
	b->windows[b->nr_windows].base = base.a;
	b->windows[b->nr_windows++].len = len;
}

void bus_each(struct bus *b, void (*fn)(void *arg, const struct bus_range *r), void *arg)
{
	pthread_rwlock_rdlock(&b->lock);
	for (size_t i = 0; i < b->nr; i++)
		fn(arg, &b->ranges[i]);
	pthread_rwlock_unlock(&b->lock);
}

static bool touches(u64 base, u64 size, u64 a, unsigned len)
{
	return a - base < size || base - a < len;
}

/* What is before the range `i`, back to the one before: a range of no device. */
static struct bus_range hole(const struct bus *b, size_t i)
{
	u64 begin = i ? b->ranges[i - 1].base.a + b->ranges[i - 1].len : 0;
	u64 end = i < b->nr ? b->ranges[i].base.a : UINT64_MAX;

	return (struct bus_range){ .base = gpa(begin), .len = end - begin };
}

/* Copy the range that the access touches, or the hole that it begins in: false. */
static bool lookup(struct bus *b, u64 a, unsigned len, struct bus_near *out)
{
	bool found;
	size_t i;

	pthread_rwlock_rdlock(&b->lock);
	i = find(b, a);
	found = i < b->nr && touches(b->ranges[i].base.a, b->ranges[i].len, a, len);
	*out = (struct bus_near){ atomic_load(&b->changes), found ? b->ranges[i] : hole(b, i) };
	pthread_rwlock_unlock(&b->lock);
	return found;
}

static u64 ones(unsigned len)
{
	return len < 8 ? BIT(8 * len) - 1 : UINT64_MAX;
}

static bool takes(const struct bus_range *r, u64 a, unsigned len)
{
	return is_power_of_2(len) && (r->widths & len) && is_aligned(a, len) && a >= r->base.a &&
	       range_within(a - r->base.a, len, r->len);
}

static enum bus_result access_window(const struct bus *b, u64 a, unsigned len, bool is_write,
				     u64 *val)
{
	for (unsigned i = 0; i < b->nr_windows; i++) {
		if (!touches(b->windows[i].base, b->windows[i].len, a, len))
			continue;
		if (!is_write)
			*val = ones(len);
		return is_power_of_2(len) && is_aligned(a, len) ? BUS_OK : BUS_BAD;
	}
	return BUS_UNMAPPED;
}

static enum bus_result access_range(const struct bus_range *r, u64 a, unsigned len, bool is_write,
				    u64 *val)
{
	if (!takes(r, a, len)) {
		if (!is_write)
			*val = ones(len);
		return BUS_BAD;
	}
	pthread_mutex_lock(r->lock);
	if (is_write)
		r->ops->write(r->dev, a - r->base.a, len, *val & ones(len));
	else
		*val = r->ops->read(r->dev, a - r->base.a, len) & ones(len);
	pthread_mutex_unlock(r->lock);
	return BUS_OK;
}

/* What begins in a range finds it again, also if it ends elsewhere; in a hole it is all of it. */
static bool is_near(const struct bus *b, const struct bus_near *near, u64 a, unsigned len)
{
	const struct bus_range *r = &near->range;
	u64 off = a - r->base.a;

	return near->changes == atomic_load(&b->changes) && off < r->len &&
	       (r->ops || len <= r->len - off);
}

enum bus_result bus_access_near(struct bus *b, struct bus_near *near, gpa_t g, unsigned len,
				bool is_write, u64 *val)
{
	if (!is_near(b, near, g.a, len))
		lookup(b, g.a, len, near);
	if (!near->range.ops)
		return access_window(b, g.a, len, is_write, val);
	return access_range(&near->range, g.a, len, is_write, val);
}

enum bus_result bus_access(struct bus *b, gpa_t g, unsigned len, bool is_write, u64 *val)
{
	struct bus_near near = { 0 };

	return bus_access_near(b, &near, g, len, is_write, val);
}

const char *bus_name(struct bus *b, gpa_t g)
{
	struct bus_near near;

	return lookup(b, g.a, 1, &near) ? near.range.name : NULL;
}
