/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio over PCI at work: doorbells, MSI-X, INTx and ISR, resets, and the races between them. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/race.h"
#include "tests/unit/virtio/transport/pci_rig.h"

/* Kick as a driver does; `direct`: the write comes over the bus, not through a doorbell. */
static void kick(struct rig *x, u16 queue, bool direct)
{
	u64 at = x->f.notify + queue * x->f.notify_mult;

	if (direct)
		wr(x, at, 2, queue);
	else
		ck_assert(fake_irq_ring(&x->irq, at, 2, queue));
	loop_step(x->loop, 0);
}

/* [virtio 1.3 §4.1.5.3] A used buffer sends the message of its queue's vector, and only that. */
START_TEST(msix)
{
	struct rig x;

	rig_up(&x, true);
	msix_on(&x);
	bring_up(&x, F_BASE, true);
	for (u16 i = 0; i < 2; i++) {
		for (unsigned direct = 0; direct < 2; direct++) {
			fake_ring_post(&x.r[i]);
			kick(&x, i, direct);
			ck_assert(fake_ring_back(&x.r[i]));
			for (u16 v = 0; v <= FAKE_ECHO_QUEUES; v++)
				ck_assert_uint_eq(messages(&x, v), v == i + 1);
		}
	}
	/* [§4.1.4.5.1] Queue bit and line are INTx's business. */
	ck_assert_uint_eq(rd(&x, x.f.isr, 1), 0);
	ck_assert_uint_eq(x.irq.rises[SPI], 0);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.1.5.3.1] NO_VECTOR: no interrupt, of no kind. */
START_TEST(no_vector)
{
	struct rig x;

	rig_up(&x, true);
	msix_on(&x);
	bring_up(&x, F_BASE, true);
	set_vector(&x, 0, VIRTIO_NO_VECTOR);
	fake_ring_post(&x.r[0]);
	kick(&x, 0, false);
	ck_assert(fake_ring_back(&x.r[0]));
	for (u16 v = 0; v <= FAKE_ECHO_QUEUES; v++)
		ck_assert_uint_eq(messages(&x, v), 0);
	ck_assert_uint_eq(x.irq.rises[SPI], 0);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.1.5.4, §4.1.4.5.1] The config vector, and its ISR bit even with MSI-X. */
START_TEST(config_interrupt)
{
	struct rig x;

	rig_up(&x, true);
	msix_on(&x);
	bring_up(&x, F_BASE, true);
	virtio_config_changed(&x.e.dev);
	ck_assert_uint_eq(messages(&x, 0), 1);
	ck_assert(!x.irq.level[SPI]);
	ck_assert_uint_eq(rd(&x, CFG + 6, 2) & 8, 0);
	ck_assert_uint_eq(rd(&x, x.f.isr, 1), 2);
	ck_assert_uint_eq(rd(&x, x.f.isr, 1), 0);
	/* A bad chain: the driver is told that the device needs a reset. */
	fake_desc(x.mem, x.r[0].desc, 0, FAKE_DATA, 8, FAKE_NEXT, 0);
	fake_ring_expose(&x.r[0], 0);
	fake_ring_publish(&x.r[0]);
	kick(&x, 0, false);
	ck_assert_uint_eq(status(&x), S_ALIVE | VIRTIO_S_NEEDS_RESET);
	ck_assert_uint_eq(messages(&x, 0), 1);
	rig_down(&x);
}
END_TEST

static void masked_vector_run(struct rig *x)
{
	u64 entry = x->f.bar[2] + 16;

	wr(x, entry + 12, 4, 1);
	fake_ring_post(&x->r[0]);
	kick(x, 0, false);
	ck_assert_uint_eq(messages(x, 1), 0);
	ck_assert_uint_eq(rd(x, x->f.bar[2] + 0x800, 8), BIT(1));
	wr(x, entry + 12, 4, 0);
	ck_assert_uint_eq(messages(x, 1), 1);
}

START_TEST(masked_vector)
{
	struct rig x;

	rig_up(&x, true);
	msix_on(&x);
	bring_up(&x, F_BASE, true);
	masked_vector_run(&x);
	rig_down(&x);
}
END_TEST

static bool heard(int fd)
{
	eventfd_t n;

	return !eventfd_read(fd, &n);
}

/*
 * Somebody else interrupts for queue 0: with MSI-X nobody here hears of it, whatever vector the
 * driver chooses, until it masks it, chooses none, or resets the device.
 */
