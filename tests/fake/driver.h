/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest half of a virtqueue: builds good chains and every kind of bad one. It writes guest
 * memory through the vCPUs' view, as a guest does, and knows no transport; driver_dev.h drives a
 * device's registers. Tests only: it asserts that the test uses it sensibly.
 */
#ifndef TESTS_FAKE_DRIVER_H
#define TESTS_FAKE_DRIVER_H

#include "lkvm/vm/mem.h"

/* Memory of a small test guest: rings below, buffers from FAKE_DATA on. */
#define FAKE_RAM UINT64_C(0x80000000)
#define FAKE_RAM_SIZE (4 * MiB)
#define FAKE_RING_SPAN (32 * KiB)			    /* room of one ring */
#define FAKE_RING(i) (FAKE_RAM + FAKE_RING_SPAN * (u64)(i)) /* base for fake_ring_init() */
#define FAKE_DATA (FAKE_RAM + 2 * MiB)

/* A new `struct mem` with FAKE_RAM_SIZE of RAM at FAKE_RAM; mem_flags as for mem_add_ram(). */
struct mem *fake_mem(u64 mem_flags);

/* A hold on `m` for a test that plays a device on its own: one at a time, any number of them. */
void fake_hold(struct mem *m);
void fake_release(struct mem *m);

/* Where the guest sees [a, a + len); shared or not. */
void *fake_ptr(struct mem *m, u64 a, u64 len);

/* Descriptor flags [virtio 1.3 §2.7.5]. */
#define FAKE_NEXT 1u
#define FAKE_WRITE 2u
#define FAKE_INDIRECT 4u

struct fake_buf {
	u64 addr;
	u32 len;
	bool write; /* device-writable */
};

struct fake_ring {
	struct mem *mem;
	u16 size;
	bool event_idx; /* negotiated */
	u64 desc, avail, used;
	u16 avail_idx;	/* entries written to the available ring */
	u16 kicked_idx; /* avail_idx at the last fake_ring_wants_kick() */
	u16 last_used;	/* used entries seen */
	u16 next_desc;	/* next descriptor to use, round robin */
};

/* Lay out an empty ring in zeroed memory at `base` (16-byte aligned, FAKE_RING_SPAN long). */
void fake_ring_init(struct fake_ring *r, struct mem *m, u64 base, u16 size, bool event_idx);

/*
 * Post one good chain, readable buffers first, and publish it: from the ring's own table, or
 * through an indirect table at `table`. Returns the head. The caller keeps at most `size`
 * descriptors busy.
 */
u16 fake_ring_add(struct fake_ring *r, const struct fake_buf *bufs, unsigned nr);
u16 fake_ring_add_indirect(struct fake_ring *r, const struct fake_buf *bufs, unsigned nr,
			   u64 table);

/* Post a chain of one buffer that the device can write; has one come back? */
void fake_ring_post(struct fake_ring *r);
bool fake_ring_back(struct fake_ring *r);

/* Pop one used element. */
bool fake_ring_used(struct fake_ring *r, u32 *id, u32 *len);

/* Would a driver kick for what it published since the last call? [virtio 1.3 §2.7.13.4, §2.7.10] */
bool fake_ring_wants_kick(struct fake_ring *r);

/*
 * Ask for an interrupt for the next used buffer, or for none (with EVENT_IDX: for one far ahead).
 */
void fake_ring_interrupts(struct fake_ring *r, bool on);

/* ---- by hand ---- */
void fake_desc(struct mem *m, u64 table, u32 i, u64 addr, u32 len, u16 flags, u16 next);
void fake_ring_expose(struct fake_ring *r, u16 head); /* entry in the ring, index not moved */
void fake_ring_publish(struct fake_ring *r);	      /* avail->idx := avail_idx */
u16 fake_ring_used_idx(struct fake_ring *r);
u16 fake_ring_used_flags(struct fake_ring *r);
u16 fake_ring_avail_event(struct fake_ring *r);
void fake_ring_set_used_event(struct fake_ring *r, u16 event);
void fake_ring_set_avail_flags(struct fake_ring *r, u16 flags);

/* ---- the black book: everything a driver must not post ---- */

struct fake_bad {
	const char *name;
	int err;       /* what chain_take() says: -EBADMSG or -EFAULT */
	bool indirect; /* needs INDIRECT_DESC negotiated to be bad in this way */
	/* Write it to descriptors 0.. of `r`, using [data, data + 64 KiB) as it likes; publish. */
	void (*post)(struct fake_ring *r, u64 data);
};

extern const struct fake_bad fake_bad[];
extern const unsigned nr_fake_bad;

#endif
