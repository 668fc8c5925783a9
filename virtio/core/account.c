/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a device touched: sums, a bitmap of pages, and a ring for whoever watches.
 *
 * Thread: the device's loop; the reading end of a ring on one other.
 * Trust:  addresses and lengths were checked by mem.c, or are only written down.
 *
 * The ring is the usual one of one writer and one reader: the writer owns `head`, the reader
 * `tail`, each publishes its own with release and loads the other's with acquire. Nobody is woken:
 * the reader looks from time to time.
 */
#include "virtio/core/account.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "lkvm/vm/loop.h"
#include "lkvm/vm/mem.h"

#define PAGE UINT64_C(4096)
#define RING_SIZE 8192u

struct account {
	struct mem *mem;
	u8 device;
	struct account_sums sums;
	struct account_ring *ring;
	u64 base, nr_pages; /* what the bitmap covers: all RAM */
	u64 touched[];
};

struct account_ring {
	_Atomic u32 head; /* writer's */
	_Atomic u32 tail; /* reader's */
	_Atomic u64 lost; /* the writer adds, the reader takes */
	struct account_event events[RING_SIZE];
};

int account_create(struct account **out, struct mem *m, u8 device)
{
	u64 base = UINT64_MAX, end = 0, words;
	struct account *a;

	for (unsigned i = 0; i < mem_nr_regions(m); i++) {
		const struct mem_region *r = mem_region(m, i);

		base = MIN(base, r->base.a);
		end = MAX(end, r->base.a + r->size);
	}
	base = MIN(base, end);
	words = ((end - base) / PAGE + 63) / 64;
	/* Zero pages of the host's kernel until a page of the guest is touched. */
	a = calloc(1, sizeof(*a) + words * sizeof(u64));
	if (!a)
		return -ENOMEM;
	a->mem = m;
	a->device = device;
	a->base = base;
	a->nr_pages = (end - base) / PAGE;
	*out = a;
	return 0;
}

void account_destroy(struct account *a)
{
	free(a);
}

/* ---- writing ---- */

static void ring_put(struct account_ring *r, const struct account_event *e)
{
	u32 head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (head - atomic_load_explicit(&r->tail, memory_order_acquire) == RING_SIZE) {
		atomic_fetch_add_explicit(&r->lost, 1, memory_order_relaxed);
		return;
	}
	r->events[head % RING_SIZE] = *e;
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
}

static void note(struct account *a, u16 queue, u64 addr, u32 len, enum account_way way)
{
	const struct account_event e = { .time_ns = loop_now_ns(),
					 .addr = addr,
					 .len = len,
					 .device = a->device,
					 .queue = (u8)queue,
					 .way = (u8)way };

	ring_put(a->ring, &e);
}

static void touch(struct account *a, u64 addr, u64 len)
{
	u64 first = (addr - a->base) / PAGE, last = (addr - a->base + len - 1) / PAGE;

	assert(last < a->nr_pages);
	for (u64 w = first / 64; w <= last / 64; w++) {
		u64 fresh = word_mask(w, first, last) & ~a->touched[w];

		a->touched[w] |= fresh;
		for (; fresh; fresh &= fresh - 1)
			a->sums.pages++;
	}
}

/* [host, host + len) was looked up by mem.c. */
static void transfer(struct account *a, u16 queue, const void *host, u64 len, enum account_way way)
{
	u64 addr = mem_gpa_of(a->mem, host).a;

	touch(a, addr, len);
	if (a->ring)
		note(a, queue, addr, (u32)len, way);
}

void account_buffers(struct account *a, u16 queue, enum account_way way, const struct iovec *iov,
		     unsigned nr, unsigned nr_bufs, u32 len)
{
	if (way == ACCOUNT_OUT) {
		a->sums.nr_out += nr_bufs;
		a->sums.out_len += len;
	} else {
		a->sums.nr_in += nr_bufs;
		a->sums.in_len += len;
	}
	for (unsigned i = 0; i < nr; i++)
		transfer(a, queue, iov[i].iov_base, iov[i].iov_len, way);
}

void account_table(struct account *a, u16 queue, const void *table, u32 len)
{
	a->sums.nr_out++;
	a->sums.out_len += len;
	a->sums.nr_tables++;
	a->sums.table_len += len;
	transfer(a, queue, table, len, ACCOUNT_OUT);
}

bool account_traced(const struct account *a)
{
	return a->ring;
}

void account_written(struct account *a, u32 len)
{
	a->sums.written += len;
}

void account_refused(struct account *a, u16 queue, u64 addr, u64 len)
{
	a->sums.refused++;
	if (a->ring)
		note(a, queue, addr, (u32)MIN(len, (u64)UINT32_MAX), ACCOUNT_REFUSED);
}

/* ---- reading ---- */

void account_sums(const struct account *a, struct account_sums *out)
{
	*out = a->sums;
}

void account_trace(struct account *a, struct account_ring *r)
{
	a->ring = r;
}

int account_ring_create(struct account_ring **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void account_ring_destroy(struct account_ring *r)
{
	free(r);
}

bool account_ring_next(struct account_ring *r, struct account_event *out)
{
	u32 tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (tail == atomic_load_explicit(&r->head, memory_order_acquire))
		return false;
	*out = r->events[tail % RING_SIZE];
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return true;
}

u64 account_ring_lost(struct account_ring *r)
{
	return atomic_exchange_explicit(&r->lost, 0, memory_order_relaxed);
}
