/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /dev/kvm: the VM, its capabilities, memory slots, devices, registers.
 *
 * Thread: any; the slot counter only while the machine is being built.
 * Trust:  the kernel.
 * Spec:   [KVM api 4]
 */
#include "lkvm/kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/log.h"

/* What is wrong, for people. */
static int open_failed(const char *path, int err, char *why, size_t len)
{
	switch (err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		snprintf(
			why, len,
			"%s does not exist: this kernel has no KVM, or was not started in EL2 (see 'lkvm doctor'; a virtual machine needs nested virtualization)",
			path);
		break;
	case EACCES:
	case EPERM:
		snprintf(why, len,
			 "no permission to open %s: join the group that owns it (usually kvm)",
			 path);
		break;
	default:
		snprintf(why, len, "cannot open %s: %s", path, strerror(err));
	}
	return -err;
}

static int check_device(struct kvm *k, const char *path, char *why, size_t len)
{
	int version = kvm_ioctl_val(k->dev_fd, KVM_GET_API_VERSION, 0);
	int size = kvm_ioctl_val(k->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (version != KVM_API_VERSION) {
		snprintf(why, len, "%s does not speak KVM API %d: is it the right device?", path,
			 KVM_API_VERSION);
		return -ENODEV;
	}
	if (size < (int)sizeof(struct kvm_run)) {
		snprintf(why, len, "%s: the size of a vCPU's shared page makes no sense (%d)", path,
			 size);
		return -ENODEV;
	}
	k->run_size = (u32)size;
	return 0;
}

int kvm_open_why(struct kvm *k, const char *path, char why[KVM_WHY_SIZE])
{
	int err;

	*k = (struct kvm){ .dev_fd = -1, .vm_fd = -1 };
#ifndef __aarch64__
	/*
	 * A foreign KVM would accept half of what follows and run nonsense. Tests fake the ioctls.
	 */
	if (!strcmp(path, "/dev/kvm")) {
		snprintf(
			why, KVM_WHY_SIZE,
			"lkvm runs guests on arm64 hosts only. On this machine 'make demo' in the sources boots one on an emulated host, tests/rig/host runs commands there, and measure, token and run --dump-dtb work as they are");
		return -ENODEV;
	}
#endif
	k->dev_fd = open(path, O_RDWR | O_CLOEXEC);
	if (k->dev_fd < 0)
		return open_failed(path, errno, why, KVM_WHY_SIZE);
	err = check_device(k, path, why, KVM_WHY_SIZE);
	if (err)
		kvm_close(k);
	return err;
}

int kvm_open(struct kvm *k, const char *path)
{
	char why[KVM_WHY_SIZE];
	int err = kvm_open_why(k, path, why);

	if (err)
		log_error("%s", why);
	return err;
}

int kvm_vm_create(struct kvm *k, unsigned long type)
{
	int fd;

	/*
	 * The kernel allocates page tables here and gives EINTR to a process with a signal pending.
	 */
	do
		fd = kvm_ioctl_val(k->dev_fd, KVM_CREATE_VM, type);
	while (fd == -EINTR);
	if (fd < 0)
		return fd;
	k->vm_fd = fd;
	return 0;
}

void kvm_close(struct kvm *k)
{
	if (k->vm_fd >= 0)
		close(k->vm_fd);
	if (k->dev_fd >= 0)
		close(k->dev_fd);
	k->vm_fd = k->dev_fd = -1;
}

int kvm_cap(const struct kvm *k, unsigned cap)
{
	return MAX(kvm_ioctl_val(k->dev_fd, KVM_CHECK_EXTENSION, cap), 0);
}

int kvm_vm_cap(const struct kvm *k, unsigned cap)
{
	return MAX(kvm_ioctl_val(k->vm_fd, KVM_CHECK_EXTENSION, cap), 0);
}

int kvm_enable_cap(const struct kvm *k, unsigned cap, u64 arg0)
{
	struct kvm_enable_cap e = { .cap = cap, .args = { arg0 } };

	return kvm_ioctl(k->vm_fd, KVM_ENABLE_CAP, &e);
}

int kvm_set_slot(const struct kvm *k, u32 slot, gpa_t g, u64 size, void *host, u32 flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = g.a,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	/*
	 * For each slot that goes, KVM walks all of what a nested guest's own tables can translate:
	 * seconds, and minutes on an emulated host.
	 */
	if (!size && k->ending)
		return 0;
	return kvm_ioctl(k->vm_fd, KVM_SET_USER_MEMORY_REGION, &r);
}

int kvm_add_slot(struct kvm *k, gpa_t g, u64 size, void *host, u32 flags, u32 *slot)
{
	int err = kvm_set_slot(k, k->nr_slots, g, size, host, flags);

	if (err)
		return err;
	if (slot)
		*slot = k->nr_slots;
	k->nr_slots++;
	return 0;
}

int kvm_gmem_create(const struct kvm *k, u64 size, u64 flags)
{
	struct kvm_create_guest_memfd c = { .size = size, .flags = flags };

	return kvm_ioctl(k->vm_fd, KVM_CREATE_GUEST_MEMFD, &c);
}

int kvm_add_gmem_slot(struct kvm *k, gpa_t g, u64 size, void *host, int gmem_fd)
{
	struct kvm_userspace_memory_region2 r = {
		.slot = k->nr_slots,
		.flags = KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr = g.a,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
		.guest_memfd = (u32)gmem_fd,
	};
	int err = kvm_ioctl(k->vm_fd, KVM_SET_USER_MEMORY_REGION2, &r);

	if (!err)
		k->nr_slots++;
	return err;
}

int kvm_set_private(const struct kvm *k, gpa_t g, u64 size, bool is_private)
{
	struct kvm_memory_attributes a = {
		.address = g.a,
		.size = size,
		.attributes = is_private ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0,
	};

	return kvm_ioctl(k->vm_fd, KVM_SET_MEMORY_ATTRIBUTES, &a);
}

int kvm_device_create(const struct kvm *k, u32 type, u32 flags)
{
	struct kvm_create_device d = { .type = type, .flags = flags };
	int err = kvm_ioctl(k->vm_fd, KVM_CREATE_DEVICE, &d);

	return err ? err : (int)d.fd;
}

int kvm_attr_set(int fd, u32 group, u64 attr, const void *addr)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uintptr_t)addr };

	return kvm_ioctl(fd, KVM_SET_DEVICE_ATTR, &a);
}

