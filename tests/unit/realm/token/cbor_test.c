/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CBOR: the examples of RFC 8949, both ways, and every way in which an item can be wrong. */
#include <string.h>

#include "realm/token/cbor.h"
#include "tests/unit/suite.h"

#define C(s) (s), sizeof(s) - 1

static struct cbor c;

static const char *why(const char *p, size_t len)
{
	cbor_init(&c, p, len);
	return cbor_valid(&c) ? NULL : c.why;
}

/* [RFC 8949 Appendix A] */
START_TEST(integers_both_ways)
{
	static const struct {
		s64 n;
		const char *enc;
		size_t len;
	} ex[] = {
		{ 0, C("\x00") },
		{ 1, C("\x01") },
		{ 10, C("\x0a") },
		{ 23, C("\x17") },
		{ 24, C("\x18\x18") },
		{ 25, C("\x18\x19") },
		{ 100, C("\x18\x64") },
		{ 255, C("\x18\xff") },
		{ 256, C("\x19\x01\x00") },
		{ 1000, C("\x19\x03\xe8") },
		{ 65535, C("\x19\xff\xff") },
		{ 65536, C("\x1a\x00\x01\x00\x00") },
		{ 1000000, C("\x1a\x00\x0f\x42\x40") },
		{ 4294967296, C("\x1b\x00\x00\x00\x01\x00\x00\x00\x00") },
		{ 1000000000000, C("\x1b\x00\x00\x00\xe8\xd4\xa5\x10\x00") },
		{ INT64_MAX, C("\x1b\x7f\xff\xff\xff\xff\xff\xff\xff") },
		{ -1, C("\x20") },
		{ -10, C("\x29") },
		{ -24, C("\x37") },
		{ -25, C("\x38\x18") },
		{ -100, C("\x38\x63") },
		{ -1000, C("\x39\x03\xe7") },
		{ INT64_MIN, C("\x3b\x7f\xff\xff\xff\xff\xff\xff\xff") },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ex); i++) {
		struct cbor_out o;
		u8 buf[16];
		s64 n;
		u64 u;

		cbor_out_init(&o, buf, sizeof(buf));
		cbor_put_int(&o, ex[i].n);
		ck_assert(!o.full && o.len == ex[i].len && !memcmp(buf, ex[i].enc, o.len));
		ck_assert_ptr_null(why(ex[i].enc, ex[i].len));
		ck_assert(cbor_at_int(&c) && cbor_int(&c, &n) && n == ex[i].n && cbor_end(&c));
		cbor_init(&c, ex[i].enc, ex[i].len);
		ck_assert(cbor_uint(&c, &u) == (n >= 0) && (n < 0 || u == (u64)n));
	}
}
END_TEST

START_TEST(integers_out_of_range)
{
	u64 u;
	s64 n;

	cbor_init(&c, C("\x1b\xff\xff\xff\xff\xff\xff\xff\xff"));
	ck_assert(cbor_uint(&c, &u) && u == UINT64_MAX);
	cbor_init(&c, C("\x1b\x80\x00\x00\x00\x00\x00\x00\x00"));
	ck_assert(!cbor_int(&c, &n) && strstr(c.why, "out of range"));
	cbor_init(&c, C("\x3b\x80\x00\x00\x00\x00\x00\x00\x00"));
	ck_assert(!cbor_int(&c, &n) && strstr(c.why, "out of range"));
}
END_TEST

/* [RFC 8949 Appendix A], as far as tokens have it */
START_TEST(items_of_all_types)
{
	static const struct {
		const char *enc;
		size_t len;
	} good[] = {
		{ C("\xf4") },
		{ C("\xf5") },
		{ C("\xf6") },
		{ C("\xc0\x74"
		    "2013-03-21T20:04:00Z") },
		{ C("\xd8\x20\x61x") },
		{ C("\x40") },
		{ C("\x44\x01\x02\x03\x04") },
		{ C("\x60") },
		{ C("\x64IETF") },
		{ C("\x62\xc3\xbc") },
		{ C("\x63\xe6\xb0\xb4") },
		{ C("\x64\xf0\x90\x85\x91") },
		{ C("\x80") },
		{ C("\x83\x01\x82\x02\x03\x82\x04\x05") },
		{ C("\xa0") },
		{ C("\xa2\x01\x02\x03\x04") },
		{ C("\xa2\x61\x61\x01\x61\x62\x82\x02\x03") },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ck_assert_msg(!why(good[i].enc, good[i].len), "%zu: %s", i, c.why);
		/* Cut short anywhere, it is not one item. */
		for (size_t len = 0; len < good[i].len; len++)
			ck_assert_msg(why(good[i].enc, len), "%zu cut to %zu", i, len);
	}
}
END_TEST