START_TEST(interrupts_of_others)
{
	struct virtio_device *d;
	struct rig x;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	rig_up(&x, true);
	d = &x.e.dev;
	msix_on(&x);
	bring_up(&x, F_BASE, true);
	d->tops->interrupt_from(d->transport, 0, fd);
	eventfd_write(fd, 1);
	ck_assert_uint_eq(messages(&x, 1), 1);
	/* Both queues by one vector; and back. */
	set_vector(&x, 0, 2);
	eventfd_write(fd, 1);
	ck_assert_uint_eq(messages(&x, 2), 1);
	ck_assert_uint_eq(messages(&x, 1), 0);
	set_vector(&x, 0, 1);
	wr(&x, x.f.bar[2] + 16 + 12, 4, 1);
	eventfd_write(fd, 1);
	ck_assert_uint_eq(messages(&x, 1), 0);
	wr(&x, x.f.bar[2] + 16 + 12, 4, 0);
	ck_assert_uint_eq(messages(&x, 1), 1);
	set_vector(&x, 0, VIRTIO_NO_VECTOR);
	eventfd_write(fd, 1);
	ck_assert(heard(fd));
	set_vector(&x, 0, 1);
	eventfd_write(fd, 1);
	ck_assert_uint_eq(messages(&x, 1), 1);
	/* A queue that is reset has no vector. */
	wr(&x, x.f.regs + 0x3a, 2, 1);
	eventfd_write(fd, 1);
	ck_assert_uint_eq(messages(&x, 1), 0);
	ck_assert(heard(fd));
	set_vector(&x, 0, 1);
	fake_set(&x.f, FAKE_STATUS, 0);
	eventfd_write(fd, 1);
	ck_assert_uint_eq(messages(&x, 1), 0);
	ck_assert(heard(fd));
	d->tops->interrupt_from(d->transport, 0, -1);
	close(fd);
	rig_down(&x);
}
END_TEST

/* Without MSI-X it is for who lends it to listen. */
START_TEST(interrupts_of_others_without_msix)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	for (unsigned has_msi = 0; has_msi < 2; has_msi++) {
		struct virtio_device *d;
		struct rig x;

		rig_up(&x, has_msi);
		d = &x.e.dev;
		bring_up(&x, F_BASE, has_msi);
		d->tops->interrupt_from(d->transport, 0, fd);
		eventfd_write(fd, 1);
		ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 0);
		ck_assert(heard(fd));
		d->tops->interrupt_from(d->transport, 0, -1);
		rig_down(&x);
	}
	close(fd);
}
END_TEST

/* [virtio 1.3 §4.1.4.5.1, §4.1.5.3] MSI-X there and not enabled, or not there at all. */
START_TEST(intx)
{
	for (unsigned has_msi = 0; has_msi < 2; has_msi++) {
		struct rig x;

		rig_up(&x, has_msi);
		bring_up(&x, F_BASE, has_msi);
		fake_ring_post(&x.r[0]);
		kick(&x, 0, false);
		ck_assert(x.irq.level[SPI]);
		ck_assert_uint_eq(rd(&x, CFG + 6, 2) & 8, 8);
		virtio_config_changed(&x.e.dev);
		ck_assert_uint_eq(x.irq.rises[SPI], 1);
		ck_assert_uint_eq(rd(&x, x.f.isr, 1), 3);
		ck_assert(!x.irq.level[SPI]);
		ck_assert_uint_eq(rd(&x, CFG + 6, 2) & 8, 0);
		ck_assert_uint_eq(rd(&x, x.f.isr, 1), 0);
		virtio_config_changed(&x.e.dev);
		ck_assert(x.irq.level[SPI]);
		ck_assert_uint_eq(rd(&x, x.f.isr, 4), 2);
		/* A reset takes it back. */
		fake_ring_post(&x.r[1]);
		kick(&x, 1, true);
		ck_assert(x.irq.level[SPI]);
		fake_set(&x.f, FAKE_STATUS, 0);
		ck_assert(!x.irq.level[SPI]);
		ck_assert_uint_eq(rd(&x, x.f.isr, 1), 0);
		rig_down(&x);
	}
}
END_TEST

