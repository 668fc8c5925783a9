/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A UART whose registers are KVM's while a guest prints: it says and does the same as without, in
 * the same order. KVM is here: a slot that reads hit, a zone whose writes go to a ring, and what
 * neither takes is an exit, which is an access of the bus.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "arm64/serial_page.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/kvm/vcpu.h"
#include "lkvm/vm/loop.h"
#include "tests/unit/arm64/uart.h"

#define MANY 8 /* characters, after which KVM has the registers */
#define PAGE 4096u
#define RING_MAX ((PAGE - 8) / 24)
#define LOOK_MS 5

/* ---- KVM ---- */

static struct {
	const u8 *slot; /* of the page; NULL: none */
	bool zone;
	unsigned shows, hides, exits;
	int fail_slot, fail_zone; /* -errno of the next one */
	int coalesced, readonly;  /* capabilities */
	u64 base;
} kvm_is;

static _Alignas(PAGE) u8 ring_page[PAGE];
static struct kvm kvm;
static struct loop *loop;

static struct kvm_coalesced_mmio_ring *the_ring(void)
{
	return (void *)ring_page;
}

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	const struct kvm_userspace_memory_region *r = arg;
	const struct kvm_coalesced_mmio_zone *z = arg;
	int *fail = req == KVM_SET_USER_MEMORY_REGION ? &kvm_is.fail_slot : &kvm_is.fail_zone;
	int err = *fail;

	*fail = 0;
	if (err)
		return err;
	if (req == KVM_SET_USER_MEMORY_REGION) {
		ck_assert_uint_eq(r->guest_phys_addr, kvm_is.base);
		ck_assert_uint_eq(r->slot, 7);
		ck_assert_uint_eq(r->flags, r->memory_size ? KVM_MEM_READONLY : 0);
		ck_assert(!r->memory_size == !!kvm_is.slot);
		ck_assert(is_aligned(r->userspace_addr, PAGE));
		kvm_is.slot = r->memory_size ? (const u8 *)(uintptr_t)r->userspace_addr : NULL;
		kvm_is.shows += kvm_is.slot != NULL;
		kvm_is.hides += !kvm_is.slot;
		return 0;
	}
	ck_assert_uint_eq(z->addr, kvm_is.base);
	ck_assert_uint_eq(z->size, 1);
	ck_assert_uint_eq(z->pio, 0);
	ck_assert(req == KVM_REGISTER_COALESCED_MMIO || req == KVM_UNREGISTER_COALESCED_MMIO);
	ck_assert(kvm_is.zone == (req == KVM_UNREGISTER_COALESCED_MMIO));
	/* A slot that is set behind a change of KVM's buses would wait for them. */
	ck_assert(kvm_is.zone || kvm_is.slot);
	kvm_is.zone = !kvm_is.zone;
	return 0;
}

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	ck_assert_uint_eq(req, KVM_CHECK_EXTENSION);
	return val == KVM_CAP_COALESCED_MMIO ? kvm_is.coalesced
	       : val == KVM_CAP_READONLY_MEM ? kvm_is.readonly
					     : 0;
}

struct kvm_coalesced_mmio_ring *vcpu_ring(const struct vcpu *v, u32 page)
{
	ck_assert_uint_eq(page, PAGE);
	return the_ring();
}

/* ---- the guest ---- */

static u8 guest_rd(unsigned reg)
{
	if (kvm_is.slot)
		return kvm_is.slot[reg];
	kvm_is.exits++;
	return rd(reg);
}

static void guest_wr(unsigned reg, u8 val)
{
	struct kvm_coalesced_mmio_ring *r = the_ring();

	if (reg == THR && kvm_is.zone && (r->last + 1) % RING_MAX != r->first) {
		r->coalesced_mmio[r->last] =
			(struct kvm_coalesced_mmio){ kvm_is.base, 1, 0, { val } };
		r->last = (r->last + 1) % RING_MAX;
		return;
	}
	kvm_is.exits++;
	wr(reg, val);
}

