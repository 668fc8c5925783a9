/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lkvm doctor on hosts of every kind: what it says, in text and JSON, and its exit status. */
#include <errno.h>
#include <stdio.h>

#include "lkvm/cli/cmd.h"
#include "tests/fake/kvm.h"
#include "tests/unit/arm64/capture.h"

static const struct fake_op nothing[] = { { GUEST_END, 0, 0, NULL } };
static char out[8192];
static int out_fd = -1;

static int doctor(enum fake_host host, const char *a, const char *b)
{
	const char *argv[] = { "doctor", "--dev", "/dev/null", a, b, NULL };
	int argc = b ? 5 : a ? 4 : 3, status;
	ssize_t n;

	if (out_fd < 0) {
		out_fd = memfd_create("stdout", MFD_CLOEXEC);
		dup2(out_fd, STDOUT_FILENO);
	}
	ck_assert_int_eq(ftruncate(out_fd, 0), 0);
	lseek(out_fd, 0, SEEK_SET);
	fake_kvm_init(host, nothing);
	status = cmd_doctor(argc, (char **)(uintptr_t)argv);
	fflush(stdout);
	n = pread(out_fd, out, sizeof(out) - 1, 0);
	out[MAX(n, 0)] = 0;
	return status;
}

#define SAYS(text) ck_assert_msg(strstr(out, text), "no '%s' in '%s'", text, out)

START_TEST(a_host_with_realms)
{
	ck_assert_int_eq(doctor(HOST_B2, NULL, NULL), 0);
	SAYS("KVM                    yes\n");
	SAYS("IPA bits               48\n");
	SAYS("Realms                 yes: --realm=rme, generation B2");
	SAYS("Realm IPA bits         40\n");
	SAYS("RMM speaks RMI ");
	SAYS("guest_memfd            yes\n");
	SAYS("simulated Realms       yes");
	SAYS("Realm profile          rmm=1.0,ipa_bits=40,bps=6,wps=4,sve_vl=256,pmu=6,page=4096,lpa2=0\n");
	SAYS("simulated profile      rmm=1.0,ipa_bits=48,bps=6,wps=4,sve_vl=256,pmu=6,page=4096,lpa2=0\n");
	SAYS("protected VMs (pKVM)   no: the host was not booted");
	ck_assert_int_eq(doctor(HOST_C3, NULL, NULL), 0);
	SAYS("--realm=rmi, generation C3 of the kernel's interface, no PMU");
	SAYS("Realm profile          rmm=2.0,ipa_bits=40,bps=6,wps=4,sve_vl=256,pmu=0,page=4096,lpa2=0\n");
	/* Nobody knows by which rule. */
	ck_assert_int_eq(doctor(HOST_C1, NULL, NULL), 0);
	SAYS("Realm profile          not known for this generation\n");
}
END_TEST

START_TEST(a_host_without)
{
	ck_assert_int_eq(doctor(HOST_PLAIN, NULL, NULL), 1);
	SAYS("Realms                 no: this kernel does not know Realms");
	SAYS("interrupt controllers  gicv3-its gicv3\n");
	SAYS("SMCCC filter           yes\n");
	ck_assert_int_eq(doctor(HOST_NO_RMM_V7, NULL, NULL), 1);
	SAYS("no RMM");
}
END_TEST

START_TEST(the_status_is_the_backends)
{
	static const struct {
		enum fake_host host;
		const char *backend;
		int status;
	} cases[] = {
		{ HOST_B2, "rme", 0 },	  { HOST_B2, "rmi", 1 },
		{ HOST_C4, "rmi", 0 },	  { HOST_C4, "pkvm", 1 },
		{ HOST_PKVM, "pkvm", 0 }, { HOST_PLAIN, "sim", 0 },
		{ HOST_PLAIN, "rme", 1 }, { HOST_PLAIN, "none", EXIT_USAGE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_int_eq(doctor(cases[i].host, cases[i].backend, NULL), cases[i].status);
}
END_TEST

START_TEST(json_for_programs)
{
	ck_assert_int_eq(doctor(HOST_B2, "--json", "rme"), 0);
	SAYS("{\n  \"kvm\": { \"ok\": true, \"detail\": \"\" },\n");
	SAYS("\"ipa_bits\": 48,\n");
	SAYS("\"irqchips\": \"gicv3-its gicv3\",\n");
	SAYS("\"realm_backend\": \"rme\",\n");
	SAYS("\"realm_generation\": \"B2\",\n");
	SAYS("\"realm_ipa_bits\": 40,\n");
	SAYS("\"realm_profile\": \"rmm=1.0,");
	SAYS("\"sim_profile\": \"rmm=1.0,");
	ck_assert_str_eq(out + strlen(out) - 4, "\"\n}\n");
}
END_TEST

/* No KVM at all: the same keys, and a name that has to be quoted. */
START_TEST(no_kvm)
{
	const char *argv[] = { "doctor", "--json", "--dev=/no\"such\\\tfile" };

	doctor(HOST_PLAIN, NULL, NULL);
	ck_assert_int_eq(ftruncate(out_fd, 0), 0);
	lseek(out_fd, 0, SEEK_SET);
	ck_assert_int_eq(cmd_doctor(3, (char **)(uintptr_t)argv), 1);
	fflush(stdout);
	out[MAX(pread(out_fd, out, sizeof(out) - 1, 0), 0)] = 0;
	SAYS("\"kvm\": { \"ok\": false, \"detail\": \"/no\\\"such\\\\\\u0009file does not exist");
	SAYS("\"realm\": { \"ok\": false");
	SAYS("\"sim\": { \"ok\": false");
	ck_assert_int_eq(doctor(HOST_PLAIN, NULL, NULL), 1);
	fake_kvm_init(HOST_PLAIN, nothing);
	fake_kvm_fail(0, ENOTTY);
	ck_assert_int_eq(cmd_doctor(3, (char **)(uintptr_t)(const char *[]){ "doctor", "--dev",
									     "/dev/null" }),
			 1);
}
END_TEST

SUITE_MAIN("lkvm/cmd_doctor", a_host_with_realms, a_host_without, the_status_is_the_backends,
	   json_for_programs, no_kvm)
