/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host sessions: the test is the guest and, on a socket of its own, the server. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "lkvm/vm/mem.h"
#include "realm/rhi.h"
#include "tests/unit/arm64/capture.h"

#define RAM UINT64_C(0x80000000)
#define PAGE UINT64_C(4096)
#define SHARED (RAM + 16 * PAGE) /* four pages */

static struct mem *mem;
static struct rhi *rhi;
static int listener = -1, server = -1;
static u64 x[RHI_NR_REGS];

static u16 listen_somewhere(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	return ntohs(a.sin_port);
}

static void setup(void)
{
	u16 port = listen_somewhere();

	ck_assert_int_eq(mem_create(&mem), 0);
	ck_assert_int_eq(mem_add_ram(mem, gpa(RAM), 2 * MiB, MEM_PROTECTED, NULL), 0);
	mem_set_alias(mem, BIT(32));
	ck_assert_int_eq(mem_set_shared(mem, gpa(SHARED), 4 * PAGE, true), 0);
	ck_assert_int_eq(rhi_create(&rhi, "127.0.0.1", port, mem), 0);
}

static void tear_down(void)
{
	rhi_destroy(rhi);
	mem_destroy(mem);
	close(listener);
	close(server);
}

static int once(u64 function, u64 a, u64 b, u64 c, u64 d)
{
	const u64 args[RHI_NR_REGS] = { function, a, b, c, d };

	memcpy(x, args, sizeof(x));
	return rhi_call(rhi, x);
}

/* Until it is answered, as a backend does. */
static u64 call(u64 function, u64 a, u64 b, u64 c, u64 d)
{
	while (once(function, a, b, c, d) == -EAGAIN)
		rhi_wait(rhi);
	return x[0];
}

static u64 open_with(u64 mode)
{
	u64 id = 0;

	do {
		ck_assert_uint_eq(call(RHI_SESSION_OPEN, id, mode, 0, 0), RHI_SUCCESS);
		id = x[1];
	} while (x[2] == RHI_CONNECTING);
	ck_assert_uint_eq(x[2], RHI_ESTABLISHED);
	server = accept(listener, NULL, NULL);
	ck_assert_int_ge(server, 0);
	return id;
}

START_TEST(what_there_is)
{
	setup();
	ck_assert_uint_eq(call(RHI_SESSION_VERSION, 1, 2, 3, 4), 0x10000);
	ck_assert(!x[1] && !x[2] && !x[3]);
	ck_assert_uint_eq(call(RHI_SESSION_FEATURES, 1, 2, 3, 4), 0xf);
	ck_assert(x[1] == 3 && !x[2]);
	ck_assert_uint_eq(call(RHI_SESSION_RECEIVE + 1, 1, 2, 3, 4), UINT64_MAX);
	rhi_destroy(rhi);
	rhi = NULL; /* no --service-ip */
	ck_assert_uint_eq(call(RHI_SESSION_VERSION, 1, 2, 3, 4), UINT64_MAX);
	ck_assert_uint_eq(call(RHI_SESSION_OPEN, 0, 1, 3, 4), UINT64_MAX);
	tear_down();
}
END_TEST

