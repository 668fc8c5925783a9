/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes as text: hexadecimal, and base64 in both alphabets [RFC 4648 4, 5, 8]. Numbers that people
 * write. Text of others, made harmless.
 *
 * Any thread; there is no state. All buffers are the caller's, and nothing is kept of them.
 */
#ifndef LKVM_ENCODE_H
#define LKVM_ENCODE_H

#include "lkvm/base/util.h"

/* Bytes that the text of `len` bytes needs, with the final NUL. */
#define HEX_SIZE(len) (2 * (len) + 1)
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

/*
 * Write the text of p[0..len) and a final NUL to `out`, which has `size` bytes (1 at least); an
 * empty string if that is not enough. Returns `out`.
 */
char *encode_hex(char *out, size_t size, const void *p, size_t len);
char *encode_base64(char *out, size_t size, const void *p, size_t len);	   /* padded */
char *encode_base64url(char *out, size_t size, const void *p, size_t len); /* not padded */

/*
 * Read s[0..len), which need not end in a NUL, to `out`. Each character has to belong to the text:
 * hexadecimal digits come in pairs, base64 has its padding, base64url has none. The unused bits of
 * the last character have to be 0 [RFC 4648 3.5]. Returns the number of bytes, which is at most
 * `size`; -EINVAL: not such a text; -E2BIG: more bytes than `size`. After an error `out` may have
 * been written to.
 */
int decode_hex(void *out, size_t size, const char *s, size_t len);
int decode_base64(void *out, size_t size, const char *s, size_t len);
int decode_base64url(void *out, size_t size, const char *s, size_t len);

/* The value of a hexadecimal digit in either case, 0 to 15; -1 for any other character. */
int decode_hex_digit(char ch);

/* How a number may be written: in digits alone, without blanks or a sign. */
enum number_form {
	NUMBER_DEC,    /* decimal; 010 is ten */
	NUMBER_HEX,    /* hexadecimal, without 0x */
	NUMBER_DEC_0X, /* decimal, or hexadecimal with 0x */
	NUMBER_C,      /* as in C: these, or octal with 0 */
};

/*
 * The number that s[0..len) is. 0; -EINVAL: not all of the characters belong to a number, or there
 * are none; -ERANGE: the number is above `max`. After an error *out is what it was.
 */
int decode_number(u64 *out, u64 max, enum number_form form, const char *s, size_t len);

/*
 * The number that s[0..len) begins with. Returns how many characters it has; -EINVAL: there is no
 * digit at the start; -ERANGE: the number is above `max`. After an error *out is what it was.
 */
int decode_number_prefix(u64 *out, u64 max, enum number_form form, const char *s, size_t len);

/*
 * Put '?' in the place of each byte of s[0..len) that a terminal could take for an order: control
 * characters (U+0000 to 1f, U+007f to 9f) except those in `keep`, and what is not UTF-8, since a
 * terminal of one byte a character reads 0x9b as an escape, too.
 */
void encode_safe(char *s, size_t len, const char *keep);

#endif
