/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A forbidden system call: one line with its name, and a status of its own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lkvm/base/exit.h"
#include "lkvm/base/sigmask.h"
#include "lkvm/run/violation.h"
#include "tests/unit/suite.h"

/* All calls but swapoff(2), and what no room lists for abort(3). */
static void forbid(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_swapoff, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_gettid, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getpid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { ARRAY_SIZE(code), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program))
		_exit(77);
}

static void leave(void *arg)
{
	dprintf(STDERR_FILENO, "%s", (const char *)arg);
}

static void forbidden(void)
{
	syscall(__NR_swapoff, "");
}

/* As a thread of ours: its signals are blocked, and it was there before the filter. */
static void *confined(void *what)
{
	sigset_t all;

	forbid();
	signals_of_others(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	(*(void (**)(void))what)();
	_exit(0);
}

/* What a process says that does this, on its first thread or on another. */
static int status_of(void (*what)(void), bool thread, char *line, size_t size)
{
	int p[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(p), 0);
	pid = fork();
	if (!pid) {
		pthread_t t;

		dup2(p[1], STDERR_FILENO);
		if (violation_catch(leave, (void *)"gone. "))
			_exit(78);
		if (thread && !pthread_create(&t, NULL, confined, &what))
			pthread_join(t, NULL);
		confined(&what);
	}
	close(p[1]);
	n = read(p[0], line, size - 1);
	line[MAX(n, 0)] = 0;
	while (n > 0 && (n = read(p[0], line + strlen(line), size - 1 - strlen(line))) > 0)
		line[size - 1] = 0;
	close(p[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(a_line_and_a_status)
{
	char line[400] = "", want[400];

	ck_assert_int_eq(status_of(forbidden, _i, line, sizeof(line)), EXIT_VIOLATION);
	snprintf(want, sizeof(want),
		 "gone.   Fatal: the system call swapoff (%d) is not one that this guest's devices "
		 "need: lkvm ends here (--confine)\n",
		 __NR_swapoff);
	ck_assert_str_eq(line, want);
}
END_TEST

START_TEST(an_abort)
{
	char line[400] = "";

	ck_assert_int_eq(status_of(abort, _i, line, sizeof(line)), 128 + SIGABRT);
	ck_assert_str_eq(line, "gone.   Fatal: a part of lkvm has given up (abort)\n");
}
END_TEST

/* Behind the end of a file that was made shorter, as of a page that a balloon gave a pool back. */
static void touch_nothing(void)
{
	int fd = memfd_create("f", MFD_CLOEXEC);
	volatile char *p = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);

	(void)*p;
}

START_TEST(a_mapping_without_a_page)
{
	char line[400] = "";

	ck_assert_int_eq(status_of(touch_nothing, _i, line, sizeof(line)), 128 + SIGBUS);
	ck_assert(!strncmp(line, "gone.   Fatal: the host has no page behind memory", 48));
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(violation_name(__NR_read), "read");
	ck_assert_str_eq(violation_name(__NR_execve), "execve");
	ck_assert_str_eq(violation_name(__NR_clone3), "clone3");
	ck_assert_str_eq(violation_name(-1), "?");
	ck_assert_str_eq(violation_name(100000), "?");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("violation");

	tcase_add_loop_test(tc, a_line_and_a_status, 0, 2);
	tcase_add_loop_test(tc, an_abort, 0, 2);
	tcase_add_loop_test(tc, a_mapping_without_a_page, 0, 2);
	tcase_add_test(tc, names);
	return suite_run("lkvm/run/violation", tc);
}
