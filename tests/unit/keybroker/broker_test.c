/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is answered to requests: the protocol as it is meant, and each way to get it wrong. */
#include <unistd.h>

#include "lkvm/base/log.h"
#include "tests/unit/keybroker/exchange.h"
#include "tests/unit/suite.h"

static struct exchange x;
static struct broker_answer a;
static struct http_reader reader;
static char text[EXCHANGE_TEXT_MAX];
static u8 challenge[CHALLENGE_LEN];
static u64 now;

static void setup(void)
{
	exchange_init(&x);
	log_set_level(LOG_FATAL);
	now = 5;
}

static void teardown(void)
{
	exchange_fini(&x);
}

/* One request, as text. */
static unsigned request(size_t len)
{
	enum http_result result = HTTP_MORE;

	http_init(&reader, HTTP_REQUEST);
	for (size_t at = 0, size; at < len; at += size) {
		char *room = http_room(&reader, &size);

		size = MIN(size, len - at);
		memcpy(room, text + at, size);
		result = http_feed(&reader, size);
	}
	ck_assert_msg(result == HTTP_DONE, "%s", reader.why);
	memset(&a, 0xee, sizeof(a)); /* the answer before leaves nothing behind */
	broker_answer(&x.broker, &reader.msg, now, &a);
	ck_assert(a.body_len && a.body_len < sizeof(a.body));
	return a.status;
}

static unsigned post(const char *path, const char *type, const char *body)
{
	return request(exchange_post(text, path, type, body));
}

/* Asks for a key: the path for the evidence. */
static const char *ask(const char *name)
{
	const char *why;

	ck_assert_uint_eq(request(exchange_ask(&x, text, name)), 201);
	ck_assert_ptr_null(a.allow);
	ck_assert(!message_read_challenge(challenge, a.body, a.body_len, &why));
	return exchange_path(a.location);
}

/* `path` may be in the last answer. */
static unsigned prove(const char *path)
{
	char copy[2048];

	snprintf(copy, sizeof(copy), "%s", path);
	return request(exchange_prove(&x, text, copy, challenge));
}

static void failed(unsigned status, const char *type, const char *detail)
{
	struct failure f;
	const char *why;

	ck_assert_uint_eq(a.status, status);
	ck_assert(!a.location[0]);
	ck_assert(!message_read_failure(&f, a.body, a.body_len, &why));
	ck_assert_str_eq(f.type, type);
	ck_assert_msg(strstr(f.detail, detail), "'%s' instead of '%s'", f.detail, detail);
}

static void refused(const char *detail)
{
	failed(403, "AttestationFailure", detail);
}

/* ---- as it is meant ---- */

START_TEST(a_realm_gets_its_key)
{
	char key[WRAP_MAX_LEN + 1];

	for (int alg = WRAP_RSA1_5; alg <= WRAP_RSA_OAEP; alg++) {
		x.wrap_public.alg = (enum wrap_alg)alg;
		ck_assert_uint_eq(prove(ask("skywalker")), 200);
		ck_assert(!a.location[0]);
		exchange_key(&x, a.body, a.body_len, key);
		ck_assert_str_eq(key, "May the force be with you.");
	}
}
END_TEST

/* The bytes that the public client expects. */
START_TEST(the_challenge_is_said_as_the_client_knows_it)
{
	ask("skywalker");
	a.body[a.body_len] = 0;
	ck_assert(!strncmp(a.body, "{\"challenge\":\"", 14));
	ck_assert_str_eq(a.body + 14 + 86, "\",\"accept\":[\"application/eat-collection; "
					   "profile=http://arm.com/CCA-SSD/1.0.0\"]}");
}
END_TEST

/* Names are found out about by those who may have keys only. */
START_TEST(unknown_keys_are_not_told_to_everybody)
{
	const char *path = ask("vader");

	ck_assert_uint_eq(prove(path), 404);
	failed(404, "RequestFailure", "Requested key is not in the store.");
}
END_TEST

