/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tool: both ends of a network test. The server is in the host, the rest in the guest.
 *
 * Thread: one; serve forks for every connection.
 * Trust:  none needed: both ends are the test.
 */
#include "tests/boot/tool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <linux/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_ANSWER "10.20.30.40"

static struct sockaddr_in addr_of(const char *host, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		fail(host);
	return a;
}

static int dial(const char *host, const char *port)
{
	struct sockaddr_in a = addr_of(host, port);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	if (s < 0 || connect(s, (struct sockaddr *)&a, sizeof(a)))
		fail("connect");
	return s;
}

static uint64_t send_pattern(int fd, uint64_t bytes)
{
	static unsigned char whole[CHUNK];

	/* One pattern block over and over: generating it must not be what is measured. */
	pattern(1, 0, whole, sizeof(whole));
	for (uint64_t done = 0; done < bytes;) {
		size_t n = bytes - done < CHUNK ? (size_t)(bytes - done) : CHUNK;

		write_all(fd, whole, n);
		done += n;
	}
	return bytes;
}

/* Until `bytes` or the end of the stream; what was good. */
static uint64_t recv_pattern(int fd, uint64_t bytes)
{
	static unsigned char whole[CHUNK];
	uint64_t done = 0;

	pattern(1, 0, whole, sizeof(whole));
	while (done < bytes) {
		size_t at = done % CHUNK;
		ssize_t n = read(fd, buf, CHUNK - at);

		if (n <= 0)
			break;
		if (memcmp(buf, whole + at, (size_t)n)) {
			fprintf(stderr, "tool: stream differs near byte %llu\n",
				(unsigned long long)done);
			break;
		}
		done += (uint64_t)n;
	}
	return done;
}

/* One connection: a line "SINK n", "SOURCE n" or "ECHO". */
static void serve_connection(int s)
{
	char line[64] = "";
	unsigned long long n = 0;
	char reply[64];

	for (size_t i = 0; i < sizeof(line) - 1; i++) {
		if (read(s, line + i, 1) != 1)
			return;
		if (line[i] == '\n')
			break;
	}
	if (sscanf(line, "SINK %llu", &n) == 1) {
		snprintf(reply, sizeof(reply), "GOT %llu\n",
			 (unsigned long long)recv_pattern(s, n));
		write_all(s, reply, strlen(reply));
	} else if (sscanf(line, "SOURCE %llu", &n) == 1) {
		send_pattern(s, n);
		shutdown(s, SHUT_WR);
		read(s, reply, 1);
	} else {
		for (ssize_t len; (len = read(s, buf, sizeof(buf))) > 0;)
			write_all(s, buf, (size_t)len);
	}
}

#define DNS_MAX 512u

/*
 * An A record for any name that ends in .test, a "no such name" for all else, in place of the
 * question. The length of the answer; 0: that was none.
 */
static size_t answer_dns(unsigned char q[DNS_MAX], ssize_t len)
{
	ssize_t end = 12;
	bool known = false;

	if (len < 17 || len > (ssize_t)DNS_MAX - 16)
		return 0;
	while (end < len && q[end]) {
		known = q[end] == 4 && end + 5 < len && !memcmp(q + end + 1, "test", 4);
		end += q[end] + 1;
	}
	end += 5; /* root label, type, class */
	if (end > len)
		return 0;
	known = known && q[end - 3] == 1 && q[end - 4] == 0;
	q[2] = 0x81;
	q[3] = known || q[end - 3] == 28 ? 0x80 : 0x83;
	q[6] = 0;
	q[7] = known;
	memset(q + 8, 0, 4);
	if (known) {
		static const unsigned char rr[12] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4 };

		memcpy(q + end, rr, 12);
		inet_pton(AF_INET, DNS_ANSWER, q + end + 12);
		end += 16;
	}
	return (size_t)end;
}

static void serve_dns(int s)
{
	unsigned char q[DNS_MAX];
	struct sockaddr_in6 from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(s, q, sizeof(q), 0, (struct sockaddr *)&from, &from_len);
	size_t len = answer_dns(q, n);

	if (len)
		sendto(s, q, len, 0, (struct sockaddr *)&from, from_len);
}

