/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON for programs to read: documents that are built with jansson, then printed. Any thread.
 *
 * Building has one error, no memory, and NULL says so: whatever a NULL is put into becomes NULL
 * too, so only json_print() has to be asked.
 */
#ifndef LKVM_JSON_H
#define LKVM_JSON_H

#include <jansson.h>

/*
 * A string. Text that is not UTF-8, which can only be the name of a file, has question marks for
 * its bytes beyond ASCII.
 */
json_t *json_text(const char *s);

/* Put `value`, which is taken over, into the object (behind what is there) or the array. */
void json_add(json_t **object, const char *key, json_t *value);
void json_append(json_t **array, json_t *value);

/*
 * Print a document, which is taken over, and a newline on stdout: `indent` more columns for each
 * level, or all in one line for 0. 0, or -ENOMEM (it is NULL) or -EIO after one log_error() line.
 */
int json_print(json_t *document, unsigned indent);

#endif
