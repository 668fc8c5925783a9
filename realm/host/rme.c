/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Realms of the "RME" host kernels: the RFC (generation A, ordinary memory) and the postings v2 to
 * v11 (generations B1 to B6, guest_memfd).
 *
 * Thread: main until activation, then vCPU threads.
 * Trust:  exits are the guest's.
 * Spec:   [uapi reference 3, 4.1 - 4.3], uapi_rme.h
 *
 * The descriptor is created late, in realm_define(): the kernel takes vector lengths, counters and
 * breakpoints from the vCPUs as they are then. INIT_RIPAS covers all RAM: a guest that finds a page
 * of its RAM EMPTY faults before it can change it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/vm/mem.h"
#include "realm/host/gmem.h"
#include "realm/host/hostcall.h"
#include "realm/host/ram.h"
#include "realm/host/reasons.h"
#include "realm/host/uapi_rme.h"
#include "realm/measure/rim.h"
#include "realm/realm.h"

struct rme {
	struct gmem *gmem; /* NULL in generation A */
	u32 rec_feature;
};

static const struct realm_host *host(struct realm *r)
{
	return &realm_conf(r)->host;
}

static struct gmem *gmem(struct realm *r)
{
	return ((struct rme *)realm_state(r))->gmem;
}

/*
 * Without guest_memfd the kernel delegates the pages of our own mapping and does not tell us which:
 * there is no other half to keep a bitmap for [uapi reference 4.3].
 */
static u64 mem_flags(const struct realm_conf *conf)
{
	return conf->host.gmem ? MEM_PROTECTED | MEM_SHARED_ONLY : 0;
}

static int check(const struct realm_conf *conf)
{
	/* The first posting's call has no flags: it measures what it loads [uapi reference 1.2]. */
	if (conf->log && conf->host.sve_told) {
		log_error("--measurement-log is not possible on this host: its kernel's Realms "
			  "(generation %s) measure all that is loaded",
			  conf->host.gen);
		return -EINVAL;
	}
	/* This generation does not look at the vCPUs' PMU: it wants to be told a number. */
	if (conf->host.sve_told && conf->pmu && !conf->pmu_counters) {
		log_error("--pmu: this host's kernel wants to know how many counters a Realm gets, "
			  "add --pmu-counters");
		return -EINVAL;
	}
	return 0;
}

/* The RFC's hosts came with drafts of RMM 1.0. */
static int rmm(const struct realm_conf *conf)
{
	return conf->host.gmem ? RIM_RMM_1_0 : -ENOTSUP;
}

static unsigned long vm_type(const struct realm_conf *conf, unsigned ipa_bits)
{
	return conf->host.vm_type | ipa_bits;
}

static u32 vcpu_features(const struct realm_conf *conf)
{
	return conf->host.rec_in_init ? 1u << conf->host.rec_feature : 0;
}

static int failed(const char *what, int err)
{
	return log_errno(err, "cannot %s", what);
}

static int sub_command(struct realm *r, u32 cmd, const void *arg, const char *what)
{
	struct kvm_enable_cap e = { .cap = host(r)->cap, .args = { cmd, (uintptr_t)arg } };
	int err = kvm_ioctl(realm_kvm(r)->vm_fd, KVM_ENABLE_CAP, &e);

	return err ? failed(what, err) : 0;
}

static int create(struct realm *r)
{
	struct rme *s = calloc(1, sizeof(*s));

	if (!s)
		return failed("allocate memory", -ENOMEM);
	s->rec_feature = host(r)->rec_feature;
	realm_set_state(r, s);
	return hostcall_create(r);
}

/* ---- memory ---- */

/* A delegated page must not be swapped or moved: the host may not even read it. */
static int lock_ram(struct realm *r)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	const struct mem *m = realm_mem(r);

	setrlimit(RLIMIT_MEMLOCK, &all); /* for root; others have what they have */
	for (unsigned i = 0; i < mem_nr_regions(m); i++) {
		if (mlock2(mem_region(m, i)->host, mem_region(m, i)->size, MLOCK_ONFAULT) < 0) {
			int err = -errno;

			log_error("cannot lock the memory of the Realm: %s; raise the limit with "
				  "'ulimit -l'",
				  strerror(-err));
			return err;
		}
	}
	return 0;
}

static int set_ram(struct realm *r)
{
	struct rme *s = realm_state(r);
	int err;

	if (host(r)->gmem)
		return gmem_create(&s->gmem, realm_kvm(r), realm_mem(r), GMEM_ATTRS_VM);
	err = lock_ram(r);
	return err ? err : ram_as_slots(r);
}

/* ---- descriptor ---- */

