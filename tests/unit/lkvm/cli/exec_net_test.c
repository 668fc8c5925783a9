/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest's init is told of its network cards. */
#include "lkvm/cli/exec_net.h"
#include "tests/unit/suite.h"

static struct config c;
static struct orders o;
static char resolv[EXEC_NET_SIZE];

static bool told(const char *const *cards)
{
	memset(&c, 0, sizeof(c));
	o = (struct orders){ .nr_nics = 0 };
	for (; *cards; cards++) {
		ck_assert_int_eq(netopt_parse(&c.nics[c.nr_nics], *cards, c.nr_nics), 0);
		c.nr_nics++;
	}
	return exec_net(&o, resolv, &c);
}

#define TOLD(...) told((const char *const[]){ __VA_ARGS__, NULL })

static void is(unsigned n, const char *name, u32 address, u32 router)
{
	ck_assert_uint_gt(o.nr_nics, n);
	ck_assert_str_eq(o.nics[n].name, name);
	ck_assert_uint_eq(o.nics[n].address, address);
	ck_assert_uint_eq(o.nics[n].router, router);
}

START_TEST(none)
{
	ck_assert(!TOLD("mode=none"));
	ck_assert_uint_eq(o.nr_nics, 0);
	ck_assert_ptr_null(o.resolv);
}
END_TEST

START_TEST(user_mode)
{
	ck_assert(TOLD("mode=user"));
	is(0, "eth0", 0xc0a8210f, 0xc0a82101);
	ck_assert_str_eq(o.resolv, "nameserver 192.168.33.3\n");
	ck_assert(TOLD("mode=user,host_ip=10.1.2.3,guest_ip=10.1.2.4,domain=a.example,dns=9.9.9.9,"
		       "dns=8.8.8.8"));
	is(0, "eth0", 0x0a010204, 0x0a010203);
	ck_assert_str_eq(o.resolv, "search a.example\nnameserver 9.9.9.9\nnameserver 8.8.8.8\n");
	/* The name server goes out of the way. */
	TOLD("mode=user,host_ip=10.1.2.3,guest_ip=10.1.2.15");
	ck_assert_str_eq(o.resolv, "nameserver 10.1.2.4\n");
}
END_TEST

/* It reaches nothing, and so has nobody to ask for the way. */
START_TEST(restricted)
{
	ck_assert(TOLD("mode=user,restrict=on"));
	is(0, "eth0", 0xc0a8210f, 0);
	ck_assert_ptr_null(o.resolv);
}
END_TEST

START_TEST(several)
{
	ck_assert(TOLD("mode=none", "mode=stream,socket=/tmp/s",
		       "mode=tap,guest_ip=10.0.0.2,"
		       "host_ip=10.0.0.1",
		       "mode=user"));
	is(0, "eth0", 0, 0);
	is(1, "eth1", 0x0a000002, 0x0a000001);
	is(2, "eth2", 0xc0a8210f, 0);
	ck_assert_str_eq(o.resolv, "nameserver 192.168.33.3\n");
}
END_TEST

SUITE_MAIN("lkvm/cli/exec_net", none, user_mode, restricted, several)
