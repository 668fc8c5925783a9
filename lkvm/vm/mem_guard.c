/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pKVM tells nobody which pages a guest shares: it takes the others from the host, whose touch is a
 * fault then, SIGSEGV. The handler puts an empty page there, so that the device that touched it
 * goes on, with nothing of the guest's in its hands, and is stopped a moment later.
 *
 * How much a guest can make us do. A look-up stops at its first fault. Who touches pages that were
 * taken back after their look-up goes on to the end of its buffer: a fault and a mapping for each
 * page, and a process has 65530 mappings. So after HIDE_MAX pages the whole region is hidden, with
 * one mapping. Devices then see nothing of it until somebody asks, also of what the guest shares:
 * only a guest that takes back what it has given to devices comes here.
 *
 * Whose fault it is. The kernel delivers a fault to the thread that has made it, so each thread has
 * a mark of its own, and no device is stopped for what another one has touched. A hidden page is
 * hidden from all: a look-up on another thread has it shown before it touches, so that it finds out
 * by a fault of its own.
 *
 * Thread: the handler on any thread that touches; start and stop on main, the rest on any.
 * Trust:  the guest decides where devices look: a fault is its fault, not ours.
 * Spec:   Linux virt/kvm/arm/pkvm.rst ("will result in the delivery of a SIGSEGV")
 *
 * The state is global, or the thread's, because a signal handler has nothing else.
 */
#include "lkvm/vm/mem_guard.h"

#include <errno.h>
#include <signal.h>

#define HIDE_MAX 256u

static struct {
	const struct region *_Atomic regions; /* main writes */
	unsigned nr;
	atomic_uint nr_hidden; /* pages, since they were shown last */
	struct sigaction before;
} guard;

/* This thread has touched what it may not: its handler writes. Read after a signal fence. */
static _Thread_local volatile sig_atomic_t touched;

/* Of another kind: the instruction is tried again, and finds whoever was here before us. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	const struct region *regions = atomic_load(&guard.regions);
	bool whole = atomic_fetch_add(&guard.nr_hidden, 1) >= HIDE_MAX;
	int err = errno;

	for (unsigned i = 0; regions && i < guard.nr; i++) {
		if (region_hide(&regions[i], info->si_addr, whole)) {
			touched = true;
			errno = err;
			return;
		}
	}
	sigaction(sig, &guard.before, NULL);
}

int guard_start(const struct region *regions, unsigned nr)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	assert(!atomic_load(&guard.regions));
	guard.nr = nr;
	touched = false;
	atomic_store(&guard.nr_hidden, 0);
	if (sigaction(SIGSEGV, &sa, &guard.before) < 0)
		return -errno;
	atomic_store(&guard.regions, regions);
	return 0;
}

void guard_stop(const struct region *regions)
{
	if (atomic_load(&guard.regions) != regions)
		return;
	sigaction(SIGSEGV, &guard.before, NULL);
	atomic_store(&guard.regions, NULL);
}

static void show(void)
{
	const struct region *regions = atomic_load(&guard.regions);

	atomic_store(&guard.nr_hidden, 0);
	for (unsigned i = 0; regions && i < guard.nr; i++)
		region_unhide(&regions[i]);
}

bool guard_ask(const void *p, u64 len)
{
	const volatile char *at = p, *end = at + len;
	bool before = touched, faulted;

	if (atomic_load_explicit(&guard.nr_hidden, memory_order_relaxed))
		show();
	touched = false;
	while (at < end) {
		(void)*at;
		atomic_signal_fence(memory_order_seq_cst); /* on_fault() was here, if at all */
		if (touched)
			break;
		at = (const volatile char *)align_down((uintptr_t)at + MEM_PAGE, MEM_PAGE);
	}
	faulted = touched;
	touched = before;
	if (faulted)
		show();
	return !faulted;
}

bool guard_touched(void)
{
	if (!touched)
		return false;
	touched = false;
	show();
	return true;
}
