/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lkvm trace: whose each transfer is. */
#include "tests/unit/lkvm/cli/asked.h"

static const char *devices(unsigned nr, const char *rest)
{
	static char text[8192];
	size_t n = 0;

	for (unsigned i = 0; i < nr; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "device\t%u\tdev-%u\tbus-%u\n", i,
				      i, i);
	snprintf(text + n, sizeof(text) - n, "%s", rest);
	return text;
}

/* As many as the options allow, on virtio-mmio. */
START_TEST(many_devices)
{
	const char *text;
	json_t *o;

	answer = devices(44, "transfer\t0.000001\t43\t1\tout\t0x1000\t64\n");
	text = OUTPUT_OF(cmd_trace, "bounce", "g");
	ck_assert_str_eq(asked, "g: trace");
	ck_assert_msg(strstr(text, "bus-43 dev-43 queue 1 out 0x1000 64\n"), "%s", text);
	o = document(OUTPUT_OF(cmd_trace, "bounce", "--json", "g"));
	ck_assert_str_eq(json_string_value(json_object_get(o, "device")), "dev-43");
	json_decref(o);
}
END_TEST

/* One that a later lkvm has more of is nobody else's. */
START_TEST(a_device_that_is_not_known)
{
	const char *text;

	answer = devices(64, "transfer\t0.000001\t1000\t1\tin\t0x1000\t64\n");
	text = OUTPUT_OF(cmd_trace, "bounce", "g");
	ck_assert_ptr_null(strstr(text, "dev-"));
	ck_assert_msg(strstr(text, "queue 1 in 0x1000 64\n"), "%s", text);
}
END_TEST

SUITE_MAIN("lkvm/cli/cmd_trace", many_devices, a_device_that_is_not_known)
