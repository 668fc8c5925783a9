/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Confining the process, and the system calls that belong to no room.
 *
 * Thread: main.
 * Trust:  the user's configuration. From confine() on nobody trusts this process.
 * Spec:   seccomp(2), capabilities(7), prctl(2)
 */
#include "lkvm/run/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arm64/flash.h"
#include "arm64/power.h"
#include "arm64/serial_page.h"
#include "lkvm/base/log.h"
#include "lkvm/console/outbuf.h"
#include "lkvm/console/terminal.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/kvm/vcpu.h"
#include "lkvm/run/assign.h"
#include "lkvm/run/consoles.h"
#include "lkvm/run/debugger.h"
#include "lkvm/run/devices.h"
#include "lkvm/run/filter.h"
#include "lkvm/run/landlock.h"
#include "lkvm/run/pci_slots.h"
#include "lkvm/run/service.h"
#include "lkvm/run/violation.h"
#include "lkvm/run/warden.h"
#include "lkvm/vm/loop.h"
#include "lkvm/watch/outfile.h"
#include "lkvm/watch/watch.h"
#include "realm/realm.h"
#include "realm/rhi.h"

#define FAILURE "a failed assertion"

/*
 * The C library's own, and those of the end. What abort(3) asks for, on its way to the signal, is
 * not among them: violation.c meets it there.
 */
static const struct sys_call list[] = {
	CALL(munmap),
	CALL(brk),
	CALL(futex),
	CALL(write), /* messages */
	CALL(close),
	CALL(rt_sigprocmask),
	CALL(exit),
	CALL(exit_group),
	CALL_REFUSED(mmap),    /* more than brk(2) has: then there is no memory */
	CALL_REFUSED(mremap),  /* a large buffer that grows: then the C library copies it */
	CALL_REFUSED(madvise), /* the stack of a thread that ends: it stays until the end */
	CALL_RARE(clock_gettime, "where the vDSO cannot read the clock"),
	/* What SIGSTOP and SIGCONT have interrupted is told so, and goes on by itself. */
	CALL_ANSWERED(restart_syscall, EINTR),
	CALL_RARE(writev, FAILURE),
};

static const struct calls process_calls = CALLS("process", list);

/*
 * What sets up another machine, for --reboot: a filter cannot be taken off. Still no program is
 * started, no memory becomes code (libraries are there since the first boot), and what is made are
 * threads: clone(2) shares all with its parent, and clone3(2), whose flags a filter cannot see, is
 * unknown.
 */
static const struct sys_call setup_list[] = {
	CALL(openat),
	CALL(close),
	CALL(read),
	CALL(pread64),
	CALL(newfstatat),
	CALL(faccessat),
	CALL(fcntl),
	CALL(ioctl),
	CALL(flock),
	CALL(fallocate), /* a writable disk is asked whether it can */
	CALL(fchmodat),
	CALL(ftruncate),
	CALL(memfd_create),
	CALL(eventfd2),
	CALL(epoll_create1),
	CALL(timerfd_create),
	CALL(signalfd4),
	CALL(io_uring_setup),
	CALL(io_uring_register),
	CALL(socket),
	CALL(bind),
	CALL(listen),
	CALL(setsockopt),
	CALL(getrandom),
	CALL(prlimit64),
	CALL_RARE(geteuid, "keys of a simulated Realm"),
	CALL(prctl),
	CALL(rt_sigaction),
	CALL(sched_getaffinity),
	CALL(sched_setaffinity),
	CALL(sched_setattr),
	CALL_RARE(sched_setscheduler, "a simulated Realm"),
	CALL(statfs),
	CALL(fstatfs),
	CALL(unlinkat),
	CALL(getpid), /* who kicks vCPUs, and whom; so abort(3) goes its own way */
	CALL(gettid),
	CALL(set_robust_list),
	CALL(rseq),
	CALL_IF(mprotect, 2, PROT_EXEC, 0),
	CALL_IF(mmap, 2, PROT_EXEC, 0),
	CALL(madvise),
	CALL_IF(clone, 0, CLONE_VM | CLONE_THREAD, CLONE_VM | CLONE_THREAD),
	CALL_RARE(mlock, "a protected VM"),
	CALL_RARE(clock_nanosleep, "a FIFO that nobody reads"),
	CALL_RARE(getdents64, "assigned devices"),
	CALL_RARE(io_uring_enter, "a large kernel"),
	CALL_RARE(lseek, "by the C library"),
	CALL_RARE(fstat, "by the C library's version"),
	CALL_RARE(statx, "by the C library's version"),
	CALL_RARE(readlinkat, "by the C library's version"),
	CALL_RARE(getsockopt, "by libslirp's version"),
	CALL_RARE(connect, "by libslirp's version"),
	CALL_RARE(uname, "by the C library"),
	CALL_RARE(sysinfo, "by the C library"),
	CALL_REFUSED(clone3),
};

