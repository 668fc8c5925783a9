/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ordinary VM: KVM gets the RAM, the rest of the life cycle has nothing to add.
 *
 * Thread: main.
 * Trust:  nothing of the guest's.
 */
#include "lkvm/vm/mem.h"
#include "realm/host/ram.h"
#include "realm/realm.h"

static u64 mem_flags(const struct realm_conf *conf)
{
	return MEM_HUGE;
}

static void destroy(struct realm *r)
{
}

const struct realm_ops realm_none = {
	.name = "none",
	.rmm = realm_not_measured,
	.mem_flags = mem_flags,
	.check = realm_accepts_all,
	.vm_type = realm_plain_vm_type,
	.vcpu_features = realm_no_vcpu_features,
	.create = realm_nothing,
	.set_ram = ram_as_slots,
	.define = realm_leaves_vcpu,
	.init_ripas = realm_no_ripas,
	.populate = realm_populates_nothing,
	.finalize = realm_leaves_vcpu,
	.activate = realm_nothing,
	.exit = realm_no_exit,
	.is_on = realm_always_on,
	.is_aware = realm_always_aware,
	.fault = realm_no_fault,
	.run_error = realm_no_run_error,
	.destroy = destroy,
};
