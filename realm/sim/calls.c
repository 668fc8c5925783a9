/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The calls of a simulated Realm's guest: from KVM's exit to the service that answers, and what
 * that service needs of the machine. Faults that the user has asked for come in between; the log
 * has what the guest has asked and what it was answered.
 *
 * Thread: vCPU threads; rsi.c and psci.c serialise what must not happen at once.
 * Trust:  registers of the guest.
 * Spec:   [RMM 1.0 B5 RSI, B6 PSCI], [SMCCC 1.2]
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/kvm/psci_ids.h"
#include "lkvm/vm/mem.h"
#include "realm/realm.h"
#include "realm/rhi.h"
#include "realm/sim/calllog.h"
#include "realm/sim/regs.h"
#include "realm/sim/ripas.h"
#include "realm/sim/sim.h"

/* ---- what rsi.c asks for ---- */

static int env_read(void *arg, u64 ipa, void *buf, u32 len)
{
	return mem_rmm_read(((struct sim *)arg)->mem, gpa(ipa), buf, len);
}

static int env_write(void *arg, u64 ipa, const void *buf, u32 len)
{
	return mem_rmm_write(((struct sim *)arg)->mem, gpa(ipa), buf, len);
}

static u64 env_ripas_run(void *arg, u64 base, u64 top, enum rsi_ripas *ripas)
{
	return ripas_run(((struct sim *)arg)->mem, base, top, ripas);
}

static int env_ripas_set(void *arg, u64 base, u64 top, enum rsi_ripas ripas, u64 *reached)
{
	struct sim *s = arg;
	int err;

	*reached = base;
	switch (fault_change(&s->fault, ripas)) {
	case FAULT_HOST_STALLS:
		return 0;
	case FAULT_HOST_REJECTS:
		return -EPERM;
	case FAULT_HOST_OBEYS:
		break;
	}
	err = ripas_set(s->mem, base, top, ripas, reached);
	if (err == -EAGAIN)
		fault_change_later(&s->fault, ripas);
	return err;
}

static int env_token(void *arg, unsigned rec, const u8 challenge[64], const u8 **token, u32 *len)
{
	struct sim *s = arg;

	*token = s->tokens[rec];
	return keeper_token(realm_conf(s->realm)->sim_keeper, &s->rsi, challenge, s->tokens[rec],
			    KEEPER_TOKEN_MAX, len);
}

/*
 * Host services have immediate 0 [DEN 0148]. A real Realm's host is KVM, which takes a host call
 * for one of SMCCC whatever the immediate: there is a version to ask for before anything else.
 */
static int env_host_call(void *arg, u16 imm, u64 gprs[31])
{
	const struct sim *s = arg;

	if ((u32)gprs[0] == SMCCC_VERSION) {
		memcpy(gprs, (const u64[]){ SMCCC_1_1, 0, 0, 0 }, 4 * sizeof(*gprs));
		return 0;
	}
	return rhi_call(imm ? NULL : realm_rhi(s->realm), gprs);
}

const struct rsi_env calls_rsi_env = {
	.read = env_read,
	.write = env_write,
	.ripas_run = env_ripas_run,
	.ripas_set = env_ripas_set,
	.token = env_token,
	.host_call = env_host_call,
};

/* ---- what psci.c asks for ---- */

static int start_cpu(void *arg, unsigned caller, unsigned cpu, u64 entry, u64 context)
{
	const struct sim *s = arg;
	int err = regs_start(s->vcpu_fds[cpu], s->vcpu_fds[caller], entry, context);

	if (err)
		log_errno(err, "cannot start vCPU %u of the simulated Realm", cpu);
	return err;
}

const struct psci_env calls_psci_env = { .start = start_cpu };

/* ---- calls ---- */

/* What the guest has called with; function ids are in w0. */
static int get_regs(int vcpu_fd, u64 x[], unsigned nr)
{
	int err = kvm_gprs_get(vcpu_fd, x, nr);

	if (!err)
		x[0] = (u32)x[0];
	return err;
}

