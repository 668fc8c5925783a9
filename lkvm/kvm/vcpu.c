/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One thread per virtual CPU: KVM_RUN and the switch over exit reasons.
 *
 * Thread: each vCPU's own; create/start/join/destroy on main, kick there and on the warden's.
 * Trust:  what an exit carries is the guest's.
 * Spec:   [KVM api 4.10 KVM_RUN, 5 kvm_run]
 *
 * Kicking. Who kicks sets run->immediate_exit and sends KICK_SIGNAL. A thread inside KVM_RUN leaves
 * it because of the signal; one on its way into KVM_RUN finds the flag and returns at once: no
 * window. The thread clears the flag, and then looks at the gate and at the stop.
 */
#include "lkvm/kvm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/base/sigmask.h"
#include "lkvm/vm/bus.h"
#include "lkvm/vm/stop.h"
#include "realm/realm.h"

#define KICK_SIGNAL SIGUSR1

static const struct sys_call list[] = {
	CALL_IOCTL(KVM_RUN),
	CALL_IOCTL_RARE(KVM_GET_ONE_REG, "a guest that failed"),
	CALL_IOCTL_RARE(KVM_SET_VCPU_EVENTS, "an access to nothing"),
	CALL(futex),
	CALL(getpid),
	CALL(tgkill),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
};

const struct calls vcpu_calls = CALLS("vcpu", list);

struct vcpu {
	const struct vcpu_env *env;
	unsigned index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	_Atomic int place; /* enum vcpu_place; its own thread writes */
	bool unfinished;   /* the exit is handled in part */
	unsigned refused;  /* times in a row that KVM asked to try again */
	bool off;	   /* for good: another vCPU has ended the guest, or is about to */
};

int vcpu_create(struct vcpu **out, const struct vcpu_env *env, unsigned index)
{
	struct vcpu *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->env = env;
	v->index = index;
	v->run = MAP_FAILED;
	v->fd = kvm_ioctl_val(env->kvm->vm_fd, KVM_CREATE_VCPU, index);
	if (v->fd < 0) {
		int err = v->fd;

		vcpu_destroy(v);
		return err;
	}
	v->run = mmap(NULL, env->kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED) {
		int err = -errno;

		vcpu_destroy(v);
		return err;
	}
	atomic_fetch_add(&env->gate->nr_on, 1);
	*out = v;
	return 0;
}

void vcpu_destroy(struct vcpu *v)
{
	if (!v)
		return;
	assert(!v->started);
	if (v->run != MAP_FAILED)
		munmap(v->run, v->env->kvm->run_size);
	if (v->fd >= 0)
		close(v->fd);
	free(v);
}

int vcpu_fd(const struct vcpu *v)
{
	return v->fd;
}

enum vcpu_place vcpu_place(const struct vcpu *v)
{
	return (enum vcpu_place)atomic_load_explicit(&v->place, memory_order_relaxed);
}

/* ---- exits ---- */

/* Registers, for the user who has to find out what the guest did. A Realm's are not ours to see. */
static void dump_registers(const struct vcpu *v)
{
	char line[160];
	u64 pc = 0, pstate = 0, x;
	int n = 0;

	if (realm_confidential(v->env->realm))
		return;
	kvm_reg_get64(v->fd, KVM_REG_PC, &pc);
	kvm_reg_get64(v->fd, KVM_REG_PSTATE, &pstate);
	log_error("vCPU %u: pc %016llx pstate %llx", v->index, (unsigned long long)pc,
		  (unsigned long long)pstate);
	for (unsigned i = 0; i < 31; i++) {
		if (kvm_reg_get64(v->fd, KVM_REG_X(i), &x))
			return;
		n += snprintf(line + n, sizeof(line) - (size_t)n, " x%u %llx", i,
			      (unsigned long long)x);
		if (i % 4 == 3 || i == 30) {
			log_error("%s", line);
			n = 0;
		}
	}
}

__attribute__((format(printf, 2, 3))) static void fatal_exit(struct vcpu *v, const char *fmt, ...)
{
	char what[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	log_error("vCPU %u: %s; the guest cannot go on", v->index, what);
	dump_registers(v);
	stop_request(v->env->stop, STOP_ERROR);
}

/*
 * KVM takes what the exit has left behind, and does not enter the guest. A kick that comes in here
 * is not lost: its reason was there before, and the thread looks for one next.
 */
static void complete_access(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_RELEASE);
	kvm_ioctl_val(v->fd, KVM_RUN, 0);
	__atomic_exchange_n(&v->run->immediate_exit, 0, __ATOMIC_ACQ_REL);
}