/* Over TCP, with the length in front [RFC 1035 §4.2.2]: one question, at once. */
static void serve_dns_tcp(int s)
{
	unsigned char m[2 + DNS_MAX];
	int c = accept(s, NULL, NULL);
	ssize_t n = c < 0 ? -1 : read(c, m, sizeof(m));
	size_t len = n > 2 ? answer_dns(m + 2, n - 2) : 0;

	m[0] = (unsigned char)(len >> 8);
	m[1] = (unsigned char)len;
	if (len)
		write_all(c, m, 2 + len);
	if (c >= 0)
		close(c);
}

/* To all addresses of both families. */
static int bound(int type, const char *port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
				  .sin6_port = htons((uint16_t)atoi(port)) };
	int s = socket(AF_INET6, type, 0), one = 1;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)))
		fail("bind");
	return s;
}

/* All of it, or false at the end of the stream. */
static bool read_all(int fd, void *p, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(fd, (char *)p + done, len - done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* A Realm's server: messages with their length in front, sent back with their bytes inverted. */
int cmd_answer(char **argv)
{
	int s = bound(SOCK_STREAM, argv[0]), c;
	uint32_t len;

	if (listen(s, 8))
		fail("listen");
	while ((c = accept(s, NULL, NULL)) >= 0) {
		while (read_all(c, &len, sizeof(len)) && len <= CHUNK && read_all(c, buf, len)) {
			for (uint32_t i = 0; i < len; i++)
				buf[i] = (unsigned char)~buf[i];
			write_all(c, &len, sizeof(len));
			write_all(c, buf, len);
		}
		close(c);
	}
	return 1;
}

int cmd_serve(char **argv)
{
	struct pollfd p[4] = { { bound(SOCK_STREAM, argv[0]), POLLIN, 0 },
			       { bound(SOCK_DGRAM, argv[0]), POLLIN, 0 },
			       { bound(SOCK_DGRAM, "53"), POLLIN, 0 },
			       { bound(SOCK_STREAM, "53"), POLLIN, 0 } };

	signal(SIGCHLD, SIG_IGN);
	if (listen(p[0].fd, 64) || listen(p[3].fd, 64))
		fail("listen");
	while (poll(p, 4, -1) > 0 || errno == EINTR) {
		if (p[0].revents) {
			int c = accept(p[0].fd, NULL, NULL);

			if (c >= 0 && fork() == 0) {
				serve_connection(c);
				exit(0);
			}
			if (c >= 0)
				close(c);
		}
		if (p[1].revents) {
			struct sockaddr_in6 from;
			socklen_t len = sizeof(from);
			ssize_t n = recvfrom(p[1].fd, buf, sizeof(buf), 0, (struct sockaddr *)&from,
					     &len);

			if (n >= 0)
				sendto(p[1].fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len);
		}
		if (p[2].revents)
			serve_dns(p[2].fd);
		if (p[3].revents)
			serve_dns_tcp(p[3].fd);
	}
	return 1;
}

int cmd_send(char **argv)
{
	uint64_t bytes = strtoull(argv[2], NULL, 0);
	int s = dial(argv[0], argv[1]);
	unsigned long long got = 0;
	double start = seconds();
	char line[64];
	ssize_t n;

	snprintf(line, sizeof(line), "SINK %llu\n", (unsigned long long)bytes);
	write_all(s, line, strlen(line));
	send_pattern(s, bytes);
	n = read(s, line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = 0;
	if (sscanf(line, "GOT %llu", &got) != 1 || got != bytes) {
		fprintf(stderr, "tool: the server got %llu of %llu bytes\n", got,
			(unsigned long long)bytes);
		return 1;
	}
	print_rate("tcp send", bytes, start);
	return 0;
}

int cmd_recv(char **argv)
{
	uint64_t bytes = strtoull(argv[2], NULL, 0), got;
	int s = dial(argv[0], argv[1]);
	double start = seconds();
	char line[64];

	snprintf(line, sizeof(line), "SOURCE %llu\n", (unsigned long long)bytes);
	write_all(s, line, strlen(line));
	got = recv_pattern(s, bytes);
	if (got != bytes || read(s, line, 1) != 0) {
		fprintf(stderr, "tool: got %llu of %llu bytes\n", (unsigned long long)got,
			(unsigned long long)bytes);
		return 1;
	}
	print_rate("tcp recv", bytes, start);
	return 0;
}

int cmd_conns(char **argv)
{
	int nr = atoi(argv[2]), socks[256];
	char c = 0;

	for (int i = 0; i < nr && i < 256; i++) {
		socks[i] = dial(argv[0], argv[1]);
		write_all(socks[i], "ECHO\n", 5);
	}
	for (int i = 0; i < nr && i < 256; i++) {
		char want = (char)('a' + i % 26);

		write_all(socks[i], &want, 1);
		if (read(socks[i], &c, 1) != 1 || c != want) {
			fprintf(stderr, "tool: connection %d does not echo\n", i);
			return 1;
		}
	}
	printf("conns: %d\n", nr);
	return 0;
}

/*
 * One-byte segments of a connection that never get their turn, as a hostile guest sends them: past
 * a hole and past the window, so that the connection itself stays as it is.
 */
int cmd_gaps(char **argv)
{
	struct sockaddr_in to = addr_of(argv[0], argv[1]), from;
	int s = dial(argv[0], argv[1]), raw = socket(AF_INET, SOCK_RAW, IPPROTO_TCP),
	    nr = atoi(argv[2]);
	socklen_t len = sizeof(from), four = sizeof(uint32_t);
	int on = 1, queue = 2 /* TCP_SEND_QUEUE */, off = -1 /* and no window probe */;
	uint32_t seq;
	char c = 0;

	write_all(s, "ECHO\n", 5);
	if (raw < 0 || getsockname(s, (struct sockaddr *)&from, &len) ||
	    setsockopt(s, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) ||
	    setsockopt(s, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) ||
	    getsockopt(s, IPPROTO_TCP, TCP_QUEUE_SEQ, &seq, &four) ||
	    setsockopt(s, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)))
		fail("repair");
	for (int i = 0; i < nr; i++) {
		struct {
			uint32_t src, dst;
			uint16_t proto, len;
			struct tcphdr tcp;
			uint8_t data[2];
		} p = { .src = from.sin_addr.s_addr,
			.dst = to.sin_addr.s_addr,
			.proto = htons(IPPROTO_TCP),
			.len = htons(sizeof(p.tcp) + 1),
			.tcp = { .source = from.sin_port,
				 .dest = to.sin_port,
				 .seq = htonl(seq + 100 + 2u * (uint32_t)i),
				 .doff = 5,
				 .ack = 1,
				 .window = htons(65535) } };
		uint32_t sum = 0;

		for (size_t k = 0; k < sizeof(p) / 2; k++)
			sum += ((uint16_t *)&p)[k];
		sum = (sum & 0xffff) + (sum >> 16);
		p.tcp.check = (uint16_t) ~(sum + (sum >> 16));
		sendto(raw, &p.tcp, sizeof(p.tcp) + 1, 0, (struct sockaddr *)&to, sizeof(to));
	}
	write_all(s, "x", 1);
	if (read(s, &c, 1) != 1 || c != 'x')
		fail("the connection has died");
	printf("gaps: %d\n", nr);
	return 0;
}

/* Prints the name server of the next router advertisement [RFC 8106 §5.1], from the kernel. */
int cmd_rdnss(char **argv)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK,
				 .nl_groups = 1 << (RTNLGRP_ND_USEROPT - 1) };
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	char text[INET6_ADDRSTRLEN];

	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)))
		fail("netlink");
	for (;;) {
		ssize_t n = recv(s, buf, sizeof(buf), 0);
		size_t opt = NLMSG_HDRLEN + sizeof(struct nduseroptmsg);

		/* type 25, length, two reserved bytes, lifetime, address */
		if (n < (ssize_t)opt + 24 || buf[opt] != 25)
			continue;
		printf("%s\n", inet_ntop(AF_INET6, buf + opt + 8, text, sizeof(text)));
		return 0;
	}
}

int cmd_refused(char **argv)
{
	struct sockaddr_in a = addr_of(argv[0], argv[1]);
	int s = socket(AF_INET, SOCK_STREAM, 0);
	double start = seconds();

	if (connect(s, (struct sockaddr *)&a, sizeof(a)) == 0 || errno != ECONNREFUSED)
		fail("connect was not refused");
	printf("refused after %.1f s\n", seconds() - start);
	return seconds() - start > 3;
}
