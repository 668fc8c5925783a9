/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A: registers and output, as Linux's 8250 driver probes them and as kvm-unit-tests writes,
 * without looking.
 */
#include "tests/unit/arm64/uart.h"

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
	   nothing_connected, random_accesses)
