/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether one descriptor is ready: at once, in time, or not. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "lkvm/base/ready.h"
#include "tests/unit/suite.h"

START_TEST(a_pipe)
{
	struct ready in, out;
	char room[4096] = { 0 };
	int p[2], full = 0;

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(ready_init(&in, p[0], EPOLLIN), 0);
	ck_assert_int_eq(ready_init(&out, p[1], EPOLLOUT), 0);
	ck_assert(!ready_wait(&in, 0));
	ck_assert(!ready_wait(&in, 10));
	while (ready_wait(&out, 0) && full++ < 1000)
		ck_assert_int_eq(write(p[1], room, sizeof(room)), sizeof(room));
	ck_assert_int_gt(full, 1);
	ck_assert_int_lt(full, 1000);
	/* It is asked anew each time, not once for each change. */
	ck_assert(ready_wait(&in, 0) && ready_wait(&in, -1) && ready_wait(&in, 0));
	for (; full; full--)
		ck_assert_int_eq(read(p[0], room, sizeof(room)), sizeof(room));
	ck_assert(!ready_wait(&in, 0));
	ck_assert(ready_wait(&out, -1));
	/* Hang-ups: nobody writes, nobody reads. */
	close(p[1]);
	ck_assert(ready_wait(&in, -1));
	close(p[0]);
	ready_fini(&in);
	ready_fini(&out);
}
END_TEST

START_TEST(files_are_always_ready)
{
	FILE *f = tmpfile();
	struct ready r;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(ready_init(&r, fileno(f), EPOLLOUT), 0);
	ck_assert(ready_wait(&r, 0) && ready_wait(&r, -1));
	ready_fini(&r);
	ready_fini(&r);
	fclose(f);
	ck_assert_int_eq(ready_init(&r, -1, EPOLLIN), -EBADF);
	ready_fini(&r);
}
END_TEST

static void *wait_for(void *arg)
{
	return ready_wait(arg, -1) ? arg : NULL;
}

/* One event is everybody's. */
START_TEST(several_threads)
{
	pthread_t t[4];
	struct ready r;
	int p[2];
	void *ret;

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(ready_init(&r, p[0], EPOLLIN), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, wait_for, &r), 0);
	usleep(1000);
	ck_assert_int_eq(write(p[1], "x", 1), 1);
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		ck_assert_int_eq(pthread_join(t[i], &ret), 0);
		ck_assert_ptr_eq(ret, &r);
	}
	ready_fini(&r);
	close(p[0]);
	close(p[1]);
}
END_TEST

SUITE_MAIN("lkvm/base/ready", a_pipe, files_are_always_ready, several_threads)
