/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tool: round trips of one byte. "echo" is the server's side, a process for all of its connections.
 *
 * Thread: one.
 * Trust:  none needed: both ends are the test.
 */
#include "tests/boot/tool.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* As many descriptors as there may be. */
static void many_files(void)
{
	struct rlimit r;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

int cmd_echo(char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)atoi(argv[0])) };
	int s = socket(AF_INET, SOCK_STREAM, 0), ep = epoll_create1(0), one = 1;
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = s }, got[64];

	many_files();
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1024) ||
	    epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev))
		fail("echo");
	for (int n; (n = epoll_wait(ep, got, 64, -1)) >= 0;) {
		for (int i = 0; i < n; i++) {
			int fd = got[i].data.fd;
			ssize_t len;

			if (fd == s) {
				ev.data.fd = accept(s, NULL, NULL);
				setsockopt(ev.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
				epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev);
				continue;
			}
			len = read(fd, buf, sizeof(buf));
			if (len <= 0 || write(fd, buf, (size_t)len) != len)
				close(fd);
		}
	}
	return 1;
}

static int dial(char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)atoi(argv[1])) };
	int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	inet_pton(AF_INET, argv[0], &a.sin_addr);
	if (s < 0 || connect(s, (struct sockaddr *)&a, sizeof(a)))
		fail("connect");
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return s;
}

static void trip(int s)
{
	char c = 'x';

	write_all(s, &c, 1);
	if (read(s, &c, 1) != 1 || c != 'x')
		fail("no answer");
}

/* HOST PORT N IDLE: N round trips, beside so many connections that say nothing. */
int cmd_rr(char **argv)
{
	int n = atoi(argv[2]), idle = atoi(argv[3]), s;
	double start;

	many_files();
	for (int i = 0; i < idle; i++)
		trip(dial(argv));
	s = dial(argv);
	for (int i = 0; i < 20; i++)
		trip(s);
	start = seconds();
	for (int i = 0; i < n; i++)
		trip(s);
	printf("rr beside %d: %.1f us\n", idle, (seconds() - start) * 1e6 / n);
	return 0;
}

/* HOST PORT N: the same, each on a connection of its own. */
int cmd_crr(char **argv)
{
	int n = atoi(argv[2]);
	double start = 0;

	for (int i = -5; i < n; i++) {
		int s;

		if (!i)
			start = seconds();
		s = dial(argv);
		trip(s);
		close(s);
	}
	printf("crr: %.1f us\n", (seconds() - start) * 1e6 / n);
	return 0;
}
