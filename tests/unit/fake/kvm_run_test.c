/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model of KVM_RUN of a Realm, and of what else its vCPUs and capabilities are asked for. */
#include <signal.h>
#include <sys/time.h>

#include "tests/unit/fake/rig.h"

static const enum fake_host lines[] = { HOST_C1, HOST_C2, HOST_C3, HOST_C4, HOST_C5 };

static bool newest(void)
{
	return fake_gen->waits_for_attrs;
}

/* ---- the first KVM_RUN [uapi update 10, P14 18/44, 22/44, GW kvm_activate_realm] ---- */

START_TEST(without_a_gic)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		rig_ram(lines[i], nothing, NULL);
		ck_assert_int_eq(make_vcpus(1u << KVM_ARM_VCPU_PSCI_0_2), 0);
		ck_assert_int_eq(run(0), -EOPNOTSUPP);
		make_gic(false);
		ck_assert_int_eq(run(0), newest() ? -ENODEV : -EBUSY);
		/* the former is not for good, and of the latter only the newest */
		ck_assert_int_eq(kvm_attr_set(rig.gic, KVM_DEV_ARM_VGIC_GRP_CTRL,
					      KVM_DEV_ARM_VGIC_CTRL_INIT, NULL),
				 newest() ? 0 : -EIO);
		ck_assert_int_eq(run(0), newest() ? 0 : -EIO);
		rig_down();
	}
}
END_TEST

/* A REC that cannot be made is for good: of the Realm, and in the newest tree of the VM. */
START_TEST(without_psci)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct rmi_populate p;
		u64 pc;

		rig_ram(lines[i], nothing, NULL);
		ck_assert_int_eq(make_vcpus(0), 0);
		make_gic(true);
		ck_assert_int_eq(run(0), -EINVAL);
		ck_assert_int_eq(run(0), newest() ? -EIO : -EINVAL);
		p = (struct rmi_populate){ RAM, PAGE, (uintptr_t)rig.source, 0, 0 };
		ck_assert_int_eq(vm_ioctl(lines[i] == HOST_C1 ? KVM_ARM_RMI_POPULATE_V12
							      : KVM_ARM_RMI_POPULATE,
					  &p),
				 newest() ? -EIO : -ENXIO);
		ck_assert_int_eq(kvm_reg_get64(rig.vcpu[0], KVM_REG_PC, &pc), newest() ? -EIO : 0);
		rig_down();
	}
}
END_TEST

START_TEST(without_init)
{
	rig_ram(HOST_C3, nothing, NULL);
	rig.vcpu[0] = kvm_ioctl_val(rig.k.vm_fd, KVM_CREATE_VCPU, 0);
	make_gic(true);
	ck_assert_int_eq(run(0), -ENOEXEC);
	rig_down();
	rig_ram(HOST_C3, nothing, NULL);
	ck_assert_int_eq(make_vcpus(1u << KVM_ARM_VCPU_PSCI_0_2 | 1u << KVM_ARM_VCPU_SVE), 0);
	make_gic(true);
	ck_assert_int_eq(run(0), -EPERM); /* SVE is not finalized */
	rig_down();
}
END_TEST

/* ---- how it ends [uapi update 11, 21] ---- */

static const struct fake_op rec_off[] = { { RMM_REC_OFF, 0, 0, NULL }, { GUEST_END, 0, 0, NULL } };
static const struct fake_op rd_off[] = { { RMM_OFF, 0, 0, NULL }, { GUEST_END, 0, 0, NULL } };
static const struct fake_op bad_status[] = { { RMM_BAD_STATUS, 0, 0, NULL },
					     { GUEST_END, 0, 0, NULL } };
static const struct fake_op bad_exit[] = { { RMM_BAD_EXIT, 0, 0, NULL },
					   { GUEST_END, 0, 0, NULL } };
static const struct fake_op host_call[] = { { GUEST_HOST_CALL, 0, 0, NULL },
					    { GUEST_END, 0, 0, NULL } };

START_TEST(a_rec_that_is_not_on_yet)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		rig_up(lines[i], rec_off);
		ck_assert_int_eq(run(0), fake_gen->posting >= 14 ? -EAGAIN : -ENXIO);
		ck_assert_int_eq(run(0), 0);
		ck_assert_uint_eq(rig.run[0]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
		rig_down();
	}
}
END_TEST

START_TEST(a_realm_that_is_off)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		rig_up(lines[i], rd_off);
		ck_assert_int_eq(run(0), 0);
		ck_assert_uint_eq(rig.run[0]->exit_reason, KVM_EXIT_SHUTDOWN);
		rig_down();
	}
}
END_TEST

