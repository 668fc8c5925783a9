/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CCA attestation tokens: what one says, and whether that can be believed [RMM 1.0 A7.2]. Verifying
 * needs no Realm and runs anywhere. No state; any thread.
 *
 * A token is a pair of COSE_Sign1 in CBOR: the platform's, signed with the CPAK that its vendor
 * vouches for, and the Realm's, signed with the RAK. The platform's has the hash of the RAK for its
 * challenge, which binds the two. Nothing is allocated: claims point into the caller's bytes.
 */
#ifndef REALM_TOKEN_H
#define REALM_TOKEN_H

#include "realm/token/ec.h"

#define TOKEN_MAX_LEN 65536u /* what is longer is refused unread */
#define TOKEN_MAX_COMPONENTS 32u
#define TOKEN_NR_REMS 4u
#define TOKEN_CHALLENGE_LEN 64u
#define TOKEN_WHY_LEN 240u
#define TOKEN_MAX_UNKNOWN 16u

/* The tag around the pair: an EAT collection (RMM 1.0), or a CMW (tf-rmm since 2025). */
enum token_form { TOKEN_COLLECTION = 399, TOKEN_CMW = 907 };

/* Bytes, or the characters of a text, inside the token; p is NULL where a claim is absent. */
struct token_part {
	const u8 *p;
	size_t len;
};

struct token_component {
	struct token_part type, measurement, version, signer_id, hash_algo;
};

/* Claims that are not known here. They are signed like the others, and say nothing to us. */
struct token_unknown {
	unsigned nr;
	s64 key[TOKEN_MAX_UNKNOWN]; /* of the first ones */
};

/* [RMM 1.0 A7.2.3.2] */
struct token_platform {
	enum ec_curve curve;	   /* of the signature: ES256, ES384, ES512 */
	struct token_part profile; /* text */
	struct token_part challenge;
	struct token_part implementation_id; /* 32 bytes */
	struct token_part instance_id;	     /* 33 bytes, the first is 1 */
	struct token_part config;
	struct token_part hash_algo;	/* text */
	struct token_part verification; /* text, may be absent: URI of a service that verifies */
	u32 lifecycle;
	unsigned nr_components;
	struct token_component components[TOKEN_MAX_COMPONENTS];
	struct token_unknown unknown;
};

/* [RMM 1.0 A7.2.3.1] */
struct token_realm {
	enum ec_curve curve;
	struct token_part profile;   /* text; absent in legacy tokens, before RMM 1.0 */
	struct token_part challenge; /* 64 bytes */
	struct token_part rpv;	     /* 64 bytes */
	struct token_part hash_algo; /* text */
	struct token_part rim;	     /* 32, 48 or 64 bytes, so the REMs */
	struct token_part rem[TOKEN_NR_REMS];
	struct token_part rak; /* as in the token: a COSE_Key, legacy: 04 || x || y */
	struct token_part rak_hash_algo;
	struct ec_public rak_key;      /* the same, decoded */
	struct token_part instance_id; /* RMM 2.0, may be absent */
	bool has_mec_policy;	       /* RMM 2.0 */
	u32 mec_policy;
	struct token_unknown unknown;
};

enum token_check { TOKEN_UNCHECKED, TOKEN_GOOD, TOKEN_BAD };

/* In the order in which they are made. */
enum token_verdict {
	TOKEN_VERIFIED,		 /* all of it, against the trust anchor */
	TOKEN_MALFORMED,	 /* not a CCA token by the letter: claims are not to be read */
	TOKEN_PLATFORM_FORGED,	 /* not signed by the trust anchor */
	TOKEN_UNBOUND,		 /* the platform does not vouch for this RAK */
	TOKEN_REALM_FORGED,	 /* not signed by the RAK */
	TOKEN_CHALLENGE_DIFFERS, /* of another exchange: replayed */
	TOKEN_RIM_DIFFERS,	 /* another Realm than expected */
	TOKEN_UNANCHORED,	 /* consistent, but no trust anchor was given: may be anybody's */
	TOKEN_UNABLE,		 /* no verdict: no libcrypto */
};

struct token_expect {
	const struct ec_public *anchor; /* CPAK, or NULL: nobody known */
	const u8 *challenge;		/* NULL: any; up to 64 bytes, the rest zeros */
	size_t challenge_len;
	const u8 *rim; /* NULL: any; compared as if both had zeros behind, up to 64 bytes */
	size_t rim_len;
};

struct token_report {
	enum token_verdict verdict;
	char why[TOKEN_WHY_LEN]; /* unless VERIFIED: one clause that says what and where */
	/* The result of each check by itself. All are made unless `verdict` is TOKEN_MALFORMED. */
	enum token_check platform_signature, binding, realm_signature, challenge, rim;
	enum token_form form;
	struct token_platform platform;
	struct token_realm realm;
};

/*
 * Read token[0..len) and judge it. Its CBOR has to be of definite lengths, with the shortest
 * integers and no key twice; nothing may follow. *report, whose claims point into `token`, is the
 * result; its verdict is returned, too.
 */
enum token_verdict token_verify(const void *token, size_t len, const struct token_expect *want,
				struct token_report *report);

/*
 * Is the lifecycle state that of a platform that protects Realms? A token can be VERIFIED in other
 * states, too: then what it says is true.
 */
bool token_lifecycle_secured(u32 lifecycle);

/* "secured", "unknown" and so on for a lifecycle value [RMM 1.0 A7.2.3.2.7]. */
const char *token_lifecycle_name(u32 lifecycle);

#endif
