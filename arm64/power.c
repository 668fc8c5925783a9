/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PSCI of an ordinary guest, answered here (--psci). The answers are KVM's own.
 *
 * Thread: vCPU threads; one call at a time under the lock.
 * Trust:  all arguments are the guest's.
 * Spec:   PSCI 1.1 (DEN 0022), [SMCCC 1.2], [KVM devices/vm.rst 6 SMCCC filter]
 *
 * CPU_ON initialises the other vCPU again, which is what KVM does for it: KVM_ARM_VCPU_INIT resets
 * all registers. Its thread is not in KVM_RUN then, because the only ways to be off are not to have
 * been started, and to have come out of KVM_RUN with CPU_OFF.
 */
#include "arm64/power.h"

#include <errno.h>
#include <stdlib.h>

#include "arm64/board.h"
#include "lkvm/base/log.h"
#include "lkvm/kvm/psci_ids.h"
#include "lkvm/kvm/smccc.h"
#include "lkvm/vm/stop.h"

#define TOS_NOT_PRESENT 2u /* MIGRATE_INFO_TYPE: nothing to migrate */

#define AFFINITY UINT64_C(0xff00ffffff) /* of an MPIDR */
#define AFFINITY_LEVELS 4u
#define VENDOR_RESET BIT(31)

#define SCTLR_EL1 KVM_REG_SYS(3u, 0u, 1u, 0u, 0u)
#define SCTLR_EE BIT(25)
#define PSTATE32_E BIT(9)
#define PSTATE32_T BIT(5)

struct cpu {
	int fd;
	_Atomic bool on;
};

struct power {
	struct power_env env;
	pthread_mutex_t lock;
	struct cpu cpus[];
};

/* ---- calls ---- */

static bool is_on(const struct power *p, unsigned cpu)
{
	return atomic_load(&p->cpus[cpu].on);
}

/* A CPU starts in the byte order of the one that has called [DEN 0022 5.6]. */
static int inherit_endianness(int caller_fd, int fd)
{
	u64 from, to;
	int err = kvm_reg_get64(caller_fd, SCTLR_EL1, &from);

	if (err || !(from & SCTLR_EE))
		return err;
	err = kvm_reg_get64(fd, SCTLR_EL1, &to);
	return err ? err : kvm_reg_set64(fd, SCTLR_EL1, to | SCTLR_EE);
}

/* In 32 bits that order is PSTATE's, and the lowest bit of the entry says Thumb [DEN 0022 5.6]. */
static int inherit_state32(int caller_fd, int fd, u64 *entry)
{
	u64 from, to;
	int err = kvm_reg_get64(caller_fd, KVM_REG_PSTATE, &from);

	if (!err)
		err = kvm_reg_get64(fd, KVM_REG_PSTATE, &to);
	if (err)
		return err;
	to |= (from & PSTATE32_E) | (*entry & 1 ? PSTATE32_T : 0);
	*entry &= ~UINT64_C(1);
	return kvm_reg_set64(fd, KVM_REG_PSTATE, to);
}

static int start(const struct power *p, unsigned caller, unsigned cpu, u64 entry, u64 context)
{
	int fd = p->cpus[cpu].fd, caller_fd = p->cpus[caller].fd;
	int err = cpu_reset(p->env.model, fd, 0);

	if (!err)
		err = p->env.model->aarch32 ? inherit_state32(caller_fd, fd, &entry)
					    : inherit_endianness(caller_fd, fd);
	if (!err)
		err = kvm_reg_set64(fd, KVM_REG_X(0), context);
	if (!err)
		err = kvm_reg_set64(fd, KVM_REG_PC, entry);
	return err;
}

static u64 cpu_on(struct power *p, unsigned self, const u64 x[])
{
	for (unsigned i = 0; i < p->env.nr_cpus; i++) {
		if (board_mpidr(i) != x[1])
			continue;
		if (is_on(p, i))
			return PSCI_ALREADY_ON;
		if (start(p, self, i, x[2], x[3]))
			return PSCI_INTERNAL_FAILURE;
		atomic_store(&p->cpus[i].on, true);
		vcpu_gate_look(p->env.gate);
		return PSCI_SUCCESS;
	}
	return PSCI_INVALID_PARAMETERS;
}

/* On if one of the CPUs of that affinity is. */
static u64 affinity_info(const struct power *p, const u64 x[])
{
	u64 level = x[2], mask;
	bool any = false;

	if (level >= AFFINITY_LEVELS || x[1] & ~AFFINITY)
		return PSCI_INVALID_PARAMETERS;
	mask = AFFINITY & ~(BIT(8 * level) - 1);
	for (unsigned i = 0; i < p->env.nr_cpus; i++) {
		if ((board_mpidr(i) & mask) != (x[1] & mask))
			continue;
		if (is_on(p, i))
			return PSCI_AFFINITY_ON;
		any = true;
	}
	return any ? PSCI_AFFINITY_OFF : PSCI_INVALID_PARAMETERS;
}

static u64 features(u32 id)
{
	switch (id) {
	case PSCI_VERSION:
	case PSCI_CPU_SUSPEND:
	case PSCI_CPU_SUSPEND | PSCI_64:
	case PSCI_CPU_OFF:
	case PSCI_CPU_ON:
	case PSCI_CPU_ON | PSCI_64:
	case PSCI_AFFINITY_INFO:
	case PSCI_AFFINITY_INFO | PSCI_64:
	case PSCI_MIGRATE_INFO_TYPE:
	case PSCI_SYSTEM_OFF:
	case PSCI_SYSTEM_RESET:
	case PSCI_FEATURES:
	case PSCI_SYSTEM_RESET2:
	case PSCI_SYSTEM_RESET2 | PSCI_64:
	case SMCCC_VERSION:
		return PSCI_SUCCESS;
	default:
		return PSCI_NOT_SUPPORTED;
	}
}