/* The newest tree says 0, an internal error, and nothing but EIO from then on. */
static void is_dead(void)
{
	u64 pc;

	ck_assert_int_eq(run(0), 0);
	ck_assert_uint_eq(rig.run[0]->exit_reason, KVM_EXIT_INTERNAL_ERROR);
	ck_assert_int_eq(run(0), -EIO);
	ck_assert_int_eq(kvm_reg_get64(rig.vcpu[0], KVM_REG_PC, &pc), -EIO);
	ck_assert_int_eq(vm_ioctl(KVM_SET_MEMORY_ATTRIBUTES, NULL), -EIO);
	ck_assert_int_eq(kvm_attr_set(rig.gic, 0, 0, NULL), -EIO);
}

START_TEST(a_status_that_kvm_does_not_know)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		rig_up(lines[i], bad_status);
		if (newest())
			is_dead();
		else
			ck_assert_int_eq(run(0), -ENXIO);
		rig_down();
		rig_up(lines[i], bad_exit);
		if (newest()) {
			is_dead();
		} else {
			ck_assert_int_eq(run(0), 0);
			ck_assert_uint_eq(rig.run[0]->exit_reason, KVM_EXIT_INTERNAL_ERROR);
			ck_assert_int_eq(run(0), 0);
		}
		rig_down();
	}
}
END_TEST

START_TEST(a_host_call)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		rig_up(lines[i], host_call);
		ck_assert_int_eq(run(0), newest() ? -ENXIO : 0);
		if (newest())
			ck_assert_int_eq(run(0), -EIO);
		rig_down();
	}
}
END_TEST

/* A vCPU that is off waits for a signal, and at the guest's end all are off. */
static void wake(int sig)
{
}

START_TEST(a_vcpu_that_is_off)
{
	const struct itimerval moment = { .it_interval.tv_usec = 10000, .it_value.tv_usec = 10000 };
	const struct sigaction sa = { .sa_handler = wake };

	sigaction(SIGALRM, &sa, NULL);
	rig_up(HOST_C3, nothing);
	rig.run[1]->immediate_exit = 1;
	ck_assert_int_eq(run(1), -EINTR);
	ck_assert_int_eq(run(0), 0);
	for (unsigned i = 0; i < 2; i++) {
		rig.run[i]->immediate_exit = 0;
		setitimer(ITIMER_REAL, &moment, NULL);
		ck_assert_int_eq(run(i), -EINTR);
	}
	rig_down();
}
END_TEST

/* ---- registers and events [uapi update 17, 20] ---- */

#define DFR0 KVM_REG_SYS(3u, 0u, 0u, 5u, 0u)
#define WRPS (UINT64_C(15) << 20)
#define BRPS (UINT64_C(15) << 12)
#define PMCR KVM_REG_SYS(3u, 3u, 9u, 12u, 0u)

START_TEST(registers_that_a_host_may_set)
{
	for (int h = HOST_B1; h < HOST_NR; h++) {
		u64 vls[KVM_ARM64_SVE_VLS_WORDS] = { 1 };
		int fd;

		if (h == HOST_C4_FIXED)
			continue;
		rig_ram((enum fake_host)h, nothing, NULL);
		ck_assert_int_eq(make_vcpus(1u << KVM_ARM_VCPU_PSCI_0_2 | 1u << KVM_ARM_VCPU_SVE),
				 0);
		fd = rig.vcpu[0];
		ck_assert_int_eq(kvm_reg_set64(fd, KVM_REG_X(0u), 1), 0);
		ck_assert_int_eq(kvm_reg_set64(fd, KVM_REG_X(30u), 1), 0);
		ck_assert_int_eq(kvm_reg_set64(fd, KVM_REG_PC, 1), 0);
		ck_assert_int_eq(kvm_reg_set64(fd, KVM_REG_PSTATE, 0x3c5), -EINVAL);
		ck_assert_int_eq(kvm_reg_set64(fd, KVM_REG_SP, 0), -EINVAL);
		ck_assert_int_eq(kvm_reg_set64(fd, KVM_REG_SYS(3u, 0u, 0u, 4u, 0u), 0), -EINVAL);
		ck_assert_int_eq(kvm_reg_set64(fd, PMCR, 0),
				 fake_gen->posting <= 13 ? -ENOENT : -EINVAL);
		ck_assert_int_eq(kvm_reg_set(fd, KVM_REG_ARM64_SVE_VLS, vls), 0);
		vls[0] = 2; /* not without the shorter ones */
		ck_assert_int_eq(kvm_reg_set(fd, KVM_REG_ARM64_SVE_VLS, vls), -EINVAL);
		rig_down();
	}
}
END_TEST

