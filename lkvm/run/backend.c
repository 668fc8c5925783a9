/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which backend runs the guest: the user's wish and what the host has; and the VM of that kind.
 *
 * Thread: main.
 * Trust:  the user's configuration; the kernel.
 */
#include "lkvm/run/backend.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/run/launch.h"
#include "realm/host/probe.h"
#include "realm/sim/keeper.h"

int backend_prepare(struct config *c)
{
	if (c->realm != REALM_SIM)
		return 0;
	return keeper_start(&c->sim_keeper, c->sim_keys, c->sim_cmw ? TOKEN_CMW : TOKEN_COLLECTION);
}

void backend_release(struct config *c)
{
	keeper_stop(c->sim_keeper);
	c->sim_keeper = NULL;
}

const struct realm_ops *backend_presume(struct realm_conf *conf, const struct config *c)
{
	*conf = (struct realm_conf){
		.sha512 = c->realm_hash == HASH_SHA512,
		.strict = c->sim_strict,
		.service_host = c->service_ip,
		.service_port = c->service_port,
		.sim_keeper = c->sim_keeper,
		.sim_faults = &c->sim_faults,
		.sim_log = c->sim_log,
		.sim_log_file = c->sim_log_file,
		.has_rpv = c->has_realm_pv,
		.log = c->measurement_log,
		.pmu = c->pmu,
		.pmu_counters = c->pmu_counters,
		.sve = c->sve,
		.sve_vl = c->sve_max_vl,
	};
	memcpy(conf->rpv, c->realm_pv, sizeof(conf->rpv));
	if (c->protected_vm)
		return &realm_pkvm;
	switch (c->realm) {
	case REALM_OFF:
		break;
	case REALM_SIM:
		return &realm_sim;
	case REALM_ANY:
	case REALM_RME:
	case REALM_RMI:
		return &realm_rme;
	}
	return &realm_none;
}

static enum probe_want wanted(const struct config *c)
{
	if (c->protected_vm)
		return PROBE_PKVM;
	if (c->realm == REALM_RME)
		return PROBE_RME;
	return c->realm == REALM_RMI ? PROBE_RMI : PROBE_CCA;
}

int backend_choose(const struct realm_ops **ops, struct realm_conf *conf, const struct kvm *k,
		   const struct config *c)
{
	struct probe p;
	int err;

	/* The simulator finds out for itself, without a scratch VM. */
	if (!c->protected_vm && (c->realm == REALM_OFF || c->realm == REALM_SIM))
		return 0;
	err = probe_select(&p, k, wanted(c));
	if (err)
		return err;
	*ops = p.ops;
	conf->host = p.host;
	/* The RFC's Realms have SVE only with a vector length [uapi reference 4.3]. */
	if (p.host.sve_told && !conf->sve_vl)
		conf->sve = false;
	return p.ops->check(conf);
}

static int too_wide(unsigned bits, unsigned max)
{
	log_error("Memory too large for this system (needs %u bits, %u available)", bits, max);
	return -E2BIG;
}

/*
 * The narrowest IPA space that holds the board: fewer levels of stage 2 to walk. A kernel without
 * KVM_CAP_ARM_VM_IPA_SIZE knows only 40 bits, which is type 0.
 */
int backend_create_vm(struct kvm *k, const struct realm_ops *ops, const struct realm_conf *conf,
		      unsigned bits)
{
	unsigned max = (unsigned)kvm_cap(k, KVM_CAP_ARM_VM_IPA_SIZE);
	int err;

	if (bits > (max ? max : 40))
		return too_wide(bits, max ? max : 40);
	err = kvm_vm_create(k, max ? ops->vm_type(conf, bits) : 0);
	/* The RMM has a limit of its own, which only shows here [uapi reference 3.1]. */
	if (err == -EINVAL && conf->host.vm_type)
		return too_wide(bits, probe_ipa_bits(&(struct probe){ ops, conf->host, NULL }, k));
	if (err)
		return log_errno(err, "cannot create a VM");
	/*
	 * Without it, a load or store that the syndrome does not describe ends KVM_RUN with ENOSYS.
	 * Protected VMs, Realms and kernels before 5.5 refuse: there it stays so.
	 */
	kvm_enable_cap(k, KVM_CAP_ARM_NISV_TO_USER, 0);
	return 0;
}

/* Linux 6.18 and later have what a host can map, for ordinary VMs. */
static int create_gmem(struct kvm *k, const struct config *c, struct launch *l)
{
	const u64 flags = KVM_GUEST_MEMFD_MMAP | KVM_GUEST_MEMFD_INIT_SHARED;

	if ((kvm_vm_cap(k, KVM_CAP_GUEST_MEMFD_FLAGS) & flags) != flags) {
		log_error(
			"--guest-memfd: this host's KVM has none that ordinary guests can use, it "
			"needs Linux 6.18 or later");
		return -ENODEV;
	}
	l->gmem_fd = kvm_gmem_create(k, c->ram_size, flags);
	if (l->gmem_fd < 0)
		return log_errno(l->gmem_fd, "--guest-memfd: cannot create it");
	l->gmem = true;
	return 0;
}

static int set_counter_offset(struct kvm *k, u64 offset)
{
	struct kvm_arm_counter_offset o = { .counter_offset = offset };
	int err;

	if (!kvm_vm_cap(k, KVM_CAP_COUNTER_OFFSET)) {
		log_error(
			"--counter-offset: this host's KVM has no such thing, it needs Linux 6.4 or "
			"later");
		return -ENODEV;
	}
	err = kvm_ioctl(k->vm_fd, KVM_ARM_SET_COUNTER_OFFSET, &o);
	return err ? log_errno(err, "--counter-offset: KVM refuses it") : 0;
}

int backend_prepare_vm(struct kvm *k, const struct config *c, struct launch *l)
{
	int err = c->counter_offset_set ? set_counter_offset(k, c->counter_offset) : 0;

	return err || !c->guest_memfd ? err : create_gmem(k, c, l);
}
