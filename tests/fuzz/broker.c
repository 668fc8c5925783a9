/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The key broker, asked by anybody: whatever comes, it has an answer, and it is never a key.
 *
 * Thread: one.
 * Trust:  plays a client; with input 3 the operator, who may mistake a file for another.
 *
 * Input: one byte that says what the rest is:
 *   0 a connection's bytes   1 evidence for a challenge   2 a request for a key
 *   3 reference values
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "tests/fuzz/input.h"
#include "tests/keybroker/broker.h"

static struct policy policy;
static struct broker broker;
static struct broker_answer answer;
static struct http_reader reader;

/* A good broker, which believes a platform of nobody. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct ec_key *key;

	log_set_level(LOG_FATAL);
	check(!ec_generate(&key, EC_P384));
	ec_public_of(key, &policy.anchors[0]);
	ec_free(key);
	policy.nr_anchors = policy.nr_rims = 1;
	policy.has_references = policy.unsecured = true;
	policy.rims[0].len = 32;
	broker.policy = &policy;
	strcpy(broker.endpoint, "http://127.0.0.1:8088");
	return challenges_create(&broker.challenges, 16, UINT64_MAX / 2, NULL);
}

static void ask(const struct http_msg *m)
{
	struct failure f;
	const char *why;
	u8 challenge[CHALLENGE_LEN];

	broker_answer(&broker, m, 1, &answer);
	check(answer.body_len && answer.body_len < sizeof(answer.body));
	check((answer.status == 201) == !!answer.location[0]);
	check((answer.status == 405) == !!answer.allow);
	if (answer.status == 201) {
		check(!message_read_challenge(challenge, answer.body, answer.body_len, &why));
		return;
	}
	check(answer.status == 400 || answer.status == 403 || answer.status == 404 ||
	      answer.status == 405 || answer.status == 415);
	check(!message_read_failure(&f, answer.body, answer.body_len, &why) && *f.detail);
}

/* Bytes come in pieces, whose size is in the first of them. */
static void talk(const u8 *data, size_t len)
{
	size_t piece = len ? 1 + data[0] % 64u : 1, at = 0;
	enum http_result result = HTTP_MORE;

	http_init(&reader, HTTP_REQUEST);
	while (at < len && result != HTTP_BAD) {
		size_t size;
		char *room = http_room(&reader, &size);

		size = MIN(size, piece);
		size = MIN(size, len - at);
		memcpy(room, data + at, size);
		at += size;
		result = http_feed(&reader, size);
		while (result == HTTP_DONE) {
			ask(&reader.msg);
			result = http_next(&reader);
		}
	}
	if (result == HTTP_BAD)
		check(reader.bad_status >= 400 && reader.why);
}

static void post(const char *target, const char *type, const u8 *body, size_t len)
{
	const struct http_msg m = { .method = { "POST", 4 },
				    .target = { target, strlen(target) },
				    .content_type = { type, strlen(type) },
				    .body = { (const char *)body, len } };

	ask(&m);
}

static void prove(const u8 *data, size_t len)
{
	static const struct wrap_public wrapping = { .n_len = 1, .e_len = 1 };
	char target[64 + TICKET_SIZE], ticket[TICKET_SIZE];
	struct challenge c;

	check(!challenges_issue(broker.challenges, 0, "skywalker", &wrapping, &c, ticket));
	snprintf(target, sizeof(target), "/keys/v1/evidence/%u?%s", c.id, ticket);
	post(target, TYPE_EVIDENCE, data, len);
	post(target, TYPE_EVIDENCE, data, len);
	check(answer.status == 403);
}

static void configure(const u8 *data, size_t len)
{
	struct policy p = { 0 };
	const char *why = NULL;

	if (policy_parse_references(&p, (const char *)data, len, &why))
		check(why && !p.has_references);
	for (unsigned i = 0; i < p.nr_rims; i++)
		check(p.rims[i].len == 32 || p.rims[i].len == 48 || p.rims[i].len == 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	u8 *copy; /* ends where the input does, for the sanitizer */

	if (!len)
		return 0;
	copy = malloc(len);
	memcpy(copy, data + 1, len - 1);
	switch (data[0] % 4) {
	case 0:
		talk(copy, len - 1);
		break;
	case 1:
		prove(copy, len - 1);
		break;
	case 2:
		post("/keys/v1/key/skywalker", TYPE_JSON, copy, len - 1);
		break;
	default:
		configure(copy, len - 1);
	}
	free(copy);
	return 0;
}
