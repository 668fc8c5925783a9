/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams on real pipes, files and sockets: every byte in order, ends both ways, back-pressure, and
 * no work while nothing happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/console/stream.h"
#include "tests/unit/suite.h"

static struct loop *loop;
static struct stream *stream;
static struct chardev *chr;

static char got[1 << 20];
static size_t got_len, room;
static unsigned nr_connected, nr_closed, nr_writable;
static bool connected;

static size_t receive(void *arg, const void *buf, size_t len)
{
	size_t n = MIN(len, room);

	memcpy(got + got_len, buf, n);
	got_len += n;
	room -= n;
	return n;
}

static void writable(void *arg)
{
	nr_writable++;
}

static void on_connected(void *arg)
{
	nr_connected++;
	connected = chr->ops->connected(chr);
}

static const struct chardev_client client = { .receive = receive,
					      .writable = writable,
					      .connected = on_connected };

static void on_closed(void *arg)
{
	ck_assert_ptr_eq(arg, &loop);
	nr_closed++;
}

static void setup(void)
{
	const struct stream_user user = { .closed = on_closed, .arg = &loop };

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(stream_create(&stream, loop, &user), 0);
	chr = stream_chardev(stream);
	chr->client = &client;
	room = sizeof(got);
}

static void teardown(void)
{
	stream_destroy(stream);
	loop_destroy(loop);
}

static void steps(void)
{
	for (unsigned i = 0; i < 10; i++)
		loop_step(loop, 1);
}

/* The loop has nothing to do. */
static void sleeps(void)
{
	u64 t = loop_now_ns();

	for (unsigned i = 0; i < 5; i++)
		loop_step(loop, 20);
	ck_assert_uint_ge(loop_now_ns() - t, 50000000);
}

