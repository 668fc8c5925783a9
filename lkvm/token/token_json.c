/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A token for programs to read: a JSON object. Bytes are hexadecimal, claims that are absent null.
 *
 * Thread: main.
 * Trust:  the claims are anybody's; jansson escapes what JSON cannot have.
 */
#include <stdlib.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/json.h"
#include "lkvm/token/token_print.h"
#include "realm/token/anchor.h"

static json_t *bytes(const struct token_part *b)
{
	json_t *value;
	char *hex;

	if (!b->p)
		return json_null();
	hex = malloc(HEX_SIZE(b->len));
	value = hex ? json_string(encode_hex(hex, HEX_SIZE(b->len), b->p, b->len)) : NULL;
	free(hex);
	return value;
}

static json_t *text(const struct token_part *t)
{
	return t->p ? json_stringn((const char *)t->p, t->len) : json_null();
}

static json_t *components(const struct token_platform *p)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < p->nr_components; i++) {
		const struct token_component *c = &p->components[i];

		json_append(&list,
			    json_pack("{s:o, s:o, s:o, s:o, s:o}", "type", text(&c->type),
				      "version", text(&c->version), "measurement",
				      bytes(&c->measurement), "signer-id", bytes(&c->signer_id),
				      "hash-algorithm", text(&c->hash_algo)));
	}
	return list;
}

static json_t *unknown(const struct token_unknown *u)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < MIN(u->nr, TOKEN_MAX_UNKNOWN); i++)
		json_append(&list, json_integer(u->key[i]));
	return list;
}

static json_t *platform(const struct token_platform *p)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:i, s:s, s:o, s:o, s:o, s:o, s:s}", "profile",
			 text(&p->profile), "challenge", bytes(&p->challenge), "implementation-id",
			 bytes(&p->implementation_id), "instance-id", bytes(&p->instance_id),
			 "config", bytes(&p->config), "lifecycle", (int)p->lifecycle,
			 "lifecycle-name", token_lifecycle_name(p->lifecycle), "hash-algorithm",
			 text(&p->hash_algo), "verification-service", text(&p->verification),
			 "software-components", components(p), "unknown-claims",
			 unknown(&p->unknown), "signature-curve", ec_curve_name(p->curve));
}

static json_t *realm(const struct token_realm *r)
{
	char rim[BASE64_SIZE(64)];

	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:s, s:[oooo], s:o, s:o, s:o, s:o, s:o, s:s}", "profile",
		text(&r->profile), "challenge", bytes(&r->challenge), "personalization-value",
		bytes(&r->rpv), "hash-algorithm", text(&r->hash_algo), "rim", bytes(&r->rim),
		"rim-base64", encode_base64(rim, sizeof(rim), r->rim.p, r->rim.len), "rems",
		bytes(&r->rem[0]), bytes(&r->rem[1]), bytes(&r->rem[2]), bytes(&r->rem[3]),
		"public-key", anchor_jwk(&r->rak_key), "public-key-hash-algorithm",
		text(&r->rak_hash_algo), "instance-id", bytes(&r->instance_id), "mec-policy",
		r->has_mec_policy ? json_integer(r->mec_policy) : json_null(), "unknown-claims",
		unknown(&r->unknown), "signature-curve", ec_curve_name(r->curve));
}

static json_t *checks(const struct token_report *r)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "platform-signature",
			 token_check_name(r->platform_signature), "binding",
			 token_check_name(r->binding), "realm-signature",
			 token_check_name(r->realm_signature), "challenge",
			 token_check_name(r->challenge), "rim", token_check_name(r->rim));
}

int token_print_json(const struct token_report *r)
{
	json_t *root = json_pack("{s:b, s:s, s:s}", "verified", r->verdict == TOKEN_VERIFIED,
				 "verdict", token_verdict_name(r->verdict), "why", r->why);

	if (r->verdict != TOKEN_MALFORMED) {
		json_add(&root, "tag", json_integer(r->form));
		json_add(&root, "platform", platform(&r->platform));
		json_add(&root, "realm", realm(&r->realm));
		json_add(&root, "checks", checks(r));
	}
	return json_print(root, 2);
}
