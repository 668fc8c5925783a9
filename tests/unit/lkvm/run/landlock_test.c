/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a confined process reaches by name. Each test is a process of its own, as there is no way
 * back; where the kernel has no Landlock there is nothing to be seen.
 */
#include "lkvm/run/landlock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lkvm/vm/loop.h"
#include "tests/unit/suite.h"

/* Who looks for leaks at the end reads /proc, which is out of reach by then. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static struct config c;
static char base[] = "/tmp/landlock.XXXXXX", dir[64];

static char *in_dir(const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned n;
	char *p = path[n++ % 4];

	snprintf(p, PATH_MAX, "%s/%s", dir, name);
	return p;
}

static void put(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

/* 0 or -errno of opening it. */
static int opened(const char *path, int flags)
{
	int fd = open(path, flags, 0600), err = errno;

	if (fd < 0)
		return -err;
	close(fd);
	return 0;
}

static void setup(void)
{
	config_init(&c);
	snprintf(dir, sizeof(dir), "%s/%d", base, (int)getpid());
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	setenv("HOME", dir, 1);
	put(in_dir("secret"));
	ck_assert_int_eq(mkdir(in_dir("share"), 0700), 0);
	ck_assert_int_eq(mkdir(in_dir("share/sub"), 0700), 0);
	put(in_dir("share/file"));
}

static void share_it(bool read_only)
{
	c.nr_shares = 1;
	c.shares[0].read_only = read_only;
	snprintf(c.shares[0].path, PATH_MAX, "%s/share", dir);
}

/* Returns the descriptor of the rules; -1: no Landlock here. */
static int rules(void)
{
	int fd;

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(landlock_rules(&fd, &c), 0);
	return fd;
}

/* False: there is nothing to be seen here. */
static bool confined(void)
{
	int fd = rules();

	ck_assert_int_eq(landlock_enter(fd), 0);
	return fd >= 0;
}

START_TEST(nothing_but_what_is_configured)
{
	setup();
	share_it(false);
	if (!confined())
		return;
	ck_assert_int_eq(opened(in_dir("secret"), O_RDONLY), -EACCES);
	ck_assert_int_eq(opened(in_dir("new"), O_WRONLY | O_CREAT), -EACCES);
	ck_assert_int_eq(opened("/etc/passwd", O_RDONLY), -EACCES);
	ck_assert_int_eq(opened("/etc/resolv.conf", O_RDONLY),
			 access("/etc/resolv.conf", F_OK) ? -ENOENT : -EACCES);
	ck_assert_int_eq(opened("/proc/self/maps", O_RDONLY), -EACCES);
	ck_assert_int_eq(opened("/", O_RDONLY | O_DIRECTORY), -EACCES);
	ck_assert(unlink(in_dir("secret")) && errno == EACCES);
	/* The shared directory. */
	ck_assert_int_eq(opened(in_dir("share/file"), O_RDWR | O_TRUNC), 0);
	ck_assert_int_eq(opened(in_dir("share/new"), O_WRONLY | O_CREAT), 0);
	ck_assert_int_eq(opened(in_dir("share"), O_RDONLY | O_DIRECTORY), 0);
	ck_assert_int_eq(rename(in_dir("share/new"), in_dir("share/sub/new")), 0);
	ck_assert_int_eq(link(in_dir("share/sub/new"), in_dir("share/other")), 0);
	ck_assert_int_eq(mkfifo(in_dir("share/fifo"), 0600), 0);
	ck_assert_int_eq(symlink("nothing", in_dir("share/link")), 0);
	ck_assert_int_eq(mkdir(in_dir("share/dir"), 0700), 0);
	ck_assert_int_eq(rmdir(in_dir("share/dir")), 0);
	ck_assert_int_eq(unlink(in_dir("share/other")), 0);
	/* Nothing gets in or out of it. */
	ck_assert_int_ne(rename(in_dir("share/file"), in_dir("file")), 0);
	ck_assert_int_ne(link(in_dir("secret"), in_dir("share/secret")), 0);
}
END_TEST

START_TEST(a_read_only_share_is_read)
{
	setup();
	share_it(true);
	if (!confined())
		return;
	ck_assert_int_eq(opened(in_dir("share/file"), O_RDONLY), 0);
	ck_assert_int_eq(opened(in_dir("share/file"), O_RDWR), -EACCES);
	ck_assert_int_eq(opened(in_dir("share/new"), O_WRONLY | O_CREAT), -EACCES);
	ck_assert_int_ne(unlink(in_dir("share/file")), 0);
}
END_TEST