START_TEST(names_are_decoded)
{
	char key[WRAP_MAX_LEN + 1];

	ck_assert_uint_eq(prove(ask("%73kywalke%72?and=more")), 200);
	exchange_key(&x, a.body, a.body_len, key);
	/* [RFC 9112 3.2.2] a server takes the absolute form, too */
	ck_assert_uint_eq(request(exchange_ask(&x, text, "skywalker")), 201);
	snprintf(text, sizeof(text),
		 "POST http://me:1/keys/v1/evidence/1 HTTP/1.1\r\nHost: me:1\r\n\r\n");
	request(strlen(text));
	refused("did not match any issued challenge");
}
END_TEST

/* ---- evidence that is refused ---- */

START_TEST(a_challenge_is_used_once)
{
	char path[2048];

	snprintf(path, sizeof(path), "%s", ask("skywalker"));
	ck_assert_uint_eq(prove(path), 200);
	ck_assert_uint_eq(prove(path), 403);
	failed(403, "AttestationFailure",
	       "The challenge identifier did not match any issued challenge.");
}
END_TEST

START_TEST(bad_evidence_uses_it_up)
{
	static const char *const bodies[] = { "", "AA==", "!", "AAAA\n" };
	char path[2048];

	for (unsigned i = 0; i < ARRAY_SIZE(bodies); i++) {
		snprintf(path, sizeof(path), "%s", ask("skywalker"));
		post(path, TYPE_EVIDENCE, bodies[i]);
		if (i)
			failed(400, "RequestFailure", "base64url");
		else
			refused("No attestation result was obtained. The evidence is refused: ");
		ck_assert_uint_eq(prove(path), 403);
		refused("did not match any issued challenge");
	}
}
END_TEST

START_TEST(a_challenge_is_good_for_its_time)
{
	const char *path = ask("skywalker");

	now += EXCHANGE_LIFETIME_NS;
	prove(path);
	refused("did not match any issued challenge");
}
END_TEST

START_TEST(evidence_for_another_challenge_is_a_replay)
{
	u8 old[CHALLENGE_LEN];

	ask("skywalker");
	memcpy(old, challenge, sizeof(old));
	ask("skywalker");
	memcpy(challenge, old, sizeof(old));
	prove(exchange_path(a.location));
	refused("No attestation result was obtained. The evidence is refused: the challenge in the "
		"Realm token is not the one that was expected.");
}
END_TEST

START_TEST(a_forged_platform_is_refused)
{
	struct attest_keys others;

	tokens_keys(&others);
	ec_public_of(others.cpak, &x.policy.anchors[0]);
	keys_close(&others);
	prove(ask("skywalker"));
	refused("No attestation result was obtained. The evidence is refused: the platform token is "
		"not signed with the key of the trust anchor.");
}
END_TEST

START_TEST(another_measurement_is_not_in_policy)
{
	x.realm.rim[0] ^= 1;
	prove(ask("skywalker"));
	refused("The attestation result is not in policy. The Realm's initial measurement "
		"EBERERERERERERERERERERERERERERERERERERERERE= is no reference value.");
}
END_TEST

START_TEST(missing_reference_values_are_said)
{
	x.policy.has_references = false;
	prove(ask("skywalker"));
	refused("No attestation result was obtained. No known-good reference values.");
}
END_TEST

START_TEST(evidence_is_of_one_type)
{
	static const char *const types[] = { "text/plain", NULL, "application/json" };

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		post(ask("skywalker"), types[i], "AAAA");
		refused("No attestation result was obtained. The evidence is not of the type");
	}
	post(ask("skywalker"), "application/eat-collection; profile=http://arm.com/CCA-SSD/1.0.0",
	     "AAAA");
	refused("The evidence is refused: the token");
}
END_TEST

