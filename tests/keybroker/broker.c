/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The key broker.
 *
 * Thread: the caller's.
 * Trust:  requests are anybody's; their framing was checked by http.c, their JSON is by message.c.
 * Spec:   doc/api/keys/keys.yaml of veraison/keybroker-demo
 */
#include "tests/keybroker/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"

#define TEXT_MAX 1024
#define RESTART                                                                                    \
	"Known-good RIM values are missing. If you trust the client that submitted\n"              \
	"evidence for challenge %u, you should restart the keybroker-server with the following\n"  \
	"command-line option to populate it with known-good RIM values:\n"                         \
	"--reference-values <(echo '{ \"reference-values\": [ \"%s\" ] }')"

/* The keys of the key broker. As everybody knows them, none is worth a better place. */
static const struct key {
	const char *id, *value;
} keys[] = {
	{ "skywalker", "May the force be with you." },
};

static const struct key *find_key(const char *id)
{
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!strcmp(keys[i].id, id))
			return &keys[i];
	}
	return NULL;
}

/* ---- answers ---- */

static void failure(struct broker_answer *out, unsigned status, const char *type, const char *why)
{
	int n = message_failure(out->body, type, why);

	out->status = status;
	out->allow = NULL;
	out->location[0] = 0;
	out->body_len = (size_t)n;
}

void broker_refuse(struct broker_answer *out, unsigned status, const char *why)
{
	log_info("Request refused with %u %s: %s", status, http_reason(status), why);
	failure(out, status, "RequestFailure", why);
}

/* ---- a key is asked for ---- */

static void log_challenge(const struct challenge *c, const char *location)
{
	char text[CHALLENGE_LEN * 4 + 1];

	for (unsigned i = 0; i < CHALLENGE_LEN; i++)
		snprintf(text + 4 * i, 5, "%02x%s", c->value[i], i + 1 < CHALLENGE_LEN ? ", " : "");
	log_info("Created attestation challenge at %.*s:\n"
		 "- challenge_id: %u\n"
		 "- key_id: %s\n"
		 "- challenge value (%u bytes): [%s]",
		 (int)strcspn(location, "?"), location, c->id, c->key_id, CHALLENGE_LEN, text);
}

/* A name is logged, so it has no control characters. 0, or the status to refuse with. */
static unsigned read_key_id(struct http_text name, char out[CHALLENGES_KEY_ID_MAX])
{
	int n = url_decode(out, CHALLENGES_KEY_ID_MAX, name.p, name.len);
	char safe[CHALLENGES_KEY_ID_MAX];

	if (n > 0) {
		memcpy(safe, out, (size_t)n);
		encode_safe(safe, (size_t)n, "");
		if (memcmp(safe, out, (size_t)n))
			return 400;
	}
	return n == -E2BIG ? 404 : n < 0 ? 400 : 0;
}

/* "application/json", or a type with that syntax; parameters say nothing to us. */
static bool is_json(struct http_text type)
{
	const char *end = type.p ? memchr(type.p, ';', type.len) : NULL;

	if (!type.p)
		return false;
	if (end)
		type.len = (size_t)(end - type.p);
	while (type.len && (type.p[type.len - 1] == ' ' || type.p[type.len - 1] == '\t'))
		type.len--;
	if (http_text_is(type, TYPE_JSON))
		return true;
	if (type.len < 5)
		return false;
	type.p += type.len - 5;
	type.len = 5;
	return http_text_is(type, "+json");
}

