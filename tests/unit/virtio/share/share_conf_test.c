/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The --9p option: kvmtool's form, every key, and each way to get it wrong. */
#include <errno.h>
#include <string.h>

#include "tests/unit/arm64/capture.h"
#include "tests/unit/suite.h"
#include "virtio/share/share_conf.h"

static struct share_conf c;

START_TEST(forms)
{
	ck_assert_int_eq(share_conf_parse("/srv", &c), 0);
	ck_assert_str_eq(c.path, "/srv");
	ck_assert_str_eq(c.tag, "kvm_9p");
	ck_assert(!c.read_only && c.map == SHARE_MAP_HOST);
	ck_assert_int_eq(share_conf_parse("/srv,home", &c), 0);
	ck_assert_str_eq(c.tag, "home");
	ck_assert_int_eq(share_conf_parse("/a,,b,t,,u,ro,map=root", &c), 0);
	ck_assert_str_eq(c.path, "/a,b");
	ck_assert_str_eq(c.tag, "t,u");
	ck_assert(c.read_only && c.map == SHARE_MAP_ROOT);
	ck_assert_int_eq(share_conf_parse("/srv,ro,map=host,tag=ro", &c), 0);
	ck_assert_str_eq(c.tag, "ro");
	ck_assert_int_eq(share_conf_parse("/srv,01234567890123456789012345678901", &c), 0);
}
END_TEST

START_TEST(errors)
{
	static const char *const bad[] = {
		"",	      ",tag",	   "/srv,ro,tag2",
		"/srv,",      "/srv,a,b",  "/srv,map=",
		"/srv,map=x", "/srv,tag=", "/srv,012345678901234567890123456789012",
	};
	static char path[PATH_MAX + 8];

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(share_conf_parse(bad[i], &c) == -EINVAL, "%s", bad[i]);
	memset(path, 'x', sizeof(path) - 1);
	ck_assert_int_eq(share_conf_parse(path, &c), -EINVAL);
}
END_TEST

/* The guest would find the first of them alone. */
START_TEST(two_with_one_tag)
{
	struct share_conf two[3];

	ck_assert(!share_conf_parse("/a", &two[0]) && !share_conf_parse("/b,kvm", &two[1]));
	ck_assert_int_eq(share_conf_check(two, 2), 0);
	ck_assert_int_eq(share_conf_parse("/c", &two[2]), 0);
	capture_start();
	ck_assert_int_eq(share_conf_check(two, 3), -EINVAL);
	captured_one_error("--9p: two have the tag kvm_9p", "by tag=");
}
END_TEST

SUITE_MAIN("virtio/share/share_conf", forms, errors, two_with_one_tag)