START_TEST(bytes_go_both_ways)
{
	char buf[16];
	u64 id;

	for (u64 mode = RHI_BLOCKING; mode <= RHI_NON_BLOCKING; mode++) {
		setup();
		id = open_with(mode);
		ck_assert_int_eq(mem_write(mem, gpa(SHARED + PAGE - 2), "hello", 5), 0);
		/* over the end of a granule; with and without the alias bit */
		ck_assert_uint_eq(call(RHI_SESSION_SEND, id, SHARED, 3, PAGE - 2), RHI_SUCCESS);
		ck_assert(x[1] == id && x[2] == RHI_IO_COMPLETE && x[3] == 3);
		ck_assert_uint_eq(call(RHI_SESSION_SEND, id, BIT(32) | SHARED, 2, PAGE + 1), 0);
		ck_assert_int_eq(recv(server, buf, 5, MSG_WAITALL), 5);
		ck_assert_mem_eq(buf, "hello", 5);
		ck_assert_int_eq(send(server, "world!", 6, 0), 6);
		do
			ck_assert_uint_eq(call(RHI_SESSION_RECEIVE, id, 0, 0, 0), RHI_SUCCESS);
		while (x[2] == RHI_IO_IN_PROGRESS);
		ck_assert(x[2] == RHI_SIZE_DETERMINED && x[3] == 6);
		ck_assert_uint_eq(call(RHI_SESSION_RECEIVE, id, SHARED, 4, 8), RHI_SUCCESS);
		ck_assert(x[2] == RHI_IO_COMPLETE && x[3] == 4);
		/* more room than there is: the guest goes on when it wants more */
		ck_assert_uint_eq(call(RHI_SESSION_RECEIVE, id, SHARED, 100, 12), RHI_SUCCESS);
		ck_assert(x[2] == RHI_IO_IN_PROGRESS && x[3] == 2);
		ck_assert_int_eq(mem_read(mem, gpa(SHARED + 8), buf, 6), 0);
		ck_assert_mem_eq(buf, "world!", 6);
		ck_assert_uint_eq(call(RHI_SESSION_CLOSE, id, 0, 0, 0), RHI_SUCCESS);
		ck_assert(x[1] == id && x[2] == RHI_UNCONNECTED);
		ck_assert_int_eq(recv(server, buf, 1, 0), 0);
		ck_assert_uint_eq(call(RHI_SESSION_CLOSE, id, 0, 0, 0), RHI_INVALID_SESSION_ID);
		tear_down();
	}
}
END_TEST

START_TEST(nothing_to_receive_yet)
{
	u64 id;

	setup();
	id = open_with(RHI_BLOCKING);
	ck_assert_int_eq(once(RHI_SESSION_RECEIVE, id, SHARED, 8, 0), -EAGAIN);
	ck_assert(x[0] == RHI_SESSION_RECEIVE && x[1] == id && x[2] == SHARED && x[3] == 8);
	ck_assert_int_eq(once(RHI_SESSION_RECEIVE, id, 0, 0, 0), -EAGAIN);
	rhi_wait(rhi); /* comes back */
	ck_assert_int_eq(send(server, "x", 1, 0), 1);
	ck_assert_uint_eq(call(RHI_SESSION_RECEIVE, id, SHARED, 1, 0), RHI_SUCCESS);
	ck_assert_uint_eq(x[3], 1);
	call(RHI_SESSION_CLOSE, id, 0, 0, 0);
	close(server);
	id = open_with(RHI_NON_BLOCKING);
	ck_assert_int_eq(once(RHI_SESSION_RECEIVE, id, SHARED, 8, 0), 0);
	ck_assert(x[0] == RHI_SUCCESS && x[2] == RHI_IO_IN_PROGRESS && !x[3]);
	tear_down();
}
END_TEST

/* A server that does not read: the guest's bytes stay where they are. */
START_TEST(nothing_can_be_sent_any_more)
{
	u64 id, sent = 0;

	setup();
	id = open_with(RHI_NON_BLOCKING);
	do {
		ck_assert_uint_eq(call(RHI_SESSION_SEND, id, SHARED, 4 * PAGE, 0), RHI_SUCCESS);
		ck_assert(x[3] <= 4 * PAGE);
		ck_assert_uint_eq(x[2], x[3] == 4 * PAGE ? RHI_IO_COMPLETE : RHI_IO_IN_PROGRESS);
		sent += x[3];
		ck_assert_uint_lt(sent, 256 * MiB);
	} while (x[3]);
	tear_down();
}
END_TEST

