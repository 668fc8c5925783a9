/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trust anchors as people keep them in files: the public key of a platform as JWK or PEM. Any
 * thread.
 */
#ifndef REALM_ANCHOR_H
#define REALM_ANCHOR_H

#include "realm/token/ec.h"

#define ANCHOR_MAX_LEN 16384u
#define ANCHOR_JWK_MAX 512u

/*
 * The public key in text[0..len): PEM, a JWK [RFC 7517], or the trust anchor list of Veraison with
 * one entry. 0, or -errno of ec_read_public() with the reason in why[0..why_len); -EINVAL: there is
 * no such key.
 */
int anchor_parse(struct ec_public *out, const char *text, size_t len, char *why, size_t why_len);

/* The same from a file of at most ANCHOR_MAX_LEN bytes. 0, or -errno after one log_error() line. */
int anchor_load(struct ec_public *out, const char *path);

/* A new jansson object, the JWK of the key, for the caller to release; NULL: no memory. */
struct json_t *anchor_jwk(const struct ec_public *key);

/*
 * Write the JWK to `buf` with a final newline and a NUL; ANCHOR_JWK_MAX bytes are enough. Returns
 * the length without the NUL, or -ENOMEM: no memory, or `size` is too small.
 */
int anchor_print_jwk(const struct ec_public *key, char *buf, size_t size);

#endif
