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
 * empty (THRE and TEMT set) and a guest that prints pays one exit per character and nothing else.
 * Only while the chardev is full do bytes wait here; THRE is clear until the last of them has gone.
 * More than a FIFO's worth may wait, because some guests write without looking at THRE.
 *
 * Input. The chardev is told to send only when someone is listening: the driver has enabled the
 * receive interrupt, or polls the line status without anything else to wait for. Before that, input
 * of a pipe would vanish when the driver resets the FIFO.
 *
 * The interrupt is level-triggered: the line is the "or" of the enabled conditions, and is driven
 * only when it changes.
 */
#include "arm64/serial.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arm64/memmap.h"
#include "lkvm/vm/bus.h"
#include "lkvm/vm/chardev.h"
#include "lkvm/vm/irq.h"

#define RX_FIFO 16u
#define TX_BACKLOG 4096u

/* Registers; 0 and 1 are the divisor latch while LCR.DLAB is set. */
enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

#define IER_RDI 0x01
#define IER_THRI 0x02
#define IER_RLSI 0x04
#define IER_MSI 0x08
#define IER_MASK 0x0f

#define IIR_NONE 0x01
#define IIR_MSI 0x00
#define IIR_THRI 0x02
#define IIR_RDI 0x04
#define IIR_RLSI 0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFOS 0xc0

#define FCR_ENABLE 0x01
#define FCR_CLEAR_RX 0x02
#define FCR_CLEAR_TX 0x04

#define LCR_DLAB 0x80

#define MCR_DTR 0x01
#define MCR_RTS 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define MCR_MASK 0x1f

#define LSR_DR 0x01
#define LSR_OE 0x02
#define LSR_BI 0x10
#define LSR_THRE 0x20
#define LSR_TEMT 0x40
#define LSR_FIFO_ERROR 0x80

#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI 0x40
#define MSR_DCD 0x80
#define MSR_TERI 0x04 /* delta bits 0, 1, 3 follow any change; this one the trailing edge only */

/* Looks at LSR in a row, with nothing to do but wait for input, that count as listening. */
#define POLLS_LISTENING 16u

struct serial {
	pthread_mutex_t lock;
	char name[8];
	gpa_t base;
	u32 spi;
	struct bus *bus;
	struct irq *irq;
	struct chardev *out; /* NULL: nothing connected */

	u8 ier, fcr, lcr, mcr, scr, dll, dlm;
	u8 msr_delta;
	bool thre_pending; /* transmitter-empty interrupt not yet seen by the driver [8.6] */
	bool overrun;
	bool line;	/* level last driven */
	bool rx_asked;	/* the chardev has been told that there is room */
	unsigned polls; /* see POLLS_LISTENING */

	/* Received characters, oldest at rx_first. `err` is LSR_BI for a break. */
	struct {
		u8 ch;
		u8 err;
	} rx[RX_FIFO];
	unsigned rx_first, rx_nr;

	u8 tx[TX_BACKLOG];
	unsigned tx_nr;
};

/* ---- interrupt ---- */

static unsigned rx_depth(const struct serial *s)
{
	return s->fcr & FCR_ENABLE ? RX_FIFO : 1;
}

static unsigned rx_trigger(const struct serial *s)
{
	static const u8 level[] = { 1, 4, 8, 14 };

	return s->fcr & FCR_ENABLE ? level[s->fcr >> 6] : 1;
}

static u8 rx_errors(const struct serial *s)
{
	return (s->overrun ? LSR_OE : 0) | (s->rx_nr ? s->rx[s->rx_first].err : 0);
}

/*
 * The pending condition of the highest priority [8.5, table IV]. Fewer characters than the trigger
 * level count as timed out at once: whoever sent them has paused by the time the guest looks.
 */
static u8 pending(const struct serial *s)
{
	if (s->ier & IER_RLSI && rx_errors(s))
		return IIR_RLSI;
	if (s->ier & IER_RDI && s->rx_nr)
		return s->rx_nr >= rx_trigger(s) ? IIR_RDI : IIR_TIMEOUT;
	if (s->ier & IER_THRI && s->thre_pending)
		return IIR_THRI;
	if (s->ier & IER_MSI && s->msr_delta)
		return IIR_MSI;
	return IIR_NONE;
}