static const struct {
	const char *enc;
	size_t len;
	const char *why;
} bad[] = {
	{ C(""), "ends in the middle" },
	{ C("\x00\x00"), "followed by something" },
	/* [RFC 8949 4.2.1] the shortest form */
	{ C("\x18\x17"), "shortest" },
	{ C("\x19\x00\xff"), "shortest" },
	{ C("\x1a\x00\x00\xff\xff"), "shortest" },
	{ C("\x1b\x00\x00\x00\x00\xff\xff\xff\xff"), "shortest" },
	{ C("\x38\x00"), "shortest" },
	{ C("\x58\x01x"), "shortest" },
	{ C("\x78\x01x"), "shortest" },
	{ C("\x98\x01\x00"), "shortest" },
	{ C("\xb8\x01\x00\x00"), "shortest" },
	{ C("\xd8\x12\x00"), "shortest" },
	/* [RFC 8949 4.2.1] definite lengths */
	{ C("\x5f\x41x\xff"), "indefinite" },
	{ C("\x7f\x61x\xff"), "indefinite" },
	{ C("\x9f\xff"), "indefinite" },
	{ C("\xbf\xff"), "indefinite" },
	/* [RFC 8949 3] reserved */
	{ C("\x1c"), "not well-formed" },
	{ C("\x5d"), "not well-formed" },
	{ C("\xfe"), "not well-formed" },
	{ C("\xff"), "indefinite" },
	/* numbers of items that cannot be there */
	{ C("\x9b\xff\xff\xff\xff\xff\xff\xff\xff"), "array that ends" },
	{ C("\xbb\xff\xff\xff\xff\xff\xff\xff\xff"), "map that ends" },
	{ C("\x5b\xff\xff\xff\xff\xff\xff\xff\xff"), "string that ends" },
	{ C("\x42\x00"), "string that ends" },
	/* simple values and floating point have no place in a token */
	{ C("\xf7"), "of a type" },
	{ C("\xf9\x3c\x00"), "of a type" },
	{ C("\xfa\x47\xc3\x50\x00"), "of a type" },
	{ C("\xf8\xff"), "of a type" },
	{ C("\xe0"), "of a type" },
	/* [RFC 8949 5.6] keys */
	{ C("\xa2\x01\x02\x01\x03"), "second time" },
	{ C("\xa3\x61\x61\x02\x01\x00\x61\x61\x03"), "second time" },
	{ C("\x81\xa2\x41x\x02\x41x\x02"), "second time" },
	/* [RFC 3629] not the shortest, halves of UTF-16, beyond Unicode, cut, continuation alone */
	{ C("\x62\xc0\x80"), "UTF-8" },
	{ C("\x63\xe0\x9f\xbf"), "UTF-8" },
	{ C("\x64\xf0\x8f\xbf\xbf"), "UTF-8" },
	{ C("\x63\xed\xa0\x80"), "UTF-8" },
	{ C("\x64\xf4\x90\x80\x80"), "UTF-8" },
	{ C("\x62\xe6\xb0"), "UTF-8" },
	{ C("\x61\x80"), "UTF-8" },
	{ C("\x61\xff"), "UTF-8" },
	{ C("\x62\xc3x"), "UTF-8" },
};

START_TEST(what_is_refused)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *said = why(bad[i].enc, bad[i].len);

		ck_assert_msg(said && strstr(said, bad[i].why), "%zu: '%s' instead of '%s'", i,
			      said ? said : "nothing", bad[i].why);
		ck_assert(c.at >= c.start && c.at <= c.end);
	}
}
END_TEST

START_TEST(depth_and_size_are_bounded)
{
	char deep[CBOR_MAX_DEPTH + 1], wide[3 + 3 * (CBOR_MAX_PAIRS + 1)];

	memset(deep, 0x81, sizeof(deep));
	deep[CBOR_MAX_DEPTH - 1] = 0;
	ck_assert_ptr_null(why(deep, CBOR_MAX_DEPTH));
	deep[CBOR_MAX_DEPTH - 1] = (char)0x81;
	deep[CBOR_MAX_DEPTH] = 0;
	ck_assert(strstr(why(deep, CBOR_MAX_DEPTH + 1), "too deeply"));
	memset(deep, 0xc0, sizeof(deep));
	ck_assert(strstr(why(deep, sizeof(deep)), "too deeply"));
	for (unsigned n = CBOR_MAX_PAIRS; n <= CBOR_MAX_PAIRS + 1; n++) {
		wide[0] = (char)0xb8;
		wide[1] = (char)n;
		for (unsigned i = 0; i < n; i++)
			memcpy(wide + 2 + 3 * i, (char[]){ 0x18, (char)(100 + i), 0 }, 3);
		ck_assert((why(wide, 2 + 3 * n) == NULL) == (n <= CBOR_MAX_PAIRS));
	}
	ck_assert(strstr(c.why, "too many"));
}
END_TEST

