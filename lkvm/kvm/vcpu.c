/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One thread per virtual CPU: KVM_RUN in a loop, and what lets it in and gets it out. What its
 * exits lead to is in vcpu_exit.c.
 *
 * Thread: each vCPU's own; create/start/join/destroy on main, kick there and on the warden's.
 * Trust:  of the guest nothing is looked at here.
 * Spec:   [KVM api 4.10 KVM_RUN]
 *
 * Kicking. Who kicks sets run->immediate_exit and sends KICK_SIGNAL. A thread inside KVM_RUN leaves
 * it because of the signal; one on its way into KVM_RUN finds the flag and returns at once: no
 * window. The thread clears the flag, and then looks at the gate and at the stop.
 */
#include "lkvm/kvm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/base/sigmask.h"
#include "lkvm/kvm/vcpu_priv.h"
#include "lkvm/vm/stop.h"
#include "realm/realm.h"

#define KICK_SIGNAL SIGUSR1

static const struct sys_call list[] = {
	CALL_IOCTL(KVM_RUN),
	CALL_IOCTL_RARE(KVM_GET_ONE_REG, "a guest that failed, or SYSTEM_RESET2"),
	CALL_IOCTL_RARE(KVM_SET_VCPU_EVENTS, "an access to nothing"),
	CALL(futex),
	CALL(tgkill),
	CALL(rt_sigreturn),
};

const struct calls vcpu_calls = CALLS("vcpu", list);

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

struct kvm_coalesced_mmio_ring *vcpu_ring(const struct vcpu *v, u32 page)
{
	assert(v->env->kvm->run_size >= 2 * page);
	return (void *)((char *)v->run + page);
}

enum vcpu_place vcpu_place(const struct vcpu *v)
{
	return (enum vcpu_place)atomic_load_explicit(&v->place, memory_order_relaxed);
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

	/* The guest has touched what is mapped, or it would have been an exit. */
	if (!why && err == -EFAULT)
		why = "the host has no page there, as when the flash's file was made shorter or "
		      "the pool of --hugetlbfs is used up";
	/* A sibling of the one whose exit was the end, and which has said so if it was an error. */
	if (stop_why(v->env->stop) != STOP_NONE)
		return;
	vcpu_fatal(v, "KVM_RUN: %s%s%s", strerror(-err), why ? ": " : "", why ? why : "");
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
			vcpu_exit_realm(v);
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
			vcpu_exit(v);
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

	text_add_number(name, sizeof(name), text_add(name, sizeof(name), 0, "vcpu"), v->index);
	pthread_setname_np(pthread_self(), name);
	if (v->env->affinity && sched_setaffinity(0, sizeof(cpu_set_t), v->env->affinity) < 0)
		log_warn("vCPU %u: cannot be bound to the CPUs of --vcpu-affinity: %s", v->index,
			 strerror(errno));
	be_in(v, VCPU_IN_LKVM);
	if (v->env->single_step && kvm_guest_debug(v->fd, &step))
		log_warn("vCPU %u: this host cannot single-step a guest", v->index);
	atomic_store(&v->tid, gettid());
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
	v->pid = getpid();
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
	pid_t tid;

	if (!v->started)
		return;
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_RELEASE);
	/*
	 * pthread_kill(3) would make three more system calls for a thread that ends meanwhile; here
	 * its number is nobody else's. A thread whose number is not known yet comes to the gate.
	 */
	tid = atomic_load(&v->tid);
	if (tid)
		tgkill(v->pid, tid, KICK_SIGNAL);
}

void vcpu_join(struct vcpu *v)
{
	if (!v->started)
		return;
	pthread_join(v->thread, NULL);
	v->started = false;
}
