/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tool: datagrams. The other end is "serve", or "discard".
 *
 * Thread: one.
 * Trust:  none needed: both ends are the test.
 */
#include "tests/boot/tool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* A socket for datagrams to HOST PORT, of either family, which waits for no answer for long. */
static int dial(char **argv)
{
	struct timeval tv = { .tv_sec = 3 };
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)atoi(argv[1])) };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = a.sin_port };
	int v6 = inet_pton(AF_INET6, argv[0], &a6.sin6_addr), room = 1 << 20;
	int s = socket(v6 == 1 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);

	if (v6 != 1 && inet_pton(AF_INET, argv[0], &a.sin_addr) != 1)
		fail(argv[0]);
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(s, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (s < 0 || (v6 == 1 ? connect(s, (struct sockaddr *)&a6, sizeof(a6))
			      : connect(s, (struct sockaddr *)&a, sizeof(a))))
		fail("connect");
	return s;
}

/* One datagram there and back. */
static void trip(int s, size_t seed, size_t len)
{
	static unsigned char back[65536];

	pattern(seed, 0, buf, len);
	if (send(s, buf, len, 0) != (ssize_t)len)
		fail("send");
	if (recv(s, back, sizeof(back), 0) != (ssize_t)len || memcmp(back, buf, len)) {
		fprintf(stderr, "tool: no echo of a datagram of %zu bytes\n", len);
		exit(1);
	}
}

static void echo(char **argv, const size_t *sizes, size_t nr)
{
	int s = dial(argv);

	for (size_t i = 0; i < nr; i++)
		trip(s, i, sizes[i]);
	printf("udp: echoed\n");
}

int cmd_udp(char **argv)
{
	static const size_t sizes[] = { 1, 18, 64, 512, 1400, 1472, 1473, 4000 };

	echo(argv, sizes, sizeof(sizes) / sizeof(*sizes));
	return 0;
}

int cmd_datagrams(char **argv)
{
	static const size_t sizes[] = { 1, 0, 1452, 1472, 1473, 9000, 32768, 65507, 2 };

	echo(argv, sizes, sizeof(sizes) / sizeof(*sizes));
	return 0;
}

/* HOST PORT NR: so many at once, each from a port of its own, and a second datagram of each. */
int cmd_flows(char **argv)
{
	struct rlimit r;
	int nr = atoi(argv[2]), *socks = calloc((size_t)nr, sizeof(int));

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	for (int i = 0; i < nr; i++)
		socks[i] = dial(argv);
	for (size_t round = 0; round < 2; round++)
		for (int i = 0; i < nr; i++)
			trip(socks[i], (size_t)i, 8 + round);
	printf("flows: %d\n", nr);
	return 0;
}

/* HOST PORT: succeeds if the datagram is answered by "port unreachable". */
int cmd_unreachable(char **argv)
{
	int s = dial(argv);

	if (send(s, "x", 1, 0) != 1 || recv(s, buf, 1, 0) >= 0 || errno != ECONNREFUSED)
		fail("not refused");
	printf("unreachable: %s\n", argv[0]);
	return 0;
}

/* HOST PORT SIZE NR: without an answer. */
int cmd_udpsend(char **argv)
{
	size_t len = strtoul(argv[2], NULL, 0);
	int nr = atoi(argv[3]), s = dial(argv);
	double start = 0;

	for (int i = -20; i < nr; i++) {
		if (!i)
			start = seconds();
		if (send(s, buf, len, 0) != (ssize_t)len)
			fail("send");
	}
	printf("udp send: %.2f us\n", (seconds() - start) * 1e6 / nr);
	return 0;
}

/* HOST PORT NR: round trips of a byte. */
int cmd_udprr(char **argv)
{
	int nr = atoi(argv[2]), s = dial(argv);
	double start = 0;

	for (int i = -20; i < nr; i++) {
		if (!i)
			start = seconds();
		trip(s, (size_t)i, 1);
	}
	printf("udp rr: %.2f us\n", (seconds() - start) * 1e6 / nr);
	return 0;
}

/* PORT: takes what comes. */
int cmd_discard(char **argv)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
				  .sin6_port = htons((uint16_t)atoi(argv[0])) };
	int s = socket(AF_INET6, SOCK_DGRAM, 0);

	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)))
		fail("discard");
	while (recv(s, buf, sizeof(buf), 0) >= 0)
		continue;
	return 1;
}
