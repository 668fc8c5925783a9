/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of a config that are about CPUs.
 *
 * Thread: main, before others run.
 * Trust:  the user's own command line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"
#include "lkvm/run/config.h"

static int refuse(const char *why)
{
	log_error("%s", why);
	return -EINVAL;
}

/* What the RMM, or pKVM, decides or cannot do. */
static int check_confidential(const struct config *c)
{
	const struct {
		bool given;
		const char *name;
	} opts[] = {
		{ c->nested, "nested" },
		{ c->psci, "psci" },
		{ c->aarch32, "aarch32" },
		{ c->guest_memfd, "guest-memfd" },
		{ c->counter_offset_set, "counter-offset" },
		{ c->single_step, "debug-single-step" },
	};

	if (c->realm == REALM_OFF && !c->protected_vm)
		return 0;
	if (c->gdb && (c->realm != REALM_SIM || c->protected_vm))
		return refuse(
			"--gdb is not possible with --realm or --protected: what is in such a "
			"guest is not the host's to see (--realm=sim is)");
	for (size_t i = 0; i < ARRAY_SIZE(opts); i++) {
		if (!opts[i].given)
			continue;
		log_error("--%s is not possible with --realm or --protected: it is not the host's "
			  "to decide",
			  opts[i].name);
		return -EINVAL;
	}
	return 0;
}

static int check_aarch32(const struct config *c)
{
	if (!c->aarch32)
		return 0;
	if (c->nested)
		return refuse("--aarch32: a 32-bit guest has no EL2 here, drop --nested");
	if (c->firmware)
		return refuse("--aarch32 is for kernels, not for --firmware");
	if (c->sve_max_vl)
		return refuse("--aarch32: a 32-bit guest has no SVE, drop --sve-max-vl");
	return 0;
}

int config_check_cpu(const struct config *c)
{
	int err = check_confidential(c);

	if (!err)
		err = check_aarch32(c);
	if (err)
		return err;
	if (c->sve_max_vl && !c->sve)
		return refuse(
			"SVE VL requested when SVE is disabled: use --sve-max-vl or --disable-sve");
	if (c->pmu_counters && !c->pmu)
		return refuse("--pmu-counters is of no use without --pmu");
	if (c->gdb && c->single_step)
		return refuse("--debug-single-step and --gdb are two debuggers");
	if (c->gdb && (c->nested || c->aarch32))
		return refuse("--gdb sees EL1 and EL0 of 64-bit guests: drop --nested, --aarch32");
	if (c->e2h0 && !c->nested)
		return refuse("--e2h0 is of no use without --nested");
	if (c->nested && (c->irqchip == IRQCHIP_GICV2 || c->irqchip == IRQCHIP_GICV2M))
		return refuse(
			"--nested: a hypervisor wants a GICv3, use --irqchip gicv3-its or gicv3");
	if (c->guest_memfd && c->hugetlbfs)
		return refuse(
			"--guest-memfd and --hugetlbfs are two places for the guest's memory");
	return 0;
}

/* ---- lists of CPUs ---- */

static bool cpu_number(const char **p, u64 *out)
{
	int n = decode_number_prefix(out, CPU_SETSIZE - 1, NUMBER_DEC, *p, strlen(*p));

	if (n > 0)
		*p += n;
	return n > 0;
}

int config_cpulist(const char *list, cpu_set_t *set)
{
	u64 first, last;

	CPU_ZERO(set);
	do {
		if (!cpu_number(&list, &first))
			return -EINVAL;
		last = first;
		if (*list == '-') {
			list++;
			if (!cpu_number(&list, &last) || last < first)
				return -EINVAL;
		}
		for (u64 i = first; i <= last; i++)
			CPU_SET(i, set);
	} while (*list++ == ',');
	return list[-1] ? -EINVAL : 0;
}

int config_affinity(const struct config *c, cpu_set_t *set)
{
	cpu_set_t old;
	int err = 0;

	/* Its form was checked with the other options. */
	config_cpulist(c->vcpu_affinity, set);
	if (sched_getaffinity(0, sizeof(old), &old) < 0 ||
	    sched_setaffinity(0, sizeof(*set), set) < 0)
		err = -errno;
	if (err)
		log_errno(err, "--vcpu-affinity %s: cannot run on these CPUs", c->vcpu_affinity);
	else
		sched_setaffinity(0, sizeof(old), &old);
	return err;
}
