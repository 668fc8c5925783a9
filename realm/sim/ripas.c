/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page states and conversions of the simulator.
 *
 * Thread: vCPU threads, under the realm's lock.
 * Trust:  ranges are the guest's, checked by rsi.c to lie in the protected half.
 * Spec:   [RMM 1.0 A5.2.2 RIPAS, A5.4 RIPAS change]
 *
 * A change walks runs of pages in one state, not pages: "all of RAM", which Linux asks for at boot,
 * is one step. A guest that has cut its memory into many pieces, or that changes much of it, asks
 * again: a call takes a bounded time, because other vCPUs wait for the lock and the machine may be
 * asked to stop. A page that a device has in flight ends the call, too: who waits for the device
 * must not have the lock.
 */
#include "realm/sim/ripas.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/mem.h"

/* Of one call: steps, each a few system calls, and what they change. */
#define MAX_STEPS 256u
#define MAX_BYTES (16 * GiB)

/* First RAM address at or above `a`, at most `top`. */
static u64 next_ram(struct mem *m, u64 a, u64 top)
{
	u64 next = top;

	for (unsigned i = 0; i < mem_nr_regions(m); i++) {
		u64 base = mem_region(m, i)->base.a;

		if (base >= a)
			next = MIN(next, base);
	}
	return next;
}

u64 ripas_run(struct mem *m, u64 base, u64 top, enum rsi_ripas *ripas)
{
	u64 at = base;
	bool shared;

	*ripas = RSI_RIPAS_EMPTY;
	while (at < top) {
		u64 run = mem_run(m, gpa(at), top - at, &shared);
		enum rsi_ripas here = run && !shared ? RSI_RIPAS_RAM : RSI_RIPAS_EMPTY;

		if (at == base)
			*ripas = here;
		else if (here != *ripas)
			break;
		at = run ? at + run : next_ram(m, at, top);
	}
	return at;
}

/*
 * The host maps its own pages, so a smaller one of the guest would take its neighbours along: they
 * would lose their content, and be shared.
 */
static int too_small(u64 at, u64 len, u64 page)
{
	guest_err(
		"simulated Realm",
		"%llu KiB at %#llx are not whole pages of this host, which have %llu KiB: they cannot "
		"be shared or taken back. A guest kernel with smaller pages gets no network and no "
		"disks here; use one with pages of %llu KiB",
		(unsigned long long)(len / KiB), (unsigned long long)at,
		(unsigned long long)(page / KiB), (unsigned long long)(page / KiB));
	return -EINVAL;
}

/* Pages of RAM, all in one state, into the other one. */
static int change(struct mem *m, u64 at, u64 len, bool shared)
{
	u64 page = (u64)sysconf(_SC_PAGESIZE);
	int err;

	if (!is_aligned(at | len, page))
		return too_small(at, len, page);
	err = mem_set_shared(m, gpa(at), len, shared);
	if (err == -ENOSPC)
		guest_err("simulated Realm", "memory is shared in too many pieces; refused");
	else if (err && err != -EAGAIN)
		guest_err("simulated Realm", "cannot make %llu KiB at %#llx %s: %s",
			  (unsigned long long)(len / KiB), (unsigned long long)at,
			  shared ? "shared" : "protected", strerror(-err));
	return err;
}

int ripas_set(struct mem *m, u64 base, u64 top, enum rsi_ripas ripas, u64 *reached)
{
	bool want_shared = ripas == RSI_RIPAS_EMPTY, shared;
	u64 left = MAX_BYTES;
	unsigned steps = 0;
	int err = 0;

	for (*reached = base; *reached < top && !err;) {
		u64 at = *reached, run = mem_run(m, gpa(at), top - at, &shared);

		if (run && shared != want_shared) {
			if (steps++ == MAX_STEPS || !left)
				break;
			run = MIN(run, left);
			left -= run;
			err = change(m, at, run, want_shared);
		}
		if (!run && !want_shared)
			err = -EFAULT;
		if (!err)
			*reached = run ? at + run : next_ram(m, at, top);
	}
	return err == -EAGAIN && *reached > base ? 0 : err;
}
