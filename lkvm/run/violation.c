/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens instead of a silent death when a thread makes a system call that it was never to
 * make: it has been taken over, or a table beside the code lacks a line. And when the host takes
 * away what a mapping has behind it, which is a SIGBUS.
 *
 * Thread: violation_catch() main; the handler runs on any.
 * Trust:  nothing of the process any more. The handler uses constants and what was stored before
 *         the guest ran, allocates nothing, and takes no lock.
 *
 * The state is a mutable file static: a signal handler has no argument.
 */
#include "lkvm/run/violation.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "lkvm/base/exit.h"
#include "lkvm/base/util.h"
#include "lkvm/console/terminal.h"

/* By number, from the headers of the machine that is compiled for; made by the Makefile. */
static const char names[][26] = {
#define CALL_NAME(name) [__NR_##name] = #name,
#include <call_names.h>
#undef CALL_NAME
};

static struct {
	void (*leave)(void *arg);
	void *arg;
	bool caught;
} violation;

bool violation_is_caught(void)
{
	return violation.caught;
}

const char *violation_name(int nr)
{
	return nr >= 0 && nr < (int)ARRAY_SIZE(names) && *names[nr] ? names[nr] : "?";
}

/* At the end of `buf`; snprintf(3) is not among what a handler may call. */
static const char *number(char buf[12], u32 n, u32 base)
{
	char *p = buf + 11;

	*p = 0;
	do
		*--p = "0123456789abcdef"[n % base];
	while (n /= base);
	return p;
}

/* The lower half of the call's argument 1: the request of an ioctl(2). */
static u32 second_argument(const void *context)
{
	const ucontext_t *u = context;

#ifdef __aarch64__
	return (u32)u->uc_mcontext.regs[1];
#else
	return (u32)u->uc_mcontext.gregs[REG_RSI];
#endif
}

static void append(char *line, size_t size, const char *text)
{
	size_t at = strnlen(line, size - 1), len = strnlen(text, size - 1 - at);

	memcpy(line + at, text, len);
	line[at + len] = 0;
}

static void say(const char *line)
{
	/* Nothing is left to do about an error. */
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		return;
}

/* What raise(3) asks for, for the signal of abort(3). */
static bool is_abort(int nr)
{
	return nr == __NR_getpid || nr == __NR_gettid;
}

/* A failed assertion, or memory of ours that is damaged: who has found it has said what it is. */
static void give_up(void)
{
	say("  Fatal: a part of lkvm has given up (abort)\n");
	_exit(EXIT_SIGNAL + SIGABRT);
}

static void leave(void)
{
	terminal_restore_now();
	if (violation.leave)
		violation.leave(violation.arg);
}

static void on_sigbus(int sig)
{
	leave();
	say("  Fatal: the host has no page behind memory that lkvm has mapped: a file was made "
	    "shorter, the pool of --hugetlbfs is used up, or the page is broken\n");
	_exit(EXIT_SIGNAL + SIGBUS);
}

static void on_sigsys(int sig, siginfo_t *si, void *context)
{
	char line[200] = "", buf[12];

	leave();
	if (is_abort(si->si_syscall))
		give_up();
	append(line, sizeof(line), "  Fatal: the system call ");
	append(line, sizeof(line), violation_name(si->si_syscall));
	append(line, sizeof(line), " (");
	append(line, sizeof(line), number(buf, (u32)si->si_syscall, 10));
	if (si->si_syscall == __NR_ioctl) {
		append(line, sizeof(line), ", request 0x");
		append(line, sizeof(line), number(buf, second_argument(context), 16));
	}
	append(line, sizeof(line),
	       ") is not one that this guest's devices need: lkvm ends here (--confine)\n");
	say(line);
	_exit(EXIT_VIOLATION);
}

int violation_catch(void (*fn)(void *arg), void *arg)
{
	struct sigaction sa = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
	struct sigaction bus = { .sa_handler = on_sigbus };

	violation.leave = fn;
	violation.arg = arg;
	violation.caught = true;
	sigfillset(&sa.sa_mask);
	bus.sa_mask = sa.sa_mask;
	return sigaction(SIGSYS, &sa, NULL) < 0 || sigaction(SIGBUS, &bus, NULL) < 0 ? -errno : 0;
}
