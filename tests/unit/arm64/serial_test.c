/* SPDX-License-Identifier: GPL-2.0 */
/*
 * 16550A as its drivers see it: what Linux's 8250 driver probes, what EDK2 and kvm-unit-tests poll,
 * and the interrupt conditions of the PC16550D data sheet.
 */
#include <errno.h>

#include "arm64/memmap.h"
#include "arm64/serial.h"
#include "lkvm/bus.h"
#include "lkvm/chardev.h"
#include "lkvm/irq.h"
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

static size_t far_write(struct chardev *c, const void *buf, size_t len)
{
	size_t n = MIN(len, far.room);

	ck_assert_ptr_eq(c, &far.c);
	memcpy(far.out + far.out_len, buf, n);
	far.out_len += n;
	far.room -= n;
	far.writes++;
	return n;
}

static void far_ready(struct chardev *c, bool ready)
{
	far.ready = ready;
	far.ready_calls++;
}

static void irq_line(struct irq *i, u32 spi, bool level)
{
	ck_assert_uint_eq(spi, SPI);
	ck_assert(level != line.level); /* driven only when it changes */
	line.level = level;
	line.changes++;
}

static const struct chardev_ops far_ops = { .write = far_write, .rx_ready = far_ready };
static const struct irq_ops irq_ops = { .line = irq_line };

static void setup(bool connected)
{
	far.c.ops = &far_ops;
	far.room = sizeof(far.out);
	irq.ops = &irq_ops;
	ck_assert_int_eq(bus_create(&bus), 0);
	ck_assert_int_eq(serial_create(&uart, 2, gpa(MEMMAP_UART), SPI, bus, &irq,
				       connected ? &far.c : NULL),
			 0);
}

static void teardown(void)
{
	serial_destroy(uart);
	bus_destroy(bus);
}

static u8 rd(unsigned reg)
{
	u64 val = ~UINT64_C(0);

	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_UART + reg), 1, false, &val), BUS_OK);
	ck_assert_uint_le(val, 0xff);
	return (u8)val;
}

static void wr(unsigned reg, u8 byte)
{
	u64 val = byte;

	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_UART + reg), 1, true, &val), BUS_OK);
}

static void prints(const char *text)
{
	for (; *text; text++)
		wr(THR, (u8)*text);
}

/* The far end sends; returns how much was taken. */
static size_t arrives(const char *text)
{
	return far.c.client->receive(far.c.client_arg, text, strlen(text));
}

static void said(const char *text)
{
	ck_assert_uint_eq(far.out_len, strlen(text));
	ck_assert_mem_eq(far.out, text, far.out_len);
}

/* ---- registers ---- */

START_TEST(reset_state)
{
	setup(true);
	ck_assert_uint_eq(rd(IER), 0);
	ck_assert_uint_eq(rd(IIR), 0x01);
	ck_assert_uint_eq(rd(LCR), 0);
	ck_assert_uint_eq(rd(MCR), 0);
	ck_assert_uint_eq(rd(LSR), 0x60);
	ck_assert_uint_eq(rd(MSR), 0xb0);
	ck_assert_uint_eq(rd(RBR), 0);
	ck_assert_uint_eq(line.changes, 0);
	teardown();
}
END_TEST

START_TEST(scratch_divisor_and_masks)
{
	setup(true);
	wr(SCR, 0xa5);
	ck_assert_uint_eq(rd(SCR), 0xa5);
	wr(IER, 0xff);
	ck_assert_uint_eq(rd(IER), 0x0f); /* 8250.c takes 4 bits here as "no XScale, no 16750" */
	wr(IER, 0);
	wr(MCR, 0xef);
	ck_assert_uint_eq(rd(MCR), 0x0f);
	wr(LCR, 0x83);
	wr(THR, 0x34);
	wr(IER, 0x12);
	ck_assert_uint_eq(rd(RBR), 0x34);
	ck_assert_uint_eq(rd(IER), 0x12);
	wr(LCR, 0x03);
	ck_assert_uint_eq(rd(IER), 0);
	said(""); /* divisor writes are not output */
	wr(LSR, 0xff);
	wr(MSR, 0xff);
	ck_assert_uint_eq(rd(LSR), 0x60);
	teardown();
}
END_TEST

