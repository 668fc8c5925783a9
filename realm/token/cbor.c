/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CBOR, as much of it as attestation tokens need.
 *
 * Thread: any.
 * Trust:  the bytes are anybody's; every length is checked against what is left.
 * Spec:   [RFC 8949 3 encoding, 4.2.1 core deterministic encoding]
 *
 * Of the deterministic encoding all is demanded but the order of keys, which tokens do not keep.
 */
#include "realm/token/cbor.h"

#include <string.h>

/* [RFC 8949 3.1] */
enum major { M_UINT, M_NINT, M_BYTES, M_TEXT, M_ARRAY, M_MAP, M_TAG, M_SIMPLE };

#define SIMPLE_FALSE 20u
#define SIMPLE_NULL 22u

void cbor_init(struct cbor *c, const void *buf, size_t len)
{
	const u8 *p = buf;

	*c = (struct cbor){ .start = p, .at = p, .end = p + len };
}

bool cbor_fail(struct cbor *c, const char *why)
{
	if (!c->why)
		c->why = why;
	return false;
}

static size_t left(const struct cbor *c)
{
	return (size_t)(c->end - c->at);
}

/* ---- heads ---- */

struct head {
	enum major major;
	u8 info; /* the low five bits of the first byte */
	u64 arg;
	u8 len; /* bytes of the head */
};

/* The head at the place, without moving. [RFC 8949 3, 4.2.1: the shortest form] */
static bool peek(struct cbor *c, struct head *h)
{
	unsigned extra;

	if (c->why)
		return false;
	if (!left(c))
		return cbor_fail(c, "ends in the middle");
	h->major = (enum major)(*c->at >> 5);
	h->info = *c->at & 31;
	h->arg = h->info;
	h->len = 1;
	if (h->info < 24)
		return true;
	if (h->info == 31)
		return cbor_fail(c, "has an indefinite length");
	if (h->info > 27)
		return cbor_fail(c, "is not well-formed");
	extra = 1u << (h->info - 24);
	if (left(c) - 1 < extra)
		return cbor_fail(c, "ends in the middle");
	h->arg = 0;
	for (unsigned i = 0; i < extra; i++)
		h->arg = h->arg << 8 | c->at[1 + i];
	h->len = (u8)(1 + extra);
	if (h->major == M_SIMPLE)
		return true; /* the argument is no number */
	if (h->arg < 24 || (extra > 1 && h->arg >> (4 * extra) == 0))
		return cbor_fail(c, "is not in its shortest form");
	return true;
}

static bool take(struct cbor *c, enum major major, const char *otherwise, u64 *arg)
{
	struct head h = { 0 };

	if (!peek(c, &h))
		return false;
	if (h.major != major)
		return cbor_fail(c, otherwise);
	c->at += h.len;
	*arg = h.arg;
	return true;
}

/* ---- items ---- */

bool cbor_uint(struct cbor *c, u64 *out)
{
	return take(c, M_UINT, "is not an unsigned integer", out);
}

bool cbor_at_int(const struct cbor *c)
{
	return !c->why && left(c) && *c->at >> 5 <= M_NINT;
}

bool cbor_int(struct cbor *c, s64 *out)
{
	struct head h = { 0 };

	if (!peek(c, &h))
		return false;
	if (h.major > M_NINT)
		return cbor_fail(c, "is not an integer");
	if (h.arg > INT64_MAX)
		return cbor_fail(c, "is an integer out of range");
	c->at += h.len;
	*out = h.major == M_UINT ? (s64)h.arg : -1 - (s64)h.arg;
	return true;
}

/* The content of a string whose head has been taken; the place is behind it then. */
static bool content(struct cbor *c, u64 n, const u8 **p, size_t *len)
{
	if (n > left(c))
		return cbor_fail(c, "is a string that ends in the middle");
	*p = c->at;
	*len = (size_t)n;
	c->at += n;
	return true;
}

bool cbor_bytes(struct cbor *c, const u8 **p, size_t *len)
{
	u64 n = 0;

	return take(c, M_BYTES, "is not a byte string", &n) && content(c, n, p, len);
}

/* Length of the character at p [RFC 3629 4]; 0 if it is none. */
static size_t utf8_char(const u8 *p, size_t len)
{
	static const u32 lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = *p < 0x80   ? 1
		   : *p < 0xc0 ? 0
		   : *p < 0xe0 ? 2
		   : *p < 0xf0 ? 3
		   : *p < 0xf8 ? 4
			       : 0;
	u32 ch;

	if (n <= 1 || n > len)
		return n == 1;
	ch = *p & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		ch = ch << 6 | (p[i] & 0x3fu);
	}
	return ch < lowest[n] || ch > 0x10ffff || ch >> 11 == 0xd800 >> 11 ? 0 : n;
}

bool cbor_text(struct cbor *c, const u8 **p, size_t *len)
{
	u64 n = 0;

	*len = 0;
	if (!take(c, M_TEXT, "is not a text", &n) || !content(c, n, p, len))
		return false;
	for (size_t i = 0, step; i < *len; i += step) {
		step = utf8_char(*p + i, *len - i);
		if (!step)
			return cbor_fail(c, "is a text that is not UTF-8");
	}
	return true;
}

bool cbor_tag(struct cbor *c, u64 *tag)
{
	return take(c, M_TAG, "has no tag", tag);
}

