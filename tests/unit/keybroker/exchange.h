/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A broker with a Realm that may have its key, for tests of what is said to it. */
#ifndef TESTS_UNIT_KEYBROKER_EXCHANGE_H
#define TESTS_UNIT_KEYBROKER_EXCHANGE_H

#include <stdio.h>

#include "tests/keybroker/broker.h"
#include "tests/unit/realm/token/tokens.h"

#define EXCHANGE_KEPT 1024u
#define EXCHANGE_LIFETIME_NS 1000000000000u
#define EXCHANGE_URL "http://127.0.0.1:8088"
#define EXCHANGE_TEXT_MAX 100000u

struct exchange {
	struct attest_keys keys;
	struct rsi_realm realm;
	struct wrap_key *wrap;
	struct wrap_public wrap_public;
	struct policy policy;
	struct broker broker;
};

static inline void exchange_init(struct exchange *x)
{
	*x = (struct exchange){ .realm = tokens_realm(RSI_HASH_SHA256) };
	tokens_keys(&x->keys);
	ck_assert(!wrap_generate(&x->wrap, 1024));
	ck_assert(!wrap_public_of(x->wrap, WRAP_RSA1_5, &x->wrap_public));
	x->policy.nr_anchors = 1;
	ec_public_of(x->keys.cpak, &x->policy.anchors[0]);
	x->policy.unsecured = x->policy.has_references = true;
	x->policy.nr_rims = 1;
	x->policy.rims[0].len = 32;
	memcpy(x->policy.rims[0].value, x->realm.rim, 32);
	x->broker.policy = &x->policy;
	ck_assert(!challenges_create(&x->broker.challenges, EXCHANGE_KEPT, EXCHANGE_LIFETIME_NS,
				     NULL));
	strcpy(x->broker.endpoint, EXCHANGE_URL);
}

static inline void exchange_fini(struct exchange *x)
{
	challenges_destroy(x->broker.challenges);
	wrap_free(x->wrap);
	keys_close(&x->keys);
}

/* A request as text; its length. `type` NULL: without Content-Type. */
static inline size_t exchange_post(char out[EXCHANGE_TEXT_MAX], const char *path, const char *type,
				   const char *body)
{
	int n = snprintf(out, EXCHANGE_TEXT_MAX,
			 "POST %s HTTP/1.1\r\nHost: broker\r\nContent-Length: %zu\r\n%s%s%s\r\n%s",
			 path, strlen(body), type ? "Content-Type: " : "", type ? type : "",
			 type ? "\r\n" : "", body);

	ck_assert(n > 0 && n < (int)EXCHANGE_TEXT_MAX);
	return (size_t)n;
}

static inline size_t exchange_ask(const struct exchange *x, char out[EXCHANGE_TEXT_MAX],
				  const char *name)
{
	char body[MESSAGE_MAX], path[512];

	snprintf(path, sizeof(path), "/keys/v1/key/%s", name);
	message_key_request(body, &x->wrap_public);
	return exchange_post(out, path, "application/json", body);
}

/* The path of the Location of an answer: what follows the endpoint. */
static inline const char *exchange_path(const char *location)
{
	ck_assert_msg(!strncmp(location, EXCHANGE_URL "/keys/v1/evidence/",
			       strlen(EXCHANGE_URL "/keys/v1/evidence/")),
		      "%s", location);
	return location + strlen(EXCHANGE_URL);
}

/* The Realm's answer to a challenge. */
static inline size_t exchange_prove(const struct exchange *x, char out[EXCHANGE_TEXT_MAX],
				    const char *path, const u8 challenge[CHALLENGE_LEN])
{
	char body[BASE64_SIZE(TOKENS_MAX)];
	u8 token[TOKENS_MAX];
	size_t len = tokens_good(&x->keys, TOKEN_COLLECTION, &x->realm, challenge, token);

	encode_base64url(body, sizeof(body), token, len);
	return exchange_post(out, path, TYPE_EVIDENCE, body);
}

/* The key in an answer's body, as text. */
static inline void exchange_key(const struct exchange *x, const char *body, size_t len,
				char out[WRAP_MAX_LEN + 1])
{
	u8 data[WRAP_MAX_LEN];
	const char *why = "";
	int n = message_read_wrapped_key(data, sizeof(data), body, len, &why);

	ck_assert_msg(n > 0, "%s: %.*s", why, (int)len, body);
	n = wrap_decrypt(x->wrap, x->wrap_public.alg, data, (size_t)n, (u8 *)out);
	ck_assert_int_gt(n, 0);
	out[n] = 0;
}

#endif
