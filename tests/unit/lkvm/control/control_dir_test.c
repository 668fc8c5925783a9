/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lock on the directory of control sockets: between finding a socket stale and putting another
 * one in its place nobody else does the same. The second one would remove the first one's new
 * socket.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lkvm/control/control_client.h"
#include "lkvm/control/control_dir.h"
#include "tests/unit/arm64/capture.h"
#include "tests/unit/lkvm/control/home.h"

/* What the home is on, and the host: NULL: what it is. */
static const char *host;

int fstatfs(int fd, struct statfs *fs)
{
	ck_assert_int_eq(fstatfs64(fd, (struct statfs64 *)fs), 0);
	fs->f_type = host ? NFS_SUPER_MAGIC : TMPFS_MAGIC;
	return 0;
}

int uname(struct utsname *u)
{
	snprintf(u->nodename, sizeof(u->nodename), "%s", host ? host : "localhost");
	return 0;
}

static int open_dir(void)
{
	char why[200];
	int fd = control_dir_open(why, sizeof(why));

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* What kill -9 leaves. */
static void leave_stale(int dir, const char *name)
{
	int s = control_dir_claim(dir, name);

	ck_assert_int_ge(s, 0);
	close(s);
}

/* ---- somebody who waits for the lock ---- */

struct claimer {
	int (*call)(int dir, const char *name);
	int dir, result;
	atomic_bool done;
};

static void *claim(void *arg)
{
	struct claimer *c = arg;

	c->result = c->call(c->dir, "g");
	atomic_store(&c->done, true);
	return NULL;
}

/* A lock on this directory has somebody who waits for it: a line with an arrow. */
static bool is_waited_for(int dir)
{
	FILE *f = fopen("/proc/locks", "r");
	char line[256], ino[32];
	bool found = false;
	struct stat st;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fstat(dir, &st), 0);
	snprintf(ino, sizeof(ino), ":%llu ", (unsigned long long)st.st_ino);
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, "-> FLOCK") && strstr(line, ino);
	fclose(f);
	return found;
}

/* While another guest has the lock, this call does nothing; after it, it returns this. */
static int waits_for_lock(int (*call)(int dir, const char *name))
{
	struct claimer c = { .call = call, .dir = open_dir() };
	int other = open_dir();
	pthread_t t;

	ck_assert_int_eq(flock(other, LOCK_EX), 0);
	ck_assert_int_eq(pthread_create(&t, NULL, claim, &c), 0);
	while (!is_waited_for(other)) {
		ck_assert_msg(!atomic_load(&c.done), "it did not wait");
		usleep(1000);
	}
	ck_assert(!atomic_load(&c.done));
	close(other);
	pthread_join(t, NULL);
	close(c.dir);
	return c.result;
}

START_TEST(a_claim_waits_for_the_lock)
{
	int dir, s;

	use_home();
	dir = open_dir();
	leave_stale(dir, "g");
	s = waits_for_lock(control_dir_claim);
	ck_assert_int_ge(s, 0);
	close(s);
	close(dir);
	drop_home();
}
END_TEST

/* It removes what is stale, which may just be the socket of a guest that starts. */
START_TEST(a_client_that_cleans_up_waits_for_the_lock)
{
	struct control_names names;
	int dir;

	use_home();
	dir = open_dir();
	leave_stale(dir, "g");
	ck_assert_int_eq(waits_for_lock(control_dir_connect), -ENOENT);
	ck_assert_int_eq(control_dir_guests(dir, &names), 0);
	ck_assert_uint_eq(names.nr, 0);
	control_names_free(&names);
	close(dir);
	drop_home();
}
END_TEST

