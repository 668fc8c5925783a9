/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one way to end a run.
 *
 * Thread: any, also signal handlers.
 * Trust:  a guest reaches this once: its later requests change nothing.
 */
#include "lkvm/vm/stop.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int stop_init(struct stop *s)
{
	atomic_store(&s->reason, STOP_NONE);
	atomic_store(&s->signal, 0);
	atomic_store(&s->reset, STOP_RESET_PLAIN);
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->asked = READY_ALWAYS;
	return s->fd < 0 ? -errno : ready_init(&s->asked, s->fd, EPOLLIN);
}

void stop_fini(struct stop *s)
{
	if (s->fd < 0)
		return;
	ready_fini(&s->asked);
	close(s->fd);
	s->fd = -1;
}

void stop_wait(const struct stop *s, int ms)
{
	ready_wait(&s->asked, ms);
}

enum stop_reason stop_last(const struct stop *s, enum stop_reason end)
{
	enum stop_reason asked = stop_why(s);

	return end == STOP_RESET && asked != STOP_NONE ? asked : end;
}

bool stop_again(struct stop *s)
{
	int now = STOP_RESET;
	u64 n;

	/* First, so that no later request's wake-up is taken for this one's. */
	if (read(s->fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		return false;
	atomic_store(&s->reset, STOP_RESET_PLAIN);
	if (atomic_compare_exchange_strong(&s->reason, &now, STOP_NONE))
		return true;
	n = 1;
	while (write(s->fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
	return false;
}

/* The user's wish ends a loop of resets, and what was told as an error is no good end. */
static bool replaces(enum stop_reason why, int now)
{
	if (why == STOP_ERROR)
		return now == STOP_POWEROFF || now == STOP_RESET;
	return now == STOP_RESET && why >= STOP_USER && why <= STOP_WATCH;
}

void stop_request(struct stop *s, enum stop_reason why)
{
	int now = STOP_NONE, saved = errno;
	u64 one = 1;

	if (!atomic_compare_exchange_strong(&s->reason, &now, (int)why)) {
		if (replaces(why, now))
			atomic_compare_exchange_strong(&s->reason, &now, (int)why);
		return;
	}
	while (write(s->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	errno = saved;
}

void stop_request_signal(struct stop *s, int signal)
{
	int none = 0;

	/* The first one; before the reason, so that who sees that sees this. */
	atomic_compare_exchange_strong(&s->signal, &none, signal);
	stop_request(s, STOP_SIGNAL);
}

void stop_request_reset(struct stop *s, s64 type)
{
	s64 plain = STOP_RESET_PLAIN;

	/* Likewise. */
	atomic_compare_exchange_strong(&s->reset, &plain, type);
	stop_request(s, STOP_RESET);
}
