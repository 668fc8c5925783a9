/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Escapes, in and out.
 *
 * Thread: any.
 * Trust:  what is printed of a guest goes to terminals, logs and parsers: nothing of it gets there
 *         that they would act on.
 * Spec:   XML 1.0 (5th edition) 2.2 Char; Unicode 15 table 3-7 (well-formed UTF-8)
 */
#include "lkvm/watch/text.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/encode.h"

int text_unescape(char *to, const char *s)
{
	char *begin = to;

	for (; *s; s++) {
		u8 byte;

		if (*s != '\\') {
			*to++ = *s;
			continue;
		}
		switch (*++s) {
		case 'n':
			*to++ = '\n';
			break;
		case 'r':
			*to++ = '\r';
			break;
		case 't':
			*to++ = '\t';
			break;
		case 'e':
			*to++ = '\033';
			break;
		case '\\':
			*to++ = '\\';
			break;
		case 'x':
			if (strlen(s) < 3 || decode_hex(&byte, 1, s + 1, 2) != 1)
				return -EINVAL;
			*to++ = (char)byte;
			s += 2;
			break;
		default:
			return -EINVAL;
		}
	}
	return (int)(to - begin);
}

const char *text_plain(char *to, size_t size, const char *s)
{
	size_t n = 0;

	for (; *s && n + 5 <= size; s++) {
		if (*s >= 0x20 && *s < 0x7f)
			to[n++] = *s;
		else
			n += (size_t)snprintf(to + n, size - n, "\\x%02x", (u8)*s);
	}
	to[n] = 0;
	return to;
}

/* How many bytes at `s` are one well-formed character that XML allows; 0: none are. */
static unsigned xml_char(const u8 *s)
{
	unsigned len = *s < 0x80		 ? 1
		       : *s >= 0xc2 && *s < 0xe0 ? 2
		       : *s >= 0xe0 && *s < 0xf0 ? 3
						 : 4;
	u32 c = len == 1 ? *s : *s & (0x7fu >> len);

	if (len == 1)
		return c >= 0x20 ? c != 0x7f : c == '\t' || c == '\n';
	if (*s < 0xc2 || *s > 0xf4)
		return 0;
	for (unsigned i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	/* Longer than need be; C1 controls; surrogates; no characters; beyond Unicode. */
	if ((len == 3 && c < 0x800) || (len == 4 && c < 0x10000) || (c >= 0x80 && c < 0xa0) ||
	    (c >= 0xd800 && c < 0xe000) || c == 0xfffe || c == 0xffff || c > 0x10ffff)
		return 0;
	return len;
}

void text_xml(FILE *f, const char *s)
{
	while (*s) {
		unsigned len = xml_char((const u8 *)s);

		if (*s == '&')
			fputs("&amp;", f);
		else if (*s == '<')
			fputs("&lt;", f);
		else if (*s == '>')
			fputs("&gt;", f);
		else if (*s == '"')
			fputs("&quot;", f);
		else if (len)
			fwrite(s, 1, len, f);
		else
			fprintf(f, "\\x%02x", (u8)*s);
		s += MAX(len, 1u);
	}
}
