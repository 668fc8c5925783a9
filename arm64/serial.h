/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A UART, eight byte-wide registers. What it sends goes to a chardev at once; what the chardev
 * brings goes through a receive FIFO.
 */
#ifndef ARM64_SERIAL_H
#define ARM64_SERIAL_H

#include "lkvm/base/gpa.h"

struct bus;
struct chardev;
struct irq;
struct serial;

/*
 * UART number `index` at `base` with level interrupt `spi`. `c` is what stands behind it, or NULL:
 * no one. The caller keeps `c`, `bus`, `irq` and lets them outlive the UART. Before other threads
 * run.
 */
int serial_create(struct serial **out, unsigned index, gpa_t base, u32 spi, struct bus *bus,
		  struct irq *irq, struct chardev *c);

/* No thread can call in any more. Takes NULL. */
void serial_destroy(struct serial *s);

/* Receive a BREAK, then `key`. Any thread. -EAGAIN: no room in the FIFO, nothing was sent. */
int serial_sysrq(struct serial *s, char key);

#endif
