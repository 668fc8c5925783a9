/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the boot tests and the bench need inside guests and inside the emulated host, in one static
 * program:
 *
 *	tool serve PORT                       TCP and UDP server, and DNS on port 53 (host side)
 *	tool send|recv HOST PORT BYTES        a TCP stream one way, checked at the other end; prints
 *	MB/s tool udp HOST PORT                    datagrams of many sizes, echoed
 *	tool conns HOST PORT NR               so many connections at once
 *	tool refused HOST PORT                succeeds if a connection is refused at once
 *	tool fill|verify FILE SEED OFF LEN    a pattern into, or compared with, a file or disk
 *	tool diskrate read|write DEV BYTES    sequential, 128 KiB at a time, O_DIRECT; prints MB/s
 *	tool pty SECONDS [expect TEXT | send TEXT]... -- COMMAND...
 *	                                      COMMAND on a terminal of its own; its exit status
 *
 * Thread: one; serve forks for every connection.
 * Trust:  none needed: both ends are the test.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (128u * 1024u)
#define DNS_ANSWER "10.20.30.40"

static unsigned char buf[CHUNK] __attribute__((aligned(4096)));

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "tool: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void print_rate(const char *what, uint64_t bytes, double start)
{
	double s = seconds() - start;

	printf("%s: %llu bytes in %.3f s, %.1f MB/s\n", what, (unsigned long long)bytes, s,
	       (double)bytes / s / 1e6);
}

/* A pattern that depends on the position, so that bytes in the wrong place show. */
static void pattern(uint64_t seed, uint64_t pos, unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t v = (pos + i) * 0x9e3779b97f4a7c15u ^ seed;

		v ^= v >> 29;
		memcpy(p + i, &v, len - i < 8 ? len - i : 8);
	}
}

static bool pattern_ok(uint64_t seed, uint64_t pos, const unsigned char *p, size_t len)
{
	unsigned char want[4096];

	for (size_t done = 0; done < len;) {
		size_t n = len - done < sizeof(want) ? len - done : sizeof(want);

		pattern(seed, pos + done, want, n);
		if (memcmp(want, p + done, n))
			return false;
		done += n;
	}
	return true;
}

/* ---- network ---- */

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

static void write_all(int fd, const void *p, size_t len)
{
	const char *c = p;

	while (len) {
		ssize_t n = write(fd, c, len);

		if (n <= 0)
			fail("write");
		c += n;
		len -= (size_t)n;
	}
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

/* An A record for any name that ends in .test, a "no such name" for all else. */
static void serve_dns(int s)
{
	unsigned char q[512];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t len = recvfrom(s, q, sizeof(q) - 16, 0, (struct sockaddr *)&from, &from_len);
	ssize_t end = 12;
	bool known = false;

	if (len < 17)
		return;
	while (end < len && q[end]) {
		known = q[end] == 4 && end + 5 < len && !memcmp(q + end + 1, "test", 4);
		end += q[end] + 1;
	}
	end += 5; /* root label, type, class */
	if (end > len)
		return;
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
	sendto(s, q, (size_t)end, 0, (struct sockaddr *)&from, from_len);
}

static int bound(int type, const char *port)
{
	struct sockaddr_in a = addr_of("0.0.0.0", port);
	int s = socket(AF_INET, type, 0), one = 1;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)))
		fail("bind");
	return s;
}

static int cmd_serve(char **argv)
{
	struct pollfd p[3] = { { bound(SOCK_STREAM, argv[0]), POLLIN, 0 },
			       { bound(SOCK_DGRAM, argv[0]), POLLIN, 0 },
			       { bound(SOCK_DGRAM, "53"), POLLIN, 0 } };

	signal(SIGCHLD, SIG_IGN);
	if (listen(p[0].fd, 64))
		fail("listen");
	while (poll(p, 3, -1) > 0 || errno == EINTR) {
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
			struct sockaddr_in from;
			socklen_t len = sizeof(from);
			ssize_t n = recvfrom(p[1].fd, buf, sizeof(buf), 0,
					     (struct sockaddr *)&from, &len);

			if (n >= 0)
				sendto(p[1].fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len);
		}
		if (p[2].revents)
			serve_dns(p[2].fd);
	}
	return 1;
}

static int cmd_send(char **argv)
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

static int cmd_recv(char **argv)
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

static int cmd_udp(char **argv)
{
	static const size_t sizes[] = { 1, 18, 64, 512, 1400, 1472, 1473, 4000 };
	struct sockaddr_in a = addr_of(argv[0], argv[1]);
	struct timeval tv = { .tv_sec = 3 };
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned char back[4096];

	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (connect(s, (struct sockaddr *)&a, sizeof(a)))
		fail("connect");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		pattern(i, 0, buf, sizes[i]);
		if (send(s, buf, sizes[i], 0) < 0)
			fail("send");
		if (recv(s, back, sizeof(back), 0) != (ssize_t)sizes[i] ||
		    memcmp(back, buf, sizes[i])) {
			fprintf(stderr, "tool: no echo of a datagram of %zu bytes\n", sizes[i]);
			return 1;
		}
	}
	printf("udp: echoed\n");
	return 0;
}

static int cmd_conns(char **argv)
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

static int cmd_refused(char **argv)
{
	struct sockaddr_in a = addr_of(argv[0], argv[1]);
	int s = socket(AF_INET, SOCK_STREAM, 0);
	double start = seconds();

	if (connect(s, (struct sockaddr *)&a, sizeof(a)) == 0 || errno != ECONNREFUSED)
		fail("connect was not refused");
	printf("refused after %.1f s\n", seconds() - start);
	return seconds() - start > 3;
}

/* ---- disks ---- */

