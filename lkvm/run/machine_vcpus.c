/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vCPUs of a machine: what they are, where they run, and who switches them on.
 *
 * Thread: main, while the machine is built.
 * Trust:  the user's configuration.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "arm64/power.h"
#include "lkvm/base/log.h"
#include "lkvm/run/config.h"
#include "lkvm/run/machine_priv.h"
#include "realm/realm.h"

static int create_power(struct machine *m)
{
	const struct power_env env = { .kvm = &m->kvm,
				       .model = &m->cpu_model,
				       .gate = &m->gate,
				       .stop = m->stop,
				       .nr_cpus = m->launch.board.nr_cpus };

	int err = power_create(&m->power, &env);

	m->vcpu_env.hooks = &power_hooks;
	m->vcpu_env.hooks_arg = m->power;
	return err;
}

/*
 * Where the vCPUs will run: what they are, and which PMU counts for them, KVM takes from the CPU of
 * the caller, and a host may have CPUs of several kinds. Whatever `do_it` starts would stay there.
 */
static int on_their_cpus(struct machine *m, int (*do_it)(struct machine *m))
{
	cpu_set_t old;
	bool moved = m->vcpu_env.affinity && sched_getaffinity(0, sizeof(old), &old) == 0 &&
		     sched_setaffinity(0, sizeof(*m->vcpu_env.affinity), m->vcpu_env.affinity) == 0;
	int err = do_it(m);

	if (moved)
		sched_setaffinity(0, sizeof(old), &old);
	return err;
}

static int choose_vcpus(struct machine *m)
{
	struct cpu_conf conf = {
		.pmu = m->c->pmu,
		.pmu_counters = m->c->pmu_counters,
		.no_sve = !m->c->sve || !m->realm_conf.sve,
		.sve_max_vl = m->c->sve_max_vl,
		/* KVM wants memory that can have tags behind each slot. */
		.mte = m->c->mte && !m->c->flash && !m->c->nr_vfio && !m->realm_ops->confidential &&
		       !m->c->hugetlbfs && !m->launch.gmem,
		.el2 = m->c->nested,
		.e2h0 = m->c->e2h0,
		.aarch32 = m->c->aarch32,
	};
	int err = cpu_choose(&m->cpu_model, &m->kvm, &conf);

	if (!err)
		m->cpu_model.features[0] |= m->realm_ops->vcpu_features(&m->realm_conf);
	return err;
}

static int init_vcpus(struct machine *m)
{
	int err = 0;

	for (unsigned i = 0; i < m->launch.board.nr_cpus && !err; i++) {
		err = vcpu_create(&m->vcpus[i], &m->vcpu_env, i);
		if (err)
			return log_errno(err, "cannot create a vCPU");
		m->nr_vcpus++;
		if (m->power)
			power_add(m->power, i, vcpu_fd(m->vcpus[i]));
		err = cpu_init(&m->cpu_model, vcpu_fd(m->vcpus[i]), i);
		if (!err)
			err = cpu_finalize(&m->cpu_model, vcpu_fd(m->vcpus[i]));
	}
	return err;
}

int machine_create_vcpus(struct machine *m)
{
	int err;

	m->vcpu_env = (struct vcpu_env){ .kvm = &m->kvm,
					 .bus = m->bus,
					 .stop = m->stop,
					 .realm = m->realm,
					 .gate = &m->gate,
					 .single_step = m->c->single_step,
					 .log_mmio = m->c->debug_mmio };
	if (m->c->vcpu_affinity) {
		err = config_affinity(m->c, &m->affinity);
		if (err)
			return err;
		m->vcpu_env.affinity = &m->affinity;
	}
	err = on_their_cpus(m, choose_vcpus);
	if (err)
		return err;
	if (m->c->psci) {
		err = create_power(m);
		if (err)
			return err;
	}
	m->vcpus = calloc(m->launch.board.nr_cpus, sizeof(struct vcpu *));
	return m->vcpus ? on_their_cpus(m, init_vcpus) : -ENOMEM;
}

static int attach_vcpus(struct machine *m)
{
	int err = 0;

	for (unsigned i = 0; i < m->nr_vcpus && !err; i++)
		err = cpu_attach(&m->cpu_model, vcpu_fd(m->vcpus[i]), i, m->pvtime);
	return err;
}

int machine_attach_vcpus(struct machine *m)
{
	return on_their_cpus(m, attach_vcpus);
}
