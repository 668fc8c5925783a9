/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The black book: everything a driver must not post, each with the answer it deserves.
 *
 * Thread: the test's; plays the guest.
 * Trust:  the hostile side itself.
 * Spec:   virtio 1.3 §2.7.4 to §2.7.6
 *
 * Entries that use several descriptors assume a ring of at least 4.
 */
#include <errno.h>

#include "tests/fake/driver.h"

#define RAM_END (FAKE_RAM + FAKE_RAM_SIZE)

/* Descriptor `i` of the ring's own table. */
static void put(struct fake_ring *r, u16 i, u64 addr, u32 len, u16 flags, u16 next)
{
	fake_desc(r->mem, r->desc, i, addr, len, flags, next);
}

static void post(struct fake_ring *r, u16 head)
{
	fake_ring_expose(r, head);
	fake_ring_publish(r);
}

static void self_loop(struct fake_ring *r, u64 data)
{
	put(r, 0, data, 1, FAKE_NEXT | FAKE_WRITE, 0);
	post(r, 0);
}

static void loop_of_two(struct fake_ring *r, u64 data)
{
	put(r, 0, data, 1, FAKE_NEXT | FAKE_WRITE, 1);
	put(r, 1, data, 1, FAKE_NEXT | FAKE_WRITE, 0);
	post(r, 0);
}

/* Nothing is ever added to the chain: only the walk itself can notice. */
static void loop_of_nothing(struct fake_ring *r, u64 data)
{
	put(r, 0, data, 0, FAKE_NEXT | FAKE_WRITE, 0);
	post(r, 0);
}

static void next_out_of_table(struct fake_ring *r, u64 data)
{
	put(r, 0, data, 1, FAKE_NEXT | FAKE_WRITE, r->size);
	post(r, 0);
}

static void next_far_out(struct fake_ring *r, u64 data)
{
	put(r, 0, data, 1, FAKE_NEXT | FAKE_WRITE, 0xffff);
	post(r, 0);
}

static void head_out_of_table(struct fake_ring *r, u64 data)
{
	post(r, r->size);
}

static void head_far_out(struct fake_ring *r, u64 data)
{
	post(r, 0xffff);
}

static void index_jumps_ahead(struct fake_ring *r, u64 data)
{
	r->avail_idx = (u16)(r->avail_idx + r->size + 1);
	fake_ring_publish(r);
}

static void index_goes_back(struct fake_ring *r, u64 data)
{
	r->avail_idx--;
	fake_ring_publish(r);
}

static void readable_after_writable(struct fake_ring *r, u64 data)
{
	put(r, 0, data, 16, FAKE_NEXT | FAKE_WRITE, 1);
	put(r, 1, data, 16, 0, 0);
	post(r, 0);
}

static void no_bytes(struct fake_ring *r, u64 data)
{
	put(r, 0, data, 0, FAKE_NEXT, 1);
	put(r, 1, data, 0, FAKE_WRITE, 0);
	post(r, 0);
}

static void below_ram(struct fake_ring *r, u64 data)
{
	put(r, 0, FAKE_RAM - 1, 2, FAKE_WRITE, 0);
	post(r, 0);
}

static void beyond_ram(struct fake_ring *r, u64 data)
{
	put(r, 0, RAM_END, 1, FAKE_WRITE, 0);
	post(r, 0);
}

static void across_end_of_ram(struct fake_ring *r, u64 data)
{
	put(r, 0, RAM_END - 8, 9, FAKE_WRITE, 0);
	post(r, 0);
}

static void address_wraps(struct fake_ring *r, u64 data)
{
	put(r, 0, UINT64_MAX - 7, 16, FAKE_WRITE, 0);
	post(r, 0);
}

static void longer_than_ram(struct fake_ring *r, u64 data)
{
	put(r, 0, data, UINT32_MAX, FAKE_WRITE, 0);
	post(r, 0);
}

static void good_then_outside(struct fake_ring *r, u64 data)
{
	put(r, 0, data, 16, FAKE_NEXT | FAKE_WRITE, 1);
	put(r, 1, 0, 16, FAKE_WRITE, 0);
	post(r, 0);
}

/* ---- with indirect tables ---- */

static void indirect_with_next(struct fake_ring *r, u64 data)
{
	fake_desc(r->mem, data, 0, data + KiB, 16, FAKE_WRITE, 0);
	put(r, 0, data, 16, FAKE_INDIRECT | FAKE_NEXT, 1);
	put(r, 1, data, 16, FAKE_WRITE, 0);
	post(r, 0);
}

