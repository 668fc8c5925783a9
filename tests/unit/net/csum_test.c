/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Internet checksum: the RFC's example, any length and place, pieces, updates. */
#include <check.h>
#include <string.h>

#include "net/csum.h"
#include "tests/unit/suite.h"

#define MAX_LEN 4096u

static u8 bytes[MAX_LEN + 16];

/* RFC 1071 as it is written: one word after the other. */
static u16 plain(const u8 *p, size_t len)
{
	u64 sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (u64)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

static void fill(void)
{
	u32 x = 1;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		x = x * 1103515245 + 12345;
		bytes[i] = (u8)(x >> 16);
	}
}

/* [RFC 1071 3] 00 01 f2 03 f4 f5 f6 f7: the sum is ddf2 */
START_TEST(the_example_of_the_rfc)
{
	static const u8 example[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	ck_assert_uint_eq(csum_finish(csum_add(0, example, sizeof(example))), (u16)~0xddf2);
	ck_assert_uint_eq(csum_finish(0), 0xffff);
}
END_TEST

START_TEST(any_length_at_any_place)
{
	fill();
	for (size_t len = 0; len <= 300; len++) {
		for (size_t at = 0; at < 8; at++)
			ck_assert_uint_eq(csum_finish(csum_add(0, bytes + at, len)),
					  plain(bytes + at, len));
	}
	ck_assert_uint_eq(csum_finish(csum_add(0, bytes, MAX_LEN)), plain(bytes, MAX_LEN));
}
END_TEST

/* However the bytes lie: in pieces of odd and even lengths, with empty ones among them. */
START_TEST(any_pieces)
{
	static const size_t lens[] = { 1, 2, 0, 3, 64, 7, 1, 1, 500, 33 };
	struct iovec v[ARRAY_SIZE(lens)];
	struct iov_cur c;
	size_t at = 0;

	fill();
	for (unsigned i = 0; i < ARRAY_SIZE(lens); at += lens[i++])
		v[i] = (struct iovec){ bytes + at, lens[i] };
	for (size_t skip = 0; skip < 12; skip++)
		for (size_t len = 0; len <= at - skip; len++) {
			c = iov_cur(v, ARRAY_SIZE(v));
			iov_skip(&c, skip);
			ck_assert_uint_eq(csum_finish(csum_iov(0, c, len)),
					  plain(bytes + skip, len));
		}
}
END_TEST

/* The largest piece, all ones: no lane of the fast path overflows. */
START_TEST(the_largest_piece_of_all_ones)
{
	static u8 ones[CSUM_MAX_LEN];

	memset(ones, 0xff, sizeof(ones));
	ck_assert_uint_eq(csum_finish(csum_add(0, ones, sizeof(ones))), plain(ones, sizeof(ones)));
}
END_TEST

START_TEST(pieces_are_the_whole)
{
	fill();
	for (size_t cut = 0; cut <= 200; cut += 2) {
		u64 sum = csum_add(csum_add(0, bytes, cut), bytes + cut, 201 - cut);

		ck_assert_uint_eq(csum_finish(sum), plain(bytes, 201));
	}
}
END_TEST

/* [RFC 1624 4] The example that RFC 1141 gets wrong: 5555 becomes 3285 under dd2f. */
START_TEST(an_update_is_a_new_sum)
{
	ck_assert_uint_eq(csum_update(0xdd2f, 0x5555, 0x3285), 0x0000);
	fill();
	for (unsigned i = 0; i < 100; i += 2) {
		u16 before = plain(bytes, 100), old = (u16)(bytes[i] << 8 | bytes[i + 1]);
		u16 val = (u16)(old * 31 + i);

		bytes[i] = (u8)(val >> 8);
		bytes[i + 1] = (u8)val;
		ck_assert_uint_eq(csum_update(before, old, val), plain(bytes, 100));
	}
}
END_TEST

/* [RFC 9293 3.1, RFC 8200 8.1] Addresses, zero, protocol, length. */
START_TEST(pseudo_headers)
{
	static const u8 v4[] = { 192, 168, 33, 15, 192, 168, 33, 1, 0, 6, 0x12, 0x34 };
	u8 v6[40] = { 0xfd, [15] = 1, [16] = 0xfd, [31] = 2, [34] = 0x12, [35] = 0x34, [39] = 17 };

	ck_assert_uint_eq(csum_finish(csum_pseudo4(v4, v4 + 4, 6, 0x1234)), plain(v4, sizeof(v4)));
	ck_assert_uint_eq(csum_finish(csum_pseudo6(v6, v6 + 16, 17, 0x1234)),
			  plain(v6, sizeof(v6)));
}
END_TEST

SUITE_MAIN("net/csum", the_example_of_the_rfc, any_length_at_any_place, any_pieces,
	   the_largest_piece_of_all_ones, pieces_are_the_whole, an_update_is_a_new_sum,
	   pseudo_headers)
