/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A wire that is a stream: both ends, and peers that are no good. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/unix_sock.h"
#include "tests/unit/fds.h"
#include "tests/unit/net/world.h"

#define BIG NETIF_FRAME_MAX

static char path[64];
static struct world a, b;
static u8 frame[BIG];

static void open_end(struct world *w, const char *how)
{
	char arg[128];

	snprintf(arg, sizeof(arg), "mode=stream,socket=%s%s", path, how);
	world_open(w, arg);
	w->n->ops->up(w->n, 0);
}

static void close_end(struct world *w)
{
	world_close(w);
	w->loop = NULL;
}

static void setup(void)
{
	snprintf(path, sizeof(path), "/tmp/lkvm-wire-%d", (int)getpid());
	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (u8)(i * 7 + i / 256);
}

static void turn(void)
{
	if (a.loop)
		loop_step(a.loop, 0);
	if (b.loop)
		loop_step(b.loop, 0);
}

static void both_up(void)
{
	open_end(&a, ",listen=on");
	open_end(&b, "");
	turn();
}

static void both_down(void)
{
	close_end(&b);
	close_end(&a);
	ck_assert_int_eq(access(path, F_OK), -1);
}

/* A frame of each size arrives as it was, alone and one of many. */
START_TEST(frames)
{
	static const size_t lens[] = { 14, 60, 1514, 1518, 9014, 65535, BIG };

	both_up();
	for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
		ck_assert_int_eq(send_frame(&a, frame, lens[i]), 0);
		for (int k = 0; k < 10 && b.client.got.nr <= i; k++)
			turn();
		ck_assert_uint_eq(b.client.got.nr, i + 1);
		ck_assert_uint_eq(b.client.got.f[i].len, lens[i]);
		ck_assert_int_eq(memcmp(b.client.got.f[i].data, frame, lens[i]), 0);
	}
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(send_frame(&b, frame, 100 + i), 0);
	turn();
	ck_assert_uint_eq(a.client.got.nr, 100);
	ck_assert_uint_eq(a.client.got.f[99].len, 199);
	ck_assert_uint_gt(a.client.nr_flush, 0);
	both_down();
}
END_TEST

/* Who has no room for a frame loses none, and who sends is told to wait. */
START_TEST(back_pressure)
{
	unsigned sent = 0, got = 0;
	int err;

	both_up();
	b.client.room = 3;
	while (!(err = send_frame(&a, frame, 9000)) && sent < 400) {
		sent++;
		turn();
	}
	ck_assert_int_eq(err, -EAGAIN);
	ck_assert_uint_eq(b.client.got.nr, 3);
	ck_assert_uint_eq(a.client.nr_writable, 0);
	/* What waits is what the kernel has, and two buffers. */
	ck_assert_uint_lt(sent, 200);
	b.client.room = 1000;
	b.n->ops->rx_ready(b.n);
	for (int i = 0; i < 400 && b.client.got.nr < sent; i++)
		turn();
	ck_assert_uint_eq(b.client.got.nr, sent);
	ck_assert_uint_eq(a.client.nr_writable, 1);
	for (; got < sent; got++)
		ck_assert_int_eq(memcmp(b.client.got.f[got].data, frame, 9000), 0);
	ck_assert_int_eq(send_frame(&a, frame, 60), 0);
	both_down();
}
END_TEST

/* Without a driver what comes is dropped; without a peer what goes is. */
START_TEST(nobody_there)
{
	open_end(&a, ",listen=on");
	ck_assert_int_eq(send_frame(&a, frame, 60), -ENOTCONN);
	open_end(&b, "");
	turn();
	b.n->ops->down(b.n);
	ck_assert_int_eq(send_frame(&a, frame, 60), 0);
	turn();
	ck_assert_uint_eq(b.client.got.nr, 0);
	b.n->ops->up(b.n, 0);
	ck_assert_int_eq(send_frame(&a, frame, 61), 0);
	turn();
	ck_assert_uint_eq(b.client.got.nr, 1);
	/* The next one takes the place of the one that goes. */
	close_end(&b);
	turn();
	ck_assert_int_eq(send_frame(&a, frame, 60), -ENOTCONN);
	open_end(&b, "");
	turn();
	ck_assert_int_eq(send_frame(&a, frame, 62), 0);
	turn();
	ck_assert_uint_eq(b.client.got.f[0].len, 62);
	/* The other way round there is no next one. */
	close_end(&a);
	turn();
	ck_assert_int_eq(send_frame(&b, frame, 60), -ENOTCONN);
	close_end(&b);
}
END_TEST

static int raw_peer(void)
{
	int fd = unix_sock_connect(path);

	ck_assert_int_ge(fd, 0);
	turn();
	return fd;
}

