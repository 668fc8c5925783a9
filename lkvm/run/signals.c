/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals that ask for the end.
 *
 * Thread: main; then that of the loop.
 * Trust:  nothing of the guest's.
 */
#include "lkvm/run/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lkvm/base/util.h"
#include "lkvm/vm/stop.h"

struct signals {
	int fd;
	struct loop_fd *reg;
	struct stop *stop;
	signals_fn fn; /* or NULL */
	void *arg;
};

static bool is_end(int signal)
{
	return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

static void on_signal(void *arg, u32 events)
{
	struct signals *s = arg;
	struct signalfd_siginfo si;

	if (read(s->fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (s->fn && s->fn(s->arg, (int)si.ssi_signo))
		return;
	if (is_end((int)si.ssi_signo))
		stop_request_signal(s->stop, (int)si.ssi_signo);
}

/*
 * What was ignored at the start stays ignored: SIGHUP under nohup, SIGINT in a background job of a
 * script. A signal that is blocked arrives here even when it is ignored, so these are left out.
 */
static void wishes(sigset_t *set, bool more)
{
	static const int all[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
	struct sigaction now;

	sigemptyset(set);
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		if ((more || is_end(all[i])) &&
		    (sigaction(all[i], NULL, &now) < 0 || now.sa_handler != SIG_IGN))
			sigaddset(set, all[i]);
}

void signals_block(void)
{
	sigset_t set;

	wishes(&set, false);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int signals_create(struct signals **out, struct loop *loop, struct stop *stop)
{
	return signals_create_for(out, loop, stop, NULL, NULL);
}

int signals_create_for(struct signals **out, struct loop *loop, struct stop *stop, signals_fn fn,
		       void *arg)
{
	struct signals *s = calloc(1, sizeof(*s));
	sigset_t set;
	int err;

	if (!s)
		return -ENOMEM;
	s->stop = stop;
	s->fn = fn;
	s->arg = arg;
	wishes(&set, fn);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	err = s->fd < 0 ? -errno : loop_fd_add(loop, s->fd, EPOLLIN, on_signal, s, &s->reg);
	if (err) {
		signals_destroy(s);
		return err;
	}
	*out = s;
	return 0;
}

void signals_destroy(struct signals *s)
{
	if (!s)
		return;
	loop_fd_del(s->reg);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}
