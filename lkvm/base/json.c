/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON documents.
 *
 * Thread: any.
 * Trust:  any bytes come out as a string.
 * Spec:   RFC 8259
 */
#include "lkvm/base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/log.h"

/* jansson prints real numbers with 17 digits otherwise, and 12.345 is not 12.345 any more. */
#define REAL_DIGITS 15

json_t *json_text(const char *s)
{
	json_t *text = json_string(s);
	char *ascii;

	if (text)
		return text;
	ascii = strdup(s);
	for (char *p = ascii; p && *p; p++) {
		if ((unsigned char)*p > 0x7f)
			*p = '?';
	}
	text = json_string(ascii);
	free(ascii);
	return text;
}

/* Something was not put into `*into`, although it ought to be there. */
static void spoil(json_t **into)
{
	json_decref(*into);
	*into = NULL;
}

void json_add(json_t **object, const char *key, json_t *value)
{
	if (json_object_set_new(*object, key, value))
		spoil(object);
}

void json_append(json_t **array, json_t *value)
{
	if (json_array_append_new(*array, value))
		spoil(array);
}

int json_print(json_t *document, unsigned indent)
{
	size_t flags = JSON_INDENT(indent) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(REAL_DIGITS);
	int err = 0;

	if (!document)
		return log_errno(-ENOMEM, "cannot print the JSON document");
	if (json_dumpf(document, stdout, flags) || putchar('\n') == EOF || fflush(stdout))
		err = log_errno(-errno, "cannot write to standard output");
	json_decref(document);
	/* It has been said, and need not be said again when the process ends. */
	if (err)
		clearerr(stdout);
	return err;
}
