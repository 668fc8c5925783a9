/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host with several addresses: the names are the test's, the connections are real. */
#include "guest/keybroker/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/arm64/capture.h"

#define TIMEOUT_MS 3000

static struct sockaddr_in addrs[2];
static struct addrinfo infos[2];
static unsigned nr_addrs;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **out)
{
	for (unsigned i = 0; i < nr_addrs; i++)
		infos[i] = (struct addrinfo){ .ai_family = AF_INET,
					      .ai_socktype = SOCK_STREAM,
					      .ai_addr = (struct sockaddr *)&addrs[i],
					      .ai_addrlen = sizeof(addrs[i]),
					      .ai_next = i + 1 < nr_addrs ? &infos[i + 1] : NULL };
	*out = infos;
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
}

static int listen_at(struct sockaddr_in *a, int backlog)
{
	socklen_t len = sizeof(*a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*a = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	ck_assert_int_eq(bind(fd, (struct sockaddr *)a, sizeof(*a)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)a, &len), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

/* As an address behind which packets get lost: its queue of connections is full. */
static void add_silent(void)
{
	struct sockaddr_in *a = &addrs[nr_addrs++];

	listen_at(a, 0);
	for (unsigned i = 0; i < 4; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		(void)connect(fd, (struct sockaddr *)a, sizeof(*a));
	}
}

static pid_t add_server(void)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
	int fd = listen_at(&addrs[nr_addrs++], 4), s;
	pid_t pid = fork();
	char buf[2000];

	if (!pid) {
		s = accept(fd, NULL, NULL);
		if (s >= 0 && read(s, buf, sizeof(buf)) > 0 &&
		    write(s, answer, sizeof(answer) - 1) > 0)
			shutdown(s, SHUT_WR);
		while (read(s, buf, sizeof(buf)) > 0)
			;
		_exit(0);
	}
	close(fd);
	return pid;
}

static int post(void)
{
	static const struct url url = { .host = "h", .port = "1", .authority = "h:1", .path = "/" };
	static struct http_reader answer;

	return dial_post(&url, "text/plain", "x", 1, TIMEOUT_MS, &answer);
}

START_TEST(an_address_that_is_silent_leaves_time_for_the_next)
{
	pid_t pid;

	capture_start();
	add_silent();
	pid = add_server();
	ck_assert_int_eq(post(), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
END_TEST

START_TEST(one_that_refuses_takes_none)
{
	pid_t pid;

	capture_start();
	close(listen_at(&addrs[nr_addrs++], 1));
	pid = add_server();
	ck_assert_int_eq(post(), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
END_TEST

SUITE_MAIN("keybroker/dial", an_address_that_is_silent_leaves_time_for_the_next,
	   one_that_refuses_takes_none)