/* More than a token may have; it still fits into a request. */
START_TEST(large_evidence_is_refused)
{
	static char body[90000];

	memset(body, 'A', sizeof(body) - 1);
	post(ask("skywalker"), TYPE_EVIDENCE, body);
	refused("The evidence is refused: the token is longer than 64 KiB");
}
END_TEST

/* ---- what is no request of the protocol ---- */

START_TEST(bad_requests_for_a_key)
{
	static const struct {
		const char *type, *body;
		unsigned status;
	} bad[] = {
		{ "application/json", "", 400 },
		{ "application/json", "{", 400 },
		{ "application/json", "[1]", 400 },
		{ "application/json", "{\"pubkey\":{\"kty\":\"EC\"}}", 400 },
		{ "application/json", "{\"pubkey\":{\"kty\":\"RSA\",\"alg\":\"none\"}}", 400 },
		{ "text/plain", "{}", 415 },
		{ NULL, "{}", 415 },
		{ "json", "{}", 415 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		post("/keys/v1/key/skywalker", bad[i].type, bad[i].body);
		failed(bad[i].status, "RequestFailure", "");
	}
}
END_TEST

START_TEST(json_has_several_types)
{
	char body[MESSAGE_MAX];

	message_key_request(body, &x.wrap_public);
	ck_assert_uint_eq(post("/keys/v1/key/k", "Application/JSON ; charset=utf-8", body), 201);
	ck_assert_uint_eq(
		post("/keys/v1/key/k",
		     "application/vnd.veraison.keybroker.background-check-key-request+json", body),
		201);
}
END_TEST

START_TEST(nothing_is_at_other_paths)
{
	static const char *const paths[] = {
		"/",
		"/keys/v1/key",
		"/keys/v1/key/",
		"/keys/v1/key/a/b",
		"/keys/v1/evidence/",
		"/keys/v1/evidence/x",
		"/keys/v1/evidence/-1",
		"/keys/v1/evidence/4294967296",
		"/keys/v1/evidence/99999999999",
		"/keys/v1/evidence/1/2",
		"/keys/v2/key/skywalker",
		"*",
		"http://host",
		"//keys/v1/key/k",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(paths); i++) {
		ck_assert_msg(post(paths[i], "application/json", "{}") == 404, "%s", paths[i]);
		failed(404, "RequestFailure", "nothing at this path");
	}
	post("/keys/v1/evidence/4294967295", TYPE_EVIDENCE, "AAAA");
	refused("did not match any issued challenge");
	post("/keys/v1/evidence/0", TYPE_EVIDENCE, "AAAA");
	refused("did not match any issued challenge");
}
END_TEST

/* [RFC 9110 15.5.6] 405 comes with Allow */
START_TEST(other_methods_do_nothing)
{
	static const char *const methods[] = { "GET", "HEAD", "PUT", "post", "POSTS" };

	for (unsigned i = 0; i < ARRAY_SIZE(methods); i++) {
		snprintf(text, sizeof(text), "%s /keys/v1/key/k HTTP/1.1\r\nHost: h\r\n\r\n",
			 methods[i]);
		ck_assert_uint_eq(request(strlen(text)), 405);
		ck_assert_str_eq(a.allow, "POST");
		failed(405, "RequestFailure", "only POST");
	}
}
END_TEST

/* A name is printed: no line of the log may be somebody else's. */
START_TEST(names_without_control_characters)
{
	static const char *const names[] = { "a%0aINFO", "%1b", "%7f",	  "%00",
					     "%",	 "%g0", "%c2%9b", "%9b" };
	char name[300];

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		ck_assert_msg(request(exchange_ask(&x, text, names[i])) == 400, "%s", names[i]);
		failed(400, "RequestFailure", "the name of the key is none");
	}
	memset(name, 'n', sizeof(name));
	name[CHALLENGES_KEY_ID_MAX] = 0;
	ck_assert_uint_eq(request(exchange_ask(&x, text, name)), 404);
	name[CHALLENGES_KEY_ID_MAX - 1] = 0;
	ck_assert_uint_eq(request(exchange_ask(&x, text, name)), 201);
}
END_TEST