static void pipe_of(int p[2])
{
	ck_assert_int_eq(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
}

static void received(const char *s)
{
	for (unsigned i = 0; i < 1000 && got_len < strlen(s); i++)
		loop_step(loop, 5);
	ck_assert_uint_eq(got_len, strlen(s));
	ck_assert_mem_eq(got, s, got_len);
	got_len = 0;
}

static void put(int fd, const char *s)
{
	ck_assert_int_eq(write(fd, s, strlen(s)), (ssize_t)strlen(s));
}

START_TEST(input_and_its_end)
{
	int p[2];

	setup();
	pipe_of(p);
	ck_assert(!chr->ops->connected(chr));
	ck_assert_int_eq(stream_attach(stream, p[0], -1, 0), 0);
	ck_assert(connected && nr_connected == 1);
	put(p[1], "early");
	sleeps();
	ck_assert_uint_eq(got_len, 0);
	chr->ops->rx_ready(chr, true);
	received("early");
	sleeps();
	put(p[1], "later");
	received("later");
	/* The guest takes a part, and the writer is gone: all of it, then the end. */
	room = 3;
	put(p[1], "abcdef");
	close(p[1]);
	received("abc");
	steps();
	sleeps();
	ck_assert(connected);
	room = 100;
	chr->ops->rx_ready(chr, true);
	received("def");
	steps();
	ck_assert(!connected && nr_closed == 1);
	sleeps();
	teardown();
}
END_TEST

/* The writer has come and gone before the guest has opened anything. */
START_TEST(input_of_long_ago)
{
	int p[2];

	setup();
	pipe_of(p);
	put(p[1], "hello");
	close(p[1]);
	ck_assert_int_eq(stream_attach(stream, p[0], -1, 0), 0);
	sleeps();
	ck_assert(connected);
	chr->ops->peer(chr, true);
	chr->ops->rx_ready(chr, true);
	received("hello");
	steps();
	ck_assert(!connected);
	teardown();
}
END_TEST

START_TEST(input_of_a_file)
{
	char name[] = "/tmp/stream-XXXXXX", *all = calloc(1, 100001);
	int fd = mkstemp(name);

	setup();
	memset(all, 'x', 100000);
	put(fd, all);
	lseek(fd, 0, SEEK_SET);
	unlink(name);
	ck_assert_int_eq(stream_attach(stream, fd, -1, 0), 0);
	sleeps();
	room = 50000;
	chr->ops->rx_ready(chr, true);
	for (unsigned i = 0; i < 20; i++)
		loop_step(loop, 5);
	ck_assert_uint_eq(got_len, 50000);
	sleeps();
	room = 100000;
	chr->ops->rx_ready(chr, true);
	received(all);
	steps();
	ck_assert(!connected && nr_closed == 1);
	free(all);
	teardown();
}
END_TEST

START_TEST(output_and_its_end)
{
	static char big[1 << 20];
	size_t all = 0;
	int p[2];
	ssize_t n;

	setup();
	ck_assert_uint_eq(chr->ops->write(chr, "too early", 9), 0);
	pipe_of(p);
	ck_assert_int_eq(stream_attach(stream, -1, p[1], 0), 0);
	steps();
	ck_assert_uint_eq(nr_writable, 1);
	chr->ops->peer(chr, true);
	ck_assert_uint_eq(chr->ops->write(chr, "hello", 5), 5);
	ck_assert_int_eq(read(p[0], got, sizeof(got)), 5);
	/* As much as the pipe takes; the rest when there is room. */
	all = chr->ops->write(chr, big, sizeof(big));
	ck_assert(all > 0 && all < sizeof(big));
	sleeps();
	ck_assert_uint_eq(nr_writable, 1);
	ck_assert_int_gt(read(p[0], got, sizeof(got)), 0);
	steps();
	ck_assert_uint_eq(nr_writable, 2);
	while ((n = read(p[0], got, sizeof(got))) > 0)
		;
	/* And again. */
	all = chr->ops->write(chr, big, sizeof(big));
	ck_assert(all > 0 && all < sizeof(big));
	sleeps();
	while ((n = read(p[0], got, sizeof(got))) > 0)
		;
	steps();
	ck_assert_uint_eq(nr_writable, 3);
	/* The guest is done: so is our reader. */
	chr->ops->peer(chr, false);
	ck_assert_int_eq(read(p[0], got, sizeof(got)), 0);
	ck_assert(!connected && nr_closed == 1);
	close(p[0]);
	teardown();
}
END_TEST

START_TEST(the_reader_goes)
{
	int p[2];

	setup();
	pipe_of(p);
	ck_assert_int_eq(stream_attach(stream, -1, p[1], STREAM_PERSISTS), 0);
	chr->ops->peer(chr, true);
	chr->ops->peer(chr, false);
	ck_assert(connected);
	close(p[0]);
	steps();
	ck_assert(!connected && nr_closed == 1);
	/* Found out by writing. */
	pipe_of(p);
	ck_assert_int_eq(stream_attach(stream, -1, p[1], 0), 0);
	close(p[0]);
	ck_assert_uint_eq(chr->ops->write(chr, "gone", 4), 4);
	ck_assert(!connected && nr_closed == 2);
	sleeps();
	teardown();
}
END_TEST

/* Descriptors of others that block: poll(2) says when they do not. */
START_TEST(a_reader_that_blocks)
{
	static char big[1 << 20];
	size_t all = 0, n;
	int p[2];

	setup();
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	ck_assert_int_eq(stream_attach(stream, -1, p[1], STREAM_MAY_BLOCK), 0);
	while ((n = chr->ops->write(chr, big, sizeof(big))) > 0)
		all += n;
	ck_assert_uint_ge(all, 65536);
	sleeps();
	close(p[0]);
	teardown();
}
END_TEST

START_TEST(connections)
{
	int s[2];

	setup();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s), 0);
	ck_assert_int_eq(stream_attach(stream, s[0], dup(s[0]), STREAM_CONNECTION), 0);
	chr->ops->peer(chr, true);
	chr->ops->rx_ready(chr, true);
	put(s[1], "ping");
	received("ping");
	ck_assert_uint_eq(chr->ops->write(chr, "pong", 4), 4);
	ck_assert_int_eq(read(s[1], got, 10), 4);
	sleeps();
	put(s[1], "bye");
	close(s[1]);
	received("bye");
	steps();
	ck_assert(!connected && nr_closed == 1);
	/* Who leaves before the guest has opened the port does not keep it from others. */
	chr->ops->peer(chr, false);
	ck_assert_uint_eq(nr_closed, 2);
	chr->ops->rx_ready(chr, false);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s), 0);
	ck_assert_int_eq(stream_attach(stream, s[0], dup(s[0]), STREAM_CONNECTION), 0);
	put(s[1], "nobody hears this");
	sleeps();
	ck_assert(connected);
	close(s[1]);
	steps();
	ck_assert(!connected && nr_closed == 3);
	sleeps();
	teardown();
}
END_TEST

SUITE_MAIN("console/stream", input_and_its_end, input_of_long_ago, input_of_a_file,
	   output_and_its_end, the_reader_goes, a_reader_that_blocks, connections)