/* [PCI 3.0 §6.2.2 bit 10] Interrupt Disable; the cause is kept. */
START_TEST(intx_disable)
{
	struct rig x;

	rig_up(&x, true);
	bring_up(&x, F_BASE, false);
	wr(&x, CFG + 4, 2, 0x406);
	fake_ring_post(&x.r[0]);
	kick(&x, 0, false);
	ck_assert(!x.irq.level[SPI]);
	ck_assert_uint_eq(rd(&x, CFG + 6, 2) & 8, 8);
	wr(&x, CFG + 4, 2, 0x006);
	ck_assert(x.irq.level[SPI]);
	/* [PCI 3.0 §6.8.3.3] MSI-X on: not while that lasts. */
	msix_on(&x);
	ck_assert(!x.irq.level[SPI]);
	wr(&x, CFG + x.f.cap_msix + 2, 2, 0);
	ck_assert(x.irq.level[SPI]);
	ck_assert_uint_eq(rd(&x, x.f.isr, 1), 1);
	rig_down(&x);
}
END_TEST

/* ---- doorbells ---- */

START_TEST(doorbells_follow_the_bar)
{
	struct rig x;
	u64 old;

	rig_up(&x, true);
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), FAKE_ECHO_QUEUES);
	bring_up(&x, F_BASE, false);
	old = x.f.notify;
	wr(&x, CFG + 0x10, 4, 0x70000000);
	ck_assert(!fake_irq_ring(&x.irq, old, 2, 0));
	x.f.notify = 0x70000000 + (old - x.f.bar[0]);
	x.f.regs = 0x70000000 + (x.f.regs - x.f.bar[0]);
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), FAKE_ECHO_QUEUES);
	fake_ring_post(&x.r[1]);
	kick(&x, 1, false);
	ck_assert(fake_ring_back(&x.r[1]));
	fake_ring_post(&x.r[1]);
	kick(&x, 1, true);
	ck_assert(fake_ring_back(&x.r[1]));
	/* Decoding off: none; the other BAR has none. */
	wr(&x, CFG + 4, 2, 4);
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), 0);
	wr(&x, CFG + 4, 2, 6);
	wr(&x, CFG + 0x18, 4, 0x71000000);
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), FAKE_ECHO_QUEUES);
	rig_down(&x);
}
END_TEST

/* The host has no more: the driver notices nothing. */
START_TEST(doorbells_refused)
{
	struct rig x;

	rig_prepare(&x, true);
	x.irq.max_doorbells = 1;
	rig_plug(&x);
	bring_up(&x, F_BASE, false);
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), 1);
	for (u16 i = 0; i < 2; i++) {
		fake_ring_post(&x.r[i]);
		kick(&x, i, i);
		ck_assert(fake_ring_back(&x.r[i]));
	}
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.1.4.4] The address names the queue, in any width; what is between names none. */
START_TEST(notify_writes)
{
	struct rig x;
	u64 at;

	rig_up(&x, true);
	bring_up(&x, F_BASE, false);
	at = x.f.notify + x.f.notify_mult;
	for (unsigned len = 1; len <= 4; len *= 2) {
		fake_ring_post(&x.r[1]);
		wr(&x, at, len, 0xffffffff);
		loop_step(x.loop, 0);
		ck_assert(fake_ring_back(&x.r[1]));
	}
	fake_ring_post(&x.r[1]);
	wr(&x, at + 2, 2, 1);
	for (u64 off = FAKE_ECHO_QUEUES * 4; off < 0x1000; off += 4)
		wr(&x, x.f.notify + off, 4, 1);
	loop_step(x.loop, 0);
	ck_assert(!fake_ring_back(&x.r[1]));
	ck_assert_uint_eq(rd(&x, at, 2), 0);
	rig_down(&x);
}
END_TEST

/* A kind that serves where it rings hears each ring over the bus, wherever the BAR is. */
START_TEST(a_prompt_kind_has_no_doorbells)
{
	struct rig x;

	rig_prepare(&x, true);
	fake_echo_be_prompt(&x.e);
	rig_plug(&x);
	bring_up(&x, F_BASE, false);
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), 0);
	ck_assert_int_eq(loop_start(x.loop), 0);
	fake_ring_post(&x.r[1]);
	wr(&x, x.f.notify + x.f.notify_mult, 2, 1);
	while (!fake_ring_used_idx(&x.r[1]))
		usleep(10);
	rig_down(&x);
}
END_TEST

