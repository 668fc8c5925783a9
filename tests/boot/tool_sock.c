/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Byte streams of all kinds: vsock, Unix sockets and console ports, in the guest and on the host.
 *
 *	tool talk WHERE [send TEXT | expect TEXT | shut | eof | reset]...
 *	tool pour WHERE SEED BYTES    a pattern into it, then the end; prints MB/s
 *	tool drink WHERE SEED BYTES   a pattern out of it, checked; prints MB/s
 *	tool many WHERE NR            so many connections at once: each says its number, and hears
 *	                              it again
 *	tool mirror WHERE             sends back what comes on any number of connections to WHERE
 *	tool nobody WHERE             succeeds if a connection is refused (reset) at once
 *
 * WHERE: vsock:CID:PORT, vlisten:PORT, unix:PATH, ulisten:PATH, fire:PATH:PORT (CONNECT PORT is
 * said there first, as to Firecracker), port:FILE.
 *
 * Thread: one.
 * Trust:  none needed: both ends are the test.
 */
#include "tests/boot/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
/* Behind the others: it wants their types. */
#include <linux/vm_sockets.h>

#define MAX_MANY 1024

static int unix_socket(const char *path, struct sockaddr_un *a)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(a->sun_path, sizeof(a->sun_path), "%s", path);
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int vsock_socket(unsigned cid, unsigned port, struct sockaddr_vm *a)
{
	*a = (struct sockaddr_vm){ .svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port };
	return socket(AF_VSOCK, SOCK_STREAM, 0);
}

static int listen_at(const char *where)
{
	struct sockaddr_vm v;
	struct sockaddr_un u;
	int fd, err;

	if (!strncmp(where, "vlisten:", 8)) {
		fd = vsock_socket(VMADDR_CID_ANY, (unsigned)atoi(where + 8), &v);
		err = bind(fd, (struct sockaddr *)&v, sizeof(v));
	} else {
		unlink(where + 8);
		fd = unix_socket(where + 8, &u);
		err = bind(fd, (struct sockaddr *)&u, sizeof(u));
	}
	if (fd < 0 || err < 0 || listen(fd, 1024) < 0)
		fail(where);
	return fd;
}

static bool listens(const char *where)
{
	return !strncmp(where, "vlisten:", 8) || !strncmp(where, "ulisten:", 8);
}

/* "OK nnn" comes back, a byte at a time, because what follows is somebody else's. */
static int say_connect(int fd, const char *port)
{
	char c = 0;
	int n = dprintf(fd, "CONNECT %s\n", port);

	while (n > 0 && c != '\n')
		n = (int)read(fd, &c, 1);
	if (n > 0)
		return fd;
	close(fd);
	errno = ECONNRESET;
	return -1;
}

static int connect_unix(const char *where, bool fire)
{
	struct sockaddr_un a;
	char path[sizeof(a.sun_path)], *port = NULL;
	int fd;

	snprintf(path, sizeof(path), "%s", strchr(where, ':') + 1);
	if (fire) {
		port = strrchr(path, ':');
		*port++ = '\0';
	}
	fd = unix_socket(path, &a);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fire ? say_connect(fd, port) : fd;
}

/* A console port, once somebody is at the other side. */
static int open_port(const char *file)
{
	int fd = open(file, O_RDWR);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	while (fd >= 0 && poll(&p, 1, 100) >= 0 && (p.revents & POLLHUP))
		usleep(10000);
	return fd;
}

/* A connection, or -1 with errno. */
static int try_open(const char *where)
{
	struct sockaddr_vm v;
	char *end;
	int fd;

	if (!strncmp(where, "port:", 5))
		return open_port(where + 5);
	if (strncmp(where, "vsock:", 6) != 0)
		return connect_unix(where, !strncmp(where, "fire:", 5));

	unsigned cid = (unsigned)strtoul(where + 6, &end, 10);

	fd = vsock_socket(cid, (unsigned)atoi(end + 1), &v);
	if (fd < 0 || connect(fd, (struct sockaddr *)&v, sizeof(v)) == 0)
		return fd;
	int err = errno;

	close(fd);
	errno = err;
	return -1;
}

static int open_at(const char *where)
{
	int fd, listener;

	if (listens(where)) {
		listener = listen_at(where);
		fd = accept(listener, NULL, NULL);
		close(listener);
	} else {
		fd = try_open(where);
	}
	if (fd < 0)
		fail(where);
	return fd;
}

static void expect(int fd, const char *text)
{
	size_t len = strlen(text), have = 0;
	char got[4096];

	while (have < len) {
		ssize_t n = read(fd, got + have, len - have);

		if (n <= 0)
			fail(text);
		have += (size_t)n;
	}
	if (memcmp(got, text, len) != 0) {
		fprintf(stderr, "tool: '%.*s' instead of '%s'\n", (int)len, got, text);
		exit(1);
	}
}

