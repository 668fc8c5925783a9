/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main() of a Check suite: one test case, the listed tests, exit status 0 if all passed. */
#ifndef TESTS_UNIT_SUITE_H
#define TESTS_UNIT_SUITE_H

#include <check.h>
#include <stdlib.h>

#include "lkvm/base/util.h"

/*
 * A time limit that was chosen on an idle machine, as long as it has to be on this one: n times
 * TIME_SCALE of the environment (tests/time-scale), in the unit of n. Limits of whole tests grow by
 * themselves (CK_TIMEOUT_MULTIPLIER, which is the same number).
 */
static inline int scaled(int n)
{
	const char *scale = getenv("TIME_SCALE");
	int times = scale ? atoi(scale) : 1;

	return n * (times > 1 ? times : 1);
}

/* The tests of `tc` are the suite `name`: run them. The exit status of main(). */
static inline int suite_run(const char *name, TCase *tc)
{
	Suite *s = suite_create(name);
	SRunner *sr;
	int failed;

	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define SUITE_MAIN(name, ...) SUITE_MAIN_FIXTURE(name, NULL, NULL, __VA_ARGS__)

/* The same with functions that run before and after each test, in its process. */
#define SUITE_MAIN_FIXTURE(name, before, after, ...)                                               \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const tests[] = { __VA_ARGS__ };                                      \
		TCase *tc = tcase_create(name);                                                    \
                                                                                                   \
		tcase_set_timeout(tc, 60);                                                         \
		tcase_add_checked_fixture(tc, before, after);                                      \
		for (size_t i = 0; i < ARRAY_SIZE(tests); i++)                                     \
			tcase_add_test(tc, tests[i]);                                              \
		return suite_run(name, tc);                                                        \
	}

#endif