/* A kick (stop, pause) ends it early. */
static void delay(u32 ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	if (ms)
		nanosleep(&t, NULL);
}

/* The guest may ask for the RIM: from here on it is there. Asked again, that costs nothing. */
static void see_to_rim(struct sim *s, u64 function)
{
	u8 rim[RSI_HASH_MAX];

	switch (function) {
	case RSI_MEASUREMENT_READ:
	case RSI_ATTESTATION_TOKEN_INIT:
	case RSI_ATTESTATION_TOKEN_CONTINUE:
		draft_value(s->draft, DRAFT_BUILT, rim);
		pthread_mutex_lock(&s->rsi.lock);
		memcpy(s->rsi.rim, rim, sizeof(rim));
		pthread_mutex_unlock(&s->rsi.lock);
	}
}

static int answer_rsi(struct sim *s, unsigned index, int vcpu_fd)
{
	struct sim_call *c = &s->calls[index];
	u64 in[RSI_NR_REGS], x[RSI_NR_REGS];
	unsigned nr_out = PSCI_NR_REGS;
	char text[CALLTEXT_SIZE];
	int err = get_regs(vcpu_fd, in, RSI_NR_REGS);

	if (err)
		return err;
	see_to_rim(s, in[0]);
	if (!c->waits) {
		memcpy(c->x, in, sizeof(in));
		delay(fault_delay_ms(s->fault.plan, in[0]));
		c->answered = fault_call(&s->fault, index, c->x);
	}
	memcpy(x, c->x, sizeof(x));
	if (!c->answered)
		err = rsi_call(&s->rsi, &s->recs[index], x, &nr_out);
	c->waits = err == -EAGAIN;
	if (c->waits && in[0] == RSI_HOST_CALL) {
		rhi_wait(realm_rhi(s->realm));
		return -EINPROGRESS;
	}
	if (err)
		return err;
	if (in[0] == RSI_VERSION && x[0] == RSI_SUCCESS)
		atomic_store(&s->aware, true);
	if (s->log)
		calllog_write(s->log, index, calltext_rsi(text, in, x));
	return kvm_gprs_set(vcpu_fd, x, nr_out);
}

static int answer_psci(struct sim *s, unsigned index, int vcpu_fd)
{
	u64 in[PSCI_NR_REGS], x[PSCI_NR_REGS];
	char text[CALLTEXT_SIZE];
	int err = get_regs(vcpu_fd, x, PSCI_NR_REGS);
	bool on;

	if (err)
		return err;
	memcpy(in, x, sizeof(in));
	on = psci_call(&s->psci, index, x);
	if (s->log)
		calllog_write(s->log, index, calltext_psci(text, in, on ? x[0] : 0));
	if (!on)
		return 0;
	realm_wake(s->realm);
	return kvm_gprs_set(vcpu_fd, x, PSCI_NR_REGS);
}

/* What no RMM knows either. */
static int answer_other(struct sim *s, unsigned index, int vcpu_fd)
{
	const u64 answer[RSI_NR_REGS] = { RSI_NOT_SUPPORTED };
	char text[CALLTEXT_SIZE];
	u64 in[RSI_NR_REGS];

	if (s->log && !get_regs(vcpu_fd, in, RSI_NR_REGS))
		calllog_write(s->log, index, calltext_rsi(text, in, answer));
	return kvm_gprs_set(vcpu_fd, answer, 1);
}

int calls_exit(struct sim *s, unsigned index, int vcpu_fd, const struct kvm_run *run)
{
	u32 function = (u32)run->hypercall.nr;

	/* [RMM 1.0 A4.5] there is no hypervisor below a Realm's EL1 */
	if (!(run->hypercall.flags & KVM_HYPERCALL_EXIT_SMC))
		return regs_undefined(vcpu_fd);
	if (function - RSI_FID_BASE < RSI_NR_FIDS)
		return answer_rsi(s, index, vcpu_fd);
	if (psci_is_call(function))
		return answer_psci(s, index, vcpu_fd);
	return answer_other(s, index, vcpu_fd);
}
