/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which backend can this host run?
 *
 * Thread: main.
 * Trust:  the kernel.
 * Spec:   [uapi reference 2.1, 2.2]
 *
 * An ioctl that a kernel does not know fails before it looks at its argument (EINVAL or ENOTTY),
 * one that it knows fails when it does: EFAULT for NULL. That tells them apart without doing
 * anything.
 */
#include "realm/host/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"
#include "lkvm/kvm/smccc.h"
#include "realm/host/uapi_rme.h"
#include "realm/host/uapi_rmi.h"

/* The narrowest space of a Realm: 32 bits, what KVM starts at, and the alias bit. */
#define REALM_MIN_IPA 33u
#define MAX_IPA 52u

static const char no_rmm[] = "this kernel knows Realms, but the firmware of this machine has no "
			     "RMM (or one that the kernel does not speak to)";
static const char no_rmm_or_mode[] =
	"this kernel knows Realms, but the firmware of this machine has no RMM (or one that the "
	"kernel does not speak to), or the host was not booted with kvm-arm.mode=rmm, which the "
	"newest kernels want";
static const char unknown[] = "this kernel does not know Realms (it needs the KVM part of Arm CCA, "
			      "and a CPU with RME)";
static const char no_populate[] =
	"this kernel knows Realms, but has none of the ways known to lkvm to load one";

static const char no_conversion[] =
	"this kernel cannot load a Realm when booted with kvm.gmem_in_place_conversion=0";

/* A VM of our own beside that of `k`. */
static int scratch_vm(struct kvm *vm, const struct kvm *k, unsigned long type)
{
	*vm = (struct kvm){ .dev_fd = k->dev_fd, .vm_fd = -1 };
	return kvm_vm_create(vm, type);
}

static bool knows(int fd, unsigned long req)
{
	return kvm_ioctl(fd, req, NULL) == -EFAULT;
}

/* ---- Realms with an RMM ---- */

/* Kernels that export the number they have got [uapi reference 2.1.7]. */
static u32 exported_cap(void)
{
	static const char *const files[] = { "/sys/module/kvm/parameters/kvm_cap_arm_rmi",
					     "/sys/module/kvm/parameters/kvm_cap_arm_rme" };
	char buf[16];
	u64 number;
	u32 cap = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files) && !cap; i++) {
		int fd = open(files[i], O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

		if (fd >= 0)
			close(fd);
		if (n > 0 &&
		    decode_number_prefix(&number, UINT32_MAX, NUMBER_C, buf, (size_t)n) > 0)
			cap = (u32)number;
	}
	return cap;
}

static bool is_rme_cap(int vm_fd, u32 cap)
{
	struct kvm_enable_cap e = { .cap = cap, .args = { RME_CONFIG_REALM, 0 } };

	return cap && kvm_ioctl(vm_fd, KVM_ENABLE_CAP, &e) == -EFAULT;
}

static u32 find_rme_cap(int vm_fd)
{
	static const u32 caps[] = { 300, 240, 243, 244, 245, 246 };
	u32 exported;

	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		if (is_rme_cap(vm_fd, caps[i]))
			return caps[i];
	}
	exported = exported_cap();
	return is_rme_cap(vm_fd, exported) ? exported : 0;
}

/* Does KVM_ARM_VCPU_INIT take the feature? Kernels up to v5 know it only when it is finalized. */
static bool init_takes(int vm_fd, u32 feature)
{
	struct kvm_vcpu_init init = { 0 };
	int fd = kvm_ioctl_val(vm_fd, KVM_CREATE_VCPU, 0);
	int err = fd < 0 ? fd : kvm_ioctl(vm_fd, KVM_ARM_PREFERRED_TARGET, &init);

	if (!err) {
		init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2 | 1u << feature;
		err = kvm_ioctl(fd, KVM_ARM_VCPU_INIT, &init);
	}
	if (fd >= 0)
		close(fd);
	return !err;
}

static const char *rme_generation(const struct realm_host *h)
{
	if (!h->gmem)
		return "A";
	switch (h->cap) {
	case 300:
		return h->rec_in_init ? "B2" : "B1";
	case 240:
		return "B3";
	case 243:
		return "B4";
	case 244:
		return "B5";
	default:
		return "B6";
	}
}

static bool fill_rme(struct realm_host *h, const struct kvm *vm)
{
	h->cap = find_rme_cap(vm->vm_fd);
	if (!h->cap)
		return false;
	h->rec_feature = h->cap == 300 ? RME_VCPU_REC : RME_VCPU_REC_V8;
	h->rec_in_init = h->gmem && init_takes(vm->vm_fd, h->rec_feature);
	h->sve_told = !h->gmem;
	h->gen = rme_generation(h);
	return true;
}

