/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A predicted measurement for people.
 *
 * Thread: main.
 * Trust:  names of files are the user's.
 */
#include "lkvm/measure/measure.h"

#include <stdio.h>

#include "lkvm/base/encode.h"

#define ull(x) ((unsigned long long)(x))

const char *const measure_rmm_names[] = { [RIM_RMM_1_0] = "1.0", [RIM_RMM_2_0] = "2.0" };
const char *const measure_hash_names[] = {
	[RSI_HASH_SHA256] = "sha-256", [RSI_HASH_SHA512] = "sha-512", [RSI_HASH_SHA384] = "sha-384"
};
const char *const measure_step_names[] = {
	[PLAN_CREATE] = "create",	  [PLAN_RIPAS] = "ripas", [PLAN_DATA] = "data",
	[PLAN_UNMEASURED] = "unmeasured", [PLAN_RECS] = "rec",
};

const char *measure_hex(const struct measurement *m, const u8 *value, char out[MEASURE_HEX_SIZE])
{
	return encode_hex(out, MEASURE_HEX_SIZE, value, rsi_hash_len(m->rim.hash));
}

const char *measure_base64(const struct measurement *m, char out[MEASURE_BASE64_SIZE])
{
	return encode_base64(out, MEASURE_BASE64_SIZE, m->rim.value, rsi_hash_len(m->rim.hash));
}

s64 measure_file_offset(const struct plan_step *s)
{
	return (s64)(s->base.a - s->part.base.a);
}

/* Does this step leave the measurement as it is? */
static bool is_silent(const struct measurement *m, const struct plan_step *s)
{
	return s->kind == PLAN_RIPAS && m->rmm == RIM_RMM_2_0;
}

/* ---- text ---- */

static void print_create(const struct measurement *m)
{
	const struct rim_params *p = &m->params;

	printf("ipa_bits %u, breakpoints %u, watchpoints %u", p->ipa_bits, p->nr_bps, p->nr_wps);
	if (p->sve)
		printf(", SVE vectors of %u bits", p->sve_vl);
	if (p->pmu)
		printf(", PMU with %u counters", p->nr_counters);
	printf("%s%s%s\n", p->sve ? "" : ", no SVE", p->pmu ? "" : ", no PMU",
	       p->lpa2 ? ", LPA2" : "");
}

static void print_data(const struct plan_step *s)
{
	s64 off = measure_file_offset(s);

	printf("0x%llx-0x%llx  %llu page%s, %s", ull(s->base.a), ull(s->base.a + s->len),
	       ull(s->len / RSI_GRANULE), s->len > RSI_GRANULE ? "s" : "", s->part.name);
	if (s->part.file && off >= 0)
		printf(" %s from offset %lld", s->part.file, (long long)off);
	else if (s->part.file)
		printf(" %s, which starts at 0x%llx", s->part.file, ull(s->part.base.a));
	printf("%s\n", s->kind == PLAN_UNMEASURED ? ", only its place is measured" : "");
}

static void print_recs(const struct plan *p)
{
	printf("vCPU 0: pc 0x%llx, x0 0x%llx", ull(p->entry.a), ull(p->dtb.a));
	if (p->nr_vcpus > 1)
		printf("; the other %u cannot run yet: not measured", p->nr_vcpus - 1);
	printf("\n");
}

static void print_step(const struct measurement *m, unsigned i)
{
	const struct plan_step *s = &m->launch.plan.steps[i];
	char hex[MEASURE_HEX_SIZE];

	printf("%-11s", measure_step_names[s->kind]);
	switch (s->kind) {
	case PLAN_CREATE:
		print_create(m);
		break;
	case PLAN_RIPAS:
		printf("0x%llx-0x%llx is RAM%s\n", ull(s->base.a), ull(s->base.a + s->len),
		       is_silent(m, s) ? "; not measured by RMM 2.0" : "");
		break;
	case PLAN_DATA:
	case PLAN_UNMEASURED:
		print_data(s);
		break;
	case PLAN_RECS:
		print_recs(&m->launch.plan);
		break;
	}
	printf("           %s\n", measure_hex(m, m->after[i], hex));
}

void measure_print_text(const struct measurement *m, bool explain)
{
	char hex[MEASURE_HEX_SIZE], base64[MEASURE_BASE64_SIZE];

	for (unsigned i = 0; explain && i < m->nr_after; i++)
		print_step(m, i);
	printf("RIM        %s\n", measure_hex(m, m->rim.value, hex));
	printf("base64     %s\n", measure_base64(m, base64));
	printf("rule       RMM %s, %s\n", measure_rmm_names[m->rmm],
	       measure_hash_names[m->rim.hash]);
	for (unsigned i = 0; i < m->nr_notes; i++)
		printf("assumed    %s\n", m->notes[i]);
}
