/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The protocol's JSON, by jansson.
 *
 * Thread: any.
 * Trust:  what is read is the peer's: at most MESSAGE_MAX bytes, no member twice, every string
 *         checked for what it has to be.
 * Spec:   [RFC 8259], [RFC 7517], keys.yaml of veraison/keybroker-demo
 */
#include "guest/keybroker/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lkvm/base/encode.h"

/* ---- writing ---- */

/* Takes `root`. A string that is not UTF-8 makes it NULL: what we write is, but a copied text. */
static int print(char *out, json_t *root)
{
	size_t n = root ? json_dumpb(root, out, MESSAGE_MAX - 1, JSON_COMPACT) : 0;

	json_decref(root);
	if (n >= MESSAGE_MAX)
		n = 0;
	out[n] = 0;
	return (int)n;
}

int message_key_request(char *out, const struct wrap_public *key)
{
	char n[BASE64_SIZE(WRAP_MAX_LEN)], e[BASE64_SIZE(WRAP_MAX_EXPONENT)];

	encode_base64url(n, sizeof(n), key->n, key->n_len);
	encode_base64url(e, sizeof(e), key->e, key->e_len);
	return print(out, json_pack("{s{ssssssss}}", "pubkey", "kty", "RSA", "alg",
				    wrap_alg_name(key->alg), "n", n, "e", e));
}

int message_challenge(char *out, const u8 challenge[CHALLENGE_LEN])
{
	char text[BASE64_SIZE(CHALLENGE_LEN)];

	encode_base64url(text, sizeof(text), challenge, CHALLENGE_LEN);
	return print(out, json_pack("{sss[s]}", "challenge", text, "accept", TYPE_ACCEPT));
}

int message_wrapped_key(char *out, const u8 *data, size_t len)
{
	char text[BASE64_SIZE(WRAP_MAX_LEN)];

	encode_base64url(text, sizeof(text), data, len);
	return print(out, json_pack("{ss}", "data", text));
}

int message_failure(char *out, const char *type, const char *detail)
{
	return print(out, json_pack("{ssss}", "type", type, "detail", detail));
}

/* ---- reading ---- */

static int refuse(const char **why, const char *reason)
{
	*why = reason;
	return -EINVAL;
}

/* An object, to be released; NULL with *why. */
static json_t *parse(const char *s, size_t len, const char **why)
{
	json_t *root;

	if (len >= MESSAGE_MAX) {
		*why = "the JSON is too long";
		return NULL;
	}
	root = json_loadb(s, len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(root))
		return root;
	*why = root ? "not a JSON object" : "not JSON";
	json_decref(root);
	return NULL;
}

/* Bytes of a member that is base64url; -EINVAL when it is missing, or none, or longer. */
static int get_bytes(const json_t *object, const char *name, u8 *out, size_t size)
{
	const json_t *member = json_object_get(object, name);

	if (!json_is_string(member))
		return -EINVAL;
	return decode_base64url(out, size, json_string_value(member), json_string_length(member));
}

static bool is_text(const json_t *object, const char *name, const char *value)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s && !strcmp(s, value);
}

static int read_key(struct wrap_public *out, const json_t *key, const char **why)
{
	const char *alg = json_string_value(json_object_get(key, "alg"));
	int n = get_bytes(key, "n", out->n, sizeof(out->n));
	int e = get_bytes(key, "e", out->e, sizeof(out->e));

	if (!is_text(key, "kty", "RSA"))
		return refuse(why,
			      "The wrapping key type is not supported. Wrapping key must be an "
			      "RSA key.");
	if (!alg || wrap_alg_by_name(&out->alg, alg))
		return refuse(why, "The wrapping key encryption algorithm is not supported.");
	if (n < 0 || e < 0)
		return refuse(why, "pubkey has no n or e in base64url of at most 4096 or 64 bits");
	out->n_len = (size_t)n;
	out->e_len = (size_t)e;
	*why = wrap_refuses(out);
	return *why ? -EINVAL : 0;
}

int message_read_key_request(struct wrap_public *out, const char *s, size_t len, const char **why)
{
	json_t *root = parse(s, len, why);
	int err = -EINVAL;

	if (root)
		err = read_key(out, json_object_get(root, "pubkey"), why);
	json_decref(root);
	return err;
}

int message_read_challenge(u8 out[CHALLENGE_LEN], const char *s, size_t len, const char **why)
{
	json_t *root = parse(s, len, why);
	int n = root ? get_bytes(root, "challenge", out, CHALLENGE_LEN) : -EINVAL;

	if (root && n != (int)CHALLENGE_LEN)
		*why = "\"challenge\" is not 64 bytes in base64url";
	json_decref(root);
	return n == (int)CHALLENGE_LEN ? 0 : -EINVAL;
}

int message_read_wrapped_key(u8 *out, size_t size, const char *s, size_t len, const char **why)
{
	json_t *root = parse(s, len, why);
	int n = root ? get_bytes(root, "data", out, size) : -EINVAL;

	if (root && n < 0)
		*why = "\"data\" is not the bytes of a wrapped key in base64url";
	json_decref(root);
	return n < 0 ? -EINVAL : n;
}

int message_read_failure(struct failure *out, const char *s, size_t len, const char **why)
{
	json_t *root = parse(s, len, why);
	const char *type = json_string_value(json_object_get(root, "type"));
	const char *detail = json_string_value(json_object_get(root, "detail"));
	int err = type && detail ? 0 : -EINVAL;

	if (!err) {
		snprintf(out->type, sizeof(out->type), "%s", type);
		snprintf(out->detail, sizeof(out->detail), "%s", detail);
		encode_safe(out->type, strlen(out->type), "");
		encode_safe(out->detail, strlen(out->detail), "");
	} else if (root) {
		*why = "\"type\" and \"detail\" are missing";
	}
	json_decref(root);
	return err;
}
