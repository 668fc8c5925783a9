/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A protected VM of mainline KVM (host booted with kvm-arm.mode=protected): pages leave the host
 * when the guest first touches them, and the guest shares some back by hypercall.
 *
 * Thread: main.
 * Trust:  nothing of the guest's.
 * Spec:   [KVM api 4.2 KVM_VM_TYPE_ARM_PROTECTED], Linux virt/kvm/arm/hypercalls.rst
 *
 * Which pages are shared is between the guest and the hypervisor; we are not told, and to touch
 * another one is SIGSEGV. So no page counts as shared, and the devices refuse them all.
 */
#include "lkvm/kvm.h"
#include "lkvm/mem.h"
#include "realm/realm.h"

static u64 mem_flags(const struct realm_conf *conf)
{
	(void)conf;
	return MEM_PROTECTED;
}

static unsigned long vm_type(const struct realm_conf *conf, unsigned ipa_bits)
{
	(void)conf;
	return KVM_VM_TYPE_ARM_PROTECTED | ipa_bits;
}

static void destroy(struct realm *r)
{
	(void)r;
}

const struct realm_ops realm_pkvm = {
	.name = "pkvm",
	.confidential = true,
	.banner = "protected VM: a console, but no virtio devices (the guest's pages are its own)",
	.rmm = realm_not_measured,
	.mem_flags = mem_flags,
	.check = realm_accepts_all,
	.vm_type = vm_type,
	.vcpu_features = realm_no_vcpu_features,
	.create = realm_nothing,
	.set_ram = realm_plain_ram,
	.define = realm_leaves_vcpu,
	.init_ripas = realm_no_ripas,
	.populate = realm_populates_nothing,
	.finalize = realm_leaves_vcpu,
	.activate = realm_nothing,
	.rim = realm_no_rim,
	.exit = realm_no_exit,
	.fault = realm_no_fault,
	.destroy = destroy,
};
