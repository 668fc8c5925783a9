/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest half of a virtqueue, well-behaved and not.
 *
 * Thread: the test's; plays the guest.
 * Trust:  none needed: it runs against our own device code, and asserts.
 * Spec:   virtio 1.3 §2.7, driver side
 */
#include "tests/fake/driver.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/le.h"

struct desc {
	le64 addr;
	le32 len;
	le16 flags;
	le16 next;
};

struct mem *fake_mem(u64 mem_flags)
{
	struct mem *m;
	int err = mem_create(&m);

	assert(!err);
	err = mem_add_ram(m, gpa(FAKE_RAM), FAKE_RAM_SIZE, mem_flags, NULL);
	assert(!err);
	return m;
}

static struct mem_user holder;

void fake_hold(struct mem *m)
{
	mem_user_add(m, &holder);
	mem_hold(&holder);
}

void fake_release(struct mem *m)
{
	assert(holder.mem == m);
	mem_release(&holder);
	mem_user_del(&holder);
}

void *fake_ptr(struct mem *m, u64 a, u64 len)
{
	for (unsigned i = 0; i < mem_nr_regions(m); i++) {
		const struct mem_region *r = mem_region(m, i);

		if (a >= r->base.a && range_within(a - r->base.a, len, r->size))
			return (char *)r->host + (a - r->base.a);
	}
	assert(false && "a test uses its own RAM");
	return NULL;
}

static u16 load16(struct fake_ring *r, u64 a)
{
	return le16toh(__atomic_load_n((u16 *)fake_ptr(r->mem, a, 2), __ATOMIC_ACQUIRE));
}

static void store16(struct fake_ring *r, u64 a, u16 val)
{
	__atomic_store_n((u16 *)fake_ptr(r->mem, a, 2), htole16(val), __ATOMIC_RELEASE);
}

/* ---- the ring ---- */

void fake_ring_init(struct fake_ring *r, struct mem *m, u64 base, u16 size, bool event_idx)
{
	*r = (struct fake_ring){ .mem = m, .size = size, .event_idx = event_idx };
	r->desc = base;
	r->avail = base + 16u * size;
	r->used = align_up(r->avail + 6 + 2u * size, 4);
	assert(r->used + 6 + 8u * size <= base + FAKE_RING_SPAN);
	memset(fake_ptr(m, base, FAKE_RING_SPAN), 0, FAKE_RING_SPAN);
}

void fake_desc(struct mem *m, u64 table, u32 i, u64 addr, u32 len, u16 flags, u16 next)
{
	struct desc d = { le64_of(addr), le32_of(len), le16_of(flags), le16_of(next) };

	memcpy(fake_ptr(m, table + 16u * i, sizeof(d)), &d, sizeof(d));
}

void fake_ring_expose(struct fake_ring *r, u16 head)
{
	store16(r, r->avail + 4 + 2u * (r->avail_idx & (r->size - 1u)), head);
	r->avail_idx++;
}

void fake_ring_publish(struct fake_ring *r)
{
	store16(r, r->avail + 2, r->avail_idx);
}

u16 fake_ring_add(struct fake_ring *r, const struct fake_buf *bufs, unsigned nr)
{
	u16 head = r->next_desc;

	assert(nr >= 1 && nr <= r->size);
	for (unsigned i = 0; i < nr; i++) {
		u16 this = r->next_desc;
		u16 next = (u16)((this + 1u) & (r->size - 1u));
		u16 flags = (u16)((bufs[i].write ? FAKE_WRITE : 0) | (i + 1 < nr ? FAKE_NEXT : 0));

		fake_desc(r->mem, r->desc, this, bufs[i].addr, bufs[i].len, flags, next);
		r->next_desc = next;
	}
	fake_ring_expose(r, head);
	fake_ring_publish(r);
	return head;
}

u16 fake_ring_add_indirect(struct fake_ring *r, const struct fake_buf *bufs, unsigned nr, u64 table)
{
	u16 head = r->next_desc;

	for (unsigned i = 0; i < nr; i++) {
		u16 flags = (u16)((bufs[i].write ? FAKE_WRITE : 0) | (i + 1 < nr ? FAKE_NEXT : 0));

		fake_desc(r->mem, table, i, bufs[i].addr, bufs[i].len, flags, (u16)(i + 1));
	}
	fake_desc(r->mem, r->desc, head, table, 16 * nr, FAKE_INDIRECT, 0);
	r->next_desc = (u16)((head + 1u) & (r->size - 1u));
	fake_ring_expose(r, head);
	fake_ring_publish(r);
	return head;
}

bool fake_ring_used(struct fake_ring *r, u32 *id, u32 *len)
{
	if (fake_ring_used_idx(r) == r->last_used)
		return false;

	le32 elem[2];
	u64 a = r->used + 4 + 8u * (r->last_used & (r->size - 1u));

	memcpy(elem, fake_ptr(r->mem, a, sizeof(elem)), sizeof(elem));
	*id = le32_get(elem[0]);
	*len = le32_get(elem[1]);
	r->last_used++;
	return true;
}

void fake_ring_post(struct fake_ring *r)
{
	fake_ring_add(r, &(struct fake_buf){ FAKE_DATA, 8, true }, 1);
}

bool fake_ring_back(struct fake_ring *r)
{
	u32 id, len;

	return fake_ring_used(r, &id, &len);
}

bool fake_ring_wants_kick(struct fake_ring *r)
{
	u16 old = r->kicked_idx, new = r->avail_idx;

	r->kicked_idx = new;
	if (old == new)
		return false;
	atomic_thread_fence(memory_order_seq_cst);
	if (!r->event_idx)
		return !(fake_ring_used_flags(r) & 1);
	return (u16)(new - fake_ring_avail_event(r) - 1) < (u16)(new - old);
}

void fake_ring_interrupts(struct fake_ring *r, bool on)
{
	if (r->event_idx)
		fake_ring_set_used_event(r, on ? r->last_used : (u16)(r->last_used - 1));
	else
		fake_ring_set_avail_flags(r, !on);
}

u16 fake_ring_used_idx(struct fake_ring *r)
{
	return load16(r, r->used + 2);
}

u16 fake_ring_used_flags(struct fake_ring *r)
{
	return load16(r, r->used);
}

u16 fake_ring_avail_event(struct fake_ring *r)
{
	return load16(r, r->used + 4 + 8u * r->size);
}

void fake_ring_set_used_event(struct fake_ring *r, u16 event)
{
	store16(r, r->avail + 4 + 2u * r->size, event);
}

void fake_ring_set_avail_flags(struct fake_ring *r, u16 flags)
{
	store16(r, r->avail, flags);
}