static void request_key(struct broker *b, const struct http_msg *req, struct http_text name,
			u64 now_ns, struct broker_answer *out)
{
	char key_id[CHALLENGES_KEY_ID_MAX];
	char ticket[TICKET_SIZE];
	struct challenge c;
	struct wrap_public wrapping;
	const char *why;
	unsigned status = read_key_id(name, key_id);

	if (status) {
		broker_refuse(out, status, "the name of the key is none");
		return;
	}
	if (!is_json(req->content_type)) {
		broker_refuse(out, 415, "a key is asked for in " TYPE_JSON);
		return;
	}
	if (message_read_key_request(&wrapping, req->body.p, req->body.len, &why)) {
		broker_refuse(out, 400, why);
		return;
	}
	if (challenges_issue(b->challenges, now_ns, key_id, &wrapping, &c, ticket)) {
		broker_refuse(out, 500, "no random numbers for a challenge");
		return;
	}
	snprintf(out->location, sizeof(out->location), "%s/keys/v1/evidence/%u?%s", b->endpoint,
		 c.id, ticket);
	out->status = 201;
	out->body_len = (size_t)message_challenge(out->body, c.value);
	log_challenge(&c, out->location);
}

/* ---- evidence ---- */

static void not_attested(struct broker_answer *out, u32 id, const char *log, const char *sentence,
			 const char *why)
{
	char detail[TEXT_MAX];

	snprintf(detail, sizeof(detail), "%s%s%s", sentence, why ? " " : "", why ? why : "");
	log_info("Evidence submitted for challenge %u: %s%s%s", id, log, why ? " " : "",
		 why ? why : "");
	failure(out, 403, ATTESTATION_FAILURE, detail);
}

static void no_result(struct broker_answer *out, u32 id, const char *why)
{
	not_attested(out, id, "no attestation result was obtained.",
		     "No attestation result was obtained.", why);
}

static void dump(u32 id, const u8 *token, size_t len)
{
	char name[32];
	ssize_t n = -1;
	int fd;

	snprintf(name, sizeof(name), "evidence-%u.cbor", id);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd >= 0)
		n = write(fd, token, len);
	if (n == (ssize_t)len)
		log_info("Evidence for challenge %u dumped to file %s", id, name);
	else
		log_error("Failed to dump evidence for challenge %u to file %s: %s", id, name,
			  n < 0 ? strerror(errno) : "the disk is full");
	if (fd >= 0)
		close(fd);
}

static void grant(const struct challenge *c, struct broker_answer *out)
{
	const struct key *key = find_key(c->key_id);
	u8 wrapped[WRAP_MAX_LEN];
	int n;

	log_info("Evidence submitted for challenge %u: verification succeeded !", c->id);
	if (!key) {
		broker_refuse(out, 404, "Requested key is not in the store.");
		return;
	}
	n = wrap_encrypt(&c->wrapping, key->value, strlen(key->value), wrapped);
	if (n < 0) {
		broker_refuse(out, 400, "the key cannot be encrypted with pubkey");
		return;
	}
	out->status = 200;
	out->body_len = (size_t)message_wrapped_key(out->body, wrapped, (size_t)n);
}

static void log_references(const struct policy *p)
{
	char text[POLICY_BASE64_SIZE];

	for (unsigned i = 0; i < p->nr_rims; i++)
		log_info("- known-good RIM: %s", policy_rim_text(&p->rims[i], text));
}

static void judge(struct broker *b, const struct challenge *c, const u8 *token, size_t len,
		  struct broker_answer *out)
{
	char text[POLICY_BASE64_SIZE];
	struct policy_verdict v;

	policy_judge(b->policy, c->value, token, len, &v);
	switch (v.result) {
	case POLICY_GRANTED:
		grant(c, out);
		break;
	case POLICY_NO_REFERENCES:
		log_info(RESTART, c->id, policy_rim_text(&v.rim, text));
		no_result(out, c->id, v.why);
		break;
	case POLICY_NO_RESULT:
		no_result(out, c->id, v.why);
		break;
	case POLICY_NOT_IN_POLICY:
		not_attested(out, c->id, "the attestation result is not in policy.",
			     "The attestation result is not in policy.", v.why);
		log_references(b->policy);
		break;
	}
}

/* What is behind the '?'; of no length if there is none. */
static struct http_text query_of(struct http_text target)
{
	const char *query = memchr(target.p, '?', target.len);

