/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory whose guest has not shared it: for the simulated RMM, and for a debugger.
 *
 * Thread: a vCPU's; for a debugger any, while no vCPU runs.
 * Trust:  addresses are the guest's, or the debugger's.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/vm/mem_users.h"

/* ---- the simulated RMM ---- */

static void *protected_bytes(struct mem *m, gpa_t g, u32 len)
{
	struct region *r = mem_region_at(m, g.a, len);
	bool shared;
	u64 from, run;

	if (!r || !len)
		return NULL;
	from = align_down(g.a, MEM_PAGE);
	run = mem_run(m, gpa(from), g.a + len - from, &shared);
	if (shared || run < g.a + len - from)
		return NULL;
	return (char *)r->pub.host + (g.a - r->pub.base.a);
}

int mem_rmm_read(struct mem *m, gpa_t g, void *buf, u32 len)
{
	const void *p = protected_bytes(m, g, len);

	if (!p)
		return -EFAULT;
	memcpy(buf, p, len);
	return 0;
}

int mem_rmm_write(struct mem *m, gpa_t g, const void *buf, u32 len)
{
	void *p = protected_bytes(m, g, len);

	if (!p)
		return -EFAULT;
	memcpy(p, buf, len);
	return 0;
}

/* ---- a debugger ---- */

/* Where the vCPUs see it; NULL, and *err says why. */
static void *debugged(struct mem *m, gpa_t g, u32 len, int *err)
{
	u64 a = g.a & ~m->alias;
	struct region *r = len ? mem_region_at(m, a, len) : NULL;

	*err = -EFAULT;
	if (!r || a / MEM_PAGE != (a + len - 1) / MEM_PAGE)
		return NULL;
	*err = -EPERM;
	if (r->guarded || r->shared_only)
		return NULL;
	/* In the simulator's strict mode a shared page is only there. */
	return (char *)(mem_is_shared(m, gpa(a), len) ? r->pub.shared_view : r->pub.host) +
	       (a - r->pub.base.a);
}

int mem_debug_read(struct mem *m, gpa_t g, void *buf, u32 len)
{
	int err;
	const void *p = debugged(m, g, len, &err);

	if (!p)
		return err;
	memcpy(buf, p, len);
	return 0;
}

/*
 * Instructions that were written are what the guest's CPUs fetch from now on [Arm ARM B2.4.4]. The
 * compiler has a function for that, but libgcc's is without landing pads (Debian 12), and so would
 * the program be.
 */
static void sync_code(uintptr_t from, uintptr_t to)
{
#ifdef __aarch64__
	u64 ctr, data, code;

	__asm__("mrs %0, ctr_el0" : "=r"(ctr));
	data = UINT64_C(4) << (ctr >> 16 & 15);
	code = UINT64_C(4) << (ctr & 15);
	for (u64 a = align_down(from, data); a < to; a += data)
		__asm__ volatile("dc cvau, %0" : : "r"(a) : "memory");
	__asm__ volatile("dsb ish" : : : "memory");
	for (u64 a = align_down(from, code); a < to; a += code)
		__asm__ volatile("ic ivau, %0" : : "r"(a) : "memory");
	__asm__ volatile("dsb ish\n\tisb" : : : "memory");
#endif
}

int mem_debug_write(struct mem *m, gpa_t g, const void *buf, u32 len)
{
	int err;
	char *p = debugged(m, g, len, &err);

	if (!p)
		return err;
	memcpy(p, buf, len);
	sync_code((uintptr_t)p, (uintptr_t)p + len);
	return 0;
}
