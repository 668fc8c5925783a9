/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of real launches (host series v5 and v7 with RMM 1.0, v14 with RMM 2.0): the backend
 * makes the same calls in the same order, and takes the same exits as the same guest caused there.
 * The records of v5 and v7 are not part of the tree: LKVM_VECTORS or ../shared/vectors.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>

#include "realm/host/uapi_rme.h"
#include "realm/host/uapi_rmi.h"
#include "tests/unit/realm/host/launch.h"

#define MAX_STEPS 64u

struct steps {
	unsigned nr;
	char text[MAX_STEPS][80];
};

struct record {
	struct steps setup; /* what makes the Realm, up to the first KVM_RUN */
	struct fake_op guest[MAX_STEPS];
	unsigned nr_guest;
	u64 changed; /* bytes, whose attributes were set because of exits */
	u64 ram;
	unsigned long vm_type;
	struct fake_range payload[3];
	unsigned nr_payloads;
};

static struct record rec;
static bool is_v14; /* else, another VMM set the attributes, and later than we do */
static struct steps seen;
static u64 changed; /* by us, as rec.changed is */

__attribute__((format(printf, 2, 3))) static void add(struct steps *s, const char *fmt, ...)
{
	va_list ap;

	ck_assert_uint_lt(s->nr, MAX_STEPS);
	va_start(ap, fmt);
	vsnprintf(s->text[s->nr++], sizeof(s->text[0]), fmt, ap);
	va_end(ap);
}

/* ---- the record ---- */

static void parse_setup(const char *line)
{
	unsigned long long base = 0, size = 0;
	unsigned cap, cmd, feature, attr;
	const char *at;

	if ((at = strstr(line, "KVM_ENABLE_CAP cap="))) {
		ck_assert_int_eq(sscanf(at, "KVM_ENABLE_CAP cap=%u flags=0 args={%u", &cap, &cmd),
				 2);
		if ((at = strstr(line, "base=")))
			ck_assert_int_eq(sscanf(at, "base=%llx size=%llx", &base, &size), 2);
		if (cmd == RME_POPULATE && rec.nr_payloads < ARRAY_SIZE(rec.payload))
			rec.payload[rec.nr_payloads++] = (struct fake_range){ base, size };
		if (cap != KVM_CAP_ARM_NISV_TO_USER) /* of the machine, not of the backend */
			add(&rec.setup, "cap %u %u %llx %llx", cap, cmd, base, size);
	} else if ((at = strstr(line, "KVM_ARM_VCPU_FINALIZE feature="))) {
		ck_assert_int_eq(sscanf(at, "KVM_ARM_VCPU_FINALIZE feature=%u", &feature), 1);
		if (feature != KVM_ARM_VCPU_SVE) /* the same */
			add(&rec.setup, "finalize %u", feature);
	} else if ((at = strstr(line, "KVM_CREATE_GUEST_MEMFD size="))) {
		ck_assert_int_eq(sscanf(at, "KVM_CREATE_GUEST_MEMFD size=%llx", &size), 1);
		rec.ram = size;
		add(&rec.setup, "gmem %llx", size);
	} else if ((at = strstr(line, "KVM_SET_USER_MEMORY_REGION2"))) {
		ck_assert_int_eq(sscanf(strstr(at, "gpa="), "gpa=%llx size=%llx", &base, &size), 2);
		add(&rec.setup, "slot %llx %llx", base, size);
	} else if (is_v14 && (at = strstr(line, "KVM_SET_MEMORY_ATTRIBUTES"))) {
		ck_assert_int_eq(sscanf(strstr(at, "addr="), "addr=%llx size=%llx attr=%u", &base,
					&size, &attr),
				 3);
		add(&rec.setup, "attributes %llx %llx %u", base, size, attr);
	} else if ((at = strstr(line, "KVM_ARM_RMI_POPULATE base="))) {
		ck_assert_int_eq(sscanf(strstr(at, "base="), "base=%llx size=%llx", &base, &size),
				 2);
		ck_assert_ptr_nonnull(strstr(at, "flags=1 left=0 = 0"));
		ck_assert_uint_lt(rec.nr_payloads, ARRAY_SIZE(rec.payload));
		rec.payload[rec.nr_payloads++] = (struct fake_range){ base, size };
		add(&rec.setup, "populate %llx %llx 1", base, size);
	} else if ((at = strstr(line, "KVM_CREATE_VM arg="))) {
		ck_assert_int_eq(sscanf(at, "KVM_CREATE_VM arg=%lx", &rec.vm_type), 1);
	}
}

static void parse_run(const char *line)
{
	unsigned long long base, size;
	unsigned flags;
	const char *at = strstr(line, "KVM_SET_MEMORY_ATTRIBUTES");

	if (at) {
		ck_assert_int_eq(sscanf(strstr(at, "addr="), "addr=%llx size=%llx", &base, &size),
				 2);
		rec.changed += size;
	}
	at = strstr(line, "MEMORY_FAULT flags=");
	if (!at)
		return;
	ck_assert_int_eq(
		sscanf(at, "MEMORY_FAULT flags=%x gpa=%llx size=%llx", &flags, &base, &size), 3);
	ck_assert_uint_lt(rec.nr_guest + 1, MAX_STEPS);
	rec.guest[rec.nr_guest++] =
		(struct fake_op){ flags ? GUEST_RAM : GUEST_EMPTY, base, size, NULL };
}

