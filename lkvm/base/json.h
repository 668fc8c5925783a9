/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON for programs to read: documents that are built with jansson, then printed. A document
 * belongs to one thread.
 *
 * There is one error while a document is built: no memory. NULL stands for it. Whatever NULL is put
 * into is released and becomes NULL, so only the result of json_print() has to be looked at.
 */
#ifndef LKVM_JSON_H
#define LKVM_JSON_H

#include <jansson.h>

/*
 * A new string with a copy of `s`, for the caller to release or to put somewhere. If `s` is not
 * UTF-8, which only the name of a file can be, it has question marks for its bytes beyond ASCII.
 */
json_t *json_text(const char *s);

/*
 * Put `value` behind what is in the object (or array). `value` is the object's from then on, also
 * after an error.
 */
void json_add(json_t **object, const char *key, json_t *value);
void json_append(json_t **array, json_t *value);

/*
 * Print a document, in ASCII, and a newline on stdout, and release the document: `indent` (0 to 31)
 * more columns for each level, 0 for a single line. 0; after one log_error() line -ENOMEM (the
 * document is NULL) or why stdout takes no more, which is then forgotten (clearerr(3)).
 */
int json_print(json_t *document, unsigned indent);

#endif