static void expect_end(int fd)
{
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0)
		fprintf(stderr, "tool: %zd bytes too many: %.*s\n", n, (int)(n < 40 ? n : 40), buf);
	if (n > 0)
		exit(1);
	if (n < 0 && errno != ECONNRESET)
		fail("the end");
}

static void expect_reset(int fd)
{
	if (read(fd, buf, sizeof(buf)) >= 0 || errno != ECONNRESET)
		fail("a reset");
}

int cmd_talk(char **argv)
{
	int fd = open_at(*argv++);

	for (; *argv; argv++) {
		if (!strcmp(*argv, "send") && argv[1])
			write_all(fd, argv[1], strlen(argv[1])), argv++;
		else if (!strcmp(*argv, "expect") && argv[1])
			expect(fd, *++argv);
		else if (!strcmp(*argv, "shut"))
			shutdown(fd, SHUT_WR);
		else if (!strcmp(*argv, "eof"))
			expect_end(fd);
		else if (!strcmp(*argv, "reset"))
			expect_reset(fd);
		else
			fail(*argv);
	}
	return 0;
}

int cmd_pour(char **argv)
{
	int fd = open_at(argv[0]);
	unsigned long long seed = strtoull(argv[1], NULL, 0), bytes = strtoull(argv[2], NULL, 0);
	double start = seconds();

	for (unsigned long long at = 0; at < bytes;) {
		size_t n = bytes - at < CHUNK ? (size_t)(bytes - at) : CHUNK;

		pattern(seed, at, buf, n);
		write_all(fd, buf, n);
		at += n;
	}
	/* The other side has it all when it closes. */
	if (!shutdown(fd, SHUT_WR))
		expect_end(fd);
	close(fd);
	print_rate("pour", bytes, start);
	return 0;
}

static void read_all(int fd, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, buf + have, len - have);

		if (n <= 0) {
			fprintf(stderr, "tool: the stream ends too early\n");
			exit(1);
		}
		have += (size_t)n;
	}
}

int cmd_drink(char **argv)
{
	static unsigned char want[CHUNK];
	int fd = open_at(argv[0]);
	unsigned long long seed = strtoull(argv[1], NULL, 0), bytes = strtoull(argv[2], NULL, 0);
	double start = seconds();

	/* Whole pieces: the pattern is one of words. */
	for (unsigned long long at = 0; at < bytes; at += CHUNK) {
		size_t n = bytes - at < CHUNK ? (size_t)(bytes - at) : CHUNK;

		read_all(fd, n);
		pattern(seed, at, want, n);
		if (memcmp(buf, want, n) != 0) {
			fprintf(stderr, "tool: wrong bytes after %llu\n", at);
			return 1;
		}
	}
	print_rate("drink", bytes, start);
	return 0;
}

int cmd_many(char **argv)
{
	static int fds[MAX_MANY];
	int nr = atoi(argv[1]);
	char text[32];

	for (int i = 0; i < nr && i < MAX_MANY; i++)
		fds[i] = open_at(argv[0]);
	for (int i = 0; i < nr; i++)
		dprintf(fds[i], "this is %d.", i);
	for (int i = nr; i--;) {
		snprintf(text, sizeof(text), "this is %d.", i);
		expect(fds[i], text);
		close(fds[i]);
	}
	printf("many: %d\n", nr);
	return 0;
}

/* One more connection, or what one of them has said. False: it is over. */
static bool echo(int fd)
{
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n <= 0)
		return false;
	write_all(fd, buf, (size_t)n);
	return true;
}

int cmd_mirror(char **argv)
{
	static struct pollfd p[MAX_MANY + 1];
	nfds_t nr = 1;

	p[0] = (struct pollfd){ .fd = listen_at(argv[0]), .events = POLLIN };
	for (;;) {
		poll(p, nr, -1);
		for (nfds_t i = nr; --i > 0;) {
			if (!p[i].revents || echo(p[i].fd))
				continue;
			close(p[i].fd);
			p[i] = p[--nr];
		}
		if (p[0].revents && nr <= MAX_MANY) {
			p[nr].fd = accept(p[0].fd, NULL, NULL);
			p[nr++].events = POLLIN;
		}
	}
}

int cmd_nobody(char **argv)
{
	double start = seconds();
	int fd = try_open(argv[0]);

	if (fd >= 0 || (errno != ECONNRESET && errno != ECONNREFUSED)) {
		fprintf(stderr, "tool: somebody is at %s, or it is '%s'\n", argv[0],
			strerror(errno));
		return 1;
	}
	return seconds() - start > 1.5;
}