/* False: there is none. */
static bool read_record(const char *name)
{
	const char *dir = getenv("LKVM_VECTORS");
	char path[256], line[1024];
	bool running = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : "../shared/vectors", name);
	f = fopen(strchr(name, '/') ? name : path, "r");
	if (!f) {
		ck_assert_msg(!strchr(name, '/'), "no %s: tests run in the tree's root", name);
		printf("skip: no record of a launch at %s\n", path);
		return false;
	}
	memset(&rec, 0, sizeof(rec));
	/* The second half of a file is another launch, as strace saw it. */
	while (fgets(line, sizeof(line), f) && !strstr(line, "raw strace")) {
		running |= !!strstr(line, "KVM_RUN #");
		if (*line != '#' && running)
			parse_run(line);
		else if (*line != '#')
			parse_setup(line);
	}
	fclose(f);
	rec.guest[rec.nr_guest].kind = GUEST_END;
	ck_assert_uint_eq(rec.nr_payloads, 3);
	ck_assert_uint_gt(rec.nr_guest, 5);
	return true;
}

/* ---- our side ---- */

static void trace(unsigned long req, const void *arg)
{
	if (req == KVM_ENABLE_CAP) {
		const struct kvm_enable_cap *e = arg;
		const struct rme_populate *p = (void *)(uintptr_t)e->args[1];
		bool range = e->args[0] == RME_INIT_RIPAS || e->args[0] == RME_POPULATE;

		add(&seen, "cap %u %u %llx %llx", e->cap, (unsigned)e->args[0],
		    range ? (unsigned long long)p->base : 0,
		    range ? (unsigned long long)p->size : 0);
	} else if (req == KVM_ARM_VCPU_FINALIZE) {
		add(&seen, "finalize %u", *(const unsigned *)arg);
	} else if (req == KVM_CREATE_GUEST_MEMFD) {
		add(&seen, "gmem %llx",
		    (unsigned long long)((const struct kvm_create_guest_memfd *)arg)->size);
	} else if (req == KVM_SET_USER_MEMORY_REGION2) {
		const struct kvm_userspace_memory_region2 *r = arg;

		add(&seen, "slot %llx %llx", (unsigned long long)r->guest_phys_addr,
		    (unsigned long long)r->memory_size);
	} else if (is_v14 && req == KVM_SET_MEMORY_ATTRIBUTES) {
		const struct kvm_memory_attributes *a = arg;

		add(&seen, "attributes %llx %llx %u", (unsigned long long)a->address,
		    (unsigned long long)a->size, (unsigned)a->attributes);
	} else if (req == KVM_ARM_RMI_POPULATE) {
		const struct rmi_populate *p = arg;

		add(&seen, "populate %llx %llx %u", (unsigned long long)p->base,
		    (unsigned long long)p->size, p->flags);
	}
}

static void trace_run(unsigned long req, const void *arg)
{
	if (req == KVM_SET_MEMORY_ATTRIBUTES)
		changed += ((const struct kvm_memory_attributes *)arg)->size;
}

static void set_up(enum fake_host host)
{
	fake_kvm_init(host, rec.guest);
	/* No signal was pending there, which in the model is the rule. */
	fake_kvm_populate_blind(true);
	memset(&conf, 0, sizeof(conf));
	ram_size = rec.ram;
	ck_assert_int_eq(kvm_open(&kvm, "/dev/null"), 0);
	ck_assert_int_eq(probe_select(&probe, &kvm, PROBE_CCA), 0);
	conf.host = probe.host;
	seen.nr = 0;
	fake_kvm_trace = trace;
	ck_assert_int_eq(launch_vm(), 0);
	ck_assert_int_eq(realm_define(realm, vcpu[0]), 0);
	ck_assert_int_eq(realm_init_ripas(realm, gpa(RAM), ram_size), 0);
	for (unsigned i = 0; i < rec.nr_payloads; i++)
		ck_assert_int_eq(
			realm_populate(realm, gpa(rec.payload[i].base), rec.payload[i].size, true),
			0);
	for (unsigned i = 0; i < NR_VCPUS; i++)
		ck_assert_int_eq(realm_finalize(realm, vcpu[i]), 0);
	ck_assert_int_eq(realm_activate(realm), 0);
	fake_kvm_trace = NULL;
}

static void replay(enum fake_host host, const char *name)
{
	is_v14 = host == HOST_C3;
	if (!read_record(name))
		return;
	set_up(host);
	ck_assert_uint_ge(seen.nr, 6);
	ck_assert_uint_eq(fake_seen.vm_type, rec.vm_type);
	ck_assert_uint_eq(seen.nr, rec.setup.nr);
	for (unsigned i = 0; i < seen.nr; i++)
		ck_assert_str_eq(seen.text[i], rec.setup.text[i]);
	changed = 0;
	fake_kvm_trace = trace_run;
	ck_assert_int_eq(run(0), 0);
	fake_kvm_trace = NULL;
	ck_assert_uint_eq(fake_seen.exits, rec.nr_guest);
	/* All but the first one of v5's and v7's, for all of RAM, which is so already. */
	ck_assert_uint_eq(changed, is_v14 ? rec.changed : rec.changed - rec.ram);
	tear_down();
}

START_TEST(a_launch_on_v5)
{
	replay(HOST_B1, "realm-ioctls-rme-v5.txt");
}
END_TEST

START_TEST(a_launch_on_v7)
{
	replay(HOST_B2, "realm-ioctls-rme-v7.txt");
}
END_TEST

START_TEST(a_launch_on_v14)
{
	replay(HOST_C3, "tests/unit/realm/host/launch-v14.txt");
}
END_TEST

SUITE_MAIN("realm/replay", a_launch_on_v5, a_launch_on_v7, a_launch_on_v14)
