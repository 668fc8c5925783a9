/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual CPU: the fd, its shared page, and one thread that runs it.
 */
#ifndef LKVM_VCPU_H
#define LKVM_VCPU_H

#include <pthread.h>
#include <sched.h>

#include "lkvm/base/calls.h"
#include "lkvm/kvm/kvm.h"

struct bus;
struct realm;
struct stop;
struct vcpu;

/*
 * Where vCPUs wait while the guest is paused, and each that the backend has switched off; and where
 * they are counted.
 */
struct vcpu_gate {
	pthread_mutex_t lock;
	pthread_cond_t opened;
	unsigned nr_arrived; /* vCPUs whose thread has been here */
	pthread_cond_t arrived;
	_Atomic bool closed;	/* main writes */
	_Atomic unsigned nr_on; /* vCPUs that are not off for good: they count themselves */
};

/* An open gate; the end of it, when no vCPU runs any more. Main thread. */
void vcpu_gate_init(struct vcpu_gate *g);
void vcpu_gate_fini(struct vcpu_gate *g);

/*
 * Main thread, or the warden's while vCPUs run. After closing it, vcpu_kick() all: they wait at the
 * gate before they enter the guest again, which they do soon, not at once. After stop_request(),
 * open it: that wakes them all.
 */
void vcpu_gate_set(struct vcpu_gate *g, bool closed);

/*
 * Main thread, the gate is closed: wait until the threads of `nr` vCPUs have come to it (and gone
 * on, if a stop was asked for). They have done by then all that makes a thread.
 */
void vcpu_gate_await(struct vcpu_gate *g, unsigned nr);

/* For realm_set_wake(), with the gate: those that wait look again. Any thread. */
void vcpu_gate_look(void *gate);

/* What vCPU threads, and whoever kicks them, ask of the kernel. */
extern const struct calls vcpu_calls;

/*
 * Somebody who answers calls of an ordinary guest in the place of KVM. On the thread of vCPU
 * `index`.
 */
struct vcpu_hooks {
	/*
	 * KVM_EXIT_HYPERCALL. 0: answered; -ENOENT: not one of these; other -errno: the guest
	 * cannot go on.
	 */
	int (*hypercall)(void *arg, unsigned index, int vcpu_fd, const struct kvm_run *run);
	/* One that is off waits at the gate; vcpu_gate_look() says when to ask again. */
	bool (*is_on)(void *arg, unsigned index);
};

/* Somebody who debugs the guest. On the thread of vCPU `index`. */
struct vcpu_debug {
	/* Otherwise it waits at the gate; vcpu_gate_look() says when to ask again. */
	bool (*may_run)(void *arg, unsigned index);
	/* KVM_EXIT_DEBUG. */
	void (*exit)(void *arg, unsigned index, const struct kvm_run *run);
};

/* What the exits of a vCPU lead to; outlives the vCPUs. */
struct vcpu_env {
	const struct kvm *kvm;
	struct bus *bus;
	struct stop *stop;
	struct realm *realm;
	struct vcpu_gate *gate;
	const struct vcpu_hooks *hooks; /* NULL: nobody; with the argument `hooks_arg` */
	void *hooks_arg;
	const struct vcpu_debug *debug; /* NULL: nobody; with the argument `debug_arg` */
	void *debug_arg;
	const cpu_set_t *affinity; /* host CPUs for all vCPU threads, or NULL: any */
	bool single_step;	   /* --debug-single-step: tell about each instruction */
	bool log_mmio;		   /* --debug-mmio: tell about accesses that nobody answers */
};

/*
 * Create vCPU `index` in the VM (not initialised yet: arm64/cpu.h does that). 0 or -errno, no
 * message.
 */
int vcpu_create(struct vcpu **out, const struct vcpu_env *env, unsigned index);

/* The thread has been joined or was never started. Takes NULL. */
void vcpu_destroy(struct vcpu *v);

/* The descriptor, which is the vCPU's. Any thread. */
int vcpu_fd(const struct vcpu *v);

/*
 * KVM's ring of coalesced writes, of all vCPUs: `page` bytes, a page of the host's. The vCPU's;
 * there is one if KVM_CAP_COALESCED_MMIO is 1.
 */
struct kvm_coalesced_mmio_ring *vcpu_ring(const struct vcpu *v, u32 page);

/* Where the vCPU's thread is, or was a moment ago. Any thread. */
enum vcpu_place {
	VCPU_NO_THREAD, /* not started, or ended */
	VCPU_IN_KVM_RUN,
	VCPU_IN_LKVM, /* handles an exit, or waits at the gate */
};
enum vcpu_place vcpu_place(const struct vcpu *v);

/* Start the thread, which runs until a stop is asked for. 0 or -errno. Main thread. */
int vcpu_start(struct vcpu *v);

/*
 * Get the vCPU's thread out of the guest and out of any blocking system call, so that it looks at
 * the gate and at the stop flag. Main thread, or the warden's while vCPUs run; after
 * vcpu_gate_set() or stop_request().
 */
void vcpu_kick(struct vcpu *v);
/* Wait for the end of the thread; nothing if it was never started. Main thread. */
void vcpu_join(struct vcpu *v);

#endif
