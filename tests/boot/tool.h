/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the commands of `tool` share. One thread.
 */
#ifndef TESTS_BOOT_TOOL_H
#define TESTS_BOOT_TOOL_H

#include <stddef.h>
#include <stdint.h>

#define CHUNK (128u * 1024u)

extern unsigned char buf[CHUNK];

/* Says `what` and errno, and exits with 1. */
__attribute__((noreturn)) void fail(const char *what);

/* Of a clock that only goes forward. */
double seconds(void);
/* Prints a line with the MB/s since `start`. */
void print_rate(const char *what, uint64_t bytes, double start);

/* A pattern that depends on the position, so that bytes in the wrong place show. */
void pattern(uint64_t seed, uint64_t pos, unsigned char *p, size_t len);

/* All of it, or fail(). */
void write_all(int fd, const void *p, size_t len);

/* Commands: what follows their name on the command line; return the exit status. */
int cmd_serve(char **argv);
int cmd_answer(char **argv);
int cmd_send(char **argv);
int cmd_recv(char **argv);
int cmd_udp(char **argv);
int cmd_datagrams(char **argv);
int cmd_flows(char **argv);
int cmd_unreachable(char **argv);
int cmd_udpsend(char **argv);
int cmd_udprr(char **argv);
int cmd_discard(char **argv);
int cmd_conns(char **argv);
int cmd_refused(char **argv);
int cmd_gaps(char **argv);
int cmd_rdnss(char **argv);
int cmd_echo(char **argv);
int cmd_rr(char **argv);
int cmd_crr(char **argv);
int cmd_pty(char **argv);
int cmd_fs(char **argv);
int cmd_spy(char **argv);
int cmd_talk(char **argv);
int cmd_pour(char **argv);
int cmd_drink(char **argv);
int cmd_many(char **argv);
int cmd_mirror(char **argv);
int cmd_nobody(char **argv);
int cmd_files(char **argv);

#endif
