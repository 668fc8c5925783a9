/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A UART, its registers under names, and the far end of its line. */
#ifndef TESTS_UNIT_ARM64_UART_H
#define TESTS_UNIT_ARM64_UART_H

#include <errno.h>

#include "arm64/memmap.h"
#include "arm64/serial.h"
#include "lkvm/vm/bus.h"
#include "lkvm/vm/chardev.h"
#include "lkvm/vm/irq.h"
#include "tests/unit/arm64/capture.h"

enum { THR, IER, IIR, LCR, MCR, LSR, MSR, SCR };
#define RBR THR
#define FCR IIR
#define SPI 2u

/* ---- the world around the UART ---- */

static struct {
	struct chardev c;
	char out[8192];
	size_t out_len, room; /* room: what the far end still takes */
	unsigned writes;
	bool ready;
	unsigned ready_calls;
} far;

static struct {
	bool level;
	unsigned changes;
} line;

static struct irq irq;
static struct bus *bus;
static struct serial *uart;

static inline size_t far_write(struct chardev *c, const void *buf, size_t len)
{
	size_t n = MIN(len, far.room);

	ck_assert_ptr_eq(c, &far.c);
	memcpy(far.out + far.out_len, buf, n);
	far.out_len += n;
	far.room -= n;
	far.writes++;
	return n;
}

static inline void far_ready(struct chardev *c, bool ready)
{
	far.ready = ready;
	far.ready_calls++;
}

static inline void irq_line(struct irq *i, u32 spi, bool level)
{
	ck_assert_uint_eq(spi, SPI);
	ck_assert(level != line.level); /* driven only when it changes */
	line.level = level;
	line.changes++;
}

static const struct chardev_ops far_ops = { .write = far_write, .rx_ready = far_ready };
static const struct irq_ops irq_ops = { .line = irq_line };

static inline void setup(bool connected)
{
	far.c.ops = &far_ops;
	far.room = sizeof(far.out);
	irq.ops = &irq_ops;
	ck_assert_int_eq(bus_create(&bus), 0);
	ck_assert_int_eq(serial_create(&uart, 2, gpa(MEMMAP_UART), SPI, bus, &irq,
				       connected ? &far.c : NULL),
			 0);
}

static inline void teardown(void)
{
	serial_destroy(uart);
	bus_destroy(bus);
}

static inline u8 rd(unsigned reg)
{
	u64 val = ~UINT64_C(0);

	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_UART + reg), 1, false, &val), BUS_OK);
	ck_assert_uint_le(val, 0xff);
	return (u8)val;
}

static inline void wr(unsigned reg, u8 byte)
{
	u64 val = byte;

	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_UART + reg), 1, true, &val), BUS_OK);
}

static inline void prints(const char *text)
{
	for (; *text; text++)
		wr(THR, (u8)*text);
}

/* The far end sends; returns how much was taken. */
static inline size_t arrives(const char *text)
{
	return far.c.client->receive(far.c.client_arg, text, strlen(text));
}

static inline void said(const char *text)
{
	ck_assert_uint_eq(far.out_len, strlen(text));
	ck_assert_mem_eq(far.out, text, far.out_len);
}

#endif
