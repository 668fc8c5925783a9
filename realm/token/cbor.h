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
 * A place in a buffer, which is the caller's and outlives it. The first error stays: all reads
 * after it fail, too, so that a caller may read a whole structure and look at `why` once. `why`
 * says what is wrong, `at` says where. Strings that are read point into the buffer.
 */
struct cbor {
	const u8 *start, *at, *end;
	const char *why; /* NULL: no error */
};

/* At the start of buf[0..len). */
void cbor_init(struct cbor *c, const void *buf, size_t len);

/*
 * Is the buffer exactly one item: well-formed, of definite lengths, with the shortest integers,
 * texts in UTF-8, no key twice in a map? Afterwards `c` is at its start again.
 */
bool cbor_valid(struct cbor *c);

/* Read the item at the place and go behind it. False, with `why`: it is of another type. */
bool cbor_uint(struct cbor *c, u64 *out);
bool cbor_int(struct cbor *c, s64 *out);
bool cbor_bytes(struct cbor *c, const u8 **p, size_t *len);
bool cbor_text(struct cbor *c, const u8 **p, size_t *len);
bool cbor_tag(struct cbor *c, u64 *tag); /* what is tagged is the next item */

/* Read the head of an array or a map; its *nr items, or pairs of items, are the next ones. */
bool cbor_array(struct cbor *c, u64 *nr);
bool cbor_map(struct cbor *c, u64 *nr);

/* Go behind the item at the place, of whatever type, with all that is in it. */
bool cbor_skip(struct cbor *c);

/* Is the next item an integer? The place stays. */
bool cbor_at_int(const struct cbor *c);

/* Is the place at the end of the buffer? False, with `why`: something follows. */
bool cbor_end(struct cbor *c);

/*
 * The caller has found something wrong at the place: `why`, a literal, unless there is one. False.
 */
bool cbor_fail(struct cbor *c, const char *why);

/* ---- writing ---- */

/*
 * What is written, in a buffer of the caller's. When there is no more room `full` is set, and that
 * item and all that follow are dropped, so that a caller may look at `full` once.
 */
struct cbor_out {
	u8 *buf;
	size_t len, size;
	bool full;
};

/* At the start of buf[0..size). */
void cbor_out_init(struct cbor_out *o, void *buf, size_t size);
void cbor_put_int(struct cbor_out *o, s64 n);
void cbor_put_bytes(struct cbor_out *o, const void *p, size_t len);
void cbor_put_text(struct cbor_out *o, const char *s);
void cbor_put_array(struct cbor_out *o, u64 nr);
void cbor_put_map(struct cbor_out *o, u64 nr);
void cbor_put_tag(struct cbor_out *o, u64 tag);

/* Write the head of a byte string of `len` bytes, which the caller puts behind it. */
void cbor_put_bytes_head(struct cbor_out *o, u64 len);

#endif
