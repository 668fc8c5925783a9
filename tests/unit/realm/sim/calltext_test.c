/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls as text: in the words of the specification, whatever the registers hold; and the log. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "realm/sim/calllog.h"
#include "realm/sim/calltext.h"
#include "realm/sim/psci.h"
#include "tests/unit/arm64/capture.h"

static char buf[CALLTEXT_SIZE];

static void is(const char *want, const u64 in[RSI_NR_REGS], const u64 out[RSI_NR_REGS])
{
	ck_assert_str_eq(calltext_rsi(buf, in, out), want);
}

START_TEST(in_the_words_of_the_specification)
{
	is("RSI_VERSION(req=1.0) = RSI_SUCCESS, lower=1.0, higher=1.1",
	   (u64[11]){ RSI_VERSION, 0x10000 }, (u64[11]){ 0, 0x10000, 0x10001 });
	is("RSI_VERSION(req=0xffffffffffffffff) = RSI_ERROR_INPUT, lower=1.0, higher=1.0",
	   (u64[11]){ RSI_VERSION, UINT64_MAX }, (u64[11]){ 1, 0x10000, 0x10000 });
	is("RSI_FEATURES(index=3) = RSI_SUCCESS, value=0", (u64[11]){ RSI_FEATURES, 3 },
	   (u64[11]){ 0 });
	is("RSI_MEASUREMENT_EXTEND(index=1, size=10, value=00112233445566778899) = RSI_SUCCESS",
	   (u64[11]){ RSI_MEASUREMENT_EXTEND, 1, 10, 0x7766554433221100, 0x9988 }, (u64[11]){ 0 });
	is("RSI_MEASUREMENT_READ(index=5) = RSI_ERROR_INPUT", (u64[11]){ RSI_MEASUREMENT_READ, 5 },
	   (u64[11]){ 1 });
	is("RSI_ATTESTATION_TOKEN_CONTINUE(addr=0x80001000, offset=0, size=4096) = RSI_INCOMPLETE, "
	   "len=700",
	   (u64[11]){ RSI_ATTESTATION_TOKEN_CONTINUE, 0x80001000, 0, 4096 }, (u64[11]){ 3, 700 });
	is("RSI_REALM_CONFIG(addr=0x80001000) = RSI_ERROR_UNKNOWN",
	   (u64[11]){ RSI_REALM_CONFIG, 0x80001000 }, (u64[11]){ 4 });
	is("RSI_IPA_STATE_SET(base=0x80000000, top=0xa0000000, ripas=RAM, "
	   "flags=NO_CHANGE_DESTROYED) = RSI_SUCCESS, new_base=0x90000000, response=REJECT",
	   (u64[11]){ RSI_IPA_STATE_SET, 0x80000000, 0xa0000000, 1, 0 },
	   (u64[11]){ 0, 0x90000000, 1 });
	is("RSI_IPA_STATE_SET(base=0, top=0, ripas=0x9, flags=0x2) = RSI_ERROR_INPUT",
	   (u64[11]){ RSI_IPA_STATE_SET, 0, 0, 9, 2 }, (u64[11]){ 1 });
	is("RSI_IPA_STATE_GET(start=0x1000000, end=0x1001000) = RSI_SUCCESS, out_top=0x1001000, "
	   "ripas=EMPTY",
	   (u64[11]){ RSI_IPA_STATE_GET, 0x1000000, 0x1001000 }, (u64[11]){ 0, 0x1001000, 0 });
	is("RSI_HOST_CALL(addr=0x80001000) = RSI_SUCCESS", (u64[11]){ RSI_HOST_CALL, 0x80001000 },
	   (u64[11]){ 0 });
	is("0xc400019a(0x1, 0x2, 0x3, 0x4) = NOT_SUPPORTED", (u64[11]){ 0xc400019a, 1, 2, 3, 4 },
	   (u64[11]){ UINT64_MAX });
	is("PV_TIME_FEATURES(0xc5000021, 0, 0, 0) = NOT_SUPPORTED",
	   (u64[11]){ 0xc5000020, 0xc5000021 }, (u64[11]){ UINT64_MAX });
	is("RSI_FEATURES(index=0) = 0x63", (u64[11]){ RSI_FEATURES }, (u64[11]){ 99 });
}
END_TEST

START_TEST(the_longest_has_room)
{
	u64 in[RSI_NR_REGS], out[RSI_NR_REGS];

	for (u64 f = RSI_FID_BASE; f < RSI_FID_BASE + RSI_NR_FIDS; f++) {
		for (u64 status = 0; status < 5; status++) {
			memset(in, 0xff, sizeof(in));
			memset(out, 0xff, sizeof(out));
			in[0] = f;
			out[0] = status;
			ck_assert_uint_lt(strlen(calltext_rsi(buf, in, out)), CALLTEXT_SIZE - 100);
		}
	}
	in[0] = RSI_ATTESTATION_TOKEN_INIT;
	out[0] = 0;
	calltext_rsi(buf, in, out);
	ck_assert(strstr(buf, "(challenge=ffffffffffffffff") &&
		  strstr(buf, ") = RSI_SUCCESS, max"));
}
END_TEST

