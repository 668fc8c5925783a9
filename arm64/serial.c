/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A UART.
 *
 * Thread: register handlers on vCPU threads, under s->lock (taken by the bus); chardev callbacks on
 *         the chardev's loop and serial_sysrq() anywhere, which take it themselves.
 * Trust:  register writes come from the guest; all state is bytes in fixed FIFOs.
 * Spec:   National Semiconductor PC16550D data sheet, section numbers of which are cited as [8.x].
 *
 * Output. A byte goes to the chardev within the write that brings it, so the transmitter is always
 * empty (THRE and TEMT set). Only while the chardev is full do bytes wait here; THRE is clear until
 * the last of them has gone. More than a FIFO's worth may wait, because some guests write without
 * looking at THRE.
 *
 * A guest that prints and waits for THRE in between, as Linux does until somebody opens the
 * terminal, has two exits for each character. So after a few of them, when reading a register has
 * no effect, the registers are given to KVM (serial_page.h): what is printed comes through its
 * ring, before anything else that the guest does to the UART is done, and every few milliseconds.
 * They are taken back when a register would change by itself or by being read: input, an interrupt
 * that becomes due, a full chardev; and when nothing has been printed for a while.
 *
 * Input. The chardev is told to send only when someone is listening: the driver has enabled the
 * receive interrupt, or polls the line status without anything else to wait for. Before that, input
 * of a pipe would vanish when the driver resets the FIFO.
 *
 * The interrupt is level-triggered: the line is the "or" of the enabled conditions, and is driven
 * only when it changes.
 */
#include "arm64/serial_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arm64/memmap.h"
#include "lkvm/vm/bus.h"
#include "lkvm/vm/chardev.h"
#include "lkvm/vm/irq.h"
#include "lkvm/vm/loop.h"

/* Characters in a row after which KVM is given the registers: what that costs is paid by then. */
#define MANY_PRINTED 8u
/* Looks at the ring in a row that find nothing, after which they are taken back. */
#define LOOKS_IDLE 10u
/* How long the last characters wait for a full chardev when the guest has ended. */
#define SETTLE_NS 2000000000u

static void page_update(struct serial *s);

/* ---- interrupt ---- */

static void update_irq(struct serial *s)
{
	bool level = serial_pending(s) != IIR_NONE;

	if (level != s->line) {
		s->line = level;
		s->irq->ops->line(s->irq, s->spi, level);
	}
}

/* ---- input ---- */

static bool listening(const struct serial *s)
{
	return s->ier & IER_RDI || s->polls >= POLLS_LISTENING;
}

/* Ask for input when it can be taken: once for the burst in which the guest drains the FIFO. */
static void rx_ask(struct serial *s)
{
	if (s->rx_asked || !s->out || s->rx_nr || !listening(s))
		return;
	s->rx_asked = true;
	s->out->ops->rx_ready(s->out, true);
}

static size_t serial_receive(void *arg, const void *buf, size_t len)
{
	struct serial *s = arg;
	const u8 *p = buf;
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	while (n < len && listening(s) && s->rx_nr < serial_rx_depth(s))
		serial_rx_push(s, p[n++], 0);
	if (n < len)
		s->rx_asked = false;
	page_update(s);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
	return n;
}

int serial_sysrq(struct serial *s, char key)
{
	int err = 0;

	pthread_mutex_lock(&s->lock);
	if (s->rx_nr + 2 <= serial_rx_depth(s)) {
		serial_rx_push(s, 0, LSR_BI);
		serial_rx_push(s, (u8)key, 0);
		page_update(s);
		update_irq(s);
	} else {
		err = -EAGAIN;
	}
	pthread_mutex_unlock(&s->lock);
	return err;
}

/* ---- output ---- */

static void tx_flush(struct serial *s)
{
	size_t n = s->out->ops->write(s->out, s->tx, s->tx_nr);

	s->tx_nr -= (unsigned)n;
	memmove(s->tx, s->tx + n, s->tx_nr);
	if (s->tx_nr)
		return;
	s->thre_pending = true;
	pthread_cond_broadcast(&s->sent);
}

static void serial_writable(void *arg)
{
	struct serial *s = arg;

	pthread_mutex_lock(&s->lock);
	if (s->tx_nr)
		tx_flush(s);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
}

void serial_transmit(struct serial *s, const u8 *p, unsigned n)
{
	unsigned done;

	s->polls = 0;
	s->thre_pending = true;
	for (done = 0; s->mcr & MCR_LOOP && done < n; done++)
		serial_rx_push(s, p[done], 0);
	if (s->mcr & MCR_LOOP || !s->out)
		return;
	done = s->tx_nr ? 0 : (unsigned)s->out->ops->write(s->out, p, n);
	if (done == n)
		return;
	s->thre_pending = false;
	/* A guest that ignores THRE for 4 KiB loses output, as it would on a real line. */
	n = MIN(n - done, TX_BACKLOG - s->tx_nr);
	memcpy(s->tx + s->tx_nr, p + done, n);
	s->tx_nr += n;
}

