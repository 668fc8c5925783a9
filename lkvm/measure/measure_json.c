/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A predicted measurement for programs: all of it, or what a verifier takes.
 *
 * Thread: main.
 * Trust:  names of files are the user's; jansson escapes what JSON cannot have.
 * Spec:   reference values as the server of veraison/keybroker-demo reads them;
 *         [draft-ydb-rats-cca-endorsements 3.2] Realm Endorsements, in the JSON of veraison/corim
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "lkvm/measure/measure.h"

/* All functions here give NULL when there is no memory, and json_pack() passes it on. */

static json_t *address(u64 a)
{
	return json_sprintf("0x%llx", (unsigned long long)a);
}

static json_t *notes(const struct measurement *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_notes; i++)
		json_array_append_new(list, json_string(m->notes[i]));
	return list;
}

/* ---- steps ---- */

static int add_create(json_t *o, const struct rim_params *p)
{
	int err = json_object_set_new(o, "ipa_bits", json_integer(p->ipa_bits));

	err |= json_object_set_new(o, "breakpoints", json_integer(p->nr_bps));
	err |= json_object_set_new(o, "watchpoints", json_integer(p->nr_wps));
	err |= json_object_set_new(o, "sve_vl", json_integer(p->sve ? p->sve_vl : 0));
	err |= json_object_set_new(o, "lpa2", json_integer(p->lpa2));
	if (p->pmu)
		err |= json_object_set_new(o, "pmu_counters", json_integer(p->nr_counters));
	return err;
}

static int add_range(json_t *o, const struct plan_step *s)
{
	int err = json_object_set_new(o, "base", address(s->base.a));

	err |= json_object_set_new(o, "size", json_integer((json_int_t)s->len));
	if (s->part.name)
		err |= json_object_set_new(o, "content", json_string(s->part.name));
	if (s->part.file) {
		err |= json_object_set_new(o, "file", json_string(s->part.file));
		err |= json_object_set_new(o, "offset", json_integer(measure_file_offset(s)));
	}
	return err;
}

static int add_details(json_t *o, const struct measurement *m, const struct plan_step *s)
{
	switch (s->kind) {
	case PLAN_CREATE:
		return add_create(o, &m->params);
	case PLAN_RIPAS:
	case PLAN_DATA:
	case PLAN_UNMEASURED:
		return add_range(o, s);
	case PLAN_RECS:
		break;
	}
	return json_object_set_new(o, "pc", address(m->launch.plan.entry.a)) |
	       json_object_set_new(o, "x0", address(m->launch.plan.dtb.a));
}

static json_t *step(const struct measurement *m, unsigned i)
{
	const struct plan_step *s = &m->launch.plan.steps[i];
	char hex[MEASURE_HEX_SIZE];
	json_t *o = json_pack("{s:s}", "step", measure_step_names[s->kind]);
	int err = add_details(o, m, s);

	err |= json_object_set_new(o, "rim", json_string(measure_hex(m, m->after[i], hex)));
	if (err) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static json_t *steps(const struct measurement *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_after; i++) {
		if (json_array_append_new(list, step(m, i))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* ---- documents ---- */

/* Takes `o`. */
static int print(json_t *o)
{
	int err = o ? json_dumpf(o, stdout, JSON_INDENT(2)) : -1;

	json_decref(o);
	if (err)
		return -ENOMEM;
	putchar('\n');
	return 0;
}

int measure_print_json(const struct measurement *m, bool explain)
{
	char hex[MEASURE_HEX_SIZE], base64[MEASURE_BASE64_SIZE];
	json_t *o =
		json_pack("{s:s, s:s, s:s, s:s, s:o}", "rim", measure_hex(m, m->rim.value, hex),
			  "rim_base64", measure_base64(m, base64), "rmm", measure_rmm_names[m->rmm],
			  "hash", measure_hash_names[m->rim.hash], "assumed", notes(m));

	if (o && explain && json_object_set_new(o, "steps", steps(m))) {
		json_decref(o);
		return -ENOMEM;
	}
	return print(o);
}

int measure_print_reference_values(const struct measurement *m)
{
	char base64[MEASURE_BASE64_SIZE];

	return print(json_pack("{s:[s]}", "reference-values", measure_base64(m, base64)));
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
	return print(json_pack("{s:{s:o, s:i}, s:{s:[{s:{s:o}, s:o}]}}", "tag-identity", "id",
			       tag_id("realm", m), "version", 0, "triples", "reference-values",
			       "environment", "class", class, "measurements", list));
}

int measure_print_corim(const struct measurement *m)
{
	return print(json_pack("{s:o, s:s, s:[{s:s, s:[s]}]}", "corim-id", tag_id("realm-corim", m),
			       "profile", "tag:arm.com,2025:cca_realm#1.0.0", "entities", "name",
			       "lkvm measure", "roles", "manifestCreator"));
}