/*
 * The architected answer to an access that nothing can respond to: a synchronous external abort
 * [Arm ARM D8.16]. A kernel too old to inject one leaves a read as zero.
 */
static void inject_abort(struct vcpu *v)
{
	int err;

	if (realm_abort_completed(v->env->realm))
		complete_access(v);
	err = kvm_inject_abort(v->fd);

	if (err)
		log_debug("vCPU %u: cannot inject an abort: %s", v->index, strerror(-err));
}

/*
 * A device at its protected address is what a guest touches that takes itself for an ordinary one.
 * Whatever it has to say about its abort goes to such a device, so nobody hears of it.
 */
static void tell_if_lost(const struct vcpu *v, gpa_t g, bool is_write)
{
	const char *name;

	if (!realm_is_lost(v->env->realm))
		return;
	name = bus_name(v->env->bus, g);
	log_warn("the guest %s %s%s%#llx%s at its protected address: it does not know that it is a "
		 "Realm, as it has not asked for the RMM. EDK2 looks at ID_AA64PFR0_EL1.RME "
		 "first, which is KVM's to answer (manual: THE SIMULATED REALM)",
		 is_write ? "writes" : "reads", name ? name : "", name ? " (" : "",
		 (unsigned long long)g.a, name ? ")" : "");
}

static void exit_mmio(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	u64 raw = 0, alias = realm_device_alias(v->env->realm);
	unsigned len = run->mmio.len;
	bool is_write = run->mmio.is_write;
	gpa_t g = gpa(run->mmio.phys_addr & ~alias);
	enum bus_result res = BUS_UNMAPPED;

	if (len > sizeof(raw)) {
		fatal_exit(v, "access of %u bytes to %#llx", len, (unsigned long long)g.a);
		return;
	}
	if (is_write)
		memcpy(&raw, run->mmio.data, len);
	/*
	 * A Realm's devices are in the shared half only [RMM 1.0 A5.2]. Where KVM knows Realms, it
	 * hides the bit and lets through what came with it.
	 */
	if ((run->mmio.phys_addr & alias) == alias)
		res = bus_access(v->env->bus, g, len, is_write, &raw);
	else
		tell_if_lost(v, g, is_write);
	if (res != BUS_OK && v->env->log_mmio)
		guest_err("debug-mmio", "vCPU %u: %s of %u bytes at %#llx: %s", v->index,
			  is_write ? "write" : "read", len, (unsigned long long)g.a,
			  res == BUS_BAD ? "not an access this device knows" : "nothing is there");
	/* Where nothing is, an ordinary guest reads the zeros that `raw` has. */
	if (res == BUS_UNMAPPED && realm_holes_abort(v->env->realm))
		inject_abort(v);
	else if (!is_write)
		memcpy(run->mmio.data, &raw, len);
}

static void exit_system_event(struct vcpu *v)
{
	switch (v->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		stop_request(v->env->stop, STOP_POWEROFF);
		return;
	case KVM_SYSTEM_EVENT_RESET:
		stop_request(v->env->stop, STOP_RESET);
		return;
	case KVM_SYSTEM_EVENT_CRASH:
		stop_request(v->env->stop, STOP_CRASH);
		return;
	default:
		fatal_exit(v, "unknown system event %u", v->run->system_event.type);
	}
}

/*
 * Another vCPU is about to say why, at least one always is: if none is left, the RMM has ended the
 * guest, and nobody else will.
 */
static void turn_off(struct vcpu *v)
{
	v->off = true;
	if (atomic_fetch_sub(&v->env->gate->nr_on, 1) > 1 || stop_why(v->env->stop) != STOP_NONE)
		return;
	log_warn("the guest has been switched off, and no vCPU has said that it asked for it; the "
		 "host's kernel log (dmesg) may say why");
	stop_request(v->env->stop, STOP_POWEROFF);
}

static void exit_realm(struct vcpu *v)
{
	int err = realm_exit(v->env->realm, v->index, v->fd, v->run);

	v->unfinished = err == -EAGAIN;
	if (err == -ESHUTDOWN)
		turn_off(v);
	else if (err && !v->unfinished)
		fatal_exit(v, "exit %u is not handled by backend '%s'", v->run->exit_reason,
			   realm_name(v->env->realm));
}

static void exit_hypercall(struct vcpu *v)
{
	const struct vcpu_hooks *h = v->env->hooks;
	int err = h ? h->hypercall(v->env->hooks_arg, v->index, v->fd, v->run) : -ENOENT;

	if (err == -ENOENT)
		exit_realm(v);
	else if (err)
		fatal_exit(v, "a call of the guest cannot be answered: %s", strerror(-err));
}

