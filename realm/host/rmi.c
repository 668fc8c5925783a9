/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Realms of the "RMI" host kernels, v12 and later (generations C1 to C5): memory is populated with
 * an ioctl, the rest of the life cycle happens by itself at the first populate and the first
 * KVM_RUN.
 *
 * Thread: main until the vCPUs start, then vCPU threads.
 * Trust:  exits are the guest's.
 * Spec:   [uapi reference 4.1, 4.4 - 4.6], uapi_rmi.h
 *
 * The first KVM_RUN of any vCPU makes RECs of all of them, in order, from the registers they have
 * then, and turns all of RAM into RIPAS RAM. The machine starts no vCPU before all are complete.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/vm/mem.h"
#include "realm/host/gmem.h"
#include "realm/host/hostcall.h"
#include "realm/host/reasons.h"
#include "realm/host/uapi_rmi.h"
#include "realm/measure/rim.h"
#include "realm/realm.h"

static u64 mem_flags(const struct realm_conf *conf)
{
	return MEM_PROTECTED | MEM_SHARED_ONLY;
}

static int cannot(const struct realm_conf *conf, const char *what)
{
	log_error("%s on this host: its kernel's Realms (generation %s) leave no choice", what,
		  conf->host.gen);
	return -EINVAL;
}

/* What these kernels do not let us choose must not be dropped: a verifier looks at it. */
static int check(const struct realm_conf *conf)
{
	if (conf->sha512)
		return cannot(conf, "--measurement-algo sha512 is not possible");
	if (conf->has_rpv)
		return cannot(conf, "--realm-pv is not possible");
	if (conf->pmu && !conf->host.pmu)
		return cannot(conf, "--pmu is not possible");
	return 0;
}

/*
 * v12 goes with RMM 1.0, and its order, RIPAS behind the data, is one that no published measurement
 * was made in.
 */
static int rmm(const struct realm_conf *conf)
{
	return conf->host.populate_counts ? -ENOTSUP : RIM_RMM_2_0;
}

static unsigned long vm_type(const struct realm_conf *conf, unsigned ipa_bits)
{
	return conf->host.vm_type | ipa_bits;
}

static int set_ram(struct realm *r)
{
	bool own = realm_conf(r)->host.gmem_attrs;
	struct gmem *g;
	int err = gmem_create(&g, realm_kvm(r), realm_mem(r), own ? GMEM_ATTRS_OWN : GMEM_ATTRS_VM);

	if (!err)
		realm_set_state(r, g);
	return err;
}

static int define(struct realm *r, int vcpu_fd)
{
	return gmem_protect(realm_state(r));
}

/* ---- populate ---- */

/* v12: the return value is what has been done; the arguments stay. */
static int step_v12(const struct kvm *k, struct rmi_populate *p)
{
	int n = kvm_ioctl(k->vm_fd, KVM_ARM_RMI_POPULATE_V12, p);

	if (n <= 0)
		return n;
	p->base += (u64)n;
	p->source += (u64)n;
	p->size -= (u64)n;
	return 0;
}

/*
 * Partial progress is normal; none at all is not [uapi reference 4.4]. Nor is more than was asked
 * for, which looks like an increase: the size wraps.
 */
static int populate_all(const struct realm_conf *c, const struct kvm *k, struct rmi_populate *p)
{
	while (p->size) {
		u64 before = p->size;
		int err = c->host.populate_counts ? step_v12(k, p)
						  : kvm_ioctl(k->vm_fd, KVM_ARM_RMI_POPULATE, p);

		if (err && err != -EINTR)
			return err;
		if (!err && p->size >= before)
			return -EIO;
	}
	return 0;
}

/* An int can count less than 2 GiB of bytes, which is what v12 returns. */
#define POPULATE_MAX GiB

static int populate(struct realm *r, gpa_t g, u64 len, bool measured)
{
	const void *from = mem_load_ptr(realm_mem(r), g, len);
	int err = from ? 0 : -EFAULT;

	for (u64 done = 0; done < len && !err; done += POPULATE_MAX) {
		struct rmi_populate p = {
			.base = g.a + done,
			.size = MIN(len - done, POPULATE_MAX),
			.source = (uintptr_t)from + done,
			.flags = measured ? RMI_POPULATE_MEASURE : 0,
		};

		err = populate_all(realm_conf(r), realm_kvm(r), &p);
	}
	if (err)
		log_errno(err, "cannot load the Realm");
	return err;
}

static int activate(struct realm *r)
{
	return gmem_drop_loaded(realm_state(r));
}

static int exit_(struct realm *r, unsigned index, int vcpu_fd, struct kvm_run *run)
{
	if (hostcall_is(r, run))
		return hostcall_exit(r, vcpu_fd, run);
	return gmem_exit(realm_state(r), index, run);
}

static void destroy(struct realm *r)
{
	gmem_destroy(realm_state(r));
}

const struct realm_ops realm_rmi = {
	.name = "rmi",
	.no_assign = REASON_NO_ASSIGN,
	.calls = &gmem_calls,
	.confidential = true,
	.realm = true,
	.ripas_last = true,
	.rmm = rmm,
	.mem_flags = mem_flags,
	.check = check,
	.vm_type = vm_type,
	.vcpu_features = realm_no_vcpu_features,
	.create = hostcall_create,
	.set_ram = set_ram,
	.define = define,
	.init_ripas = realm_no_ripas,
	.populate = populate,
	.finalize = realm_leaves_vcpu,
	.activate = activate,
	.exit = exit_,
	.abort_completed = true,
	.is_on = realm_always_on,
	.is_aware = realm_always_aware,
	.fault = realm_no_fault,
	.run_error = reason_of_run,
	.destroy = destroy,
};
