/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: host sessions of a Realm. "answer" on the command line: there is a server, which sends
 * each message back with its bytes inverted; otherwise there are no sessions.
 *
 * Thread: CPU 0.
 * Trust:  the VMM is under test.
 * Spec:   [RHI 1.0 (DEN 0148) host session], [RMM 1.0 B5.3.4 RSI_HOST_CALL]
 */
#include "guest/realm.h"

#define VERSION 0xc5000040u
#define FEATURES 0xc5000041u
#define OPEN 0xc5000042u
#define CLOSE 0xc5000043u
#define SEND 0xc5000044u
#define RECEIVE 0xc5000045u

#define BLOCKING 1u
#define NON_BLOCKING 2u

#define SUCCESS 0u
#define INVALID_STATE 2u
#define INVALID_ID 3u
#define NO_SUCH_TYPE 4u
#define ACCESS_FAILED 5u

#define UNCONNECTED 0u
#define ESTABLISHED 2u
#define IO_IN_PROGRESS 3u
#define IO_COMPLETE 4u
#define SIZE_DETERMINED 5u

#define PAGES 4u
#define MESSAGE 9000u /* over several granules */

static u64 call_page[GRANULE / 8] __attribute__((aligned(4096)));
static u8 pages[PAGES][GRANULE] __attribute__((aligned(4096)));
static u8 *shared;
static u64 id;

/* The status; results are in gprs[1..3]. */
static u64 call(u64 function, u64 a, u64 b, u64 c, u64 d)
{
	u64 *gprs = call_page + 1;
	struct smc r;

	memset(call_page, 0, 256);
	gprs[0] = function;
	gprs[1] = a;
	gprs[2] = b;
	gprs[3] = c;
	gprs[4] = d;
	if (rsi(&r, RSI_HOST_CALL, (u64)call_page, 0, 0, 0) != RSI_SUCCESS)
		return ~0ull - 1;
	return gprs[0];
}

#define RESULT(n) (call_page[1 + (n)])

static bool open_session(u64 mode)
{
	u64 status;

	id = 0;
	do {
		status = call(OPEN, id, mode, 0, 0);
		id = RESULT(1);
	} while (status == SUCCESS && RESULT(2) != ESTABLISHED);
	return checkf("OPEN", status == SUCCESS && id, "%lx, id %lx, state %lx", status, id,
		      RESULT(2));
}

/* All of the message, however often that has to be said. */
static bool move_all(u64 function, u64 len)
{
	u64 done = 0, status;

	while (done < len) {
		status = call(function, id, pa_of(shared), len - done, done);
		if (status != SUCCESS || RESULT(1) != id || RESULT(3) > len - done)
			return checkf("transfer", false, "%lx, %lx at %lu", status, RESULT(3),
				      done);
		done += RESULT(3);
		if (RESULT(2) != (done == len ? IO_COMPLETE : IO_IN_PROGRESS))
			return checkf("transfer", false, "state %lx at %lu", RESULT(2), done);
	}
	return true;
}

static u8 byte_of(u64 i)
{
	return (u8)(i * 7 + i / 256);
}

/* A length of four bytes, the bytes; and the same back, inverted. */
static void exchange(const char *name, u64 len)
{
	u64 good = 0;

	for (u64 i = 0; i < len; i++)
		shared[4 + i] = byte_of(i);
	for (unsigned i = 0; i < 4; i++)
		shared[i] = (u8)(len >> 8 * i);
	if (!move_all(SEND, 4 + len))
		return;
	memset(shared, 0, PAGES * GRANULE);
	if (!move_all(RECEIVE, 4 + len))
		return;
	for (u64 i = 0; i < len; i++)
		good += (shared[4 + i] ^ byte_of(i)) == 0xff;
	checkf(name, good == len && (u64)(shared[0] | shared[1] << 8) == len, "%lu of %lu", good,
	       len);
}

