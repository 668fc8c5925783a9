/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest can make the user-mode network spend: memory, time, descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/unit/net/user/talk.h"
#include "tests/unit/starve.h"

static u64 resident(void)
{
	unsigned long size, pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu %lu", &size, &pages), 2);
	fclose(f);
	return (u64)pages * (u64)sysconf(_SC_PAGESIZE);
}

/* libslirp keeps a buffer of 32 KiB for each segment that comes before its turn. */
START_TEST(early_segments_are_bounded)
{
	struct world w;
	struct conn c;
	u32 first;
	char buf[16];
	u64 before;
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	world_up(&w, NULL, 0);
	tcp_open(&c, &w, sk, port);
	first = c.seq;
	before = resident();
	for (u32 i = 0; i < 10000; i++) {
		c.seq = first + 1 + 2 * i;
		tcp_send(&c, TCP_ACK, "b", 1);
	}
	ck_assert_uint_lt(resident() - before, 64 * MiB);
	/* The connection is well. */
	c.seq = first;
	tcp_send(&c, TCP_ACK, "abc", 3);
	ck_assert_int_eq(read(c.server, buf, sizeof(buf)), 4);
	ck_assert_mem_eq(buf, "abcb", 4);
	close(c.server);
	world_close(&w);
	close(sk);
}
END_TEST

/* What a guest lost on its way to us comes again, and the rest is there already. */
START_TEST(lost_segments_are_made_good)
{
	static u8 pattern[65536], buf[65536];
	struct world w;
	struct conn c;
	size_t got = 0;
	u32 first;
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (u8)(i * 13);
	world_up(&w, NULL, 0);
	tcp_open(&c, &w, sk, port);
	first = c.seq;
	/* The last first; one that continues what libslirp has ends it. */
	for (int k = 39; k >= 0; k--) {
		c.seq = first + (u32)k * 1460;
		tcp_send(&c, TCP_ACK, pattern + (size_t)k * 1460, 1460);
	}
	while (got < 40 * 1460u) {
		ssize_t n = recv(c.server, buf + got, sizeof(buf) - got, MSG_DONTWAIT);

		ck_assert_int_gt(n, 0);
		got += (size_t)n;
	}
	ck_assert_mem_eq(buf, pattern, got);
	close(c.server);
	world_close(&w);
	close(sk);
}
END_TEST

/* The guest can not use up the descriptors that lkvm itself needs. */
START_TEST(sockets_are_limited)
{
	struct rlimit r = { .rlim_cur = 64, .rlim_max = 64 };
	struct world w;
	u8 f[128];
	u16 port;
	int fd, sk = listen_on_loopback(SOCK_DGRAM, &port);

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
	world_up(&w, NULL, 0);
	for (u16 i = 1; i < 200; i++)
		send_frame(&w, f, put_udp(f, GUEST_IP, HOST_IP, i, port, "x", 1));
	fd = dup(0);
	ck_assert_int_ge(fd, 32);
	ck_assert_int_lt(fd, 56);
	close(fd);
	/* ARP still works. */
	ck_assert_int_eq(send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP)), 0);
	ck_assert_ptr_nonnull(next_frame(&w));
	world_close(&w);
	close(sk);
}
END_TEST

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* One limit for the process, however many networks it has. */
START_TEST(two_networks_have_one_limit)
{
	static const char *const arg[] = {
		"mode=user",
		"mode=user,host_ip=192.168.34.1,guest_ip=192.168.34.15,guest_mac=02:15:15:15:15:16"
	};
	struct rlimit r = { .rlim_cur = 256, .rlim_max = 256 };
	struct world w[2];
	u8 f[128];
	u16 port;
	int sk = listen_on_loopback(SOCK_DGRAM, &port);

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
	for (unsigned i = 0; i < 2; i++) {
		u32 net = i << 8;

		world_up(&w[i], arg[i], 0);
		/* In one batch, so that they can only be counted as they come. */
		for (u16 p = 1; p < 400; p++) {
			size_t len = put_udp(f, GUEST_IP + net, HOST_IP + net, p, port, "x", 1);
			struct iovec iov = { f, len };

			w[i].n->ops->send(w[i].n, &(struct netif_offload){ .gso = 0 },
					  iov_cur(&iov, 1));
		}
		w[i].n->ops->flush(w[i].n);
		ck_assert_uint_gt(open_descriptors(), 128);
		ck_assert_uint_lt(open_descriptors(), 192);
	}
	for (unsigned i = 0; i < 2; i++)
		world_close(&w[i]);
	/* All of it came back. */
	world_up(&w[0], NULL, 0);
	ck_assert_int_eq(send_frame(&w[0], f, put_udp(f, GUEST_IP, HOST_IP, 1, port, "x", 1)), 0);
	ck_assert_uint_lt(open_descriptors(), 32);
	world_close(&w[0]);
	close(sk);
}
END_TEST

