/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The composition: a whole machine, devices and threads included, on a model of each host kernel.
 * What is not in the right order there is an errno here, or a failed assertion of the model.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "lkvm/run/machine.h"
#include "lkvm/run/warden.h"
#include "realm/host/uapi_rme.h"
#include "tests/fake/kvm.h"
#include "tests/unit/arm64/capture.h"

#define RAM_SIZE (32 * MiB)
#define KERNEL (FAKE_RAM + 0x80000)
#define DTB (FAKE_RAM + 30 * MiB)
#define POOL (FAKE_RAM + 16 * MiB)

static struct config c;
static char kernel[] = "/tmp/lkvm-machine-XXXXXX", initrd[] = "/tmp/lkvm-machine-XXXXXX";
static u8 kernel_bytes[10000];

static void write_file(char *name, const void *buf, size_t len)
{
	int fd = mkstemp(name);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, buf, len), len);
	close(fd);
}

static void make_files(void)
{
	static bool made;

	if (made)
		return;
	made = true;
	for (size_t i = 0; i < sizeof(kernel_bytes); i++)
		kernel_bytes[i] = (u8)(i * 13 + 1);
	write_file(kernel, kernel_bytes, sizeof(kernel_bytes));
	write_file(initrd, kernel_bytes, 5000);
}

static void remove_files(void)
{
	unlink(kernel);
	unlink(initrd);
}

static struct config *conf(enum config_realm realm)
{
	int fd = open("/dev/null", O_RDONLY);

	dup2(fd, STDIN_FILENO);
	close(fd);
	make_files();
	config_init(&c);
	c.confine = CONFINE_OFF; /* what this process gives up it needs for the next machine */
	c.kvm_dev = "/dev/null";
	c.kernel = kernel;
	c.flat = true;
	c.initrd = initrd;
	c.cpus = 2;
	c.ram_size = RAM_SIZE;
	ck_assert_int_eq(netopt_parse(&c.nics[c.nr_nics++], "mode=none", 0), 0);
	c.rng = true;
	c.realm = realm;
	ck_assert_int_eq(config_complete(&c), 0);
	return &c;
}

static const struct fake_op nothing[] = { { GUEST_END, 0, 0, NULL } };
static const struct fake_op linux_boot[] = {
	{ GUEST_RAM, FAKE_RAM, RAM_SIZE, NULL },
	{ GUEST_WRITE_PRIVATE, POOL, 4096, NULL },
	{ GUEST_EMPTY, POOL, 4 * MiB, NULL },
	{ GUEST_ZERO_SHARED, POOL, 4096, NULL },
	{ GUEST_WRITE_SHARED, POOL, 4096, NULL },
	{ GUEST_EMPTY, KERNEL + 8192, 4096, NULL },
	/* what was loaded there is not shown to the shared side */
	{ GUEST_ZERO_SHARED, KERNEL + 8192, 4096, NULL },
	{ GUEST_END, 0, 0, NULL },
};

static struct warden *warden(void)
{
	/* Long: what takes its time here is the machine that the tests run on. */
	const struct warden_conf wc = { .limit_ms = (u32)scaled(60000) };
	struct warden *w;

	ck_assert_int_eq(warden_create(&w, &wc), 0);
	return w;
}

static enum stop_reason start(const struct config *conf)
{
	enum stop_reason end = STOP_ERROR;
	struct warden *w = warden();
	struct machine *m;

	if (!machine_create(&m, conf, w, NULL)) {
		end = machine_run(m);
		machine_destroy(m);
	}
	warden_destroy(w);
	return end;
}

static void is_measured(void)
{
	u64 initrd_at = align_down(DTB - 5000 - 4, 4096);

	/* The initrd ends in the page before the tree: the model sees them as one run. */
	ck_assert_uint_eq(fake_seen.nr_measured, 2);
	ck_assert_uint_eq(fake_seen.measured[0].base, KERNEL);
	ck_assert_uint_eq(fake_seen.measured[0].size, align_up(sizeof(kernel_bytes), 4096));
	ck_assert_uint_eq(fake_seen.measured[1].base, initrd_at);
	ck_assert_uint_eq(fake_seen.measured[1].size, DTB + 64 * KiB - initrd_at);
	ck_assert_uint_eq(fake_seen.entry_pc, KERNEL);
	ck_assert_uint_eq(fake_seen.entry_x0, DTB);
	ck_assert_uint_eq(fake_seen.nr_recs, 2);
}