static void say(int fd, u32 len, size_t bytes)
{
	len = htonl(len);
	ck_assert_int_eq(write(fd, &len, 4), 4);
	ck_assert_int_eq(write(fd, frame, bytes), bytes);
	turn();
}

static bool closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* Lengths that mean harm cost the peer its connection, and nothing is waited for. */
START_TEST(lengths)
{
	static const u32 bad[] = { BIG + 1, 0x10000000, 0x80000000, 0xffffffff };
	int fd;

	open_end(&a, ",listen=on");
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		fd = raw_peer();
		say(fd, bad[i], 0);
		ck_assert(closed(fd));
		close(fd);
		turn();
	}
	/* None at all, and too few for a frame: not the guest's business. */
	fd = raw_peer();
	say(fd, 0, 0);
	say(fd, 13, 13);
	say(fd, 14, 14);
	ck_assert(!closed(fd));
	ck_assert_uint_eq(a.client.got.nr, 1);
	/* In pieces, the length too. */
	for (unsigned i = 0; i < 4 + 20; i++) {
		const u8 head[4] = { 0, 0, 0, 20 };

		ck_assert_int_eq(write(fd, i < 4 ? &head[i] : &frame[i - 4], 1), 1);
		turn();
	}
	ck_assert_uint_eq(a.client.got.nr, 2);
	ck_assert_int_eq(memcmp(a.client.got.f[1].data, frame, 20), 0);
	/* One that goes in the middle of a frame. */
	say(fd, 100, 50);
	close(fd);
	turn();
	fd = raw_peer();
	say(fd, 30, 30);
	ck_assert_uint_eq(a.client.got.nr, 3);
	close(fd);
	close_end(&a);
}
END_TEST

/* One that does not read: one frame is kept for it, and it can go. */
START_TEST(deaf_peer)
{
	int fd, err = 0;

	open_end(&a, ",listen=on");
	fd = raw_peer();
	for (unsigned i = 0; i < 10000 && !err; i++)
		err = send_frame(&a, frame, 1514);
	ck_assert_int_eq(err, -EAGAIN);
	turn();
	ck_assert_uint_eq(a.client.nr_writable, 0);
	close(fd);
	turn();
	ck_assert_uint_eq(a.client.nr_writable, 1);
	ck_assert_int_eq(send_frame(&a, frame, 60), -ENOTCONN);
	close_end(&a);
}
END_TEST

/*
 * A guest that has no room, and a peer that goes meanwhile: what it has sent before arrives when
 * there is room, what it had sent of a frame does not, and then the next one has its turn.
 */
START_TEST(gone_while_blocked)
{
	unsigned sent = 0;
	int fd, next;
	u64 t;

	open_end(&a, ",listen=on");
	a.client.room = 2;
	fd = raw_peer();
	/* More than fits into the buffer here: the rest is in the kernel. */
	while (sent < 12) {
		u8 head[4] = { 0, 0, 0x27, (u8)sent++ };

		ck_assert_int_eq(write(fd, head, 4), 4);
		ck_assert_int_eq(write(fd, frame, 0x2700 + head[3]), 0x2700 + head[3]);
		turn();
	}
	ck_assert_uint_eq(a.client.got.nr, 2);
	/* Something that it has not read makes the end an error. */
	ck_assert_int_eq(send_frame(&a, frame, 60), 0);
	ck_assert_int_eq(write(fd, "\0\0\1", 3), 3);
	close(fd);
	/* The loop waits for the guest, and for nothing else. */
	turn();
	turn();
	t = loop_now_ns();
	loop_step(a.loop, 50);
	ck_assert_uint_ge(loop_now_ns() - t, 45000000);
	next = raw_peer();
	ck_assert_uint_eq(a.client.got.nr, 2);
	/* Little room at first. */
	a.client.room = 5;
	a.n->ops->rx_ready(a.n);
	for (int i = 0; i < 10; i++)
		turn();
	ck_assert_uint_eq(a.client.got.nr, 2 + 5);
	a.client.room = 1000;
	a.n->ops->rx_ready(a.n);
	for (int i = 0; i < 100 && send_frame(&a, frame, 60); i++)
		turn();
	ck_assert_uint_eq(a.client.got.nr, sent);
	for (unsigned i = 0; i < sent; i++) {
		ck_assert_uint_eq(a.client.got.f[i].len, 0x2700 + i);
		ck_assert_int_eq(memcmp(a.client.got.f[i].data, frame, 0x2700 + i), 0);
	}
	say(next, 99, 99);
	ck_assert_uint_eq(a.client.got.f[sent].len, 99);
	close(next);
	close_end(&a);
}
END_TEST