START_TEST(only_bytes)
{
	u64 val = 0;

	setup(true);
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_UART), 4, false, &val), BUS_BAD);
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_UART + 8), 1, false, &val), BUS_UNMAPPED);
	teardown();
}
END_TEST

/* The steps by which 8250_port.c:autoconfig() arrives at "16550A". */
START_TEST(linux_finds_a_16550a)
{
	u8 status1, status2;

	setup(true);
	wr(IER, 0);
	ck_assert_uint_eq(rd(IER) & 0x0f, 0);
	wr(IER, 0x0f);
	ck_assert_uint_eq(rd(IER) & 0x0f, 0x0f);
	wr(IER, 0);
	/* loopback: RTS and OUT2 come back as CTS and DCD */
	wr(MCR, 0x10 | 0x0a);
	ck_assert_uint_eq(rd(MSR) & 0xf0, 0x90);
	wr(MCR, 0);
	/* no enhanced feature register of the 16650 behind LCR 0xbf */
	wr(LCR, 0xbf);
	wr(FCR, 0);
	wr(LCR, 0);
	wr(FCR, 0x01);
	ck_assert_uint_eq(rd(IIR) >> 6, 3);
	wr(LCR, 0x80);
	ck_assert_uint_ne(rd(IIR), 0);
	wr(LCR, 0xbf);
	ck_assert_uint_ne(rd(IIR), 0);
	/* no 64-byte FIFO of the 16750 */
	wr(LCR, 0);
	wr(FCR, 0x01);
	status1 = rd(IIR) >> 5;
	wr(FCR, 0x01);
	wr(LCR, 0x80);
	wr(FCR, 0x21);
	status2 = rd(IIR) >> 5;
	wr(LCR, 0);
	ck_assert_uint_eq(status1, 6);
	ck_assert_uint_eq(status2, 6);
	teardown();
}
END_TEST

/* 8250_port.c: UARTs that do not raise THRE again when it is enabled anew get a slow workaround. */
START_TEST(linux_finds_no_bugs)
{
	setup(true);
	wr(IER, 0x02);
	ck_assert_uint_eq(rd(IIR) & 1, 0);
	wr(IER, 0);
	wr(IER, 0x02);
	ck_assert_uint_eq(rd(IIR) & 1, 0); /* serial8250_THRE_test */
	wr(IER, 0);
	wr(IER, 0x02);
	ck_assert_uint_eq(rd(LSR) & 0x40, 0x40);
	ck_assert_uint_eq(rd(IIR) & 1, 0); /* UART_BUG_TXEN */
	wr(IER, 0);
	teardown();
}
END_TEST

/* ---- output ---- */

START_TEST(polled_output_costs_one_access_a_character)
{
	setup(true);
	for (const char *p = "earlycon"; *p; p++) {
		ck_assert_uint_eq(rd(LSR) & 0x60, 0x60);
		wr(THR, (u8)*p);
	}
	said("earlycon");
	ck_assert_uint_eq(far.writes, 8);
	ck_assert_uint_eq(line.changes, 0);
	teardown();
}
END_TEST

START_TEST(interrupt_driven_output)
{
	setup(true);
	wr(FCR, 0x01);
	wr(IER, 0x02);
	ck_assert(line.level);
	ck_assert_uint_eq(rd(IIR), 0xc2);
	ck_assert(!line.level); /* reading IIR took the interrupt back [8.6] */
	ck_assert_uint_eq(rd(IIR), 0xc1);
	prints("0123456789abcdef");
	ck_assert(line.level);
	ck_assert_uint_eq(line.changes, 3); /* once for the burst */
	wr(IER, 0);
	ck_assert(!line.level);
	said("0123456789abcdef");
	teardown();
}
END_TEST