static int configure(struct realm *r)
{
	const struct realm_conf *c = realm_conf(r);
	struct rme_config hash = { .cfg = RME_CFG_HASH,
				   .hash = c->sha512 ? RME_HASH_SHA512 : RME_HASH_SHA256 };
	struct rme_config rpv = { .cfg = RME_CFG_RPV };
	int err = sub_command(r, RME_CONFIG_REALM, &hash,
			      "set the measurement algorithm of the Realm (--measurement-algo)");

	memcpy(rpv.rpv, c->rpv, sizeof(rpv.rpv));
	if (!err && c->has_rpv)
		err = sub_command(r, RME_CONFIG_REALM, &rpv,
				  "set the personalization value of the Realm (--realm-pv)");
	return err;
}

/* What later kernels take from the vCPUs [uapi reference 4.3]. */
static int configure_rfc(struct realm *r)
{
	const struct realm_conf *c = realm_conf(r);
	struct rme_config sve = { .cfg = RME_CFG_SVE, .sve_vq = c->sve_vl / 128 - 1 };
	struct rme_config pmu = { .cfg = RME_CFG_PMU, .nr_counters = c->pmu_counters };
	int err = 0;

	if (c->sve)
		err = sub_command(r, RME_CONFIG_REALM, &sve, "set the Realm's vector length");
	if (!err && c->pmu)
		err = sub_command(r, RME_CONFIG_REALM, &pmu, "set the Realm's PMU counters");
	return err;
}

/* The kernel looks at the features of the vCPUs itself. */
static int define(struct realm *r, int vcpu_fd)
{
	int err = configure(r);

	if (!err && host(r)->sve_told)
		err = configure_rfc(r);
	return err ? err : sub_command(r, RME_CREATE_REALM, NULL, "create the Realm");
}

static int init_ripas(struct realm *r, gpa_t g, u64 len)
{
	struct rme_init_ripas a = { .base = g.a, .size = len };
	int err = sub_command(r, RME_INIT_RIPAS, &a, "hand over the memory of the Realm");

	return !err && host(r)->gmem ? gmem_protect(gmem(r)) : err;
}

/* The kernel takes the bytes from our mapping of the same guest address. */
static int populate(struct realm *r, gpa_t g, u64 len, bool measured)
{
	struct rme_populate p = { .base = g.a,
				  .size = len,
				  .flags = measured ? RME_POPULATE_MEASURE : 0 };

	return sub_command(r, RME_POPULATE, &p, "load the Realm");
}

static int finalize(struct realm *r, int vcpu_fd)
{
	struct rme *s = realm_state(r);
	int err = kvm_ioctl(vcpu_fd, KVM_ARM_VCPU_FINALIZE, &s->rec_feature);

	/* The first posting of the RFC has another number for it [uapi reference 2.1.6]. */
	if (err == -EINVAL && !host(r)->gmem && s->rec_feature != RME_VCPU_REC_RFC) {
		s->rec_feature = RME_VCPU_REC_RFC;
		err = kvm_ioctl(vcpu_fd, KVM_ARM_VCPU_FINALIZE, &s->rec_feature);
	}
	return err ? failed("finalize a vCPU of the Realm", err) : 0;
}

static int activate(struct realm *r)
{
	int err = sub_command(r, RME_ACTIVATE, NULL, "activate the Realm");

	return !err && host(r)->gmem ? gmem_drop_loaded(gmem(r)) : err;
}

/* ---- running ---- */

static int exit_(struct realm *r, unsigned index, int vcpu_fd, struct kvm_run *run)
{
	if (hostcall_is(r, run))
		return hostcall_exit(r, vcpu_fd, run);
	if (host(r)->gmem)
		return gmem_exit(gmem(r), index, run);
	/*
	 * The kernel has changed the page states on its own [uapi reference 4.3]; a sibling of a
	 * vCPU that has ended the guest comes back here until it is told to stop.
	 */
	return run->exit_reason == KVM_EXIT_MEMORY_FAULT || run->exit_reason == KVM_EXIT_UNKNOWN
		       ? 0
		       : -ENOSYS;
}

static void destroy(struct realm *r)
{
	struct rme *s = realm_state(r);

	if (s)
		gmem_destroy(s->gmem);
	free(s);
}

const struct realm_ops realm_rme = {
	.name = "rme",
	.no_assign = REASON_NO_ASSIGN,
	.calls = &gmem_calls,
	.confidential = true,
	.realm = true,
	.rmm = rmm,
	.mem_flags = mem_flags,
	.check = check,
	.vm_type = vm_type,
	.vcpu_features = vcpu_features,
	.create = create,
	.set_ram = set_ram,
	.define = define,
	.init_ripas = init_ripas,
	.populate = populate,
	.finalize = finalize,
	.activate = activate,
	.exit = exit_,
	.abort_completed = true,
	.is_on = realm_always_on,
	.is_aware = realm_always_aware,
	.fault = realm_no_fault,
	.run_error = reason_of_run,
	.destroy = destroy,
};