static void indirect_nested(struct fake_ring *r, u64 data)
{
	fake_desc(r->mem, data, 0, data + KiB, 16, FAKE_INDIRECT, 0);
	fake_desc(r->mem, data + KiB, 0, data + 2 * KiB, 16, FAKE_WRITE, 0);
	put(r, 0, data, 16, FAKE_INDIRECT, 0);
	post(r, 0);
}

static void indirect_in_itself(struct fake_ring *r, u64 data)
{
	fake_desc(r->mem, data, 0, data, 16, FAKE_INDIRECT, 0);
	put(r, 0, data, 16, FAKE_INDIRECT, 0);
	post(r, 0);
}

static void indirect_empty(struct fake_ring *r, u64 data)
{
	put(r, 0, data, 0, FAKE_INDIRECT, 0);
	post(r, 0);
}

static void indirect_odd(struct fake_ring *r, u64 data)
{
	fake_desc(r->mem, data, 0, data + KiB, 16, FAKE_WRITE, 0);
	put(r, 0, data, 24, FAKE_INDIRECT, 0);
	post(r, 0);
}

static void indirect_oversized(struct fake_ring *r, u64 data)
{
	fake_desc(r->mem, data, 0, data + KiB, 16, FAKE_WRITE, 0);
	put(r, 0, data, 1025 * 16, FAKE_INDIRECT, 0);
	post(r, 0);
}

static void indirect_huge(struct fake_ring *r, u64 data)
{
	put(r, 0, data, 0xfffffff0, FAKE_INDIRECT, 0);
	post(r, 0);
}

static void indirect_outside(struct fake_ring *r, u64 data)
{
	put(r, 0, RAM_END - 16, 32, FAKE_INDIRECT, 0);
	post(r, 0);
}

static void indirect_loop(struct fake_ring *r, u64 data)
{
	fake_desc(r->mem, data, 0, data + KiB, 1, FAKE_WRITE | FAKE_NEXT, 1);
	fake_desc(r->mem, data, 1, data + KiB, 1, FAKE_WRITE | FAKE_NEXT, 0);
	put(r, 0, data, 32, FAKE_INDIRECT, 0);
	post(r, 0);
}

static void indirect_next_out_of_table(struct fake_ring *r, u64 data)
{
	fake_desc(r->mem, data, 0, data + KiB, 1, FAKE_WRITE | FAKE_NEXT, 2);
	put(r, 0, data, 32, FAKE_INDIRECT, 0);
	post(r, 0);
}

static void indirect_order(struct fake_ring *r, u64 data)
{
	put(r, 0, data + KiB, 16, FAKE_WRITE | FAKE_NEXT, 1);
	put(r, 1, data, 16, FAKE_INDIRECT, 0);
	fake_desc(r->mem, data, 0, data + KiB, 16, 0, 0);
	post(r, 0);
}

const struct fake_bad fake_bad[] = {
	{ "self loop", -EBADMSG, false, self_loop },
	{ "loop of two", -EBADMSG, false, loop_of_two },
	{ "loop of nothing", -EBADMSG, false, loop_of_nothing },
	{ "next out of table", -EBADMSG, false, next_out_of_table },
	{ "next far out", -EBADMSG, false, next_far_out },
	{ "head out of table", -EBADMSG, false, head_out_of_table },
	{ "head far out", -EBADMSG, false, head_far_out },
	{ "index jumps ahead", -EBADMSG, false, index_jumps_ahead },
	{ "index goes back", -EBADMSG, false, index_goes_back },
	{ "readable after writable", -EBADMSG, false, readable_after_writable },
	{ "no bytes", -EBADMSG, false, no_bytes },
	{ "below RAM", -EFAULT, false, below_ram },
	{ "beyond RAM", -EFAULT, false, beyond_ram },
	{ "across the end of RAM", -EFAULT, false, across_end_of_ram },
	{ "address wraps", -EFAULT, false, address_wraps },
	{ "longer than RAM", -EFAULT, false, longer_than_ram },
	{ "good, then outside", -EFAULT, false, good_then_outside },
	{ "INDIRECT with NEXT", -EBADMSG, true, indirect_with_next },
	{ "nested table", -EBADMSG, true, indirect_nested },
	{ "table in itself", -EBADMSG, true, indirect_in_itself },
	{ "empty table", -EBADMSG, true, indirect_empty },
	{ "odd table", -EBADMSG, true, indirect_odd },
	{ "oversized table", -EBADMSG, true, indirect_oversized },
	{ "huge table", -EBADMSG, true, indirect_huge },
	{ "table outside RAM", -EFAULT, true, indirect_outside },
	{ "loop in a table", -EBADMSG, true, indirect_loop },
	{ "next out of an indirect table", -EBADMSG, true, indirect_next_out_of_table },
	{ "readable table after writable", -EBADMSG, true, indirect_order },
};
const unsigned nr_fake_bad = ARRAY_SIZE(fake_bad);
