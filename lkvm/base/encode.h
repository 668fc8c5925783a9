/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes as text: hexadecimal, and base64 in both alphabets [RFC 4648 4, 5, 8]. Numbers that people
 * write. Any thread.
 */
#ifndef LKVM_ENCODE_H
#define LKVM_ENCODE_H

#include "lkvm/base/util.h"

/* With the final NUL. */
#define HEX_SIZE(len) (2 * (len) + 1)
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

/* Write at most `size` bytes with the final NUL, all of it or an empty string. Returns `out`. */
char *encode_hex(char *out, size_t size, const void *p, size_t len);
char *encode_base64(char *out, size_t size, const void *p, size_t len);	   /* padded */
char *encode_base64url(char *out, size_t size, const void *p, size_t len); /* not padded */

/*
 * Read `len` characters, all of which have to belong to it; base64 with its padding, base64url
 * without; unused bits of the last character are 0. Returns the number of bytes; -EINVAL, or -E2BIG
 * for more than `size`.
 */
int decode_hex(void *out, size_t size, const char *s, size_t len);
int decode_base64(void *out, size_t size, const char *s, size_t len);
int decode_base64url(void *out, size_t size, const char *s, size_t len);

/* The value of a hexadecimal digit, or -1. */
int decode_hex_digit(char ch);

/* How a number may be written: in digits alone, without blanks or a sign. */
enum number_form {
	NUMBER_DEC,    /* decimal; 010 is ten */
	NUMBER_HEX,    /* hexadecimal, without 0x */
	NUMBER_DEC_0X, /* decimal, or hexadecimal with 0x */
	NUMBER_C,      /* as in C: these, or octal with 0 */
};

/*
 * The number that the `len` characters are. 0; -EINVAL: not all of them belong to one; -ERANGE: it
 * is above `max`. *out changes only with 0.
 */
int decode_number(u64 *out, u64 max, enum number_form form, const char *s, size_t len);

/*
 * The number that the `len` characters begin with. Returns how many of them it has; -EINVAL: none;
 * -ERANGE as above.
 */
int decode_number_prefix(u64 *out, u64 max, enum number_form form, const char *s, size_t len);

#endif
