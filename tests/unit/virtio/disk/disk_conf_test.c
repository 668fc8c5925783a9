/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The --disk option: every key, commas in names, and each way to get it wrong. */
#include <errno.h>
#include <string.h>

#include "tests/unit/suite.h"
#include "virtio/disk/disk.h"

START_TEST(defaults)
{
	struct disk_conf c;

	ck_assert_int_eq(disk_conf_parse("/tmp/a.img", &c), 0);
	ck_assert_str_eq(c.path, "/tmp/a.img");
	ck_assert_int_eq(c.format, DISK_FORMAT_NONE);
	ck_assert(!c.ephemeral && !c.backing && !c.block_size);
	ck_assert(!c.read_only && !c.direct && !c.no_uring);
	ck_assert_uint_eq(c.nr_queues, 1);
	ck_assert_str_eq(c.serial, "");
}
END_TEST

START_TEST(every_key)
{
	struct disk_conf c;

	ck_assert_int_eq(disk_conf_parse("d,ro,format=qcow2,serial=01234567890123456789,"
					 "queues=16,io=threads",
					 &c),
			 0);
	ck_assert_str_eq(c.path, "d");
	ck_assert(c.read_only && !c.direct && c.no_uring);
	ck_assert_int_eq(c.format, DISK_FORMAT_QCOW2);
	ck_assert_str_eq(c.serial, "01234567890123456789");
	ck_assert_uint_eq(c.nr_queues, 16);
	ck_assert_int_eq(disk_conf_parse("d,format=raw,io=uring", &c), 0);
	ck_assert(c.format == DISK_FORMAT_RAW && !c.no_uring);
	ck_assert_int_eq(disk_conf_parse("d,direct,blocksize=4096", &c), 0);
	ck_assert(c.direct && c.block_size == 4096);
	ck_assert_int_eq(disk_conf_parse("d,blocksize=512,ephemeral", &c), 0);
	ck_assert(c.ephemeral && !c.read_only && c.block_size == 512);
	ck_assert_int_eq(disk_conf_parse("d,ephemeral,format=qcow2,backing=on", &c), 0);
	ck_assert(c.ephemeral && c.backing && c.format == DISK_FORMAT_QCOW2);
}
END_TEST

START_TEST(commas_are_doubled)
{
	struct disk_conf c;

	ck_assert_int_eq(disk_conf_parse("a,,b,,,ro", &c), 0);
	ck_assert_str_eq(c.path, "a,b,");
	ck_assert(c.read_only);
	ck_assert_int_eq(disk_conf_parse(",,,serial=x,,y", &c), 0);
	ck_assert_str_eq(c.path, ",");
	ck_assert_str_eq(c.serial, "x,y");
	ck_assert_int_eq(disk_conf_parse("a,,", &c), 0);
	ck_assert_str_eq(c.path, "a,");
}
END_TEST

START_TEST(mistakes)
{
	static const char *const bad[] = {
		"",
		",ro",
		"a,rofl",     /* kvmtool took it for "ro", */
		"a,readonly", /* and this, the user's disk at risk, for nothing */
		"a,ro=1",
		"a,,ro,x",
		"a,direct,",
		"a,ro,,direct",
		"a,format=",
		"a,format=qcow",
		"a,format",
		"a,serial=",
		"a,serial=012345678901234567890",
		"a,queues=0",
		"a,queues=17",
		"a,queues=",
		"a,queues=2x",
		"a,queues=-1",
		"a,queues= 1",
		"a,queues=99999999999999999999",
		"a,io=aio",
		"a,blocksize=1024",
		"a,blocksize=",
		"a,backing=yes,format=qcow2,ro",
		/* Each by itself is good. */
		"a,ro,ephemeral",
		"a,format=qcow2",
		"a,backing=on",
		"a,backing=on,format=raw",
		"a,ro,direct,format=qcow2",
		"a,ephemeral,direct",
		"a,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"scsi:naa.600140554cf3a18e",
	};
	struct disk_conf c;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(disk_conf_parse(bad[i], &c) == -EINVAL, "accepted '%s'", bad[i]);
}
END_TEST

START_TEST(long_names)
{
	char arg[PATH_MAX + 8];
	struct disk_conf c;

	memset(arg, 'x', sizeof(arg));
	arg[PATH_MAX - 1] = '\0';
	ck_assert_int_eq(disk_conf_parse(arg, &c), 0);
	ck_assert_uint_eq(strlen(c.path), PATH_MAX - 1);
	arg[PATH_MAX - 1] = 'x';
	arg[PATH_MAX] = '\0';
	ck_assert_int_eq(disk_conf_parse(arg, &c), -EINVAL);
}
END_TEST

SUITE_MAIN("virtio/disk_conf", defaults, every_key, commas_are_doubled, mistakes, long_names)