/*
 * From v15 on a guest_memfd keeps the attributes itself, unless that is switched off: then there is
 * no way to load anything into it [uapi reference 2.1.5], and no call for them [its update 2: 24].
 */
static bool attrs_usable(const struct realm_host *h, const struct kvm *vm)
{
	bool usable;
	int fd;

	if (!h->gmem_attrs)
		return true;
	fd = kvm_gmem_create(vm, (u64)sysconf(_SC_PAGESIZE), 0);
	if (fd < 0)
		return false;
	usable = knows(fd, KVM_SET_MEMORY_ATTRIBUTES2);
	close(fd);
	return usable;
}

static bool fill_rmi(struct realm_host *h, const struct kvm *vm)
{
	bool v13 = knows(vm->vm_fd, KVM_ARM_RMI_POPULATE);
	bool vm_attrs = kvm_vm_cap(vm, KVM_CAP_MEMORY_ATTRIBUTES) & KVM_MEMORY_ATTRIBUTE_PRIVATE;

	h->populate_counts = !v13 && knows(vm->vm_fd, KVM_ARM_RMI_POPULATE_V12);
	if (!v13 && !h->populate_counts)
		return false;
	h->gmem_attrs = !vm_attrs;
	/* v13 and v14 ask for it wherever the CPU has it; the line after v15 never does. */
	h->lpa2 = v13 && vm_attrs;
	if (h->vm_type == KVM_VM_TYPE_ARM_REALM)
		h->gen = h->populate_counts ? "C1" : "C2";
	else
		h->gen = vm_attrs ? "C3" : "C4";
	return true;
}

/* It does know the call, and that an ordinary VM is no Realm. */
static bool is_for_realms(int err)
{
	return err == -EPERM || err == -ENXIO;
}

/*
 * No VM of a Realm's type can be made; has the kernel the code for them all the same? Up to v6 it
 * refuses the type like one that it does not know, but it has private memory, which no other arm64
 * kernel has (seen on v5 without an RMM). v12 and later know an ioctl that an ordinary VM is no
 * Realm for [uapi reference 2.1.3]. After v15 the same is seen without a boot parameter, which v13
 * and v14 do not know; nothing tells these kernels apart [its update 2: 1].
 */
static const char *why_no_realm(const struct kvm *k)
{
	bool v13 = false, v12 = false;
	struct kvm vm;

	if (!scratch_vm(&vm, k, 0)) {
		v13 = is_for_realms(kvm_ioctl(vm.vm_fd, KVM_ARM_RMI_POPULATE, NULL));
		v12 = is_for_realms(kvm_ioctl(vm.vm_fd, KVM_ARM_RMI_POPULATE_V12, NULL));
		close(vm.vm_fd);
	}
	if (v13)
		return no_rmm_or_mode;
	if (v12 || kvm_cap(k, KVM_CAP_MEMORY_ATTRIBUTES) & KVM_MEMORY_ATTRIBUTE_PRIVATE)
		return no_rmm;
	return unknown;
}

void probe_cca(struct probe *p, const struct kvm *k)
{
	static const unsigned long types[] = { KVM_VM_TYPE_ARM_REALM_BIT, KVM_VM_TYPE_ARM_REALM };
	struct kvm vm;
	int err = -EINVAL;

	*p = (struct probe){ .why = unknown };
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		p->host.vm_type = types[i];
		err = scratch_vm(&vm, k, types[i] | REALM_MIN_IPA);
		if (!err)
			break;
		if (err == -EPERM)
			p->why = no_rmm;
	}
	if (!err) {
		p->host.gmem = kvm_vm_cap(&vm, KVM_CAP_GUEST_MEMFD);
		p->host.pmu = kvm_vm_cap(&vm, KVM_CAP_ARM_PMU_V3);
		p->host.sve = kvm_vm_cap(&vm, KVM_CAP_ARM_SVE);
		if (fill_rmi(&p->host, &vm))
			p->ops = &realm_rmi;
		else if (fill_rme(&p->host, &vm))
			p->ops = &realm_rme;
		p->why = p->ops ? NULL : no_populate;
		if (p->ops == &realm_rmi && !attrs_usable(&p->host, &vm))
			*p = (struct probe){ .why = no_conversion };
		close(vm.vm_fd);
	} else if (p->why == unknown) {
		p->why = why_no_realm(k);
	}
}

unsigned probe_ipa_bits(const struct probe *p, const struct kvm *k)
{
	struct kvm vm;

	for (unsigned bits = MAX_IPA; p->ops && bits >= REALM_MIN_IPA; bits--) {
		if (scratch_vm(&vm, k, p->host.vm_type | bits))
			continue;
		close(vm.vm_fd);
		return bits;
	}
	return 0;
}

