/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A wire of datagrams: ends that come and go in any order, and strangers. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "net/unix_sock.h"
#include "tests/unit/net/world.h"

static char names[2][64];
static struct world a, b;
static u8 frame[NETIF_FRAME_MAX + 10];

static void setup(void)
{
	for (int i = 0; i < 2; i++)
		snprintf(names[i], sizeof(names[i]), "/tmp/lkvm-dgram-%d-%d", (int)getpid(), i);
	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (u8)(i * 5 + i / 256);
}

static void open_end(struct world *w, int mine)
{
	char arg[200];

	snprintf(arg, sizeof(arg), "mode=dgram,socket=%s,peer=%s", names[mine], names[!mine]);
	world_open(w, arg);
	w->n->ops->up(w->n, 0);
}

static void turn(struct world *w)
{
	loop_step(w->loop, 0);
}

START_TEST(frames)
{
	static const size_t lens[] = { 14, 60, 1514, 9014, NETIF_FRAME_MAX };

	open_end(&a, 0);
	/* Nobody is there yet. */
	ck_assert_int_eq(send_frame(&a, frame, 60), -ENOTCONN);
	open_end(&b, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
		ck_assert_int_eq(send_frame(&a, frame, lens[i]), 0);
		turn(&b);
		ck_assert_uint_eq(b.client.got.nr, i + 1);
		ck_assert_uint_eq(b.client.got.f[i].len, lens[i]);
		ck_assert_int_eq(memcmp(b.client.got.f[i].data, frame, lens[i]), 0);
		ck_assert_int_eq(send_frame(&b, frame, lens[i]), 0);
		turn(&a);
		ck_assert_uint_eq(a.client.got.nr, i + 1);
	}
	/* One end goes, and comes again. */
	world_close(&b);
	ck_assert_int_eq(access(names[1], F_OK), -1);
	ck_assert_int_lt(send_frame(&a, frame, 60), 0);
	open_end(&b, 1);
	ck_assert_int_eq(send_frame(&a, frame, 61), 0);
	turn(&b);
	ck_assert_uint_eq(b.client.got.nr, 1);
	world_close(&b);
	world_close(&a);
	ck_assert_int_eq(access(names[0], F_OK), -1);
}
END_TEST

START_TEST(back_pressure)
{
	unsigned sent = 0;
	int err;

	open_end(&a, 0);
	open_end(&b, 1);
	b.client.room = 2;
	while (!(err = send_frame(&a, frame, 1514)) && sent < 2000) {
		sent++;
		turn(&b);
	}
	ck_assert_int_eq(err, -EAGAIN);
	ck_assert_uint_eq(b.client.got.nr, 2);
	turn(&a);
	turn(&a);
	ck_assert_uint_eq(a.client.nr_writable, 0);
	b.client.room = 10000;
	b.n->ops->rx_ready(b.n);
	for (int i = 0; i < 100 && b.client.got.nr < sent; i++)
		turn(&b);
	ck_assert_uint_eq(b.client.got.nr, sent);
	turn(&a);
	ck_assert_uint_eq(a.client.nr_writable, 1);
	world_close(&b);
	world_close(&a);
}
END_TEST

START_TEST(strangers)
{
	struct sockaddr_un to;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	open_end(&a, 0);
	ck_assert(unix_sock_addr(&to, names[0]));
	/* Before the peer is there anybody may speak; nonsense is dropped. */
	ck_assert_int_eq(sendto(fd, frame, 13, 0, (struct sockaddr *)&to, sizeof(to)), 13);
	ck_assert_int_eq(sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)),
			 sizeof(frame));
	ck_assert_int_eq(sendto(fd, frame, 0, 0, (struct sockaddr *)&to, sizeof(to)), 0);
	turn(&a);
	ck_assert_uint_eq(a.client.got.nr, 0);
	/* Then only the peer. */
	open_end(&b, 1);
	ck_assert_int_eq(send_frame(&a, frame, 60), 0);
	ck_assert_int_eq(sendto(fd, frame, 60, 0, (struct sockaddr *)&to, sizeof(to)), -1);
	ck_assert_int_eq(errno, EPERM);
	/* A driver that is away. */
	a.n->ops->down(a.n);
	ck_assert_int_eq(send_frame(&b, frame, 60), 0);
	turn(&a);
	ck_assert_uint_eq(a.client.got.nr, 0);
	close(fd);
	world_close(&b);
	world_close(&a);
}
END_TEST

static int bound(int i)
{
	struct sockaddr_un name;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	ck_assert(unix_sock_addr(&name, names[i]));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

/* The other end turns to somebody else while the guest has no room: the loop has nothing to do. */
START_TEST(an_error_that_stays)
{
	struct sockaddr_un to, other = { .sun_family = AF_UNIX };
	int peer, third = socket(AF_UNIX, SOCK_DGRAM, 0);
	socklen_t len = sizeof(other);
	u64 before;

	ck_assert_int_eq(bind(third, (struct sockaddr *)&other, sizeof(other.sun_family)), 0);
	ck_assert_int_eq(getsockname(third, (struct sockaddr *)&other, &len), 0);
	peer = bound(1);
	open_end(&a, 0);
	ck_assert(unix_sock_addr(&to, names[0]));
	ck_assert_int_eq(connect(peer, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(send_frame(&a, frame, 60), 0);
	a.client.room = 0;
	ck_assert_int_eq(send(peer, frame, 60, 0), 60);
	turn(&a);
	ck_assert_uint_eq(a.client.got.nr, 0);
	ck_assert_int_eq(connect(peer, (struct sockaddr *)&other, len), 0);
	turn(&a);
	turn(&a);
	before = loop_now_ns();
	loop_step(a.loop, 100);
	ck_assert_uint_ge(loop_now_ns() - before, 90000000u);
	/* What was kept is still there. */
	a.client.room = 10;
	a.n->ops->rx_ready(a.n);
	ck_assert_uint_eq(a.client.got.nr, 1);
	close(peer);
	close(third);
	unlink(names[1]);
	world_close(&a);
}
END_TEST

SUITE_MAIN_FIXTURE("net/dgram", setup, NULL, frames, back_pressure, strangers, an_error_that_stays)
