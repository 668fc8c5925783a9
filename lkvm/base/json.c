/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A string of JSON.
 *
 * Thread: any.
 * Trust:  none needed: any bytes come out as a string.
 * Spec:   RFC 8259 7
 */
#include "lkvm/base/json.h"

void json_print_string(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch == '"' || ch == '\\')
			fprintf(f, "\\%c", ch);
		else if (ch < 0x20 || ch == 0x7f)
			fprintf(f, "\\u%04x", ch);
		else
			putc(ch, f);
	}
	putc('"', f);
}
