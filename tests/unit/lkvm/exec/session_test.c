/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command's session: the test is the device and the guest behind it, on a loop that it steps, and
 * our streams are pipes.
 */
#include "lkvm/exec/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "lkvm/base/exit.h"
#include "lkvm/base/file.h"
#include "lkvm/base/le.h"
#include "lkvm/exec/wire.h"
#include "lkvm/vm/stop.h"
#include "tests/unit/arm64/capture.h"

enum { CONTROL, IN, OUT, ERR };

static struct loop *loop;
static struct stop stop;
static struct session *session;
static int in, out, err; /* our ends of the streams */
static struct {
	u8 buf[256 * 1024];
	size_t len, room; /* the guest takes so much at a time */
} got[2];
static struct chardev *chr[SESSION_PORTS];

static size_t receive(void *arg, const void *buf, size_t len)
{
	unsigned n = *(unsigned *)arg;
	size_t take = MIN(len, got[n].room);

	ck_assert_uint_le(got[n].len + take, sizeof(got[n].buf));
	memcpy(got[n].buf + got[n].len, buf, take);
	got[n].len += take;
	return take;
}

static void writable(void *arg)
{
}

static const struct chardev_client client = { .receive = receive, .writable = writable };

static int stream(int fd, int mine)
{
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	dup2(p[!mine], fd);
	close(p[!mine]);
	return p[mine];
}

static void begin(void)
{
	static unsigned numbers[] = { CONTROL, IN };
	const struct session_conf conf = { .command = "x" };
	const char *name;

	session = session_create(&conf);
	ck_assert_ptr_nonnull(session);
	ck_assert_int_eq(session_open(session, loop, &stop, NULL, NULL), 0);
	for (unsigned i = 0; i < SESSION_PORTS; i++) {
		chr[i] = session_port(session, i, &name);
		chr[i]->client = &client;
		chr[i]->client_arg = &numbers[MIN(i, 1u)];
	}
	ck_assert_str_eq(name, EXEC_PORT_ERR);
	got[CONTROL].len = got[IN].len = 0;
	got[CONTROL].room = got[IN].room = sizeof(got[0].buf);
}

static void setup(void)
{
	in = stream(STDIN_FILENO, 1);
	out = stream(STDOUT_FILENO, 0);
	err = stream(STDERR_FILENO, 0);
	fcntl(out, F_SETFL, O_NONBLOCK);
	fcntl(err, F_SETFL, O_NONBLOCK);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(stop_init(&stop), 0);
	begin();
}

static void teardown(void)
{
	session_close(session);
	session_destroy(session);
	loop_destroy(loop);
	stop_fini(&stop);
}

static void say(u32 type, u32 a, u64 b, u64 c)
{
	const le32 first[2] = { le32_of(type), le32_of(a) };
	const le64 rest[2] = { le64_of(b), le64_of(c) };
	u8 m[EXEC_MSG_LEN];

	memcpy(m, first, 8);
	memcpy(m + 8, rest, 16);
	ck_assert_uint_eq(chr[CONTROL]->ops->write(chr[CONTROL], m, sizeof(m)), sizeof(m));
}

static void ready(unsigned port)
{
	chr[port]->ops->rx_ready(chr[port], true);
}

static void steps(unsigned n)
{
	while (n--)
		loop_step(loop, 10);
}

/* What the guest was told: message `n`. */
static u32 told(unsigned n, u64 *b)
{
	le32 type;
	le64 val;

	ck_assert_uint_ge(got[CONTROL].len, (n + 1) * EXEC_MSG_LEN);
	memcpy(&type, got[CONTROL].buf + n * EXEC_MSG_LEN, sizeof(type));
	memcpy(&val, got[CONTROL].buf + n * EXEC_MSG_LEN + 8, sizeof(val));
	*b = le64_get(val);
	return le32_get(type);
}