/* Of those who find the same stale socket at once, one has the name. */
START_TEST(one_of_many_has_the_name)
{
	pid_t pids[8];
	int dir, status, ok = 0;

	use_home();
	dir = open_dir();
	leave_stale(dir, "g");
	ck_assert_int_eq(flock(dir, LOCK_EX), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		if (!pids[i]) {
			int mine = open_dir(), s = control_dir_claim(mine, "g");

			/* Whoever has it keeps it until all have tried. */
			if (s >= 0)
				pause();
			_exit(s == -EADDRINUSE ? 1 : 2);
		}
	}
	flock(dir, LOCK_UN);
	for (size_t i = 0; i < ARRAY_SIZE(pids) - 1; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ok += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	ck_assert_int_eq(ok, ARRAY_SIZE(pids) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		kill(pids[i], SIGKILL);
	close(dir);
	drop_home();
}
END_TEST

/* Who asks for a name that is none must not reach the guest that has a part of it. */
START_TEST(a_name_that_is_none_is_nobodys)
{
	static const char longest[] =
		"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk";
	char longer[CONTROL_NAME_MAX + 2];
	int dir, s, c;

	use_home();
	dir = open_dir();
	s = control_dir_claim(dir, longest);
	ck_assert_int_ge(s, 0);
	c = control_dir_connect(dir, longest);
	ck_assert_int_ge(c, 0);
	close(c);
	snprintf(longer, sizeof(longer), "%sx", longest);
	ck_assert_int_eq(control_dir_connect(dir, longer), -ENOENT);
	snprintf(longer, sizeof(longer), "../.lkvm/%.40s", longest);
	ck_assert_int_eq(control_dir_connect(dir, longer), -ENOENT);
	ck_assert_int_eq(control_dir_connect(dir, ""), -ENOENT);
	close(s);
	close(dir);
	drop_home();
}
END_TEST

static bool no_record(void *arg, const struct ask_record *record)
{
	ck_abort_msg("an answer");
}

START_TEST(asking_nobody)
{
	use_home();
	capture_start();
	ck_assert_int_lt(ask("", "status", NULL, no_record, NULL), 0);
	captured_one_error("the name of the guest is empty", "");
	ck_assert_int_eq(ask("g", "status", NULL, no_record, NULL), -ENOENT);
	captured_one_error("no guest called g is running", "");
	drop_home();
}
END_TEST

/* Nodes of a cluster have one home, and guests of one name: nobody takes another's away. */
START_TEST(hosts_that_share_a_home)
{
	struct control_names names;
	int all, dirs[2], s[2], c;
	char why[200];

	use_home();
	for (unsigned i = 0; i < 2; i++) {
		host = i ? "node/2" : "node1";
		dirs[i] = open_dir();
		s[i] = control_dir_claim(dirs[i], "g");
		ck_assert_int_ge(s[i], 0);
	}
	c = control_dir_connect(dirs[0], "g");
	ck_assert_int_ge(c, 0);
	close(c);
	control_dir_release(dirs[1], "g");
	ck_assert_int_eq(control_dir_connect(dirs[1], "g"), -ENOENT);
	ck_assert_int_eq(control_dir_guests(dirs[0], &names), 0);
	ck_assert_uint_eq(names.nr, 1);
	control_names_free(&names);
	/* Root file systems are everybody's, and a host's directory is none. */
	all = control_dir_open_rootfs(why, sizeof(why));
	ck_assert_int_eq(mkdirat(all, "default", 0700), 0);
	ck_assert_int_eq(control_dir_rootfs(all, &names), 0);
	ck_assert_uint_eq(names.nr, 1);
	control_names_free(&names);
	ck_assert_int_eq(faccessat(all, ".host-node1/g.sock", F_OK, 0), 0);
	ck_assert_int_eq(faccessat(all, ".host-node_2", F_OK, 0), 0);
	for (unsigned i = 0; i < 2; i++) {
		close(s[i]);
		close(dirs[i]);
	}
	close(all);
	host = NULL;
	drop_home();
}
END_TEST

SUITE_MAIN("lkvm/control/control_dir", a_name_that_is_none_is_nobodys, a_claim_waits_for_the_lock,
	   a_client_that_cleans_up_waits_for_the_lock, one_of_many_has_the_name, asking_nobody,
	   hosts_that_share_a_home)
