/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Realm from /dev/kvm to its end, through realm.h, on a fake host: the steps of machine.c without
 * its devices.
 */
#ifndef TESTS_UNIT_REALM_LAUNCH_H
#define TESTS_UNIT_REALM_LAUNCH_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lkvm/kvm/kvm.h"
#include "lkvm/vm/mem.h"
#include "realm/host/probe.h"
#include "tests/fake/kvm.h"
#include "tests/unit/arm64/capture.h"

#define RAM FAKE_RAM
#define SIZE (16 * MiB)
#define IPA 33u
#define ALIAS BIT(IPA - 1)
#define NR_VCPUS 2u

static u64 ram_size = SIZE;
static struct kvm kvm;
static struct mem *mem;
static struct realm *realm;
static struct realm_conf conf;
static struct probe probe;
static int vcpu[NR_VCPUS];
static struct kvm_run *run_page[NR_VCPUS];

/* What a guest does that ends at once. */
static const struct fake_op nothing[] = { { GUEST_END, 0, 0, NULL } };

/* A host of that kind whose guest will do `ops`, and the options' defaults. */
static inline void begin(enum fake_host host, const struct fake_op *ops)
{
	fake_kvm_init(host, ops);
	memset(&conf, 0, sizeof(conf));
}

static inline void tear_down(void)
{
	for (unsigned i = 0; i < NR_VCPUS; i++) {
		if (run_page[i])
			munmap(run_page[i], kvm.run_size);
		if (vcpu[i] >= 0)
			close(vcpu[i]);
		run_page[i] = NULL;
		vcpu[i] = -1;
	}
	realm_free(realm);
	realm = NULL;
	kvm_close(&kvm);
	mem_destroy(mem);
	mem = NULL;
}

static inline int make_vcpus(void)
{
	for (unsigned i = 0; i < NR_VCPUS; i++) {
		struct kvm_vcpu_init init = { .target = 5 };
		int err;

		init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2 | (i ? 1u : 0) |
				   probe.ops->vcpu_features(&conf);
		vcpu[i] = kvm_ioctl_val(kvm.vm_fd, KVM_CREATE_VCPU, i);
		if (vcpu[i] < 0)
			return vcpu[i];
		run_page[i] =
			mmap(NULL, kvm.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu[i], 0);
		err = kvm_ioctl(vcpu[i], KVM_ARM_VCPU_INIT, &init);
		if (err)
			return err;
	}
	return 0;
}

static inline int make_gic(void)
{
	int fd = kvm_device_create(&kvm, KVM_DEV_TYPE_ARM_VGIC_V3, 0), err;

	if (fd < 0)
		return fd;
	err = kvm_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	close(fd);
	return err;
}

/* Other bytes in each page, so that it is known what was copied where. */
static inline u8 byte_at(u64 a)
{
	return (u8)(a * 7 + a / 4096 + 1);
}

static inline void load(u64 base, u64 len)
{
	u8 *p = mem_load_ptr(mem, gpa(base), len);

	for (u64 i = 0; i < len; i++)
		p[i] = byte_at(base + i);
}

static inline void is_loaded(u64 base, u64 len)
{
	u8 buf[5 * 4096], want[5 * 4096];

	fake_kvm_read_private(base, buf, (u32)len);
	for (u64 i = 0; i < len; i++)
		want[i] = byte_at(base + i);
	ck_assert_mem_eq(buf, want, len);
}

static inline int launch_vm(void)
{
	int err = kvm_vm_create(&kvm, probe.ops->vm_type(&conf, IPA));

	if (!err)
		err = mem_create(&mem);
	if (err)
		return err;
	mem_set_alias(mem, ALIAS);
	err = mem_add_ram(mem, gpa(RAM), ram_size, probe.ops->mem_flags(&conf), NULL);
	if (!err)
		err = realm_new(&realm, probe.ops, &conf, &kvm, mem);
	if (!err)
		err = realm_create(realm);
	if (!err)
		err = realm_set_ram(realm);
	if (!err)
		err = make_vcpus();
	return err ? err : make_gic();
}

/* Payloads of 5 and 1 pages. */
static inline int launch_realm(void)
{
	int err = realm_define(realm, vcpu[0]);

	load(RAM, 5 * 4096);
	load(RAM + MiB, 4096);
	if (!err)
		err = realm_init_ripas(realm, gpa(RAM), ram_size);
	if (!err)
		err = realm_populate(realm, gpa(RAM), 5 * 4096, true);
	if (!err)
		err = realm_populate(realm, gpa(RAM + MiB), 4096, true);
	if (!err)
		err = kvm_reg_set64(vcpu[0], KVM_REG_X(0u), RAM + MiB);
	if (!err)
		err = kvm_reg_set64(vcpu[0], KVM_REG_PC, RAM);
	for (unsigned i = 0; i < NR_VCPUS && !err; i++)
		err = realm_finalize(realm, vcpu[i]);
	if (!err)
		err = realm_activate(realm);
	mem_seal(mem);
	return err;
}

/* KVM frees a page of the guest's own: the devices have not got it yet. */
static inline void freed(u64 a)
{
	if (mem_is_shared(mem, gpa(a), 4096))
		ck_abort_msg("%#llx is freed too late", (unsigned long long)a);
}

/* `conf` is filled but for the host. -errno of the first step that fails. */
static inline int launch_host(void)
{
	int err;

	vcpu[0] = vcpu[1] = -1;
	kvm = (struct kvm){ .dev_fd = -1, .vm_fd = -1 };
	fake_kvm_freed = freed;
	err = kvm_open(&kvm, "/dev/null");
	if (!err)
		err = probe_select(&probe, &kvm, PROBE_CCA);
	if (err)
		return err;
	conf.host = probe.host;
	err = probe.ops->check(&conf);
	return err ? err : launch_vm();
}

static inline int launch(void)
{
	int err = launch_host();

	return err ? err : launch_realm();
}

/* What the host pays for shared pages. */
static inline u64 shared_bytes(void)
{
	struct stat st;

	ck_assert_int_eq(fstat(mem_region(mem, 0)->fd, &st), 0);
	return (u64)st.st_blocks * 512;
}

static unsigned steps; /* of exits, those that were handled in part */

/* Run vCPU `i` as vcpu.c does, until the guest's end or an exit that is not 0: that. */
static inline int run(unsigned i)
{
	for (;;) {
		int ret = kvm_ioctl_val(vcpu[i], KVM_RUN, 0);

		if (ret < 0 &&
		    (ret != -EFAULT || run_page[i]->exit_reason != KVM_EXIT_MEMORY_FAULT))
			return ret;
		if (run_page[i]->exit_reason == KVM_EXIT_SYSTEM_EVENT)
			return 0;
		while ((ret = realm_exit(realm, i, vcpu[i], run_page[i])) == -EAGAIN)
			steps++;
		if (ret)
			return ret;
	}
}

/* Each call of KVM fails once, of a launch and a guest that does nothing: how many were noticed. */
static inline unsigned launches_that_fail(enum fake_host host, bool has_rpv)
{
	unsigned failures = 0;

	for (unsigned n = 0; n < 80; n++) {
		int err;

		begin(host, nothing);
		conf.has_rpv = has_rpv;
		fake_kvm_fail(n, EIO);
		err = launch();
		if (!err)
			err = run(0);
		failures += err < 0;
		tear_down();
	}
	return failures;
}

#endif
