/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A: input, when Linux, EDK2 and nobody listens, and the interrupt conditions of the PC16550D
 * data sheet.
 */
#include "tests/unit/arm64/uart.h"

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
		for (size_t i = 0; i < n; i++, got++) {
			ck_assert_uint_eq(far.ready_calls, asked);
			ck_assert_uint_eq(rd(RBR), 'p');
		}
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

SUITE_MAIN("arm64/serial_input", input_waits_until_someone_listens, polling_is_listening,
	   the_first_byte_of_a_pipe_survives_linux_startup, trigger_level_and_timeout,
	   back_pressure, without_fifo_one_character, closing_stops_input, priorities, loopback,
	   sysrq_is_a_break_and_a_key)
