/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Breakpoints and watchpoints of a debugger.
 *
 * Thread: the caller's, while no vCPU runs.
 * Trust:  addresses come from whoever debugs; the guest may have written over a breakpoint, which
 *         is then left as it is.
 * Spec:   [Arm ARM D24.3 DBGBCR, DBGWCR], C6.2.40 BRK
 */
#include "lkvm/gdb/points.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "lkvm/vm/mem.h"

#define CR_ENABLE 1u
#define CR_EL0_EL1 (3u << 1)
#define BCR_WORD (0xfu << 5) /* all four bytes of an instruction */
#define WCR_LOAD (1u << 3)
#define WCR_STORE (2u << 3)
#define WCR_BYTES 5
#define WCR_MASK 24

void points_init(struct points *p, const struct kvm *k)
{
	memset(p, 0, sizeof(*p));
	p->max_breaks =
		MIN((unsigned)kvm_vm_cap(k, KVM_CAP_GUEST_DEBUG_HW_BPS), KVM_ARM_MAX_DBG_REGS);
	p->max_watches =
		MIN((unsigned)kvm_vm_cap(k, KVM_CAP_GUEST_DEBUG_HW_WPS), KVM_ARM_MAX_DBG_REGS);
}

/* ---- in memory ---- */

bool points_has(const struct points *p, u64 va)
{
	for (unsigned i = 0; i < p->nr_sw; i++)
		if (p->sw[i].va == va)
			return true;
	return false;
}

static int set_sw(struct points *p, struct mem *mem, const struct view_map *m, u64 va)
{
	const u32 brk = htole32(POINTS_BRK);
	u64 run;
	gpa_t g;
	u32 insn;

	if (points_has(p, va))
		return 0;
	if (p->nr_sw == POINTS_MAX_SW)
		return -ENOSPC;
	if (va % sizeof(insn) || view_translate(mem, m, va, &g, &run) ||
	    mem_debug_read(mem, g, &insn, sizeof(insn)) ||
	    mem_debug_write(mem, g, &brk, sizeof(brk)))
		return -EFAULT;
	p->sw[p->nr_sw].va = va;
	p->sw[p->nr_sw].g = g;
	p->sw[p->nr_sw].lifted = false;
	p->sw[p->nr_sw++].insn = insn;
	return 0;
}

/* The instruction is there again, unless the guest has written over the breakpoint. */
static bool lift_sw(struct points *p, struct mem *mem, unsigned i)
{
	u32 now;

	return !mem_debug_read(mem, p->sw[i].g, &now, sizeof(now)) && le32toh(now) == POINTS_BRK &&
	       !mem_debug_write(mem, p->sw[i].g, &p->sw[i].insn, sizeof(p->sw[i].insn));
}

static void drop_sw(struct points *p, struct mem *mem, unsigned i)
{
	lift_sw(p, mem, i);
	p->sw[i] = p->sw[--p->nr_sw];
}

void points_lift(struct points *p, struct mem *mem, u64 va, u64 len)
{
	for (unsigned i = 0; i < p->nr_sw; i++) {
		u64 at = p->sw[i].va;

		if (at - va < len || va - at < sizeof(p->sw[i].insn))
			p->sw[i].lifted = lift_sw(p, mem, i);
	}
}

void points_lower(struct points *p, struct mem *mem)
{
	const u32 brk = htole32(POINTS_BRK);

	for (unsigned i = 0; i < p->nr_sw; i++) {
		if (p->sw[i].lifted &&
		    !mem_debug_read(mem, p->sw[i].g, &p->sw[i].insn, sizeof(p->sw[i].insn)))
			mem_debug_write(mem, p->sw[i].g, &brk, sizeof(brk));
		p->sw[i].lifted = false;
	}
}

/* ---- in registers ---- */

static int set_break(struct points *p, u64 va)
{
	for (unsigned i = 0; i < p->nr_breaks; i++) {
		if (p->breaks[i].va == va)
			return 0;
	}
	if (p->nr_breaks == p->max_breaks)
		return -ENOSPC;
	p->breaks[p->nr_breaks++].va = va;
	return 0;
}