/* A driver that goes while frames of a peer wait that has gone: the next peer has its turn. */
START_TEST(down_while_blocked)
{
	int fd;

	open_end(&a, ",listen=on");
	a.client.room = 0;
	fd = raw_peer();
	say(fd, 100, 100);
	close(fd);
	turn();
	a.n->ops->down(a.n);
	for (int i = 0; i < 3; i++)
		turn();
	a.n->ops->up(a.n, 0);
	a.client.room = 1;
	fd = raw_peer();
	say(fd, 99, 99);
	ck_assert_uint_eq(a.client.got.nr, 1);
	ck_assert_uint_eq(a.client.got.f[0].len, 99);
	close(fd);
	close_end(&a);
}
END_TEST

/* Who connects while there is no descriptor for him waits, and the loop does not spin. */
START_TEST(no_descriptors)
{
	u64 t;
	int fd;

	open_end(&a, ",listen=on");
	fd = unix_sock_connect(path);
	ck_assert_int_ge(fd, 0);
	fds_limit(0);
	loop_step(a.loop, 5);
	t = loop_now_ns();
	for (unsigned i = 0; i < 5; i++)
		loop_step(a.loop, 20);
	ck_assert_uint_ge(loop_now_ns() - t, 50000000);
	fds_limit(-1);
	for (unsigned i = 0; i < 100 && send_frame(&a, frame, 60); i++)
		loop_step(a.loop, 100);
	ck_assert_int_eq(send_frame(&a, frame, 60), 0);
	close(fd);
	close_end(&a);
}
END_TEST

/* What a peer sends may be found to be no frames when the guest has room again. */
START_TEST(harm_while_blocked)
{
	const u8 both[4 + 20 + 4] = { 0, 0, 0, 20, [24] = 0xff };
	int fd, err = 0;

	open_end(&a, ",listen=on");
	a.client.room = 0;
	fd = raw_peer();
	ck_assert_int_eq(write(fd, both, sizeof(both)), sizeof(both));
	turn();
	for (unsigned i = 0; i < 10000 && !err; i++)
		err = send_frame(&a, frame, 1514);
	ck_assert_int_eq(err, -EAGAIN);
	a.client.room = 1;
	a.n->ops->rx_ready(a.n);
	ck_assert_uint_eq(a.client.got.nr, 1);
	ck_assert_uint_eq(a.client.nr_writable, 1);
	close(fd);
	close_end(&a);
}
END_TEST

static int creates(const char *arg)
{
	struct net_conf c;
	struct loop *loop;
	struct netif *n = NULL;
	int err = netopt_parse(&c, arg, 0);

	if (err)
		return err;
	ck_assert_int_eq(loop_create(&loop, "io"), 0);
	err = netif_create(&n, &c, loop);
	netif_destroy(err ? NULL : n);
	loop_destroy(loop);
	return err;
}

START_TEST(names)
{
	char arg[300];
	struct stat st;
	int fd;

	snprintf(arg, sizeof(arg), "mode=stream,socket=%s", path);
	ck_assert_int_eq(creates(arg), -ENOENT);
	open_end(&a, ",listen=on");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	/* Somebody listens. */
	snprintf(arg, sizeof(arg), "mode=stream,socket=%s,listen=on", path);
	ck_assert_int_eq(creates(arg), -EADDRINUSE);
	close_end(&a);
	/* A name that was left, and one that is somebody's file. */
	fd = unix_sock_bind(path, SOCK_STREAM);
	close(fd);
	ck_assert_int_eq(creates(arg), 0);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	ck_assert_int_eq(creates(arg), -EADDRINUSE);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(creates("mode=stream"), -EINVAL);
	ck_assert_int_eq(creates("mode=dgram,socket=/x"), -EINVAL);
	ck_assert_int_eq(creates("mode=user,socket=/x"), -EINVAL);
	ck_assert_int_eq(creates("mode=dgram,socket=/x,peer=/y,listen=on"), -EINVAL);
	ck_assert_int_eq(creates("mode=vhost-user,socket=/x,pcap=/y"), -EINVAL);
	memset(arg, 'x', sizeof(arg));
	memcpy(arg, "mode=stream,socket=/", 20);
	arg[sizeof(arg) - 1] = 0;
	ck_assert_int_eq(creates(arg), -ENAMETOOLONG);
}
END_TEST

SUITE_MAIN_FIXTURE("net/stream", setup, NULL, frames, back_pressure, nobody_there, lengths,
		   deaf_peer, gone_while_blocked, down_while_blocked, harm_while_blocked,
		   no_descriptors, names)
