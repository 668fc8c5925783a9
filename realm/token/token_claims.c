/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the claims of a token: a table per map, and the few claims that are more than a string.
 *
 * Thread: any.
 * Trust:  the bytes are anybody's.
 * Spec:   [RMM 1.0 A7.2.3.1 Realm claims, A7.2.3.2 platform claims], [RMM 2.0 beta], the CCA
 *         profiles of EAT before (legacy) and after
 */
#include "realm/token/token_claims.h"

#include <string.h>

#include "realm/token/cose.h"

/* ---- texts ---- */

bool token_part_is(const struct token_part *part, const char *text)
{
	return part->p && part->len == strlen(text) && !memcmp(part->p, text, part->len);
}

static const char *const hash_names[] = {
	[RSI_HASH_SHA256] = "sha-256",
	[RSI_HASH_SHA384] = "sha-384",
	[RSI_HASH_SHA512] = "sha-512",
};

const char *token_hash_name(enum rsi_hash alg)
{
	return hash_names[alg];
}

bool token_hash_algo(const struct token_part *name, enum rsi_hash *out)
{
	for (unsigned i = 0; i < ARRAY_SIZE(hash_names); i++) {
		if (token_part_is(name, hash_names[i])) {
			*out = (enum rsi_hash)i;
			return true;
		}
	}
	return false;
}

/* ---- maps by table ---- */

enum claim_type {
	BYTES,	/* len[]: the lengths it may have; none: any */
	HASH,	/* BYTES as long as a hash */
	TEXT,	/* in[]: what it may say; none: anything */
	NUMBER, /* u32 of 16 bits */
	CALL,	/* read() */
};

struct claim {
	s64 key;
	const char *name;
	enum claim_type type;
	bool optional;
	u8 len;
	size_t offset; /* of a struct token_part, u32 or whatever read() fills */
	const char *in[4];
	/* May make *name that of a part. */
	bool (*read)(struct cbor *c, void *at, const char **name);
};

struct map_kind {
	const char *name; /* "platform claims" */
	const struct claim *claims;
	unsigned nr;
	size_t unknown; /* offset of a struct token_unknown; 0: those are not kept */
};

static bool read_bytes(struct cbor *c, const struct claim *k, struct token_part *out)
{
	if (!cbor_bytes(c, &out->p, &out->len))
		return false;
	if (k->type == HASH && out->len != 32 && out->len != 48 && out->len != 64)
		return cbor_fail(c, "is not as long as a hash (32, 48 or 64 bytes)");
	if (k->len && out->len != k->len)
		return cbor_fail(c, "is not as long as it has to be");
	return true;
}

static bool read_text(struct cbor *c, const struct claim *k, struct token_part *out)
{
	if (!cbor_text(c, &out->p, &out->len))
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(k->in) && k->in[i]; i++) {
		if (token_part_is(out, k->in[i]))
			return true;
	}
	return !k->in[0] || cbor_fail(c, "is not one that is known");
}

static bool read_number(struct cbor *c, u32 *out)
{
	u64 n;

	if (!cbor_uint(c, &n))
		return false;
	*out = (u32)n;
	return n <= UINT16_MAX || cbor_fail(c, "is a number out of range");
}

static bool read_claim(struct cbor *c, const struct claim *k, void *out, const char **name)
{
	void *at = (char *)out + k->offset;

	switch (k->type) {
	case BYTES:
	case HASH:
		return read_bytes(c, k, at);
	case TEXT:
		return read_text(c, k, at);
	case NUMBER:
		return read_number(c, at);
	case CALL:
		return k->read(c, at, name);
	}
	return false;
}

/* A claim we do not know: keys may be texts, too. */
static bool read_unknown(struct cbor *c, const struct map_kind *kind, void *out)
{
	struct token_unknown *u = (struct token_unknown *)((char *)out + kind->unknown);
	bool is_number = cbor_at_int(c);
	s64 key = 0;

	if (is_number ? !cbor_int(c, &key) : !cbor_skip(c))
		return false;
	if (kind->unknown && u->nr < TOKEN_MAX_UNKNOWN)
		u->key[u->nr] = is_number ? key : 0;
	u->nr += kind->unknown ? 1 : 0;
	return cbor_skip(c);
}

static const struct claim *find_claim(const struct map_kind *kind, const struct cbor *c)
{
	struct cbor ahead = *c;
	s64 key;

	if (!cbor_at_int(c) || !cbor_int(&ahead, &key))
		return NULL;
	for (unsigned i = 0; i < kind->nr; i++) {
		if (kind->claims[i].key == key)
			return &kind->claims[i];
	}
	return NULL;
}