/* ---- the registers in KVM's hands ---- */

/* Print what is in the ring; how much. */
static unsigned take_printed(struct serial *s)
{
	u8 buf[SERIAL_PAGE_RING];
	unsigned n = serial_page_take(s->page, buf);

	if (n)
		serial_transmit(s, buf, n);
	s->unseen |= n && s->tx_nr;
	return n;
}

static bool is_shown(const struct serial *s)
{
	return s->page && serial_page_shown(s->page);
}

/* The state has changed, or may have: are the registers still KVM's? */
static void page_update(struct serial *s)
{
	u8 regs[SERIAL_PAGE_REGS];

	if (s->printed && !serial_is_quiet(s))
		s->printed = 0;
	if (!s->page || (!is_shown(s) && s->printed < MANY_PRINTED))
		return;
	serial_image(s, regs);
	if (!is_shown(s)) {
		s->printed = 0;
		s->looks = 0;
		serial_page_show(s->page, regs);
	} else if (serial_is_quiet(s)) {
		serial_page_set(s->page, regs);
	} else {
		serial_page_hide(s->page);
		take_printed(s);
	}
}

/* On the loop, as long as they are. */
static bool serial_look(void *arg)
{
	struct serial *s = arg;
	bool shown;

	pthread_mutex_lock(&s->lock);
	if (is_shown(s)) {
		s->looks = take_printed(s) ? 0 : s->looks + 1;
		page_update(s);
	}
	if (is_shown(s) && s->looks >= LOOKS_IDLE) {
		serial_page_hide(s->page);
		take_printed(s);
	}
	shown = is_shown(s);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
	return shown;
}

/* ---- accesses ---- */

static void access_begins(struct serial *s)
{
	if (is_shown(s))
		take_printed(s);
}

static void access_ends(struct serial *s)
{
	page_update(s);
	update_irq(s);
	rx_ask(s);
}

static u64 serial_read(void *dev, u64 off, unsigned len)
{
	struct serial *s = dev;
	u8 val;

	access_begins(s);
	val = serial_reg_read(s, off);
	access_ends(s);
	return val;
}

static void serial_write(void *dev, u64 off, unsigned len, u64 val)
{
	struct serial *s = dev;

	access_begins(s);
	serial_reg_write(s, off, (u8)val);
	s->printed += off == REG_DATA;
	access_ends(s);
}

/* ---- life ---- */

static const struct bus_ops serial_bus_ops = { .read = serial_read, .write = serial_write };

static const struct chardev_client serial_client = {
	.receive = serial_receive,
	.writable = serial_writable,
};

/* By the clock of loop_now_ns(). */
static void init_sent(struct serial *s)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->sent, &attr);
	pthread_condattr_destroy(&attr);
}

int serial_create(struct serial **out, unsigned index, gpa_t base, u32 spi, struct bus *bus,
		  struct irq *irq, struct chardev *c)
{
	struct serial *s = alloc_headed(sizeof(*s), offsetof(struct serial, tx));
	int err;

	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	init_sent(s);
	memcpy(s->name, "uart0", sizeof("uart0"));
	s->name[4] = (char)('0' + index % 10);
	s->base = base;
	s->spi = spi;
	s->bus = bus;
	s->irq = irq;
	s->out = c;
	err = bus_add(bus, &(struct bus_range){ .base = base,
						.len = MEMMAP_UART_SIZE,
						.widths = BUS_W1,
						.ops = &serial_bus_ops,
						.dev = s,
						.lock = &s->lock,
						.name = s->name });
	if (err) {
		s->bus = NULL;
		serial_destroy(s);
		return err;
	}
	if (c) {
		c->client = &serial_client;
		c->client_arg = s;
	}
	*out = s;
	return 0;
}

int serial_use_page(struct serial *s, struct kvm *k, const struct vcpu *v, struct loop *loop)
{
	const struct serial_page_env env = {
		.kvm = k, .vcpu = v, .base = s->base, .loop = loop, .look = serial_look, .arg = s
	};
	int err = serial_page_create(&s->page, &env);

	return err == -EOPNOTSUPP ? 0 : err;
}

/* Without KVM's ring the guest would have waited for THRE before it ended. */
void serial_settle(struct serial *s)
{
	u64 until = loop_now_ns() + SETTLE_NS;
	struct timespec ts = { .tv_sec = (time_t)(until / 1000000000u),
			       .tv_nsec = (long)(until % 1000000000u) };
	int err = 0;

	serial_look(s);
	pthread_mutex_lock(&s->lock);
	while (s->unseen && s->tx_nr && !err)
		err = pthread_cond_timedwait(&s->sent, &s->lock, &ts);
	pthread_mutex_unlock(&s->lock);
}

void serial_destroy(struct serial *s)
{
	if (!s)
		return;
	serial_page_destroy(s->page);
	if (s->bus)
		bus_remove(s->bus, s->base, s);
	pthread_cond_destroy(&s->sent);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
