/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: the only gpa -> host translation.
 *
 * Thread: regions are added before other threads run. Look-ups on any thread that has a hold;
 *         mem_set_shared() on vCPU threads.
 * Trust:  addresses and lengths come straight from the guest.
 *
 * Theory of operation. A region without a page bitmap is shared as a whole (ordinary VM). A region
 * with one answers look-ups only where every page of the range has its bit set. A guarded one is
 * tried out.
 *
 * Un-sharing must not pull a page from under a device that has a pointer into it: mem_users.c.
 */
#include "lkvm/vm/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/mem_guard.h"
#include "lkvm/vm/mem_map.h"
#include "lkvm/vm/mem_users.h"

/*
 * Borders between shared and protected pages, all regions together. Each may cost two mappings (one
 * a view), a process has 65530 by default (vm.max_map_count), and the program needs some itself.
 */
#define MEM_MAX_BORDERS 24000

int mem_create(struct mem **out)
{
	struct mem *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	pthread_mutex_init(&m->lock, NULL);
	users_init(&m->users);
	*out = m;
	return 0;
}

void mem_destroy(struct mem *m)
{
	if (!m)
		return;
	users_fini(&m->users);
	guard_stop(m->regions);
	for (unsigned i = 0; i < m->nr_regions; i++)
		region_unmap(&m->regions[i]);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static int add_region(struct mem *m, gpa_t base, u64 size, u64 flags, const char *hugetlbfs, int fd)
{
	if (!size || !is_aligned(base.a | size, MEM_PAGE) || base.a + size < base.a ||
	    m->nr_regions == MEM_MAX_REGIONS)
		return -EINVAL;
	for (unsigned i = 0; i < m->nr_regions; i++) {
		const struct mem_region *o = &m->regions[i].pub;

		if (ranges_overlap(base.a, size, o->base.a, o->size))
			return -EINVAL;
	}

	struct region *r = &m->regions[m->nr_regions];

	*r = (struct region){ .pub = { .base = base, .size = size, .fd = fd, .gmem = fd >= 0 } };

	int err = region_map(r, flags, hugetlbfs);

	if (err) {
		region_unmap(r);
		return err;
	}
	m->nr_regions++;
	return 0;
}

int mem_add_ram(struct mem *m, gpa_t base, u64 size, u64 flags, const char *hugetlbfs)
{
	return add_region(m, base, size, flags, hugetlbfs, -1);
}

int mem_add_gmem(struct mem *m, gpa_t base, u64 size, int fd)
{
	return add_region(m, base, size, 0, NULL, fd);
}

void mem_set_alias(struct mem *m, u64 alias_bit)
{
	m->alias = alias_bit;
}

u64 mem_alias(const struct mem *m)
{
	return m->alias;
}

unsigned mem_nr_regions(const struct mem *m)
{
	return m->nr_regions;
}

const struct mem_region *mem_region(const struct mem *m, unsigned i)
{
	assert(i < m->nr_regions);
	return &m->regions[i].pub;
}

int mem_lend(const struct mem *m, unsigned i, struct mem_loan *out)
{
	const struct region *r;

	assert(i < m->nr_regions);
	r = &m->regions[i];
	if (r->pub.fd < 0 || r->guarded)
		return -EOPNOTSUPP;
	*out = (struct mem_loan){ .base = r->pub.base, .size = r->pub.size, .fd = r->pub.fd };
	return 0;
}

/* ---- translation ---- */

struct region *mem_region_at(struct mem *m, u64 a, u64 len)
{
	for (unsigned i = 0; i < m->nr_regions; i++) {
		struct region *r = &m->regions[i];

		if (a >= r->pub.base.a && range_within(a - r->pub.base.a, len, r->pub.size))
			return r;
	}
	return NULL;
}

static bool pages_shared(const struct region *r, u64 off, u64 len)
{
	u64 first = off / MEM_PAGE, last = (off + len - 1) / MEM_PAGE;

	for (u64 w = first / 64; w <= last / 64; w++) {
		u64 mask = word_mask(w, first, last);

		if ((atomic_load_explicit(&r->shared[w], memory_order_relaxed) & mask) != mask)
			return false;
	}
	return true;
}

/* The gate. `len` > 0. Inlined: every buffer goes through it. */
static inline __attribute__((always_inline)) void *translate(struct mem *m, gpa_t g, u64 len)
{
	u64 a = g.a & ~m->alias;
	struct region *r = mem_region_at(m, a, len);

	if (!r)
		return NULL;

	u64 off = a - r->pub.base.a;

	if (r->shared && !pages_shared(r, off, len))
		return NULL;

	char *p = (char *)r->pub.shared_view + off;

	return r->guarded && !guard_ask(p, len) ? NULL : p;
}

int mem_read(struct mem *m, gpa_t g, void *buf, u64 len)
{
	const void *p = len ? translate(m, g, len) : buf;

	if (!p)
		return -EFAULT;
	if (len)
		memcpy(buf, p, len);
	return 0;
}

int mem_write(struct mem *m, gpa_t g, const void *buf, u64 len)
{
	if (!len)
		return 0;

	void *p = translate(m, g, len);

	if (!p)
		return -EFAULT;
	memcpy(p, buf, len);
	return 0;
}

int mem_iov(struct mem *m, gpa_t g, u64 len, struct iovec *iov, unsigned max)
{
	if (!len)
		return -EINVAL;

	void *p = translate(m, g, len);

	if (!p)
		return -EFAULT;
	if (!max)
		return -ENOBUFS;
	*iov = (struct iovec){ .iov_base = p, .iov_len = len };
	return 1;
}

int mem_win_open(struct mem *m, gpa_t g, u32 len, struct mem_win *w)
{
	if (!len)
		return -EINVAL;

	void *p = translate(m, g, len);

	if (!p)
		return -EFAULT;
	*w = (struct mem_win){ .host = p, .len = len };
	return 0;
}

int mem_discard(struct mem *m, gpa_t g, u64 len)
{
	char *p = len ? translate(m, g, len) : NULL;
	struct region *r;
	u64 off;

	if (!p)
		return -EFAULT;
	r = mem_region_behind(m, p, &off);
	return r->shared || r->guarded ? -EOPNOTSUPP : region_discard(r, off, len);
}

struct region *mem_region_behind(struct mem *m, const void *host, u64 *off)
{
	for (unsigned i = 0; i < m->nr_regions; i++) {
		struct region *r = &m->regions[i];

		*off = (uintptr_t)host - (uintptr_t)r->pub.shared_view;
		if (*off < r->pub.size)
			return r;
	}
	assert(0 && "memory that no look-up has answered with");
	return NULL;
}

gpa_t mem_gpa_of(struct mem *m, const void *host)
{
	u64 off;
	struct region *r = mem_region_behind(m, host, &off);

	return gpa_add(r->pub.base, off);
}

/* ---- page states ---- */

static void mark_pages(struct region *r, u64 off, u64 len, bool shared)
{
	u64 first = off / MEM_PAGE, last = (off + len - 1) / MEM_PAGE;

	for (u64 w = first / 64; w <= last / 64; w++) {
		u64 mask = word_mask(w, first, last);

		if (shared)
			atomic_fetch_or_explicit(&r->shared[w], mask, memory_order_relaxed);
		else
			atomic_fetch_and_explicit(&r->shared[w], ~mask, memory_order_relaxed);
	}
}

static int follow(struct mem *m, struct region *r, u64 off, u64 len, bool shared)
{
	const struct mem_follower *f = m->follower;
	void *host = (char *)r->pub.shared_view + off;

	if (!f)
		return 0;
	return (shared ? f->shared : f->unshare)(m->follower_arg, gpa_add(r->pub.base, off), len,
						 host);
}

/*
 * The four steps of mem_users.c, for shared pages; assigned devices lose the pages before anybody
 * else has them.
 */
static int unshare_run(struct mem *m, struct region *r, u64 off, u64 len)
{
	int err;

	mark_pages(r, off, len, false);
	users_pass(&m->users);
	err = pins_any(r, off, len) ? -EAGAIN : follow(m, r, off, len, false);
	if (!err) {
		err = region_change(r, off, len, false);
		if (err && follow(m, r, off, len, true))
			guest_err("memory", "an assigned device has lost %llu KiB of it",
				  (unsigned long long)(len / KiB));
	}
	if (err)
		mark_pages(r, off, len, true);
	return err;
}

/* The view first: a look-up that sees the bit must be able to use the pointer. */
static int share_run(struct mem *m, struct region *r, u64 off, u64 len)
{
	int err = region_change(r, off, len, true);

	if (err)
		return err;
	err = follow(m, r, off, len, true);
	if (err) {
		/* Splits no mapping that the first call has not split. */
		region_change(r, off, len, false);
		return err;
	}
	mark_pages(r, off, len, true);
	return 0;
}

int mem_follow(struct mem *m, const struct mem_follower *f, void *arg)
{
	int err = 0;

	assert(!m->follower && !mem_is_guarded(m));
	m->follower = f;
	m->follower_arg = arg;
	for (unsigned i = 0; i < m->nr_regions && !err; i++) {
		struct region *r = &m->regions[i];
		u64 run;
		bool shared;

		for (u64 off = 0; off < r->pub.size && !err; off += run) {
			run = mem_run(m, gpa_add(r->pub.base, off), r->pub.size - off, &shared);
			if (shared)
				err = follow(m, r, off, run, true);
		}
	}
	if (err)
		mem_unfollow(m);
	return err;
}

void mem_unfollow(struct mem *m)
{
	m->follower = NULL;
}

static bool page_shared(const struct region *r, u64 off)
{
	return pages_shared(r, off, MEM_PAGE);
}

/* How many more borders there are when [off, off + len) is in one state. */
static s64 more_borders(struct mem *m, const struct region *r, u64 off, u64 len, bool shared)
{
	u64 end = off + len;
	s64 more = 0;
	bool here;

	for (u64 a = off; a < end;) {
		a += mem_run(m, gpa_add(r->pub.base, a), end - a, &here);
		more -= a < end;
	}
	if (off) {
		here = page_shared(r, off - MEM_PAGE);
		more += (here != shared) - (here != page_shared(r, off));
	}
	if (end < r->pub.size) {
		here = page_shared(r, end);
		more += (here != shared) - (here != page_shared(r, end - MEM_PAGE));
	}
	return more;
}

/* A run of pages that are in the other state. */
static int change_run(struct mem *m, struct region *r, u64 off, u64 len, bool shared)
{
	s64 more = region_has_borders(r) ? more_borders(m, r, off, len, shared) : 0;
	int err;

	if (more > 0 && m->borders + more > MEM_MAX_BORDERS)
		return -ENOSPC;
	err = shared ? share_run(m, r, off, len) : unshare_run(m, r, off, len);
	if (!err)
		m->borders += more;
	return err;
}

static int change_locked(struct mem *m, struct region *r, u64 off, u64 len, bool shared)
{
	u64 end = off + len, run;
	bool here = false;
	int err = 0;

	for (; off < end && !err; off += run) {
		run = mem_run(m, gpa_add(r->pub.base, off), end - off, &here);
		if (here != shared)
			err = change_run(m, r, off, run, shared);
		else if (!shared && r->shared_only) /* what the loader has left there */
			err = region_change(r, off, run, false);
	}
	return err;
}

int mem_set_shared(struct mem *m, gpa_t g, u64 len, bool shared)
{
	u64 a = g.a & ~m->alias;

	if (!len || !is_aligned(a | len, MEM_PAGE))
		return -EINVAL;

	struct region *r = mem_region_at(m, a, len);
	int err;

	if (!r)
		return -EFAULT;
	if (!r->shared)
		return shared ? 0 : -EINVAL; /* this RAM was never protectable */
	pthread_mutex_lock(&m->lock);
	err = change_locked(m, r, a - r->pub.base.a, len, shared);
	pthread_mutex_unlock(&m->lock);
	return err;
}

bool mem_is_shared(struct mem *m, gpa_t g, u64 len)
{
	return len && translate(m, g, len);
}

u64 mem_run(struct mem *m, gpa_t g, u64 len, bool *shared)
{
	u64 a = g.a & ~m->alias;
	struct region *r = mem_region_at(m, a, MEM_PAGE);

	if (!r)
		return 0;

	u64 off = a - r->pub.base.a, end = MIN(len, r->pub.size - off) + off;

	*shared = !r->shared || pages_shared(r, off, MEM_PAGE);
	if (!r->shared)
		return end - off;
	for (u64 page = off / MEM_PAGE; page < (end + MEM_PAGE - 1) / MEM_PAGE; page++) {
		u64 word = atomic_load_explicit(&r->shared[page / 64], memory_order_relaxed);

		/* A whole word in the same state: on to the next one. */
		if (page % 64 == 0 && word == (*shared ? ~UINT64_C(0) : 0)) {
			page += 63;
			continue;
		}
		if ((bool)(word >> (page % 64) & 1) != *shared)
			return page * MEM_PAGE - off;
	}
	return end - off;
}

/* ---- what a hypervisor keeps from us ---- */

int mem_guard(struct mem *m)
{
	assert(mem_is_guarded(m));
	return guard_start(m->regions, m->nr_regions);
}

bool mem_touched(struct mem *m)
{
	return mem_is_guarded(m) && guard_touched();
}

bool mem_is_guarded(const struct mem *m)
{
	return m->nr_regions && m->regions[0].guarded;
}

/* ---- the loader ---- */

void *mem_load_ptr(struct mem *m, gpa_t g, u64 len)
{
	struct region *r = m->sealed || !len ? NULL : mem_region_at(m, g.a, len);

	return r ? (char *)r->pub.host + (g.a - r->pub.base.a) : NULL;
}

void mem_seal(struct mem *m)
{
	m->sealed = true;
}
