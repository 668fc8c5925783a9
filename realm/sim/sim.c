/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulated Realm: an ordinary VM on any arm64 KVM with the SMCCC filter (Linux 6.4 and later)
 * whose RSI calls we answer. It protects nothing from the host.
 *
 * Thread: main until activation, then vCPU threads; rsi.c and psci.c serialise calls.
 * Trust:  registers of the guest.
 * Spec:   [RMM 1.0 A5.2 address space, B5 RSI], [KVM devices/vm.rst 6 SMCCC filter]
 *
 * The IPA space has one bit more than the board needs. The lower half is the protected one: a slot
 * with the memory that only vCPUs see. The upper half is the shared alias: a slot with the devices'
 * view, in which a protected page is inaccessible, so that KVM_RUN fails with EFAULT there and the
 * guest gets the synchronous external abort that an RMM would give it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/kvm/smccc.h"
#include "lkvm/vm/mem.h"
#include "realm/measure/digest.h"
#include "realm/measure/profile.h"
#include "realm/realm.h"
#include "realm/sim/calllog.h"
#include "realm/sim/regs.h"
#include "realm/sim/sim.h"

static u64 mem_flags(const struct realm_conf *conf)
{
	return MEM_HUGE | MEM_PROTECTED | MEM_SPLIT_VIEW | (conf->strict ? MEM_STRICT : 0);
}

static int rmm(const struct realm_conf *conf)
{
	return RIM_RMM_1_0;
}

/* ---- set-up ---- */

/*
 * Everything comes to us, also what an RMM does not know: the guest must find neither KVM's
 * services here nor HVC. KVM keeps the architecture's range [SMCCC 1.2 §7], and does the work of
 * CPU_SUSPEND (32 and 64 bit), SYSTEM_OFF and SYSTEM_RESET, as an RMM's host would.
 */
static const struct smccc_range forwarded[] = {
	{ 0, 0x7fffffff },
	{ 0x80010000, PSCI_CPU_SUSPEND - 1 },
	{ PSCI_CPU_SUSPEND + 1, PSCI_SYSTEM_OFF - 1 },
	{ PSCI_SYSTEM_RESET + 1, 0xbfffffff },
	{ 0xc0010000, (PSCI_CPU_SUSPEND | PSCI_64) - 1 },
	{ (PSCI_CPU_SUSPEND | PSCI_64) + 1, 0xffffffff },
};

static int create(struct realm *r)
{
	const struct realm_conf *conf = realm_conf(r);
	struct sim *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	realm_set_state(r, s);
	err = digest_load();
	if (err)
		return err;
	s->realm = r;
	s->mem = realm_mem(r);
	s->draft = conf->draft;
	rsi_init(&s->rsi, &calls_rsi_env, s);
	s->rsi.ipa_bits = 1 + (unsigned)__builtin_ctzll(mem_alias(s->mem));
	s->rsi.hash_algo = conf->sha512 ? RSI_HASH_SHA512 : RSI_HASH_SHA256;
	s->rsi.token_max = KEEPER_TOKEN_MAX;
	memcpy(s->rsi.rpv, conf->rpv, sizeof(s->rsi.rpv));
	psci_init(&s->psci, &calls_psci_env, s, mem_alias(s->mem));
	s->rsi.version_low = conf->sim_faults ? conf->sim_faults->version_low : 0;
	s->rsi.version_high = conf->sim_faults ? conf->sim_faults->version_high : 0;
	fault_init(&s->fault, conf->sim_faults);
	for (unsigned i = 0; i < SIM_MAX_RECS; i++)
		s->recs[i].index = i;
	if (conf->sim_log)
		err = calllog_open(&s->log, conf->sim_log_file);
	return err ? err
		   : smccc_forward(realm_kvm(r), forwarded, ARRAY_SIZE(forwarded), "--realm=sim");
}

static int set_ram(struct realm *r)
{
	const struct mem *m = realm_mem(r);
	struct kvm *k = realm_kvm(r);
	int err = 0;

	for (unsigned i = 0; i < mem_nr_regions(m) && !err; i++) {
		const struct mem_region *reg = mem_region(m, i);

		err = kvm_add_slot(k, reg->base, reg->size, reg->host, 0, NULL);
		if (!err)
			err = kvm_add_slot(k, gpa(reg->base.a | mem_alias(m)), reg->size,
					   reg->shared_view, 0, NULL);
	}
	if (err)
		log_error("cannot give the guest its memory: %s; try a smaller --mem",
			  strerror(-err));
	return err;
}

/*
 * ---- measurement: what an RMM does at the calls that the host makes here ----
 *
 * From what is there, not from what was planned: registers of the vCPUs, bytes of the memory. They
 * are hashed later: most guests never ask.
 */

static int unreadable(const char *what, int err)
{
	return log_errno(err, "cannot measure %s of the simulated Realm", what);
}

static int define(struct realm *r, int vcpu_fd)
{
	struct sim *s = realm_state(r);
	struct rim_params p;
	int err = profile_of_vcpu(&p, &realm_conf(r)->host, vcpu_fd, realm_conf(r)->pmu);

	if (err)
		return unreadable("the features", err);
	p.hash = s->rsi.hash_algo;
	p.ipa_bits = s->rsi.ipa_bits;
	draft_begin(s->draft, DRAFT_BUILT, RIM_RMM_1_0, &p);
	return 0;
}

