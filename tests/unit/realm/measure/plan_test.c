/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan of a launch: order, whole pages, what cannot be; and its measurement, step by step. */
#include <errno.h>
#include <string.h>

#include "lkvm/vm/mem.h"
#include "realm/measure/plan.h"
#include "tests/unit/suite.h"

#define RAM UINT64_C(0x80000000)
#define SIZE (16 * MiB)
#define DTB (RAM + 8 * MiB)

static const struct rim_params params = { .ipa_bits = 33, .nr_bps = 6, .nr_wps = 4 };

/* Out of order, as a loader may hand them over. */
static struct plan_conf conf(void)
{
	return (struct plan_conf){
		.page = 4096,
		.ram_base = gpa(RAM),
		.ram_size = SIZE,
		.nr_vcpus = 2,
		.entry = gpa(RAM),
		.dtb = gpa(DTB),
		.nr_parts = 5,
		.parts = {
			{ "log", NULL, gpa(RAM + SIZE - 8192), 8192, true },
			{ "device tree", NULL, gpa(DTB), 65536, false },
			{ "nothing", NULL, gpa(0), 0, false },
			{ "kernel", "Image", gpa(RAM), 10000, false },
			{ "initrd", "initrd", gpa(DTB - 5004), 5000, false },
		},
	};
}

static void is_step(const struct plan *p, unsigned i, enum plan_kind kind, u64 base, u64 len,
		    const char *name)
{
	ck_assert_uint_lt(i, p->nr);
	ck_assert_int_eq(p->steps[i].kind, kind);
	ck_assert_uint_eq(p->steps[i].base.a, base);
	ck_assert_uint_eq(p->steps[i].len, len);
	if (name)
		ck_assert_str_eq(p->steps[i].part.name, name);
	else
		ck_assert_ptr_null(p->steps[i].part.name);
}

/* realm-vm.md 0.3: RIPAS of all RAM, data ascending, RECs, data that is not measured */
START_TEST(order_of_rmm_1_0)
{
	struct plan_conf c = conf();
	struct plan p;

	ck_assert_int_eq(plan_build(&p, &c), 0);
	ck_assert_uint_eq(p.nr, 7);
	is_step(&p, 0, PLAN_CREATE, 0, 0, NULL);
	is_step(&p, 1, PLAN_RIPAS, RAM, SIZE, NULL);
	is_step(&p, 2, PLAN_DATA, RAM, 12288, "kernel");
	is_step(&p, 3, PLAN_DATA, DTB - 8192, 8192, "initrd");
	is_step(&p, 4, PLAN_DATA, DTB, 65536, "device tree");
	is_step(&p, 5, PLAN_RECS, 0, 0, NULL);
	is_step(&p, 6, PLAN_UNMEASURED, RAM + SIZE - 8192, 8192, "log");
	ck_assert_uint_eq(p.entry.a, RAM);
	ck_assert_uint_eq(p.dtb.a, DTB);
	ck_assert_uint_eq(p.nr_vcpus, 2);
}
END_TEST

/* [uapi reference 4.4] RECs and RIPAS are the kernel's doing, at the first KVM_RUN */
START_TEST(order_of_rmi_hosts)
{
	struct plan_conf c = conf();
	struct plan p;

	c.order = PLAN_RIPAS_LAST;
	ck_assert_int_eq(plan_build(&p, &c), 0);
	ck_assert_uint_eq(p.nr, 7);
	is_step(&p, 0, PLAN_CREATE, 0, 0, NULL);
	is_step(&p, 1, PLAN_DATA, RAM, 12288, "kernel");
	is_step(&p, 2, PLAN_DATA, DTB - 8192, 8192, "initrd");
	is_step(&p, 3, PLAN_DATA, DTB, 65536, "device tree");
	is_step(&p, 4, PLAN_UNMEASURED, RAM + SIZE - 8192, 8192, "log");
	is_step(&p, 5, PLAN_RECS, 0, 0, NULL);
	is_step(&p, 6, PLAN_RIPAS, RAM, SIZE, NULL);
}
END_TEST

/* Pages of the host are populated once: the second part gets what is left of a page, or nothing. */
START_TEST(pages_of_64_kib)
{
	struct plan_conf c = conf();
	struct plan p;

	c.page = 65536;
	c.parts[4].base = gpa(RAM + 60000);
	c.parts[4].len = 10000;
	c.parts[0] = (struct plan_part){ .name = "inside", .base = gpa(RAM + 80000), .len = 100 };
	ck_assert_int_eq(plan_build(&p, &c), 0);
	ck_assert_uint_eq(p.nr, 6);
	is_step(&p, 2, PLAN_DATA, RAM, 65536, "kernel");
	is_step(&p, 3, PLAN_DATA, RAM + 65536, 65536, "initrd");
	is_step(&p, 4, PLAN_DATA, DTB, 65536, "device tree");
}
END_TEST