/* As Linux's console without interrupts does, and its early one. */
static void guest_prints(const char *text)
{
	for (; *text; text++) {
		ck_assert_uint_eq(guest_rd(LSR) & 0x60, 0x60);
		guest_wr(THR, (u8)*text);
	}
}

static void many(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		guest_prints("x");
}

static void start(bool with_page)
{
	memset(&kvm_is, 0, sizeof(kvm_is));
	memset(ring_page, 0, sizeof(ring_page));
	memset(&far, 0, sizeof(far));
	memset(&line, 0, sizeof(line));
	kvm_is.coalesced = kvm_is.readonly = 1;
	kvm_is.base = MEMMAP_UART;
	kvm = (struct kvm){ .run_size = 2 * PAGE, .nr_slots = 7 };
	setup(true);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	if (with_page)
		ck_assert_int_eq(serial_use_page(uart, &kvm, NULL, loop), 0);
}

static void end(void)
{
	teardown();
	loop_destroy(loop);
	ck_assert_ptr_null(kvm_is.slot);
	ck_assert(!kvm_is.zone);
}

static void start_shown(void)
{
	start(true);
	many(MANY);
	ck_assert_ptr_nonnull(kvm_is.slot);
	kvm_is.exits = 0;
	far.out_len = 0;
}

/* ---- tests ---- */

START_TEST(soon_output_costs_no_exit)
{
	start(true);
	many(MANY - 1);
	ck_assert_ptr_null(kvm_is.slot);
	ck_assert_uint_eq(kvm_is.exits, 2 * (MANY - 1));
	many(1);
	ck_assert_ptr_nonnull(kvm_is.slot);
	ck_assert_uint_eq(kvm_is.exits, 2 * MANY);
	many(100);
	ck_assert_uint_eq(kvm_is.exits, 2 * MANY);
	ck_assert_uint_eq(far.out_len, MANY);
	loop_step(loop, 1000); /* the wake-up */
	loop_step(loop, 1000); /* LOOK_NS later */
	ck_assert_uint_eq(far.out_len, MANY + 100);
	end();
}
END_TEST

START_TEST(a_full_ring_is_an_exit)
{
	start_shown();
	for (unsigned i = 0; i < 10 * RING_MAX; i++)
		guest_wr(THR, (u8)i);
	ck_assert_uint_eq(kvm_is.exits, 10);
	serial_settle(uart);
	ck_assert_uint_eq(far.out_len, 10 * RING_MAX);
	for (unsigned i = 0; i < far.out_len; i++)
		ck_assert_uint_eq((u8)far.out[i], (u8)i);
	ck_assert_uint_lt(far.writes, MANY + 30);
	end();
}
END_TEST

START_TEST(order_with_other_registers)
{
	start_shown();
	guest_prints("ab");
	guest_wr(SCR, 0x5a); /* changes nothing that matters */
	ck_assert_ptr_nonnull(kvm_is.slot);
	said("ab");
	ck_assert_uint_eq(guest_rd(SCR), 0x5a);
	guest_prints("c");
	guest_wr(LCR, 0x83);
	ck_assert_ptr_null(kvm_is.slot);
	guest_wr(THR, 0x12); /* the divisor */
	ck_assert_uint_eq(guest_rd(THR), 0x12);
	said("abc");
	guest_wr(LCR, 0x03);
	guest_prints("d");
	said("abcd");
	end();
}
END_TEST

/* Linux turns interrupts off around each line, and looks at what they were. */
START_TEST(lines_of_linux)
{
	start_shown();
	for (int i = 0; i < 5; i++) {
		ck_assert_uint_eq(guest_rd(IER), i ? 0x05 : 0);
		guest_wr(IER, 0);
		guest_prints("line\n");
		ck_assert_uint_eq(guest_rd(IIR), 0x01);
		guest_wr(IER, 0x05);
	}
	ck_assert_uint_eq(kvm_is.exits, 10);
	ck_assert_ptr_nonnull(kvm_is.slot);
	said("line\nline\nline\nline\nline\n");
	end();
}
END_TEST