	if (!query)
		return (struct http_text){ target.p, 0 };
	query++;
	return (struct http_text){ query, target.len - (size_t)(query - target.p) };
}

/* With the quotes that the client writes, and without, as we have written it. */
static bool is_evidence(struct http_text type)
{
	return http_text_is(type, TYPE_EVIDENCE) || http_text_is(type, TYPE_ACCEPT);
}

static void submit_evidence(struct broker *b, const struct http_msg *req, u32 id, u64 now_ns,
			    struct broker_answer *out)
{
	struct http_text ticket = query_of(req->target);
	u8 token[TOKEN_MAX_LEN + 1];
	struct challenge c;
	int n;

	if (!challenges_take(b->challenges, now_ns, id, ticket.p, ticket.len, &c)) {
		not_attested(out, id, "it does not match any issued challenge.",
			     "The challenge identifier did not match any issued challenge.", NULL);
		return;
	}
	/* From here on the challenge is used up, whatever comes. */
	n = decode_base64url(token, sizeof(token), req->body.p, req->body.len);
	if (n == -EINVAL) {
		broker_refuse(out, 400, "the evidence is not in base64url without padding");
		return;
	}
	if (!is_evidence(req->content_type)) {
		no_result(out, id, "The evidence is not of the type " TYPE_ACCEPT ".");
		return;
	}
	/* Longer than a token may be: as much of it as shows that. */
	n = n < 0 ? (int)sizeof(token) : n;
	if (b->dump_evidence)
		dump(id, token, (size_t)n);
	judge(b, &c, token, (size_t)n, out);
}

/* ---- which of both ---- */

/*
 * The path of a target in origin or absolute form [RFC 9112 3.2.1, 3.2.2], without the query; of no
 * length for others.
 */
static struct http_text path_of(struct http_text target)
{
	static const char scheme[] = "http://";
	const char *query, *root;

	if (target.len >= sizeof(scheme) - 1 &&
	    !strncasecmp(target.p, scheme, sizeof(scheme) - 1)) {
		target.p += sizeof(scheme) - 1;
		target.len -= sizeof(scheme) - 1;
		root = memchr(target.p, '/', target.len);
		target.len = root ? target.len - (size_t)(root - target.p) : 0;
		target.p = root;
	}
	query = target.len ? memchr(target.p, '?', target.len) : NULL;
	if (query)
		target.len = (size_t)(query - target.p);
	return target;
}

/* What follows the prefix, if it is one segment. */
static bool segment_after(struct http_text path, const char *prefix, struct http_text *out)
{
	size_t len = strlen(prefix);

	if (path.len <= len || memcmp(path.p, prefix, len))
		return false;
	*out = (struct http_text){ path.p + len, path.len - len };
	return !memchr(out->p, '/', out->len);
}

static bool parse_id(struct http_text text, u32 *out)
{
	u64 id = 0;
	bool ok = text.len <= 10 && !decode_number(&id, UINT32_MAX, NUMBER_DEC, text.p, text.len);

	*out = (u32)id;
	return ok;
}

void broker_answer(struct broker *b, const struct http_msg *req, u64 now_ns,
		   struct broker_answer *out)
{
	struct http_text path = path_of(req->target), name, text;
	bool key = segment_after(path, "/keys/v1/key/", &name);
	u32 id = 0;

	out->allow = NULL;
	out->location[0] = 0;
	out->body_len = 0;
	if (!key && !(segment_after(path, "/keys/v1/evidence/", &text) && parse_id(text, &id))) {
		broker_refuse(out, 404, "there is nothing at this path");
	} else if (req->method.len != 4 || memcmp(req->method.p, "POST", 4)) {
		broker_refuse(out, 405, "only POST does something here");
		out->allow = "POST";
	} else if (key) {
		request_key(b, req, name, now_ns, out);
	} else {
		submit_evidence(b, req, id, now_ns, out);
	}
}
