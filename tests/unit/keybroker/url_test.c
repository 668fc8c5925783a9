/* SPDX-License-Identifier: GPL-2.0-or-later */
/* URLs: taken apart, joined, encoded. */
#include "guest/keybroker/url.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/suite.h"

static struct url u;
static const char *why;

static int parse(const char *text)
{
	why = NULL;
	return url_parse(&u, text, strlen(text), &why);
}

START_TEST(parts)
{
	static const struct {
		const char *text, *host, *port, *authority, *path;
	} cases[] = {
		{ "http://10.0.0.1:8088/a?b#c", "10.0.0.1", "8088", "10.0.0.1:8088", "/a?b" },
		{ "HTTP://host", "host", "80", "host:80", "/" },
		{ "http://host:/", "host", "80", "host:80", "/" },
		{ "http://[::1]:65535/x", "::1", "65535", "[::1]:65535", "/x" },
		{ "http://host?q", "host", "80", "host:80", "/?q" },
	};
	char text[2 * URL_MAX];

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_int_eq(parse(cases[i].text), 0);
		ck_assert_str_eq(u.host, cases[i].host);
		ck_assert_str_eq(u.port, cases[i].port);
		ck_assert_str_eq(u.authority, cases[i].authority);
		ck_assert_str_eq(u.path, cases[i].path);
		/* What is printed is the same URL. */
		ck_assert_int_eq(parse(url_print(&u, text)), 0);
		ck_assert_str_eq(u.path, cases[i].path);
	}
}
END_TEST

START_TEST(refused)
{
	static const char *const texts[] = {
		"",
		"host",
		"https://host/",
		"http://",
		"http:///x",
		"http://:80",
		"http://u@h/",
		"http://h:0",
		"http://h:65536",
		"http://h:99999999999",
		"http://h:8x",
		"http://[::1",
		"http://[::1]x",
		"http://[[2;]:80",
		"http://[80]",
		"http://a[b",
		"http://[::g]",
		"http://h/ x",
		"http://h/\r\nX: y",
		"http://h/\x7f",
		"http://h/\xe4",
	};
	static char text[URL_MAX + 100] = "http://h/";

	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		ck_assert_msg(parse(texts[i]) == -EINVAL, "%s", texts[i]);
		ck_assert_ptr_nonnull(why);
	}
	memset(text + 9, 'a', sizeof(text) - 10);
	ck_assert_int_eq(parse(text), -EINVAL);
	memset(text + 7, 'a', 300);
	text[307] = 0;
	ck_assert_int_eq(parse(text), -EINVAL);
}
END_TEST

START_TEST(joined)
{
	struct url base, out;

	ck_assert_int_eq(parse("http://h:1/keys"), 0);
	base = u;
	ck_assert_int_eq(url_join(&out, &base, "/e/2", 4, &why), 0);
	ck_assert_str_eq(out.authority, "h:1");
	ck_assert_str_eq(out.path, "/e/2");
	ck_assert_int_eq(url_join(&out, &base, "http://i:2/f", 12, &why), 0);
	ck_assert_str_eq(out.authority, "i:2");
	ck_assert_int_eq(url_join(&out, &base, "//i/f", 5, &why), -EINVAL);
	ck_assert_int_eq(url_join(&out, &base, "f", 1, &why), -EINVAL);
	ck_assert_int_eq(url_join(&out, &base, "", 0, &why), -EINVAL);
	ck_assert_int_eq(url_join(&out, &base, "/\r\n", 3, &why), -EINVAL);
}
END_TEST

START_TEST(names)
{
	char all[256], text[1024], back[256];

	for (unsigned i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	all[255] = 0;
	ck_assert_int_eq(url_encode(text, sizeof(text), "sky walker/\xc3\xa4"), 21);
	ck_assert_str_eq(text, "sky%20walker%2F%C3%A4");
	int n = url_encode(text, sizeof(text), all);

	ck_assert_int_gt(n, 255);
	ck_assert_int_eq(url_decode(back, sizeof(back), text, (size_t)n), 255);
	ck_assert_str_eq(back, all);
	ck_assert_int_eq(url_encode(text, 5, "abcde"), -E2BIG);
	ck_assert_int_eq(url_decode(back, 3, "abc", 3), -E2BIG);
	ck_assert_int_eq(url_decode(back, sizeof(back), "%4", 2), -EINVAL);
	ck_assert_int_eq(url_decode(back, sizeof(back), "%4g", 3), -EINVAL);
	ck_assert_int_eq(url_decode(back, sizeof(back), "%00", 3), -EINVAL);
	ck_assert_int_eq(url_decode(back, sizeof(back), "%41", 3), 1);
	ck_assert_str_eq(back, "A");
}
END_TEST

SUITE_MAIN("keybroker/url", parts, refused, joined, names)
