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
 * Thread: the handler on any thread that touches; start and stop on main, the rest on any.
 * Trust:  the guest decides where devices look: a fault is its fault, not ours.
 * Spec:   Linux virt/kvm/arm/pkvm.rst ("will result in the delivery of a SIGSEGV")
 *
 * The state is global because a signal handler has nothing else.
 */
#include "lkvm/vm/mem_guard.h"

#include <errno.h>
#include <signal.h>

#define HIDE_MAX 256u

static struct {
	const struct region *_Atomic regions; /* main writes */
	unsigned nr;
	atomic_bool touched;
	atomic_uint nr_hidden; /* pages, since they were shown last */
	struct sigaction before;
} guard;

/* Of another kind: the instruction is tried again, and finds whoever was here before us. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	const struct region *regions = atomic_load(&guard.regions);
	bool whole = atomic_fetch_add(&guard.nr_hidden, 1) >= HIDE_MAX;
	int err = errno;

	for (unsigned i = 0; regions && i < guard.nr; i++) {
		if (region_hide(&regions[i], info->si_addr, whole)) {
			atomic_store(&guard.touched, true);
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
	atomic_store(&guard.touched, false);
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

bool guard_ask(const void *p, u64 len)
{
	const volatile char *at = p, *end = at + len;

	while (at < end) {
		(void)*at;
		atomic_signal_fence(memory_order_seq_cst); /* on_fault() was here, if at all */
		if (atomic_load_explicit(&guard.touched, memory_order_relaxed))
			break;
		at = (const volatile char *)align_down((uintptr_t)at + MEM_PAGE, MEM_PAGE);
	}
	return !guard_touched();
}

bool guard_touched(void)
{
	const struct region *regions = atomic_load(&guard.regions);

	if (!atomic_load_explicit(&guard.touched, memory_order_relaxed) ||
	    !atomic_exchange(&guard.touched, false))
		return false;
	atomic_store(&guard.nr_hidden, 0);
	for (unsigned i = 0; regions && i < guard.nr; i++)
		region_unhide(&regions[i]);
	return true;
}
