/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trust anchors: a public key from JWK or PEM, and as JWK.
 *
 * Thread: any.
 * Trust:  the file is the user's, but may come from anybody; jansson parses the JSON.
 * Spec:   [RFC 7517 4], [RFC 7518 6.2.1 EC keys], [RFC 7468 13 PEM]
 */
#include "realm/token/anchor.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"

#define EC_NR_CURVES (EC_P521 + 1u)

__attribute__((format(printf, 3, 4))) static int complain(char *why, size_t len, const char *fmt,
							  ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, len, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- JWK ---- */

static const char *member(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

/* [RFC 7518 6.2.1.2] as many bytes as the curve's coordinates have, leading zeros included */
static bool coordinate(const json_t *jwk, const char *name, u8 *out, size_t len)
{
	const char *s = member(jwk, name);

	return decode_base64url(out, len, s, strlen(s)) == (int)len;
}

static int parse_jwk(struct ec_public *out, const json_t *jwk, char *why, size_t why_len)
{
	const char *crv = member(jwk, "crv");
	int err;

	if (strcmp(member(jwk, "kty"), "EC"))
		return complain(why, why_len, "is not a JWK of the type (kty) EC");
	memset(out, 0, sizeof(*out));
	for (unsigned i = EC_P256; i < EC_NR_CURVES; i++) {
		if (!strcmp(crv, ec_curve_name((enum ec_curve)i)))
			out->curve = (enum ec_curve)i;
	}
	if (!out->curve)
		return complain(why, why_len,
				"is not a JWK on the curve (crv) P-256, P-384 or P-521");
	for (unsigned i = 0; i < 2; i++) {
		const char *name = i ? "y" : "x";

		if (!coordinate(jwk, name, i ? out->y : out->x, ec_coord_len(out->curve)))
			return complain(why, why_len,
					"is a JWK whose %s is not the base64url of %zu bytes", name,
					ec_coord_len(out->curve));
	}
	err = ec_check(out);
	if (err == -EINVAL)
		complain(why, why_len, "is a JWK whose x and y are no point of its curve");
	else if (err)
		complain(why, why_len, "cannot be checked: %s", strerror(-err));
	return err;
}

/*
 * The key itself, or in a list with one entry: a JWK set has them under "keys", Veraison's store of
 * trust anchors is an array whose entries have it as "pkey".
 */
static const json_t *find_jwk(const json_t *root)
{
	const json_t *keys = json_object_get(root, "keys"), *list = keys ? keys : root;
	const json_t *pkey;

	if (json_is_array(list)) {
		if (json_array_size(list) != 1)
			return NULL;
		root = json_array_get(list, 0);
	}
	pkey = json_object_get(root, "pkey");
	return pkey ? pkey : root;
}

static int parse_json(struct ec_public *out, const char *text, size_t len, char *why,
		      size_t why_len)
{
	json_error_t err;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &err);
	const json_t *jwk;
	int ret;

	if (!root)
		return complain(why, why_len, "is neither PEM nor JSON: %s (line %d)", err.text,
				err.line);
	jwk = find_jwk(root);
	if (jwk)
		ret = parse_jwk(out, jwk, why, why_len);
	else
		ret = complain(why, why_len, "is a list of trust anchors that has not just one");
	json_decref(root);
	return ret;
}

int anchor_parse(struct ec_public *out, const char *text, size_t len, char *why, size_t why_len)
{
	int err;

	if (!memmem(text, len, "-----BEGIN ", 11))
		return parse_json(out, text, len, why, why_len);
	err = ec_read_public(out, text, len);
	if (err == -EINVAL)
		complain(why, why_len, "is not the PEM of a public key on P-256, P-384 or P-521");
	else if (err)
		complain(why, why_len, "cannot be read: %s", strerror(-err));
	return err;
}

json_t *anchor_jwk(const struct ec_public *key)
{
	size_t len = ec_coord_len(key->curve);
	char x[BASE64_SIZE(EC_COORD_MAX)], y[BASE64_SIZE(EC_COORD_MAX)];

	return json_pack("{s:s, s:s, s:s, s:s}", "kty", "EC", "crv", ec_curve_name(key->curve), "x",
			 encode_base64url(x, sizeof(x), key->x, len), "y",
			 encode_base64url(y, sizeof(y), key->y, len));
}

int anchor_print_jwk(const struct ec_public *key, char *buf, size_t size)
{
	json_t *jwk = anchor_jwk(key);
	size_t n = jwk ? json_dumpb(jwk, buf, size - 2, JSON_COMPACT) : 0;

	json_decref(jwk);
	if (!n || n > size - 2)
		return -ENOMEM;
	memcpy(buf + n, "\n", 2);
	return (int)n + 1;
}

/* ---- files ---- */

int anchor_load(struct ec_public *out, const char *path)
{
	char text[ANCHOR_MAX_LEN + 1], why[200];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;
	int err;

	if (fd < 0)
		return log_errno(-errno, "cannot open the trust anchor %s", path);
	while (len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) > 0)
		len += (size_t)n;
	err = n < 0 ? -errno : 0;
	close(fd);
	if (err)
		return log_errno(err, "cannot read the trust anchor %s", path);
	if (len > ANCHOR_MAX_LEN) {
		log_error("the trust anchor %s is longer than 16 KiB", path);
		return -EFBIG;
	}
	err = anchor_parse(out, text, len, why, sizeof(why));
	if (err)
		log_error("the trust anchor %s %s", path, why);
	return err;
}
