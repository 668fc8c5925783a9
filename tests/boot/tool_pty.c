/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tool: a command on a terminal of its own, with a script of what it says and what is typed.
 *
 * Thread: one.
 * Trust:  none needed.
 */
#include "tests/boot/tool.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* COLSxROWS */
static void resize(int fd, const char *text)
{
	struct winsize size = { 0 };

	if (sscanf(text, "%hux%hu", &size.ws_col, &size.ws_row) != 2 ||
	    ioctl(fd, TIOCSWINSZ, &size) < 0)
		fail(text);
}

int cmd_pty(char **argv)
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
		/* A shell's background job ignores both, and would hand that on. */
		signal(SIGINT, SIG_DFL);
		signal(SIGQUIT, SIG_DFL);
		execvp(command[0], command);
		fail(command[0]);
	}
	for (; script[0] && script[1]; script += 2) {
		if (!strcmp(script[0], "send")) {
			unescape(script[1]);
			write_all(fd, script[1], strlen(script[1]));
		} else if (!strcmp(script[0], "size")) {
			resize(fd, script[1]);
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