START_TEST(files_that_come_at_the_end)
{
	char proc[40];
	int fd;

	setup();
	c.watch.report = in_dir("share/report");
	ck_assert_int_eq(mkdir(in_dir(".lkvm"), 0700), 0);
	put(in_dir(".lkvm/guest.sock"));
	fd = open(in_dir("share"), O_TMPFILE | O_WRONLY, 0600);
	if (fd < 0 || !confined())
		return;
	ck_assert_int_eq(unlink(in_dir(".lkvm/guest.sock")), 0);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	ck_assert_int_eq(
		linkat(AT_FDCWD, proc, AT_FDCWD, in_dir("share/report.1~"), AT_SYMLINK_FOLLOW), 0);
	ck_assert_int_eq(rename(in_dir("share/report.1~"), in_dir("share/file")), 0);
	ck_assert_int_eq(opened(in_dir("share/file"), O_RDONLY), -EACCES);
	close(fd);
}
END_TEST

/* A wire's own name is removed; the other end's directory is only looked into. */
START_TEST(wires)
{
	setup();
	c.nr_nics = 1;
	c.nics[0].mode = NET_MODE_DGRAM;
	snprintf(c.nics[0].socket, PATH_MAX, "%s/share/own", dir);
	snprintf(c.nics[0].peer, PATH_MAX, "%s/share/sub/other", dir);
	put(in_dir("share/own"));
	put(in_dir("share/sub/other"));
	if (!confined())
		return;
	ck_assert_int_eq(unlink(in_dir("share/own")), 0);
	ck_assert_int_eq(opened(in_dir("share/own"), O_WRONLY | O_CREAT), -EACCES);
	ck_assert_int_eq(opened(in_dir("share/sub/other"), O_RDONLY), -EACCES);
	ck_assert_int_ne(unlink(in_dir("secret")), 0);
}
END_TEST

static int bound(int family, const void *address, socklen_t len)
{
	int s = socket(family, SOCK_STREAM, 0), err = 0;

	ck_assert_int_ge(s, 0);
	if (bind(s, address, len) || listen(s, 1))
		err = -errno;
	close(s);
	return err;
}

