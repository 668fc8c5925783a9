/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lkvm trace: whose each transfer is. */
#include <fcntl.h>
#include <sys/stat.h>

#include "lkvm/base/exit.h"
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

static const char *content_of(const char *path)
{
	static char buf[16];
	int fd = open(path, O_RDONLY);

	buf[MAX(read(fd, buf, sizeof(buf) - 1), 0)] = 0;
	close(fd);
	return buf;
}

/* A capture of yesterday is not lost because the guest of today does not run, or has no network. */
START_TEST(an_older_file)
{
	char path[] = "/tmp/lkvm-trace-XXXXXX";
	const char *argv[] = { "trace", "bounce", "--pcap", path, "g" };
	int fd = mkstemp(path);
	struct stat st;

	ck_assert_int_eq(write(fd, "old", 3), 3);
	close(fd);
	ck_assert_int_eq(chmod(path, 0644), 0);
	answer = "";
	refusal = -ENOENT;
	ck_assert_int_eq(cmd_trace(ARRAY_SIZE(argv), (char **)(uintptr_t)argv), EXIT_DIE);
	ck_assert_str_eq(content_of(path), "old");
	refusal = 0;
	answer = devices(1, "");
	OUTPUT_OF(cmd_trace, "bounce", "--pcap", path, "g");
	ck_assert_str_eq(content_of(path), "");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	unlink(path);
}
END_TEST

SUITE_MAIN("lkvm/cli/cmd_trace", many_devices, a_device_that_is_not_known, an_older_file)
