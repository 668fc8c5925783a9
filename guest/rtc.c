/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: the MC146818: valid, in BCD and 24 hours, advancing; prints the time for the host to
 *          compare.
 *
 * Thread: CPU 0.
 * Trust:  the RTC is under test.
 * Spec:   MC146818 data sheet
 */
#include "guest/guest.h"

enum {
	SEC = 0,
	MIN = 2,
	HOUR = 4,
	MDAY = 7,
	MON = 8,
	YEAR = 9,
	A = 10,
	B = 11,
	D = 13,
	CENTURY = 0x32
};

static u8 get(u8 reg)
{
	write8(io(MEMMAP_RTC), reg);
	return read8(io(MEMMAP_RTC + 1));
}

static unsigned bcd(u8 reg)
{
	u8 v = get(reg);

	return (v >> 4) * 10u + (v & 15u);
}

void payload_main(void)
{
	unsigned sec, year;

	check("time is valid", get(D) & 0x80);
	checkf("BCD and 24 hours", (get(B) & 0x86) == 0x02, "%x", get(B));
	wait_for(!(get(A) & 0x80), 100);
	year = bcd(CENTURY) * 100 + bcd(YEAR);
	sec = bcd(SEC);
	checkf("a year of our time", year >= 2024 && year < 2100, "%u", year);
	print("rtc: %04u-%02u-%02u %02u:%02u\n", year, bcd(MON), bcd(MDAY), bcd(HOUR), bcd(MIN));
	check("seconds advance", wait_for(bcd(SEC) != sec, 2500));
	check_summary();
}
