/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that takes its time: a pipe that blocks who writes, and a test that reads when it may. */
#include "net/pcap_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "tests/unit/suite.h"

#define FRAME 6000u
#define NR_MAX (2 * PCAP_WRITER_MAX / FRAME)

static struct loop *loop;
static struct pcap_writer *w;
static int ends[2];

static void setup(void)
{
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(loop_create(&loop, "net"), 0);
	ck_assert_int_eq(pcap_writer_create(&w, loop), 0);
	ck_assert_int_eq(pcap_writer_begin(w, ends[1]), 0);
}

/* In two pieces, as a packet has a head; all of its bytes say which one it is. */
static int put(u32 which)
{
	static u32 frame[FRAME / 4];
	struct iovec v[2] = { { frame, 16 }, { (u8 *)frame + 16, FRAME - 16 } };

	for (unsigned i = 0; i < ARRAY_SIZE(frame); i++)
		frame[i] = which;
	return pcap_writer_put(w, v, 2, FRAME);
}

/* Reads one; false: there are no more. */
static bool get(u32 *which)
{
	u32 frame[FRAME / 4];
	size_t have = 0;
	ssize_t n;

	while (have < FRAME && (n = read(ends[0], (u8 *)frame + have, FRAME - have)) > 0)
		have += (size_t)n;
	if (!have)
		return false;
	ck_assert_uint_eq(have, FRAME);
	*which = frame[0];
	/* Each word is the one before it. */
	ck_assert(!memcmp(frame, frame + 1, sizeof(frame) - sizeof(frame[0])));
	return true;
}

static void *reader(void *arg)
{
	u32 *got = arg, n = 0, which;

	while (get(&which))
		got[n++] = which;
	return NULL;
}

/* What a file system that hangs is to the network: nothing, but for what is missing then. */
START_TEST(a_file_that_hangs_costs_frames_and_no_time)
{
	static u32 got[NR_MAX + 1], taken[NR_MAX];
	pthread_t thread;
	u32 nr = 0;
	u64 begin;

	setup();
	begin = loop_now_ns();
	for (u32 i = 0; i < NR_MAX; i++) {
		int err = put(i + 1);

		ck_assert(!err || err == -EAGAIN);
		if (!err)
			taken[nr++] = i + 1;
	}
	ck_assert_uint_lt(loop_now_ns() - begin, UINT64_C(20000000000));
	/* As many as there is room for, in the ring and in the pipe. */
	ck_assert_uint_ge(nr, PCAP_WRITER_MAX / FRAME);
	ck_assert_uint_lt(nr, PCAP_WRITER_MAX / FRAME + 100);
	/* It goes on: all that were taken come, whole and in order, also those after the hang. */
	ck_assert_int_eq(pthread_create(&thread, NULL, reader, got), 0);
	while (put(NR_MAX + 7) == -EAGAIN)
		usleep(1000);
	ck_assert_int_eq(pcap_writer_destroy(w), 0);
	pthread_join(thread, NULL);
	for (u32 i = 0; i < nr; i++)
		ck_assert_uint_eq(got[i], taken[i]);
	ck_assert_uint_eq(got[nr], NR_MAX + 7);
	close(ends[0]);
	loop_destroy(loop);
}
END_TEST

/* The ring goes round twice, and stays in order. */
START_TEST(what_comes_in_turn_comes_out_in_turn)
{
	static u32 got[NR_MAX];
	pthread_t thread;

	setup();
	ck_assert_int_eq(pthread_create(&thread, NULL, reader, got), 0);
	for (u32 i = 0; i < ARRAY_SIZE(got); i++) {
		while (put(i + 1) == -EAGAIN)
			usleep(1000);
	}
	ck_assert_int_eq(pcap_writer_destroy(w), 0);
	pthread_join(thread, NULL);
	for (u32 i = 0; i < ARRAY_SIZE(got); i++)
		ck_assert_uint_eq(got[i], i + 1);
	close(ends[0]);
	loop_destroy(loop);
}
END_TEST

START_TEST(a_failure_is_told_and_ends_it)
{
	setup();
	signal(SIGPIPE, SIG_IGN);
	close(ends[0]);
	ck_assert_int_eq(put(1), 0);
	for (unsigned i = 0; i < 10000 && put(2) != -EPIPE; i++)
		usleep(1000);
	ck_assert_int_eq(put(3), -EPIPE);
	ck_assert_int_eq(pcap_writer_destroy(w), -EPIPE);
	ck_assert_int_eq(pcap_writer_destroy(NULL), 0);
	loop_destroy(loop);
}
END_TEST

/* One file after the other; of the first one nobody takes what it holds, for a while. */
START_TEST(an_end_waits_for_nothing)
{
	u32 which, nr = 0;
	int second[2];
	u64 begin;

	setup();
	while (!put(++nr))
		;
	begin = loop_now_ns();
	pcap_writer_end(w);
	ck_assert_uint_lt(loop_now_ns() - begin, UINT64_C(10000000000));
	ck_assert_int_eq(put(NR_MAX), -EBADF);
	ck_assert_int_eq(pipe2(second, O_CLOEXEC), 0);
	ck_assert_int_eq(pcap_writer_begin(w, second[1]), -EBUSY);
	/* That one it has closed. */
	ck_assert_int_eq(read(second[0], &which, 1), 0);
	close(second[0]);

	/* All that was put is in the first one, up to its end. */
	for (u32 i = 1; i < nr; i++) {
		ck_assert(get(&which));
		ck_assert_uint_eq(which, i);
	}
	ck_assert(!get(&which));
	close(ends[0]);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(pcap_writer_begin(w, ends[1]), 0);
	ck_assert_int_eq(put(7), 0);
	pcap_writer_end(w);
	ck_assert(get(&which));
	ck_assert_uint_eq(which, 7);
	ck_assert(!get(&which));
	ck_assert_int_eq(pcap_writer_destroy(w), 0);
	close(ends[0]);
	loop_destroy(loop);
}
END_TEST

SUITE_MAIN("net/pcap_writer", an_end_waits_for_nothing, a_file_that_hangs_costs_frames_and_no_time,
	   what_comes_in_turn_comes_out_in_turn, a_failure_is_told_and_ends_it)
