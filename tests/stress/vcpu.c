/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a hostile vCPU does. It drives devices as a driver does, so that they are at work; and it
 * writes to registers, rings and tables what no driver would, moves BARs, resets, and takes pages
 * back that are in use. Whatever comes of it is right, as long as nothing hangs, races or breaks.
 *
 * Thread: several vCPUs at once. The lock of a target makes one of them its driver for a moment;
 *         what is hostile needs no lock.
 * Trust:  none needed.
 * Spec:   virtio 1.3 §3.1, §4.1, §4.2; PCI 3.0 §6.2.5
 */
#include "tests/stress/vcpu.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "tests/stress/words.h"
#include "virtio/dev/blk_req.h"

#define DATA_SIZE (FAKE_RAM + FAKE_RAM_SIZE - FAKE_DATA)
#define CHAINS 4u /* of a ring at a time, each with so many descriptors */
#define PER_CHAIN (BOARD_RING_SIZE / CHAINS)

/* In the room of a ring: [virtio 1.3 §2.7] its areas, then headers of requests in a page apart. */
#define AVAIL_OFF 0x200u
#define USED_OFF 0x400u
#define HEADER_OFF 0x2000u
#define WORDS 256u /* bytes of a question, and of the room for an answer */

#define MSIX_ENABLE 0x8000u

static u64 draw(struct vcpu *v, u64 below)
{
	/* xorshift64 */
	v->seed ^= v->seed << 13;
	v->seed ^= v->seed >> 7;
	v->seed ^= v->seed << 17;
	return v->seed % below;
}

static bool chance(struct vcpu *v, unsigned one_in)
{
	return draw(v, one_in) == 0;
}

static struct target *any_target(struct vcpu *v)
{
	return &v->b->targets[draw(v, v->b->nr)];
}

/* ---- memory, as the guest sees what it shares ---- */

static bool put(struct vcpu *v, u64 a, const void *buf, u64 len)
{
	int err;

	mem_hold(&v->user);
	err = mem_write(v->b->mem, gpa(a), buf, len);
	mem_release(&v->user);
	return !err;
}

static bool get(struct vcpu *v, u64 a, void *buf, u64 len)
{
	int err;

	mem_hold(&v->user);
	err = mem_read(v->b->mem, gpa(a), buf, len);
	mem_release(&v->user);
	return !err;
}

static bool put16(struct vcpu *v, u64 a, u16 val)
{
	le16 x = le16_of(val);

	return put(v, a, &x, sizeof(x));
}

static void set_sides(struct vcpu *v, u64 a, u64 len, bool shared)
{
	int err;

	for (unsigned tries = 0; tries < 3; tries++) {
		err = mem_set_shared(v->b->mem, gpa(a), len, shared);
		assert(!err || err == -EAGAIN);
		v->conversions++;
		if (!err)
			return;
		v->busy++;
		mem_wait(v->b->mem);
	}
}

/* ---- registers ---- */

static u64 access(struct vcpu *v, u64 a, unsigned len, bool is_write, u64 val)
{
	bus_access(v->b->bus, gpa(a), len, is_write, &val);
	return val;
}

static u64 cfg_of(const struct target *t)
{
	return BOARD_ECAM + t->slot * 0x8000;
}

static u64 bar_of(struct vcpu *v, const struct target *t, unsigned bar)
{
	return access(v, cfg_of(t) + 0x10 + 4 * bar, 4, false, 0) & ~UINT64_C(15);
}

static u32 reg_get(struct vcpu *v, struct target *t, enum fake_reg reg)
{
	return (u32)access(v, t->f.regs + t->f.map[reg].off, t->f.map[reg].width, false, 0);
}

static void reg_set(struct vcpu *v, struct target *t, enum fake_reg reg, u64 val)
{
	access(v, t->f.regs + t->f.map[reg].off, t->f.map[reg].width, true, (u32)val);
}

static void notify(struct vcpu *v, struct target *t, u16 queue)
{
	u64 at = t->f.notify + queue * t->f.notify_mult;

	/* As KVM would, through the eventfd; now and then as an exit. */
	if (chance(v, 8) || !fake_irq_ring(&v->b->irq, at, t->pci ? 2 : 4, queue))
		access(v, at, t->pci ? 2 : 4, true, queue);
}

/* ---- a driver ---- */