static int init_ripas(struct realm *r, gpa_t g, u64 len)
{
	struct sim *s = realm_state(r);

	draft_init_ripas(s->draft, DRAFT_BUILT, g.a, g.a + len);
	return 0;
}

static int populate(struct realm *r, gpa_t g, u64 len, bool measured)
{
	struct sim *s = realm_state(r);
	int err = 0;

	for (u64 at = g.a; measured && at < g.a + len && !err; at += RSI_GRANULE) {
		u8 *granule = draft_granule(s->draft);

		err = granule ? mem_rmm_read(s->mem, gpa(at), granule, RSI_GRANULE) : -ENOMEM;
	}
	draft_data(s->draft, DRAFT_BUILT, g.a, len, measured);
	return err ? unreadable("the memory", err) : 0;
}

/* A vCPU that waits for PSCI CPU_ON is a REC that is not runnable. */
static int measure_rec(struct sim *s, int vcpu_fd, bool *runnable)
{
	struct kvm_mp_state state;
	u64 pc, gprs[8];
	int err = kvm_ioctl(vcpu_fd, KVM_GET_MP_STATE, &state);

	if (!err)
		err = kvm_reg_get64(vcpu_fd, KVM_REG_PC, &pc);
	if (!err)
		err = kvm_gprs_get(vcpu_fd, gprs, ARRAY_SIZE(gprs));
	if (err)
		return unreadable("a vCPU", err);
	*runnable = state.mp_state == KVM_MP_STATE_RUNNABLE;
	draft_rec(s->draft, DRAFT_BUILT, *runnable, pc, gprs);
	return 0;
}

static int finalize(struct realm *r, int vcpu_fd)
{
	struct sim *s = realm_state(r);
	unsigned index = s->psci.nr_cpus;
	bool runnable;
	int err = regs_reset(vcpu_fd);

	assert(index < SIM_MAX_RECS);
	if (err)
		return log_errno(err, "cannot set the registers of vCPU %u", index);
	err = measure_rec(s, vcpu_fd, &runnable);
	if (err)
		return err;
	/* Here, so that no call of the guest makes us take memory. */
	s->tokens[index] = malloc(KEEPER_TOKEN_MAX);
	if (!s->tokens[index])
		return log_errno(-ENOMEM, "vCPU %u", index);
	s->vcpu_fds[index] = vcpu_fd;
	atomic_store(&s->psci.on[index], runnable);
	s->psci.nr_cpus++;
	return 0;
}

/* ---- running ---- */

static int exit_(struct realm *r, unsigned index, int vcpu_fd, struct kvm_run *run)
{
	assert(index < SIM_MAX_RECS);
	if (run->exit_reason == KVM_EXIT_MEMORY_FAULT)
		return regs_abort(vcpu_fd);
	if (run->exit_reason == KVM_EXIT_HYPERCALL)
		return calls_exit(realm_state(r), index, vcpu_fd, run);
	return -ENOSYS;
}

static bool is_aware(const struct realm *r)
{
	return atomic_load(&((const struct sim *)realm_state(r))->aware);
}

static bool is_on(const struct realm *r, unsigned index)
{
	return psci_is_on(&((const struct sim *)realm_state(r))->psci, index);
}

/*
 * A protected page reached through the alias, or (strict) a shared page at its protected address.
 */
static int fault(struct realm *r, int vcpu_fd)
{
	return regs_abort(vcpu_fd);
}

static void destroy(struct realm *r)
{
	struct sim *s = realm_state(r);

	if (!s)
		return;
	for (unsigned i = 0; i < SIM_MAX_RECS; i++)
		free(s->tokens[i]);
	calllog_close(s->log);
	fault_fini(&s->fault);
	rsi_fini(&s->rsi);
	psci_fini(&s->psci);
	free(s);
}

static const struct sys_call list[] = {
	CALL_IOCTL(KVM_GET_ONE_REG),
	CALL_IOCTL(KVM_SET_ONE_REG),
	CALL_IOCTL(KVM_SET_MP_STATE),
	CALL_IOCTL_RARE(KVM_SET_VCPU_EVENTS, "an access to nothing"),
	CALL_NO_EXEC(mprotect),
	CALL_NO_EXEC(mmap),
	CALL(madvise),
	CALL(fallocate),
	CALL_RARE(clock_nanosleep, "--sim-fault delay"),
	CALL_RARE(sendto, "a token"),
	CALL_RARE(recvfrom, "a token"),
	CALL(wait4), /* for the keeper, at the end */
};
static const struct calls sim_calls = CALLS("simulated Realm", list);

const struct realm_ops realm_sim = {
	.name = "sim",
	.calls = &sim_calls,
	.confidential = true,
	.realm = true,
	.devices_at_alias = true,
	.banner = "simulated Realm: no isolation",
	.rmm = rmm,
	.mem_flags = mem_flags,
	.check = realm_accepts_all,
	.vm_type = realm_plain_vm_type,
	.vcpu_features = realm_no_vcpu_features,
	.create = create,
	.set_ram = set_ram,
	.define = define,
	.init_ripas = init_ripas,
	.populate = populate,
	.finalize = finalize,
	.activate = realm_nothing,
	.measures = true,
	.exit = exit_,
	.is_on = is_on,
	.is_aware = is_aware,
	.fault = fault,
	.run_error = realm_no_run_error,
	.destroy = destroy,
};