static void give(struct rig *x, u16 queue, bool bound)
{
	x->e.dev.tops->doorbell(x->e.dev.transport, queue, bound);
}

/* The kind takes one of them from KVM, wherever the BAR goes meanwhile, and gives it back. */
START_TEST(doorbells_change_hands)
{
	struct rig x;
	u64 moved = 0x70000000;

	rig_up(&x, true);
	bring_up(&x, F_BASE, false);
	for (unsigned twice = 0; twice < 2; twice++) {
		give(&x, 1, false);
		ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), FAKE_ECHO_QUEUES - 1);
	}
	for (u16 i = 0; i < 2; i++) {
		fake_ring_post(&x.r[i]);
		kick(&x, i, i);
		ck_assert(fake_ring_back(&x.r[i]));
	}
	ck_assert(!fake_irq_ring(&x.irq, x.f.notify + x.f.notify_mult, 2, 1));
	wr(&x, CFG + 0x10, 4, moved);
	x.f.notify += moved - x.f.bar[0];
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), FAKE_ECHO_QUEUES - 1);
	ck_assert(!fake_irq_ring(&x.irq, x.f.notify + x.f.notify_mult, 2, 1));
	ck_assert(fake_irq_ring(&x.irq, x.f.notify, 2, 0));
	for (unsigned twice = 0; twice < 2; twice++) {
		give(&x, 1, true);
		ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), FAKE_ECHO_QUEUES);
	}
	ck_assert(fake_irq_ring(&x.irq, x.f.notify + x.f.notify_mult, 2, 1));
	/* Where the BAR does not answer nothing is bound, until it does. */
	give(&x, 1, false);
	wr(&x, CFG + 4, 2, 4);
	give(&x, 1, true);
	give(&x, 0, false);
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), 0);
	wr(&x, CFG + 4, 2, 6);
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), FAKE_ECHO_QUEUES - 1);
	ck_assert(fake_irq_ring(&x.irq, x.f.notify + x.f.notify_mult, 2, 1));
	x.f.regs += moved - x.f.bar[0];
	rig_down(&x);
}
END_TEST

/* A host that has no more when KVM should have one back: that one comes over the bus. */
START_TEST(a_doorbell_is_not_taken_back)
{
	struct rig x;

	rig_up(&x, true);
	bring_up(&x, F_BASE, false);
	give(&x, 1, false);
	x.irq.max_doorbells = 0;
	give(&x, 1, true);
	fake_ring_post(&x.r[1]);
	kick(&x, 1, true);
	ck_assert(fake_ring_back(&x.r[1]));
	x.irq.max_doorbells = FAKE_IRQ_DOORBELLS;
	give(&x, 1, true);
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), FAKE_ECHO_QUEUES);
	rig_down(&x);
}
END_TEST

/* A kind that is prompt at times begins as one that never is. */
START_TEST(doorbells_of_a_kind_that_is_prompt_at_times)
{
	struct rig x;

	rig_prepare(&x, true);
	fake_echo_be_prompt_at_times(&x.e);
	rig_plug(&x);
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), FAKE_ECHO_QUEUES);
	rig_down(&x);
}
END_TEST

/* ---- resets ---- */

/* [virtio 1.3 §2.6.1] One queue goes back to its state after a reset; the others go on. */
START_TEST(one_queue_reset)
{
	struct rig x;

	rig_up(&x, true);
	msix_on(&x);
	bring_up(&x, F_BASE, true);
	fake_set(&x.f, FAKE_QUEUE_SEL, 0);
	fake_set(&x.f, FAKE_QUEUE_RESET, 0);
	fake_set(&x.f, FAKE_QUEUE_RESET, 2);
	ck_assert_uint_eq(x.e.queue_stops, 0);
	fake_set(&x.f, FAKE_QUEUE_RESET, 1);
	ck_assert_uint_eq(x.e.queue_stops, 1);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_RESET), 0);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_ENABLE), 0);
	ck_assert_uint_eq(get_vector(&x, 1), 2);
	ck_assert_uint_eq(get_vector(&x, 0), VIRTIO_NO_VECTOR);
	ck_assert_uint_eq(rd(&x, x.f.regs + 0x20, 4), 0);
	fake_ring_post(&x.r[0]);
	kick(&x, 0, false);
	ck_assert(!fake_ring_back(&x.r[0]));
	fake_ring_post(&x.r[1]);
	kick(&x, 1, false);
	ck_assert(fake_ring_back(&x.r[1]));
	/* Again from the start, smaller; what it finds posted is served without a kick. */
	fake_ring_init(&x.r[0], x.mem, FAKE_RING(0), 4, false);
	fake_ring_post(&x.r[0]);
	set_vector(&x, 0, 1);
	fake_dev_queue(&x.f, 0, &x.r[0]);
	ck_assert(fake_ring_back(&x.r[0]));
	ck_assert_uint_eq(messages(&x, 1), 1);
	ck_assert_uint_eq(status(&x), S_ALIVE);
	rig_down(&x);
}
END_TEST