START_TEST(a_full_far_end_holds_the_transmitter)
{
	setup(true);
	wr(FCR, 0x01);
	far.room = 3;
	prints("abcdef");
	said("abc");
	ck_assert_uint_eq(rd(LSR) & 0x60, 0);
	wr(IER, 0x02);
	ck_assert(!line.level);
	far.room = 2;
	far.c.client->writable(far.c.client_arg);
	said("abcde");
	ck_assert_uint_eq(rd(LSR) & 0x60, 0);
	ck_assert(!line.level);
	far.room = 100;
	far.c.client->writable(far.c.client_arg);
	said("abcdef");
	ck_assert_uint_eq(rd(LSR) & 0x60, 0x60);
	ck_assert(line.level);
	teardown();
}
END_TEST

/* kvm-unit-tests writes without looking at LSR. Order is kept; what exceeds the backlog is lost. */
START_TEST(output_without_looking)
{
	setup(true);
	far.room = 0;
	for (unsigned i = 0; i < 5000; i++)
		wr(THR, (u8)('a' + i % 26));
	far.room = sizeof(far.out);
	far.c.client->writable(far.c.client_arg);
	ck_assert_uint_eq(far.out_len, 4096);
	for (unsigned i = 0; i < far.out_len; i++)
		ck_assert_int_eq(far.out[i], 'a' + i % 26);
	prints("!");
	ck_assert_int_eq(far.out[4096], '!');
	teardown();
}
END_TEST

START_TEST(clearing_the_transmit_fifo)
{
	setup(true);
	wr(FCR, 0x01);
	wr(IER, 0x02);
	far.room = 0;
	prints("gone");
	ck_assert(!line.level);
	wr(FCR, 0x05);
	ck_assert_uint_eq(rd(LSR) & 0x60, 0x60);
	ck_assert(line.level);
	far.room = 10;
	far.c.client->writable(far.c.client_arg);
	said("");
	teardown();
}
END_TEST

START_TEST(nothing_connected)
{
	setup(false);
	prints("into the void");
	ck_assert_uint_eq(rd(LSR), 0x60);
	ck_assert_uint_eq(rd(MSR), 0);
	wr(IER, 0x0f);
	for (int i = 0; i < 40; i++)
		rd(LSR);
	teardown();
}
END_TEST

/* ---- input ---- */

START_TEST(input_waits_until_someone_listens)
{
	setup(true);
	ck_assert(!far.ready);
	ck_assert_uint_eq(arrives("x"), 0);
	rd(LSR);
	prints("a driver that polls for output is not listening");
	for (int i = 0; i < 15; i++)
		rd(LSR);
	prints("!");
	ck_assert(!far.ready);
	wr(IER, 0x01);
	ck_assert(far.ready);
	ck_assert_uint_eq(arrives("x"), 1);
	ck_assert_uint_eq(rd(LSR) & 1, 1);
	ck_assert_uint_eq(rd(RBR), 'x');
	teardown();
}
END_TEST

/* EDK2 never enables an interrupt: it looks at LSR until there is something. */
START_TEST(polling_is_listening)
{
	setup(true);
	wr(FCR, 0x07);
	for (int i = 0; i < 20 && !far.ready; i++)
		rd(LSR);
	ck_assert(far.ready);
	ck_assert_uint_eq(arrives("ok"), 2);
	ck_assert_uint_eq(rd(LSR) & 1, 1);
	ck_assert_uint_eq(rd(RBR), 'o');
	ck_assert_uint_eq(rd(RBR), 'k');
	ck_assert_uint_eq(rd(LSR) & 1, 0);
	teardown();
}
END_TEST

/*
 * Linux: startup clears the FIFOs, enables the receive interrupt, and only then set_termios() turns
 * the FIFO on. A byte that arrives in between must survive.
 */
START_TEST(the_first_byte_of_a_pipe_survives_linux_startup)
{
	setup(true);
	wr(FCR, 0x01);
	wr(FCR, 0x07);
	wr(FCR, 0x00);
	rd(LSR);
	rd(RBR);
	rd(IIR);
	rd(MSR);
	wr(IER, 0x05);
	ck_assert(far.ready);
	ck_assert_uint_eq(arrives("echo"), 1);
	wr(FCR, 0x01);
	wr(FCR, 0x81);
	ck_assert_uint_eq(rd(RBR), 'e');
	ck_assert_uint_eq(arrives("cho"), 3);
	ck_assert_uint_eq(rd(RBR), 'c');
	teardown();
}
END_TEST