START_TEST(a_realm_on_every_host)
{
	for (int h = HOST_FIRST_REALM; h < HOST_NR; h++) {
		bool rfc = h == HOST_A1 || h == HOST_A;

		if (h == HOST_C4_FIXED)
			continue;
		fake_kvm_init((enum fake_host)h, rfc ? nothing : linux_boot);
		ck_assert_msg(start(conf(REALM_ANY)) == STOP_POWEROFF, "%s", fake_gen->name);
		is_measured();
		/* 26 bits would hold the board's memory; 32 is KVM's least, and the alias */
		ck_assert_uint_eq(fake_seen.vm_type & 0xff, 33);
		ck_assert_uint_eq(fake_seen.features[1] & ~1u, fake_seen.features[0]);
		/* SVE of the RFC is told, and only with a vector length */
		ck_assert_int_eq(!!(fake_seen.features[0] & 1u << KVM_ARM_VCPU_SVE), !rfc);
	}
	remove_files();
}
END_TEST

START_TEST(counters_and_vectors_before_the_descriptor)
{
	for (int h = HOST_A; h <= HOST_C2; h++) {
		fake_kvm_init((enum fake_host)h, nothing);
		conf(REALM_ANY)->pmu = true;
		c.pmu_counters = 4;
		c.sve_max_vl = 256;
		ck_assert_msg(start(&c) == STOP_POWEROFF, "%s", fake_gen->name);
		ck_assert(fake_seen.features[0] & 1u << KVM_ARM_VCPU_PMU_V3);
		ck_assert(fake_seen.features[0] & 1u << KVM_ARM_VCPU_SVE);
	}
	remove_files();
}
END_TEST

static unsigned nr_pvtime;

static void count_pvtime(unsigned long req, const void *arg)
{
	const struct kvm_device_attr *a = arg;

	nr_pvtime += req == KVM_SET_DEVICE_ATTR && a->group == KVM_ARM_VCPU_PVTIME_CTRL;
}

static int elsewhere, on_it;

static void count_places(unsigned long req, const void *arg)
{
	const struct kvm_device_attr *a = arg;
	cpu_set_t now;
	bool pmu = req == KVM_SET_DEVICE_ATTR && a->group == KVM_ARM_VCPU_PMU_V3_CTRL;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(now), &now), 0);
	if (req == KVM_ARM_PREFERRED_TARGET || req == KVM_ARM_VCPU_INIT || pmu)
		on_it += CPU_COUNT(&now) == 1;
	else if (req != KVM_RUN && CPU_COUNT(&now) > 1)
		elsewhere |= req == KVM_CREATE_DEVICE; /* and the loop's thread starts later */
}

/* KVM's PMU, and on older kernels the vCPU's kind, is that of the CPU where it is asked for. */
START_TEST(vcpus_are_made_where_they_will_run)
{
	cpu_set_t old, now;
	char one[8];
	int cpu = 0;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(old), &old), 0);
	while (!CPU_ISSET(cpu, &old))
		cpu++;
	snprintf(one, sizeof(one), "%d", cpu);
	fake_kvm_init(HOST_PLAIN, nothing);
	fake_kvm_trace = count_places;
	conf(REALM_OFF)->vcpu_affinity = one;
	c.pmu = true;
	ck_assert_int_eq(start(&c), STOP_POWEROFF);
	ck_assert_int_eq(on_it, 1 + 2 + 2 * 2); /* target, 2 vCPUs, and their PMU in 2 steps */
	ck_assert_int_eq(elsewhere, CPU_COUNT(&old) > 1);
	ck_assert_int_eq(sched_getaffinity(0, sizeof(now), &now), 0);
	ck_assert(CPU_EQUAL(&old, &now));
	remove_files();
}
END_TEST

/* KVM writes the time to a page that is not the guest's own. */
START_TEST(stolen_time_is_for_guests_that_are_not_confidential)
{
	fake_kvm_init(HOST_PLAIN, nothing);
	fake_kvm_trace = count_pvtime;
	ck_assert_int_eq(start(conf(REALM_OFF)), STOP_POWEROFF);
	ck_assert_uint_eq(nr_pvtime, 2);
	capture_start(); /* a simulated one says what it is */
	fake_kvm_init(HOST_PLAIN, nothing);
	fake_kvm_trace = count_pvtime;
	ck_assert_int_eq(start(conf(REALM_SIM)), STOP_POWEROFF);
	ck_assert_uint_eq(nr_pvtime, 2);
	remove_files();
}
END_TEST