/* ---- the others ---- */

void probe_pkvm(struct probe *p, const struct kvm *k)
{
	struct kvm vm;

	*p = (struct probe){
		.why = "the host was not booted with kvm-arm.mode=protected, or its kernel has no "
		       "protected VMs yet",
	};
	if (scratch_vm(&vm, k, KVM_VM_TYPE_ARM_PROTECTED | (REALM_MIN_IPA - 1)))
		return;
	close(vm.vm_fd);
	*p = (struct probe){ .ops = &realm_pkvm };
}

void probe_sim(struct probe *p, const struct kvm *k)
{
	struct kvm vm;

	*p = (struct probe){ .why = "no VM can be created" };
	if (scratch_vm(&vm, k, 0))
		return;
	if (!smccc_has_filter(&vm))
		p->why = "KVM has no SMCCC filter, it needs Linux 6.4 or later";
	else if (kvm_cap(k, KVM_CAP_ARM_VM_IPA_SIZE) < (int)REALM_MIN_IPA)
		p->why = "the guest's address space cannot be wide enough";
	else
		*p = (struct probe){ .ops = &realm_sim };
	close(vm.vm_fd);
}

/* ---- what is measured ---- */

/* A vCPU with all that a Realm's can have. */
static int full_vcpu(const struct probe *p, const struct kvm *vm)
{
	struct kvm_vcpu_init init = { 0 };
	int fd = kvm_ioctl_val(vm->vm_fd, KVM_CREATE_VCPU, 0), err;

	if (fd < 0)
		return fd;
	err = kvm_ioctl(vm->vm_fd, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2 |
			   p->ops->vcpu_features(&(struct realm_conf){ .host = p->host });
	if (kvm_vm_cap(vm, KVM_CAP_ARM_SVE))
		init.features[0] |= 1u << KVM_ARM_VCPU_SVE;
	if (kvm_vm_cap(vm, KVM_CAP_ARM_PMU_V3))
		init.features[0] |= 1u << KVM_ARM_VCPU_PMU_V3;
	if (!err)
		err = kvm_ioctl(fd, KVM_ARM_VCPU_INIT, &init);
	if (err)
		close(fd);
	return err ? err : fd;
}

int probe_profile(struct profile *out, const struct probe *p, const struct kvm *k)
{
	const struct realm_conf conf = { .host = p->host };
	int rmm = p->ops->rmm(&conf), fd, err;
	unsigned ipa = p->ops == &realm_sim ? (unsigned)kvm_cap(k, KVM_CAP_ARM_VM_IPA_SIZE)
					    : probe_ipa_bits(p, k);
	struct profile got = { 0 };
	struct kvm vm;

	if (rmm < 0)
		return rmm;
	err = scratch_vm(&vm, k, p->ops->vm_type(&conf, REALM_MIN_IPA));
	if (err)
		return err;
	fd = full_vcpu(p, &vm);
	err = fd < 0 ? fd : profile_read(&got, &p->host, fd);
	if (fd >= 0)
		close(fd);
	close(vm.vm_fd);
	profile_set(&got, PROFILE_RMM, (unsigned)rmm);
	profile_set(&got, PROFILE_IPA_BITS, ipa);
	if (!err)
		*out = got;
	return err;
}

/* ---- choice ---- */

static int no(const char *option, const char *why, const char *hint)
{
	log_error("%s: %s%s", option, why, hint);
	return -ENODEV;
}

static const char try_sim[] = "; --realm=sim starts a simulated Realm, without isolation";

static int select_cca(struct probe *p, const struct kvm *k, enum probe_want want)
{
	const struct realm_ops *forced = want == PROBE_RME   ? &realm_rme
					 : want == PROBE_RMI ? &realm_rmi
							     : NULL;
	struct probe sim;

	probe_cca(p, k);
	if (p->ops && forced && forced != p->ops) {
		log_error("--realm=%s: the Realms of this host's kernel are of the other kind, %s "
			  "(generation %s)",
			  forced->name, p->ops->name, p->host.gen);
		return -ENODEV;
	}
	if (p->ops)
		return 0;
	probe_sim(&sim, k);
	return no("KVM doesn't support Realms", p->why, sim.ops ? try_sim : "");
}

int probe_select(struct probe *p, const struct kvm *k, enum probe_want want)
{
	switch (want) {
	case PROBE_CCA:
	case PROBE_RME:
	case PROBE_RMI:
		return select_cca(p, k, want);
	case PROBE_PKVM:
		probe_pkvm(p, k);
		return p->ops ? 0 : no("--protected", p->why, "");
	}
	return -EINVAL;
}
