/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Escapes: what a user types, and what of a guest gets into a line or a document.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/watch/text.h"
#include "tests/unit/suite.h"

static char to[256];

START_TEST(typed)
{
	ck_assert_int_eq(text_unescape(to, "root\\n"), 5);
	ck_assert_mem_eq(to, "root\n", 5);
	ck_assert_int_eq(text_unescape(to, "\\x03\\x00\\xfF\\t\\r\\e\\\\n"), 8);
	ck_assert_mem_eq(to, "\x03\x00\xff\t\r\033\\n", 8);
	ck_assert_int_eq(text_unescape(to, ""), 0);
}
END_TEST

START_TEST(typed_wrong)
{
	static const char *const bad[] = { "\\",    "a\\",   "\\x", "\\x1",
					   "\\xg1", "\\x1g", "\\d", "\\N" };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(text_unescape(to, bad[i]), -EINVAL);
}
END_TEST

START_TEST(plain)
{
	ck_assert_str_eq(text_plain(to, sizeof(to), "a\033[2J\tb\\\x9b"), "a\\x1b[2J\\x09b\\\\x9b");
	ck_assert_str_eq(text_plain(to, 6, "abcdefgh"), "ab");
	ck_assert_str_eq(text_plain(to, 5, "\001\001"), "\\x01");
}
END_TEST

static void xml(const char *s, const char *expected)
{
	char buf[256] = "";
	FILE *f = fmemopen(buf, sizeof(buf), "w");

	text_xml(f, s);
	fclose(f);
	ck_assert_str_eq(buf, expected);
}

/* [XML 1.0, 2.2], and well-formed UTF-8 alone. */
START_TEST(xml_text)
{
	xml("a<b>&\"c\"", "a&lt;b&gt;&amp;&quot;c&quot;");
	xml("]]>", "]]&gt;");
	xml("\t\n\001\r\x7f", "\t\n\\x01\\x0d\\x7f");
	xml("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
	xml("\xc3", "\\xc3");
	xml("\xc3(", "\\xc3(");
	xml("\x80\xbf\xff\xfe", "\\x80\\xbf\\xff\\xfe");
	xml("\xc0\xaf", "\\xc0\\xaf"); /* longer than need be */
	xml("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
	xml("\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf");
	xml("\xed\xa0\x80", "\\xed\\xa0\\x80");		 /* surrogate */
	xml("\xef\xbf\xbf", "\\xef\\xbf\\xbf");		 /* no character */
	xml("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond Unicode */
	xml("\xc2\x9b", "\\xc2\\x9b");			 /* C1 control */
}
END_TEST

SUITE_MAIN("lkvm/watch/text", typed, typed_wrong, plain, xml_text)
