/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which guests' memory can be lent to other processes. */
#include <errno.h>

#include "lkvm/run/lend.h"
#include "lkvm/vm/mem.h"
#include "realm/realm.h"
#include "tests/unit/suite.h"

static struct config c;
static u64 flags;

static int lend(const struct realm_ops *ops, bool gmem)
{
	struct realm_conf conf = { .host.gmem = gmem };

	flags = ops->mem_flags(&conf);
	return lend_flags(&flags, &c, ops);
}

START_TEST(kinds)
{
	config_init(&c);
	c.nr_fs = 1;
	ck_assert_int_eq(lend(&realm_none, false), 0);
	ck_assert(flags & MEM_LENT);
	ck_assert_int_eq(lend(&realm_sim, false), 0);
	ck_assert(flags & MEM_LENT);
	ck_assert_int_eq(lend(&realm_rme, true), 0);
	ck_assert(flags & MEM_LENT);
	ck_assert_int_eq(lend(&realm_rmi, true), 0);
	ck_assert(flags & MEM_LENT);
	/* Shared and protected pages in one place. */
	ck_assert_int_eq(lend(&realm_rme, false), -EOPNOTSUPP);
	ck_assert_int_eq(lend(&realm_pkvm, false), -EOPNOTSUPP);
	ck_assert(!(flags & MEM_LENT));
}
END_TEST

START_TEST(nobody_to_lend_to)
{
	config_init(&c);
	ck_assert_int_eq(lend(&realm_none, false), 0);
	ck_assert(!(flags & MEM_LENT));
	ck_assert_int_eq(lend(&realm_pkvm, false), 0);
}
END_TEST

SUITE_MAIN("lkvm/run/lend", kinds, nobody_to_lend_to)
