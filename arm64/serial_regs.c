/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers of a 16550A: what they say of its state, and do to it.
 *
 * Thread: any, under s->lock.
 * Trust:  what is written comes from the guest; all state is bytes in fixed FIFOs.
 * Spec:   National Semiconductor PC16550D data sheet, section numbers of which are cited as [8.x].
 */
#include "arm64/serial_inside.h"
#include "lkvm/vm/chardev.h"

/* ---- interrupt ---- */

unsigned serial_rx_depth(const struct serial *s)
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
u8 serial_pending(const struct serial *s)
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

/* ---- receiver ---- */

void serial_rx_push(struct serial *s, u8 ch, u8 err)
{
	unsigned at = (s->rx_first + s->rx_nr) % RX_FIFO;

	if (s->rx_nr == serial_rx_depth(s)) {
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

/* ---- registers ---- */

static u8 lsr_read(struct serial *s)
{
	u8 lsr = s->tx_nr ? 0 : LSR_THRE | LSR_TEMT;

	s->unseen = false;
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
	u8 id = serial_pending(s);

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

u8 serial_reg_read(struct serial *s, u64 off)
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

void serial_reg_write(struct serial *s, u64 off, u8 val)
{
	switch (off) {
	case REG_DATA:
		if (s->lcr & LCR_DLAB)
			s->dll = val;
		else
			serial_transmit(s, &val, 1);
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

/* ---- without an access ---- */

bool serial_is_quiet(const struct serial *s)
{
	return s->out && !s->tx_nr && !s->rx_nr && !s->overrun && !s->msr_delta &&
	       !(s->lcr & LCR_DLAB) && !(s->mcr & MCR_LOOP) && !(s->ier & IER_THRI);
}

void serial_image(const struct serial *s, u8 regs[SERIAL_PAGE_REGS])
{
	regs[REG_DATA] = 0;
	regs[REG_IER] = s->ier;
	regs[REG_IIR_FCR] = IIR_NONE | (s->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
	regs[REG_LCR] = s->lcr;
	regs[REG_MCR] = s->mcr;
	regs[REG_LSR] = LSR_THRE | LSR_TEMT;
	regs[REG_MSR] = msr_lines(s);
	regs[REG_SCR] = s->scr;
}