START_TEST(trigger_level_and_timeout)
{
	static const struct {
		u8 fcr;
		unsigned level;
	} t[] = { { 0x01, 1 }, { 0x41, 4 }, { 0x81, 8 }, { 0xc1, 14 } };

	setup(true);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		wr(FCR, t[i].fcr | 0x06);
		wr(IER, 0x01);
		for (unsigned n = 1; n <= 16; n++) {
			ck_assert_uint_eq(arrives("z"), 1);
			ck_assert(line.level);
			ck_assert_uint_eq(rd(IIR), n >= t[i].level ? 0xc4 : 0xcc);
		}
		ck_assert_uint_eq(arrives("z"), 0);
		ck_assert_uint_eq(rd(LSR), 0x61); /* held back, not overrun */
		for (unsigned n = 0; n < 16; n++) {
			ck_assert(line.level);
			ck_assert_uint_eq(rd(RBR), 'z');
		}
		ck_assert(!line.level);
		ck_assert_uint_eq(rd(IIR), 0xc1);
	}
	teardown();
}
END_TEST

/* The chardev is asked again once the guest has emptied the FIFO, not for each byte. */
START_TEST(back_pressure)
{
	char text[100];
	unsigned got = 0, asked;

	setup(true);
	memset(text, 'p', sizeof(text));
	wr(FCR, 0x07);
	wr(IER, 0x01);
	asked = far.ready_calls;
	ck_assert_uint_eq(asked, 1);
	while (got < 96) {
		size_t n = far.c.client->receive(far.c.client_arg, text, sizeof(text) - got);

		ck_assert_uint_eq(n, 16);
		ck_assert_uint_eq(far.ready_calls, asked);
		for (size_t i = 0; i < n; i++, got++)
			ck_assert_uint_eq(rd(RBR), 'p');
		ck_assert_uint_eq(far.ready_calls, ++asked);
	}
	ck_assert_uint_eq(far.c.client->receive(far.c.client_arg, text, 4), 4);
	ck_assert_uint_eq(rd(RBR), 'p');
	ck_assert_uint_eq(far.ready_calls, asked); /* all was taken: it may go on sending */
	teardown();
}
END_TEST

START_TEST(without_fifo_one_character)
{
	setup(true);
	wr(IER, 0x01);
	ck_assert_uint_eq(arrives("ab"), 1);
	ck_assert_uint_eq(rd(IIR), 0x04);
	ck_assert_uint_eq(rd(RBR), 'a');
	ck_assert_uint_eq(arrives("b"), 1);
	teardown();
}
END_TEST

START_TEST(closing_stops_input)
{
	setup(true);
	wr(FCR, 0x07);
	wr(IER, 0x01);
	wr(IER, 0);
	ck_assert_uint_eq(arrives("lost?"), 0);
	wr(IER, 0x01);
	ck_assert_uint_eq(far.ready_calls, 2);
	ck_assert_uint_eq(arrives("kept"), 4);
	teardown();
}
END_TEST

/* ---- line status, modem lines, loopback ---- */

START_TEST(priorities)
{
	setup(true);
	wr(FCR, 0x07);
	wr(IER, 0x0f);
	wr(MCR, 0x10); /* loopback drops the modem lines: status interrupt */
	wr(MCR, 0x00);
	ck_assert_uint_eq(arrives("k"), 1);
	ck_assert_int_eq(serial_sysrq(uart, 'h'), 0);
	rd(RBR);
	ck_assert_uint_eq(rd(IIR), 0xc6); /* 1. line status */
	rd(LSR);
	ck_assert_uint_eq(rd(IIR), 0xc4); /* 2. data, trigger level 1 */
	rd(RBR);
	rd(RBR);
	ck_assert_uint_eq(rd(IIR), 0xc2); /* 3. transmitter, cleared by this */
	ck_assert_uint_eq(rd(IIR), 0xc0); /* 4. modem status */
	ck_assert_uint_eq(rd(MSR) & 0x0f, 0x0b);
	ck_assert_uint_eq(rd(IIR), 0xc1);
	ck_assert(!line.level);
	teardown();
}
END_TEST

