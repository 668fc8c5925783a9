/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a debugger sees of a vCPU.
 *
 * Thread: any; the vCPU is not in KVM_RUN.
 * Trust:  registers and translation tables are the guest's: a walk has four levels at most, each of
 *         whose reads is checked by mem.c, and a frame is only followed upwards.
 * Spec:   [Arm ARM D8 the AArch64 VMSA, D24.2 system registers], AAPCS64 6.4.6 (frame records)
 */
#include "lkvm/gdb/view.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "lkvm/kvm/kvm.h"
#include "lkvm/vm/mem.h"

/* Those of EL1 and of EL2 differ in op1. */
#define OP1_EL1 0u
#define OP1_EL2 4u
#define SCTLR(op1) KVM_REG_SYS(3u, op1, 1u, 0u, 0u)
#define TTBR0(op1) KVM_REG_SYS(3u, op1, 2u, 0u, 0u)
#define TTBR1(op1) KVM_REG_SYS(3u, op1, 2u, 0u, 1u)
#define TCR(op1) KVM_REG_SYS(3u, op1, 2u, 0u, 2u)
#define VBAR(op1) KVM_REG_SYS(3u, op1, 12u, 0u, 0u)
#define SP_EL2 KVM_REG_SYS(3u, 6u, 4u, 1u, 0u)
#define HCR_EL2 KVM_REG_SYS(3u, 4u, 1u, 1u, 0u)
#define SCTLR_M BIT(0)
#define HCR_VM BIT(0)
#define HCR_TGE BIT(27)
#define HCR_E2H BIT(34)
#define TCR_LOWER UINT64_C(0xffff) /* what all have in common: of the lower half */

#define PSTATE_EL_SP 0xfu
#define PSTATE_EL1H 5u
#define PSTATE_EL2H 9u
#define PSTATE_EL(pstate) ((pstate) >> 2 & 3)

#define VA_UPPER BIT(55) /* which half; with the top byte ignored */
#define TABLE_BASE UINT64_C(0x0000ffffffffffc0)
#define DESC_ADDR UINT64_C(0x0000fffffffff000)
#define DESC_VALID 1u
#define DESC_TABLE 2u
#define LAST_LEVEL 3
#define PIECE UINT64_C(4096)

/* ---- registers ---- */

static u64 sp_register(u64 pstate)
{
	switch (pstate & PSTATE_EL_SP) {
	case PSTATE_EL1H:
		return KVM_REG_SP_EL1;
	case PSTATE_EL2H:
		return SP_EL2;
	default:
		return KVM_REG_SP;
	}
}

int view_regs_get(int vcpu_fd, struct view_regs *r)
{
	int err = kvm_gprs_get(vcpu_fd, r->x, VIEW_NR_X);

	if (!err)
		err = kvm_reg_get64(vcpu_fd, KVM_REG_PC, &r->pc);
	if (!err)
		err = kvm_reg_get64(vcpu_fd, KVM_REG_PSTATE, &r->pstate);
	if (!err)
		err = kvm_reg_get64(vcpu_fd, VBAR(OP1_EL1), &r->vbar);
	return err ? err : kvm_reg_get64(vcpu_fd, sp_register(r->pstate), &r->sp);
}

int view_regs_set(int vcpu_fd, const struct view_regs *r)
{
	int err = kvm_gprs_set(vcpu_fd, r->x, VIEW_NR_X);

	if (!err)
		err = kvm_reg_set64(vcpu_fd, KVM_REG_PC, r->pc);
	if (!err)
		err = kvm_reg_set64(vcpu_fd, KVM_REG_PSTATE, r->pstate);
	if (!err)
		err = kvm_reg_set64(vcpu_fd, VBAR(OP1_EL1), r->vbar);
	return err ? err : kvm_reg_set64(vcpu_fd, sp_register(r->pstate), r->sp);
}

/* The registers of EL1's translation, or of EL2's, whichever `op1` stands for. */
static int map_of(int vcpu_fd, unsigned op1, struct view_map *m)
{
	u64 sctlr = 0;
	int err = kvm_reg_get64(vcpu_fd, SCTLR(op1), &sctlr);

	if (!err)
		err = kvm_reg_get64(vcpu_fd, TCR(op1), &m->tcr);
	if (!err)
		err = kvm_reg_get64(vcpu_fd, TTBR0(op1), &m->ttbr[0]);
	if (!err)
		err = kvm_reg_get64(vcpu_fd, TTBR1(op1), &m->ttbr[1]);
	if (!err)
		err = kvm_reg_get64(vcpu_fd, VBAR(op1), &m->vbar);
	m->on = !err && sctlr & SCTLR_M;
	return err;
}

/*
 * A host with VHE has its programs in EL2's translation, too. Without VHE that has no upper half,
 * nor a second register. What EL2 has below itself and keeps apart (HCR_EL2.VM) is another guest.
 */