static int compare_or_fill(char **argv, bool verify)
{
	uint64_t seed = strtoull(argv[1], NULL, 0), off = strtoull(argv[2], NULL, 0),
		 len = strtoull(argv[3], NULL, 0);
	int fd = open(argv[0], verify ? O_RDONLY : O_WRONLY);

	if (fd < 0)
		fail(argv[0]);
	for (uint64_t done = 0; done < len;) {
		size_t n = len - done < CHUNK ? (size_t)(len - done) : CHUNK;

		if (verify) {
			ssize_t got = pread(fd, buf, n, (off_t)(off + done));

			if (got != (ssize_t)n)
				fail("read");
			if (!pattern_ok(seed, off + done, buf, n)) {
				fprintf(stderr, "tool: %s differs near %llu\n", argv[0],
					(unsigned long long)(off + done));
				return 1;
			}
		} else {
			pattern(seed, off + done, buf, n);
			if (pwrite(fd, buf, n, (off_t)(off + done)) != (ssize_t)n)
				fail("write");
		}
		done += n;
	}
	if (!verify && fsync(fd))
		fail("fsync");
	return 0;
}

static int cmd_diskrate(char **argv)
{
	bool wr = !strcmp(argv[0], "write");
	uint64_t bytes = strtoull(argv[2], NULL, 0);
	int fd = open(argv[1], (wr ? O_WRONLY : O_RDONLY) | O_DIRECT);
	double start;

	if (fd < 0)
		fail(argv[1]);
	start = seconds();
	for (uint64_t done = 0; done < bytes; done += CHUNK) {
		ssize_t n = wr ? pwrite(fd, buf, CHUNK, (off_t)done) :
				 pread(fd, buf, CHUNK, (off_t)done);

		if (n != (ssize_t)CHUNK)
			fail(argv[0]);
	}
	if (wr && fsync(fd))
		fail("fsync");
	print_rate(wr ? "disk write" : "disk read", bytes, start);
	return 0;
}

/* ---- a terminal ---- */

/* C escapes \r \n \t \\ \xHH in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s != '\\' || !s[1]) {
			*to++ = *s;
			continue;
		}
		s++;
		if (*s == 'x' && s[1] && s[2]) {
			char hex[3] = { s[1], s[2], 0 };

			*to++ = (char)strtol(hex, NULL, 16);
			s += 2;
		} else {
			*to++ = *s == 'r' ? '\r' : *s == 'n' ? '\n' : *s == 't' ? '\t' : *s;
		}
	}
	*to = 0;
}

static int wait_status(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/*
 * Pass on what comes until `text` was in it (NULL: until the end). False: not in time, or the end.
 */
static bool pump(int fd, const char *text, double until)
{
	static char seen[65536];
	static size_t nr;

	for (;;) {
		struct pollfd p = { fd, POLLIN, 0 };
		char *hit = text ? memmem(seen, nr, text, strlen(text)) : NULL;
		double left = until - seconds();
		ssize_t n;

		if (hit) {
			/* The next text is looked for behind this one. */
			nr -= (size_t)(hit + strlen(text) - seen);
			memmove(seen, hit + strlen(text), nr);
			return true;
		}
		if (left <= 0 || poll(&p, 1, (int)(left * 1000) + 1) < 0)
			return false;
		if (!p.revents)
			continue;
		if (nr > sizeof(seen) - 4096) {
			nr -= 4096;
			memmove(seen, seen + 4096, nr);
		}
		n = read(fd, seen + nr, 4096);
		if (n <= 0)
			return !text;
		write_all(STDOUT_FILENO, seen + nr, (size_t)n);
		nr += (size_t)n;
	}
}

static int cmd_pty(char **argv)
{
	double until = seconds() + atof(*argv++);
	char **script = argv, **command = argv;
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	int fd;
	pid_t pid;

	while (*command && strcmp(*command, "--"))
		command++;
	if (!*command)
		return 2;
	*command++ = NULL;
	pid = forkpty(&fd, NULL, NULL, &size);
	if (pid < 0)
		fail("forkpty");
	if (pid == 0) {
		execvp(command[0], command);
		fail(command[0]);
	}
	for (; script[0] && script[1]; script += 2) {
		if (!strcmp(script[0], "send")) {
			unescape(script[1]);
			write_all(fd, script[1], strlen(script[1]));
		} else if (!pump(fd, script[1], until)) {
			fprintf(stderr, "\ntool: no \"%s\"\n", script[1]);
			kill(pid, SIGKILL);
			return 124;
		}
	}
	if (!pump(fd, NULL, until)) {
		fprintf(stderr, "\ntool: it does not end\n");
		kill(pid, SIGKILL);
		return 124;
	}
	return wait_status(pid);
}

static int cmd_verify(char **argv)
{
	return compare_or_fill(argv, true);
}

static int cmd_fill(char **argv)
{
	return compare_or_fill(argv, false);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int nr_args;
		int (*run)(char **argv);
	} cmds[] = { { "serve", 1, cmd_serve },	  { "send", 3, cmd_send },
		     { "recv", 3, cmd_recv },	  { "udp", 2, cmd_udp },
		     { "conns", 3, cmd_conns },	  { "refused", 2, cmd_refused },
		     { "fill", 4, cmd_fill },	  { "verify", 4, cmd_verify },
		     { "diskrate", 3, cmd_diskrate }, { "pty", 3, cmd_pty } };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(cmds) / sizeof(*cmds); i++)
		if (argc > 1 && !strcmp(cmds[i].name, argv[1]) && argc >= cmds[i].nr_args + 2)
			return cmds[i].run(argv + 2);
	fprintf(stderr, "tool: see the top of tests/boot/tool.c\n");
	return 2;
}