/* An item has at least one byte, which bounds what a caller loops over. */
bool cbor_array(struct cbor *c, u64 *nr)
{
	if (!take(c, M_ARRAY, "is not an array", nr))
		return false;
	return *nr <= left(c) || cbor_fail(c, "is an array that ends in the middle");
}

bool cbor_map(struct cbor *c, u64 *nr)
{
	if (!take(c, M_MAP, "is not a map", nr))
		return false;
	return *nr <= left(c) / 2 || cbor_fail(c, "is a map that ends in the middle");
}

bool cbor_end(struct cbor *c)
{
	return !c->why && (!left(c) || cbor_fail(c, "is followed by something"));
}

/*
 * ---- whole items ----
 *
 * NOLINTBEGIN(misc-no-recursion): they nest, at most CBOR_MAX_DEPTH deep.
 */

static bool item(struct cbor *c, unsigned depth);

static bool array_items(struct cbor *c, unsigned depth)
{
	u64 nr = 0;

	if (!cbor_array(c, &nr))
		return false;
	while (nr--) {
		if (!item(c, depth + 1))
			return false;
	}
	return true;
}

/* [RFC 8949 5.6] a key twice makes a map invalid. Equal keys in shortest form are equal bytes. */
static bool map_pairs(struct cbor *c, unsigned depth)
{
	const u8 *keys[CBOR_MAX_PAIRS];
	size_t lens[CBOR_MAX_PAIRS];
	u64 nr = 0;

	if (!cbor_map(c, &nr))
		return false;
	if (nr > CBOR_MAX_PAIRS)
		return cbor_fail(c, "is a map with too many entries");
	for (unsigned i = 0; i < nr; i++) {
		keys[i] = c->at;
		if (!item(c, depth + 1))
			return false;
		lens[i] = (size_t)(c->at - keys[i]);
		for (unsigned j = 0; j < i; j++) {
			if (lens[j] == lens[i] && !memcmp(keys[j], keys[i], lens[i])) {
				c->at = keys[i];
				return cbor_fail(c, "is a key for the second time in a map");
			}
		}
		if (!item(c, depth + 1))
			return false;
	}
	return true;
}

static bool item(struct cbor *c, unsigned depth)
{
	struct head h = { 0 };
	const u8 *p;
	size_t len;
	u64 n = 0;

	if (!peek(c, &h))
		return false;
	if (depth == CBOR_MAX_DEPTH)
		return cbor_fail(c, "is nested too deeply");
	switch (h.major) {
	case M_UINT:
	case M_NINT:
		c->at += h.len;
		return true;
	case M_BYTES:
		return cbor_bytes(c, &p, &len);
	case M_TEXT:
		return cbor_text(c, &p, &len);
	case M_ARRAY:
		return array_items(c, depth);
	case M_MAP:
		return map_pairs(c, depth);
	case M_TAG:
		return cbor_tag(c, &n) && item(c, depth + 1);
	case M_SIMPLE:
		if (h.info < SIMPLE_FALSE || h.info > SIMPLE_NULL)
			return cbor_fail(c, "is of a type that tokens do not have");
		c->at += h.len;
		return true;
	}
	return false;
}

/* NOLINTEND(misc-no-recursion) */

bool cbor_skip(struct cbor *c)
{
	return item(c, 0);
}

bool cbor_valid(struct cbor *c)
{
	c->at = c->start;
	if (!cbor_skip(c) || !cbor_end(c))
		return false;
	c->at = c->start;
	return true;
}

/* ---- writing ---- */

void cbor_out_init(struct cbor_out *o, void *buf, size_t size)
{
	*o = (struct cbor_out){ .buf = buf, .size = size };
}

static void put(struct cbor_out *o, const void *p, size_t len)
{
	if (o->full || len > o->size - o->len) {
		o->full = true;
		return;
	}
	if (len)
		memcpy(o->buf + o->len, p, len);
	o->len += len;
}

static void put_head(struct cbor_out *o, enum major major, u64 arg)
{
	unsigned extra = arg < 24	     ? 0
			 : arg <= UINT8_MAX  ? 1
			 : arg <= UINT16_MAX ? 2
			 : arg <= UINT32_MAX ? 4
					     : 8;
	static const u8 info[] = { [1] = 24, [2] = 25, [4] = 26, [8] = 27 };
	u8 head[9] = { (u8)((u8)major << 5 | (extra ? info[extra] : (u8)arg)) };

	for (unsigned i = 0; i < extra; i++)
		head[1 + i] = (u8)(arg >> 8 * (extra - 1 - i));
	put(o, head, 1 + extra);
}

void cbor_put_int(struct cbor_out *o, s64 n)
{
	put_head(o, n < 0 ? M_NINT : M_UINT, n < 0 ? (u64)(-1 - n) : (u64)n);
}

void cbor_put_bytes_head(struct cbor_out *o, u64 len)
{
	put_head(o, M_BYTES, len);
}

void cbor_put_bytes(struct cbor_out *o, const void *p, size_t len)
{
	put_head(o, M_BYTES, len);
	put(o, p, len);
}

void cbor_put_text(struct cbor_out *o, const char *s)
{
	size_t len = strlen(s);

	put_head(o, M_TEXT, len);
	put(o, s, len);
}

void cbor_put_array(struct cbor_out *o, u64 nr)
{
	put_head(o, M_ARRAY, nr);
}

void cbor_put_map(struct cbor_out *o, u64 nr)
{
	put_head(o, M_MAP, nr);
}

void cbor_put_tag(struct cbor_out *o, u64 tag)
{
	put_head(o, M_TAG, tag);
}
