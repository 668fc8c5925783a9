/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who gets a key.
 *
 * Thread: any.
 * Trust:  tokens are anybody's; anchors and reference values are the operator's.
 */
#include "tests/keybroker/policy.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#define REFERENCES "reference-values"

char *policy_rim_text(const struct policy_rim *rim, char out[POLICY_BASE64_SIZE])
{
	return encode_base64(out, POLICY_BASE64_SIZE, rim->value, rim->len);
}

/* ---- reference values ---- */

static int add_rim(struct policy *p, const json_t *entry, const char **why)
{
	const char *s = json_string_value(entry);
	struct policy_rim rim = { 0 };
	int n = s ? decode_base64(rim.value, POLICY_RIM_MAX, s, json_string_length(entry)) : -1;

	*why = "a reference value is not 32, 48 or 64 bytes in base64";
	if (n != 32 && n != 48 && n != 64)
		return -EINVAL;
	*why = "there are more than 64 reference values";
	if (p->nr_rims == POLICY_MAX_RIMS)
		return -EINVAL;
	rim.len = (size_t)n;
	p->rims[p->nr_rims++] = rim;
	return 0;
}

int policy_parse_references(struct policy *p, const char *text, size_t len, const char **why)
{
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *list = json_object_get(root, REFERENCES);
	int err = json_is_array(list) ? 0 : -EINVAL;

	*why = root ? "there is no list \"" REFERENCES "\"" : "not JSON";
	for (size_t i = 0; !err && i < json_array_size(list); i++)
		err = add_rim(p, json_array_get(list, i), why);
	p->has_references |= !err;
	json_decref(root);
	return err;
}

/* As if both had zeros behind: some tools write 64 bytes for any hash. */
static bool same_rim(const struct policy_rim *a, const struct policy_rim *b)
{
	return !memcmp(a->value, b->value, POLICY_RIM_MAX);
}

static bool is_reference(const struct policy *p, const struct policy_rim *rim)
{
	for (unsigned i = 0; i < p->nr_rims; i++) {
		if (same_rim(&p->rims[i], rim))
			return true;
	}
	return false;
}

/* ---- evidence ---- */

/* Whichever anchor it is signed with. */
static void verify(const struct policy *p, const u8 challenge[TOKEN_CHALLENGE_LEN],
		   const void *token, size_t len, struct token_report *r)
{
	struct token_expect want = { .challenge = challenge, .challenge_len = TOKEN_CHALLENGE_LEN };
	unsigned i = 0;

	do
		want.anchor = i < p->nr_anchors ? &p->anchors[i] : NULL;
	while (token_verify(token, len, &want, r) == TOKEN_PLATFORM_FORGED && ++i < p->nr_anchors);
}

__attribute__((format(printf, 3, 4))) static void refuse(struct policy_verdict *out,
							 enum policy_result result, const char *fmt,
							 ...)
{
	va_list ap;

	out->result = result;
	va_start(ap, fmt);
	vsnprintf(out->why, sizeof(out->why), fmt, ap);
	va_end(ap);
}

void policy_judge(const struct policy *p, const u8 challenge[TOKEN_CHALLENGE_LEN],
		  const void *token, size_t len, struct policy_verdict *out)
{
	char text[POLICY_BASE64_SIZE];
	struct token_report r;

	*out = (struct policy_verdict){ .result = POLICY_GRANTED };
	verify(p, challenge, token, len, &r);
	if (r.verdict == TOKEN_UNANCHORED) {
		refuse(out, POLICY_NO_RESULT, "No trust anchor for platforms is known.");
		return;
	}
	if (r.verdict != TOKEN_VERIFIED) {
		refuse(out, POLICY_NO_RESULT, "The evidence is refused: %s.", r.why);
		return;
	}
	out->rim.len = r.realm.rim.len;
	memcpy(out->rim.value, r.realm.rim.p, MIN(r.realm.rim.len, sizeof(out->rim.value)));
	/* In this order the public server, too: who has to be told a value is told it first. */
	if (!p->has_references)
		refuse(out, POLICY_NO_REFERENCES, "No known-good reference values.");
	else if (!p->unsecured && !token_lifecycle_secured(r.platform.lifecycle))
		refuse(out, POLICY_NOT_IN_POLICY,
		       "The platform does not protect Realms: its lifecycle state is '%s'.",
		       token_lifecycle_name(r.platform.lifecycle));
	else if (!is_reference(p, &out->rim))
		refuse(out, POLICY_NOT_IN_POLICY,
		       "The Realm's initial measurement %s is no reference value.",
		       policy_rim_text(&out->rim, text));
}