START_TEST(queue_reset_not_negotiated)
{
	struct rig x;

	rig_up(&x, true);
	msix_on(&x);
	bring_up(&x, VIRTIO_F_VERSION_1, true);
	fake_set(&x.f, FAKE_QUEUE_SEL, 0);
	fake_set(&x.f, FAKE_QUEUE_RESET, 1);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_ENABLE), 1);
	ck_assert_uint_eq(get_vector(&x, 0), 1);
	fake_ring_post(&x.r[0]);
	kick(&x, 0, false);
	ck_assert(fake_ring_back(&x.r[0]));
	ck_assert_uint_eq(messages(&x, 1), 1);
	rig_down(&x);
}
END_TEST

/* ---- races: the loop runs on its own thread ---- */

struct isr_race {
	struct rig x;
	u64 read; /* by the racing reader */
};

static void raise_queue(void *arg)
{
	struct isr_race *r = arg;

	r->x.e.dev.tops->interrupt_queue(r->x.e.dev.transport, 0);
}

static void read_isr(void *arg)
{
	struct isr_race *r = arg;

	r->read = rd(&r->x, r->x.f.isr, 1);
}

static void toggle_intx(void *arg)
{
	struct isr_race *r = arg;

	wr(&r->x, CFG + 4, 2, 0x406);
	wr(&r->x, CFG + 4, 2, 0x006);
	r->read = 0;
}

/* The cause was read, or it is still there and the line says so; never both, never neither. */
static void expect_seen_once(void *arg)
{
	struct isr_race *r = arg;
	bool level = r->x.irq.level[SPI];
	u64 left = rd(&r->x, r->x.f.isr, 1);

	ck_assert_uint_eq(r->read + left, 1);
	ck_assert_uint_eq(level, left);
	ck_assert(!r->x.irq.level[SPI]);
}

/* Raising against reading ISR, and against Interrupt Disable. */
START_TEST(isr_races)
{
	struct isr_race r;

	memset(&r, 0, sizeof(r));
	rig_up(&r.x, false);
	bring_up(&r.x, F_BASE, false);
	race_run(raise_queue, read_isr, expect_seen_once, &r, 10000);
	race_run(raise_queue, toggle_intx, expect_seen_once, &r, 4000);
	rig_down(&r.x);
}
END_TEST

static void give_and_take(void *arg)
{
	give(arg, 0, false);
	give(arg, 0, true);
}

static void move_and_back(void *arg)
{
	struct rig *x = arg;

	wr(x, CFG + 0x10, 4, PLACE + 0x100000);
	wr(x, CFG + 0x10, 4, (u32)x->f.bar[0]);
}

static void expect_all(void *arg)
{
	struct rig *x = arg;

	ck_assert_uint_eq(fake_irq_nr_doorbells(&x->irq), FAKE_ECHO_QUEUES);
	for (u16 i = 0; i < FAKE_ECHO_QUEUES; i++)
		ck_assert(fake_irq_ring(&x->irq, x->f.notify + i * x->f.notify_mult, 2, i));
}

/* A vCPU moves the BAR while the loop has a doorbell change hands. */
START_TEST(doorbells_race_the_bar)
{
	struct rig x;

	rig_up(&x, true);
	x.irq.slow_doorbells = true;
	race_run(give_and_take, move_and_back, expect_all, &x, 200);
	rig_down(&x);
}
END_TEST

/*
 * DRIVER_OK and resets wait for the loop with the device's lock held, while the loop interrupts:
 * with buffers posted beforehand it does so inside that very call. Nothing may wait for anything in
 * turn.
 */