int kvm_attr_get(int fd, u32 group, u64 attr, void *addr)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uintptr_t)addr };

	return kvm_ioctl(fd, KVM_GET_DEVICE_ATTR, &a);
}

bool kvm_attr_has(int fd, u32 group, u64 attr)
{
	struct kvm_device_attr a = { .group = group, .attr = attr };

	return kvm_ioctl(fd, KVM_HAS_DEVICE_ATTR, &a) == 0;
}

int kvm_reg_set(int vcpu_fd, u64 id, const void *val)
{
	struct kvm_one_reg r = { .id = id, .addr = (uintptr_t)val };

	return kvm_ioctl(vcpu_fd, KVM_SET_ONE_REG, &r);
}

int kvm_reg_get(int vcpu_fd, u64 id, void *val)
{
	struct kvm_one_reg r = { .id = id, .addr = (uintptr_t)val };

	return kvm_ioctl(vcpu_fd, KVM_GET_ONE_REG, &r);
}

int kvm_reg_set64(int vcpu_fd, u64 id, u64 val)
{
	return kvm_reg_set(vcpu_fd, id, &val);
}

int kvm_reg_get64(int vcpu_fd, u64 id, u64 *val)
{
	return kvm_reg_get(vcpu_fd, id, val);
}

int kvm_gprs_get(int vcpu_fd, u64 x[], unsigned nr)
{
	int err = 0;

	for (unsigned i = 0; i < nr && !err; i++)
		err = kvm_reg_get64(vcpu_fd, KVM_REG_X(i), &x[i]);
	return err;
}

int kvm_gprs_set(int vcpu_fd, const u64 x[], unsigned nr)
{
	int err = 0;

	for (unsigned i = 0; i < nr && !err; i++)
		err = kvm_reg_set64(vcpu_fd, KVM_REG_X(i), x[i]);
	return err;
}

int kvm_reg_list(int vcpu_fd, struct kvm_reg_list **list)
{
	struct kvm_reg_list none = { .n = 0 };
	int err = kvm_ioctl(vcpu_fd, KVM_GET_REG_LIST, &none);

	*list = NULL;
	if (err != -E2BIG)
		return err ? err : -ENOENT;
	*list = calloc(1, sizeof(none) + none.n * sizeof(none.reg[0]));
	if (!*list)
		return -ENOMEM;
	(*list)->n = none.n;
	err = kvm_ioctl(vcpu_fd, KVM_GET_REG_LIST, *list);
	if (err) {
		free(*list);
		*list = NULL;
	}
	return err;
}

int kvm_inject_abort(int vcpu_fd)
{
	struct kvm_vcpu_events ev = { .exception.ext_dabt_pending = 1 };

	return kvm_ioctl(vcpu_fd, KVM_SET_VCPU_EVENTS, &ev);
}

int kvm_guest_debug(int vcpu_fd, const struct kvm_guest_debug *d)
{
	struct kvm_guest_debug on = *d;

	if (on.control)
		on.control |= KVM_GUESTDBG_ENABLE;
	return kvm_ioctl(vcpu_fd, KVM_SET_GUEST_DEBUG, &on);
}
