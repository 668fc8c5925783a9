/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of CBOR [RFC 8949] that attestation tokens are made of: integers, byte and text strings,
 * arrays, maps, tags, true, false and null, all of definite length and in their shortest form. No
 * allocation, no recursion deeper than CBOR_MAX_DEPTH; strings are not copied. Any thread.
 */
#ifndef REALM_CBOR_H
#define REALM_CBOR_H

#include "lkvm/base/util.h"

#define CBOR_MAX_DEPTH 8u
#define CBOR_MAX_PAIRS 64u /* of one map */

/*
 * A place in a buffer. The first error stays: what is read after it fails too, so a caller may read
 * a whole structure and look at `why` once. `why` says what is wrong, `at` says where.
 */
struct cbor {
	const u8 *start, *at, *end;
	const char *why; /* NULL: no error */
};

void cbor_init(struct cbor *c, const void *buf, size_t len);

/*
 * Is the buffer exactly one item: well-formed, of definite lengths, with the shortest integers,
 * texts in UTF-8, no key twice in a map? Afterwards `c` is at its start again.
 */
bool cbor_valid(struct cbor *c);

/* Read the item at the place and go behind it. False, with why, if it is of another type. */
bool cbor_uint(struct cbor *c, u64 *out);
bool cbor_int(struct cbor *c, s64 *out);
bool cbor_bytes(struct cbor *c, const u8 **p, size_t *len);
bool cbor_text(struct cbor *c, const u8 **p, size_t *len);
bool cbor_tag(struct cbor *c, u64 *tag); /* the item it is a tag of is the next */

/* The items, or the pairs, are the next ones. */
bool cbor_array(struct cbor *c, u64 *nr);
bool cbor_map(struct cbor *c, u64 *nr);

/* Go behind an item of any type. */
bool cbor_skip(struct cbor *c);

/* Is the next item an integer? Does not move. */
bool cbor_at_int(const struct cbor *c);

/* There is nothing more. */
bool cbor_end(struct cbor *c);

/* The caller found something wrong here. Keeps the first complaint; returns false. */
bool cbor_fail(struct cbor *c, const char *why);

/* ---- writing ---- */

/* Like the above: when there is no more room, `full` says so, and what follows is dropped. */
struct cbor_out {
	u8 *buf;
	size_t len, size;
	bool full;
};

void cbor_out_init(struct cbor_out *o, void *buf, size_t size);
void cbor_put_int(struct cbor_out *o, s64 n);
void cbor_put_bytes(struct cbor_out *o, const void *p, size_t len);
void cbor_put_text(struct cbor_out *o, const char *s);
void cbor_put_array(struct cbor_out *o, u64 nr);
void cbor_put_map(struct cbor_out *o, u64 nr);
void cbor_put_tag(struct cbor_out *o, u64 tag);

/* The first bytes of a byte string of `len` bytes, which come from elsewhere. */
void cbor_put_bytes_head(struct cbor_out *o, u64 len);

#endif