START_TEST(input_to_its_end)
{
	u64 total;

	ready(CONTROL);
	ready(IN);
	ck_assert_int_eq(write(in, "early", 5), 5);
	steps(3);
	ck_assert_uint_eq(got[IN].len, 0); /* there is no command yet */
	say(EXEC_STARTED, 0, 0, 0);
	steps(3);
	ck_assert_uint_eq(got[IN].len, 5);
	/* One piece after the other, and a guest that takes little at a time. */
	got[IN].room = 3;
	ck_assert_int_eq(write(in, "later", 5), 5);
	steps(3);
	ck_assert_uint_eq(got[IN].len, 8);
	ready(IN);
	steps(3);
	ck_assert_mem_eq(got[IN].buf, "earlylater", 10);
	ck_assert_uint_eq(got[IN].len, 10);
	got[IN].room = 100;
	ready(IN);
	close(in);
	steps(3);
	ck_assert_uint_eq(told(0, &total), EXEC_EOF);
	ck_assert_uint_eq(total, 10);
}
END_TEST

/* The end waits for what the guest says that it has written, and for a reader that is slow. */
START_TEST(the_end)
{
	char buf[70000];
	size_t n = 0, done = 0;

	memset(buf, 'x', sizeof(buf));
	say(EXEC_STARTED, 0, 0, 0);
	say(EXEC_EXITED, 42, sizeof(buf), 3);
	steps(5);
	ck_assert_int_eq(stop_why(&stop), STOP_NONE);
	for (unsigned i = 0; i < 1000 && n < sizeof(buf); i++) {
		n += chr[OUT]->ops->write(chr[OUT], buf + n, sizeof(buf) - n);
		steps(2);
		if (i > 5) {
			ssize_t r = read(out, buf, 4096);

			done += (size_t)MAX(r, (ssize_t)0);
		}
	}
	ck_assert_uint_eq(n, sizeof(buf));
	ck_assert_uint_eq(chr[ERR]->ops->write(chr[ERR], "abc", 3), 3);
	steps(10);
	ck_assert_int_eq(stop_why(&stop), STOP_NONE); /* a pipe is full */
	ck_assert_int_eq(session_status(session), -1);
	for (unsigned i = 0; i < 1000 && stop_why(&stop) == STOP_NONE; i++) {
		ssize_t r = read(out, buf, 4096);

		done += (size_t)MAX(r, (ssize_t)0);
		steps(2);
	}
	ck_assert_int_eq(stop_why(&stop), STOP_COMMAND);
	ck_assert_int_eq(session_status(session), 42);
	while (done < sizeof(buf)) {
		ssize_t r = read(out, buf, sizeof(buf));

		ck_assert_int_gt(r, 0);
		done += (size_t)r;
	}
	ck_assert_int_eq(read(err, buf, sizeof(buf)), 3);
}
END_TEST

/* A session anew, on the streams as they are now. */
static void begin_again(void)
{
	session_close(session);
	session_destroy(session);
	stop_fini(&stop);
	ck_assert_int_eq(stop_init(&stop), 0);
	begin();
}

/* The command writes so many bytes and ends: with what status does lkvm? */
static int status_after(unsigned port, u32 len, u32 status)
{
	begin_again();
	say(EXEC_STARTED, 0, 0, 0);
	ck_assert_uint_eq(chr[port]->ops->write(chr[port], "hello", len), len);
	say(EXEC_EXITED, status, port == OUT ? len : 0, port == ERR ? len : 0);
	for (unsigned k = 0; k < 100 && stop_why(&stop) == STOP_NONE; k++)
		steps(1);
	ck_assert_int_eq(stop_why(&stop), STOP_COMMAND);
	return session_status(session);
}