static bool read_map(struct cbor *c, const struct map_kind *kind, void *out, const char **name)
{
	const u8 *start = c->at;
	u32 seen = 0;
	u64 nr;

	*name = kind->name;
	if (!cbor_map(c, &nr))
		return false;
	for (; nr; nr--) {
		const struct claim *k = find_claim(kind, c);
		s64 key;

		*name = k ? k->name : kind->name;
		if (!k ? !read_unknown(c, kind, out)
		       : !cbor_int(c, &key) || !read_claim(c, k, out, name))
			return false;
		if (k)
			seen |= 1u << (k - kind->claims);
	}
	for (unsigned i = 0; i < kind->nr; i++) {
		if (!kind->claims[i].optional && !(seen & 1u << i)) {
			*name = kind->claims[i].name;
			c->at = start;
			return cbor_fail(c, "is missing");
		}
	}
	return true;
}

/* ---- platform ---- */

#define COMPONENT(f) .offset = offsetof(struct token_component, f)

/* clang-format off */
static const struct claim component_claims[] = {
	{ SW_TYPE, "software component's type", TEXT, .optional = true, COMPONENT(type) },
	{ SW_MEASUREMENT, "software component's measurement", HASH, COMPONENT(measurement) },
	{ SW_VERSION, "software component's version", TEXT, .optional = true, COMPONENT(version) },
	{ SW_SIGNER_ID, "software component's signer id", HASH, COMPONENT(signer_id) },
	{ SW_HASH_ALGO, "software component's hash algorithm", TEXT, .optional = true,
	  COMPONENT(hash_algo) },
};
/* clang-format on */

static const struct map_kind component_kind = {
	"map of a software component",
	component_claims,
	ARRAY_SIZE(component_claims),
	0,
};

/* `at` is the platform. */
static bool read_components(struct cbor *c, void *at, const char **name)
{
	struct token_platform *p = at;
	u64 nr;

	if (!cbor_array(c, &nr))
		return false;
	if (nr > TOKEN_MAX_COMPONENTS)
		return cbor_fail(c, "has more entries than any platform has");
	while (p->nr_components < nr) {
		if (!read_map(c, &component_kind, &p->components[p->nr_components++], name))
			return false;
	}
	return true;
}

/* The first byte tells the type of a UEID: RAND [RFC 9711 4.2.1]. */
static bool read_instance_id(struct cbor *c, void *at, const char **name)
{
	struct token_part *out = at;

	if (!cbor_bytes(c, &out->p, &out->len))
		return false;
	return (out->len == 33 && out->p[0] == 1) ||
	       cbor_fail(c, "is not 33 bytes of which the first is 1");
}

#define PLATFORM(f) .offset = offsetof(struct token_platform, f)

/* clang-format off */
static const struct claim platform_claims[] = {
	{ CLAIM_PROFILE, "profile", TEXT, PLATFORM(profile),
	  .in = { PROFILE_PLATFORM_LEGACY, PROFILE_PLATFORM_2023, PROFILE_PLATFORM_2024 } },
	{ CLAIM_CHALLENGE, "challenge", HASH, PLATFORM(challenge) },
	{ CLAIM_IMPLEMENTATION_ID, "implementation id", BYTES, .len = 32,
	  PLATFORM(implementation_id) },
	{ CLAIM_INSTANCE_ID, "instance id", CALL, .read = read_instance_id, PLATFORM(instance_id) },
	{ CLAIM_CONFIG, "config", BYTES, PLATFORM(config) },
	{ CLAIM_LIFECYCLE, "lifecycle", NUMBER, PLATFORM(lifecycle) },
	{ CLAIM_HASH_ALGO, "hash algorithm", TEXT, PLATFORM(hash_algo) },
	{ CLAIM_VERIFICATION, "verification service", TEXT, .optional = true,
	  PLATFORM(verification) },
	{ CLAIM_SW_COMPONENTS, "list of software components", CALL, .read = read_components },
};
/* clang-format on */

static const struct map_kind platform_kind = {
	"map of claims",
	platform_claims,
	ARRAY_SIZE(platform_claims),
	offsetof(struct token_platform, unknown),
};

bool token_read_platform(struct cbor *c, struct token_platform *out, const char **name)
{
	*name = platform_kind.name;
	return cbor_valid(c) && read_map(c, &platform_kind, out, name);
}