static void update_irq(struct serial *s)
{
	bool level = pending(s) != IIR_NONE;

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

static void rx_push(struct serial *s, u8 ch, u8 err)
{
	unsigned at = (s->rx_first + s->rx_nr) % RX_FIFO;

	if (s->rx_nr == rx_depth(s)) {
		s->overrun = true;
		return;
	}
	s->rx[at].ch = ch;
	s->rx[at].err = err;
	s->rx_nr++;
}

static u8 rx_pop(struct serial *s)
{
	u8 ch = s->rx[s->rx_first].ch;

	if (!s->rx_nr)
		return 0;
	s->rx_first = (s->rx_first + 1) % RX_FIFO;
	s->rx_nr--;
	return ch;
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
	while (n < len && listening(s) && s->rx_nr < rx_depth(s))
		rx_push(s, p[n++], 0);
	if (n < len)
		s->rx_asked = false;
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
	return n;
}

int serial_sysrq(struct serial *s, char key)
{
	int err = 0;

	pthread_mutex_lock(&s->lock);
	if (s->rx_nr + 2 <= rx_depth(s)) {
		rx_push(s, 0, LSR_BI);
		rx_push(s, (u8)key, 0);
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
	if (!s->tx_nr)
		s->thre_pending = true;
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

static void transmit(struct serial *s, u8 ch)
{
	s->polls = 0;
	s->thre_pending = true;
	if (s->mcr & MCR_LOOP) {
		rx_push(s, ch, 0);
		return;
	}
	if (!s->out || (!s->tx_nr && s->out->ops->write(s->out, &ch, 1) == 1))
		return;
	s->thre_pending = false;
	/* A guest that ignores THRE for 4 KiB loses output, as it would on a real line. */
	if (s->tx_nr < TX_BACKLOG)
		s->tx[s->tx_nr++] = ch;
}

/* ---- registers ---- */

static u8 lsr_read(struct serial *s)
{
	u8 lsr = s->tx_nr ? 0 : LSR_THRE | LSR_TEMT;

	if (s->rx_nr)
		lsr |= LSR_DR;
	else if (!s->tx_nr && s->polls < POLLS_LISTENING)
		s->polls++;
	lsr |= rx_errors(s);
	for (unsigned i = 0; s->fcr & FCR_ENABLE && i < s->rx_nr; i++)
		if (s->rx[(s->rx_first + i) % RX_FIFO].err)
			lsr |= LSR_FIFO_ERROR;
	/* Reading shows the errors of the oldest character once [8.4]. */
	s->overrun = false;
	if (s->rx_nr)
		s->rx[s->rx_first].err = 0;
	return lsr;
}

/* Modem lines: in loopback the outputs come back as inputs, else a terminal is there [8.7]. */
static u8 msr_lines(const struct serial *s)
{
	if (!(s->mcr & MCR_LOOP))
		return s->out ? MSR_CTS | MSR_DSR | MSR_DCD : 0;
	return (s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
	       (s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void mcr_write(struct serial *s, u8 val)
{
	u8 old = msr_lines(s);
	u8 edges;

	s->mcr = val & MCR_MASK;
	edges = (u8)((old ^ msr_lines(s)) >> 4);
	if (!(old & MSR_RI))
		edges &= (u8)~MSR_TERI;
	s->msr_delta |= edges;
}

static u8 iir_read(struct serial *s)
{
	u8 id = pending(s);

	if (id == IIR_THRI)
		s->thre_pending = false; /* reading IIR as its source resets it [8.6] */
	return id | (s->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

/*
 * Turning the FIFOs off empties them. Turning them on does on the real chip, too, but drivers do
 * that after they have enabled the receive interrupt, and the first byte of a pipe would be lost.
 */
static void fcr_write(struct serial *s, u8 val)
{
	if (!(val & FCR_ENABLE))
		val = s->fcr & FCR_ENABLE ? FCR_CLEAR_RX | FCR_CLEAR_TX : 0;
	if (val & FCR_CLEAR_RX) {
		s->rx_nr = 0;
		s->polls = 0;
	}
	if (val & FCR_CLEAR_TX && s->tx_nr) {
		s->tx_nr = 0;
		s->thre_pending = true;
	}
	s->fcr = val & (u8) ~(FCR_CLEAR_RX | FCR_CLEAR_TX);
}

static void ier_write(struct serial *s, u8 val)
{
	/* Enabling it while the transmitter is empty raises it: drivers probe for this. */
	if (val & ~s->ier & IER_THRI && !s->tx_nr)
		s->thre_pending = true;
	s->ier = val & IER_MASK;
}

static u8 reg_read(struct serial *s, u64 off)
{
	u8 val;

	switch (off) {
	case REG_DATA:
		return s->lcr & LCR_DLAB ? s->dll : rx_pop(s);
	case REG_IER:
		return s->lcr & LCR_DLAB ? s->dlm : s->ier;
	case REG_IIR_FCR:
		return iir_read(s);
	case REG_LCR:
		return s->lcr;
	case REG_MCR:
		return s->mcr;
	case REG_LSR:
		return lsr_read(s);
	case REG_MSR:
		val = msr_lines(s) | s->msr_delta;
		s->msr_delta = 0;
		return val;
	default:
		return s->scr;
	}
}

static void reg_write(struct serial *s, u64 off, u8 val)
{
	switch (off) {
	case REG_DATA:
		if (s->lcr & LCR_DLAB)
			s->dll = val;
		else
			transmit(s, val);
		break;
	case REG_IER:
		if (s->lcr & LCR_DLAB)
			s->dlm = val;
		else
			ier_write(s, val);
		break;
	case REG_IIR_FCR:
		fcr_write(s, val);
		break;
	case REG_LCR:
		s->lcr = val;
		break;
	case REG_MCR:
		mcr_write(s, val);
		break;
	case REG_SCR:
		s->scr = val;
		break;
	default: /* LSR and MSR: read-only outside factory tests */
		break;
	}
}

static u64 serial_read(void *dev, u64 off, unsigned len)
{
	struct serial *s = dev;
	u8 val = reg_read(s, off);

	update_irq(s);
	rx_ask(s);
	return val;
}

static void serial_write(void *dev, u64 off, unsigned len, u64 val)
{
	struct serial *s = dev;

	reg_write(s, off, (u8)val);
	update_irq(s);
	rx_ask(s);
}

/* ---- life ---- */

static const struct bus_ops serial_bus_ops = { .read = serial_read, .write = serial_write };

static const struct chardev_client serial_client = {
	.receive = serial_receive,
	.writable = serial_writable,
};

int serial_create(struct serial **out, unsigned index, gpa_t base, u32 spi, struct bus *bus,
		  struct irq *irq, struct chardev *c)
{
	struct serial *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	snprintf(s->name, sizeof(s->name), "uart%u", index % 10);
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

void serial_destroy(struct serial *s)
{
	if (!s)
		return;
	if (s->bus)
		bus_remove(s->bus, s->base, s);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