/* Output that was cut short must not look like success: the disk is full, for instance. */
START_TEST(output_that_is_lost)
{
	int full = open("/dev/full", O_WRONLY);

	ck_assert_int_eq(dup2(full, STDOUT_FILENO), STDOUT_FILENO);
	close(full);
	ck_assert_int_eq(status_after(OUT, 5, 0), EXIT_FAILED);
	/* A failure of the command's own says more. */
	ck_assert_int_eq(status_after(OUT, 5, 3), 3);
}
END_TEST

START_TEST(outputs_that_are_closed)
{
	char buf[200] = "";

	close(STDOUT_FILENO);
	file_occupy_standard();
	/* "true >&-" has nothing to complain about. */
	ck_assert_int_eq(status_after(OUT, 0, 0), 0);
	ck_assert_int_eq(status_after(OUT, 5, 0), EXIT_FAILED);
	ck_assert_int_gt(read(err, buf, sizeof(buf) - 1), 0);
	ck_assert_str_eq(buf, "  Warning: output is lost from here on: "
			      "Bad file descriptor\n");
	close(STDERR_FILENO);
	file_occupy_standard();
	ck_assert_int_eq(status_after(ERR, 5, 0), 0);
}
END_TEST

/* Nor does input: what has read only a part of it has done something else. */
START_TEST(input_that_fails)
{
	char buf[200] = "";
	int dir = open("/", O_RDONLY);
	u64 total = 1;

	ck_assert_int_eq(dup2(dir, STDIN_FILENO), STDIN_FILENO);
	close(dir);
	begin_again();
	ready(CONTROL);
	ready(IN);
	say(EXEC_STARTED, 0, 0, 0);
	steps(5);
	/* The command finds an end. */
	ck_assert_uint_eq(told(0, &total), EXEC_EOF);
	ck_assert_uint_eq(total, 0);
	ck_assert_int_gt(read(err, buf, sizeof(buf) - 1), 0);
	ck_assert_str_eq(buf, "  Warning: the standard input cannot be read: Is a directory\n");
	say(EXEC_EXITED, 0, 0, 0);
	ck_assert_int_eq(session_status(session), EXIT_FAILED);
}
END_TEST

START_TEST(signals)
{
	u64 none;

	ready(CONTROL);
	ck_assert(!session_signal(session, SIGTERM)); /* there is no command yet */
	say(EXEC_STARTED, 0, 0, 0);
	ck_assert(session_signal(session, SIGUSR1));
	ck_assert(session_signal(session, SIGTERM));
	ck_assert(session_signal(session, SIGTERM));
	steps(3);
	ck_assert_uint_eq(got[CONTROL].len, 2 * EXEC_MSG_LEN); /* as the kernel merges them */
	ck_assert_uint_eq(told(0, &none), EXEC_SIGNAL);
	/* Who insists means lkvm. */
	ck_assert(!session_signal(session, SIGTERM));
	say(EXEC_EXITED, 0, 0, 0);
	ck_assert(!session_signal(session, SIGUSR1));
}
END_TEST

START_TEST(no_command)
{
	char buf[200] = "";

	say(EXEC_FAILED, EXEC_FAIL_EXEC, ENOENT, 0);
	ck_assert_int_eq(stop_why(&stop), STOP_COMMAND);
	ck_assert_int_eq(session_status(session), 127);
	ck_assert_int_gt(read(err, buf, sizeof(buf) - 1), 0);
	ck_assert_str_eq(buf, "  Error: cannot run x: No such file or directory\n");
}
END_TEST

START_TEST(a_guest_that_lies)
{
	say(EXEC_EXITED, 0, 0, 0);
	ck_assert_int_eq(stop_why(&stop), STOP_ERROR);
	ck_assert_int_eq(session_status(session), -1);
	say(EXEC_STARTED, 0, 0, 0);
	ck_assert(!session_signal(session, SIGUSR1));
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/session", setup, teardown, input_to_its_end, the_end, output_that_is_lost,
		   outputs_that_are_closed, input_that_fails, signals, no_command,
		   a_guest_that_lies)
