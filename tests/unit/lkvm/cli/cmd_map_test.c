/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lkvm map: a guest's physical map as text and as JSON. */
#include <stdlib.h>

#include "lkvm/cli/guests.h"
#include "tests/unit/lkvm/cli/asked.h"

#define ANSWER                                                                                     \
	"guest\tg\tsim\t536870912\n"                                                               \
	"loaded\t0x80200000\t4096\tkernel\n"                                                       \
	"range\t0x30000000\t0x10000000\twindow\tPCI configuration\n"                               \
	"range\t0x80000000\t65536\tshared\tRAM\n"                                                  \
	"range\t0x80010000\t131072\tprotected\tRAM\n"                                              \
	"more\t7\t4096\t8192\n"

START_TEST(text_for_people)
{
	const char *text;

	answer = ANSWER;
	text = OUTPUT_OF(cmd_map, "g");
	ck_assert_str_eq(asked, "g: map");
	ck_assert_ptr_nonnull(strstr(text, "Guest g (sim), 512 MiB of RAM\n"));
	ck_assert_ptr_nonnull(
		strstr(text, "  0x80000000 - 0x8000ffff     64 KiB  shared     RAM\n"));
	ck_assert_ptr_nonnull(strstr(text, "loaded     kernel\n"));
	ck_assert_ptr_nonnull(strstr(text, "(7 more ranges of RAM are not listed"));
}
END_TEST

/* Names are not believed to be harmless: neither to a terminal nor in a drawing. */
START_TEST(a_drawing)
{
	char path[] = "/tmp/lkvm-map-XXXXXX";
	static char svg[200000];
	int fd = mkstemp(path);
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	answer = "guest\ta<b>&\"\033\177c\tsim\t536870912\n"
		 "range\t0x80000000\t65536\tshared\tRAM\n";
	ck_assert_str_eq(OUTPUT_OF(cmd_map, "--svg", path, "g"), "");
	n = pread(fd, svg, sizeof(svg) - 1, 0);
	ck_assert(n > 0 && n < (ssize_t)sizeof(svg) - 1);
	ck_assert_ptr_nonnull(strstr(svg, "Guest a&lt;b&gt;&amp;&quot;??c (sim), 512 MiB of RAM<"));
	ck_assert_str_eq(svg + n - 7, "</svg>\n");
	close(fd);
	unlink(path);
}
END_TEST

/* Each device has its row, and each row is in the picture. */
START_TEST(a_drawing_of_many_devices)
{
	char path[] = "/tmp/lkvm-map-XXXXXX", name[16];
	static char svg[400000], devices[8192];
	int fd = mkstemp(path), height = 0;
	size_t n = 0;
	ssize_t len;

	ck_assert_int_ge(fd, 0);
	n = (size_t)snprintf(devices, sizeof(devices), "guest\tg\tsim\t536870912\n");
	for (unsigned i = 0; i < 60; i++)
		n += (size_t)snprintf(devices + n, sizeof(devices) - n,
				      "range\t0x%x\t4096\tdevice\tdev-%u\n", 0x1000000 + i * 0x1000,
				      i);
	snprintf(devices + n, sizeof(devices) - n, "range\t0x80000000\t65536\tmemory\tRAM\n");
	answer = devices;
	ck_assert_str_eq(OUTPUT_OF(cmd_map, "--svg", path, "g"), "");
	len = pread(fd, svg, sizeof(svg) - 1, 0);
	ck_assert(len > 0 && len < (ssize_t)sizeof(svg) - 1);
	for (unsigned i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), ">dev-%u,", i);
		ck_assert_msg(strstr(svg, name), "%s", name);
	}
	ck_assert_int_eq(sscanf(strstr(svg, " height=\""), " height=\"%d", &height), 1);
	for (const char *p = svg; (p = strstr(p, " y=\"")); p++)
		ck_assert_int_lt(atoi(p + 4), height);
	close(fd);
	unlink(path);
}
END_TEST

static json_int_t number(const json_t *o, const char *key)
{
	const json_t *n = json_object_get(o, key);

	ck_assert_msg(json_is_integer(n), "%s", key);
	return json_integer_value(n);
}

START_TEST(json_for_programs)
{
	json_t *o, *list;

	answer = ANSWER;
	o = document(OUTPUT_OF(cmd_map, "--json", "g"));
	ck_assert_str_eq(json_string_value(json_object_get(o, "guest")), "g");
	ck_assert_str_eq(json_string_value(json_object_get(o, "backend")), "sim");
	ck_assert_int_eq(number(o, "ram"), 512 << 20);
	ck_assert_int_eq(number(o, "memory"), 0);
	ck_assert_int_eq(number(o, "shared"), 65536 + 4096);
	ck_assert_int_eq(number(o, "protected"), 131072 + 8192);
	ck_assert_int_eq(number(o, "not_listed"), 7);
	list = json_object_get(o, "loaded");
	ck_assert_uint_eq(json_array_size(list), 1);
	ck_assert_int_eq(number(json_array_get(list, 0), "base"), 0x80200000);
	ck_assert_ptr_null(json_object_get(json_array_get(list, 0), "kind"));
	list = json_object_get(o, "ranges");
	ck_assert_uint_eq(json_array_size(list), 3);
	ck_assert_int_eq(number(json_array_get(list, 2), "base"), 0x80010000);
	ck_assert_int_eq(number(json_array_get(list, 2), "size"), 131072);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 0), "kind")),
			 "window");
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 0), "name")),
			 "PCI configuration");
	json_decref(o);
}
END_TEST

/* Nobody who names a guest means the others, too. */
START_TEST(a_name_and_all)
{
	struct guests g = { .name = "g", .all = true };

	capture_start();
	ck_assert_int_eq(guests_each(&g, NULL, NULL), EXIT_DIE);
	captured_one_error("one guest", "");
}
END_TEST

SUITE_MAIN("lkvm/cli/cmd_map", text_for_people, a_drawing, a_drawing_of_many_devices,
	   a_name_and_all, json_for_programs)
