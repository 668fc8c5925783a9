/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers of a UART in KVM's hands, for as long as nothing but output happens there: a page
 * of memory that the guest reads without an exit, and a ring that KVM puts what it writes to the
 * first register into [KVM api 4.116, coalesced MMIO]. serial.c decides when.
 *
 * The caller's lock is around all calls but create and destroy.
 */
#ifndef ARM64_SERIAL_PAGE_H
#define ARM64_SERIAL_PAGE_H

#include "lkvm/base/calls.h"
#include "lkvm/base/gpa.h"

struct kvm;
struct loop;
struct serial_page;
struct vcpu;

/* What of it is asked for while the guest runs. */
extern const struct calls serial_page_calls;

#define SERIAL_PAGE_REGS 8u
#define SERIAL_PAGE_RING 256u /* more than fits into KVM's ring */

struct serial_page_env {
	struct kvm *kvm;	 /* outlives the page */
	const struct vcpu *vcpu; /* any of the VM: KVM's ring is beside its shared page */
	gpa_t base;		 /* of the registers, for the guest */
	struct loop *loop;	 /* where look() is called */
	/*
	 * While the page is shown, every few milliseconds, without the caller's lock: the ring may
	 * have something in it. False: the page is not shown any more.
	 */
	bool (*look)(void *arg);
	void *arg;
};

/*
 * 0, or -errno without a message: -EOPNOTSUPP where this KVM, or the size of the host's pages, does
 * not allow it. Main thread, before the loop runs.
 */
int serial_page_create(struct serial_page **out, const struct serial_page_env *env);

/* The loop is stopped, and no vCPU runs. Takes NULL. */
void serial_page_destroy(struct serial_page *p);

bool serial_page_shown(const struct serial_page *p);

/*
 * The guest now reads `regs`, and its writes to the first of them go to the ring. Nothing happens,
 * now or later, if KVM refuses. Any thread.
 */
void serial_page_show(struct serial_page *p, const u8 regs[SERIAL_PAGE_REGS]);

/* It is shown: from now on the guest reads these. */
void serial_page_set(struct serial_page *p, const u8 regs[SERIAL_PAGE_REGS]);

/* All accesses are exits again. What is in the ring stays there. Any thread. */
void serial_page_hide(struct serial_page *p);

/* What has been written and not been taken, in order; how much. */
unsigned serial_page_take(struct serial_page *p, u8 buf[SERIAL_PAGE_RING]);

#endif
