/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's hardware addresses: those that were heard of, and the one that is supposed. */
#include "net/user/neigh.h"

#include <string.h>

#include "tests/unit/suite.h"

static struct ip_key key_of(unsigned n, bool v6)
{
	struct ip_key k = { .v6 = v6 };

	k.guest[0] = 192;
	k.guest[v6 ? 15 : 3] = (u8)n;
	return k;
}

static void is(const struct neigh *n, unsigned i, bool v6, const char *mac, bool known)
{
	const struct ip_key k = key_of(i, v6);
	u8 out[6];

	ck_assert(neigh_find(n, &k, out) == known);
	ck_assert_mem_eq(out, mac, 6);
}

static void learn(struct neigh *n, unsigned i, bool v6, const char *mac)
{
	neigh_learn(n, key_of(i, v6).guest, v6, (const u8 *)mac);
}

START_TEST(what_was_heard)
{
	struct neigh n = { .mac = "card00" };

	is(&n, 1, false, "card00", false);
	learn(&n, 1, false, "first0");
	learn(&n, 2, false, "second");
	learn(&n, 1, true, "other0");
	is(&n, 1, false, "first0", true);
	is(&n, 2, false, "second", true);
	is(&n, 1, true, "other0", true);
	is(&n, 3, false, "card00", false);
	is(&n, 2, true, "card00", false);
	/* Another card is in its place. */
	learn(&n, 1, false, "third0");
	is(&n, 1, false, "third0", true);
}
END_TEST

START_TEST(the_oldest_is_forgotten)
{
	struct neigh n = { .mac = "card00" };

	for (unsigned i = 0; i < 17; i++)
		learn(&n, i, false, "heard0");
	is(&n, 0, false, "card00", false);
	for (unsigned i = 1; i < 17; i++)
		is(&n, i, false, "heard0", true);
}
END_TEST

SUITE_MAIN("net/user/neigh", what_was_heard, the_oldest_is_forgotten)
