/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lkvm setup: what it makes below a home, and names that are none. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/cli/cmd.h"
#include "lkvm/exec/orders.h"
#include "tests/unit/arm64/capture.h"

const void *orders_init(size_t *len)
{
	*len = 4;
	return "INIT";
}

static char home[] = "/tmp/lkvm-setup-XXXXXX";

static const char *at(const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/.lkvm/mine/%s", home, name);
	return path;
}

static int setup_of(char *name)
{
	char *argv[] = { (char[]){ "setup" }, name, NULL };

	return cmd_setup(name ? 2 : 1, argv);
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(home));
	setenv("HOME", home, 1);
	capture_start();
}

static void teardown(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", home);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(a_skeleton)
{
	char buf[64] = "", text[256];
	struct stat st;
	int fd, printed = memfd_create("stdout", MFD_CLOEXEC);

	dup2(printed, STDOUT_FILENO);
	ck_assert_int_eq(setup_of((char[]){ "mine" }), 0);
	ck_assert_int_eq(stat(at("var/lib"), &st), 0);
	ck_assert_int_eq(stat(at("virt/home"), &st), 0);
	ck_assert_int_gt(readlink(at("lib64"), buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "/host/lib64");
	ck_assert_int_eq(stat(at("virt/init"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0755);
	ck_assert_int_eq(st.st_size, 4);
	/* Again: what the user has made of it stays, the init is renewed. */
	fd = open(at("etc/passwd"), O_WRONLY | O_TRUNC);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(truncate(at("virt/init"), 100), 0);
	ck_assert_int_eq(setup_of((char[]){ "mine" }), 0);
	ck_assert_int_eq(stat(at("etc/passwd"), &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	ck_assert_int_eq(stat(at("virt/init"), &st), 0);
	ck_assert_int_eq(st.st_size, 4);
	ck_assert_str_eq(captured(), "");
	/* It is not called new the second time. */
	fflush(stdout);
	memset(text, 0, sizeof(text));
	ck_assert_int_gt(pread(printed, text, sizeof(text) - 1, 0), 0);
	ck_assert_ptr_nonnull(strstr(text, "~/.lkvm/mine; lkvm run -d mine"));
	ck_assert_ptr_null(strstr(text, "new"));
}
END_TEST

START_TEST(no_names)
{
	static char names[][8] = { "", ".x", "a/b", "..", "a\nb", "a\033[2J", "a\xff" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		ck_assert_int_eq(setup_of(names[i]), EXIT_DIE);
		captured_one_error("give a name", "");
	}
	ck_assert_int_eq(setup_of(NULL), EXIT_DIE);
	captured_one_error("give a name", "");
}
END_TEST

/* What is half there would stay for ever, as what a user has changed does. */
START_TEST(a_disk_that_is_full_leaves_no_half_files)
{
	struct rlimit full = { 2, RLIM_INFINITY }; /* for what is captured, too */
	struct stat st;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
	ck_assert_int_eq(setup_of((char[]){ "mine" }), EXIT_DIE);
	full.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
	ck_assert_int_lt(stat(at("etc/passwd"), &st), 0);
	ck_assert_int_eq(setup_of((char[]){ "mine" }), 0);
	ck_assert_int_eq(stat(at("etc/passwd"), &st), 0);
	ck_assert_int_gt(st.st_size, 2);
}
END_TEST

/* It may write to all of its root; a later lkvm setup must not follow what it leaves. */
START_TEST(a_guest_that_leaves_links_leads_nowhere)
{
	static const char *const dirs[] = { "virt", "etc", "var" };
	char outside[64], command[200];
	struct stat st;

	snprintf(outside, sizeof(outside), "%s/outside", home);
	for (unsigned i = 0; i < ARRAY_SIZE(dirs); i++) {
		ck_assert_int_eq(setup_of((char[]){ "mine" }), 0);
		ck_assert_int_eq(mkdir(outside, 0755), 0);
		snprintf(command, sizeof(command), "rm -rf %s && ln -s %s %s", at(dirs[i]), outside,
			 at(dirs[i]));
		ck_assert_int_eq(system(command), 0);
		ck_assert_int_eq(setup_of((char[]){ "mine" }), EXIT_DIE);
		captured_one_error("cannot set up ~/.lkvm/mine", "");
		/* Nothing was made in there. */
		ck_assert_int_eq(rmdir(outside), 0);
		ck_assert_int_eq(unlink(at(dirs[i])), 0);
	}
	/* Nor is a pipe waited for, or a link to a file written through. */
	ck_assert_int_eq(setup_of((char[]){ "mine" }), 0);
	ck_assert_int_eq(unlink(at("virt/init")), 0);
	ck_assert_int_eq(mkfifo(at("virt/init"), 0644), 0);
	ck_assert_int_eq(unlink(at("etc/passwd")), 0);
	ck_assert_int_eq(symlink(outside, at("etc/passwd")), 0);
	ck_assert_int_eq(setup_of((char[]){ "mine" }), 0);
	ck_assert_int_eq(lstat(at("virt/init"), &st), 0);
	ck_assert(S_ISREG(st.st_mode) && st.st_size == 4);
	ck_assert_int_lt(lstat(outside, &st), 0);
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/cmd_setup", setup, teardown, a_skeleton, no_names,
		   a_disk_that_is_full_leaves_no_half_files,
		   a_guest_that_leaves_links_leads_nowhere)
