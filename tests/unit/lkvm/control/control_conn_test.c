/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients of the control socket whose answer takes its time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/control/control.h"
#include "lkvm/control/control_dir.h"
#include "tests/unit/suite.h"

static char home[] = "/tmp/lkvm-conn-XXXXXX";
static struct loop *loop;
static struct control *server;
static unsigned requests, left;
static struct control_client *asks; /* who waits for an answer */

static void request(void *arg, struct control_client *c, const struct control_request *r)
{
	requests++;
	asks = c;
}

static void gone(void *arg, struct control_client *c)
{
	ck_assert_ptr_eq(c, asks);
	asks = NULL;
	left++;
}

static const struct control_ops ops = { .request = request, .gone = gone };

static void turn(unsigned nr)
{
	while (nr--)
		loop_step(loop, 0);
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(home));
	setenv("HOME", home, 1);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(control_create(&server, "g"), 0);
	ck_assert_int_eq(control_serve(server, loop, &ops, NULL), 0);
}

static void teardown(void)
{
	char command[64];

	control_rest(server);
	control_destroy(server);
	loop_destroy(loop);
	snprintf(command, sizeof(command), "rm -rf %s", home);
	ck_assert_int_eq(system(command), 0);
}

static int ask(void)
{
	static const char line[] = "lkvm/1 look\n";
	char why[200];
	int dir = control_dir_open(why, sizeof(why)), s = control_dir_connect(dir, "g");

	close(dir);
	ck_assert_int_ge(s, 0);
	ck_assert_int_eq(fcntl(s, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(send(s, line, strlen(line), 0), strlen(line));
	turn(5);
	ck_assert_ptr_nonnull(asks);
	return s;
}

/* All that is said up to the end. */
static const char *hear(int s)
{
	static char buf[400];
	size_t len = 0;
	ssize_t n = -1;

	for (unsigned i = 0; n && i < 100; i++) {
		n = recv(s, buf + len, sizeof(buf) - 1 - len, 0);
		len += (size_t)MAX(n, 0);
		turn(1);
	}
	ck_assert_int_eq(n, 0);
	buf[len] = 0;
	return buf;
}

/* Somebody else may have the place then: whoever was to answer has to know. */
START_TEST(who_waits_may_leave)
{
	int s = ask();

	close(s);
	turn(5);
	ck_assert_ptr_null(asks);
	ck_assert_uint_eq(left, 1);
}
END_TEST

START_TEST(nothing_is_a_second_request)
{
	int s = ask();

	ck_assert_int_eq(send(s, "lkvm/1 status\n", 14, 0), 14);
	turn(5);
	ck_assert_uint_eq(requests, 1);
	control_record(asks, "first");
	control_end(asks);
	ck_assert_str_eq(hear(s), "lkvm/1 ok\nfirst\nend\n");
	ck_assert_uint_eq(left, 0);
	close(s);
}
END_TEST

/* Who has heard "ok" would take it for a record. */
START_TEST(a_late_refusal_is_one)
{
	int s = ask();

	control_record(asks, "never seen");
	control_refuse(asks, "because");
	ck_assert_str_eq(hear(s), "lkvm/1 error because\n");
	ck_assert_uint_eq(left, 0);
	close(s);
}
END_TEST

START_TEST(the_end_while_one_waits)
{
	int s = ask();

	control_rest(server);
	ck_assert_ptr_null(asks);
	ck_assert_uint_eq(left, 1);
	close(s);
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/control/control_conn", setup, teardown, who_waits_may_leave,
		   nothing_is_a_second_request, a_late_refusal_is_one, the_end_while_one_waits)