START_TEST(loopback)
{
	setup(true);
	wr(FCR, 0x07);
	wr(MCR, 0x1f);
	ck_assert_uint_eq(rd(MSR) & 0xf0, 0xf0);
	wr(MCR, 0x11);
	ck_assert_uint_eq(rd(MSR), 0x20 | 0x08 | 0x04 | 0x01); /* CTS, RI (trailing), DCD changed */
	wr(MCR, 0x15);
	ck_assert_uint_eq(rd(MSR), 0x20 | 0x40); /* the leading edge of RI is not reported */
	prints("mirror");
	said("");
	for (const char *p = "mirror"; *p; p++)
		ck_assert_uint_eq(rd(RBR), *p);
	ck_assert_uint_eq(rd(LSR), 0x60);
	for (int i = 0; i < 17; i++)
		wr(THR, 'o');
	ck_assert_uint_eq(rd(LSR), 0x63); /* overrun, seen once */
	ck_assert_uint_eq(rd(LSR), 0x61);
	wr(MCR, 0);
	prints("out");
	said("out");
	teardown();
}
END_TEST

START_TEST(sysrq_is_a_break_and_a_key)
{
	setup(true);
	ck_assert_int_eq(serial_sysrq(uart, 't'), -EAGAIN);
	wr(FCR, 0x07);
	wr(IER, 0x05);
	ck_assert_int_eq(serial_sysrq(uart, 't'), 0);
	ck_assert(line.level);
	ck_assert_uint_eq(rd(IIR), 0xc6);
	ck_assert_uint_eq(rd(LSR), 0x60 | 0x80 | 0x10 | 0x01);
	ck_assert_uint_eq(rd(RBR), 0);
	ck_assert_uint_eq(rd(LSR), 0x61);
	ck_assert_uint_eq(rd(RBR), 't');
	for (int i = 0; i < 15; i++)
		arrives("f");
	ck_assert_int_eq(serial_sysrq(uart, 't'), -EAGAIN);
	for (int i = 0; i < 15; i++)
		ck_assert_uint_eq(rd(RBR), 'f');
	ck_assert_uint_eq(rd(LSR), 0x60); /* all or nothing */
	teardown();
}
END_TEST

/* Any sequence of register accesses leaves a UART that can still be driven. */
START_TEST(random_accesses)
{
	unsigned seed = 1;

	setup(true);
	for (int i = 0; i < 200000; i++) {
		seed = seed * 1103515245 + 12345;

		unsigned r = seed >> 16;

		far.out_len = 0;
		far.room = r % 3;
		switch (r % 5) {
		case 0:
			rd(r >> 3 & 7);
			break;
		case 1:
			arrives("random input that is long");
			break;
		case 2:
			far.c.client->writable(far.c.client_arg);
			break;
		default:
			wr(r >> 3 & 7, (u8)(r >> 7));
		}
	}
	far.room = sizeof(far.out);
	far.c.client->writable(far.c.client_arg);
	far.out_len = 0;
	wr(LCR, 0);
	wr(MCR, 0);
	wr(IER, 0);
	wr(FCR, 0x07);
	prints("alive");
	said("alive");
	ck_assert(!line.level);
	teardown();
}
END_TEST

SUITE_MAIN("arm64/serial", reset_state, scratch_divisor_and_masks, only_bytes, linux_finds_a_16550a,
	   linux_finds_no_bugs, polled_output_costs_one_access_a_character, interrupt_driven_output,
	   a_full_far_end_holds_the_transmitter, output_without_looking, clearing_the_transmit_fifo,
	   nothing_connected, input_waits_until_someone_listens, polling_is_listening,
	   the_first_byte_of_a_pipe_survives_linux_startup, trigger_level_and_timeout,
	   back_pressure, without_fifo_one_character, closing_stops_input, priorities, loopback,
	   sysrq_is_a_break_and_a_key, random_accesses)