/* Flows that nobody uses any more make room for a connection. */
START_TEST(idle_datagram_flows_go_first)
{
	struct rlimit r = { .rlim_cur = 128, .rlim_max = 128 };
	struct world w;
	struct conn c;
	u8 f[128];
	u16 port;
	int sk, udp = listen_on_loopback(SOCK_DGRAM, &port);

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
	world_up(&w, NULL, 0);
	for (u16 p = 1; p < 200; p++)
		send_frame(&w, f, put_udp(f, GUEST_IP, HOST_IP, p, port, "x", 1));
	ck_assert_uint_gt(open_descriptors(), 64);
	usleep(1500000); /* idle */
	send_frame(&w, f, put_udp(f, GUEST_IP, HOST_IP, 7, port, "busy", 4));
	sk = listen_on_loopback(SOCK_STREAM, &port);
	tcp_open(&c, &w, sk, port);
	ck_assert_uint_lt(open_descriptors(), 64);
	close(c.server);
	world_close(&w);
	close(udp);
	close(sk);
}
END_TEST

static int dial_nowait(u16 port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int sk = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(sk, 0);
	ck_assert(!connect(sk, (struct sockaddr *)&a, sizeof(a)) || errno == EINPROGRESS);
	return sk;
}

/* A guest that does not answer: its forwards use up neither descriptors nor processor time. */
START_TEST(half_open_forwards_are_limited)
{
	struct rlimit r = { .rlim_cur = 1024, .rlim_max = 1024 };
	struct timespec before, after;
	char arg[128];
	struct world w;
	unsigned mine;
	u8 f[128];
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	close(sk);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
	snprintf(arg, sizeof(arg), "mode=user,hostfwd=tcp:127.0.0.1:%u-:22", port);
	world_up(&w, arg, 0);
	send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP));
	for (unsigned i = 0; i < 400; i++) {
		dial_nowait(port);
		loop_step(w.loop, 0);
	}
	mine = 400;
	for (unsigned i = 0; i < 100; i++)
		loop_step(w.loop, 0);
	ck_assert_uint_gt(open_descriptors(), mine + 100);
	ck_assert_uint_lt(open_descriptors(), mine + 150);
	/* The loop sleeps. */
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (unsigned i = 0; i < 5; i++)
		loop_step(w.loop, 100);
	clock_gettime(CLOCK_MONOTONIC, &after);
	ck_assert_int_ge((after.tv_sec - before.tv_sec) * 1000 +
				 (after.tv_nsec - before.tv_nsec) / 1000000,
			 200);
	/* The guest's own connections still work. */
	sk = listen_on_loopback(SOCK_DGRAM, &port);
	send_frame(&w, f, put_udp(f, GUEST_IP, HOST_IP, 7, port, "x", 1));
	ck_assert_int_eq(recv(sk, f, sizeof(f), MSG_DONTWAIT), 1);
	world_close(&w);
}
END_TEST

/* accept(2) fails as long as there is no descriptor: the loop rests, and nobody is forgotten. */
START_TEST(no_descriptor_for_a_forward)
{
	unsigned mine;
	char arg[128];
	struct world w;
	u8 f[128];
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	close(sk);
	snprintf(arg, sizeof(arg), "mode=user,hostfwd=tcp:127.0.0.1:%u-:22", port);
	world_up(&w, arg, 0);
	send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP));
	for (unsigned i = 0; i < 10; i++)
		loop_step(w.loop, 0);
	dial_nowait(port);
	mine = open_descriptors();
	ck_assert_uint_lt(steps_without_descriptors(w.loop), 40);
	for (int i = 0; i < scaled(3000) && open_descriptors() == mine; i += 5)
		loop_step(w.loop, 5);
	ck_assert_uint_eq(open_descriptors(), mine + 1);
	world_close(&w);
}
END_TEST

SUITE_MAIN("net/user/limits", early_segments_are_bounded, lost_segments_are_made_good,
	   sockets_are_limited, two_networks_have_one_limit, idle_datagram_flows_go_first,
	   half_open_forwards_are_limited, no_descriptor_for_a_forward)