START_TEST(ends_when_a_register_would_change)
{
	start_shown();
	guest_wr(IER, 0x01);
	ck_assert_ptr_nonnull(kvm_is.slot);
	ck_assert_uint_eq(arrives("k"), 1);
	ck_assert_ptr_null(kvm_is.slot);
	ck_assert(line.level);
	ck_assert_uint_eq(guest_rd(RBR), 'k');
	many(MANY);
	ck_assert_ptr_nonnull(kvm_is.slot);
	ck_assert_int_eq(serial_sysrq(uart, 'b'), -EAGAIN); /* no FIFO */
	guest_wr(FCR, 0x01);
	ck_assert_uint_eq(guest_rd(IIR), 0xc1);
	ck_assert_int_eq(serial_sysrq(uart, 'b'), 0);
	ck_assert_ptr_null(kvm_is.slot);
	guest_rd(LSR);
	guest_rd(RBR);
	guest_rd(RBR);
	many(MANY);
	guest_prints("!");
	guest_wr(IER, 0x02); /* the transmitter is empty: an interrupt at once */
	ck_assert_ptr_null(kvm_is.slot);
	ck_assert(line.level);
	ck_assert_int_eq(far.out[far.out_len - 1], '!');
	end();
}
END_TEST

START_TEST(a_full_far_end)
{
	start_shown();
	far.room = 10;
	many(100);
	loop_step(loop, 1000);
	loop_step(loop, 1000);
	ck_assert_ptr_null(kvm_is.slot);
	ck_assert_uint_eq(guest_rd(LSR) & 0x60, 0);
	far.room = 1000;
	far.c.client->writable(far.c.client_arg);
	ck_assert_uint_eq(guest_rd(LSR) & 0x60, 0x60);
	ck_assert_uint_eq(far.out_len, 100);
	end();
}
END_TEST

static void *reads_again(void *arg)
{
	usleep(50000);
	far.room = 1000;
	far.c.client->writable(far.c.client_arg);
	return NULL;
}

/* It thought that all was sent, and without the ring it would have been. */
START_TEST(the_last_words_wait_for_a_full_far_end)
{
	pthread_t reader;

	for (int known = 0; known < 2; known++) {
		start_shown();
		far.room = 10;
		many(100);
		if (known) {
			guest_wr(SCR, 0);
			ck_assert_uint_eq(guest_rd(LSR) & 0x60, 0);
		}
		if (!known)
			ck_assert_int_eq(pthread_create(&reader, NULL, reads_again, NULL), 0);
		serial_settle(uart);
		ck_assert_uint_eq(far.out_len, known ? 10 : 100);
		if (!known)
			pthread_join(reader, NULL);
		end();
	}
}
END_TEST

START_TEST(ends_when_nothing_is_printed)
{
	start_shown();
	guest_prints("last");
	for (unsigned i = 0; i < 12; i++)
		loop_step(loop, 1000);
	ck_assert_ptr_null(kvm_is.slot);
	ck_assert(!kvm_is.zone);
	said("last");
	loop_step(loop, 2 * LOOK_MS); /* and no more looks */
	many(MANY - 1);
	ck_assert_ptr_null(kvm_is.slot);
	many(1);
	ck_assert_ptr_nonnull(kvm_is.slot);
	end();
}
END_TEST

START_TEST(interrupt_driven_output_never_begins_it)
{
	start(true);
	for (unsigned i = 0; i < 20; i++) {
		guest_wr(IER, 0x02);
		for (unsigned j = 0; j < 16; j++)
			guest_wr(THR, 'x');
		guest_wr(IER, 0);
	}
	ck_assert_uint_eq(kvm_is.shows, 0);
	end();
}
END_TEST

START_TEST(a_kvm_that_cannot)
{
	start(false);
	kvm_is.coalesced = 0;
	ck_assert_int_eq(serial_use_page(uart, &kvm, NULL, loop), 0);
	kvm_is.coalesced = 1;
	kvm_is.readonly = 0;
	ck_assert_int_eq(serial_use_page(uart, &kvm, NULL, loop), 0);
	ck_assert_uint_eq(kvm.nr_slots, 7);
	many(100);
	ck_assert_uint_eq(far.out_len, 100);
	end();
}
END_TEST