static const struct calls setup_calls = CALLS("set-up", setup_list);

/* Sanitizers read /proc, start processes and map memory as they like. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

static bool has_seccomp(void)
{
	u32 action = SECCOMP_RET_TRAP;

	return !syscall(__NR_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}

void confine_lacks(char buf[CONFINE_LACKS_SIZE])
{
	const char *filter = has_seccomp() ? "" : "seccomp (CONFIG_SECCOMP_FILTER)";
	const char *rules = landlock_lacks();
	size_t n;

	if (SANITIZED) {
		filter = "a program without sanitizers";
		rules = "";
	}
	n = text_add(buf, CONFINE_LACKS_SIZE, 0, filter);
	n = text_add(buf, CONFINE_LACKS_SIZE, n, *filter && *rules ? ", " : "");
	text_add(buf, CONFINE_LACKS_SIZE, n, rules);
}

/*
 * One arena for all threads: when one of several shrinks for the first time, the C library reads a
 * file below /proc.
 */
void confine_prepare(void)
{
	mallopt(M_ARENA_MAX, 1);
}

/* ---- each thread by itself ---- */

struct part {
	int rules; /* Landlock's, or -1 */
	int err;
};

static int keep_privileges(u64 keep)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];

	if (syscall(__NR_capget, &h, d) < 0)
		return -errno;
	for (unsigned i = 0; i < ARRAY_SIZE(d); i++) {
		d[i].permitted &= (u32)(keep >> 32 * i);
		d[i].effective = d[i].permitted;
		d[i].inheritable = 0;
	}
	return syscall(__NR_capset, &h, d) < 0 ? -errno : 0;
}

static void give_up(void *arg, u64 keep)
{
	struct part *p = arg;
	int err = keep_privileges(keep);

	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		err = -errno;
	if (!err)
		err = landlock_enter(p->rules);
	if (err)
		p->err = err;
}

static void give_up_all(void *arg)
{
	give_up(arg, 0);
}

/*
 * What the process has in memory is the guest's. So it leaves no core; where cores go to a pipe, no
 * limit keeps them from it, but a process that cannot be dumped has none, and no other process of
 * the same user looks into it. Sanitizers do that.
 */
static int leave_no_core(void)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	return !SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

/* KVM charges the pages of a protected VM to us as they come, and root has no limit. */
static void lift_memlock(void)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &all);
}

static int restrict_threads(const struct confine_env *env)
{
	struct part p = { .rules = -1 };

	lift_memlock();
	p.err = leave_no_core();
	if (!p.err && !SANITIZED)
		p.err = landlock_rules(&p.rules, env->c);
	if (!p.err) {
		warden_call(env->warden, give_up_all, &p);
		watch_call(env->watch, give_up_all, &p);
		loop_call_helpers(env->io_loop, give_up, &p);
		give_up_all(&p);
	}
	if (p.rules >= 0)
		close(p.rules);
	return p.err;
}

