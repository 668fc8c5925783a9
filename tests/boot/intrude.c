/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Somebody who has taken over a thread of lkvm: makes it do a system call, and says what came of
 * it. For tests of the sandbox, on the lkvm that is shipped.
 *
 *	intrude PID THREAD CALL [ARG]...
 *
 * THREAD is a thread's name, or "all". An ARG is a number, "@TEXT" for the address of a string, or
 * "page" for that of a page of the thread's stack. A line for each thread: its name, and the result,
 * or "filter", if the call became a SIGSYS. After that there is no other thread to try.
 *
 * Thread: one.
 * Trust:  none needed.
 *
 * The thread is stopped where it is, and its registers are set to those of a system call at an
 * instruction that makes one; the vDSO has some. Afterwards it goes on as if nothing had been.
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SVC 0xd4000001u
#define SCRATCH 8192u /* below the stack's end: nobody is there */
#define PAGE 4096u

static const struct {
	const char *name;
	long nr;
} calls[] = {
#define NAME(name)                                                                                 \
	{                                                                                          \
#name, __NR_##name                                                                 \
	}
	NAME(openat),
	NAME(openat2),
	NAME(execve),
	NAME(execveat),
	NAME(mmap),
	NAME(mprotect),
	NAME(socket),
	NAME(bind),
	NAME(gettid),
	NAME(restart_syscall),
	NAME(socketpair),
	NAME(connect),
	NAME(clone),
	NAME(clone3),
	NAME(ioctl),
	NAME(io_uring_setup),
	NAME(io_uring_register),
	NAME(io_uring_enter),
	NAME(ptrace),
	NAME(process_vm_readv),
	NAME(process_vm_writev),
	NAME(pidfd_open),
	NAME(kill),
	NAME(unlinkat),
	NAME(renameat),
	NAME(linkat),
	NAME(mknodat),
	NAME(fchmodat),
	NAME(getppid),
	NAME(memfd_create),
	NAME(prctl),
	NAME(setuid),
	NAME(mount),
	NAME(bpf),
	NAME(userfaultfd),
	NAME(chroot),
	NAME(seccomp),
	NAME(tgkill),
#undef NAME
};

struct call {
	long nr;
	char **args;
	int nr_args;
};

static pid_t pid;
static int mem;
static uint64_t svc;

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "intrude: %s: %s\n", what, strerror(errno));
	exit(2);
}

static FILE *of_process(const char *format, int tid)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), format, (int)pid, tid);
	f = fopen(path, "r");
	if (!f)
		fail(path);
	return f;
}

static void find_svc(void)
{
	FILE *f = of_process("/proc/%d/maps", 0);
	unsigned long from, to;
	char line[512];

	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, "[vdso]") || sscanf(line, "%lx-%lx", &from, &to) != 2)
			continue;
		for (uint32_t insn; from < to && !svc; from += 4) {
			if (pread(mem, &insn, sizeof(insn), (off_t)from) == sizeof(insn) &&
			    insn == SVC)
				svc = from;
		}
	}
	fclose(f);
	if (!svc)
		fail("there is no system call in the vDSO");
}

static void regs(int request, pid_t tid, struct user_regs_struct *r)
{
	struct iovec iov = { r, sizeof(*r) };

	if (ptrace(request, tid, NT_PRSTATUS, &iov) < 0)
		fail("registers");
}

static int stop_after(int request, pid_t tid)
{
	int status;

	if (request && ptrace(request, tid, 0, 0) < 0)
		fail("ptrace");
	if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
		fail("the thread does not stop");
	return WSTOPSIG(status);
}

/* Is a SIGSYS on its way to the thread? */
static bool is_refused(pid_t tid)
{
	FILE *f = of_process("/proc/%d/task/%d/status", tid);
	unsigned long long pending = 0;
	char line[200];

	while (fgets(line, sizeof(line), f))
		sscanf(line, "SigPnd: %llx", &pending);
	fclose(f);
	return pending >> (SIGSYS - 1) & 1;
}

static uint64_t argument(const char *arg, uint64_t page, uint64_t *at)
{
	size_t len = strlen(arg);

	if (!strcmp(arg, "page"))
		return page;
	if (*arg != '@')
		return strtoull(arg, NULL, 0);
	if (pwrite(mem, arg + 1, len, (off_t)*at) != (ssize_t)len)
		fail("cannot write a string");
	*at += len;
	return *at - len;
}

static void set_call(struct user_regs_struct *r, const struct call *c)
{
	uint64_t page = (r->sp - SCRATCH) & ~(uint64_t)(PAGE - 1), at = page;

	r->pc = svc;
	r->regs[8] = (uint64_t)c->nr;
	for (int i = 0; i < 6; i++)
		r->regs[i] = i < c->nr_args ? argument(c->args[i], page, &at) : 0;
}

/* True: the process goes on. */
static bool intrude(pid_t tid, const char *name, const struct call *c)
{
	struct user_regs_struct before, now;

	if (ptrace(PTRACE_SEIZE, tid, 0, 0) < 0)
		fail("cannot trace");
	stop_after(PTRACE_INTERRUPT, tid);
	regs(PTRACE_GETREGSET, tid, &before);
	now = before;
	set_call(&now, c);
	regs(PTRACE_SETREGSET, tid, &now);
	stop_after(PTRACE_SYSCALL, tid); /* before the call */
	stop_after(PTRACE_SYSCALL, tid); /* behind it */
	if (is_refused(tid)) {
		printf("%s: filter\n", name);
		stop_after(PTRACE_CONT, tid);
		ptrace(PTRACE_DETACH, tid, 0, SIGSYS);
		return false;
	}
	regs(PTRACE_GETREGSET, tid, &now);
	printf("%s: %lld\n", name, (long long)now.regs[0]);
	regs(PTRACE_SETREGSET, tid, &before);
	ptrace(PTRACE_DETACH, tid, 0, 0);
	return true;
}

static void all_threads(const char *who, const struct call *c)
{
	char path[64], name[32];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	if (!d)
		fail(path);
	while ((e = readdir(d))) {
		pid_t tid = atoi(e->d_name);
		FILE *f;

		if (!tid)
			continue;
		f = of_process("/proc/%d/task/%d/comm", tid);
		if (!fgets(name, sizeof(name), f))
			*name = 0;
		fclose(f);
		name[strcspn(name, "\n")] = 0;
		if ((!strcmp(who, "all") || !strcmp(who, name)) && !intrude(tid, name, c))
			break;
	}
	closedir(d);
}

int main(int argc, char **argv)
{
	struct call c = { .nr = -1, .args = argv + 4, .nr_args = argc - 4 };
	char path[64];

	for (size_t i = 0; argc > 3 && i < sizeof(calls) / sizeof(*calls); i++) {
		if (!strcmp(calls[i].name, argv[3]))
			c.nr = calls[i].nr;
	}
	if (c.nr < 0) {
		fprintf(stderr, "usage: intrude PID THREAD CALL [ARG]...\n");
		return 2;
	}
	pid = atoi(argv[1]);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0)
		fail(path);
	find_svc();
	all_threads(argv[2], &c);
	return 0;
}