int view_map_get(int vcpu_fd, struct view_map *m)
{
	u64 pstate, hcr;
	unsigned el;
	int err = kvm_reg_get64(vcpu_fd, KVM_REG_PSTATE, &pstate);

	*m = (struct view_map){ 0 };
	if (err)
		return err;
	if (kvm_reg_get64(vcpu_fd, HCR_EL2, &hcr))
		return map_of(vcpu_fd, OP1_EL1, m); /* there is no EL2 */
	el = PSTATE_EL(pstate);
	if (el != 2 && (el || (hcr & (HCR_E2H | HCR_TGE)) != (HCR_E2H | HCR_TGE))) {
		m->nowhere = hcr & HCR_VM;
		return map_of(vcpu_fd, OP1_EL1, m);
	}
	err = map_of(vcpu_fd, OP1_EL2, m);
	if (!(hcr & HCR_E2H))
		m->tcr &= TCR_LOWER;
	return err;
}

/* ---- memory ---- */

static int read_at(struct mem *mem, gpa_t g, void *buf, u32 len)
{
	return mem_read(mem, g, buf, len) ? mem_debug_read(mem, g, buf, len) : 0;
}

/* log2 of the size of pages; 0: a reserved value. */
static unsigned page_shift(const struct view_map *m, bool upper)
{
	static const u8 tg0[] = { 12, 16, 14, 0 }, tg1[] = { 0, 14, 12, 16 };

	return upper ? tg1[m->tcr >> 30 & 3] : tg0[m->tcr >> 14 & 3];
}

static int walk(struct mem *mem, const struct view_map *m, u64 va, gpa_t *g, u64 *run)
{
	bool upper = va & VA_UPPER;
	unsigned page = page_shift(m, upper), stride = page - 3;
	unsigned bits = 64 - (unsigned)(m->tcr >> (upper ? 16 : 0) & 63);
	u64 table = m->ttbr[upper] & TABLE_BASE, desc;
	int level;

	if (!page || bits <= page || bits > 52)
		return -EFAULT;
	va &= BIT(bits) - 1;
	level = LAST_LEVEL + 1 - (int)((bits - page + stride - 1) / stride);
	for (; level <= LAST_LEVEL; level++) {
		unsigned shift = page + stride * (unsigned)(LAST_LEVEL - level);
		u64 index = va >> shift & (BIT(stride) - 1);

		if (read_at(mem, gpa(table + 8 * index), &desc, sizeof(desc)))
			return -EFAULT;
		desc = le64toh(desc);
		if (!(desc & DESC_VALID) || (level == LAST_LEVEL && !(desc & DESC_TABLE)))
			return -EFAULT;
		if (level == LAST_LEVEL || !(desc & DESC_TABLE)) {
			u64 size = BIT(shift);

			*g = gpa(align_down(desc & DESC_ADDR, size) + (va & (size - 1)));
			*run = size - (va & (size - 1));
			return 0;
		}
		table = align_down(desc & DESC_ADDR, BIT(page));
	}
	return -EFAULT;
}

int view_translate(struct mem *mem, const struct view_map *m, u64 va, gpa_t *g, u64 *run)
{
	if (m->nowhere)
		return -EFAULT;
	if (m->on)
		return walk(mem, m, va, g, run);
	*g = gpa(va);
	*run = PIECE - va % PIECE;
	return 0;
}

/* Where `va` is, and how many of the `left` bytes there lie together in its page; 0: none. */
static u64 next_piece(struct mem *mem, const struct view_map *m, u64 va, u64 left, gpa_t *g)
{
	u64 run;

	if (view_translate(mem, m, va, g, &run))
		return 0;
	run = MIN(run, left);
	return MIN(run, PIECE - g->a % PIECE);
}

u64 view_read(struct mem *mem, const struct view_map *m, u64 va, void *buf, u64 len)
{
	u64 done = 0, n;
	gpa_t g;

	for (; done < len; done += n) {
		n = next_piece(mem, m, va + done, len - done, &g);
		if (!n || read_at(mem, g, (char *)buf + done, (u32)n))
			break;
	}
	return done;
}

u64 view_write(struct mem *mem, const struct view_map *m, u64 va, const void *buf, u64 len)
{
	u64 done = 0, n;
	gpa_t g;

	for (; done < len; done += n) {
		n = next_piece(mem, m, va + done, len - done, &g);
		if (!n || mem_debug_write(mem, g, (const char *)buf + done, (u32)n))
			break;
	}
	return done;
}

bool view_caller(struct mem *mem, const struct view_map *m, u64 *fp, u64 *pc)
{
	u64 record[2];

	/* A stack grows down, so the caller's frame is above; 0 is the end of the chain. */
	if (!*fp || *fp % 8 || view_read(mem, m, *fp, record, sizeof(record)) != sizeof(record))
		return false;
	if (le64toh(record[0]) && le64toh(record[0]) <= *fp)
		return false;
	*fp = le64toh(record[0]);
	*pc = le64toh(record[1]);
	return *pc != 0;
}
