/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log of calls: time, CPU, call.
 *
 * Thread: any; a line is written with one write(2), so lines of two threads never mix.
 * Trust:  the text is made here, from the guest's registers; how often is the guest's choice.
 */
#include "realm/sim/calllog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/file.h"
#include "lkvm/base/log.h"
#include "lkvm/vm/loop.h"

struct calllog {
	int fd; /* -1: stderr */
	u64 started_ns;
	_Atomic u64 written; /* bytes */
	_Atomic bool lost;   /* a line was, which has been said */
};

int calllog_open(struct calllog **out, const char *path)
{
	struct calllog *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return log_errno(-ENOMEM, "--sim-log");
	l->started_ns = loop_now_ns();
	l->fd = path ? file_open_out(path, O_APPEND | O_CREAT, 0644) : -1;
	if (path && l->fd < 0) {
		err = log_errno(l->fd, "--sim-log: cannot open %s", path);
		free(l);
		return err;
	}
	*out = l;
	return 0;
}

void calllog_close(struct calllog *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	free(l);
}

static void put(struct calllog *l, const char *line)
{
	char file_line[1024];
	ssize_t done;
	int len;

	if (l->fd < 0) {
		log_plain("%s", line);
		return;
	}
	len = snprintf(file_line, sizeof(file_line), "%s\n", line);
	len = MIN(len, (int)sizeof(file_line) - 1);
	done = write(l->fd, file_line, (size_t)len);
	/* A full disk is no reason to stop a guest, but nobody is to take the log for whole. */
	if (done != len && !atomic_exchange(&l->lost, true))
		log_warn("--sim-log: calls are missing in it: %s",
			 done < 0 ? strerror(errno) : "it was written in part");
}

void calllog_write(struct calllog *l, unsigned cpu, const char *text)
{
	u64 ns = loop_now_ns() - l->started_ns, len = strlen(text), before;
	char line[1000];

	before = atomic_load_explicit(&l->written, memory_order_relaxed);
	if (before > CALLLOG_MAX_BYTES)
		return;
	before = atomic_fetch_add_explicit(&l->written, len, memory_order_relaxed);
	if (before > CALLLOG_MAX_BYTES)
		return;
	snprintf(line, sizeof(line), "[%5llu.%06llu] REC %u: %s",
		 (unsigned long long)(ns / 1000000000), (unsigned long long)(ns / 1000 % 1000000),
		 cpu, text);
	put(l, line);
	if (before + len > CALLLOG_MAX_BYTES)
		put(l, "--sim-log: further calls are not shown");
}
