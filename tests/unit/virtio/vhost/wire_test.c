/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages to a back end: what is sent, what is taken for an answer, and how long is waited. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/vm/loop.h"
#include "tests/unit/suite.h"
#include "virtio/vhost/wire.h"

static struct wire w;
static int other;

static void up(void)
{
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	w = (struct wire){ .fd = sv[0], .deadline_ns = loop_now_ns() + 30000000000 };
	other = sv[1];
}

static void down(void)
{
	close(w.fd);
	close(other);
}

static void be_patient(unsigned ms)
{
	w.deadline_ns = loop_now_ns() + ms * UINT64_C(1000000);
}

static void say(u32 request, u32 flags, u32 size, const void *bytes, size_t len)
{
	struct vhost_header h = { request, flags, size };

	ck_assert_int_eq(write(other, &h, sizeof(h)), sizeof(h));
	ck_assert_int_eq(write(other, bytes, len), len);
}

START_TEST(questions)
{
	u64 val = 0x1122334455667788, got = 0;
	struct vhost_header h;

	up();
	say(VHOST_GET_FEATURES, 1 | VHOST_REPLY, 8, &val, 8);
	ck_assert_int_eq(wire_ask(&w, VHOST_GET_FEATURES, NULL, 0, &got, 8), 0);
	ck_assert(got == val);
	ck_assert_int_eq(read(other, &h, sizeof(h)), sizeof(h));
	ck_assert(h.request == 1 && h.flags == 1 && !h.size);
	down();
}
END_TEST

START_TEST(orders)
{
	struct {
		struct vhost_header h;
		u64 val;
	} __attribute__((packed)) m;
	u64 refused = 1, fine = 0;

	up();
	/* Nobody is asked whether it was done, so nobody is waited for. */
	ck_assert_int_eq(wire_tell_u64(&w, VHOST_SET_FEATURES, 7), 0);
	ck_assert_int_eq(read(other, &m, sizeof(m)), sizeof(m));
	ck_assert(m.h.request == 2 && m.h.flags == 1 && m.h.size == 8 && m.val == 7);
	w.acks = true;
	say(VHOST_SET_FEATURES, 1 | VHOST_REPLY, 8, &fine, 8);
	ck_assert_int_eq(wire_tell_u64(&w, VHOST_SET_FEATURES, 7), 0);
	ck_assert_int_eq(read(other, &m, sizeof(m)), sizeof(m));
	ck_assert(m.h.flags == (1 | VHOST_NEED_REPLY));
	say(VHOST_SET_FEATURES, 1 | VHOST_REPLY, 8, &refused, 8);
	ck_assert_int_eq(wire_tell_u64(&w, VHOST_SET_FEATURES, 7), -EREMOTEIO);
	down();
}
END_TEST

START_TEST(descriptors)
{
	int fds[2] = { STDERR_FILENO, STDERR_FILENO };
	char control[CMSG_SPACE(8 * sizeof(int))], bytes[100];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };

	up();
	ck_assert_int_eq(wire_tell(&w, VHOST_SET_MEM_TABLE, "12345678", 8, fds, 2), 0);
	ck_assert_int_eq(recvmsg(other, &m, 0), sizeof(struct vhost_header) + 8);
	ck_assert_int_eq(CMSG_FIRSTHDR(&m)->cmsg_len, CMSG_LEN(2 * sizeof(int)));
	ck_assert_int_eq(memcmp(bytes + sizeof(struct vhost_header), "12345678", 8), 0);
	down();
}
END_TEST

/* Whatever is wrong with an answer, it is not waited for what would be right. */
START_TEST(bad_answers)
{
	static const struct {
		u32 request, flags, size;
		u32 len;
	} bad[] = {
		{ 2, 1 | VHOST_REPLY, 8, 8 }, { 1, 1, 8, 8 },
		{ 1, 2 | VHOST_REPLY, 8, 8 }, { 1, VHOST_REPLY, 8, 8 },
		{ 1, 1 | VHOST_REPLY, 4, 4 }, { 1, 1 | VHOST_REPLY, 0, 0 },
		{ 1, 1 | VHOST_REPLY, 9, 9 }, { 1, 1 | VHOST_REPLY, 0xffffffff, 16 },
	};
	u64 got = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		up();
		say(bad[i].request, bad[i].flags, bad[i].size, "0123456789abcdef", bad[i].len);
		ck_assert_int_eq(wire_ask(&w, VHOST_GET_FEATURES, NULL, 0, &got, 8), -EPROTO);
		ck_assert(!got);
		down();
	}
}
END_TEST

START_TEST(closed)
{
	u64 got;

	up();
	say(1, 1 | VHOST_REPLY, 8, "123", 3);
	shutdown(other, SHUT_WR);
	ck_assert_int_eq(wire_ask(&w, VHOST_GET_FEATURES, NULL, 0, &got, 8), -ECONNRESET);
	down();
	up();
	close(other);
	ck_assert_int_eq(wire_tell_u64(&w, VHOST_SET_FEATURES, 1), -ECONNRESET);
	close(w.fd);
}
END_TEST

START_TEST(silence)
{
	u64 got, began = loop_now_ns();

	up();
	be_patient(50);
	say(1, 1 | VHOST_REPLY, 8, "123", 3);
	ck_assert_int_eq(wire_ask(&w, VHOST_GET_FEATURES, NULL, 0, &got, 8), -ETIMEDOUT);
	ck_assert(loop_now_ns() - began >= 50000000);
	ck_assert_int_eq(wire_ask(&w, VHOST_GET_FEATURES, NULL, 0, &got, 8), -ETIMEDOUT);
	down();
}
END_TEST

/* One that does not read: its socket is full at some time. */
START_TEST(deafness)
{
	int err = 0;

	up();
	be_patient(200);
	while (!err)
		err = wire_tell_u64(&w, VHOST_SET_FEATURES, 1);
	ck_assert_int_eq(err, -ETIMEDOUT);
	down();
}
END_TEST

SUITE_MAIN("virtio/vhost/wire", questions, orders, descriptors, bad_answers, closed, silence,
	   deafness)