START_TEST(evidence_is_dumped)
{
	char dir[] = "/tmp/broker_test.XXXXXX", path[2048], file[64];
	u8 token[TOKENS_MAX];
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert(!chdir(dir));
	x.broker.dump_evidence = true;
	snprintf(path, sizeof(path), "%s", ask("skywalker"));
	snprintf(file, sizeof(file), "evidence-%u.cbor", (unsigned)atoi(strrchr(path, '/') + 1));
	ck_assert_uint_eq(prove(path), 200);
	f = fopen(file, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_gt(fread(token, 1, sizeof(token), f), 1000);
	ck_assert(token[0] == 0xd9 && token[1] == 0x01 && token[2] == 0x8f);
	fclose(f);
	ck_assert(!unlink(file));
	/* Where nothing can be written the key is given all the same. */
	ck_assert(!rmdir(dir));
	ck_assert_uint_eq(prove(ask("skywalker")), 200);
}
END_TEST

/* ---- a host in between ---- */

/*
 * It asks in its own name, for its own wrapping key, and lets the Realm prove: what the Realm's
 * client makes of the challenge is in client_test.c. Here, that evidence for the Realm's own
 * challenge is none for the other.
 */
START_TEST(evidence_is_for_one_wrapping_key)
{
	u8 thumb[WRAP_THUMBPRINT_LEN], realms[CHALLENGE_LEN];
	struct wrap_public mine = x.wrap_public;
	struct wrap_key *evil;
	char path[2048];

	ck_assert(!wrap_generate(&evil, 1024));
	ask("skywalker");
	memcpy(realms, challenge, sizeof(realms));
	ck_assert(!wrap_thumbprint(&mine, thumb));
	ck_assert_mem_eq(realms + CHALLENGE_RANDOM, thumb, sizeof(thumb));
	ck_assert(!wrap_public_of(evil, WRAP_RSA1_5, &x.wrap_public));
	snprintf(path, sizeof(path), "%s", ask("skywalker"));
	ck_assert_mem_ne(challenge + CHALLENGE_RANDOM, thumb, sizeof(thumb));
	/* as the relay would have to make it up for the Realm */
	memcpy(challenge + CHALLENGE_RANDOM, thumb, sizeof(thumb));
	prove(path);
	refused("the challenge in the Realm token is not the one that was expected");
	wrap_free(evil);
}
END_TEST

/* As many as it likes: what is asked for costs nothing of others'. */
START_TEST(a_stranger_evicts_nothing)
{
	char path[2048];
	u8 mine[CHALLENGE_LEN];

	snprintf(path, sizeof(path), "%s", ask("skywalker"));
	memcpy(mine, challenge, sizeof(mine));
	for (unsigned i = 0; i < EXCHANGE_KEPT / 4; i++) {
		const char *theirs = ask("skywalker");

		if (i % 2)
			post(theirs, TYPE_EVIDENCE, "AAAA");
	}
	memcpy(challenge, mine, sizeof(mine));
	ck_assert_uint_eq(prove(path), 200);
}
END_TEST

SUITE_MAIN_FIXTURE("broker", setup, teardown, a_realm_gets_its_key,
		   the_challenge_is_said_as_the_client_knows_it,
		   unknown_keys_are_not_told_to_everybody, names_are_decoded,
		   a_challenge_is_used_once, bad_evidence_uses_it_up,
		   a_challenge_is_good_for_its_time, evidence_for_another_challenge_is_a_replay,
		   a_forged_platform_is_refused, another_measurement_is_not_in_policy,
		   missing_reference_values_are_said, evidence_is_of_one_type,
		   large_evidence_is_refused, bad_requests_for_a_key, json_has_several_types,
		   nothing_is_at_other_paths, other_methods_do_nothing,
		   names_without_control_characters, evidence_is_dumped,
		   evidence_is_for_one_wrapping_key, a_stranger_evicts_nothing)
