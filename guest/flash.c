/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: the board's flash: what CFI says of it, erasing, programming, and that it reads and runs
 * at once like memory in array mode. "count=N" in the command line: erase and program the last
 * block N times, and leave a counter there; what an earlier run has left is printed.
 *
 * Thread: CPU 0.
 * Trust:  the flash of the VMM is under test.
 * Spec:   JESD68.01, JEP137
 */
#include "guest/guest.h"

#define FLASH io(MEMMAP_FLASH)
#define BLOCK 0x10000u
#define READY 0x00800080u

static u64 size;

static void cmd(u64 off, u32 c)
{
	write32(FLASH + off, c | c << 16);
}

static bool ready(void)
{
	return wait_for((read32(FLASH) & READY) == READY, 1000) && read32(FLASH) == READY;
}

static bool erase(u64 off)
{
	cmd(off, 0x20);
	cmd(off, 0xd0);
	return ready();
}

static bool program(u64 off, u32 val)
{
	cmd(off, 0x40);
	write32(FLASH + off, val);
	return ready();
}

static void query(void)
{
	cmd(0, 0x98);
	check("CFI: QRY", read32(FLASH + 0x40) == 0x00510051 &&
				  read32(FLASH + 0x44) == 0x00520052 &&
				  read32(FLASH + 0x48) == 0x00590059);
	size = 2ul << (read32(FLASH + 4 * 0x27) & 0xff);
	print("flash: %lu bytes\n", size);
	cmd(0, 0xff);
}

/* mov x0, #42; ret */
static void runs(u64 off)
{
	u64 (*code)(void) = (u64(*)(void))(FLASH + off);

	check("programmed", program(off, 0xd2800540) && program(off + 4, 0xd65f03c0));
	cmd(0, 0xff);
	check("reads as an array", read64(FLASH + off) == 0xd65f03c0d2800540);
	if (has_word(bootargs(), "run"))
		check("runs", code() == 42);
}

static void buffer(u64 off)
{
	cmd(off, 0xe8);
	check("a buffer is free", (read32(FLASH + off) & READY) == READY);
	cmd(off, 3);
	for (u32 i = 0; i < 4; i++)
		write32(FLASH + off + 4 * i, 0xabcd0000 + i);
	cmd(off, 0xd0);
	check("buffer programmed", ready());
	cmd(0, 0xff);
	check("all of it", read32(FLASH + off) == 0xabcd0000 &&
				   read32(FLASH + off + 12) == 0xabcd0003 &&
				   read32(FLASH + off + 16) == 0xffffffff);
}

/* Each time a word more of the last block is programmed; when it is full, it is erased. */
static void count(void)
{
	u64 at = size - BLOCK;
	u32 n = 0;

	while (n < BLOCK / 4 && read32(FLASH + at + 4 * n) == n + 1)
		n++;
	print("found: %u\n", n);
	for (;;) {
		if (n == BLOCK / 4 || read32(FLASH + at + 4 * n) != 0xffffffff) {
			erase(at);
			n = 0;
		}
		program(at + 4 * n, n + 1);
		cmd(0, 0xff);
		n++;
		if (n % 512 == 0)
			print("written: %u\n", n);
	}
}

void payload_main(void)
{
	query();
	if (has_word(bootargs(), "count"))
		count();
	check("erased", erase(BLOCK));
	cmd(0, 0xff);
	check("all ones",
	      read32(FLASH + BLOCK) == 0xffffffff && read32(FLASH + 2 * BLOCK - 4) == 0xffffffff);
	runs(BLOCK);
	buffer(BLOCK + 0x100);
	check_summary();
}
