/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may ask a guest: its user, and root. Whoever else got at the socket (a directory that was
 * opened too wide, a descriptor that was handed on) gets no answer, and no request of theirs is
 * read.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/control/control.h"
#include "lkvm/control/control_client.h"
#include "tests/unit/suite.h"

#define STRANGER 12345

static char home[] = "/tmp/lkvm-control-user-XXXXXX";
static char path[100];
static unsigned requests;

static void request(void *arg, struct control_client *c, const struct control_request *r)
{
	(void)arg, (void)r;
	requests++;
	control_end(c);
}

static void gone(void *arg, struct control_client *c)
{
	(void)arg, (void)c;
}

static const struct control_ops ops = { .request = request, .gone = gone };

/* 0: it was answered, 1: it could not even connect, 2: the line was closed. */
static int knock(uid_t uid)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	char buf[100];

	memcpy(a.sun_path, path, strlen(path) + 1);
	if (setgid(uid) || setuid(uid) || connect(s, (struct sockaddr *)&a, sizeof(a)))
		return 1;
	send(s, "lkvm/1 status\n", 14, MSG_NOSIGNAL);
	return recv(s, buf, sizeof(buf), 0) > 0 ? 0 : 2;
}

static int ask_as(struct loop *loop, uid_t uid)
{
	pid_t pid = fork();
	int status = 0;

	if (!pid)
		_exit(knock(uid));
	while (waitpid(pid, &status, WNOHANG) == 0)
		loop_step(loop, 1);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(no_answer_for_another_user)
{
	struct control *server;
	struct loop *loop;
	char cmd[100];

	if (geteuid() != 0) {
		printf("skip: only root can be another user\n");
		return;
	}
	ck_assert_ptr_nonnull(mkdtemp(home));
	setenv("HOME", home, 1);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(control_create(&server, "g"), 0);
	ck_assert_int_eq(control_serve(server, loop, &ops, NULL), 0);
	snprintf(path, sizeof(path), "%s/.lkvm/g.sock", home);
	ck_assert_int_eq(ask_as(loop, 0), 0);
	ck_assert_uint_eq(requests, 1);
	ck_assert_int_eq(ask_as(loop, STRANGER), 1);
	/* All doors are open, and still: */
	chmod(path, 0777);
	path[strlen(path) - strlen("/g.sock")] = 0;
	chmod(path, 0777);
	chmod(home, 0755);
	path[strlen(path)] = '/';
	ck_assert_int_eq(ask_as(loop, STRANGER), 2);
	ck_assert_uint_eq(requests, 1);
	control_rest(server);
	control_destroy(server);
	loop_destroy(loop);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", home);
	ck_assert_int_eq(system(cmd), 0);
}
END_TEST

SUITE_MAIN("lkvm/control/control_user", no_answer_for_another_user)
