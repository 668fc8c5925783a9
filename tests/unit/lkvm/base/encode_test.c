/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes as text: the vectors of RFC 4648, every length there and back, and what is refused. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/base/encode.h"
#include "tests/unit/suite.h"

/* [RFC 4648 10] */
START_TEST(vectors_of_the_rfc)
{
	static const char *const base64[] = { "",	  "Zg==",     "Zm8=",	 "Zm9v",
					      "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" };
	static const char *const base16[] = { "", "66", "666f", "666f6f" };
	char out[16];
	u8 back[8];

	for (unsigned i = 0; i < ARRAY_SIZE(base64); i++) {
		ck_assert_str_eq(encode_base64(out, sizeof(out), "foobar", i), base64[i]);
		ck_assert_int_eq(decode_base64(back, sizeof(back), out, strlen(out)), i);
		ck_assert(!memcmp(back, "foobar", i));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(base16); i++)
		ck_assert_str_eq(encode_hex(out, sizeof(out), "foo", i), base16[i]);
	ck_assert_int_eq(decode_hex(back, sizeof(back), "666F6f", 6), 3);
	ck_assert(!memcmp(back, "foo", 3));
	/* The alphabets differ in their last two letters. */
	ck_assert_str_eq(encode_base64(out, sizeof(out), "\xfb\xff", 2), "+/8=");
	ck_assert_str_eq(encode_base64url(out, sizeof(out), "\xfb\xff", 2), "-_8");
}
END_TEST

START_TEST(every_length_there_and_back)
{
	u8 in[256], back[256];
	char out[HEX_SIZE(256)];

	for (unsigned i = 0; i < sizeof(in); i++)
		in[i] = (u8)(255 - i);
	for (unsigned len = 0; len <= sizeof(in); len++) {
		encode_hex(out, sizeof(out), in, len);
		ck_assert_int_eq(decode_hex(back, len, out, strlen(out)), len);
		ck_assert(!memcmp(in, back, len));
		encode_base64(out, BASE64_SIZE(len), in, len);
		ck_assert_int_eq(decode_base64(back, len, out, strlen(out)), len);
		ck_assert(!memcmp(in, back, len));
		encode_base64url(out, BASE64_SIZE(len), in, len);
		ck_assert_int_eq(decode_base64url(back, len, out, strlen(out)), len);
		ck_assert(!memcmp(in, back, len));
	}
}
END_TEST

START_TEST(no_room)
{
	char out[8] = "x";
	u8 back[2];

	ck_assert_str_eq(encode_hex(out, 4, "foo", 2), "");
	ck_assert_str_eq(encode_base64(out, 4, "foo", 3), "");
	ck_assert_str_eq(encode_base64url(out, 4, "foo", 3), "");
	ck_assert_int_eq(decode_hex(back, 2, "666f6f", 6), -E2BIG);
	ck_assert_int_eq(decode_base64(back, 2, "Zm9v", 4), -E2BIG);
	ck_assert_int_eq(decode_base64url(back, 2, "Zm9v", 4), -E2BIG);
}
END_TEST

START_TEST(what_is_no_base64)
{
	static const char *const bad[] = { "Zg",   "Zg=",  "Z===", "=",	     "====", "Zg==Zg==",
					   "Zm8 ", "Zm-v", "Zm_v", "Zm9v\n", "Zh==", "Zm9=" };
	static const char *const bad_url[] = { "Z", "Zg==", "Zm+v", "Zm/v", "Zh", "Zm9", "Zm9v " };
	u8 out[16];

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(decode_base64(out, sizeof(out), bad[i], strlen(bad[i])), -EINVAL);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_url); i++)
		ck_assert_int_eq(decode_base64url(out, sizeof(out), bad_url[i], strlen(bad_url[i])),
				 -EINVAL);
	ck_assert_int_eq(decode_base64url(out, sizeof(out), "Z\0g", 3), -EINVAL);
}
END_TEST

START_TEST(what_is_no_hex)
{
	u8 out[4];

	ck_assert_int_eq(decode_hex(out, sizeof(out), "123", 3), -EINVAL);
	ck_assert_int_eq(decode_hex(out, sizeof(out), "1g", 2), -EINVAL);
	ck_assert_int_eq(decode_hex(out, sizeof(out), "1G", 2), -EINVAL);
	ck_assert_int_eq(decode_hex(out, sizeof(out), " 1", 2), -EINVAL);
	ck_assert_int_eq(decode_hex(out, sizeof(out), "1\0", 2), -EINVAL);
}
END_TEST

/* ---- numbers ---- */

static int number(enum number_form form, u64 max, const char *s, u64 *out)
{
	return decode_number(out, max, form, s, strlen(s));
}

#define NUMBER_IS(form, s, v)                                                                      \
	do {                                                                                       \
		u64 got_ = 0;                                                                      \
		ck_assert_msg(!number(form, UINT64_MAX, s, &got_), "%s", s);                       \
		ck_assert_uint_eq(got_, v);                                                        \
	} while (0)
#define NO_NUMBER(form, s)                                                                         \
	do {                                                                                       \
		u64 got_ = 77;                                                                     \
		ck_assert_msg(number(form, UINT64_MAX, s, &got_) == -EINVAL, "%s", s);             \
		ck_assert_uint_eq(got_, 77);                                                       \
	} while (0)