START_TEST(other_guests_on_the_same_hosts)
{
	fake_kvm_init(HOST_PLAIN, nothing);
	ck_assert_int_eq(start(conf(REALM_OFF)), STOP_POWEROFF);
	ck_assert_uint_eq(fake_seen.vm_type, 32);
	ck_assert_uint_eq(fake_seen.nr_vms, 1); /* nothing is probed for an ordinary VM */
	fake_kvm_init(HOST_C3, nothing);
	ck_assert_int_eq(start(conf(REALM_OFF)), STOP_POWEROFF);
	ck_assert(!fake_seen.created);
	capture_start();
	fake_kvm_init(HOST_B2, nothing);
	ck_assert_int_eq(start(conf(REALM_SIM)), STOP_POWEROFF);
	ck_assert_uint_eq(fake_seen.vm_type, 33);
	ck_assert(strstr(captured(), "simulated Realm: no isolation") && !fake_seen.created);
	fake_kvm_init(HOST_PKVM, nothing);
	conf(REALM_OFF)->protected_vm = true;
	ck_assert_int_eq(start(&c), STOP_POWEROFF);
	ck_assert_uint_eq(fake_seen.vm_type, 0x80000000 | 32);
	remove_files();
}
END_TEST

/* Host kernels that are not what they seem: vCPU 0 starts elsewhere. */
static void other_entry(unsigned long req, const void *arg)
{
	const struct kvm_one_reg *reg = arg;
	u64 *value = (u64 *)(uintptr_t)reg->addr;

	if (req == KVM_SET_ONE_REG && reg->id == KVM_REG_PC)
		*value += 4;
}

/* The simulator measures what is there, the prediction what was planned. */
START_TEST(a_simulated_realm_measures_what_was_predicted)
{
	const char *s;

	capture_start();
	fake_kvm_init(HOST_PLAIN, nothing);
	log_set_level(LOG_DEBUG);
	ck_assert_int_eq(start(conf(REALM_SIM)), STOP_POWEROFF);
	s = strstr(captured(), "predicted RIM: ");
	ck_assert(s && strspn(s + 15, "0123456789abcdef") == 64);
	ck_assert_int_eq(ftruncate(capture_fd, 0), 0);
	lseek(capture_fd, 0, SEEK_SET);
	c.realm_hash = HASH_SHA512;
	ck_assert_int_eq(start(&c), STOP_POWEROFF);
	s = strstr(captured(), "predicted RIM: ");
	ck_assert(s && strspn(s + 15, "0123456789abcdef") == 128);
	/* Where the RMM does not tell, the prediction is still printed. */
	ck_assert_int_eq(ftruncate(capture_fd, 0), 0);
	lseek(capture_fd, 0, SEEK_SET);
	fake_kvm_init(HOST_C4, nothing);
	ck_assert_int_eq(start(conf(REALM_ANY)), STOP_POWEROFF);
	ck_assert(strstr(captured(), "predicted RIM: "));
	remove_files();
}
END_TEST

START_TEST(a_simulated_realm_that_measures_something_else_is_not_started)
{
	capture_start();
	fake_kvm_init(HOST_PLAIN, nothing);
	fake_kvm_trace = other_entry;
	ck_assert_int_eq(start(conf(REALM_SIM)), STOP_ERROR);
	ck_assert(strstr(captured(), "Error: the Realm measures "));
	ck_assert(strstr(captured(), "as predicted: it is not started\n"));
	remove_files();
}
END_TEST

static unsigned nr_populates;

/* Each takes a while, as an RMM does. */
static void slow_rmm(unsigned long req, const void *arg)
{
	const struct kvm_enable_cap *e = arg;

	if (req == KVM_ENABLE_CAP && e->args[0] == RME_POPULATE) {
		nr_populates++;
		nanosleep(&(struct timespec){ .tv_nsec = 160000000 }, NULL);
	}
}

static void measures_a_large_kernel(unsigned populates)
{
	nr_populates = 0;
	fake_kvm_init(HOST_B2, nothing);
	fake_kvm_trace = slow_rmm;
	ck_assert_int_eq(start(&c), STOP_POWEROFF);
	ck_assert_uint_eq(nr_populates, populates);
	ck_assert_uint_eq(fake_seen.measured[0].base, KERNEL);
	ck_assert_uint_eq(fake_seen.measured[0].size, 640 * KiB);
}

