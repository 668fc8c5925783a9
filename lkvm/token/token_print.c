/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A token for people to read.
 *
 * Thread: main.
 * Trust:  the claims are anybody's: a text that has control characters does not get them to the
 *         terminal.
 */
#include "lkvm/token/token_print.h"

#include <stdio.h>
#include <string.h>

#include "lkvm/base/encode.h"

#define COLUMN "  %-22s "

const char *token_verdict_name(enum token_verdict verdict)
{
	static const char *const names[] = {
		[TOKEN_VERIFIED] = "verified",
		[TOKEN_MALFORMED] = "malformed",
		[TOKEN_PLATFORM_FORGED] = "platform-forged",
		[TOKEN_UNBOUND] = "unbound",
		[TOKEN_REALM_FORGED] = "realm-forged",
		[TOKEN_CHALLENGE_DIFFERS] = "challenge-differs",
		[TOKEN_RIM_DIFFERS] = "rim-differs",
		[TOKEN_UNANCHORED] = "unanchored",
		[TOKEN_UNABLE] = "unable",
	};

	return names[verdict];
}

const char *token_check_name(enum token_check check)
{
	static const char *const names[] = {
		[TOKEN_UNCHECKED] = "unchecked",
		[TOKEN_GOOD] = "good",
		[TOKEN_BAD] = "bad",
	};

	return names[check];
}

/* ---- values ---- */

/* UTF-8 as it is, but for controls (U+0000 to 1f, U+007f to 9f), as \xNN. */
static void print_chars(const struct token_part *t)
{
	for (size_t i = 0; i < t->len; i++) {
		u8 ch = t->p[i], next = i + 1 < t->len ? t->p[i + 1] : 0;

		if (ch < 0x20 || ch == 0x7f)
			printf("\\x%02x", ch);
		else if (ch == 0xc2 && next < 0xa0)
			printf("\\x%02x", t->p[++i]);
		else
			putchar(ch);
	}
}

static void print_text(const char *name, const struct token_part *t, const char *absent)
{
	if (!t->p && !absent)
		return;
	printf(COLUMN, name);
	if (t->p)
		print_chars(t);
	else
		printf("%s", absent);
	putchar('\n');
}

/* Is it the characters of a text, with nothing but zeros behind? */
static bool is_readable(const struct token_part *b)
{
	size_t len = strnlen((const char *)b->p, b->len);

	for (size_t i = 0; i < b->len; i++) {
		if (i < len ? b->p[i] < 0x20 || b->p[i] > 0x7e : b->p[i])
			return false;
	}
	return len > 0;
}

static void print_hex(const struct token_part *b)
{
	for (size_t i = 0; i < b->len; i++)
		printf("%02x", b->p[i]);
}

static void print_bytes(const char *name, const struct token_part *b)
{
	if (!b->p)
		return;
	printf(COLUMN, name);
	print_hex(b);
	if (is_readable(b))
		printf(" \"%.*s\"", (int)strnlen((const char *)b->p, b->len), (const char *)b->p);
	putchar('\n');
}

static void print_measurement(const char *name, const struct token_part *b)
{
	char base64[BASE64_SIZE(64)];

	print_bytes(name, b);
	printf(COLUMN "%s (base64)\n", "", encode_base64(base64, sizeof(base64), b->p, b->len));
}

static void print_signed_with(enum ec_curve curve)
{
	printf(COLUMN "ECDSA on %s\n", "signature", ec_curve_name(curve));
}

static void print_unknown(const struct token_unknown *u)
{
	if (!u->nr)
		return;
	printf(COLUMN "%u, with the keys", "unknown claims", u->nr);
	for (unsigned i = 0; i < MIN(u->nr, TOKEN_MAX_UNKNOWN); i++)
		printf(" %lld", (long long)u->key[i]);
	printf("%s\n", u->nr > TOKEN_MAX_UNKNOWN ? " ..." : "");
}

/* ---- parts ---- */

static void print_platform(const struct token_platform *p)
{
	printf("Platform token\n");
	print_text("profile", &p->profile, NULL);
	print_bytes("challenge", &p->challenge);
	print_bytes("implementation id", &p->implementation_id);
	print_bytes("instance id", &p->instance_id);
	print_bytes("config", &p->config);
	printf(COLUMN "0x%04x (%s)\n", "lifecycle", p->lifecycle,
	       token_lifecycle_name(p->lifecycle));
	print_text("hash algorithm", &p->hash_algo, NULL);
	print_text("verification service", &p->verification, NULL);
	for (unsigned i = 0; i < p->nr_components; i++) {
		const struct token_component *c = &p->components[i];

		print_text("software component", &c->type, "without a type");
		print_text("  version", &c->version, NULL);
		print_bytes("  measurement", &c->measurement);
		print_bytes("  signer id", &c->signer_id);
		print_text("  hash algorithm", &c->hash_algo, NULL);
	}
	print_unknown(&p->unknown);
	print_signed_with(p->curve);
}

static void print_coordinate(const char *name, const u8 *p, enum ec_curve curve)
{
	print_bytes(name, &(struct token_part){ p, ec_coord_len(curve) });
}

static void print_realm(const struct token_realm *r)
{
	static const char *const rem[TOKEN_NR_REMS] = { "REM 0", "REM 1", "REM 2", "REM 3" };

	printf("Realm token\n");
	print_text("profile", &r->profile, "none (legacy)");
	print_bytes("challenge", &r->challenge);
	print_bytes("personalization value", &r->rpv);
	print_text("hash algorithm", &r->hash_algo, NULL);
	print_measurement("RIM", &r->rim);
	for (unsigned i = 0; i < TOKEN_NR_REMS; i++)
		print_bytes(rem[i], &r->rem[i]);
	printf(COLUMN "%s\n", "public key", ec_curve_name(r->rak_key.curve));
	print_coordinate("  x", r->rak_key.x, r->rak_key.curve);
	print_coordinate("  y", r->rak_key.y, r->rak_key.curve);
	print_text("  hash algorithm", &r->rak_hash_algo, NULL);
	print_bytes("instance id", &r->instance_id);
	if (r->has_mec_policy)
		printf(COLUMN "%u (%s)\n", "MEC policy", r->mec_policy,
		       r->mec_policy == 0   ? "shared"
		       : r->mec_policy == 1 ? "private"
					    : "not defined");
	print_unknown(&r->unknown);
	print_signed_with(r->curve);
}

static void print_check(const char *name, enum token_check check, const char *unchecked)
{
	printf(COLUMN "%s\n", name, check == TOKEN_UNCHECKED ? unchecked : token_check_name(check));
}

void token_print_text(const struct token_report *r)
{
	if (r->verdict != TOKEN_MALFORMED) {
		printf("CCA token, tag %d (%s)\n", r->form,
		       r->form == TOKEN_CMW ? "CMW" : "EAT collection");
		print_platform(&r->platform);
		print_realm(&r->realm);
		printf("Checks\n");
		print_check("platform signature", r->platform_signature,
			    "not checked against a known key: no trust anchor given");
		print_check("binding of both", r->binding, "not checked");
		print_check("Realm signature", r->realm_signature, "not checked");
		print_check("challenge", r->challenge, "not compared");
		print_check("RIM", r->rim, "not compared");
		printf(COLUMN "%s\n", "platform is secured",
		       token_lifecycle_secured(r->platform.lifecycle) ? "yes" : "no");
	}
	printf("%s\n", r->verdict == TOKEN_VERIFIED ? "Verified" : "NOT verified");
}