START_TEST(what_cannot_be)
{
	struct plan_conf c = conf();
	struct plan p;

	c.parts[3].base = gpa(RAM - 1);
	ck_assert_int_eq(plan_build(&p, &c), -EINVAL);
	c = conf();
	c.parts[1].len = SIZE - 8 * MiB + 1;
	ck_assert_int_eq(plan_build(&p, &c), -EINVAL);
	c = conf();
	c.parts[1].len = UINT64_MAX;
	ck_assert_int_eq(plan_build(&p, &c), -EINVAL);
	c = conf();
	c.parts[3].len = 8 * MiB - 5003; /* one byte into the initrd */
	ck_assert_int_eq(plan_build(&p, &c), -EINVAL);
	c.parts[3].len--;
	ck_assert_int_eq(plan_build(&p, &c), 0);
}
END_TEST

/* ---- measurement ---- */

struct seen {
	unsigned nr;
	u8 value[8][RSI_HASH_MAX];
	enum plan_kind kind[8];
};

static void seen(void *arg, const struct plan_step *s, const struct rim *r)
{
	struct seen *x = arg;

	x->kind[x->nr] = s->kind;
	memcpy(x->value[x->nr++], r->value, RSI_HASH_MAX);
}

static void fill(struct mem *m, u64 at, const char *text)
{
	memcpy(mem_load_ptr(m, gpa(at), strlen(text)), text, strlen(text));
}

/* What a host does that makes these calls. */
static void by_hand(struct rim *r, struct mem *m)
{
	const u64 gprs[8] = { DTB };

	rim_create(r, RIM_RMM_1_0, &params);
	rim_init_ripas(r, RAM, RAM + SIZE);
	for (u64 at = RAM; at < RAM + 12288; at += 4096)
		rim_data(r, at, mem_load_ptr(m, gpa(at), 4096));
	for (u64 at = DTB - 8192; at < DTB + 65536; at += 4096)
		rim_data(r, at, mem_load_ptr(m, gpa(at), 4096));
	rim_rec(r, true, RAM, gprs);
	for (u64 at = RAM + SIZE - 8192; at < RAM + SIZE; at += 4096)
		rim_data(r, at, NULL);
}

START_TEST(measured_as_by_hand)
{
	struct plan_conf c = conf();
	struct rim got, want, other;
	struct seen s = { 0 };
	struct mem *m;
	struct plan p;

	ck_assert_int_eq(mem_create(&m), 0);
	ck_assert_int_eq(mem_add_ram(m, gpa(RAM), SIZE, 0, NULL), 0);
	fill(m, RAM, "kernel");
	fill(m, DTB - 5004, "initrd");
	fill(m, DTB, "tree");
	fill(m, RAM + SIZE - 8192, "whatever");
	ck_assert_int_eq(plan_build(&p, &c), 0);
	ck_assert_int_eq(plan_measure(&p, RIM_RMM_1_0, &params, m, seen, &s, &got), 0);
	by_hand(&want, m);
	ck_assert_mem_eq(got.value, want.value, RSI_HASH_MAX);
	ck_assert_uint_eq(s.nr, p.nr);
	ck_assert_mem_eq(s.value[s.nr - 1], want.value, RSI_HASH_MAX);
	for (unsigned i = 0; i < s.nr; i++)
		ck_assert_int_eq(s.kind[i], p.steps[i].kind);
	/* The content of what is not measured does not count, that of the rest does. */
	fill(m, RAM + SIZE - 8192, "changed");
	ck_assert_int_eq(plan_measure(&p, RIM_RMM_1_0, &params, m, NULL, NULL, &other), 0);
	ck_assert_mem_eq(other.value, want.value, RSI_HASH_MAX);
	fill(m, DTB + 65535, "x");
	ck_assert_int_eq(plan_measure(&p, RIM_RMM_1_0, &params, m, NULL, NULL, &other), 0);
	ck_assert_mem_ne(other.value, want.value, 32);
	mem_seal(m);
	ck_assert_int_eq(plan_measure(&p, RIM_RMM_1_0, &params, m, NULL, NULL, &other), -EFAULT);
	mem_destroy(m);
}
END_TEST

SUITE_MAIN("realm/plan", order_of_rmm_1_0, order_of_rmi_hosts, pages_of_64_kib, what_cannot_be,
	   measured_as_by_hand)