/* The registers are where another vCPU has put them; not in the window: back to where they were. */
static void find_registers(struct vcpu *v, struct target *t)
{
	u64 at = bar_of(v, t, 0), moved;

	if (!t->pci)
		return;
	if (at < BOARD_WINDOW || at >= BOARD_WINDOW + BOARD_WINDOW_SIZE) {
		at = BOARD_WINDOW + BOARD_WINDOW_SIZE / 2 + t->slot * MiB;
		access(v, cfg_of(t) + 0x10, 4, true, at);
	}
	access(v, cfg_of(t) + 4, 2, true, 6); /* memory, bus master */
	moved = at - t->f.bar[0];
	t->f.bar[0] = at;
	t->f.regs += moved;
	t->f.notify += moved;
	t->f.isr += moved;
	t->f.config += moved;
}

static void bring_up_queue(struct vcpu *v, struct target *t, u16 q)
{
	static const u8 zeros[4096];
	struct ring *r = &t->rings[q];

	r->avail = r->desc + AVAIL_OFF;
	r->used = r->desc + USED_OFF;
	r->avail_idx = r->used_idx = 0;
	set_sides(v, r->desc, 4096, true);
	set_sides(v, r->desc + HEADER_OFF, 4096, true);
	put(v, r->desc, zeros, sizeof(zeros));
	reg_set(v, t, FAKE_QUEUE_SEL, q);
	reg_set(v, t, FAKE_QUEUE_SIZE, t->kind == KIND_RNG ? 8 : BOARD_RING_SIZE);
	reg_set(v, t, FAKE_QUEUE_DESC_LO, r->desc);
	reg_set(v, t, FAKE_QUEUE_DESC_HI, r->desc >> 32);
	reg_set(v, t, FAKE_QUEUE_DRIVER_LO, r->avail);
	reg_set(v, t, FAKE_QUEUE_DRIVER_HI, r->avail >> 32);
	reg_set(v, t, FAKE_QUEUE_DEVICE_LO, r->used);
	reg_set(v, t, FAKE_QUEUE_DEVICE_HI, r->used >> 32);
	reg_set(v, t, FAKE_QUEUE_ENABLE, 1);
}

static void bring_up(struct vcpu *v, struct target *t)
{
	u8 status = VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER;
	u32 offer;

	find_registers(v, t);
	reg_set(v, t, FAKE_STATUS, 0);
	reg_set(v, t, FAKE_STATUS, status);
	reg_set(v, t, FAKE_DEVICE_FEATURES_SEL, 0);
	offer = reg_get(v, t, FAKE_DEVICE_FEATURES);
	reg_set(v, t, FAKE_DRIVER_FEATURES_SEL, 0);
	reg_set(v, t, FAKE_DRIVER_FEATURES, offer & draw(v, UINT32_MAX));
	reg_set(v, t, FAKE_DRIVER_FEATURES_SEL, 1);
	reg_set(v, t, FAKE_DRIVER_FEATURES, (VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET) >> 32);
	status |= VIRTIO_S_FEATURES_OK;
	reg_set(v, t, FAKE_STATUS, status);
	for (u16 q = 0; q < t->nr_queues; q++)
		bring_up_queue(v, t, q);
	reg_set(v, t, FAKE_STATUS, status | VIRTIO_S_DRIVER_OK);
	t->up = true;
}

static void desc_put(struct vcpu *v, u64 table, u32 i, u64 addr, u32 len, u16 flags, u16 next)
{
	struct {
		le64 addr;
		le32 len;
		le16 flags, next;
	} d = { le64_of(addr), le32_of(len), le16_of(flags), le16_of(next) };

	put(v, table + 16 * (u64)i, &d, sizeof(d));
}

/* Somewhere in the pages that change sides. */
static u64 data(struct vcpu *v, u32 len)
{
	return FAKE_DATA + draw(v, DATA_SIZE - len);
}

static u32 some_len(struct vcpu *v)
{
	return 1 + (u32)draw(v, chance(v, 16) ? 256 * KiB : 4 * KiB);
}

