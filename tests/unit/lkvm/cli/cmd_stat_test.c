/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lkvm stat: what a guest's devices touched, as a table and as JSON. */
#include "tests/unit/lkvm/cli/asked.h"

#define ANSWER                                                                                     \
	"time\t12.345\n"                                                                           \
	"device\t0\tvirtio-net 0\t0000:00:00.0\n"                                                  \
	"device\t1\tvirtio-blk 0\t0000:00:01.0\n"                                                  \
	"sums\t0\t11\t1345\t54\t184140\t2\t32\t1395\t44\t1\n"                                      \
	"sums\t1\t18446744073\t80\t86\t331781\t0\t0\t331781\t88\t0\n"

START_TEST(a_table_for_people)
{
	const char *text;

	answer = ANSWER;
	text = OUTPUT_OF(cmd_stat, "--bounce", "g");
	ck_assert_str_eq(asked, "g: bounce");
	ck_assert_ptr_nonnull(strstr(text, "Guest g after 12.345 s, what its devices touched:\n"));
	ck_assert_ptr_nonnull(strstr(
		text,
		"virtio-net 0       0000:00:00.0          11         1345        54       184140"
		"         1395      44        1\n"));
}
END_TEST

START_TEST(json_for_programs)
{
	static const struct {
		const char *key;
		json_int_t of_net;
	} sums[] = {
		{ "out_transfers", 11 }, { "out_bytes", 1345 }, { "in_transfers", 54 },
		{ "in_room", 184140 },	 { "in_bytes", 1395 },	{ "tables", 2 },
		{ "table_bytes", 32 },	 { "pages", 44 },	{ "refused", 1 },
	};
	const char *text;
	json_t *o, *devices, *net;

	answer = ANSWER;
	text = OUTPUT_OF(cmd_stat, "--bounce", "--json", "g");
	ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1); /* a line for each guest */
	o = document(text);
	ck_assert_str_eq(json_string_value(json_object_get(o, "guest")), "g");
	ck_assert_ptr_nonnull(strstr(text, "\"seconds\": 12.345,"));
	devices = json_object_get(o, "devices");
	ck_assert_uint_eq(json_array_size(devices), 2);
	net = json_array_get(devices, 0);
	ck_assert_str_eq(json_string_value(json_object_get(net, "name")), "virtio-net 0");
	ck_assert_str_eq(json_string_value(json_object_get(net, "bus")), "0000:00:00.0");
	for (unsigned i = 0; i < ARRAY_SIZE(sums); i++)
		ck_assert_msg(json_integer_value(json_object_get(net, sums[i].key)) ==
				      sums[i].of_net,
			      "%s", sums[i].key);
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_array_get(devices, 1), "out_transfers")),
		18446744073);
	json_decref(o);
}
END_TEST

/* An answer without a time is still an answer. */
START_TEST(a_time_that_is_none)
{
	json_t *o;

	answer = "time\tsoon\n";
	o = document(OUTPUT_OF(cmd_stat, "--bounce", "--json", "g"));
	ck_assert(json_is_null(json_object_get(o, "seconds")));
	ck_assert_uint_eq(json_array_size(json_object_get(o, "devices")), 0);
	json_decref(o);
}
END_TEST

/* As many as the options allow, on virtio-mmio. */
START_TEST(many_devices)
{
	static char text[8192];
	size_t n = (size_t)snprintf(text, sizeof(text), "time\t1.000\n");
	json_t *root, *o;

	for (unsigned i = 0; i < 44; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "device\t%u\tdev %u\tbus %u\nsums\t%u\t%u\n", i, i, i, i, i);
	answer = text;
	root = document(OUTPUT_OF(cmd_stat, "--bounce", "--json", "g"));
	o = json_object_get(root, "devices");
	ck_assert_uint_eq(json_array_size(o), 44);
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_array_get(o, 43), "out_transfers")), 43);
	json_decref(root);
}
END_TEST

/* They are the guest's, which may say anything; JSON has no such numbers. */
START_TEST(numbers_that_are_none)
{
	json_t *o;

	answer = "balloon\t0\t0\t0\n"
		 "stat\tfree\t18446744073709551615\n"
		 "stat\ttotal\t9223372036854775807\n"
		 "stat\tcaches\t9223372036854775808\n";
	o = document(OUTPUT_OF(cmd_stat, "-m", "--json", "g"));
	ck_assert_ptr_null(json_object_get(o, "free"));
	ck_assert_ptr_null(json_object_get(o, "caches"));
	ck_assert_int_eq(json_integer_value(json_object_get(o, "total")), INT64_MAX);
	json_decref(o);
	ck_assert_ptr_null(strstr(OUTPUT_OF(cmd_stat, "-m", "g"), "free "));
}
END_TEST

SUITE_MAIN("lkvm/cli/cmd_stat", a_table_for_people, json_for_programs, a_time_that_is_none,
	   many_devices, numbers_that_are_none)
