/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fields of an option's argument.
 *
 * Thread: any.
 * Trust:  the user's own command line.
 */
#include "lkvm/base/fields.h"

#include <errno.h>
#include <string.h>

int field_next(const char **p, char *buf, size_t size)
{
	size_t n = 0;
	int more = 0;

	for (; **p; (*p)++) {
		if (**p == ',') {
			(*p)++;
			more = **p != ',';
		}
		if (more)
			break;
		if (n + 1 >= size)
			return -E2BIG;
		buf[n++] = **p;
	}
	buf[n] = '\0';
	return more;
}

const char *field_value(const char *field, const char *key)
{
	size_t n = strlen(key);

	return strncmp(field, key, n) == 0 && field[n] == '=' ? field + n + 1 : NULL;
}