/* Numbers, each less one: breakpoints from bit 12, watchpoints 20, those with a context 28. */
START_TEST(breakpoints_within_limits_and_before_the_descriptor)
{
	u64 vls[KVM_ARM64_SVE_VLS_WORDS] = { 1 }, was;
	int sve = KVM_ARM_VCPU_SVE, fd;
	struct rmi_populate p;

	rig_ram(HOST_C3, nothing, NULL);
	ck_assert_int_eq(make_vcpus(1u << KVM_ARM_VCPU_PSCI_0_2 | 1u << KVM_ARM_VCPU_SVE), 0);
	fd = rig.vcpu[0];
	ck_assert_int_eq(kvm_reg_set64(fd, DFR0, 1 << 20 | 0 << 12), -EINVAL);
	ck_assert_int_eq(kvm_reg_set64(fd, DFR0, 0 << 20 | 1 << 12), -EINVAL);
	ck_assert_int_eq(kvm_reg_set64(fd, DFR0, 2 << 28 | 1 << 20 | 1 << 12), -EINVAL);
	ck_assert_int_eq(kvm_reg_get64(fd, DFR0, &was), 0);
	ck_assert_int_eq(kvm_reg_set64(fd, DFR0, (was & ~BRPS) | 1 << 12), -EINVAL);
	ck_assert_int_eq(kvm_reg_set64(fd, DFR0, was | 1 << 28), -EINVAL);
	ck_assert_int_eq(kvm_reg_set64(fd, DFR0, (was & ~WRPS) | 9 << 20), -EINVAL);
	ck_assert_int_eq(kvm_reg_set64(fd, DFR0, (was & ~WRPS) | 1 << 20), 0);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(kvm_ioctl(rig.vcpu[i], KVM_ARM_VCPU_FINALIZE, &sve), 0);
	ck_assert_int_eq(kvm_ioctl(fd, KVM_ARM_VCPU_FINALIZE, &sve), -EPERM);
	p = (struct rmi_populate){ RAM, PAGE, (uintptr_t)rig.source, 0, 0 };
	while (vm_ioctl(KVM_ARM_RMI_POPULATE, &p) == -EINTR)
		continue;
	ck_assert(fake_seen.created);
	ck_assert_int_eq(kvm_reg_get64(fd, DFR0, &was), 0);
	ck_assert_int_eq(kvm_reg_set64(fd, DFR0, was), 0);
	ck_assert_int_eq(kvm_reg_set64(fd, DFR0, (was & ~WRPS) | 2 << 20), -EBUSY);
	ck_assert_int_eq(kvm_reg_set(fd, KVM_REG_ARM64_SVE_VLS, vls), -EPERM);
	rig_down();
}
END_TEST

static const struct fake_op loads[] = { { GUEST_LOAD, 0x20000000, 4, NULL },
					{ GUEST_END, 0, 0, NULL } };

START_TEST(an_abort_takes_the_place_of_a_completed_access)
{
	struct kvm_vcpu_events serror = { .exception.serror_pending = 1 };
	struct kvm_vcpu_events none = { 0 };

	rig_up(HOST_C3, loads);
	fake_kvm_expect("NULL pointer");
	kvm_inject_abort(rig.vcpu[0]);
	ck_assert_uint_eq(fake_seen.wrongs, 1);
	fake_kvm_expect(NULL);
	ck_assert_int_eq(run(0), 0);
	ck_assert_uint_eq(rig.run[0]->exit_reason, KVM_EXIT_MMIO);
	ck_assert_int_eq(kvm_ioctl(rig.vcpu[0], KVM_SET_VCPU_EVENTS, &serror), -EINVAL);
	ck_assert_int_eq(kvm_ioctl(rig.vcpu[0], KVM_SET_VCPU_EVENTS, &none), 0);
	ck_assert_int_eq(kvm_inject_abort(rig.vcpu[0]), -EINVAL);
	rig.run[0]->immediate_exit = 1;
	ck_assert_int_eq(run(0), -EINTR);
	rig.run[0]->immediate_exit = 0;
	ck_assert_int_eq(kvm_inject_abort(rig.vcpu[0]), 0);
	ck_assert_int_eq(run(0), 0);
	ck_assert_uint_eq(fake_seen.aborts, 1);
	rig_down();
}
END_TEST

/* ---- capabilities [uapi update 3, 24] ---- */

