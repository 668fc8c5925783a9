/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the guest's addresses lead: the same rules as libslirp's. */
#include "net/user/reach.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#include "net/user/servers.h"
#include "tests/unit/suite.h"

static struct guard guard;
static struct reach reach = { .guard = &guard };

static void set_up(void)
{
	guard.net.s_addr = htonl(0xc0a82100);
	guard.mask.s_addr = htonl(0xffffff00);
	guard.host.s_addr = htonl(0xc0a82101);
	inet_pton(AF_INET6, "fd33::", &guard.prefix6);
	reach.host_loopback = true;
}

/* Where `text`, port 80, leads; "": nowhere. */
static const char *leads(const char *text, char *buf)
{
	struct ip_key k = { .ports = { 0, 0, 0, 80 }, .v6 = !!strchr(text, ':') };
	union reach_addr to;
	int len;

	ck_assert_int_eq(inet_pton(k.v6 ? AF_INET6 : AF_INET, text, k.peer), 1);
	len = reach_out(&reach, &k, &to);
	if (len < 0) {
		ck_assert_int_eq(len, -ECONNREFUSED);
		return "";
	}
	ck_assert_uint_eq((size_t)len, k.v6 ? sizeof(to.in6) : sizeof(to.in));
	ck_assert_uint_eq(ntohs(k.v6 ? to.in6.sin6_port : to.in.sin_port), 80);
	return inet_ntop(to.sa.sa_family, k.v6 ? (void *)&to.in6.sin6_addr : &to.in.sin_addr, buf,
			 INET6_ADDRSTRLEN);
}

START_TEST(out)
{
	static const char *const cases[][2] = {
		{ "192.168.33.1", "127.0.0.1" },
		{ "192.168.33.77", "127.0.0.1" },
		{ "192.168.34.1", "192.168.34.1" },
		{ "8.8.8.8", "8.8.8.8" },
		{ "fd33::1", "::1" },
		{ "fd33::1:2", "::1" },
		{ "fe80::2", "::1" },
		{ "fd34::1", "fd34::1" },
		{ "2001:db8::1", "2001:db8::1" },
	};
	char buf[INET6_ADDRSTRLEN];

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		bool local = strstr(cases[i][1], "127") || !strcmp(cases[i][1], "::1");

		ck_assert_str_eq(leads(cases[i][0], buf), cases[i][1]);
		reach.host_loopback = false;
		ck_assert_str_eq(leads(cases[i][0], buf), local ? "" : cases[i][1]);
		reach.restricted = true;
		ck_assert_str_eq(leads(cases[i][0], buf), "");
		reach.restricted = false;
		reach.host_loopback = true;
	}
}
END_TEST

/* The host's servers, of any family; of several the one that has answered last. */
START_TEST(names)
{
	char path[] = "/tmp/reach_test.XXXXXX";
	struct servers servers = { .path = path, .port = htons(53) };
	struct ip_key k = { .ports = { 0, 0, 0, 53 } };
	union reach_addr to;
	int fd = mkstemp(path);

	inet_pton(AF_INET, "192.168.33.3", &guard.dns);
	inet_pton(AF_INET, "192.168.33.3", k.peer);
	reach.servers = &servers;
	ck_assert_int_eq(reach_out(&reach, &k, &to), -ECONNREFUSED);
	ck_assert_int_gt(dprintf(fd, "nameserver 127.0.0.53\nnameserver fe80::1%%7\n"), 0);
	close(fd);
	servers.read_ns = 0;
	for (int closed = 0; closed < 2; closed++) {
		reach.host_loopback = !closed;
		servers.last = 0;
		ck_assert_int_eq(reach_out(&reach, &k, &to), sizeof(to.in));
		ck_assert_uint_eq(to.in.sin_addr.s_addr, htonl(0x7f000035));
		ck_assert_uint_eq(to.in.sin_port, htons(53));
		servers.last = 1;
		ck_assert_int_eq(reach_out(&reach, &k, &to), sizeof(to.in6));
		ck_assert_uint_eq(to.in6.sin6_scope_id, 7);
		servers.last = 2;
		ck_assert_int_eq(reach_out(&reach, &k, &to), sizeof(to.in));
	}
	reach.restricted = true;
	ck_assert_int_eq(reach_out(&reach, &k, &to), -ECONNREFUSED);
	unlink(path);
}
END_TEST

static const char *seen(const char *text, char *buf)
{
	struct ip_key k = { .v6 = !!strchr(text, ':') };
	union reach_addr from = { .in6.sin6_port = htons(1234) };

	inet_pton(k.v6 ? AF_INET6 : AF_INET, text,
		  k.v6 ? (void *)&from.in6.sin6_addr : &from.in.sin_addr);
	memset(k.peer, 0, 16);
	ck_assert(reach_in(&reach, &k, &from) == reach_is_host(&reach, &k));
	ck_assert_mem_eq(k.ports + 2, "\x04\xd2", 2);
	return inet_ntop(k.v6 ? AF_INET6 : AF_INET, k.peer, buf, INET6_ADDRSTRLEN);
}

/* Nobody seems to be the guest itself, or on its link. */
START_TEST(in)
{
	static const char *const cases[][2] = {
		{ "127.0.0.1", "192.168.33.1" },
		{ "127.9.9.9", "192.168.33.1" },
		{ "192.168.33.15", "192.168.33.1" },
		{ "10.0.0.1", "10.0.0.1" },
		{ "::1", "fd33::1" },
		{ "fe80::77", "fd33::1" },
		{ "fd33::15", "fd33::1" },
		{ "2001:db8::1", "2001:db8::1" },
	};
	char buf[INET6_ADDRSTRLEN];

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_str_eq(seen(cases[i][0], buf), cases[i][1]);
}
END_TEST

SUITE_MAIN_FIXTURE("net/user/reach", set_up, NULL, out, in, names)
