/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which backend does a host have, and what does lkvm say where it has none? */
#include <check.h>

#include "tests/unit/realm/host/launch.h"

static void host(enum fake_host h)
{
	if (kvm.dev_fd > 0)
		kvm_close(&kvm);
	fake_kvm_init(h, nothing);
	ck_assert_int_eq(kvm_open(&kvm, "/dev/null"), 0);
}

/* [uapi reference 2.2] the decision table */
START_TEST(every_generation_is_told_by_what_it_does)
{
	for (int h = HOST_FIRST_REALM; h < HOST_NR; h++) {
		struct probe p;

		if (h == HOST_C4_FIXED)
			continue;
		host((enum fake_host)h);
		probe_cca(&p, &kvm);
		ck_assert_msg(p.ops && !p.why, "%s", fake_gen->name);
		ck_assert_str_eq(p.host.gen, fake_gen->name);
		ck_assert_ptr_eq(p.ops, fake_gen->populate ? &realm_rmi : &realm_rme);
		ck_assert_uint_eq(p.host.vm_type, fake_gen->vm_bit);
		ck_assert_int_eq(p.host.gmem, fake_gen->gmem);
		ck_assert_int_eq(p.host.gmem_attrs, fake_gen->own_attrs);
		ck_assert_int_eq(p.host.pmu, fake_gen->pmu);
		ck_assert_uint_eq(p.host.cap, fake_gen->cap);
		ck_assert_int_eq(p.host.rec_in_init, fake_gen->rec_in_init);
		ck_assert_uint_eq(probe_ipa_bits(&p, &kvm), FAKE_RMM_IPA);
	}
}
END_TEST