static void post_blk(struct vcpu *v, const struct ring *r, u16 first)
{
	static const u32 types[] = { BLK_T_IN,	    BLK_T_OUT,		BLK_T_FLUSH, BLK_T_GET_ID,
				     BLK_T_DISCARD, BLK_T_WRITE_ZEROES, 99 };
	u32 type = types[chance(v, 4) ? draw(v, ARRAY_SIZE(types)) : draw(v, 3)];
	u32 len = type == BLK_T_FLUSH ? 0 : (some_len(v) + 511) & ~511u;
	u64 header = r->desc + HEADER_OFF + first * 64u, at = data(v, len);
	bool in = type == BLK_T_IN || type == BLK_T_GET_ID;
	struct {
		le32 type, reserved;
		le64 sector;
	} h = { le32_of(type), le32_of(0), le64_of(draw(v, 17000)) };

	if (type == BLK_T_DISCARD || type == BLK_T_WRITE_ZEROES)
		len = 16;
	put(v, header, &h, sizeof(h));
	desc_put(v, r->desc, first, header, sizeof(h), FAKE_NEXT, first + 1u);
	if (len)
		desc_put(v, r->desc, first + 1u, at, len, FAKE_NEXT | (in ? FAKE_WRITE : 0),
			 first + 2u);
	desc_put(v, r->desc, first + (len ? 2u : 1u), header + 32, 1, FAKE_WRITE, 0);
}

static u64 draw_for_words(void *arg, u64 below)
{
	return draw(arg, below);
}

static void post_frame(struct vcpu *v, const struct ring *r, u16 first)
{
	u64 header = r->desc + HEADER_OFF + first * 64u, at;
	u8 h[12] = { 0 }, f[WORDS_FRAME];
	u32 len = 100 + (u32)draw(v, 1415);

	at = data(v, len);
	words_frame(f, len, draw_for_words, v);
	put(v, at, f, sizeof(f));
	put(v, header, h, sizeof(h));
	desc_put(v, r->desc, first, header, sizeof(h), FAKE_NEXT, first + 1u);
	desc_put(v, r->desc, first + 1u, at, len, 0, 0);
}

/* A request, what is written, and room for the answer. */
static void post_9p(struct vcpu *v, const struct ring *r, u16 first)
{
	u64 at = r->desc + HEADER_OFF + first * 64u;
	u8 m[WORDS_9P_MAX];
	u32 more, len = words_9p(m, &more, draw_for_words, v), room = 4096 + (u32)draw(v, 16384);
	u16 next = first + 1u;

	put(v, at, m, len);
	desc_put(v, r->desc, first, at, len, FAKE_NEXT, next);
	if (more)
		desc_put(v, r->desc, next, data(v, more), more, FAKE_NEXT, next + 1u);
	desc_put(v, r->desc, more ? next + 1u : next, data(v, room), room, FAKE_WRITE, 0);
}

static void post_chain(struct vcpu *v, struct target *t, u16 q, u16 first)
{
	const struct ring *r = &t->rings[q];
	bool in = t->kind == KIND_RNG || (t->kind != KIND_BLK && t->kind != KIND_9P && q == 0);
	u32 len = t->kind == KIND_NET ? 2048 : some_len(v);

	if (t->kind == KIND_BLK)
		post_blk(v, r, first);
	else if (t->kind == KIND_9P)
		post_9p(v, r, first);
	else if (t->kind == KIND_NET && !in)
		post_frame(v, r, first);
	else
		desc_put(v, r->desc, first, data(v, len), len, in ? FAKE_WRITE : 0, 0);
}

typedef void (*post_fn)(struct vcpu *v, struct target *t, u16 q, u16 first);

/*
 * What came back, and up to `most` new chains as long as there is room. False: it cannot be seen.
 */
static bool turn_over(struct vcpu *v, struct target *t, u16 q, post_fn post, unsigned most)
{
	u16 size = t->kind == KIND_RNG ? 8 : BOARD_RING_SIZE, first;
	struct ring *r = &t->rings[q];
	le16 used;
	u16 fresh;

	if (!get(v, r->used + 2, &used, sizeof(used)))
		return false;
	/* More than there can be: the page has changed sides meanwhile, and is empty. */
	fresh = (u16)(le16_get(used) - r->used_idx);
	t->served += fresh <= size ? fresh : 0;
	r->used_idx = le16_get(used);
	for (unsigned i = 0; i < most && (u16)(r->avail_idx - r->used_idx) < size / PER_CHAIN;
	     i++) {
		first = (u16)(r->avail_idx % (size / PER_CHAIN) * PER_CHAIN);
		post(v, t, q, first);
		put16(v, r->avail + 4 + 2u * (r->avail_idx % size), first);
		put16(v, r->avail + 2, ++r->avail_idx);
	}
	return true;
}

