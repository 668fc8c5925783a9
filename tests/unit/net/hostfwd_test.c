/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forwards as text: what is meant, what makes no sense, and back. */
#include "net/hostfwd.h"

#include <arpa/inet.h>

#include "tests/unit/suite.h"

static struct net_hostfwd f;
static char text[HOSTFWD_TEXT], addr[INET6_ADDRSTRLEN];

static const char *addr_of(const struct net_endpoint *e)
{
	return inet_ntop(f.v6 ? AF_INET6 : AF_INET, &e->v6, addr, sizeof(addr));
}

START_TEST(without_an_address_it_is_the_hosts_own)
{
	ck_assert(hostfwd_parse(&f, "tcp::8080-:80"));
	ck_assert(!f.udp && !f.v6);
	ck_assert_str_eq(addr_of(&f.host), "127.0.0.1");
	ck_assert_str_eq(addr_of(&f.guest), "0.0.0.0");
	ck_assert_uint_eq(f.host.port, 8080);
	ck_assert_uint_eq(f.guest.port, 80);
	ck_assert(hostfwd_parse(&f, "udp::53-[fd33::15]:5353"));
	ck_assert(f.udp && f.v6);
	ck_assert_str_eq(addr_of(&f.host), "::1");
	ck_assert_str_eq(addr_of(&f.guest), "fd33::15");
}
END_TEST

START_TEST(addresses_that_are_said)
{
	ck_assert(hostfwd_parse(&f, "tcp:0.0.0.0:1-10.0.0.1:65535"));
	ck_assert_str_eq(addr_of(&f.host), "0.0.0.0");
	ck_assert_str_eq(addr_of(&f.guest), "10.0.0.1");
	ck_assert_uint_eq(f.guest.port, 65535);
	ck_assert(hostfwd_parse(&f, "tcp:[::1]:8081-:81"));
	ck_assert(f.v6);
	ck_assert_str_eq(addr_of(&f.host), "::1");
	ck_assert_str_eq(addr_of(&f.guest), "::");
	ck_assert(
		hostfwd_parse(&f, "tcp:[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:1-[::]:2"));
}
END_TEST

START_TEST(there_and_back)
{
	static const char *const good[] = {
		"tcp:127.0.0.1:8080-:80",
		"udp:0.0.0.0:53-10.0.0.1:5353",
		"tcp:[::1]:8081-:81",
		"udp:[::]:1-[fd33::15]:65535",
		"tcp:[1111:2222:3333:4444:5555:6666:7777:8888]:65535-"
		"[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		ck_assert(hostfwd_parse(&f, good[i]));
		ck_assert_str_eq(hostfwd_text(&f, text), good[i]);
	}
}
END_TEST

START_TEST(what_makes_no_sense)
{
	static const char *const bad[] = {
		"",
		"tcp",
		"tcp:",
		"tcp:1-2",
		"sctp::1-:2",
		"tcp::0-:22",
		"tcp::1-:65536",
		"tcp::1",
		"tcp:-",
		"tcp::-:",
		"tcp::1-",
		"tcp::1-:",
		"tcp::x-:1",
		"tcp::1-:1 ",
		"tcp::99-:22:33",
		"tcp:localhost:99-:22",
		"tcp:123.123.123.123.123.123.123:80-:80",
		"tcp:[]:1-:2",
		"tcp:[::1:1-:2",
		"tcp:[::1]-:2",
		"tcp:[::1]1-:2",
		"tcp:::1:1-:2",
		"tcp:[127.0.0.1]:1-:2",
		"tcp:127.0.0.1:1-[fd33::15]:2",
		"tcp:[::1]:1-10.0.0.1:2",
		"tcp:[",
		"tcp:[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]:1-:2",
	};

	ck_assert(hostfwd_parse(&f, "tcp::7-:8"));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!hostfwd_parse(&f, bad[i]), "'%s' is taken", bad[i]);
	ck_assert_str_eq(hostfwd_text(&f, text), "tcp:127.0.0.1:7-:8");
}
END_TEST

START_TEST(the_same_place)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "tcp::1-:2", "tcp:127.0.0.1:1-10.0.0.1:3", true },
		{ "tcp::1-:2", "udp::1-:2", false },
		{ "tcp::1-:2", "tcp::2-:2", false },
		{ "tcp::1-:2", "tcp:0.0.0.0:1-:2", false },
		{ "tcp:[::]:1-:2", "tcp:0.0.0.0:1-:2", false },
		{ "tcp:[::1]:1-:2", "tcp::1-[fd33::1]:2", true },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct net_hostfwd g;

		ck_assert(hostfwd_parse(&f, cases[i].a) && hostfwd_parse(&g, cases[i].b));
		ck_assert_int_eq(hostfwd_same(&f, &g), cases[i].same);
	}
}
END_TEST

SUITE_MAIN("net/hostfwd", without_an_address_it_is_the_hosts_own, addresses_that_are_said,
	   there_and_back, what_makes_no_sense, the_same_place)