START_TEST(a_host_without_says_why)
{
	static const struct {
		enum fake_host host;
		const char *why;
	} hosts[] = {
		{ HOST_PLAIN, "does not know Realms" },
		{ HOST_PKVM, "does not know Realms" },
		{ HOST_NO_RMM_V5, "no RMM" },
		{ HOST_NO_RMM_V7, "no RMM" },
		{ HOST_NO_RMM_V12, "no RMM" },
		{ HOST_NO_RMM_V14, "no RMM" },
		{ HOST_NO_MODE, "no RMM" },
		{ HOST_NO_MODE, "kvm-arm.mode=rmm" },
		{ HOST_C4_FIXED, "in_place_conversion" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		struct probe p;

		host(hosts[i].host);
		probe_cca(&p, &kvm);
		ck_assert_ptr_null(p.ops);
		ck_assert_ptr_nonnull(strstr(p.why, hosts[i].why));
		ck_assert_uint_eq(probe_ipa_bits(&p, &kvm), 0);
	}
}
END_TEST

START_TEST(nothing_falls_back_to_the_simulator)
{
	struct probe p;

	capture_start();
	host(HOST_PLAIN);
	ck_assert_int_eq(probe_select(&p, &kvm, PROBE_CCA), -ENODEV);
	captured_one_error("KVM doesn't support Realms", "--realm=sim");
	ck_assert_int_eq(probe_select(&p, &kvm, PROBE_PKVM), -ENODEV);
	captured_one_error("--protected", "kvm-arm.mode=protected");
	host(HOST_NO_RMM_V14);
	ck_assert_int_eq(probe_select(&p, &kvm, PROBE_RMI), -ENODEV);
	captured_one_error("no RMM", "--realm=sim");
}
END_TEST

START_TEST(a_kind_can_be_forced)
{
	struct probe p;

	capture_start();
	host(HOST_B2);
	ck_assert_int_eq(probe_select(&p, &kvm, PROBE_CCA), 0);
	ck_assert_int_eq(probe_select(&p, &kvm, PROBE_RME), 0);
	ck_assert_ptr_eq(p.ops, &realm_rme);
	ck_assert_int_eq(probe_select(&p, &kvm, PROBE_RMI), -ENODEV);
	captured_one_error("--realm=rmi", "B2");
	host(HOST_C3);
	ck_assert_int_eq(probe_select(&p, &kvm, PROBE_RMI), 0);
	ck_assert_int_eq(probe_select(&p, &kvm, PROBE_RME), -ENODEV);
	captured_one_error("--realm=rme", "C3");
	host(HOST_PKVM);
	ck_assert_int_eq(probe_select(&p, &kvm, PROBE_PKVM), 0);
	ck_assert_ptr_eq(p.ops, &realm_pkvm);
}
END_TEST

START_TEST(the_simulator_wants_a_filter)
{
	struct probe p;

	host(HOST_PLAIN);
	probe_sim(&p, &kvm);
	ck_assert_ptr_eq(p.ops, &realm_sim);
	fake_kvm_fail(0, ENOMEM);
	probe_sim(&p, &kvm);
	ck_assert(!p.ops && p.why);
	fake_kvm_fail(1, ENXIO);
	probe_sim(&p, &kvm);
	ck_assert(!p.ops && strstr(p.why, "SMCCC filter"));
	fake_kvm_fail(2, EINVAL);
	probe_sim(&p, &kvm);
	ck_assert(!p.ops && strstr(p.why, "address space"));
}
END_TEST

/* ---- the profile ---- */

#define TGRAN4(v) ((u64)(v) << 28)
#define TGRAN4_2(v) ((u64)(v) << 40)
#define TGRAN16(v) ((u64)(v) << 20)
#define TGRAN16_2(v) ((u64)(v) << 32)

static struct profile profile_of(enum fake_host h, u64 mmfr0)
{
	struct profile got;
	struct probe p;

	host(h);
	fake_kvm_mmfr0 = mmfr0;
	probe_cca(&p, &kvm);
	ck_assert_int_eq(probe_profile(&got, &p, &kvm), 0);
	return got;
}

/* [uapi update 2: 2] v13 and v14 say what the CPU has, others nothing. */
START_TEST(lpa2_is_what_the_kernel_makes_of_the_cpu)
{
	static const u64 without[] = {
		0,
		TGRAN4(1),
		TGRAN4_2(3),
		TGRAN4(1) | TGRAN4_2(2),
		TGRAN4(2) | TGRAN4_2(3),
		TGRAN16(2) | TGRAN16_2(3),
	};
	static const enum fake_host others[] = { HOST_B1, HOST_B2, HOST_B6, HOST_C4, HOST_C5 };
	const u64 with = TGRAN4(1) | TGRAN4_2(3);

	if (sysconf(_SC_PAGESIZE) != 4096)
		return;
	ck_assert_uint_eq(profile_of(HOST_C2, with).value[PROFILE_LPA2], 1);
	ck_assert_uint_eq(profile_of(HOST_C3, with | TGRAN16(1)).value[PROFILE_LPA2], 1);
	for (size_t i = 0; i < ARRAY_SIZE(without); i++)
		ck_assert_uint_eq(profile_of(HOST_C3, without[i]).value[PROFILE_LPA2], 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct profile got = profile_of(others[i], with);

		ck_assert(profile_has(&got, PROFILE_LPA2));
		ck_assert_uint_eq(got.value[PROFILE_LPA2], 0);
	}
}
END_TEST

/* A kernel that does not show the register: the key is not given, the others are. */
START_TEST(lpa2_may_be_unknown)
{
	unsigned unknown = 0, whole = 0;
	struct profile got;
	struct probe p;

	for (unsigned n = 0; n < 40; n++) {
		host(HOST_C3);
		probe_cca(&p, &kvm);
		fake_kvm_fail(n, ENOENT);
		if (probe_profile(&got, &p, &kvm))
			continue;
		whole += got.given == BIT(PROFILE_NR) - 1;
		unknown += got.given == (BIT(PROFILE_NR) - 1 - BIT(PROFILE_LPA2));
	}
	ck_assert_uint_eq(unknown, 1);
	ck_assert_uint_gt(whole, 10);
}
END_TEST

SUITE_MAIN("realm/probe", every_generation_is_told_by_what_it_does, a_host_without_says_why,
	   nothing_falls_back_to_the_simulator, a_kind_can_be_forced, the_simulator_wants_a_filter,
	   lpa2_is_what_the_kernel_makes_of_the_cpu, lpa2_may_be_unknown)
