/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a 16550A, shared by serial.c and serial_regs.c. All functions under s->lock.
 */
#ifndef ARM64_SERIAL_INSIDE_H
#define ARM64_SERIAL_INSIDE_H

#include <pthread.h>

#include "arm64/serial.h"
#include "arm64/serial_page.h"

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

	unsigned tx_nr; /* characters in tx[] */

	struct serial_page *page; /* or NULL */
	bool unseen;		  /* some of tx[] came from there, and the guest does not know */
	pthread_cond_t sent;	  /* tx[] is empty */
	unsigned printed;	  /* see MANY_PRINTED */
	unsigned looks;		  /* see LOOKS_IDLE */

	u8 tx[TX_BACKLOG]; /* last */
};

/* serial_regs.c: what the registers say of the state, and do to it. */

/* Characters that the receiver has room for. */
unsigned serial_rx_depth(const struct serial *s);
void serial_rx_push(struct serial *s, u8 ch, u8 err);

/* The interrupt that is pending, as IIR says it. */
u8 serial_pending(const struct serial *s);

u8 serial_reg_read(struct serial *s, u64 off);
void serial_reg_write(struct serial *s, u64 off, u8 val);

/* Nobody notices if the guest reads registers without our knowing. */
bool serial_is_quiet(const struct serial *s);

/* What such a UART's registers read. */
void serial_image(const struct serial *s, u8 regs[SERIAL_PAGE_REGS]);

/* serial.c: the guest has written `n` bytes to the transmitter. */
void serial_transmit(struct serial *s, const u8 *p, unsigned n);

#endif
