/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Breakpoints and watchpoints of a debugger: in the guest's memory, and in registers that all vCPUs
 * get. One thread, while no vCPU runs.
 */
#ifndef LKVM_GDB_POINTS_H
#define LKVM_GDB_POINTS_H

#include "lkvm/gdb/stub.h"
#include "lkvm/kvm/kvm.h"

#define POINTS_MAX_SW 128u

struct points {
	unsigned max_breaks, max_watches; /* that the host's CPUs have */
	struct {
		u64 va;
		gpa_t g;
		u32 insn;    /* what was there */
		bool lifted; /* and is there again, for a moment */
	} sw[POINTS_MAX_SW];
	unsigned nr_sw;
	struct {
		u64 va;
	} breaks[KVM_ARM_MAX_DBG_REGS];
	unsigned nr_breaks;
	struct {
		u64 va, len;
		enum gdb_point kind;
	} watches[KVM_ARM_MAX_DBG_REGS];
	unsigned nr_watches;
};

void points_init(struct points *p, const struct kvm *k);

/* 0; -ENOSPC; -EFAULT: no memory is there; -EINVAL: nothing that one register can watch. */
int points_set(struct points *p, struct mem *mem, const struct view_map *m, enum gdb_point kind,
	       u64 va, u64 len);

/* 0, also if there was none. */
int points_unset(struct points *p, struct mem *mem, enum gdb_point kind, u64 va, u64 len);

/* Take all of them away. */
void points_clear(struct points *p, struct mem *mem);

/* Of the guest's memory GDB sees what is there without breakpoints [GDB manual E.2, "Z0"]. */

/*
 * Lift the software breakpoints in [va, va + len), and put them back behind what was read or
 * written there meanwhile.
 */
void points_lift(struct points *p, struct mem *mem, u64 va, u64 len);
void points_lower(struct points *p, struct mem *mem);

/* Is there a software breakpoint at `va`? */
bool points_has(const struct points *p, u64 va);

/* What a software breakpoint looks like in memory: BRK #0. */
#define POINTS_BRK 0xd4200000u

/*
 * What is watched, where a CPU says that it has met a watchpoint at `far`: an access that begins
 * before what is watched may be said to be where it begins [Arm ARM D2.10.5].
 */
u64 points_watched(const struct points *p, u64 far);

/* What KVM has to know of them. */
void points_debug(const struct points *p, struct kvm_guest_debug *out);

#endif
