/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main() of a Check suite: one test case, the listed tests, exit status 0 if all passed. */
#ifndef TESTS_UNIT_SUITE_H
#define TESTS_UNIT_SUITE_H

#include <check.h>
#include <stdlib.h>

#include "lkvm/base/util.h"

#define SUITE_MAIN(name, ...) SUITE_MAIN_FIXTURE(name, NULL, NULL, __VA_ARGS__)

/* The same with functions that run before and after each test, in its process. */
#define SUITE_MAIN_FIXTURE(name, before, after, ...)                                               \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const tests[] = { __VA_ARGS__ };                                      \
		Suite *s = suite_create(name);                                                     \
		TCase *tc = tcase_create(name);                                                    \
		SRunner *sr;                                                                       \
		int failed;                                                                        \
                                                                                                   \
		tcase_set_timeout(tc, 60);                                                         \
		tcase_add_checked_fixture(tc, before, after);                                      \
		for (size_t i = 0; i < ARRAY_SIZE(tests); i++)                                     \
			tcase_add_test(tc, tests[i]);                                              \
		suite_add_tcase(s, tc);                                                            \
		sr = srunner_create(s);                                                            \
		srunner_run_all(sr, CK_ENV);                                                       \
		failed = srunner_ntests_failed(sr);                                                \
		srunner_free(sr);                                                                  \
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                       \
	}

#endif
