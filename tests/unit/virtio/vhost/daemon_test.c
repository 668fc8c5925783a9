/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A back end as a process: found, started, and gone with lkvm whichever way that ends. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lkvm/vm/loop.h"
#include "tests/unit/suite.h"
#include "virtio/vhost/daemon.h"

static struct daemon *d;
static int sock;
static char how[40];

static void start(const char *script)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };

	ck_assert_int_eq(daemon_start(&d, argv, &sock), 0);
}

START_TEST(found)
{
	static const char *const dirs[] = { "/nowhere", "/bin" };
	char buf[100];

	setenv("PATH", "/nowhere:bin:/usr/bin", 1);
	ck_assert(daemon_find("env", NULL, 0, buf, sizeof(buf)));
	ck_assert_str_eq(buf, "/usr/bin/env");
	setenv("PATH", "", 1);
	ck_assert(!daemon_find("sh", dirs, 1, buf, sizeof(buf)));
	ck_assert(daemon_find("sh", dirs, 2, buf, sizeof(buf)));
	ck_assert_str_eq(buf, "/bin/sh");
	ck_assert(!daemon_find("sh", dirs, 2, buf, 4));
}
END_TEST

START_TEST(ends_by_itself)
{
	start("exit 3");
	ck_assert(daemon_ended(d, (unsigned)scaled(10000), how, sizeof(how)));
	ck_assert_str_eq(how, "ended with status 3");
	ck_assert(daemon_ended(d, 0, how, sizeof(how)));
	/* Nobody took the connection. */
	ck_assert_int_le(recv(sock, how, 1, 0), 0);
	close(sock);
	daemon_stop(d);
	start("kill -9 $$");
	ck_assert(daemon_ended(d, (unsigned)scaled(10000), how, sizeof(how)));
	ck_assert_str_eq(how, "killed by signal 9");
	close(sock);
	daemon_stop(d);
}
END_TEST

START_TEST(no_program)
{
	const char *argv[] = { "/nowhere/virtiofsd", NULL };

	ck_assert_int_eq(daemon_start(&d, argv, &sock), 0);
	ck_assert(daemon_ended(d, (unsigned)scaled(10000), how, sizeof(how)));
	ck_assert_str_eq(how, "ended with status 127");
	close(sock);
	daemon_stop(d);
}
END_TEST

/* One that stays is killed. */
START_TEST(stays)
{
	u64 began = loop_now_ns();

	start("trap '' TERM; exec sleep 1000");
	ck_assert(!daemon_ended(d, 10, how, sizeof(how)));
	close(sock);
	daemon_stop(d);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	ck_assert(loop_now_ns() - began < (u64)scaled(20) * 1000000000);
}
END_TEST

/* It finds the listening socket and the standard streams, and nothing else of ours. */
START_TEST(descriptors)
{
	int mine = dup(0), pipes[2];
	char out[100] = "";

	ck_assert_int_ge(mine, 0);
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_ge(dup2(pipes[1], STDERR_FILENO), 0);
	/* One that reading the directory took is gone when it is looked at. */
	start("for f in /proc/$$/fd/*; do [ ! -e $f ] || echo ${f##*/}; done");
	ck_assert(daemon_ended(d, (unsigned)scaled(10000), how, sizeof(how)));
	for (size_t n = 0; n < 8; n += (size_t)read(pipes[0], out + n, 1))
		;
	ck_assert_str_eq(out, "0\n1\n2\n3\n");
	close(sock);
	daemon_stop(d);
}
END_TEST

/* However lkvm ends. */
START_TEST(orphan)
{
	int report[2];
	pid_t parent, child = 0;

	ck_assert_int_eq(pipe(report), 0);
	parent = fork();
	if (!parent) {
		char script[80];

		snprintf(script, sizeof(script), "echo $$ >&2; exec sleep 1000");
		dup2(report[1], STDERR_FILENO);
		close(report[1]);
		start(script);
		pause();
	}
	close(report[1]);
	ck_assert_int_gt(read(report[0], how, sizeof(how) - 1), 0);
	ck_assert_int_eq(sscanf(how, "%d", &child), 1);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	/* The other end of the pipe is the daemon's alone: it closes when it has ended. */
	ck_assert_int_eq(read(report[0], how, 1), 0);
}
END_TEST

/* The connection is the only one there can be. */
START_TEST(only_one)
{
	struct sockaddr_un a;
	socklen_t len = sizeof(a);
	int second = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	start("exec sleep 1000");
	ck_assert_int_eq(getpeername(sock, (struct sockaddr *)&a, &len), 0);
	ck_assert_int_eq(connect(second, (struct sockaddr *)&a, len), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(second);
	close(sock);
	daemon_stop(d);
}
END_TEST

SUITE_MAIN("virtio/vhost/daemon", found, ends_by_itself, no_program, stays, descriptors, orphan,
	   only_one)