/* The CPU that has asked goes no further; the others follow when the machine stops. */
static enum psci_result stop_all(struct power *p, unsigned self, enum stop_reason why)
{
	atomic_store(&p->cpus[self].on, false);
	stop_request(p->env.stop, why);
	return PSCI_IS_OFF;
}

static enum psci_result reset2(struct power *p, unsigned self, u64 x[])
{
	/* Warm reset of the architecture, or a vendor's own: all do the same here. */
	if ((u32)x[1] && !((u32)x[1] & VENDOR_RESET)) {
		x[0] = PSCI_INVALID_PARAMETERS;
		return PSCI_STAYS_ON;
	}
	stop_request_reset(p->env.stop, (u32)x[1]);
	return stop_all(p, self, STOP_RESET);
}

static enum psci_result call(struct power *p, unsigned self, u64 x[])
{
	switch ((u32)x[0]) {
	case PSCI_VERSION:
		x[0] = PSCI_VERSION_1_1;
		break;
	case PSCI_CPU_OFF:
		atomic_store(&p->cpus[self].on, false);
		return PSCI_IS_OFF;
	case PSCI_CPU_ON:
	case PSCI_CPU_ON | PSCI_64:
		x[0] = cpu_on(p, self, x);
		break;
	case PSCI_AFFINITY_INFO:
	case PSCI_AFFINITY_INFO | PSCI_64:
		x[0] = affinity_info(p, x);
		break;
	case PSCI_MIGRATE_INFO_TYPE:
		x[0] = TOS_NOT_PRESENT;
		break;
	case PSCI_SYSTEM_OFF:
		return stop_all(p, self, STOP_POWEROFF);
	case PSCI_SYSTEM_RESET:
		return stop_all(p, self, STOP_RESET);
	case PSCI_FEATURES:
		x[0] = features((u32)x[1]);
		break;
	case PSCI_SYSTEM_RESET2:
	case PSCI_SYSTEM_RESET2 | PSCI_64:
		return reset2(p, self, x);
	default:
		x[0] = PSCI_NOT_SUPPORTED;
	}
	return PSCI_STAYS_ON;
}

/* ---- for the vCPUs ---- */

static int hypercall(void *arg, unsigned index, int vcpu_fd, const struct kvm_run *run)
{
	struct power *p = arg;
	enum psci_result now;
	u64 x[PSCI_NR_REGS];
	int err;

	if (!psci_is_call((u32)run->hypercall.nr))
		return -ENOENT;
	err = kvm_gprs_get(vcpu_fd, x, PSCI_NR_REGS);
	if (err)
		return err;
	psci_narrow(x);
	pthread_mutex_lock(&p->lock);
	now = call(p, index, x);
	pthread_mutex_unlock(&p->lock);
	if (now == PSCI_IS_OFF)
		return 0;
	for (unsigned i = 1; i < PSCI_NR_REGS; i++)
		x[i] = 0;
	return kvm_gprs_set(vcpu_fd, x, PSCI_NR_REGS);
}

static bool hook_is_on(void *arg, unsigned index)
{
	return is_on(arg, index);
}

const struct vcpu_hooks power_hooks = { .hypercall = hypercall, .is_on = hook_is_on };

static const struct sys_call list[] = {
	CALL_IOCTL(KVM_GET_ONE_REG),
	CALL_IOCTL(KVM_SET_ONE_REG),
	CALL_IOCTL_RARE(KVM_ARM_VCPU_INIT, "CPU_ON"),
	CALL_RARE(sched_getaffinity, "CPU_ON on a CPU of another kind"),
	CALL_RARE(sched_setaffinity, "CPU_ON on a CPU of another kind"),
};

const struct calls power_calls = CALLS("PSCI", list);

/* ---- life ---- */

static const struct smccc_range forwarded[] = {
	{ PSCI_VERSION, PSCI_CPU_SUSPEND - 1 },
	{ PSCI_CPU_SUSPEND + 1, PSCI_VERSION + PSCI_RANGE - 1 },
	{ PSCI_VERSION | PSCI_64, (PSCI_CPU_SUSPEND | PSCI_64) - 1 },
	{ (PSCI_CPU_SUSPEND | PSCI_64) + 1, (PSCI_VERSION | PSCI_64) + PSCI_RANGE - 1 },
};

int power_create(struct power **out, const struct power_env *env)
{
	struct power *p;
	int err = smccc_forward(env->kvm, forwarded, ARRAY_SIZE(forwarded), "--psci");

	if (err)
		return err;
	p = calloc(1, sizeof(*p) + env->nr_cpus * sizeof(p->cpus[0]));
	if (!p)
		return log_errno(-ENOMEM, "--psci");
	p->env = *env;
	pthread_mutex_init(&p->lock, NULL);
	*out = p;
	return 0;
}

void power_destroy(struct power *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void power_add(struct power *p, unsigned index, int vcpu_fd)
{
	assert(index < p->env.nr_cpus);
	p->cpus[index].fd = vcpu_fd;
	atomic_store(&p->cpus[index].on, index == 0);
}
