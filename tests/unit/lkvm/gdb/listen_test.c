/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where GDB connects to: a port, a socket, and what is neither. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "lkvm/gdb/listen.h"
#include "tests/unit/arm64/capture.h"

static struct gdb_listener *l;
static bool waits;
static char dir[] = "/tmp/gdb-XXXXXX";

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
}

static void tear_down(void)
{
	unlink("s");
	ck_assert_int_eq(rmdir(dir), 0);
}

static void comes_and_is_taken(int family, const void *addr, socklen_t len)
{
	int sk = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	char c = 0;

	ck_assert_int_eq(gdb_accept(l), -EAGAIN);
	ck_assert_int_eq(connect(sk, addr, len), 0);
	fd = gdb_accept(l);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(sk, "+", 1), 1);
	ck_assert_int_eq(read(fd, &c, 1), 1);
	ck_assert_int_eq(c, '+');
	close(fd);
	close(sk);
}

/* A free one. */
static u16 some_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int sk = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(sk, (struct sockaddr *)&a, len), 0);
	ck_assert_int_eq(getsockname(sk, (struct sockaddr *)&a, &len), 0);
	close(sk);
	return ntohs(a.sin_port);
}

START_TEST(a_port_of_the_loopback)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct gdb_listener *second;
	u16 port = some_port();
	char where[16];

	snprintf(where, sizeof(where), "%u,wait", port);
	ck_assert_int_eq(gdb_listen(&l, where, &waits), 0);
	ck_assert(waits);
	a.sin_port = htons(port);
	comes_and_is_taken(AF_INET, &a, sizeof(a));
	capture_start();
	ck_assert_int_eq(gdb_listen(&second, where, &waits), -EADDRINUSE);
	captured_one_error("--gdb", "cannot listen there");
	gdb_listener_destroy(l);
}
END_TEST

START_TEST(a_socket_of_this_user)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "s" };
	struct stat st;

	ck_assert_int_eq(gdb_listen(&l, "s", &waits), 0);
	ck_assert(!waits);
	ck_assert_int_eq(stat("s", &st), 0);
	ck_assert_uint_eq(st.st_mode & 0077, 0);
	comes_and_is_taken(AF_UNIX, &a, sizeof(a));
	gdb_listener_destroy(l);
	ck_assert_int_eq(stat("s", &st), -1);
}
END_TEST

START_TEST(what_a_killed_process_has_left)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "s" };
	int sk = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(sk, (struct sockaddr *)&a, sizeof(a)), 0);
	close(sk);
	ck_assert_int_eq(gdb_listen(&l, "s", &waits), 0);
	comes_and_is_taken(AF_UNIX, &a, sizeof(a));
	/* And what is somebody else's by now stays. */
	ck_assert_int_eq(rename("s", "t"), 0);
	ck_assert_int_eq(mkdir("s", 0700), 0);
	gdb_listener_destroy(l);
	ck_assert_int_eq(rmdir("s"), 0);
	ck_assert_int_eq(unlink("t"), 0);
}
END_TEST

START_TEST(ports)
{
	ck_assert_uint_eq(gdb_listen_port("1"), 1);
	ck_assert_uint_eq(gdb_listen_port("65535,wait"), 65535);
	ck_assert_uint_eq(gdb_listen_port("65536,wait"), 0);
	ck_assert_uint_eq(gdb_listen_port("/1,wait"), 0);
	ck_assert_uint_eq(gdb_listen_port(",wait"), 0);
	ck_assert_uint_eq(gdb_listen_port(""), 0);
}
END_TEST

START_TEST(neither)
{
	static const char *const no[] = { "", ",wait", "0", "65536", "99999,wait",
					  "18446744073709551617",
					  /* other debuggers' ways to say it, and slips */
					  ":1234", "localhost:1234", "tcp::1234", "1234,foo", "-1",
					  "," };
	char long_path[300] = { 0 };

	capture_start();
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		ck_assert_int_eq(gdb_listen(&l, no[i], &waits), -EINVAL);
		captured_one_error("1 to 65535", no[i]);
	}
	memset(long_path, 'x', sizeof(long_path) - 1);
	ck_assert_int_eq(gdb_listen(&l, long_path, &waits), -ENAMETOOLONG);
	captured_one_error("--gdb", "too long");
	ck_assert_int_eq(gdb_listen(&l, "no/such/folder", &waits), -ENOENT);
	captured_one_error("--gdb no/such/folder", "No such file");
	gdb_listener_destroy(NULL);
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/gdb/listen", set_up, tear_down, a_port_of_the_loopback,
		   a_socket_of_this_user, what_a_killed_process_has_left, ports, neither)
