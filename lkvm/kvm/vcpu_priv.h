/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a vCPU is, for vcpu.c and vcpu_exit.c only. All of it is used on the vCPU's own thread. */
#ifndef LKVM_VCPU_PRIV_H
#define LKVM_VCPU_PRIV_H

#include "lkvm/kvm/vcpu.h"
#include "lkvm/vm/bus.h"

struct vcpu {
	const struct vcpu_env *env;
	unsigned index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	pid_t pid;
	_Atomic pid_t tid; /* 0: not known yet; its own thread writes */
	_Atomic int place; /* enum vcpu_place; its own thread writes */
	bool unfinished;   /* the exit is handled in part */
	unsigned refused;  /* times in a row that KVM asked to try again */
	struct bus_near near;
	bool off; /* for good: another vCPU has ended the guest, or is about to */
};

/* KVM_RUN has returned with v->run->exit_reason: do what it asks for. */
void vcpu_exit(struct vcpu *v);

/* An exit for the backend, or one that is `unfinished`: do the next piece of it. */
void vcpu_exit_realm(struct vcpu *v);

/* The guest cannot go on: say so, with its registers where they may be seen; ask for the end. */
__attribute__((format(printf, 2, 3))) void vcpu_fatal(struct vcpu *v, const char *fmt, ...);

#endif
