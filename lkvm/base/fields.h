/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of the form FIELD[,FIELD...], where a comma in a field is written twice. Any thread. */
#ifndef LKVM_FIELDS_H
#define LKVM_FIELDS_H

#include <stddef.h>

/*
 * Copy the field at *p to `buf`, of `size` bytes with the final NUL; *p moves behind its comma or
 * to the end. 1: a comma was there, so another field follows; 0: the last one; -E2BIG: it does not
 * fit.
 */
int field_next(const char **p, char *buf, size_t size);

/* The value, in `field`, of "key=value" if it has that key, else NULL. */
const char *field_value(const char *field, const char *key);

#endif