/* ---- Realm ---- */

static const struct claim rem_claim = { .type = HASH };

/* `at` is the four of them. */
static bool read_rems(struct cbor *c, void *at, const char **name)
{
	struct token_part *rem = at;
	u64 nr;

	if (!cbor_array(c, &nr))
		return false;
	if (nr != TOKEN_NR_REMS)
		return cbor_fail(c, "does not have four entries");
	for (unsigned i = 0; i < TOKEN_NR_REMS; i++) {
		if (!read_bytes(c, &rem_claim, &rem[i]))
			return false;
	}
	return true;
}

/* `at` is the Realm. */
static bool read_mec_policy(struct cbor *c, void *at, const char **name)
{
	struct token_realm *r = at;

	r->has_mec_policy = true;
	return read_number(c, &r->mec_policy);
}

#define REALM(f) .offset = offsetof(struct token_realm, f)
#define HASH_NAMES .in = { "sha-256", "sha-384", "sha-512" }

/* clang-format off */
static const struct claim realm_claims[] = {
	{ CLAIM_PROFILE, "profile", TEXT, .optional = true, REALM(profile),
	  .in = { PROFILE_REALM_2023, PROFILE_REALM_2024 } },
	{ CLAIM_CHALLENGE, "challenge", BYTES, .len = TOKEN_CHALLENGE_LEN, REALM(challenge) },
	{ CLAIM_RPV, "personalization value", BYTES, .len = 64, REALM(rpv) },
	{ CLAIM_REALM_HASH_ALGO, "hash algorithm", TEXT, HASH_NAMES, REALM(hash_algo) },
	{ CLAIM_RAK, "public key", BYTES, REALM(rak) },
	{ CLAIM_RAK_HASH_ALGO, "public key's hash algorithm", TEXT, HASH_NAMES,
	  REALM(rak_hash_algo) },
	{ CLAIM_RIM, "initial measurement", HASH, REALM(rim) },
	{ CLAIM_REMS, "list of extensible measurements", CALL, .read = read_rems, REALM(rem) },
	{ CLAIM_INSTANCE_ID, "instance id", CALL, .optional = true, .read = read_instance_id,
	  REALM(instance_id) },
	{ CLAIM_MEC_POLICY, "MEC policy", CALL, .optional = true, .read = read_mec_policy },
};
/* clang-format on */

static const struct map_kind realm_kind = {
	"map of claims",
	realm_claims,
	ARRAY_SIZE(realm_claims),
	offsetof(struct token_realm, unknown),
};

/* Before profiles there was no COSE_Key: 04 || x || y [SEC 1 2.3.3]. */
static bool read_raw_key(struct cbor *c, const struct token_part *rak, struct ec_public *out)
{
	for (enum ec_curve curve = EC_P256; curve <= EC_P521; curve++) {
		size_t n = ec_coord_len(curve);

		if (rak->len != 1 + 2 * n || rak->p[0] != 4)
			continue;
		out->curve = curve;
		memcpy(out->x, rak->p + 1, n);
		memcpy(out->y, rak->p + 1 + n, n);
		return true;
	}
	return cbor_fail(c, "is not an uncompressed point, as it is in a token without a profile");
}

static bool read_rak(struct cbor *c, struct token_realm *r)
{
	struct cbor inner;

	if (!r->profile.p)
		return read_raw_key(c, &r->rak, &r->rak_key);
	cbor_init(&inner, r->rak.p, r->rak.len);
	if (cose_key_parse(&inner, &r->rak_key))
		return true;
	c->at = inner.at;
	return cbor_fail(c, inner.why);
}

/* [RMM 1.0 A7.2.3.1.7] all measurements of a Realm are made with one hash. */
static bool same_lengths(struct cbor *c, const struct token_realm *r)
{
	for (unsigned i = 0; i < TOKEN_NR_REMS; i++) {
		if (r->rem[i].len != r->rim.len) {
			c->at = r->rem[i].p;
			return cbor_fail(c, "has an entry that is not as long as the RIM");
		}
	}
	return true;
}

bool token_read_realm(struct cbor *c, struct token_realm *out, const char **name)
{
	*name = realm_kind.name;
	if (!cbor_valid(c) || !read_map(c, &realm_kind, out, name))
		return false;
	*name = "public key";
	if (!read_rak(c, out))
		return false;
	*name = "list of extensible measurements";
	return same_lengths(c, out);
}
