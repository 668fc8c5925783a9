/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a debugger sees of a vCPU: its registers, and memory as the exception level that it is in
 * has it mapped. Of ordinary guests and simulated Realms; others' are not the host's to see.
 *
 * A vCPU that is looked at is not in KVM_RUN, and stays out of it. Any thread, one at a time.
 */
#ifndef LKVM_GDB_VIEW_H
#define LKVM_GDB_VIEW_H

#include "lkvm/base/gpa.h"

struct mem;

#define VIEW_NR_X 31u

/* The program's registers. */
struct view_regs {
	u64 x[VIEW_NR_X];
	u64 sp, pc; /* sp: the one that PSTATE selects */
	u64 pstate;
	u64 vbar; /* VBAR_EL1: where KASLR has put Linux follows from it */
};

/* 0 or -errno of KVM. */
int view_regs_get(int vcpu_fd, struct view_regs *r);
int view_regs_set(int vcpu_fd, const struct view_regs *r);

/* How a vCPU translates addresses, in EL1, or in EL2 where it has that and is there. */
struct view_map {
	bool on;      /* else addresses are what they are */
	bool nowhere; /* a guest of the guest's: what its addresses are is that one's matter */
	u64 tcr, ttbr[2], vbar;
};

/* 0 or -errno of KVM. */
int view_map_get(int vcpu_fd, struct view_map *m);

/*
 * Where the guest's address `va` lies: *g, and how many bytes from there on are in one piece. 0 or
 * -EFAULT: nowhere.
 */
int view_translate(struct mem *mem, const struct view_map *m, u64 va, gpa_t *g, u64 *run);

/*
 * Read or write [va, va + len), protected pages of a simulated Realm too. Returns how many bytes
 * from its beginning could be; what is written the vCPUs can execute.
 */
u64 view_read(struct mem *mem, const struct view_map *m, u64 va, void *buf, u64 len);
u64 view_write(struct mem *mem, const struct view_map *m, u64 va, const void *buf, u64 len);

/*
 * The next frame of a call chain: *fp and *pc become those of the caller of the function whose
 * frame record *fp points to. False: there is none.
 */
bool view_caller(struct mem *mem, const struct view_map *m, u64 *fp, u64 *pc);

#endif