/* What a debugger has set; or --debug-single-step: after each instruction. */
static void exit_debug(struct vcpu *v)
{
	u64 pc = 0, sp = 0;

	if (v->env->debug) {
		v->env->debug->exit(v->env->debug_arg, v->index, v->run);
		return;
	}
	if (!v->env->single_step) {
		fatal_exit(v, "KVM stops the guest for a debugger that nobody has asked for");
		return;
	}
	kvm_reg_get64(v->fd, KVM_REG_PC, &pc);
	kvm_reg_get64(v->fd, KVM_REG_SP, &sp);
	log_info("vCPU %u: pc %016llx sp %016llx", v->index, (unsigned long long)pc,
		 (unsigned long long)sp);
}

static void handle_exit(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	const char *why;

	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		exit_mmio(v);
		return;
	case KVM_EXIT_SYSTEM_EVENT:
		exit_system_event(v);
		return;
	case KVM_EXIT_ARM_NISV:
		/*
		 * A load or store whose syndrome says nothing (pair, write-back): no device decodes
		 * it.
		 */
		if (v->env->log_mmio)
			guest_err("debug-mmio", "vCPU %u: undecodable access at %#llx", v->index,
				  (unsigned long long)run->arm_nisv.fault_ipa);
		inject_abort(v);
		return;
	case KVM_EXIT_HYPERCALL:
		exit_hypercall(v);
		return;
	case KVM_EXIT_DEBUG:
		exit_debug(v);
		return;
	case KVM_EXIT_MEMORY_FAULT:
	case KVM_EXIT_UNKNOWN:
	case KVM_EXIT_SHUTDOWN:
		exit_realm(v);
		return;
	case KVM_EXIT_INTR:
		return;
	case KVM_EXIT_FAIL_ENTRY:
		fatal_exit(v, "the CPU refused to enter the guest, reason %#llx",
			   (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		return;
	case KVM_EXIT_INTERNAL_ERROR:
		why = realm_run_error(v->env->realm, -EIO);
		fatal_exit(v, "KVM reports internal error %u%s%s", run->internal.suberror,
			   why ? ": " : "", why ? why : "");
		return;
	default:
		fatal_exit(v, "KVM exit %u is unknown", run->exit_reason);
	}
}

/* ---- the gate ---- */

void vcpu_gate_init(struct vcpu_gate *g)
{
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->opened, NULL);
	pthread_cond_init(&g->arrived, NULL);
	g->nr_arrived = 0;
	atomic_store(&g->closed, false);
	atomic_store(&g->nr_on, 0);
}

void vcpu_gate_fini(struct vcpu_gate *g)
{
	pthread_cond_destroy(&g->arrived);
	pthread_cond_destroy(&g->opened);
	pthread_mutex_destroy(&g->lock);
}

void vcpu_gate_set(struct vcpu_gate *g, bool closed)
{
	pthread_mutex_lock(&g->lock);
	atomic_store(&g->closed, closed);
	pthread_cond_broadcast(&g->opened);
	pthread_mutex_unlock(&g->lock);
}