static void work_queue(struct vcpu *v, struct target *t, u16 q)
{
	if (turn_over(v, t, q, post_chain, 2))
		notify(v, t, q);
}

static void drive(struct vcpu *v, struct target *t)
{
	if (pthread_mutex_trylock(&t->lock))
		return;
	if (!t->up) {
		bring_up(v, t);
	} else {
		for (u16 q = 0; q < t->nr_queues; q++)
			work_queue(v, t, q);
		t->up = reg_get(v, t, FAKE_STATUS) == (VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER |
						       VIRTIO_S_FEATURES_OK | VIRTIO_S_DRIVER_OK);
	}
	pthread_mutex_unlock(&t->lock);
}

/* A question, or room for an answer: in the page of headers, which changes sides less often. */
static void post_words(struct vcpu *v, struct target *t, u16 q, u16 first)
{
	static const u8 words[WORDS] = { 0 };
	u64 at = t->rings[q].desc + HEADER_OFF + first / PER_CHAIN * WORDS;

	put(v, at, words, sizeof(words));
	desc_put(v, t->rings[q].desc, first, at, WORDS, q ? 0 : FAKE_WRITE, 0);
}

/*
 * A guest that asks and waits for the answer, for so long that its vCPUs serve the queue. It gives
 * up when nobody answers.
 */
static void converse(struct vcpu *v, struct target *t)
{
	u64 at = t->f.notify + t->f.notify_mult;
	const struct ring *r = &t->rings[1];
	unsigned patience = 10000;

	for (unsigned i = 0; i < 100 && patience; i++) {
		turn_over(v, t, 0, post_words, 2);
		if (!turn_over(v, t, 1, post_words, 1))
			return;
		if (!fake_irq_ring(&v->b->irq, at, t->pci ? 2 : 4, 1)) {
			v->over_the_bus++;
			access(v, at, t->pci ? 2 : 4, true, 1);
		}
		while (patience && turn_over(v, t, 1, post_words, 0) &&
		       r->used_idx != r->avail_idx) {
			patience--;
			sched_yield();
		}
	}
}

static void talk(struct vcpu *v, struct target *t)
{
	if (t->kind != KIND_NET || pthread_mutex_trylock(&t->lock))
		return;
	bring_up(v, t);
	converse(v, t);
	pthread_mutex_unlock(&t->lock);
}

/* ---- hostile ---- */

/* A few pages are taken, more of them given back: most requests find their pages shared. */
static void convert(struct vcpu *v, struct target *t)
{
	bool shared = !chance(v, 3);
	u64 pages = 1 + draw(v, shared ? 32 : 4), at;

	if (chance(v, 16)) /* its rings and headers */
		at = t->rings[0].desc + draw(v, 4) * 4096;
	else
		at = FAKE_DATA + draw(v, DATA_SIZE / 4096) * 4096;
	pages = MIN(pages, (FAKE_RAM + FAKE_RAM_SIZE - at) / 4096);
	set_sides(v, at, pages * 4096, shared);
}

static void scribble(struct vcpu *v, struct target *t)
{
	u64 base = FAKE_RING(BOARD_QUEUES * (u64)(t - v->b->targets) + draw(v, t->nr_queues));

	for (unsigned i = 0; i < 4; i++) {
		u64 addr = chance(v, 4) ? draw(v, UINT64_MAX) : FAKE_RAM + draw(v, FAKE_RAM_SIZE);
		u32 len = (u32)draw(v, chance(v, 4) ? UINT32_MAX : 64 * KiB);

		desc_put(v, base, (u32)draw(v, BOARD_RING_SIZE), addr, len, (u16)draw(v, 8),
			 (u16)draw(v, 20));
	}
	if (chance(v, 3))
		put16(v, base + AVAIL_OFF + draw(v, 20) * 2, (u16)draw(v, UINT16_MAX));
	virtio_notify(t->dev, (u32)draw(v, t->nr_queues));
}