int confine_threads(const struct confine_env *env)
{
	char lack[CONFINE_LACKS_SIZE];
	int err;

	if (env->c->confine == CONFINE_OFF || violation_is_caught())
		return 0;
	confine_lacks(lack);
	if (*lack && env->c->confine == CONFINE_STRICT) {
		log_error("--confine strict: this needs %s", lack);
		return -ENOSYS;
	}
	if (*lack)
		log_info("lkvm is not confined as well as it could be: this needs %s", lack);
	err = restrict_threads(env);
	return err ? log_errno(err, "cannot confine lkvm") : 0;
}

/* ---- system calls ---- */

/* With lkvm exec the guest's console may be on the standard error (consoles.c). */
static bool has_terminal(const struct config *c)
{
	return isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) ||
	       (c->session && isatty(STDERR_FILENO));
}

static void compose(struct filter *f, const struct confine_env *env)
{
	/* First what is called most: the order is that of the filter's comparisons. */
	filter_add(f, &vcpu_calls);
	filter_add(f, &kvm_event_calls);
	filter_add(f, &loop_calls);
	filter_add(f, &process_calls);
	filter_add(f, &outbuf_calls);
	consoles_calls(env->c, f);
	if (has_terminal(env->c))
		filter_add(f, &terminal_calls);
	filter_add(f, env->realm->calls);
	if (env->c->gdb)
		filter_add(f, &debugger_calls);
	filter_add(f, &serial_page_calls);
	filter_add(f, &pci_slots_calls);
	if (env->c->flash)
		filter_add(f, &flash_calls);
	if (env->c->psci)
		filter_add(f, &power_calls);
	if (env->c->service_ip)
		filter_add(f, &rhi_calls);
	filter_add(f, &warden_calls);
	filter_add(f, &control_calls);
	filter_add(f, &service_calls);
	if (env->c->watch.report || env->c->watch.events)
		filter_add(f, &outfile_calls);
	assign_calls(env->assign, f);
	devices_calls(env->devices, f);
	if (env->c->reboot)
		filter_add(f, &setup_calls);
	filter_compile(f);
}

static int install(const struct filter *f)
{
	const struct sock_fprog program = { (unsigned short)f->len,
					    (struct sock_filter *)f->program };
	/*
	 * SPEC_ALLOW: without it kernels before 5.16 turn off speculation for all our threads, and
	 * what the guest's vCPUs may speculate is not decided here.
	 */
	unsigned long flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	long ret = syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);

	if (ret > 0) /* a thread that has a filter of its own */
		return -EBUSY;
	return ret < 0 ? -errno : 0;
}

static void tell(const struct filter *f)
{
	char text[900];

	if (!log_enabled(LOG_DEBUG))
		return;
	log_debug("confined to %u system calls, %u rules, %u instructions", f->nr_names,
		  f->nr_calls, f->len);
	for (unsigned i = 0; i < f->nr_rooms; i++) {
		calls_print(f->rooms[i], text, sizeof(text));
		log_debug("confined: %s", text);
	}
}

static int filter_all(const struct confine_env *env)
{
	struct filter *f = alloc_headed(sizeof(*f), offsetof(struct filter, rooms));
	int err = f ? violation_catch(warden_leave_now, env->warden) : -ENOMEM;

	/* From here on large buffers come from brk(2), too. */
	mallopt(M_MMAP_MAX, 0);
	if (!err) {
		compose(f, env);
		tell(f);
		err = install(f);
	}
	free(f);
	return err;
}

int confine_calls(const struct confine_env *env)
{
	int err;

	if (env->c->confine == CONFINE_OFF || violation_is_caught() || SANITIZED || !has_seccomp())
		return 0;
	err = filter_all(env);
	return err ? log_errno(err, "cannot confine lkvm") : 0;
}
