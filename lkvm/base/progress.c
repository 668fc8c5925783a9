/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line on a terminal that says how far a step is.
 *
 * Thread: main.
 * Trust:  none of the guest's data is looked at here.
 */
#include "lkvm/base/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A slow host (a model of a CPU) loads some 100 KiB a second: a new figure every few seconds. */
#define PIECE (256 * KiB)

#define CLEAR_TO_END "\033[K"

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

static void show(const struct progress *p, const char *text)
{
	char line[80];
	int n = snprintf(line, sizeof(line), "\r%s" CLEAR_TO_END "\r", text);

	/* Nothing to do about a terminal that went away. */
	if (write(p->fd, line, (size_t)n) < 0)
		return;
}

void progress_begin(struct progress *p, int fd, u64 total, unsigned patience_ms)
{
	*p = (struct progress){ .total = total };
	if (!total || !isatty(fd))
		return;
	p->fd = fd;
	p->patience_ns = patience_ms * 1000000ull;
	p->begun_ns = now_ns();
}

u64 progress_piece(const struct progress *p, u64 len)
{
	return p->fd ? MIN(len, PIECE) : len;
}

void progress_add(struct progress *p, u64 len)
{
	unsigned percent;
	char text[64];

	p->done += len;
	percent = p->total ? (unsigned)(p->done * 100 / p->total) : 0;
	if (!p->fd || percent < p->next || now_ns() - p->begun_ns < p->patience_ns)
		return;
	snprintf(text, sizeof(text), "  Info: loading, %llu of %llu MiB (%u %%)",
		 (unsigned long long)(p->done / MiB), (unsigned long long)(p->total / MiB),
		 percent);
	show(p, text);
	p->next = percent + 1;
	p->shown = true;
}

void progress_end(struct progress *p)
{
	if (p->shown)
		show(p, "");
	*p = (struct progress){ 0 };
}
