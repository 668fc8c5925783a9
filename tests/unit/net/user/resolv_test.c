/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolv.conf as people write it, and the search list in DNS's wire form. */
#include "net/user/resolv.h"

#include <string.h>

#include "tests/unit/suite.h"

static struct resolv r;

static void read_text(const char *text)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	ck_assert_ptr_nonnull(f);
	resolv_read(&r, f);
	fclose(f);
}

START_TEST(the_last_of_domain_and_search_counts)
{
	read_text("# domain no.example\n\tdomain a.example\nsearch b.example  c.example\t\n"
		  "nameserver 192.0.2.1\noptions edns0\n");
	ck_assert_str_eq(r.domain, "b.example");
	ck_assert_uint_eq(r.nr_search, 2);
	ck_assert_str_eq(r.search[0], "b.example");
	ck_assert_str_eq(r.search[1], "c.example");
	ck_assert_uint_eq(r.nr_servers, 1);
	ck_assert(!r.server[0].v6);
	ck_assert_mem_eq(r.server[0].addr, "\xc0\x00\x02\x01", 4);
	read_text("search b.example c.example\ndomain a.example");
	ck_assert_str_eq(r.domain, "a.example");
	ck_assert_uint_eq(r.nr_search, 0);
	read_text("search .\n");
	ck_assert_uint_eq(r.nr_search, 1);
	read_text("x");
	ck_assert_str_eq(r.domain, "");
}
END_TEST

START_TEST(families_of_the_name_servers)
{
	static const u8 one[16] = { 0xfe, 0x80, [15] = 1 };

	read_text("nameserver fe80::1%eth0\nnameserver\nnameserver nonsense\nnameserver ::1%\n"
		  "nameserver fe80::2%an-interface-of-too-long-a-name\nnameserver 192.0.2\n"
		  "nameserver ::1 # here\nnameserver 127.0.0.53\nnameserver 192.0.2.4\n");
	ck_assert_uint_eq(r.nr_servers, RESOLV_MAX_SERVERS);
	ck_assert(r.server[0].v6 && r.server[1].v6 && !r.server[2].v6);
	ck_assert_mem_eq(r.server[0].addr, one, sizeof(one));
	ck_assert_str_eq(r.server[0].scope, "eth0");
	ck_assert_str_eq(r.server[1].scope, "");
	ck_assert_mem_eq(r.server[2].addr, "\x7f\x00\x00\x35", 4);
	read_text("");
	ck_assert_uint_eq(r.nr_servers, 0);
}
END_TEST

START_TEST(what_is_no_name_is_left_out)
{
	char text[8000] = "search ok.example bad!name a;b ";

	memset(text + strlen(text), 'x', 300);
	strcat(text, " also.example\n# ");
	/* The rest of a line that is too long is no line of its own. */
	memset(text + strlen(text), '#', 2100);
	strcat(text, "\nsearch one.example two.example 3 4 5 6 7 8\n");
	read_text(text);
	ck_assert_uint_eq(r.nr_search, RESOLV_MAX_SEARCH);
	*strstr(text, "\nsearch one") = '\0';
	read_text(text);
	ck_assert_uint_eq(r.nr_search, 2);
	ck_assert_str_eq(r.search[1], "also.example");
}
END_TEST

/* The example of RFC 3397 section 2: its 27 bytes. */
START_TEST(the_example_of_the_rfc)
{
	static const u8 want[] = "\x03"
				 "eng"
				 "\x05"
				 "apple"
				 "\x03"
				 "com"
				 "\x00"
				 "\x09"
				 "marketing"
				 "\xC0\x04";
	u8 buf[255];

	read_text("search eng.apple.com. marketing.apple.com\n");
	ck_assert_uint_eq(resolv_search_wire(&r, buf, sizeof(buf)), sizeof(want) - 1);
	ck_assert_mem_eq(buf, want, sizeof(want) - 1);
}
END_TEST

/* A reader of names as a guest has one. Returns the position behind the name. */
static size_t decode(const u8 *buf, size_t len, size_t at, char *name)
{
	size_t end = 0;

	*name = '\0';
	for (unsigned steps = 0;; steps++) {
		ck_assert_uint_lt(at, len);
		ck_assert_uint_lt(steps, 200);
		if ((buf[at] & 0xc0) == 0xc0) {
			end = end ? end : at + 2;
			at = (size_t)(buf[at] & 0x3f) << 8 | buf[at + 1];
			continue;
		}
		if (!buf[at])
			return end ? end : at + 1;
		ck_assert_uint_le(at + 1 + buf[at], len);
		strncat(name, (const char *)buf + at + 1, buf[at]);
		at += 1 + buf[at];
		if (buf[at])
			strcat(name, ".");
	}
}

START_TEST(names_come_back)
{
	static const char *const lists[] = {
		"a.b.c b.c c a.b.c",
		"x.example y.x.example example",
		"aa.bb bb.aa aa.bb.bb.aa",
		"12345678901234567890123456789012345678901234567.0-9.example "
		"-.0-9.example 7.0-9.example",
	};
	u8 buf[255];
	char text[600], name[600];

	for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
		size_t at = 0, len;

		snprintf(text, sizeof(text), "search %s\n", lists[i]);
		read_text(text);
		len = resolv_search_wire(&r, buf, sizeof(buf));
		for (unsigned k = 0; k < r.nr_search; k++) {
			at = decode(buf, len, at, name);
			ck_assert_str_eq(name, r.search[k]);
		}
		ck_assert_uint_eq(at, len);
		/* Whole names, whatever the room. */
		for (size_t size = 0; size < len; size++) {
			size_t part = resolv_search_wire(&r, buf, size);

			ck_assert_uint_le(part, size);
			for (at = 0; at < part;)
				at = decode(buf, part, at, name);
		}
	}
	read_text(
		"search a..b .a 0123456789012345678901234567890123456789012345678901234567890123\n");
	ck_assert_uint_eq(resolv_search_wire(&r, buf, sizeof(buf)), 0);
}
END_TEST

SUITE_MAIN("net/user/resolv", the_last_of_domain_and_search_counts, families_of_the_name_servers,
	   what_is_no_name_is_left_out, the_example_of_the_rfc, names_come_back)
