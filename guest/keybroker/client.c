/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Background-check attestation, seen from the one who is attested.
 *
 * Thread: any.
 * Trust:  the server's answers; a wrong one ends the exchange with a line that says so.
 * Spec:   doc/api/keys/keys.yaml of veraison/keybroker-demo
 */
#include "guest/keybroker/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/keybroker/dial.h"
#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"

#define RSA_BITS 1024u
#define PATH_PREFIX "/keys/v1/key/"

/* One exchange; large, so it is allocated. */
struct exchange {
	const struct client *c;
	struct wrap_key *key;
	struct url url; /* of the next request */
	u8 challenge[CHALLENGE_LEN];
	struct http_reader answer;
	u8 evidence[EVIDENCE_MAX];
	char body[BASE64_SIZE(EVIDENCE_MAX)];
	char text[2 * URL_MAX];
};

static int key_url(struct exchange *x)
{
	const char *endpoint = x->c->endpoint, *why = "the key's name is too long";
	size_t len = strlen(endpoint);
	char name[URL_MAX];
	int n;

	while (len && endpoint[len - 1] == '/')
		len--;
	n = url_encode(name, sizeof(name), x->c->key_name);
	if (n >= 0)
		n = snprintf(x->text, sizeof(x->text), "%.*s" PATH_PREFIX "%s", (int)len, endpoint,
			     name);
	if (n >= 0 && !url_parse(&x->url, x->text, MIN((size_t)n, sizeof(x->text) - 1), &why))
		return 0;
	log_error("--endpoint %s with the key '%s': %s", endpoint, x->c->key_name, why);
	return -EINVAL;
}

/* What a server says that is neither of the two answers. Returns -EPROTO. */
static int unexpected(const struct exchange *x, const char *where)
{
	const struct http_msg *m = &x->answer.msg;
	struct failure f;
	const char *why;

	if (!message_read_failure(&f, m->body.p, m->body.len, &why))
		log_error("%s: the server answered %u, %s: %s", where, m->status, f.type, f.detail);
	else
		log_error("%s: the server answered %u %s", where, m->status,
			  http_reason(m->status));
	return -EPROTO;
}

static void log_challenge(const u8 challenge[CHALLENGE_LEN])
{
	char text[CHALLENGE_LEN * 4 + 1];

	for (unsigned i = 0; i < CHALLENGE_LEN; i++)
		snprintf(text + 4 * i, 5, "%02x%s", challenge[i],
			 i + 1 < CHALLENGE_LEN ? ", " : "");
	log_info("Challenge (%u bytes) = [%s]", CHALLENGE_LEN, text);
}

/*
 * Whoever is between us and the server can put his own wrapping key into our request. Then the
 * challenge is for that key, and evidence for it would be his to show.
 */
static int check_binding(const struct exchange *x, const struct wrap_public *key)
{
	u8 mine[WRAP_THUMBPRINT_LEN];
	int err = wrap_thumbprint(key, mine);

	if (err || !memcmp(x->challenge + CHALLENGE_RANDOM, mine, sizeof(mine)))
		return err;
	if (x->c->unbound) {
		log_warn("The challenge is not for our wrapping key: whoever is between us and the "
			 "server can get the key (--unbound)");
		return 0;
	}
	log_error("the server's challenge is not for our wrapping key: somebody in between has "
		  "replaced it, or the server binds none, as the public one (--unbound)");
	return -EPROTO;
}

/* The challenge, and in x->url where its answer goes. */
static int request(struct exchange *x)
{
	const struct http_msg *m = &x->answer.msg;
	const char *why = "there is none";
	struct wrap_public public;
	struct url base = x->url;
	int err, n;

	log_info("Requesting key named '%s' from the keybroker server with URL %s", x->c->key_name,
		 x->text);
	if (wrap_generate(&x->key, RSA_BITS) || wrap_public_of(x->key, x->c->alg, &public)) {
		log_error("cannot make an RSA key");
		return -EIO;
	}
	n = message_key_request(x->body, &public);
	err = dial_post(&x->url, TYPE_JSON, x->body, (size_t)n, x->c->timeout_ms, &x->answer);
	if (err)
		return err;
	if (m->status / 100 != 2)
		return unexpected(x, "key request");
	if (!m->location.p || url_join(&x->url, &base, m->location.p, m->location.len, &why)) {
		log_error("the server's Location for the evidence: %s", why);
		return -EPROTO;
	}
	if (message_read_challenge(x->challenge, m->body.p, m->body.len, &why)) {
		log_error("the server's challenge: %s", why);
		return -EPROTO;
	}
	log_challenge(x->challenge);
	return check_binding(x, &public);
}

static int submit(struct exchange *x)
{
	int len = x->c->evidence(x->c->arg, x->challenge, x->evidence, sizeof(x->evidence));

	if (len < 0)
		return len;
	encode_base64url(x->body, sizeof(x->body), x->evidence, (size_t)len);
	url_print(&x->url, x->text);
	x->text[strcspn(x->text, "?")] = 0; /* what is behind it is the server's memory */
	log_info("Submitting evidence to URL %s", x->text);
	return dial_post(&x->url, TYPE_EVIDENCE, x->body, strlen(x->body), x->c->timeout_ms,
			 &x->answer);
}

static enum client_result unwrap(struct exchange *x, struct client_answer *out)
{
	const struct http_msg *m = &x->answer.msg;
	u8 data[WRAP_MAX_LEN];
	const char *why;
	int n = message_read_wrapped_key(data, sizeof(data), m->body.p, m->body.len, &why);

	if (n < 0) {
		log_error("the server's answer to the evidence: %s", why);
		return CLIENT_ERROR;
	}
	n = wrap_decrypt(x->key, x->c->alg, data, (size_t)n, out->key);
	if (n < 0) {
		log_error("the server's key is not wrapped with ours: it cannot be decrypted");
		return CLIENT_ERROR;
	}
	out->key_len = (size_t)n;
	return CLIENT_KEY;
}

static enum client_result verdict(struct exchange *x, struct client_answer *out)
{
	const struct http_msg *m = &x->answer.msg;
	const char *why;

	if (m->status == 200)
		return unwrap(x, out);
	if (m->status == 403 && !message_read_failure(&out->failure, m->body.p, m->body.len, &why))
		return CLIENT_REFUSED;
	unexpected(x, "evidence");
	return CLIENT_ERROR;
}

enum client_result client_get_key(const struct client *c, struct client_answer *out)
{
	struct exchange *x = calloc(1, sizeof(*x));
	enum client_result result = CLIENT_ERROR;

	if (!x) {
		log_error("not enough memory");
		return CLIENT_ERROR;
	}
	x->c = c;
	if (!key_url(x) && !request(x) && !submit(x))
		result = verdict(x, out);
	wrap_free(x->key);
	free(x);
	return result;
}
