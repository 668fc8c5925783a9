/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lkvm doctor on hosts of every kind: what it says, in text and JSON, and its exit status. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "lkvm/cli/cmd.h"
#include "tests/fake/kvm.h"
#include "tests/unit/arm64/capture.h"

static const struct fake_op nothing[] = { { GUEST_END, 0, 0, NULL } };
static char out[8192];
static int out_fd = -1;

/* What `lkvm doctor` prints is in `out`; its status. */
static int run_doctor(int argc, const char *const *argv)
{
	int status;
	ssize_t n;

	if (out_fd < 0) {
		out_fd = memfd_create("stdout", MFD_CLOEXEC);
		dup2(out_fd, STDOUT_FILENO);
	}
	ck_assert_int_eq(ftruncate(out_fd, 0), 0);
	lseek(out_fd, 0, SEEK_SET);
	status = cmd_doctor(argc, (char **)(uintptr_t)argv);
	fflush(stdout);
	n = pread(out_fd, out, sizeof(out) - 1, 0);
	out[MAX(n, 0)] = 0;
	return status;
}

static int doctor(enum fake_host host, const char *a, const char *b)
{
	const char *const argv[] = { "doctor", "--dev", "/dev/null", a, b, NULL };

	fake_kvm_init(host, nothing);
	return run_doctor(b ? 5 : a ? 4 : 3, argv);
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
	/* As this test is, on whichever machine. */
	SAYS("--vfio-pci             ");
	SAYS("--vsock vhost=on ");
	SAYS("sandbox (--confine)    no: it needs a program without sanitizers\n");
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

START_TEST(each_no_says_more)
{
	for (unsigned host = 0; host < HOST_NR; host++) {
		doctor((enum fake_host)host, NULL, NULL);
		ck_assert_msg(!strstr(out, " no\n"), "a bare 'no' in '%s'", out);
	}
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

/* What was printed is one object. */
static json_t *document(void)
{
	json_t *o = json_loads(out, JSON_REJECT_DUPLICATES, NULL);

	ck_assert_msg(json_is_object(o), "%s", out);
	return o;
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	ck_assert_msg(s != NULL, "%s", key);
	return s;
}

/* A state: its detail. */
static const char *detail(const json_t *o, const char *key, bool ok)
{
	const json_t *state = json_object_get(o, key), *flag = json_object_get(state, "ok");

	ck_assert_msg(json_is_boolean(flag) && json_is_true(flag) == ok, "%s", key);
	return text(state, "detail");
}

START_TEST(json_for_programs)
{
	json_t *o;

	ck_assert_int_eq(doctor(HOST_B2, "--json", "rme"), 0);
	o = document();
	ck_assert_str_eq(detail(o, "kvm", true), "");
	ck_assert_int_eq(json_integer_value(json_object_get(o, "ipa_bits")), 48);
	ck_assert_str_eq(text(o, "irqchips"), "gicv3-its gicv3");
	ck_assert_str_eq(text(o, "realm_backend"), "rme");
	ck_assert_str_eq(text(o, "realm_generation"), "B2");
	ck_assert_int_eq(json_integer_value(json_object_get(o, "realm_ipa_bits")), 40);
	ck_assert(!strncmp(text(o, "realm_profile"), "rmm=1.0,", 8));
	ck_assert(!strncmp(text(o, "sim_profile"), "rmm=1.0,", 8));
	ck_assert_str_ne(detail(o, "pkvm", false), "");
	json_decref(o);
}
END_TEST

/* No KVM at all: the same keys, and a name that has to be quoted. */
START_TEST(no_kvm)
{
	const char *const argv[] = { "doctor", "--json", "--dev=/no\"such\\\tfile\xff" };
	json_t *o;

	ck_assert_int_eq(run_doctor(3, argv), 1);
	o = document();
	/* JSON has no bytes that are not UTF-8. */
	ck_assert_ptr_nonnull(strstr(detail(o, "kvm", false), "/no\"such\\\tfile? does not exist"));
	detail(o, "realm", false);
	detail(o, "pkvm", false);
	detail(o, "sim", false);
	json_decref(o);
	ck_assert_int_eq(doctor(HOST_PLAIN, NULL, NULL), 1);
	fake_kvm_init(HOST_PLAIN, nothing);
	fake_kvm_fail(0, ENOTTY);
	ck_assert_int_eq(run_doctor(3, (const char *const[]){ "doctor", "--dev", "/dev/null" }), 1);
}
END_TEST

/* A reason is there to its last word. */
START_TEST(another_machine)
{
#ifdef __aarch64__
	fprintf(stderr, "skip: this is an arm64 machine\n");
#else
	ck_assert_int_eq(run_doctor(1, (const char *const[]){ "doctor" }), 1);
	SAYS("KVM                    no: lkvm runs guests on arm64 hosts only.");
	SAYS("run --dump-dtb work as they are\n");
#endif
}
END_TEST

SUITE_MAIN("lkvm/cmd_doctor", a_host_with_realms, a_host_without, each_no_says_more,
	   the_status_is_the_backends, json_for_programs, no_kvm, another_machine)
