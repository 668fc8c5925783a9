/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text that is put together without printf(): the same as with it, to the last byte that fits. */
#include <stdio.h>

#include "lkvm/base/util.h"
#include "tests/unit/suite.h"

START_TEST(as_printf_does_it)
{
	static const char *const texts[] = { "", "a", "seven b", "a text of twenty-one." };

	for (size_t size = 1; size < 60; size++) {
		for (unsigned i = 0; i < 4 * 4 * 4; i++) {
			const char *a = texts[i % 4], *b = texts[i / 4 % 4], *c = texts[i / 16];
			char *buf = malloc(size), *same = malloc(size);
			size_t n = text_add(buf, size, 0, a);

			n = text_add(buf, size, n, b);
			n = text_add(buf, size, n, c);
			snprintf(same, size, "%s%s%s", a, b, c);
			ck_assert_str_eq(buf, same);
			ck_assert_uint_eq(n, strlen(same));
			free(same);
			free(buf);
		}
	}
}
END_TEST

START_TEST(numbers_as_printf_has_them)
{
	static const u64 numbers[] = { 0, 9, 10, 1234567890, UINT64_MAX };
	char buf[32], same[32];

	for (size_t size = 4; size < sizeof(buf); size++) {
		for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
			size_t n = text_add(buf, size, 0, "no.");

			n = text_add_number(buf, size, n, numbers[i]);
			snprintf(same, size, "no.%llu", (unsigned long long)numbers[i]);
			ck_assert_str_eq(buf, same);
			ck_assert_uint_eq(n, strlen(same));
		}
	}
}
END_TEST

SUITE_MAIN("lkvm/util", as_printf_does_it, numbers_as_printf_has_them)