/* What a terminal shows up to `end`. The kernel brings it there a moment after it was written. */
static void read_until(int screen, char *seen, size_t size, const char *end)
{
	struct pollfd p = { .fd = screen, .events = POLLIN };
	size_t len = 0, n = strlen(end);

	do {
		ssize_t got;

		ck_assert_int_eq(poll(&p, 1, scaled(5000)), 1);
		got = read(screen, seen + len, size - 1 - len);
		ck_assert_int_gt(got, 0);
		len += (size_t)got;
		seen[len] = 0;
	} while (len < n || strcmp(seen + len - n, end));
}

/* In the largest runs that there are; in pieces only for who waits at a terminal. */
START_TEST(progress_is_shown_on_a_terminal)
{
	static u8 large[640 * KiB];
	char name[] = "/tmp/lkvm-machine-XXXXXX", seen[4096];
	int screen = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK), tty;

	write_file(name, large, sizeof(large));
	conf(REALM_ANY)->kernel = name;
	ck_assert(screen >= 0 && !grantpt(screen) && !unlockpt(screen));
	tty = open(ptsname(screen), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(tty, 0);
	dup2(tty, STDERR_FILENO);
	measures_a_large_kernel(3 + 2);
	read_until(screen, seen, sizeof(seen), "\r\033[K\r");
	ck_assert_msg(strstr(seen, "loading, 0 of 0 MiB (71 %)"), "%s", seen);
	capture_start();
	measures_a_large_kernel(1 + 2);
	ck_assert_str_eq(captured(), "");
	unlink(name);
	remove_files();
}
END_TEST

/* In its place on every host that can leave something unmeasured, and nowhere else. */
START_TEST(a_measurement_log)
{
	struct fake_range none = { 0 };

	capture_start();
	for (int h = HOST_FIRST_REALM; h < HOST_NR; h++) {
		if (h == HOST_C4_FIXED)
			continue;
		fake_kvm_init((enum fake_host)h, nothing);
		conf(REALM_ANY)->measurement_log = true;
		if (h == HOST_A1 || h == HOST_A) {
			ck_assert_int_eq(start(&c), STOP_ERROR);
			captured_one_error("--measurement-log is not possible on this host",
					   "measure all that is loaded");
			continue;
		}
		ck_assert_msg(start(&c) == STOP_POWEROFF, "%s: %s", fake_gen->name, captured());
		is_measured();
		ck_assert_uint_eq(fake_seen.unmeasured.base, FAKE_RAM + RAM_SIZE - 64 * KiB);
		ck_assert_uint_eq(fake_seen.unmeasured.size, 64 * KiB);
	}
	fake_kvm_init(HOST_C4, nothing);
	ck_assert_int_eq(start(conf(REALM_ANY)), STOP_POWEROFF);
	ck_assert_mem_eq(&fake_seen.unmeasured, &none, sizeof(none));
	fake_kvm_init(HOST_PLAIN, nothing);
	conf(REALM_SIM)->measurement_log = true;
	ck_assert_int_eq(start(&c), STOP_POWEROFF);
	remove_files();
}
END_TEST

static const struct fake_op reads[] = {
	{ GUEST_LOAD, 0x20000000, 4, NULL }, /* nothing is there */
	{ GUEST_LOAD, 0x40000000, 4, NULL }, /* configuration space */
	{ GUEST_LOAD, 0x20000000, 4, NULL },
	{ GUEST_END, 0, 0, NULL },
};

/* Where nothing is: zeros, and in a Realm, on every kernel, a synchronous external abort. */
START_TEST(nothing_there_aborts_in_a_realm)
{
	for (int h = HOST_PLAIN; h < HOST_NR; h++) {
		if (h == HOST_C4_FIXED || (h >= HOST_NO_RMM_V5 && h <= HOST_LAST_WITHOUT))
			continue;
		fake_kvm_init((enum fake_host)h, reads);
		ck_assert_int_eq(start(conf(h < HOST_FIRST_REALM ? REALM_OFF : REALM_ANY)),
				 STOP_POWEROFF);
		ck_assert_msg(fake_seen.aborts == (h < HOST_FIRST_REALM ? 0 : 2), "%s: %u",
			      fake_gen->name, fake_seen.aborts);
		ck_assert(h < HOST_FIRST_REALM ? !fake_seen.loaded : !!fake_seen.loaded);
	}
	remove_files();
}
END_TEST

