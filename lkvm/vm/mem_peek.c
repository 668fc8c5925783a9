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

int mem_debug_write(struct mem *m, gpa_t g, const void *buf, u32 len)
{
	int err;
	char *p = debugged(m, g, len, &err);

	if (!p)
		return err;
	memcpy(p, buf, len);
	__builtin___clear_cache(p, p + len);
	return 0;
}
