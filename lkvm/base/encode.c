/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes as text, and back; numbers out of text.
 *
 * Thread: any.
 * Trust:  text is anybody's.
 * Spec:   [RFC 4648 3.5 canonical encoding, 4, 5, 8]
 */
#include "lkvm/base/encode.h"

#include <errno.h>
#include <string.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char base64_std[] = ALPHANUMERIC "+/", base64_url[] = ALPHANUMERIC "-_";
static const char hex[] = "0123456789abcdef";

char *encode_hex(char *out, size_t size, const void *p, size_t len)
{
	const u8 *in = p;

	out[0] = 0;
	if (size < HEX_SIZE(len))
		return out;
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = hex[in[i] >> 4];
		out[2 * i + 1] = hex[in[i] & 15];
	}
	out[2 * len] = 0;
	return out;
}

static char *encode_64(char *out, size_t size, const u8 *p, size_t len, const char *alphabet,
		       bool pad)
{
	char *to = out;

	out[0] = 0;
	if (size < BASE64_SIZE(len))
		return out;
	for (; len; p += 3) {
		size_t n = MIN(len, (size_t)3);
		u32 bits = (u32)p[0] << 16 | (n > 1 ? (u32)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);

		for (size_t i = 0; i <= n; i++)
			*to++ = alphabet[bits >> (18 - 6 * i) & 63];
		for (size_t i = n; pad && i < 3; i++)
			*to++ = '=';
		len -= n;
	}
	*to = 0;
	return out;
}

char *encode_base64(char *out, size_t size, const void *p, size_t len)
{
	return encode_64(out, size, p, len, base64_std, true);
}

char *encode_base64url(char *out, size_t size, const void *p, size_t len)
{
	return encode_64(out, size, p, len, base64_url, false);
}

/* -1: not in the alphabet. NUL is not, although strchr() finds it. */
static int value(const char *alphabet, char ch)
{
	const char *at = ch ? strchr(alphabet, ch) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

int decode_hex_digit(char ch)
{
	return value(hex, ch >= 'A' && ch <= 'F' ? (char)(ch - 'A' + 'a') : ch);
}

int decode_hex(void *out, size_t size, const char *s, size_t len)
{
	u8 *to = out;

	if (len % 2)
		return -EINVAL;
	if (len / 2 > size)
		return -E2BIG;
	for (size_t i = 0; i < len; i++) {
		int v = decode_hex_digit(s[i]);

		if (v < 0)
			return -EINVAL;
		to[i / 2] = (u8)(i % 2 ? to[i / 2] | v : v << 4);
	}
	return (int)(len / 2);
}

/* `len` characters without padding. */
static int decode_64(u8 *out, size_t size, const char *s, size_t len, const char *alphabet)
{
	size_t n = len * 3 / 4;
	u32 bits = 0;

	if (len % 4 == 1)
		return -EINVAL;
	if (n > size)
		return -E2BIG;
	for (size_t i = 0; i < len; i++) {
		int v = value(alphabet, s[i]);

		if (v < 0)
			return -EINVAL;
		bits = bits << 6 | (u32)v;
		if (i % 4)
			*out++ = (u8)(bits >> (6 - 2 * (i % 4)));
	}
	/* 2 characters have 4 bits more than their byte, 3 have 2 [RFC 4648 3.5]. */
	if ((len % 4 == 2 && (bits & 15)) || (len % 4 == 3 && (bits & 3)))
		return -EINVAL;
	return (int)n;
}

int decode_base64(void *out, size_t size, const char *s, size_t len)
{
	size_t pad = 0;

	if (len % 4)
		return -EINVAL;
	while (pad < 2 && pad < len && s[len - 1 - pad] == '=')
		pad++;
	return decode_64(out, size, s, len - pad, base64_std);
}

int decode_base64url(void *out, size_t size, const char *s, size_t len)
{
	return decode_64(out, size, s, len, base64_url);
}

/* ---- numbers ---- */

static bool has_0x(const char *s, size_t len)
{
	return len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') &&
	       decode_hex_digit(s[2]) >= 0;
}

/* Which base the `len` characters are written in; *skip of them say so. */
static unsigned base_of(enum number_form form, const char *s, size_t len, size_t *skip)
{
	*skip = 0;
	if (form == NUMBER_HEX)
		return 16;
	if (form == NUMBER_DEC)
		return 10;
	if (has_0x(s, len)) {
		*skip = 2;
		return 16;
	}
	return form == NUMBER_C && len && s[0] == '0' ? 8 : 10;
}

/* The digits at the start: how many characters. *over: u64 has no room for the number. */
static size_t scan(u64 *out, bool *over, enum number_form form, const char *s, size_t len)
{
	size_t skip, i;
	unsigned base = base_of(form, s, len, &skip);
	u64 v = 0;

	*over = false;
	for (i = skip; i < len; i++) {
		int digit = decode_hex_digit(s[i]);

		if (digit < 0 || (unsigned)digit >= base)
			break;
		*over |= __builtin_mul_overflow(v, base, &v);
		*over |= __builtin_add_overflow(v, (u64)digit, &v);
	}
	*out = v;
	return i;
}

int decode_number_prefix(u64 *out, u64 max, enum number_form form, const char *s, size_t len)
{
	bool over;
	u64 v;
	size_t n = scan(&v, &over, form, s, len);

	if (!n)
		return -EINVAL;
	if (over || v > max)
		return -ERANGE;
	*out = v;
	return (int)n;
}

int decode_number(u64 *out, u64 max, enum number_form form, const char *s, size_t len)
{
	bool over;
	u64 v;

	if (!len || scan(&v, &over, form, s, len) != len)
		return -EINVAL;
	if (over || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

/* ---- text ---- */

/* Bytes of the character of UTF-8 at `s` [RFC 3629 4]; 0: it is none. */
static size_t utf8_len(const u8 *s, size_t len)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (n > len || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	/* too long for what it is, a surrogate, or beyond the last one */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

void encode_safe(char *s, size_t len, const char *keep)
{
	u8 *p = (u8 *)s;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_len(p + i, len - i);
		if (n == 1 && (p[i] < ' ' || p[i] == 0x7f) && !(p[i] && strchr(keep, p[i])))
			p[i] = '?';
		else if (n == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0)
			p[i] = p[i + 1] = '?';
		else if (!n)
			p[i] = '?';
		n = n ? n : 1;
	}
}
