/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SipHash-2-4: vectors of its authors. */
#include "net/user/siphash.h"
#include "tests/unit/suite.h"

START_TEST(vectors)
{
	/* Key 00 01 .. 0f, data 00 01 .. of that length. That of 15 bytes is in the paper, §A. */
	static const struct {
		size_t len;
		u64 hash;
	} want[] = {
		{ 0, 0x726fdb47dd0e0e31 },
		{ 1, 0x74f839c593dc67fd },
		{ 8, 0x93f5f5799a932462 },
		{ 15, 0xa129ca6149be45e5 },
	};
	const struct sip_key k = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };
	u8 data[16];

	for (u8 i = 0; i < sizeof(data); i++)
		data[i] = i;
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++)
		ck_assert_uint_eq(siphash(&k, data, want[i].len), want[i].hash);
}
END_TEST

SUITE_MAIN("net/user/siphash", vectors)