static void size_query(void)
{
	u64 status;

	shared[0] = 5;
	shared[1] = shared[2] = shared[3] = 0;
	move_all(SEND, 9);
	do
		status = call(RECEIVE, id, 0, 0, 0);
	while (status == SUCCESS && RESULT(2) == IO_IN_PROGRESS);
	checkf("RECEIVE says how much there is",
	       status == SUCCESS && RESULT(2) == SIZE_DETERMINED && RESULT(3) && RESULT(3) <= 9,
	       "%lx, state %lx, %lu", status, RESULT(2), RESULT(3));
	move_all(RECEIVE, 9);
}

static void bad_calls(void)
{
	const u64 at = pa_of(shared);

	check("no such session", call(SEND, id + 1, at, 8, 0) == INVALID_ID &&
					 call(RECEIVE, 0, at, 8, 0) == INVALID_ID &&
					 call(CLOSE, ~0ull, 0, 0, 0) == INVALID_ID);
	check("another one is not to be had", call(OPEN, 0, BLOCKING, 0, 0) == INVALID_STATE);
	check("a protected buffer",
	      call(SEND, id, pa_of(call_page), 8, 0) == ACCESS_FAILED &&
		      call(RECEIVE, id, pa_of(call_page), 8, 0) == ACCESS_FAILED);
	check("from the shared page into a protected one",
	      call(SEND, id, at, PAGES * GRANULE + 1, 0) == ACCESS_FAILED &&
		      call(SEND, id, at, 8, PAGES * GRANULE - 4) == ACCESS_FAILED);
	check("no buffer of a granule",
	      call(SEND, id, at + 8, 8, 0) == ACCESS_FAILED &&
		      call(SEND, id, 0, 8, 0) == ACCESS_FAILED &&
		      call(RECEIVE, id, at, 8, ~0ull - 4) == ACCESS_FAILED);
	check("no bytes",
	      call(SEND, id, at, 0, 0) == SUCCESS && RESULT(2) == IO_COMPLETE && !RESULT(3));
}

static void sessions(void)
{
	static const u64 modes[] = { BLOCKING, NON_BLOCKING };

	check("VERSION 1.0", call(VERSION, 1, 2, 3, 4) == 0x10000 && !RESULT(1));
	check("FEATURES: all", call(FEATURES, 0, 0, 0, 0) == 0xf && RESULT(1) == 3);
	check("no other group", call(0xc5000046, 0, 0, 0, 0) == NOT_SUPPORTED &&
					call(0xc500003f, 0, 0, 0, 0) == NOT_SUPPORTED);
	check("no session yet", call(SEND, 1, pa_of(shared), 8, 0) == INVALID_ID);
	check("OPEN: an odd mode",
	      call(OPEN, 0, 3, 0, 0) == NO_SUCH_TYPE && call(OPEN, 0, 0, 0, 0) == NO_SUCH_TYPE);
	check("OPEN: an id", call(OPEN, 7, BLOCKING, 0, 0) == INVALID_ID);
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		u64 before = id;

		if (!open_session(modes[i]))
			return;
		check("a new id", id != before);
		exchange("a message", MESSAGE);
		exchange("a short one", 1);
		size_query();
		bad_calls();
		check("CLOSE", call(CLOSE, id, 0, 0, 0) == SUCCESS && RESULT(2) == UNCONNECTED);
		check("it is gone", call(CLOSE, id, 0, 0, 0) == INVALID_ID);
	}
}

void payload_main(void)
{
	if (!check("this is a Realm", io_alias))
		goto out;
	shared = share(pages, sizeof(pages));
	if (!check("pages are shared", shared))
		goto out;
	if (has_word(bootargs(), "answer"))
		sessions();
	else
		check("there are no sessions", call(VERSION, 0, 0, 0, 0) == NOT_SUPPORTED &&
						       call(OPEN, 0, 1, 0, 0) == NOT_SUPPORTED);
out:
	check_summary();
}