START_TEST(ports)
{
	const struct sockaddr_in any = { .sin_family = AF_INET,
					 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	const struct sockaddr_in there = { .sin_family = AF_INET,
					   .sin_port = htons(1080),
					   .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	setup();
	if (_i & 1) {
		c.nr_nics = 1;
		c.nics[0].mode = NET_MODE_USER;
		c.reboot = _i == 3;
	}
	if (_i == 2) {
		c.service_ip = "127.0.0.1";
		c.service_port = 1080;
	}
	if (!confined() || strstr(landlock_lacks(), "TCP"))
		return;
	/* The next boot's forwards are opened again. */
	ck_assert_int_eq(bound(AF_INET, &any, sizeof(any)), _i == 3 ? 0 : -EACCES);
	ck_assert_int_eq(connect(s, (const struct sockaddr *)&there, sizeof(there)), -1);
	ck_assert_int_eq(errno == EACCES, _i == 0);
	close(s);
}
END_TEST

/* What GDB connects to is gone at the end, and there again after --reboot. */
START_TEST(a_debugger)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	char where[16];
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	setup();
	snprintf(u.sun_path, sizeof(u.sun_path), "%s/share/gdb", dir);
	put(u.sun_path);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(getsockname(s, (struct sockaddr *)&a, &len), 0);
	close(s);
	snprintf(where, sizeof(where), "%u,wait", ntohs(a.sin_port));
	c.reboot = _i;
	c.gdb = _i == 1 ? where : in_dir("share/gdb,wait");
	if (!confined())
		return;
	ck_assert_int_eq(!unlink(u.sun_path), _i != 1);
	if (!strstr(landlock_lacks(), "TCP"))
		ck_assert_int_eq(bound(AF_INET, &a, sizeof(a)), _i == 1 ? 0 : -EACCES);
	ck_assert_int_eq(bound(AF_UNIX, &u, sizeof(u)), _i == 2 ? 0 : _i ? -EADDRINUSE : -EACCES);
}
END_TEST

START_TEST(the_user_network_asks_who_the_name_servers_are)
{
	setup();
	c.nr_nics = 1;
	c.nics[0].mode = NET_MODE_USER;
	if (access("/etc/resolv.conf", R_OK) || !confined())
		return;
	ck_assert_int_eq(opened("/etc/resolv.conf", O_RDONLY), 0);
	ck_assert_int_eq(opened("/etc/resolv.conf", O_WRONLY), -EACCES);
	if (!geteuid())
		ck_assert_int_eq(opened("/etc/shadow", O_RDONLY), -EACCES);
}
END_TEST

START_TEST(the_next_boot_is_set_up)
{
	setup();
	c.kvm_dev = "/dev/null";
	c.reboot = true;
	c.nr_disks = 2;
	snprintf(c.disks[0].path, PATH_MAX, "%s/share/file", dir);
	snprintf(c.disks[1].path, PATH_MAX, "%s/secret", dir);
	c.disks[1].read_only = true;
	if (!confined())
		return;
	ck_assert_int_eq(opened("/etc/passwd", O_RDONLY), 0);
	ck_assert_int_eq(opened("/dev/null", O_RDWR), 0);
	ck_assert_int_eq(opened(in_dir("share/file"), O_RDWR), 0);
	ck_assert_int_eq(opened(in_dir("secret"), O_RDONLY), 0);
	ck_assert_int_eq(opened(in_dir("secret"), O_RDWR), -EACCES);
	ck_assert_int_eq(opened(in_dir("new"), O_WRONLY | O_CREAT), -EACCES);
}
END_TEST

/* ---- threads ---- */

struct trial {
	int fd, secret, kill;
	u64 privileges;
};

static void enter(void *arg, u64 privileges)
{
	struct trial *t = arg;

	t->privileges |= privileges;
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(landlock_enter(t->fd), 0);
}

static void try(void *arg)
{
	struct trial *t = arg;

	t->secret = opened(in_dir("secret"), O_RDONLY);
	t->kill = kill(getppid(), 0) ? -errno : 0;
}

static void try_helper(void *arg, u64 privileges)
{
	try(arg);
}

START_TEST(of_all_threads)
{
	struct loop *io, *helper, *late;
	struct trial t = { .secret = 0 };
	bool scoped = !*landlock_lacks();

	setup();
	ck_assert_int_eq(loop_create(&io, "io"), 0);
	ck_assert_int_eq(loop_create(&helper, "helper"), 0);
	ck_assert_int_eq(loop_create(&late, "late"), 0);
	loop_help(io, helper, BIT(3));
	ck_assert_int_eq(loop_start(helper), 0);
	t.fd = rules();
	loop_call_helpers(io, enter, &t);
	enter(&t, 0);
	ck_assert_int_eq(loop_start(io), 0);
	ck_assert_uint_eq(t.privileges, BIT(3));
	if (t.fd >= 0) {
		loop_call_helpers(io, try_helper, &t);
		ck_assert_int_eq(t.secret, -EACCES);
		loop_call(io, try, &t);
		ck_assert_int_eq(t.secret, -EACCES);
		ck_assert_int_eq(t.kill, scoped ? -EPERM : 0);
		try(&t);
		ck_assert_int_eq(t.secret, -EACCES);
		ck_assert_int_eq(kill(getpid(), 0), 0);
	}
	loop_stop(helper);
	loop_destroy(helper);
	loop_stop(io);
	loop_destroy(io);
	loop_destroy(late);
}
END_TEST

static TCase *all_of_them(void)
{
	TCase *tc = tcase_create("landlock");

	tcase_add_test(tc, nothing_but_what_is_configured);
	tcase_add_test(tc, a_read_only_share_is_read);
	tcase_add_test(tc, files_that_come_at_the_end);
	tcase_add_test(tc, wires);
	tcase_add_loop_test(tc, ports, 0, 4);
	tcase_add_loop_test(tc, a_debugger, 0, 3);
	tcase_add_test(tc, the_user_network_asks_who_the_name_servers_are);
	tcase_add_test(tc, the_next_boot_is_set_up);
	tcase_add_test(tc, of_all_threads);
	return tc;
}

static int delete (const char *path, const struct stat *st, int kind, struct FTW *where)
{
	return remove(path);
}

int main(void)
{
	int status;

	if (!mkdtemp(base))
		return EXIT_FAILURE;
	/* A process for each test, whatever is asked for. */
	setenv("CK_FORK", "yes", 1);
	status = suite_run("lkvm/run/landlock", all_of_them());
	/* No test can do that after itself. */
	nftw(base, delete, 8, FTW_DEPTH | FTW_PHYS);
	return status;
}