START_TEST(hand_over_with_interrupts)
{
	for (unsigned has_msi = 0; has_msi < 2; has_msi++) {
		struct rig x;

		rig_up(&x, has_msi);
		ck_assert_int_eq(loop_start(x.loop), 0);
		if (has_msi)
			msix_on(&x);
		for (unsigned i = 0; i < 200; i++) {
			ck_assert(fake_dev_negotiate(&x.f, F_BASE));
			fake_ring_init(&x.r[0], x.mem, FAKE_RING(0), 8, false);
			if (has_msi)
				set_vector(&x, 0, 1);
			for (unsigned k = 0; k < 4; k++)
				fake_ring_post(&x.r[0]);
			fake_dev_queue(&x.f, 0, &x.r[0]);
			fake_dev_driver_ok(&x.f);
			ck_assert(fake_ring_back(&x.r[0]));
			if (has_msi) {
				ck_assert_uint_eq(messages(&x, 1), 1);
			} else {
				ck_assert(x.irq.level[SPI]);
				ck_assert_uint_eq(rd(&x, x.f.isr, 1), 1);
			}
			fake_irq_ring(&x.irq, x.f.notify, 2, 0);
			if (i & 1) {
				fake_set(&x.f, FAKE_QUEUE_SEL, 0);
				fake_set(&x.f, FAKE_QUEUE_RESET, 1);
			}
		}
		rig_down(&x);
	}
}
END_TEST

struct meddler {
	struct rig x;
	_Atomic bool stop;
};

/* The second vCPU of a hostile guest. */
static void *meddle(void *arg)
{
	struct meddler *r = arg;
	struct rig *x = &r->x;
	u64 seed = 99, val;

	while (!atomic_load(&r->stop)) {
		u64 off = (seed >> 40) & 0x3fff;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		val = seed >> 30;
		if (seed & BIT(60))
			bus_access(x->bus, gpa(CFG + (off & 0xff)), 1u << ((seed >> 62) & 3),
				   seed & BIT(61), &val);
		else
			bus_access(x->bus, gpa(PLACE + off), 1u << ((seed >> 62) & 3),
				   seed & BIT(61), &val);
		fake_irq_ring(&x->irq, x->f.notify + (off & 8), 2, 0);
	}
	return NULL;
}

/* Two vCPUs and the loop, all over each other. */
START_TEST(hostile_writes)
{
	struct meddler r;
	pthread_t t;
	u64 seed = 5, val;

	memset(&r, 0, sizeof(r));
	rig_up(&r.x, true);
	ck_assert_int_eq(loop_start(r.x.loop), 0);
	ck_assert_int_eq(pthread_create(&t, NULL, meddle, &r), 0);
	for (unsigned i = 0; i < 30000; i++) {
		u64 off;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		val = seed >> 50;
		off = (seed >> 20) & 0x3ff;
		if (i % 64 == 0) { /* life, so that there is something to break */
			wr(&r.x, CFG + 4, 2, 6);
			wr(&r.x, CFG + 0x10, 4, PLACE);
		}
		bus_access(r.x.bus, gpa(PLACE + off), 1u << ((seed >> 62) & 3), seed & BIT(61),
			   &val);
	}
	atomic_store(&r.stop, true);
	pthread_join(t, NULL);
	/* It is as good as new. */
	wr(&r.x, CFG + 4, 2, 0);
	ck_assert(fake_dev_pci(&r.x.f, r.x.bus, CFG, PLACE));
	loop_stop(r.x.loop);
	wr(&r.x, CFG + r.x.f.cap_msix + 2, 2, 0);
	bring_up(&r.x, F_BASE, false);
	rd(&r.x, r.x.f.isr, 1);
	fake_ring_post(&r.x.r[0]);
	loop_step(r.x.loop, 0);
	kick(&r.x, 0, false);
	ck_assert(fake_ring_back(&r.x.r[0]));
	ck_assert(r.x.irq.level[SPI]);
	rig_down(&r.x);
}
END_TEST

SUITE_MAIN("virtio/pci_run", msix, no_vector, config_interrupt, masked_vector, interrupts_of_others,
	   interrupts_of_others_without_msix, intx, intx_disable, doorbells_follow_the_bar,
	   doorbells_refused, notify_writes, a_prompt_kind_has_no_doorbells, doorbells_change_hands,
	   a_doorbell_is_not_taken_back, doorbells_of_a_kind_that_is_prompt_at_times,
	   one_queue_reset, queue_reset_not_negotiated, isr_races, doorbells_race_the_bar,
	   hand_over_with_interrupts, hostile_writes)
