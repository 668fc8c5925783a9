/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One count of sockets for all user networks, and who gives way when they are used up. */
#include "net/user/budget.h"

#include <sys/resource.h>

#include "tests/unit/suite.h"

#define SECOND UINT64_C(1000000000)

/* A network with flows of three ages. */
struct net {
	struct budget b;
	unsigned busy, young, old; /* never idle; for 5 s; for 3 minutes */
	unsigned calls;
};

static void tell(struct net *n)
{
	budget_set(&n->b, n->busy + n->young + n->old);
}

static void expire(void *arg, unsigned idle_ms)
{
	struct net *n = arg;

	n->calls++;
	if (idle_ms <= 180000)
		n->old = 0;
	if (idle_ms <= 5000)
		n->young = 0;
	tell(n);
}

static void join(struct net *n)
{
	n->b = (struct budget){ .expire = expire, .arg = n };
	budget_join(&n->b);
	tell(n);
}

/* So many descriptors as to make it `sockets`. */
static void limit(unsigned sockets)
{
	struct rlimit r = { .rlim_cur = 2 * sockets, .rlim_max = 2 * sockets };

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
}

START_TEST(all_networks_count_together)
{
	struct net a = { .busy = 100 }, b = { .busy = 155 };

	limit(256);
	join(&a);
	join(&b);
	ck_assert(budget_has_room(BUDGET_GUEST));
	b.busy++;
	tell(&b);
	ck_assert(!budget_has_room(BUDGET_GUEST));
	ck_assert(budget_has_room(BUDGET_DATAGRAM));
	b.busy += 32;
	tell(&b);
	ck_assert(!budget_has_room(BUDGET_DATAGRAM));
	ck_assert(budget_has_room(BUDGET_FORWARD));
	b.busy += 96;
	tell(&b);
	ck_assert(!budget_has_room(BUDGET_FORWARD));
	budget_leave(&a.b);
	ck_assert(budget_has_room(BUDGET_FORWARD));
	budget_leave(&b.b);
	ck_assert(budget_has_room(BUDGET_GUEST));
}
END_TEST

START_TEST(never_more_than_2048)
{
	struct net a = { .busy = 2047 };

	limit(4096);
	join(&a);
	ck_assert(budget_has_room(BUDGET_GUEST));
	a.busy++;
	tell(&a);
	ck_assert(!budget_has_room(BUDGET_GUEST));
	budget_leave(&a.b);
}
END_TEST

/* What costs nothing may be more; descriptors are everybody's. */
START_TEST(direct_connections_have_a_limit_of_their_own)
{
	struct net a = { .busy = 2048 }, d = { .busy = 10000 - 2049 };

	limit(10000);
	join(&a);
	join(&d);
	d.b.direct = true;
	ck_assert(!budget_has_room(BUDGET_GUEST));
	ck_assert(budget_has_room(BUDGET_DATAGRAM));
	ck_assert(budget_has_room(BUDGET_DIRECT));
	d.busy++;
	tell(&d);
	ck_assert(!budget_has_room(BUDGET_DIRECT));
	ck_assert(budget_has_room(BUDGET_FORWARD));
	budget_leave(&a.b);
	budget_leave(&d.b);
	limit(100);
	a.busy = 50;
	d.busy = 50;
	join(&a);
	join(&d);
	d.b.direct = true;
	ck_assert(!budget_has_room(BUDGET_GUEST));
	ck_assert(!budget_has_room(BUDGET_DIRECT));
	ck_assert(budget_has_room(BUDGET_FORWARD));
	budget_leave(&a.b);
	budget_leave(&d.b);
}
END_TEST

START_TEST(the_oldest_give_way_first)
{
	struct net a = { .busy = 100, .young = 50, .old = 6 }, b = { .busy = 70, .old = 30 };

	limit(256);
	join(&a);
	join(&b);
	ck_assert(budget_make_room(SECOND));
	ck_assert_uint_eq(a.old + b.old, 0);
	ck_assert_uint_eq(a.young, 50);
	/* Again, but not within a second. */
	a.busy = 136;
	tell(&a);
	ck_assert(!budget_has_room(BUDGET_GUEST));
	ck_assert(!budget_make_room(SECOND * 3 / 2));
	ck_assert_uint_eq(a.young, 50);
	ck_assert(budget_make_room(SECOND * 2));
	ck_assert_uint_eq(a.young, 0);
	/* Nothing left that could go. */
	a.busy += 50;
	tell(&a);
	ck_assert(!budget_make_room(SECOND * 4));
	ck_assert(!budget_has_room(BUDGET_GUEST));
	budget_leave(&a.b);
	budget_leave(&b.b);
}
END_TEST

SUITE_MAIN("net/user/budget", all_networks_count_together, never_more_than_2048,
	   direct_connections_have_a_limit_of_their_own, the_oldest_give_way_first)