/* What is read after an error fails, too, and the first reason stays. */
START_TEST(an_error_stays)
{
	const u8 *p;
	size_t len;
	u64 n;

	cbor_init(&c, C("\x01\x41x\x61y\x80\xa0\xc1\x00"));
	ck_assert(!cbor_bytes(&c, &p, &len) && strstr(c.why, "byte string"));
	ck_assert(!cbor_uint(&c, &n) && !cbor_text(&c, &p, &len) && !cbor_array(&c, &n));
	ck_assert(!cbor_map(&c, &n) && !cbor_tag(&c, &n) && !cbor_skip(&c) && !cbor_end(&c));
	ck_assert(!cbor_at_int(&c) && !cbor_fail(&c, "later") && strstr(c.why, "byte string"));
	ck_assert_ptr_eq(c.at, c.start);
	/* Without one all of it is read. */
	cbor_init(&c, C("\x01\x41x\x61y\x80\xa0\xc1\x00"));
	ck_assert(cbor_uint(&c, &n) && cbor_bytes(&c, &p, &len) && len == 1 && *p == 'x');
	ck_assert(cbor_text(&c, &p, &len) && len == 1 && *p == 'y');
	ck_assert(cbor_array(&c, &n) && !n && cbor_map(&c, &n) && !n);
	ck_assert(cbor_tag(&c, &n) && n == 1 && !cbor_end(&c) && strstr(c.why, "followed"));
}
END_TEST

START_TEST(each_type_is_told_from_the_others)
{
	static const char *const of[] = { "\x00", "\x40", "\x60", "\x80", "\xa0", "\xc0" };
	const u8 *p;
	size_t len;
	u64 n;

	for (unsigned i = 0; i < ARRAY_SIZE(of); i++) {
		for (unsigned as = 0; as < ARRAY_SIZE(of); as++) {
			bool ok;

			cbor_init(&c, of[i], 1);
			ok = as == 0   ? cbor_uint(&c, &n)
			     : as == 1 ? cbor_bytes(&c, &p, &len)
			     : as == 2 ? cbor_text(&c, &p, &len)
			     : as == 3 ? cbor_array(&c, &n)
			     : as == 4 ? cbor_map(&c, &n)
				       : cbor_tag(&c, &n);
			ck_assert(ok == (i == as) && ok == !c.why);
		}
	}
}
END_TEST

START_TEST(writing)
{
	static const char expected[] =
		"\xd9\x01\x8f\xa1\x39\x01\x00\x83\x43\x01\x02\x03\x62hi\x58\x18";
	struct cbor_out o;
	u8 buf[64];

	for (size_t size = 0; size <= sizeof(expected) - 1; size++) {
		cbor_out_init(&o, buf, size);
		memset(buf, 0xee, sizeof(buf));
		cbor_put_tag(&o, 399);
		cbor_put_map(&o, 1);
		cbor_put_int(&o, -257);
		cbor_put_array(&o, 3);
		cbor_put_bytes(&o, "\1\2\3", 3);
		cbor_put_text(&o, "hi");
		cbor_put_bytes_head(&o, 24);
		ck_assert(o.full == (size < sizeof(expected) - 1) && o.len <= size);
		ck_assert_uint_eq(buf[size], 0xee);
	}
	ck_assert(o.len == sizeof(expected) - 1 && !memcmp(buf, expected, o.len));
	/* Once full, nothing more is taken, though it would fit. */
	cbor_out_init(&o, buf, 2);
	cbor_put_int(&o, 1000);
	cbor_put_int(&o, 1);
	ck_assert(o.full && o.len == 0);
}
END_TEST

SUITE_MAIN("realm/cbor", integers_both_ways, integers_out_of_range, items_of_all_types,
	   what_is_refused, depth_and_size_are_bounded, an_error_stays,
	   each_type_is_told_from_the_others, writing)