static void refused(const char *a, const char *b)
{
	ck_assert_int_eq(start(&c), STOP_ERROR);
	captured_one_error(a, b);
}

/* One line each, and it says what to do. */
START_TEST(what_a_host_cannot_do)
{
	capture_start();
	fake_kvm_init(HOST_PLAIN, nothing);
	conf(REALM_ANY);
	refused("KVM doesn't support Realms", "--realm=sim");
	conf(REALM_OFF)->protected_vm = true;
	refused("--protected", "kvm-arm.mode");
	fake_kvm_init(HOST_NO_RMM_V14, nothing);
	conf(REALM_ANY);
	refused("no RMM", "--realm=sim");
	fake_kvm_init(HOST_C3, nothing);
	conf(REALM_RME);
	refused("--realm=rme", "C3");
	conf(REALM_ANY)->realm_hash = HASH_SHA512;
	refused("--measurement-algo", "C3");
	conf(REALM_ANY)->has_realm_pv = true;
	refused("--realm-pv", "C3");
	conf(REALM_ANY)->pmu = true;
	refused("--pmu", "C3");
	/* The RMM's limit, and the kernel's. */
	conf(REALM_ANY)->ram_base = BIT(FAKE_RMM_IPA - 1);
	refused("Memory too large", "needs 41 bits, 40 available");
	conf(REALM_ANY)->ram_base = BIT(48);
	refused("Memory too large", "needs 50 bits, 48 available");
	fake_kvm_init(HOST_PLAIN, nothing);
	conf(REALM_SIM)->ram_base = BIT(47);
	refused("Memory too large", "needs 49 bits, 48 available");
	conf(REALM_ANY)->irqchip = IRQCHIP_GICV2;
	fake_kvm_init(HOST_B2, nothing);
	refused("gicv2", "gicv3");
	fake_kvm_init(HOST_PLAIN, nothing);
	conf(REALM_OFF)->vcpu_affinity = "1023";
	refused("--vcpu-affinity 1023", "cannot run on these CPUs");
	remove_files();
}
END_TEST

/* It can take minutes, and the terminal's Ctrl-C is as good as any signal. */
START_TEST(a_signal_ends_a_launch)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP };
	struct machine *m;

	capture_start();
	for (unsigned i = 0; i < ARRAY_SIZE(sigs); i++)
		signal(sigs[i], SIG_DFL); /* under nohup SIGHUP would be none */
	for (unsigned i = 0; i < ARRAY_SIZE(sigs); i++) {
		struct warden *w = warden();

		fake_kvm_init(HOST_C3, nothing);
		conf(REALM_ANY);
		kill(getpid(), sigs[i]);
		stop_wait(warden_stop(w), scaled(20000));
		ck_assert_int_eq(machine_create(&m, &c, w, NULL), -EINTR);
		ck_assert_uint_le(fake_seen.nr_measured, 1);
		ck_assert_ptr_null(strstr(captured(), "Error"));
		warden_destroy(w);
	}
	remove_files();
}
END_TEST

/* Every ioctl fails once: the machine is taken down again, whole or half built. */
START_TEST(every_step_can_fail)
{
	static const enum fake_host hosts[] = { HOST_B2, HOST_C4 };

	capture_start();
	for (unsigned h = 0; h < ARRAY_SIZE(hosts); h++) {
		unsigned failures = 0;

		for (unsigned n = 0; n < 90; n += 2) {
			fake_kvm_init(hosts[h], nothing);
			fake_kvm_fail(n + h, EIO);
			failures += start(conf(REALM_ANY)) == STOP_ERROR;
		}
		ck_assert_uint_gt(failures, 10);
	}
	remove_files();
}
END_TEST

SUITE_MAIN("lkvm/machine", a_realm_on_every_host, nothing_there_aborts_in_a_realm,
	   counters_and_vectors_before_the_descriptor,
	   a_simulated_realm_measures_what_was_predicted, a_measurement_log,
	   a_simulated_realm_that_measures_something_else_is_not_started,
	   progress_is_shown_on_a_terminal, vcpus_are_made_where_they_will_run,
	   stolen_time_is_for_guests_that_are_not_confidential, other_guests_on_the_same_hosts,
	   what_a_host_cannot_do, a_signal_ends_a_launch, every_step_can_fail)
