/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fields of an option's argument. */
#include <errno.h>

#include "lkvm/base/fields.h"
#include "tests/unit/suite.h"

START_TEST(one_after_the_other)
{
	const char *p = "a,,b,,,c,,";
	char buf[8];

	ck_assert_int_eq(field_next(&p, buf, sizeof(buf)), 1);
	ck_assert_str_eq(buf, "a,b,");
	ck_assert_int_eq(field_next(&p, buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "c,");
	ck_assert_int_eq(field_next(&p, buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "");
	p = "x,";
	ck_assert_int_eq(field_next(&p, buf, sizeof(buf)), 1);
	ck_assert_int_eq(field_next(&p, buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "");
	p = "12345678";
	ck_assert_int_eq(field_next(&p, buf, sizeof(buf)), -E2BIG);
}
END_TEST

START_TEST(values)
{
	ck_assert_str_eq(field_value("key=v=w", "key"), "v=w");
	ck_assert_str_eq(field_value("key=", "key"), "");
	ck_assert_ptr_null(field_value("key", "key"));
	ck_assert_ptr_null(field_value("keys=1", "key"));
}
END_TEST

SUITE_MAIN("lkvm/base/fields", one_after_the_other, values)
