/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A predicted measurement for programs: all of it, or what a verifier takes.
 *
 * Thread: main.
 * Trust:  names of files are the user's; jansson escapes what JSON cannot have.
 * Spec:   reference values as the server of veraison/keybroker-demo reads them;
 *         [draft-ydb-rats-cca-endorsements 3.2] Realm Endorsements, in the JSON of veraison/corim
 */
#include "lkvm/base/json.h"
#include "lkvm/measure/measure.h"

static json_t *address(u64 a)
{
	return json_sprintf("0x%llx", (unsigned long long)a);
}

static json_t *notes(const struct measurement *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_notes; i++)
		json_append(&list, json_text(m->notes[i]));
	return list;
}

/* ---- steps ---- */

static void add_create(json_t **o, const struct rim_params *p)
{
	json_add(o, "ipa_bits", json_integer(p->ipa_bits));
	json_add(o, "breakpoints", json_integer(p->nr_bps));
	json_add(o, "watchpoints", json_integer(p->nr_wps));
	json_add(o, "sve_vl", json_integer(p->sve ? p->sve_vl : 0));
	json_add(o, "lpa2", json_integer(p->lpa2));
	if (p->pmu)
		json_add(o, "pmu_counters", json_integer(p->nr_counters));
}

static void add_range(json_t **o, const struct plan_step *s)
{
	json_add(o, "base", address(s->base.a));
	json_add(o, "size", json_integer((json_int_t)s->len));
	if (s->part.name)
		json_add(o, "content", json_string(s->part.name));
	if (s->part.file) {
		json_add(o, "file", json_text(s->part.file));
		json_add(o, "offset", json_integer(measure_file_offset(s)));
	}
}

static void add_details(json_t **o, const struct measurement *m, const struct plan_step *s)
{
	switch (s->kind) {
	case PLAN_CREATE:
		add_create(o, &m->params);
		break;
	case PLAN_RIPAS:
	case PLAN_DATA:
	case PLAN_UNMEASURED:
		add_range(o, s);
		break;
	case PLAN_RECS:
		json_add(o, "pc", address(m->launch.plan.entry.a));
		json_add(o, "x0", address(m->launch.plan.dtb.a));
		break;
	}
}

static json_t *step(const struct measurement *m, unsigned i)
{
	const struct plan_step *s = &m->launch.plan.steps[i];
	char hex[MEASURE_HEX_SIZE];
	json_t *o = json_pack("{s:s}", "step", measure_step_names[s->kind]);

	add_details(&o, m, s);
	json_add(&o, "rim", json_string(measure_hex(m, m->after[i], hex)));
	return o;
}

static json_t *steps(const struct measurement *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_after; i++)
		json_append(&list, step(m, i));
	return list;
}

/* ---- documents ---- */

int measure_print_json(const struct measurement *m, bool explain)
{
	char hex[MEASURE_HEX_SIZE], base64[MEASURE_BASE64_SIZE];
	json_t *o =
		json_pack("{s:s, s:s, s:s, s:s, s:o}", "rim", measure_hex(m, m->rim.value, hex),
			  "rim_base64", measure_base64(m, base64), "rmm", measure_rmm_names[m->rmm],
			  "hash", measure_hash_names[m->rim.hash], "assumed", notes(m));

	if (explain)
		json_add(&o, "steps", steps(m));
	return json_print(o, 2);
}

int measure_print_reference_values(const struct measurement *m)
{
	char base64[MEASURE_BASE64_SIZE];

	return json_print(json_pack("{s:[s]}", "reference-values", measure_base64(m, base64)), 2);
}

/* ---- endorsements ---- */

/* A Realm has no name but its measurement. */
static json_t *tag_id(const char *what, const struct measurement *m)
{
	char hex[MEASURE_HEX_SIZE];

	return json_sprintf("%s-%s", what, measure_hex(m, m->rim.value, hex));
}

static json_t *measured(const char *key, json_t *value)
{
	return json_pack("{s:{s:s, s:s}, s:o}", "key", "type", "string", "value", key, "value",
			 value);
}

/*
 * What the guest extends on its own (REM0 to REM3) is not known here: no value stands for any.
 */
int measure_print_comid(const struct measurement *m, const u8 rpv[RSI_HASH_MAX])
{
	char rim[MEASURE_BASE64_SIZE], pv[MEASURE_BASE64_SIZE];
	json_t *digest, *raw, *class, *list;

	measure_base64(m, rim);
	encode_base64(pv, sizeof(pv), rpv, RSI_HASH_MAX);
	digest = json_pack("{s:[o]}", "digests",
			   json_sprintf("%s;%s", measure_hash_names[m->rim.hash], rim));
	raw = json_pack("{s:{s:s, s:s}}", "raw-value", "type", "bytes", "value", pv);
	class = json_pack("{s:{s:s, s:s}}", "id", "type", "bytes", "value", rim);
	list = json_pack("[o, o]", measured("cca.rim", digest), measured("cca.rpv", raw));
	return json_print(json_pack("{s:{s:o, s:i}, s:{s:[{s:{s:o}, s:o}]}}", "tag-identity", "id",
				    tag_id("realm", m), "version", 0, "triples", "reference-values",
				    "environment", "class", class, "measurements", list),
			  2);
}

int measure_print_corim(const struct measurement *m)
{
	return json_print(json_pack("{s:o, s:s, s:[{s:s, s:[s]}]}", "corim-id",
				    tag_id("realm-corim", m), "profile",
				    "tag:arm.com,2025:cca_realm#1.0.0", "entities", "name",
				    "lkvm measure", "roles", "manifestCreator"),
			  2);
}
