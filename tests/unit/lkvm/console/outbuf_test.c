/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output buffer: few writes for many bytes, no byte lost or repeated under back-pressure, readers
 * that go away, outputs that nobody reads, and an end that does not hang.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/console/outbuf.h"
#include "tests/unit/suite.h"

static struct loop *loop;
static struct outbuf *o;
static int p[2]; /* p[0]: the reader's end */
static unsigned nr_writable, nr_unread;

static void on_writable(void *arg)
{
	ck_assert_ptr_eq(arg, &nr_writable);
	nr_writable++;
}

static void on_unread(void *arg)
{
	nr_unread++;
}

static const struct outbuf_user user = { on_writable, on_unread, &nr_writable };

static void create(int fd, u32 flags)
{
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(outbuf_create(&o, loop, fd, flags, &user), 0);
}

static void setup(u32 flags)
{
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	/* A packet a write: the test sees how many there were. And nothing blocks. */
	ck_assert_int_eq(fcntl(p[1], F_SETFL, O_NONBLOCK | O_DIRECT), 0);
	ck_assert_int_eq(fcntl(p[0], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(fcntl(p[1], F_SETPIPE_SZ, 16384) >= 16384, 1);
	create(p[1], flags);
}

static void teardown(void)
{
	outbuf_destroy(o);
	loop_destroy(loop);
	if (p[0] >= 0)
		close(p[0]);
	close(p[1]);
	nr_writable = 0;
}

/* True if the loop has nothing to do but an odd late timer. */
static bool sleeps(void)
{
	u64 t = loop_now_ns();

	for (unsigned i = 0; i < 5; i++)
		loop_step(loop, 20);
	return loop_now_ns() - t >= 50000000;
}

/* What the reader gets with one read, i.e. one write of ours; "" if nothing. */
static const char *packet(void)
{
	static char buf[32 * KiB];
	ssize_t n = read(p[0], buf, sizeof(buf) - 1);

	buf[MAX(n, 0)] = '\0';
	return buf;
}

static void put(const char *s)
{
	ck_assert_uint_eq(outbuf_write(o, s, strlen(s)), strlen(s));
}

START_TEST(first_byte_at_once)
{
	setup(0);
	put("a");
	ck_assert_str_eq(packet(), "");
	loop_step(loop, 1000);
	ck_assert_str_eq(packet(), "a");
	teardown();
}
END_TEST

START_TEST(then_it_gathers)
{
	setup(0);
	put("a");
	loop_step(loop, 1000);
	for (unsigned i = 0; i < 100; i++) {
		put("x");
		loop_step(loop, 0);
	}
	usleep(6000);
	loop_step(loop, 1000);

	unsigned bytes = 0, packets = 0;

	for (const char *s; *(s = packet()); packets++)
		bytes += (unsigned)strlen(s);
	ck_assert_uint_eq(bytes, 101);
	/* Two, unless the machine is busy. */
	ck_assert_uint_lt(packets, 40);
	/* And goes to sleep: after one empty look nothing is due any more. */
	loop_step(loop, 100);
	ck_assert(sleeps());
	put("b");
	loop_step(loop, 1000);
	ck_assert_str_eq(packet(), "b");
	teardown();
}
END_TEST

/* Half full is worth a write before the window ends. */
START_TEST(a_burst_is_not_delayed)
{
	static char burst[8 * KiB];

	setup(0);
	put("a");
	loop_step(loop, 1000);
	ck_assert_str_eq(packet(), "a");
	memset(burst, 'x', sizeof(burst));
	ck_assert_uint_eq(outbuf_write(o, burst, sizeof(burst)), sizeof(burst));
	loop_step(loop, 0);
	ck_assert_uint_gt(strlen(packet()), 0);
	teardown();
}
END_TEST

/* A slow reader: all arrives, in order, once. */
START_TEST(back_pressure)
{
	static u8 sent[400 * KiB], got[400 * KiB];
	size_t s = 0, g = 0;
	bool refused = false;

	setup(0);
	for (unsigned i = 0; i < sizeof(sent); i++)
		sent[i] = (u8)(i * 7 + i / 256);
	for (unsigned round = 0; g < sizeof(got); round++) {
		ck_assert_uint_lt(round, 100000);
		if (s < sizeof(sent) && (!refused || nr_writable)) {
			size_t want = MIN((size_t)3000, sizeof(sent) - s);
			size_t n = outbuf_write(o, sent + s, want);

			refused = n < want;
			nr_writable = 0;
			s += n;
		}
		loop_step(loop, 0);
		if (round % 5 == 0) {
			ssize_t n = read(p[0], got + g, MIN((size_t)5000, sizeof(got) - g));

			g += (size_t)MAX(n, 0);
		}
	}
	ck_assert_uint_eq(g, sizeof(got));
	ck_assert_mem_eq(got, sent, sizeof(got));
	teardown();
}
END_TEST

START_TEST(full_takes_nothing_and_says_when)
{
	static char big[64 * KiB];
	size_t n;

	setup(0);
	memset(big, 'x', sizeof(big));
	while (outbuf_write(o, big, sizeof(big)))
		for (unsigned i = 0; i < 10; i++)
			loop_step(loop, 1);
	ck_assert_uint_eq(outbuf_write(o, "y", 1), 0);
	nr_writable = 0;
	ck_assert(sleeps());
	while (!nr_writable) {
		packet();
		loop_step(loop, 1000);
	}
	n = outbuf_write(o, "y", 1);
	ck_assert_uint_eq(n, 1);
	teardown();
}
END_TEST

START_TEST(reader_goes_away)
{
	static char big[64 * KiB];

	setup(0);
	while (outbuf_write(o, big, sizeof(big)))
		for (unsigned i = 0; i < 10; i++)
			loop_step(loop, 1);
	nr_writable = 0;
	close(p[0]);
	p[0] = -1;
	loop_step(loop, 1000);
	/* From here on everything is swallowed, and whoever waited is told. */
	ck_assert_uint_ge(nr_writable, 1);
	ck_assert_uint_eq(nr_unread, 1);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_uint_eq(outbuf_write(o, big, sizeof(big)), sizeof(big));
	ck_assert(sleeps());
	outbuf_flush(o);
	ck_assert_uint_eq(nr_unread, 1);
	teardown();
}
END_TEST

START_TEST(nowhere)
{
	static char big[64 * KiB];

	p[0] = p[1] = -1;
	create(-1, 0);
	ck_assert_uint_eq(outbuf_write(o, big, sizeof(big)), sizeof(big));
	outbuf_flush(o);
	outbuf_destroy(o);
	loop_destroy(loop);
}
END_TEST

/* A regular file (no epoll), and a full one. */
START_TEST(files)
{
	static char big[10000], got[10000];
	FILE *f = tmpfile();

	ck_assert_ptr_nonnull(f);
	p[0] = -1;
	p[1] = dup(fileno(f));
	create(p[1], 0);
	memset(big, 'f', sizeof(big));
	ck_assert_uint_eq(outbuf_write(o, big, sizeof(big)), sizeof(big));
	loop_step(loop, 1000);
	ck_assert_int_eq(pread(p[1], got, sizeof(got), 0), sizeof(got));
	ck_assert_mem_eq(got, big, sizeof(got));
	teardown();
	fclose(f);
	p[1] = open("/dev/full", O_WRONLY);
	create(p[1], 0);
	put("x");
	loop_step(loop, 1000);
	ck_assert_uint_eq(outbuf_write(o, big, sizeof(big)), sizeof(big));
	ck_assert_uint_eq(outbuf_write(o, big, sizeof(big)), sizeof(big));
	teardown();
}
END_TEST

START_TEST(flush_writes_all)
{
	setup(0);
	put("last ");
	put("words");
	outbuf_flush(o);
	ck_assert_str_eq(packet(), "last words");
	outbuf_flush(o);
	ck_assert_str_eq(packet(), "");
	teardown();
}
END_TEST

static void *slow_reader(void *arg)
{
	char *got = arg;
	size_t n = 0;
	struct pollfd f = { .fd = p[0], .events = POLLIN };

	while (poll(&f, 1, scaled(500)) > 0) {
		ssize_t r = read(p[0], got + n, 4096);

		if (r <= 0)
			break;
		n += (size_t)r;
		usleep(20000);
	}
	return (void *)n;
}

/* As long as something moves flush goes on, longer than its timeout if need be. */
START_TEST(flush_waits_for_a_slow_reader)
{
	static char big[64 * KiB], got[128 * KiB];
	size_t sent = 0, n;
	pthread_t t;
	void *res;

	setup(0);
	while ((n = outbuf_write(o, big, sizeof(big)))) {
		sent += n;
		for (unsigned i = 0; i < 10; i++)
			loop_step(loop, 1);
	}
	pthread_create(&t, NULL, slow_reader, got);
	outbuf_flush(o);
	pthread_join(t, &res);
	ck_assert_uint_eq((size_t)res, sent);
	teardown();
}
END_TEST

START_TEST(flush_gives_up)
{
	static char big[64 * KiB];
	u64 t;

	setup(0);
	while (outbuf_write(o, big, sizeof(big)))
		for (unsigned i = 0; i < 10; i++)
			loop_step(loop, 1);
	t = loop_now_ns();
	outbuf_flush(o);
	t = loop_now_ns() - t;
	ck_assert_uint_ge(t, 1900000000);
	ck_assert_uint_le(t, 10000000000);
	teardown();
}
END_TEST

/* Nobody reads: after a second the newest bytes are kept, and nobody is stalled. */
START_TEST(lossy)
{
	static char line[1024];
	size_t n = 0;
	u64 t;

	setup(OUTBUF_LOSSY);
	memset(line, '-', sizeof(line));
	while (outbuf_write(o, line, sizeof(line)) == sizeof(line)) {
		ck_assert_uint_lt(n++, 100);
		for (unsigned i = 0; i < 3; i++)
			loop_step(loop, 1);
	}
	/* Not at once: a reader may only be slow. */
	ck_assert_uint_lt(outbuf_write(o, line, sizeof(line)), sizeof(line));
	usleep(1100000);
	memset(line, '+', sizeof(line));
	for (unsigned i = 0; i < 100; i++)
		ck_assert_uint_eq(outbuf_write(o, line, sizeof(line)), sizeof(line));
	t = loop_now_ns();
	outbuf_flush(o);
	ck_assert_uint_lt(loop_now_ns() - t, 1000000000);
	/* Somebody opens it: the end of what was said is there. */
	const char *last = "";

	for (unsigned i = 0; i < 200; i++) {
		const char *got = packet();

		if (*got)
			last = got;
		loop_step(loop, 1);
		if (*last == '+')
			break;
	}
	ck_assert_int_eq(*last, '+');
	teardown();
}
END_TEST

/* A descriptor without O_NONBLOCK never blocks us. */
START_TEST(careful)
{
	static char big[64 * KiB];
	size_t sent = 0, got = 0, n;

	setup(OUTBUF_MAY_BLOCK);
	ck_assert_int_eq(fcntl(p[1], F_SETFL, 0), 0);
	alarm(scaled(20));
	while ((n = outbuf_write(o, big, sizeof(big)))) {
		sent += n;
		for (unsigned i = 0; i < 10; i++)
			loop_step(loop, 1);
	}
	for (unsigned i = 0; i < 1000 && got < sent; i++) {
		ssize_t r = read(p[0], big, sizeof(big));

		got += (size_t)MAX(r, 0);
		loop_step(loop, 1);
	}
	ck_assert_uint_eq(got, sent);
	teardown();
}
END_TEST

/* Two writers on threads of their own, the loop on its own, a reader here: every byte arrives. */
#define PER_WRITER 200000u

static void *writer(void *arg)
{
	char *text = arg;

	for (unsigned left = PER_WRITER; left;)
		left -= (unsigned)outbuf_write(o, text, MIN(10u, left));
	return NULL;
}

START_TEST(threads)
{
	static char a[] = "aaaaaaaaaa", b[] = "bbbbbbbbbb";
	static char buf[4096];
	size_t nr_a = 0, nr_b = 0;
	pthread_t t[2];

	setup(0);
	ck_assert_int_eq(loop_start(loop), 0);
	pthread_create(&t[0], NULL, writer, a);
	pthread_create(&t[1], NULL, writer, b);
	while (nr_a + nr_b < 2 * PER_WRITER) {
		struct pollfd f = { .fd = p[0], .events = POLLIN };
		ssize_t n;

		ck_assert_int_eq(poll(&f, 1, scaled(5000)), 1);
		n = read(p[0], buf, sizeof(buf));
		for (ssize_t i = 0; i < n; i++) {
			nr_a += buf[i] == 'a';
			nr_b += buf[i] == 'b';
		}
	}
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	loop_stop(loop);
	ck_assert_uint_eq(nr_a, PER_WRITER);
	ck_assert_uint_eq(nr_b, PER_WRITER);
	teardown();
}
END_TEST

SUITE_MAIN("lkvm/outbuf", first_byte_at_once, then_it_gathers, a_burst_is_not_delayed,
	   back_pressure, full_takes_nothing_and_says_when, reader_goes_away, nowhere, files,
	   flush_writes_all, flush_waits_for_a_slow_reader, flush_gives_up, lossy, careful, threads)