START_TEST(arguments)
{
	u64 id;

	setup();
	for (unsigned i = 0; i < 2; i++) { /* before there is a session, and with one */
		id = i ? open_with(RHI_BLOCKING) : 1;
		ck_assert_uint_eq(call(RHI_SESSION_SEND, id + i, SHARED, 8, 0),
				  RHI_INVALID_SESSION_ID);
		ck_assert_uint_eq(call(RHI_SESSION_CLOSE, 0, 0, 0, 0), RHI_INVALID_SESSION_ID);
		ck_assert_uint_eq(call(RHI_SESSION_OPEN, 0, 0, 0, 0),
				  RHI_CONNECTION_TYPE_NOT_SUPPORTED);
		ck_assert_uint_eq(call(RHI_SESSION_OPEN, 0, 3, 0, 0),
				  RHI_CONNECTION_TYPE_NOT_SUPPORTED);
		ck_assert_uint_eq(call(RHI_SESSION_OPEN, 5, RHI_BLOCKING, 0, 0),
				  i ? RHI_INVALID_STATE : RHI_INVALID_SESSION_ID);
	}
	for (u64 f = RHI_SESSION_SEND; f <= RHI_SESSION_RECEIVE; f++) {
		ck_assert_uint_eq(call(f, id, SHARED + 8, 8, 0), RHI_ACCESS_FAILED);
		ck_assert_uint_eq(call(f, id, 0, 8, 0), RHI_ACCESS_FAILED);
		ck_assert_uint_eq(call(f, id, RAM, 8, 0), RHI_ACCESS_FAILED);
		ck_assert_uint_eq(call(f, id, SHARED, 4 * PAGE + 1, 0), RHI_ACCESS_FAILED);
		ck_assert_uint_eq(call(f, id, SHARED, UINT64_MAX, 0), RHI_ACCESS_FAILED);
		ck_assert_uint_eq(call(f, id, SHARED, 8, 4 * PAGE - 7), RHI_ACCESS_FAILED);
		ck_assert_uint_eq(call(f, id, SHARED, 8, UINT64_MAX - 4), RHI_ACCESS_FAILED);
		ck_assert(!x[1] && !x[2] && !x[3]);
		ck_assert_uint_eq(call(f, id, SHARED, 0, 0), RHI_SUCCESS);
		ck_assert(x[2] == RHI_IO_COMPLETE && !x[3]);
	}
	tear_down();
}
END_TEST

START_TEST(a_server_that_goes_away)
{
	u64 id;

	setup();
	capture_start();
	id = open_with(RHI_BLOCKING);
	close(server);
	ck_assert_uint_eq(call(RHI_SESSION_RECEIVE, id, SHARED, 8, 0), RHI_PEER_NOT_AVAILABLE);
	ck_assert_uint_eq(call(RHI_SESSION_RECEIVE, id, 0, 0, 0), RHI_PEER_NOT_AVAILABLE);
	ck_assert(strstr(captured(), "the server has closed the connection"));
	while (call(RHI_SESSION_SEND, id, SHARED, 8, 0) == RHI_SUCCESS)
		usleep(1000);
	ck_assert_uint_eq(x[0], RHI_PEER_NOT_AVAILABLE);
	ck_assert_uint_eq(call(RHI_SESSION_CLOSE, id, 0, 0, 0), RHI_SUCCESS);
	/* Nobody listens: no session, and a new attempt each time. */
	close(listener);
	for (u64 mode = RHI_BLOCKING; mode <= RHI_NON_BLOCKING; mode++) {
		u64 last = 0;

		do
			call(RHI_SESSION_OPEN, last, mode, 0, 0);
		while (x[0] == RHI_SUCCESS && (last = x[1]));
		ck_assert_uint_eq(x[0], RHI_PEER_NOT_AVAILABLE);
	}
	ck_assert(strstr(captured(), "cannot reach 127.0.0.1, port"));
	tear_down();
}
END_TEST

START_TEST(a_name_that_is_nobodys)
{
	ck_assert_int_eq(mem_create(&mem), 0);
	capture_start();
	ck_assert_int_eq(rhi_create(&rhi, "256.0.0.1", 1080, mem), -ENOENT);
	captured_one_error("--service-ip 256.0.0.1", "");
	mem_destroy(mem);
	rhi_destroy(NULL);
}
END_TEST

SUITE_MAIN("realm/rhi", what_there_is, bytes_go_both_ways, nothing_to_receive_yet,
	   nothing_can_be_sent_any_more, arguments, a_server_that_goes_away, a_name_that_is_nobodys)
