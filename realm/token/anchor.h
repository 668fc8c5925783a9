/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trust anchors as people keep them in files: the public key of a platform as JWK or PEM. */
#ifndef REALM_ANCHOR_H
#define REALM_ANCHOR_H

#include "realm/token/ec.h"

#define ANCHOR_MAX_LEN 16384u
#define ANCHOR_JWK_MAX 512u

/*
 * A public key from the text of a file: PEM, a JWK [RFC 7517], or the trust anchor list of Veraison
 * with one entry. 0, or -EINVAL with the reason in `why`.
 */
int anchor_parse(struct ec_public *out, const char *text, size_t len, char *why, size_t why_len);

/* The same from a file. 0, or -errno after one log_error() line. */
int anchor_load(struct ec_public *out, const char *path);

/* The JWK of a key, of jansson's; NULL: no memory. */
struct json_t *anchor_jwk(const struct ec_public *key);

/*
 * The same as text of at most ANCHOR_JWK_MAX bytes, with a final newline and a NUL. Returns its
 * length, or -ENOMEM.
 */
int anchor_print_jwk(const struct ec_public *key, char *buf, size_t size);

#endif
