/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON documents: any text, numbers as they were, one error that spreads, how they are printed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lkvm/base/json.h"
#include "tests/unit/arm64/capture.h"

static int out_fd;
static char out[1024];

static void before(void)
{
	capture_start();
	out_fd = memfd_create("stdout", MFD_CLOEXEC);
	dup2(out_fd, STDOUT_FILENO);
}

static const char *printed(json_t *o, unsigned indent)
{
	ck_assert_int_eq(ftruncate(out_fd, 0), 0);
	lseek(out_fd, 0, SEEK_SET);
	ck_assert_int_eq(json_print(o, indent), 0);
	out[MAX(pread(out_fd, out, sizeof(out) - 1, 0), 0)] = 0;
	return out;
}

START_TEST(members_stay_in_order)
{
	json_t *o = json_object(), *list = json_array();

	json_append(&list, json_integer(1));
	json_append(&list, json_true());
	json_add(&o, "z", json_integer(INT64_MAX));
	json_add(&o, "a", list);
	ck_assert_str_eq(printed(json_incref(o), 0),
			 "{\"z\": 9223372036854775807, \"a\": [1, true]}\n");
	ck_assert_str_eq(printed(o, 2), "{\n  \"z\": 9223372036854775807,\n  \"a\": [\n    1,\n"
					"    true\n  ]\n}\n");
}
END_TEST

START_TEST(any_text)
{
	ck_assert_str_eq(printed(json_pack("[o]", json_text("a\"\\\t")), 0),
			 "[\"a\\\"\\\\\\t\"]\n");
	/* In ASCII, so that a terminal sees no U+009b. */
	ck_assert_str_eq(printed(json_pack("[o]", json_text("\xc3\xa9\xc2\x9b")), 0),
			 "[\"\\u00E9\\u009B\"]\n");
	/* No UTF-8: there is no way to say that in JSON. */
	ck_assert_str_eq(printed(json_pack("[o]", json_text("a\xff\xc3z")), 0), "[\"a??z\"]\n");
}
END_TEST

START_TEST(numbers_are_not_made_longer)
{
	ck_assert_str_eq(printed(json_loads("[12.345, 0.1]", 0, NULL), 0), "[12.345, 0.1]\n");
}
END_TEST

START_TEST(no_memory_spreads)
{
	json_t *o = json_object(), *list = json_array();

	json_append(&list, json_integer(1));
	json_append(&list, NULL);
	ck_assert_ptr_null(list);
	json_append(&list, json_integer(2));
	ck_assert_ptr_null(list);
	json_add(&o, "list", list);
	ck_assert_ptr_null(o);
	json_add(&o, "more", json_integer(3));
	ck_assert_ptr_null(o);
	ck_assert_int_eq(json_print(o, 0), -ENOMEM);
	captured_one_error("cannot print the JSON document", "memory");
}
END_TEST

START_TEST(nowhere_to_print)
{
	dup2(open("/dev/full", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
	ck_assert_int_eq(json_print(json_object(), 0), -ENOSPC);
	captured_one_error("cannot write to standard output", "No space left");
	ck_assert(!ferror(stdout));
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/base/json", before, NULL, members_stay_in_order, any_text,
		   numbers_are_not_made_longer, no_memory_spreads, nowhere_to_print)
