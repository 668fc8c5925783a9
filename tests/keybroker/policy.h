/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who gets a key: a Realm on a platform that a trust anchor vouches for, whose token answers this
 * challenge, whose platform is in the secured state, and whose initial measurement is one of the
 * reference values. What the public key broker server leaves to a Veraison service, and then to its
 * own policy, is decided here. Plain data; any thread.
 */
#ifndef TESTS_KEYBROKER_POLICY_H
#define TESTS_KEYBROKER_POLICY_H

#include "lkvm/base/encode.h"
#include "realm/token/token.h"

#define POLICY_MAX_ANCHORS 8u
#define POLICY_MAX_RIMS 64u
#define POLICY_RIM_MAX 64u
#define POLICY_WHY_LEN 400u

struct policy_rim {
	u8 value[POLICY_RIM_MAX];
	size_t len;
};

struct policy {
	unsigned nr_anchors;
	struct ec_public anchors[POLICY_MAX_ANCHORS]; /* CPAKs */
	bool has_references;			      /* a list was given, it may be empty */
	unsigned nr_rims;
	struct policy_rim rims[POLICY_MAX_RIMS];
	bool unsecured; /* any lifecycle state will do: for simulated platforms */
};

enum policy_result {
	POLICY_GRANTED,
	POLICY_NO_RESULT,     /* the evidence says nothing that could be judged */
	POLICY_NO_REFERENCES, /* true evidence, nothing to compare it with */
	POLICY_NOT_IN_POLICY, /* true evidence of something else than what is wanted */
};

struct policy_verdict {
	enum policy_result result;
	char why[POLICY_WHY_LEN]; /* unless GRANTED: a sentence for the client */
	struct policy_rim rim;	  /* of true evidence; else of length 0 */
};

/* Judge the token token[0..len) as evidence for the challenge. *out is all of the result. */
void policy_judge(const struct policy *p, const u8 challenge[TOKEN_CHALLENGE_LEN],
		  const void *token, size_t len, struct policy_verdict *out);

#define POLICY_BASE64_SIZE BASE64_SIZE(POLICY_RIM_MAX)

/* Standard base64 with padding, as in files of reference values. Returns `out`. */
char *policy_rim_text(const struct policy_rim *rim, char out[POLICY_BASE64_SIZE]);

/*
 * Reference values: {"reference-values": ["<base64>", ...]}. Each has 32, 48 or 64 bytes. 0, or
 * -EINVAL with the reason in *why, which is a constant.
 */
int policy_parse_references(struct policy *p, const char *text, size_t len, const char **why);

#endif
