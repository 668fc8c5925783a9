/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that keeps the keys: it makes tokens of what it is told, has nothing else of ours,
 * and ends with us; when it is gone the guest gets no token, and nobody waits.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "realm/sim/keeper.h"
#include "tests/unit/arm64/capture.h"

static char base[] = "/tmp/lkvm-keeper-XXXXXX", dir[64];
static const u8 challenge[TOKEN_CHALLENGE_LEN] = { 7, 8, 9 };
static u8 token[KEEPER_TOKEN_MAX];
static u32 len;

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(base));
	snprintf(dir, sizeof(dir), "%s/keys", base);
	capture_start();
}

static void teardown(void)
{
	char cmd[64];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", base);
	ck_assert_int_eq(system(cmd), 0);
}

/* Our only child. */
static pid_t child(void)
{
	char path[64];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "r");
	if (f && fscanf(f, "%d", &pid) != 1)
		pid = 0;
	if (f)
		fclose(f);
	return pid;
}

static struct rsi_realm realm(void)
{
	struct rsi_realm r = { .hash_algo = RSI_HASH_SHA512 };

	memset(r.rpv, 0x11, sizeof(r.rpv));
	memset(r.rim, 0x22, sizeof(r.rim));
	for (unsigned i = 0; i < RSI_NR_REMS; i++)
		memset(r.rem[i], 0x30 + (int)i, sizeof(r.rem[i]));
	return r;
}

static bool holds(u8 byte)
{
	u8 want[RSI_HASH_MAX];

	memset(want, byte, sizeof(want));
	return memmem(token, len, want, sizeof(want));
}

START_TEST(makes_tokens_of_what_it_is_told)
{
	struct rsi_realm r = realm();
	struct token_report report;
	struct keeper *k;
	struct stat st;

	ck_assert_int_eq(keeper_start(&k, dir, TOKEN_CMW), 0);
	ck_assert_int_lt(stat(dir, &st), 0); /* no keys before somebody wants a token */
	ck_assert_int_eq(keeper_token(k, &r, challenge, token, sizeof(token), &len), 0);
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_int_eq(token_verify(token, len, &(struct token_expect){ 0 }, &report),
			 TOKEN_UNANCHORED);
	ck_assert_int_eq(report.form, TOKEN_CMW);
	ck_assert(memmem(token, len, challenge, sizeof(challenge)));
	for (u8 byte = 0x30; byte < 0x34; byte++)
		ck_assert(holds(byte));
	ck_assert(holds(0x11) && holds(0x22));
	ck_assert_int_eq(keeper_token(k, &r, challenge, token, 100, &len), -ENOSPC);
	r.hash_algo = (enum rsi_hash)77;
	ck_assert_int_eq(keeper_token(k, &r, challenge, token, sizeof(token), &len), -EINVAL);
	keeper_stop(k);
	keeper_stop(NULL);
	ck_assert_int_lt(waitpid(-1, NULL, WNOHANG), 0);
	ck_assert_str_eq(captured(), "");
}
END_TEST

/* Descriptors of the process: the socket twice removed from ours, and the messages. */
static unsigned descriptors(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

START_TEST(has_nothing_else_and_heeds_no_terminal)
{
	struct rsi_realm r = realm();
	struct keeper *k;
	pid_t pid;

	ck_assert_int_eq(keeper_start(&k, dir, TOKEN_COLLECTION), 0);
	pid = child();
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(keeper_token(k, &r, challenge, token, sizeof(token), &len), 0);
	ck_assert_uint_eq(descriptors(pid), 3);
	kill(pid, SIGINT);
	kill(pid, SIGHUP);
	ck_assert_int_eq(keeper_token(k, &r, challenge, token, sizeof(token), &len), 0);
	keeper_stop(k);
}
END_TEST

START_TEST(gone_is_gone)
{
	struct rsi_realm r = realm();
	struct keeper *k;

	ck_assert_int_eq(keeper_start(&k, dir, TOKEN_COLLECTION), 0);
	ck_assert_int_eq(kill(child(), SIGKILL), 0);
	for (unsigned i = 0; i < 50; i++)
		ck_assert_int_eq(keeper_token(k, &r, challenge, token, sizeof(token), &len),
				 -EPIPE);
	ck_assert_ptr_nonnull(strstr(captured(), "the attestation service has ended"));
	keeper_stop(k);
}
END_TEST

START_TEST(a_place_that_is_none_is_refused_at_the_start)
{
	struct keeper *k;

	ck_assert_int_eq(mkdir(dir, 0755), 0);
	ck_assert_int_lt(keeper_start(&k, dir, TOKEN_COLLECTION), 0);
	captured_one_error("open to others", "");
	ck_assert_int_eq(child(), 0);
}
END_TEST

SUITE_MAIN_FIXTURE("realm/sim/keeper", setup, teardown, makes_tokens_of_what_it_is_told,
		   has_nothing_else_and_heeds_no_terminal, gone_is_gone,
		   a_place_that_is_none_is_refused_at_the_start)