void vcpu_gate_await(struct vcpu_gate *g, unsigned nr)
{
	pthread_mutex_lock(&g->lock);
	while (g->nr_arrived < nr)
		pthread_cond_wait(&g->arrived, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void arrive(struct vcpu_gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->nr_arrived++;
	pthread_cond_signal(&g->arrived);
	pthread_mutex_unlock(&g->lock);
}

void vcpu_gate_look(void *gate)
{
	struct vcpu_gate *g = gate;

	pthread_mutex_lock(&g->lock);
	pthread_cond_broadcast(&g->opened);
	pthread_mutex_unlock(&g->lock);
}

static bool is_on(const struct vcpu *v)
{
	const struct vcpu_hooks *h = v->env->hooks;

	return (!h || h->is_on(v->env->hooks_arg, v->index)) &&
	       realm_is_on(v->env->realm, v->index);
}

/* Not to be run now: the guest is paused, has this CPU switched off, or is debugged. */
static bool must_wait(const struct vcpu *v)
{
	const struct vcpu_debug *d = v->env->debug;

	return atomic_load(&v->env->gate->closed) || !is_on(v) ||
	       (d && !d->may_run(v->env->debug_arg, v->index));
}

static void pass_gate(struct vcpu *v)
{
	struct vcpu_gate *g = v->env->gate;

	if (!must_wait(v))
		return;
	pthread_mutex_lock(&g->lock);
	while (must_wait(v) && stop_why(v->env->stop) == STOP_NONE)
		pthread_cond_wait(&g->opened, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

/*
 * Kicked: clear the flag, and then look why. If a kick comes in between, the flag is set again; if
 * it came before, the exchange has read what it wrote, and its reason can be seen.
 */
static void take_kick(struct vcpu *v)
{
	__atomic_exchange_n(&v->run->immediate_exit, 0, __ATOMIC_ACQ_REL);
}

#define PATIENCE_TURNS 100u /* without a pause: what the vCPU waits for is over at once */
#define PATIENCE_MS 2000u   /* and then with one of a millisecond each */

/*
 * EAGAIN: the RMM has not seen yet that this vCPU was switched on [uapi reference, update 2: 11].
 * It may last: some of what a guest can do to itself ends there.
 */
static void try_again(struct vcpu *v)
{
	v->refused++;
	if (v->refused > PATIENCE_TURNS)
		stop_wait(v->env->stop, 1);
	if (v->refused == PATIENCE_TURNS + PATIENCE_MS)
		log_warn("vCPU %u: KVM does not let it run (EAGAIN): the RMM says that it is not "
			 "switched on; lkvm tries on, 'lkvm stop' or Ctrl-a x end the guest",
			 v->index);
}

static void run_failed(struct vcpu *v, int err)
{
	const char *why = realm_run_error(v->env->realm, err);

	/* A sibling of the one whose exit was the end, and which has said why. */
	if (err == -EIO && stop_why(v->env->stop) != STOP_NONE)
		return;
	fatal_exit(v, "KVM_RUN: %s%s%s", strerror(-err), why ? ": " : "", why ? why : "");
}

static void be_in(struct vcpu *v, enum vcpu_place place)
{
	atomic_store_explicit(&v->place, (int)place, memory_order_relaxed);
}

static void run_until_stop(struct vcpu *v)
{
	for (;;) {
		int ret;

		pass_gate(v);
		if (v->off || stop_why(v->env->stop) != STOP_NONE)
			return;
		if (v->unfinished) {
			exit_realm(v);
			continue;
		}
		be_in(v, VCPU_IN_KVM_RUN);
		ret = kvm_ioctl_val(v->fd, KVM_RUN, 0);
		be_in(v, VCPU_IN_LKVM);
		if (ret == -EAGAIN) {
			try_again(v);
			continue;
		}
		v->refused = 0;
		if (ret >= 0 || (ret == -EFAULT && v->run->exit_reason == KVM_EXIT_MEMORY_FAULT))
			handle_exit(v);
		else if (ret == -EFAULT && !realm_fault(v->env->realm, v->fd))
			continue;
		else if (ret == -EINTR)
			take_kick(v);
		else
			run_failed(v, ret);
	}
}

/* ---- the thread ---- */

static void *thread_main(void *arg)
{
	static const struct kvm_guest_debug step = { .control = KVM_GUESTDBG_SINGLESTEP };
	struct vcpu *v = arg;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", v->index);
	pthread_setname_np(pthread_self(), name);
	if (v->env->affinity && sched_setaffinity(0, sizeof(cpu_set_t), v->env->affinity) < 0)
		log_warn("vCPU %u: cannot be bound to the CPUs of --vcpu-affinity: %s", v->index,
			 strerror(errno));
	be_in(v, VCPU_IN_LKVM);
	if (v->env->single_step && kvm_guest_debug(v->fd, &step))
		log_warn("vCPU %u: this host cannot single-step a guest", v->index);
	arrive(v->env->gate);
	run_until_stop(v);
	be_in(v, VCPU_NO_THREAD);
	return NULL;
}

/* Its only purpose is that the signal is delivered: system calls then return EINTR. */
static void on_kick(int sig)
{
}

int vcpu_start(struct vcpu *v)
{
	struct sigaction sa = { .sa_handler = on_kick };
	sigset_t all, old;
	int err;

	sigaction(KICK_SIGNAL, &sa, NULL);
	signals_of_others(&all);
	sigdelset(&all, KICK_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&v->thread, NULL, thread_main, v);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	v->started = !err;
	return -err;
}

void vcpu_kick(struct vcpu *v)
{
	if (!v->started)
		return;
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_RELEASE);
	pthread_kill(v->thread, KICK_SIGNAL);
}

void vcpu_join(struct vcpu *v)
{
	if (!v->started)
		return;
	pthread_join(v->thread, NULL);
	v->started = false;
}
