/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw mode of the terminal, and its restoration on every way out, also when a shell stops lkvm.
 *
 * Thread: see terminal.h; signal handlers run on any.
 * Trust:  nothing from the guest.
 *
 * The saved modes are a mutable file static: a signal handler has no argument, and a process has
 * one controlling terminal. `is_raw` is set after the rest is filled in and cleared before it is
 * used up, so a handler sees all of it or nothing.
 */
#include "lkvm/console/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "lkvm/base/log.h"

static const struct sys_call list[] = {
	CALL_IOCTL(TCGETS),
	CALL_IOCTL(TCSETS),
	CALL(rt_sigprocmask),
	CALL_RARE(tgkill, "a signal that ends or stops it"),
	CALL_RARE(rt_sigaction, "a shell that stops it"),
	CALL_IF_RARE(kill, 1, UINT32_MAX, SIGCONT, "a shell that stops it"),
	CALL_IOCTL_RARE(TIOCGPGRP, "a job that comes to the foreground"),
	CALL_RARE(getpgid, "a job that comes to the foreground"),
	CALL_IOCTL_RARE(TIOCGWINSZ, "a virtio console"),
};

const struct calls terminal_calls = CALLS("terminal", list);

static struct {
	int fd;
	pid_t pid;
	struct termios saved;
	_Atomic bool is_raw;
	bool hooked;
} term;

void terminal_restore_now(void)
{
	if (!atomic_exchange(&term.is_raw, false))
		return;
	tcsetattr(term.fd, TCSANOW, &term.saved);
	log_set_raw_terminal(false);
}

/*
 * SA_RESETHAND has put the default action back. A fault that returns from here happens again and
 * kills us; a signal that was sent is sent again. Main takes it, which is there to the end:
 * raise(3) would ask for the number of the thread, and that is no call of a confined lkvm.
 */
static void on_fatal(int sig)
{
	terminal_restore_now();
	tgkill(term.pid, term.pid, sig);
}

/*
 * Stopped by default, so that the shell hears why. A process that no shell could continue is not
 * stopped [POSIX: orphaned process groups]. Either way SIGCONT has whoever has the terminal take it
 * again, on his own thread.
 */
static void on_stop(int sig)
{
	const struct sigaction stop = { .sa_handler = SIG_DFL };
	struct sigaction own;
	sigset_t set, old;
	int err = errno;

	terminal_restore_now();
	sigaction(sig, &stop, &own);
	tgkill(term.pid, term.pid, sig);
	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(SIG_UNBLOCK, &set, &old);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	sigaction(sig, &own, NULL);
	kill(term.pid, SIGCONT);
	errno = err;
}

static void at_exit(int status, void *arg)
{
	terminal_restore_now();
}

/*
 * All that end a process [signal(7)], where nobody else has a plan: signals that main handles in
 * order are left alone.
 */
void terminal_prepare(void)
{
	static const int fatal[] = { SIGHUP,  SIGINT,  SIGQUIT,	 SIGTERM, SIGABRT,   SIGSEGV,
				     SIGBUS,  SIGFPE,  SIGILL,	 SIGSYS,  SIGXCPU,   SIGXFSZ,
				     SIGTRAP, SIGALRM, SIGUSR1,	 SIGUSR2, SIGVTALRM, SIGPROF,
				     SIGIO,   SIGPWR,  SIGSTKFLT };
	struct sigaction sa = { .sa_handler = on_fatal, .sa_flags = (int)SA_RESETHAND };
	struct sigaction stop = { .sa_handler = on_stop, .sa_flags = SA_RESTART };
	struct sigaction old;

	if (term.hooked)
		return;
	term.hooked = true;
	term.pid = getpid();
	/* All blocked meanwhile: SIGTTOU would stop a background job that restores the modes. */
	sigfillset(&sa.sa_mask);
	for (unsigned i = 0; i < ARRAY_SIZE(fatal); i++) {
		if (sigaction(fatal[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(fatal[i], &sa, NULL);
	}
	stop.sa_mask = sa.sa_mask;
	if (sigaction(SIGTSTP, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		sigaction(SIGTSTP, &stop, NULL);
	/* atexit() is in the C library's static part, which has no landing pads (lkvm/start.c). */
	on_exit(at_exit, NULL);
}

/* tcsetattr() by a background job raises SIGTTOU, unless that is blocked. */
static int set_modes(int fd, const struct termios *t)
{
	sigset_t ttou, old;
	int err;

	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &ttou, &old);
	err = tcsetattr(fd, TCSANOW, t) < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

int terminal_raw(int fd)
{
	pid_t foreground = tcgetpgrp(fd);
	struct termios raw;
	int err;

	/* Not our controlling terminal (-1): then there are no jobs either. */
	if (foreground >= 0 && foreground != getpgrp())
		return 0;
	if (!term.is_raw) {
		if (tcgetattr(fd, &term.saved) < 0)
			return -errno;
		term.fd = fd;
	}
	raw = term.saved;
	cfmakeraw(&raw);
	term.is_raw = true;
	err = set_modes(fd, &raw);
	if (err) {
		terminal_restore();
		return err;
	}
	/* Our own messages share the screen with the guest's. */
	log_set_raw_terminal(isatty(STDERR_FILENO));
	return 1;
}

void terminal_restore(void)
{
	if (!atomic_exchange(&term.is_raw, false))
		return;
	set_modes(term.fd, &term.saved);
	log_set_raw_terminal(false);
}

bool terminal_size(int fd, u16 *cols, u16 *rows)
{
	struct winsize ws;

	if (fd < 0 || ioctl(fd, TIOCGWINSZ, &ws) < 0 || !ws.ws_col || !ws.ws_row)
		return false;
	*cols = ws.ws_col;
	*rows = ws.ws_row;
	return true;
}
