/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: the 16550A as drivers know it: scratch, divisor latch, loopback, FIFO, the interrupts
 * and their identification; with "input" on the command line it prints the line it is sent.
 *
 * Thread: CPU 0 and its interrupts.
 * Trust:  the UART is under test.
 * Spec:   PC16550D data sheet §8
 */
#include "guest/guest.h"

#define UART(n) io(MEMMAP_UART + MEMMAP_UART_STRIDE * (n))
enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };
#define FCR IIR
#define UART_INTID (32 + MEMMAP_SPI_UART)

static volatile unsigned nr_thri, nr_rx, nr_other;
static volatile char line[128];
static volatile unsigned line_len;

static void on_irq(u32 intid)
{
	u8 iir;

	if (intid != UART_INTID) {
		nr_other++;
		return;
	}
	while (!((iir = read8(UART(0) + IIR)) & 1)) {
		switch (iir & 0xf) {
		case 2:
			nr_thri++;
			write8(UART(0) + IER, (u8)(read8(UART(0) + IER) & ~2u));
			break;
		case 4:
		case 0xc:
			nr_rx++;
			while (read8(UART(0) + LSR) & 1) {
				char c = (char)read8(UART(0) + DATA);

				if (line_len < sizeof(line) - 1)
					line[line_len++] = c;
			}
			break;
		default:
			nr_other++;
			read8(UART(0) + MSR);
		}
	}
}

/* On UART 1, to which nothing is connected: its registers work all the same. */
static void test_registers(void)
{
	u64 u = UART(1);

	write8(u + SCR, 0xa5);
	check("scratch", read8(u + SCR) == 0xa5);
	write8(u + LCR, 0x83);
	write8(u + DATA, 0x12);
	write8(u + IER, 0x34);
	check("divisor latch", read8(u + DATA) == 0x12 && read8(u + IER) == 0x34);
	write8(u + LCR, 3);
	check("interrupt enable is another register", read8(u + IER) == 0);
	write8(u + IER, 0xff);
	check("upper bits of IER are zero", read8(u + IER) == 0x0f);
	write8(u + IER, 0);
	write8(u + FCR, 7);
	checkf("IIR says FIFO, nothing pending", read8(u + IIR) == 0xc1, "%x", read8(u + IIR));
	checkf("transmitter empty", (read8(u + LSR) & 0x61) == 0x60, "%x", read8(u + LSR));
}

static void test_loopback(void)
{
	u64 u = UART(1);
	bool same = true;

	write8(u + FCR, 7);
	write8(u + MCR, 0x1a);
	checkf("loopback: modem lines", (read8(u + MSR) & 0xf0) == 0x90, "%x", read8(u + MSR));
	for (unsigned i = 0; i < 16; i++)
		write8(u + DATA, (u8)(i + 1));
	for (unsigned i = 0; i < 16; i++)
		same &= (read8(u + LSR) & 1) && read8(u + DATA) == i + 1;
	check("loopback: 16 bytes through the FIFO", same);
	check("loopback: then empty", !(read8(u + LSR) & 1));
	for (unsigned i = 0; i < 17; i++)
		write8(u + DATA, (u8)i);
	check("loopback: overrun is told", read8(u + LSR) & 2);
	check("loopback: once", !(read8(u + LSR) & 2));
	write8(u + FCR, 7);
	check("FIFO reset empties it", !(read8(u + LSR) & 1));
	write8(u + MCR, 0);
}

static void test_interrupts(void)
{
	if (!check("there is a GIC", gic_init()))
		return;
	gic_set_handler(on_irq);
	gic_enable(UART_INTID, false);
	irq_on();
	write8(UART(0) + FCR, 1);
	write8(UART(0) + IER, 2);
	checkf("transmitter-empty interrupt", wait_for(nr_thri == 1, 1000), "%u", nr_thri);
	delay_ms(2);
	checkf("which comes once", nr_thri == 1 && !nr_other, "%u and %u others", nr_thri,
	       nr_other);
}

static void test_input(void)
{
	print("ready for input\n");
	write8(UART(0) + IER, 1);
	check("input arrives",
	      wait_for(line_len && (line[line_len - 1] == '\n' || line[line_len - 1] == '\r'),
		       8000));
	checkf("by interrupt", nr_rx > 0, "%u", nr_rx);
	write8(UART(0) + IER, 0);
	for (unsigned i = 0; i < line_len; i++)
		if (line[i] == '\n' || line[i] == '\r')
			line[i] = 0;
	print("got: [%s]\n", (const char *)line);
}

void payload_main(void)
{
	test_registers();
	test_loopback();
	test_interrupts();
	if (has_word(bootargs(), "input"))
		test_input();
	check_summary();
}