START_TEST(psci)
{
	ck_assert_str_eq(calltext_psci(buf, (u64[4]){ PSCI_VERSION }, 0x10001),
			 "PSCI_VERSION(0, 0, 0) = 1.1");
	ck_assert_str_eq(calltext_psci(buf, (u64[4]){ PSCI_CPU_ON | PSCI_64, 1, 0x80200000, 2 }, 0),
			 "PSCI_CPU_ON(0x1, 0x80200000, 0x2) = 0");
	ck_assert_str_eq(calltext_psci(buf, (u64[4]){ 0x84000006 }, UINT64_MAX),
			 "PSCI_MIGRATE_INFO_TYPE(0, 0, 0) = -1");
	ck_assert_str_eq(calltext_psci(buf, (u64[4]){ 0x8400001f }, UINT64_MAX),
			 "0x8400001f(0, 0, 0) = -1");
}
END_TEST

START_TEST(names)
{
	ck_assert_int_eq(calltext_function("version", 7), 0);
	ck_assert_int_eq(calltext_function("HOST_CALL", 9), 9);
	ck_assert_int_eq(calltext_function("ipa-state-SET:x", 13), 7);
	ck_assert_int_eq(calltext_function("ipa-state", 9), -EINVAL);
	ck_assert_int_eq(calltext_function("versions", 8), -EINVAL);
	ck_assert_int_eq(calltext_function("", 0), -EINVAL);
}
END_TEST

/* ---- the log ---- */

static char dir[] = "/tmp/lkvm-calllog-XXXXXX";
static char path[64];

static size_t read_file(char *out, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = pread(fd, out, size - 1, 0);

	close(fd);
	out[MAX(n, 0)] = 0;
	return (size_t)lseek(open(path, O_RDONLY), 0, SEEK_END);
}

START_TEST(the_log_is_appended_to_a_file)
{
	struct calllog *l;
	char text[512];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(calllog_open(&l, path), 0);
		calllog_write(l, 1 + i, "RSI_X() = y");
		calllog_close(l);
	}
	read_file(text, sizeof(text));
	ck_assert_msg(strstr(text, "[    0.") == text, "%s", text);
	ck_assert(strstr(text, "] REC 1: RSI_X() = y\n["));
	ck_assert(strstr(text, "] REC 2: RSI_X() = y\n"));
	unlink(path);
	capture_start();
	ck_assert_int_eq(calllog_open(&l, dir), -EISDIR);
	captured_one_error("--sim-log", dir);
	rmdir(dir);
	calllog_close(NULL);
}
END_TEST

START_TEST(the_log_goes_to_stderr)
{
	struct calllog *l;

	capture_start();
	ck_assert_int_eq(calllog_open(&l, NULL), 0);
	calllog_write(l, 0, "RSI_X() = y");
	calllog_close(l);
	ck_assert_msg(strstr(captured(), "[    0.") == captured(), "%s", captured());
	ck_assert(strstr(captured(), "] REC 0: RSI_X() = y\n"));
}
END_TEST

/* The guest goes on, and who reads the log is told once. */
START_TEST(a_log_on_a_full_disk)
{
	struct calllog *l;

	capture_start();
	ck_assert_int_eq(calllog_open(&l, "/dev/full"), 0);
	for (unsigned i = 0; i < 3; i++)
		calllog_write(l, 0, "RSI_X() = y");
	calllog_close(l);
	ck_assert_str_eq(
		captured(),
		"  Warning: --sim-log: calls are missing in it: No space left on device\n");
}
END_TEST

/* A guest calls as often as it likes. */
START_TEST(the_log_has_a_limit)
{
	char text[CALLTEXT_SIZE], tail[200];
	struct calllog *l;
	size_t size;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	ck_assert_int_eq(calllog_open(&l, path), 0);
	for (unsigned i = 0; i < 2 * CALLLOG_MAX_BYTES / sizeof(text); i++)
		calllog_write(l, 0, text);
	calllog_close(l);
	size = read_file(tail, sizeof(tail));
	ck_assert_uint_lt(size, CALLLOG_MAX_BYTES / 8 * 9);
	ck_assert_int_eq(truncate(path, 0), 0);
	unlink(path);
	rmdir(dir);
}
END_TEST

SUITE_MAIN("realm/sim/calltext", in_the_words_of_the_specification, the_longest_has_room, psci,
	   names, the_log_is_appended_to_a_file, the_log_goes_to_stderr, a_log_on_a_full_disk,
	   the_log_has_a_limit)