START_TEST(what_a_realm_admits_to)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		rig_up(lines[i], nothing);
		ck_assert_int_eq(kvm_cap(&rig.k, KVM_CAP_ONE_REG), 1);
		ck_assert_int_eq(kvm_vm_cap(&rig.k, KVM_CAP_ONE_REG), newest());
		ck_assert_int_eq(kvm_vm_cap(&rig.k, KVM_CAP_ARM_SVE), 1);
		ck_assert_int_eq(kvm_vm_cap(&rig.k, KVM_CAP_IOEVENTFD), 0);
		/* v13's has it if its RMM has [P13 38/48] */
		ck_assert_int_eq(kvm_vm_cap(&rig.k, KVM_CAP_ARM_PMU_V3), fake_gen->posting <= 13);
		ck_assert_int_eq(kvm_cap(&rig.k, KVM_CAP_MEMORY_ATTRIBUTES),
				 fake_gen->own_attrs ? 0 : 8);
		ck_assert_int_eq(kvm_vm_cap(&rig.k, KVM_CAP_MEMORY_ATTRIBUTES),
				 fake_gen->own_attrs ? 0 : 8);
		ck_assert_int_eq(kvm_enable_cap(&rig.k, KVM_CAP_ARM_NISV_TO_USER, 0),
				 fake_gen->posting >= 14 ? -EINVAL : 0);
		rig_down();
	}
}
END_TEST

START_TEST(numbers_prove_nothing)
{
	static const unsigned numbers[] = { 240, 243, 244, 245, 246, 247, 248, 249, 250, 251, 300 };

	for (int h = HOST_PLAIN; h < HOST_NR; h++) {
		struct kvm k = { .dev_fd = -1, .vm_fd = -1 };

		fake_kvm_init((enum fake_host)h, nothing);
		ck_assert_int_eq(kvm_open(&k, "/dev/null"), 0);
		ck_assert_int_eq(kvm_vm_create(&k, 0), 0);
		fake_kvm_expect("proves nothing");
		for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
			kvm_cap(&k, numbers[i]);
			kvm_vm_cap(&k, numbers[i]);
		}
		ck_assert_uint_eq(fake_seen.wrongs, 2 * ARRAY_SIZE(numbers));
		kvm_close(&k);
	}
	/* v12 and later have no capability with sub-commands, and 251 can be enabled. */
	rig_up(HOST_C3, nothing);
	fake_kvm_expect("something else's");
	kvm_enable_cap(&rig.k, 251, 0);
	ck_assert_uint_eq(fake_seen.wrongs, 1);
	rig_down();
}
END_TEST

/* Without its parameter the newest line is like one without an RMM [uapi update 1, 19]. */
START_TEST(a_host_without_the_boot_parameter)
{
	struct kvm k = { .dev_fd = -1, .vm_fd = -1 };

	fake_kvm_init(HOST_NO_MODE, nothing);
	ck_assert_int_eq(kvm_open(&k, "/dev/null"), 0);
	ck_assert_int_eq(kvm_vm_create(&k, KVM_VM_TYPE_ARM_REALM_BIT | RIG_IPA), -EINVAL);
	ck_assert_int_eq(kvm_vm_create(&k, 0), 0);
	ck_assert_int_eq(kvm_ioctl(k.vm_fd, KVM_ARM_RMI_POPULATE, NULL), -ENXIO);
	kvm_close(&k);
}
END_TEST

START_TEST(types_that_are_none)
{
	struct kvm k = { .dev_fd = -1, .vm_fd = -1 };

	fake_kvm_init(HOST_C3, nothing);
	ck_assert_int_eq(kvm_open(&k, "/dev/null"), 0);
	ck_assert_int_eq(kvm_vm_create(&k, KVM_VM_TYPE_ARM_REALM_BIT | KVM_VM_TYPE_ARM_PROTECTED),
			 -EINVAL);
	ck_assert_int_eq(kvm_vm_create(&k, KVM_VM_TYPE_ARM_REALM | RIG_IPA), -EINVAL);
	ck_assert_int_eq(kvm_vm_create(&k, KVM_VM_TYPE_ARM_REALM_BIT | (FAKE_RMM_IPA + 1)),
			 -EINVAL);
	ck_assert_int_eq(kvm_vm_create(&k, KVM_VM_TYPE_ARM_REALM_BIT | FAKE_RMM_IPA), 0);
	kvm_close(&k);
}
END_TEST

SUITE_MAIN("fake/kvm_run", without_a_gic, without_psci, without_init, a_rec_that_is_not_on_yet,
	   a_realm_that_is_off, a_status_that_kvm_does_not_know, a_host_call, a_vcpu_that_is_off,
	   registers_that_a_host_may_set, breakpoints_within_limits_and_before_the_descriptor,
	   an_abort_takes_the_place_of_a_completed_access, what_a_realm_admits_to,
	   numbers_prove_nothing, a_host_without_the_boot_parameter, types_that_are_none)
