/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * count OUT COMMAND...: runs COMMAND with instruction counters over all its threads and children,
 * and writes "user N kernel N guest N ns N" to OUT. Exit status: the command's; 125 if the machine
 * has no such counters (an emulated one has them under --icount only).
 *
 * Thread: one.
 * Trust:  none needed.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { USER, KERNEL, GUEST, NR };

/* Counts for this process and what it forks from now on. */
static int counter(int which)
{
	struct perf_event_attr a = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(a),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.disabled = 1,
		.inherit = 1,
		.exclude_user = which == KERNEL,
		.exclude_kernel = which == USER,
		.exclude_guest = which != GUEST,
		.exclude_host = which == GUEST,
	};

	return (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
}

int main(int argc, char **argv)
{
	struct timespec start, end;
	uint64_t n[NR] = { 0 };
	int fd[NR], status;
	FILE *out;
	pid_t pid;

	if (argc < 3)
		return 125;
	for (int i = 0; i < NR; i++) {
		fd[i] = counter(i);
		if (fd[i] < 0) {
			fprintf(stderr, "count: no counter: %s\n", strerror(errno));
			return 125;
		}
	}
	for (int i = 0; i < NR; i++)
		ioctl(fd[i], PERF_EVENT_IOC_ENABLE, 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		fprintf(stderr, "count: %s: %s\n", argv[2], strerror(errno));
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 125;
	clock_gettime(CLOCK_MONOTONIC, &end);
	for (int i = 0; i < NR; i++) {
		ioctl(fd[i], PERF_EVENT_IOC_DISABLE, 0);
		if (read(fd[i], &n[i], sizeof(n[i])) != sizeof(n[i]))
			return 125;
	}
	out = fopen(argv[1], "w");
	if (!out)
		return 125;
	fprintf(out, "user %llu kernel %llu guest %llu ns %lld\n", (unsigned long long)n[USER],
		(unsigned long long)n[KERNEL], (unsigned long long)n[GUEST],
		(long long)(end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec - start.tv_nsec);
	fclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