/* Bytes of one doubleword, or an aligned power of two of them up to 2 GiB. */
static bool can_watch(u64 va, u64 len)
{
	if (!len)
		return false;
	if (len <= 8)
		return va % 8 + len <= 8;
	return is_power_of_2(len) && is_aligned(va, len) && len <= BIT(31);
}

static int set_watch(struct points *p, enum gdb_point kind, u64 va, u64 len)
{
	for (unsigned i = 0; i < p->nr_watches; i++) {
		if (p->watches[i].va == va && p->watches[i].len == len &&
		    p->watches[i].kind == kind)
			return 0;
	}
	if (!can_watch(va, len))
		return -EINVAL;
	if (p->nr_watches == p->max_watches)
		return -ENOSPC;
	p->watches[p->nr_watches].va = va;
	p->watches[p->nr_watches].len = len;
	p->watches[p->nr_watches++].kind = kind;
	return 0;
}

/* How far `far` is from [va, va + len). */
static u64 distance(u64 far, u64 va, u64 len)
{
	if (far < va)
		return va - far;
	return far - va < len ? 0 : far - va - len + 1;
}

u64 points_watched(const struct points *p, u64 far)
{
	u64 best = UINT64_MAX, at = far;

	for (unsigned i = 0; i < p->nr_watches; i++) {
		u64 d = distance(far, p->watches[i].va, p->watches[i].len);

		if (d < best) {
			best = d;
			at = d ? p->watches[i].va : far;
		}
	}
	return at;
}

int points_set(struct points *p, struct mem *mem, const struct view_map *m, enum gdb_point kind,
	       u64 va, u64 len)
{
	switch (kind) {
	case GDB_SW_BREAK:
		return set_sw(p, mem, m, va);
	case GDB_HW_BREAK:
		return set_break(p, va);
	default:
		return set_watch(p, kind, va, len);
	}
}

int points_unset(struct points *p, struct mem *mem, enum gdb_point kind, u64 va, u64 len)
{
	for (unsigned i = 0; kind == GDB_SW_BREAK && i < p->nr_sw; i++) {
		if (p->sw[i].va == va)
			drop_sw(p, mem, i);
	}
	for (unsigned i = 0; kind == GDB_HW_BREAK && i < p->nr_breaks; i++) {
		if (p->breaks[i].va == va)
			p->breaks[i] = p->breaks[--p->nr_breaks];
	}
	for (unsigned i = 0; i < p->nr_watches; i++) {
		if (p->watches[i].va == va && p->watches[i].len == len &&
		    p->watches[i].kind == kind)
			p->watches[i] = p->watches[--p->nr_watches];
	}
	return 0;
}

void points_clear(struct points *p, struct mem *mem)
{
	while (p->nr_sw)
		drop_sw(p, mem, p->nr_sw - 1);
	p->nr_breaks = p->nr_watches = 0;
}

static u64 watch_control(enum gdb_point kind, u64 va, u64 len)
{
	u64 cr = CR_ENABLE | CR_EL0_EL1;

	if (kind != GDB_WATCH_WRITE)
		cr |= WCR_LOAD;
	if (kind != GDB_WATCH_READ)
		cr |= WCR_STORE;
	if (len <= 8)
		return cr | ((BIT(len) - 1) << va % 8) << WCR_BYTES;
	return cr | UINT64_C(0xff) << WCR_BYTES | (u64)__builtin_ctzll(len) << WCR_MASK;
}

void points_debug(const struct points *p, struct kvm_guest_debug *out)
{
	out->control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
	if (p->nr_breaks || p->nr_watches)
		out->control |= KVM_GUESTDBG_USE_HW;
	if (!p->nr_sw && !p->nr_breaks && !p->nr_watches)
		out->control = 0;
	for (unsigned i = 0; i < p->nr_breaks; i++) {
		out->bcr[i] = CR_ENABLE | CR_EL0_EL1 | BCR_WORD;
		out->bvr[i] = p->breaks[i].va;
	}
	for (unsigned i = 0; i < p->nr_watches; i++) {
		out->wcr[i] =
			watch_control(p->watches[i].kind, p->watches[i].va, p->watches[i].len);
		out->wvr[i] = align_down(p->watches[i].va, 8);
	}
}