START_TEST(numbers_of_each_form)
{
	static const char *const none[] = { "",	  " 1", "1 ",  "+1", "-1", "1x",
					    "0x", "x",	"0xg", "1.", "/",  ":" };

	for (enum number_form form = NUMBER_DEC; form <= NUMBER_C; form++) {
		NUMBER_IS(form, "0", 0);
		NUMBER_IS(form, "7", 7);
		for (unsigned i = 0; i < ARRAY_SIZE(none); i++)
			NO_NUMBER(form, none[i]);
	}
	NUMBER_IS(NUMBER_DEC, "010", 10);
	NUMBER_IS(NUMBER_HEX, "010", 16);
	NUMBER_IS(NUMBER_DEC_0X, "010", 10);
	NUMBER_IS(NUMBER_C, "010", 8);
	NO_NUMBER(NUMBER_C, "08");
	NO_NUMBER(NUMBER_DEC, "0x10");
	NO_NUMBER(NUMBER_HEX, "0x10");
	NO_NUMBER(NUMBER_DEC, "a");
	NUMBER_IS(NUMBER_DEC_0X, "0x10", 16);
	NUMBER_IS(NUMBER_C, "0X1f", 31);
	NUMBER_IS(NUMBER_HEX, "aF", 175);
}
END_TEST

START_TEST(numbers_have_limits)
{
	u64 v = 77;

	ck_assert_int_eq(number(NUMBER_DEC, 99, "100", &v), -ERANGE);
	ck_assert_uint_eq(v, 77);
	ck_assert_int_eq(number(NUMBER_DEC, 100, "100", &v), 0);
	NUMBER_IS(NUMBER_DEC, "18446744073709551615", UINT64_MAX);
	NUMBER_IS(NUMBER_HEX, "ffffffffffffffff", UINT64_MAX);
	ck_assert_int_eq(number(NUMBER_DEC, UINT64_MAX, "18446744073709551616", &v), -ERANGE);
	ck_assert_int_eq(number(NUMBER_DEC, UINT64_MAX, "99999999999999999999999999", &v), -ERANGE);
	ck_assert_int_eq(number(NUMBER_HEX, UINT64_MAX, "10000000000000000", &v), -ERANGE);
	ck_assert_int_eq(number(NUMBER_C, UINT64_MAX, "02000000000000000000000", &v), -ERANGE);
	/* No number is worse than a large one. */
	ck_assert_int_eq(number(NUMBER_DEC, UINT64_MAX, "99999999999999999999x", &v), -EINVAL);
}
END_TEST

START_TEST(numbers_at_the_start)
{
	u64 v;

	ck_assert_int_eq(decode_number_prefix(&v, UINT64_MAX, NUMBER_DEC, "12-34", 5), 2);
	ck_assert_uint_eq(v, 12);
	/* No further than the text goes. */
	ck_assert_int_eq(decode_number_prefix(&v, UINT64_MAX, NUMBER_DEC, "1234", 3), 3);
	ck_assert_uint_eq(v, 123);
	ck_assert_int_eq(decode_number_prefix(&v, UINT64_MAX, NUMBER_C, "0xK", 3), 1);
	ck_assert_uint_eq(v, 0);
	ck_assert_int_eq(decode_number_prefix(&v, UINT64_MAX, NUMBER_C, "0x1fK", 5), 4);
	ck_assert_uint_eq(v, 31);
	ck_assert_int_eq(decode_number_prefix(&v, 11, NUMBER_DEC, "12,", 3), -ERANGE);
	ck_assert_int_eq(decode_number_prefix(&v, UINT64_MAX, NUMBER_DEC, "x", 1), -EINVAL);
	ck_assert_int_eq(decode_number_prefix(&v, UINT64_MAX, NUMBER_DEC, "1", 0), -EINVAL);
}
END_TEST

static const char *safe(const char *text, const char *keep)
{
	static char buf[64];

	snprintf(buf, sizeof(buf), "%s", text);
	encode_safe(buf, strlen(buf), keep);
	return buf;
}

/* [ECMA-48]: C0, DEL, C1; in UTF-8, and as the bytes that a terminal without it reads. */
START_TEST(text_that_a_terminal_only_shows)
{
	char whole[2] = { 0, 'a' };

	ck_assert_str_eq(safe("plain", ""), "plain");
	ck_assert_str_eq(safe("\x1b[2J\x7f\a\n\t", ""), "?[2J????");
	ck_assert_str_eq(safe("a\n\tb\r", "\n\t"), "a\n\tb?");
	ck_assert_str_eq(safe("\xc2\x9b"
			      "31m \xc2\x80 \xc2\xa0",
			      ""),
			 "??31m ?? \xc2\xa0");
	ck_assert_str_eq(safe("\x9b"
			      "31m",
			      ""),
			 "?31m");
	ck_assert_str_eq(safe("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", ""),
			 "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
	/* no UTF-8: cut off, too long, a surrogate, beyond the end */
	ck_assert_str_eq(safe("\xe2\x82", ""), "??");
	ck_assert_str_eq(safe("\xc0\x9b", ""), "??");
	ck_assert_str_eq(safe("\xe0\x82\x9b", ""), "???");
	ck_assert_str_eq(safe("\xed\xa0\x80", ""), "???");
	ck_assert_str_eq(safe("\xf4\x90\x80\x80", ""), "????");
	ck_assert_str_eq(safe("\xe2\x82"
			      "a",
			      ""),
			 "??a");
	encode_safe(whole, sizeof(whole), "\n");
	ck_assert_int_eq(whole[0], '?');
}
END_TEST

SUITE_MAIN("lkvm/base/encode", vectors_of_the_rfc, every_length_there_and_back, no_room,
	   what_is_no_base64, what_is_no_hex, numbers_of_each_form, numbers_have_limits,
	   numbers_at_the_start, text_that_a_terminal_only_shows)