START_TEST(a_kvm_that_refuses)
{
	for (int i = 0; i < 2; i++) {
		start(true);
		kvm_is.fail_zone = i ? 0 : -ENOSPC;
		kvm_is.fail_slot = i ? -ENOMEM : 0;
		many(300);
		ck_assert_uint_eq(far.out_len, 300);
		ck_assert_uint_eq(kvm_is.shows, !i);
		ck_assert_uint_eq(kvm_is.hides, !i);
		ck_assert(!kvm_is.zone);
		end();
	}
}
END_TEST

/* To take the slot away costs time, and KVM takes all of them with the VM. */
START_TEST(the_end_of_the_vm)
{
	start_shown();
	kvm.ending = true;
	teardown();
	loop_destroy(loop);
	ck_assert_uint_eq(kvm_is.hides, 0);
	ck_assert_ptr_nonnull(kvm_is.slot);
}
END_TEST

/* ---- the same with and without ---- */

struct transcript {
	u8 read[4096]; /* with the level of the interrupt in between */
	unsigned nr;
	char out[sizeof(far.out)];
	size_t out_len;
	unsigned shows;
};

static void act(unsigned r, struct transcript *t)
{
	static const u8 ier[] = { 0, 1, 5, 15, 2, 4 };

	switch (r % 40) {
	case 0:
		t->read[t->nr++] = guest_rd(r >> 6 & 7);
		break;
	case 1:
		guest_wr(IER, ier[(r >> 6) % ARRAY_SIZE(ier)]);
		break;
	case 2: /* with the receive interrupt only: who polls is heard later */
		guest_wr(IER, 1);
		arrives("in");
		t->read[t->nr++] = guest_rd(RBR);
		guest_rd(RBR);
		break;
	case 3:
		if (r >> 6 & 1)
			guest_wr(r >> 7 & 1 ? MCR : SCR, (u8)(r >> 8) & 0x1b);
		else
			guest_wr(LCR, r >> 7 & 1 ? 0x83 : 0x03);
		break;
	case 4:
		serial_settle(uart);
		break;
	default:
		guest_wr(LCR, 3);
		guest_wr(MCR, 0);
		for (unsigned i = 0; i < (r >> 6) % 9 && t->nr < 4000; i++) {
			t->read[t->nr++] = guest_rd(LSR);
			guest_wr(THR, (u8)(r + i));
		}
	}
	t->read[t->nr++] = line.level;
}

static void play(unsigned seed, bool with_page, struct transcript *t)
{
	memset(t, 0, sizeof(*t));
	start(with_page);
	while (t->nr < 4000) {
		seed = seed * 1103515245 + 12345;
		act(seed >> 12, t);
	}
	serial_settle(uart);
	memcpy(t->out, far.out, far.out_len);
	t->out_len = far.out_len;
	t->shows = kvm_is.shows;
	end();
}

START_TEST(says_and_reads_the_same)
{
	static struct transcript with, without;
	unsigned shows = 0;

	for (unsigned seed = 1; seed < 60; seed++) {
		play(seed, true, &with);
		play(seed, false, &without);
		shows += with.shows;
		ck_assert_uint_eq(without.shows, 0);
		ck_assert_uint_eq(with.nr, without.nr);
		ck_assert_mem_eq(with.read, without.read, with.nr);
		ck_assert_uint_eq(with.out_len, without.out_len);
		ck_assert_mem_eq(with.out, without.out, with.out_len);
	}
	ck_assert_uint_gt(shows, 100);
}
END_TEST

SUITE_MAIN("arm64/serial_page", soon_output_costs_no_exit, a_full_ring_is_an_exit,
	   order_with_other_registers, lines_of_linux, ends_when_a_register_would_change,
	   a_full_far_end, the_last_words_wait_for_a_full_far_end, ends_when_nothing_is_printed,
	   interrupt_driven_output_never_begins_it, a_kvm_that_cannot, a_kvm_that_refuses,
	   the_end_of_the_vm, says_and_reads_the_same)
