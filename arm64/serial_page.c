/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A UART's registers as a page of memory, and KVM's ring of what was written to the first one.
 *
 * Thread: see the header; the timer is the loop's.
 * Trust:  the ring is written by KVM; its bytes are the guest's.
 * Spec:   [KVM api 4.35, KVM_MEM_READONLY; 4.116, KVM_REGISTER_COALESCED_MMIO]
 *
 * Reads of a slot that the guest cannot write are the memory's business; a write to it is MMIO, and
 * one byte to the first register finds the zone, which costs an exit to KVM and none to us. When
 * the ring is full KVM lets the write through, so nothing is lost, and whoever handles it takes
 * what is in the ring first.
 *
 * What is another access than of a byte differs, which no driver makes: read wider, a register has
 * its neighbours beside it, where an exit gives ones.
 *
 * The guest's mapping of the page is one of device memory: see cache.h.
 */
#include "arm64/serial_page.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "arm64/memmap.h"
#include "lkvm/base/cache.h"
#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/kvm/vcpu.h"
#include "lkvm/vm/loop.h"

#define NEVER "a guest that does not print character by character"

static const struct sys_call list[] = {
	CALL_IOCTL_RARE(KVM_SET_USER_MEMORY_REGION, NEVER),
	CALL_IOCTL_RARE(KVM_REGISTER_COALESCED_MMIO, NEVER),
	CALL_IOCTL_RARE(KVM_UNREGISTER_COALESCED_MMIO, NEVER),
	CALL(write),
	CALL(futex),
};

const struct calls serial_page_calls = CALLS("serial console", list);

/* As outbuf.c gathers: nobody sees the difference. */
#define LOOK_NS 5000000u

struct serial_page {
	struct serial_page_env env;
	struct kvm_coalesced_mmio_ring *ring; /* the vCPU's */
	u32 size;			      /* of the page */
	u32 slot;
	u8 *regs; /* the page */
	bool shown;
	bool refused; /* by KVM, once: then it is left alone */
	int wake;
	struct loop_fd *wake_fd;
	struct loop_timer *timer;
};

bool serial_page_shown(const struct serial_page *p)
{
	return p->shown;
}

/* ---- the loop ---- */

static void on_timer(void *arg)
{
	struct serial_page *p = arg;

	if (p->env.look(p->env.arg))
		loop_timer_arm(p->timer, LOOK_NS);
}

static void on_wake(void *arg, u32 events)
{
	struct serial_page *p = arg;

	loop_timer_arm(p->timer, LOOK_NS);
}

/* ---- KVM ---- */

static int set_slot(struct serial_page *p, bool on)
{
	return kvm_set_slot(p->env.kvm, p->slot, p->env.base, on ? p->size : 0, on ? p->regs : NULL,
			    on ? KVM_MEM_READONLY : 0);
}

static int set_zone(struct serial_page *p, bool on)
{
	struct kvm_coalesced_mmio_zone z = { .addr = p->env.base.a, .size = 1 };

	return kvm_ioctl(p->env.kvm->vm_fd,
			 on ? KVM_REGISTER_COALESCED_MMIO : KVM_UNREGISTER_COALESCED_MMIO, &z);
}

static void fill(struct serial_page *p, const u8 regs[SERIAL_PAGE_REGS])
{
	for (unsigned i = 0; i < SERIAL_PAGE_REGS; i++)
		__atomic_store_n(&p->regs[i], regs[i], __ATOMIC_RELAXED);
}

void serial_page_set(struct serial_page *p, const u8 regs[SERIAL_PAGE_REGS])
{
	assert(p->shown);
	if (!memcmp(p->regs, regs, SERIAL_PAGE_REGS))
		return;
	fill(p, regs);
	cache_clean(p->regs, SERIAL_PAGE_REGS);
}

void serial_page_show(struct serial_page *p, const u8 regs[SERIAL_PAGE_REGS])
{
	assert(!p->shown);
	if (p->refused)
		return;
	fill(p, regs);
	/* The slot first: behind a change of its buses KVM would wait some milliseconds with it. */
	p->refused = set_slot(p, true);
	if (!p->refused && set_zone(p, true)) {
		p->refused = true;
		set_slot(p, false);
	}
	p->shown = !p->refused;
	if (p->shown)
		eventfd_write(p->wake, 1);
}

void serial_page_hide(struct serial_page *p)
{
	int err = set_slot(p, false);

	if (!err)
		err = set_zone(p, false);
	if (err)
		log_errno(err, "serial console: KVM keeps the registers");
	p->refused |= err != 0;
	p->shown = false;
}

unsigned serial_page_take(struct serial_page *p, u8 buf[SERIAL_PAGE_RING])
{
	struct kvm_coalesced_mmio_ring *r = p->ring;
	u32 last = __atomic_load_n(&r->last, __ATOMIC_ACQUIRE), first = r->first;
	u32 max = (p->size - (u32)sizeof(*r)) / (u32)sizeof(r->coalesced_mmio[0]);
	unsigned n = 0;

	while (first != last && first < max && n < SERIAL_PAGE_RING) {
		buf[n++] = r->coalesced_mmio[first].data[0];
		first = (first + 1) % max;
	}
	__atomic_store_n(&r->first, first, __ATOMIC_RELEASE);
	return n;
}

/* ---- life ---- */

static bool is_possible(const struct serial_page *p)
{
	const struct kvm *k = p->env.kvm;

	/* The page has one UART in it, and KVM's ring no more than what is taken at once. */
	return p->size == MEMMAP_UART_STRIDE && k->run_size >= 2 * p->size &&
	       kvm_vm_cap(k, KVM_CAP_COALESCED_MMIO) == 1 && kvm_vm_cap(k, KVM_CAP_READONLY_MEM);
}

static int init(struct serial_page *p)
{
	struct loop *l = p->env.loop;
	int err;

	if (!is_possible(p))
		return -EOPNOTSUPP;
	/* Private memory of its own page: a VM with memory tags takes no other. */
	p->regs = aligned_alloc(p->size, p->size);
	if (!p->regs)
		return -ENOMEM;
	memset(p->regs, 0, p->size); /* what is beside the registers, for an ordinary guest */
	p->ring = vcpu_ring(p->env.vcpu, p->size);
	p->slot = p->env.kvm->nr_slots++;
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = p->wake < 0 ? -errno : 0;
	if (!err)
		err = loop_fd_add(l, p->wake, EPOLLIN | EPOLLET, on_wake, p, &p->wake_fd);
	return err ? err : loop_timer_add(l, on_timer, p, &p->timer);
}

int serial_page_create(struct serial_page **out, const struct serial_page_env *env)
{
	struct serial_page *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->env = *env;
	p->size = (u32)sysconf(_SC_PAGESIZE);
	p->wake = -1;
	err = init(p);
	if (err)
		serial_page_destroy(p);
	else
		*out = p;
	return err;
}

void serial_page_destroy(struct serial_page *p)
{
	if (!p)
		return;
	if (p->shown)
		serial_page_hide(p);
	loop_timer_del(p->timer);
	loop_fd_del(p->wake_fd);
	if (p->wake >= 0)
		close(p->wake);
	free(p->regs);
	free(p);
}
