/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The --fs option: every key, and each way to get it wrong. */
#include <errno.h>
#include <string.h>

#include "tests/unit/suite.h"
#include "virtio/vhost/fs_conf.h"

static struct fs_conf c;

START_TEST(forms)
{
	ck_assert_int_eq(fs_conf_parse("/srv", &c), 0);
	ck_assert_str_eq(c.path, "/srv");
	ck_assert_str_eq(c.tag, "virtiofs");
	ck_assert(!c.read_only && !c.socket[0] && c.sandbox == FS_SANDBOX_AUTO);
	ck_assert_int_eq(fs_conf_parse("/a,,b,tag=t,,u,ro,sandbox=chroot", &c), 0);
	ck_assert_str_eq(c.path, "/a,b");
	ck_assert_str_eq(c.tag, "t,u");
	ck_assert(c.read_only && c.sandbox == FS_SANDBOX_CHROOT);
	ck_assert_int_eq(fs_conf_parse("ro,sandbox=none", &c), 0);
	ck_assert_str_eq(c.path, "ro");
	ck_assert(c.sandbox == FS_SANDBOX_NONE);
	ck_assert_int_eq(
		fs_conf_parse("socket=/run/s,tag=012345678901234567890123456789012345", &c), 0);
	ck_assert_str_eq(c.path, "");
	ck_assert_str_eq(c.socket, "/run/s");
	ck_assert_int_eq(fs_conf_parse("/srv,socket=/run/s", &c), 0);
	ck_assert_str_eq(c.path, "/srv");
	ck_assert_str_eq(c.socket, "/run/s");
}
END_TEST

START_TEST(errors)
{
	static const char *const bad[] = {
		"",
		",tag=t",
		"/srv,",
		"/srv,tag=",
		"/srv,t",
		"/srv,sandbox=x",
		"/srv,socket=",
		"/srv,ro,socket=/run/s",
		"/srv,sandbox=none,socket=/run/s",
		"/srv,tag=0123456789012345678901234567890123456",
		"/srv,socket=0123456789012345678901234567890123456789012345678901234567890123456789"
		"01234567890123456789012345678901234567",
	};
	static char path[PATH_MAX + 8];

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(fs_conf_parse(bad[i], &c) == -EINVAL, "%s", bad[i]);
	memset(path, 'x', sizeof(path) - 1);
	ck_assert_int_eq(fs_conf_parse(path, &c), -EINVAL);
}
END_TEST

START_TEST(tags)
{
	static struct fs_conf two[2];

	fs_conf_parse("/a", &two[0]);
	fs_conf_parse("/b,tag=b", &two[1]);
	ck_assert_int_eq(fs_conf_check(two, 2), 0);
	fs_conf_parse("/b", &two[1]);
	ck_assert_int_eq(fs_conf_check(two, 2), -EINVAL);
	ck_assert_int_eq(fs_conf_check(two, 1), 0);
}
END_TEST

SUITE_MAIN("virtio/vhost/fs_conf", forms, errors, tags)
