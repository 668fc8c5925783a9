/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the boot tests and the bench need inside guests and inside the emulated host, in one static
 * program. Here: files and disks, and what all commands share.
 *
 *	tool serve PORT                       TCP and UDP server, and DNS on port 53 (host side)
 *	tool send|recv HOST PORT BYTES        a TCP stream one way, checked at the end; prints MB/s
 *	tool udp HOST PORT                    datagrams of many sizes, echoed
 *	tool datagrams HOST PORT              the same, of none to 65507 bytes
 *	tool flows HOST PORT NR               so many sockets at once, echoed
 *	tool unreachable HOST PORT            succeeds if the datagram is refused
 *	tool udpsend HOST PORT SIZE NR        without an answer; prints the time of each
 *	tool udprr HOST PORT NR               round trips of a byte
 *	tool discard PORT                     where datagrams end
 *	tool conns HOST PORT NR               so many connections at once
 *	tool refused HOST PORT                succeeds if a connection is refused at once
 *	tool gaps HOST PORT NR                one-byte segments past holes, a connection lives on
 *	tool rdnss                            prints the name server of a router advertisement
 *	tool fill|verify FILE SEED OFF LEN    a pattern into, or compared with, a file or disk
 *	tool diskrate read|write|loose-write|cached-read|cached-write DEV BYTES
 *	                                      sequential, 128 KiB at a time, past the page cache
 *	                                      (O_DIRECT) or through it; loose: it is not flushed
 *	                                      afterwards; prints MB/s
 *	tool diskops read|write DEV BYTES NR  4 KiB at random places, one at a time, past the page
 *	                                      cache; prints requests per second
 *	tool files write|read DIR NR          many small files; prints files per second
 *	tool spy SOCKET TEXT                  a hostile back end of vhost-user (tool_spy.c)
 *	tool answer PORT                      sends each message back with its bytes inverted
 *	tool pty SECONDS [expect TEXT | send TEXT]... -- COMMAND...
 *	                                      COMMAND on a terminal of its own; its exit status
 *	tool talk|pour|drink|many|mirror|nobody ...
 *	                                      byte streams of all kinds: see tool_sock.c
 *
 * Thread: one; serve forks for every connection.
 * Trust:  none needed: both ends are the test.
 */
#include "tests/boot/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

unsigned char buf[CHUNK] __attribute__((aligned(4096)));

void fail(const char *what)
{
	fprintf(stderr, "tool: %s: %s\n", what, strerror(errno));
	exit(1);
}

double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void print_rate(const char *what, uint64_t bytes, double start)
{
	double s = seconds() - start;

	printf("%s: %llu bytes in %.3f s, %.1f MB/s\n", what, (unsigned long long)bytes, s,
	       (double)bytes / s / 1e6);
}

void pattern(uint64_t seed, uint64_t pos, unsigned char *p, size_t len)
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

void write_all(int fd, const void *p, size_t len)
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
	bool cached = !strncmp(argv[0], "cached-", 7), loose = !strncmp(argv[0], "loose-", 6);
	const char *what = argv[0] + (cached ? 7 : loose ? 6 : 0);
	bool wr = !strcmp(what, "write");
	uint64_t bytes = strtoull(argv[2], NULL, 0);
	int fd = open(argv[1], (wr ? O_WRONLY : O_RDONLY) | (cached ? 0 : O_DIRECT));
	char name[32];
	double start;

	if (fd < 0)
		fail(argv[1]);
	start = seconds();
	for (uint64_t done = 0; done < bytes; done += CHUNK) {
		ssize_t n = wr ? pwrite(fd, buf, CHUNK, (off_t)done)
			       : pread(fd, buf, CHUNK, (off_t)done);

		if (n != (ssize_t)CHUNK)
			fail(argv[0]);
	}
	if (wr && !loose && fsync(fd))
		fail("fsync");
	snprintf(name, sizeof(name), "%sdisk %s", cached ? "cached " : loose ? "loose " : "", what);
	print_rate(name, bytes, start);
	return 0;
}

static int cmd_diskops(char **argv)
{
	bool wr = !strcmp(argv[0], "write");
	uint64_t blocks = strtoull(argv[2], NULL, 0) / 4096, nr = strtoull(argv[3], NULL, 0);
	int fd = open(argv[1], (wr ? O_WRONLY : O_RDONLY) | O_DIRECT);
	uint64_t at = 1;
	double start;

	if (fd < 0)
		fail(argv[1]);
	start = seconds();
	for (uint64_t i = 0; i < nr; i++) {
		/* The same places in every run. */
		at = at * 6364136223846793005u + 1442695040888963407u;

		off_t off = (off_t)((at >> 33) % blocks * 4096);
		ssize_t n = wr ? pwrite(fd, buf, 4096, off) : pread(fd, buf, 4096, off);

		if (n != 4096)
			fail(argv[0]);
	}
	start = seconds() - start;
	printf("disk ops %s: %llu in %.3f s, %.0f /s\n", argv[0], (unsigned long long)nr, start,
	       (double)nr / start);
	return 0;
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
	} cmds[] = { { "serve", 1, cmd_serve },
		     { "send", 3, cmd_send },
		     { "recv", 3, cmd_recv },
		     { "udp", 2, cmd_udp },
		     { "datagrams", 2, cmd_datagrams },
		     { "flows", 3, cmd_flows },
		     { "unreachable", 2, cmd_unreachable },
		     { "udpsend", 4, cmd_udpsend },
		     { "udprr", 3, cmd_udprr },
		     { "discard", 1, cmd_discard },
		     { "conns", 3, cmd_conns },
		     { "refused", 2, cmd_refused },
		     { "fill", 4, cmd_fill },
		     { "verify", 4, cmd_verify },
		     { "diskrate", 3, cmd_diskrate },
		     { "diskops", 4, cmd_diskops },
		     { "pty", 3, cmd_pty },
		     { "answer", 1, cmd_answer },
		     { "fs", 1, cmd_fs },
		     { "gaps", 3, cmd_gaps },
		     { "rdnss", 0, cmd_rdnss },
		     { "spy", 2, cmd_spy },
		     { "files", 3, cmd_files },
		     { "echo", 1, cmd_echo },
		     { "rr", 4, cmd_rr },
		     { "crr", 3, cmd_crr },
		     { "talk", 1, cmd_talk },
		     { "pour", 3, cmd_pour },
		     { "drink", 3, cmd_drink },
		     { "many", 2, cmd_many },
		     { "mirror", 1, cmd_mirror },
		     { "nobody", 1, cmd_nobody } };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(cmds) / sizeof(*cmds); i++)
		if (argc > 1 && !strcmp(cmds[i].name, argv[1]) && argc >= cmds[i].nr_args + 2)
			return cmds[i].run(argv + 2);
	fprintf(stderr, "tool: see the top of tests/boot/tool.c\n");
	return 2;
}