static u64 some_value(struct vcpu *v)
{
	static const u64 values[] = { 0, 1, 2, 4, 16, 128, 0xff, 0xffff, UINT32_MAX, UINT64_MAX };

	switch (draw(v, 3)) {
	case 0:
		return values[draw(v, ARRAY_SIZE(values))];
	case 1:
		return FAKE_RAM + draw(v, FAKE_RAM_SIZE);
	default:
		return draw(v, UINT64_MAX);
	}
}

static void storm_at(struct vcpu *v, u64 base, u64 span)
{
	for (unsigned i = 0; i < 8; i++) {
		unsigned len = 1u << draw(v, 4);
		u64 at = base + draw(v, span);

		if (!chance(v, 8))
			at &= ~(u64)(len - 1);
		access(v, at, len, chance(v, 2), some_value(v));
	}
}

static void storm(struct vcpu *v, struct target *t)
{
	if (!t->pci)
		storm_at(v, BOARD_MMIO + (u64)(t - v->b->targets) * 0x1000, VIRTIO_MMIO_SIZE);
	else
		storm_at(v, bar_of(v, t, 0), chance(v, 2) ? 0x40 : 0x4000);
}

static void configure(struct vcpu *v, struct target *t)
{
	storm_at(v, cfg_of(t), chance(v, 4) ? 4096 : PCI_CFG_SIZE);
}

static void move_bar(struct vcpu *v, struct target *t)
{
	u64 to = BOARD_WINDOW + draw(v, BOARD_WINDOW_SIZE / (64 * KiB)) * (64 * KiB);

	access(v, cfg_of(t) + (chance(v, 2) ? 0x10 : 0x18), 4, true, to);
	access(v, cfg_of(t) + 4, 2, true, chance(v, 16) ? 0 : 6);
}

static void vectors(struct vcpu *v, struct target *t)
{
	u64 table = bar_of(v, t, 2);

	if (!t->pci)
		return;
	for (unsigned i = 0; i < 4; i++)
		access(v, table + draw(v, 8) * 16 + draw(v, 4) * 4, 4, true,
		       chance(v, 2) ? 0 : some_value(v));
	access(v, cfg_of(t) + t->f.cap_msix + 2, 2, true,
	       chance(v, 4) ? some_value(v) : MSIX_ENABLE);
	/* [virtio 1.3 §4.1.4.3] queue_select, queue_msix_vector; config_msix_vector */
	access(v, bar_of(v, t, 0) + 0x16, 2, true, draw(v, t->nr_queues));
	access(v, bar_of(v, t, 0) + (chance(v, 2) ? 0x1a : 0x10), 2, true, draw(v, 4));
}

static void reset(struct vcpu *v, struct target *t)
{
	pthread_mutex_lock(&t->dev->lock);
	if (chance(v, 2))
		virtio_status_set(t->dev, 0);
	else
		virtio_queue_reset(t->dev, virtio_queue(t->dev, (u32)draw(v, t->nr_queues)));
	pthread_mutex_unlock(&t->dev->lock);
}

static void ring_bells(struct vcpu *v, struct target *t)
{
	for (unsigned i = 0; i < 4; i++)
		virtio_notify(any_target(v)->dev, (u32)draw(v, t->nr_queues + 1));
}

/* ---- the mixes ---- */

static const struct {
	const char *name;
	void (*fn)(struct vcpu *v, struct target *t);
	unsigned weight[2]; /* of a mix, in percent */
} ops[] = {
	{ "drives", drive, { 50, 35 } },
	{ "talks", talk, { 5, 5 } },
	{ "converts", convert, { 40, 12 } },
	{ "scribbles", scribble, { 1, 6 } },
	{ "storms registers", storm, { 0, 14 } },
	{ "configures", configure, { 0, 6 } },
	{ "moves a BAR", move_bar, { 0, 5 } },
	{ "sets vectors", vectors, { 0, 8 } },
	{ "resets", reset, { 1, 4 } },
	{ "rings bells", ring_bells, { 3, 5 } },
};

void *vcpu_run(void *arg)
{
	struct vcpu *v = arg;

	mem_user_add(v->b->mem, &v->user);
	while (v->done < v->nr_ops) {
		u64 r = draw(v, 100);
		unsigned i = 0;

		while (r >= ops[i].weight[v->mix])
			r -= ops[i++].weight[v->mix];
		v->doing = ops[i].name;
		ops[i].fn(v, any_target(v));
		v->done++;
	}
	v->doing = "is done";
	mem_user_del(&v->user);
	return NULL;
}
