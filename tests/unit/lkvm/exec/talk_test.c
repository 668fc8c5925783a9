/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between lkvm exec and its guest: in pieces, out of turn, and more than are read. */
#include <errno.h>
#include <string.h>

#include "lkvm/base/exit.h"
#include "lkvm/base/le.h"
#include "lkvm/exec/failure.h"
#include "lkvm/exec/talk.h"
#include "tests/unit/suite.h"

static struct talk t;

static void setup(void)
{
	memset(&t, 0, sizeof(t));
}

static void teardown(void)
{
}

static const u8 *message(u32 type, u32 a, u64 b, u64 c)
{
	static u8 m[EXEC_MSG_LEN];
	const le32 first[2] = { le32_of(type), le32_of(a) };
	const le64 rest[2] = { le64_of(b), le64_of(c) };

	memcpy(m, first, 8);
	memcpy(m + 8, rest, 16);
	return m;
}

static int say(u32 type, u32 a, u64 b, u64 c)
{
	return talk_feed(&t, message(type, a, b, c), EXEC_MSG_LEN);
}

START_TEST(a_command)
{
	u8 both[2 * EXEC_MSG_LEN];

	ck_assert_int_eq(t.state, TALK_WAITING);
	memcpy(both, message(EXEC_STARTED, 0, 0, 0), EXEC_MSG_LEN);
	memcpy(both + EXEC_MSG_LEN, message(EXEC_EXITED, 42, 5000000000, 7), EXEC_MSG_LEN);
	/* Byte by byte. */
	for (unsigned i = 0; i < sizeof(both); i++) {
		ck_assert_int_eq(t.state, i < EXEC_MSG_LEN ? TALK_WAITING : TALK_RUNNING);
		ck_assert_int_eq(talk_feed(&t, both + i, 1), 0);
	}
	ck_assert_int_eq(t.state, TALK_OVER);
	ck_assert(!t.failed);
	ck_assert_uint_eq(t.status, 42);
	ck_assert_uint_eq(t.out_len, 5000000000);
	ck_assert_uint_eq(t.err_len, 7);
	/* All at once. */
	setup();
	ck_assert_int_eq(talk_feed(&t, both, sizeof(both)), 0);
	ck_assert_int_eq(t.state, TALK_OVER);
}
END_TEST

START_TEST(no_command)
{
	char buf[400];

	ck_assert_int_eq(say(EXEC_FAILED, EXEC_FAIL_EXEC, ENOENT, 0), 0);
	ck_assert_int_eq(t.state, TALK_OVER);
	ck_assert(t.failed);
	ck_assert_int_eq(failure_status(&t), EXIT_NOT_FOUND);
	ck_assert_str_eq(failure_text(buf, sizeof(buf), &t, "x"),
			 "cannot run x: No such file or directory");
	setup();
	ck_assert_int_eq(say(EXEC_FAILED, EXEC_FAIL_EXEC, EACCES, 0), 0);
	ck_assert_int_eq(failure_status(&t), EXIT_NOT_RUN);
	for (u32 what = 0; what < EXEC_NR_FAILURES; what++) {
		setup();
		ck_assert_int_eq(say(EXEC_FAILED, what, 4095, UINT64_MAX), 0);
		failure_text(buf, sizeof(buf), &t, "x");
		ck_assert_ptr_null(strstr(buf, "(null)"));
		ck_assert(failure_status(&t) == EXIT_FAILED || what == EXEC_FAIL_EXEC);
	}
}
END_TEST

/* What a guest may not say. Nothing is read after it. */
static void broken(u32 type, u32 a, u64 b)
{
	ck_assert_int_eq(say(type, a, b, 0), -EBADMSG);
	ck_assert_int_eq(t.state, TALK_BROKEN);
	ck_assert_int_eq(say(EXEC_STARTED, 0, 0, 0), -EBADMSG);
}

START_TEST(out_of_turn)
{
	static const u32 types[] = { 0, EXEC_SIZE, EXEC_SIGNAL, EXEC_EOF, 19, UINT32_MAX };

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		setup();
		broken(types[i], 0, 0);
	}
	setup();
	broken(EXEC_EXITED, 0, 0);
	setup();
	ck_assert_int_eq(say(EXEC_STARTED, 0, 0, 0), 0);
	broken(EXEC_STARTED, 0, 0);
	setup();
	say(EXEC_STARTED, 0, 0, 0);
	broken(EXEC_FAILED, EXEC_FAIL_EXEC, 2);
	setup();
	say(EXEC_STARTED, 0, 0, 0);
	broken(EXEC_EXITED, 256, 0);
	setup();
	broken(EXEC_FAILED, EXEC_NR_FAILURES, 2);
	setup();
	broken(EXEC_FAILED, EXEC_FAIL_CWD, 4096);
	setup();
	say(EXEC_STARTED, 0, 0, 0);
	say(EXEC_EXITED, 0, 0, 0);
	broken(EXEC_EXITED, 0, 0);
}
END_TEST

START_TEST(to_the_guest)
{
	const u8 *p;
	size_t n;

	talk_peek(&t, &n);
	ck_assert_uint_eq(n, 0);
	ck_assert(talk_put(&t, EXEC_SIZE, 80 | 24 << 16, 0));
	ck_assert(talk_put(&t, EXEC_EOF, 0, 1234));
	p = talk_peek(&t, &n);
	ck_assert_uint_eq(n, 2 * EXEC_MSG_LEN);
	ck_assert_mem_eq(p, message(EXEC_SIZE, 80 | 24 << 16, 0, 0), EXEC_MSG_LEN);
	talk_take(&t, 10);
	p = talk_peek(&t, &n);
	ck_assert_uint_eq(n, 2 * EXEC_MSG_LEN - 10);
	ck_assert_mem_eq(p + EXEC_MSG_LEN - 10, message(EXEC_EOF, 0, 1234, 0), EXEC_MSG_LEN);
}
END_TEST

/* A guest that reads nothing costs a buffer, and no more. The bytes stay in order. */
START_TEST(not_read)
{
	u32 next = 0, put = 0;
	size_t n;

	while (talk_put(&t, EXEC_SIGNAL, put, 0))
		put++;
	ck_assert_uint_eq(put, TALK_QUEUE);
	for (unsigned round = 0; round < 1000; round++) {
		u8 got[EXEC_MSG_LEN];
		size_t have = 0;

		while (have < sizeof(got)) {
			const void *p = talk_peek(&t, &n);

			n = MIN(n, (size_t)7);
			n = MIN(n, sizeof(got) - have);
			ck_assert_uint_gt(n, 0);
			memcpy(got + have, p, n);
			talk_take(&t, n);
			have += n;
		}
		ck_assert_mem_eq(got, message(EXEC_SIGNAL, next++, 0, 0), sizeof(got));
		ck_assert(talk_put(&t, EXEC_SIGNAL, put++, 0));
	}
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/talk", setup, teardown, a_command, no_command, out_of_turn, to_the_guest,
		   not_read)
