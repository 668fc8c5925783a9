/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A protected VM of mainline KVM (host booted with kvm-arm.mode=protected): pages leave the host
 * when the guest first touches them, and the guest shares some back by hypercall.
 *
 * Thread: main.
 * Trust:  nothing of the guest's.
 * Spec:   [KVM api 4.2 KVM_VM_TYPE_ARM_PROTECTED], Linux virt/kvm/arm/hypercalls.rst
 *
 * Which pages are shared is between the guest and the hypervisor; we are not told, and to touch
 * another one is a fault: mem_guard() [lkvm/vm/mem.h].
 */
#include <errno.h>
#include <sys/resource.h>

#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/vm/mem.h"
#include "realm/host/ram.h"
#include "realm/realm.h"

static u64 mem_flags(const struct realm_conf *conf)
{
	return MEM_GUARDED;
}

static unsigned long vm_type(const struct realm_conf *conf, unsigned ipa_bits)
{
	return KVM_VM_TYPE_ARM_PROTECTED | ipa_bits;
}

/* KVM counts a page that it gives to the guest as locked by us. */
static int set_ram(struct realm *r)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	const struct mem *m = realm_mem(r);
	u64 ram = 0;

	for (unsigned i = 0; i < mem_nr_regions(m); i++)
		ram += mem_region(m, i)->size;
	/* For root; others have what they have, and CAP_IPC_LOCK if they are lucky. */
	if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0 && !getrlimit(RLIMIT_MEMLOCK, &limit) &&
	    limit.rlim_cur < ram) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &limit);
		if (limit.rlim_cur < ram)
			log_warn(
				"a protected VM locks its memory, %llu MiB, and this user may lock "
				"%llu KiB: raise that with 'ulimit -l'",
				(unsigned long long)(ram / MiB),
				(unsigned long long)(limit.rlim_cur / KiB));
	}
	return ram_as_slots(r);
}

static int activate(struct realm *r)
{
	return mem_guard(realm_mem(r));
}

/*
 * Some ways of the host's kernel to a page are past our mapping (O_DIRECT, /proc/PID/mem). Then the
 * hypervisor takes it from the guest, which cannot go on without.
 */
static int fault(struct realm *r, int vcpu_fd)
{
	log_error("the guest has lost memory: the host has touched a page that it does not share");
	return -EFAULT;
}

static void destroy(struct realm *r)
{
}

/* Of lkvm/vm/mem_guard.c: a page that the guest keeps from us. */
static const struct sys_call list[] = { CALL_NO_EXEC(mmap), CALL(rt_sigaction) };
static const struct calls pkvm_calls = CALLS("protected VM", list);

const struct realm_ops realm_pkvm = {
	.name = "pkvm",
	.no_assign = "pKVM has no IOMMU that keeps a device to what a protected VM shares",
	.calls = &pkvm_calls,
	.confidential = true,
	.banner =
		"protected VM: devices reach what the guest shares (Linux: CONFIG_ARM_PKVM_GUEST)",
	.rmm = realm_not_measured,
	.mem_flags = mem_flags,
	.check = realm_accepts_all,
	.vm_type = vm_type,
	.vcpu_features = realm_no_vcpu_features,
	.create = realm_nothing,
	.set_ram = set_ram,
	.define = realm_leaves_vcpu,
	.init_ripas = realm_no_ripas,
	.populate = realm_populates_nothing,
	.finalize = realm_leaves_vcpu,
	.activate = activate,
	.exit = realm_no_exit,
	.is_on = realm_always_on,
	.is_aware = realm_always_aware,
	.fault = fault,
	.run_error = realm_no_run_error,
	.destroy = destroy,
};
