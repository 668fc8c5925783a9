/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings, and what the compiler calls by itself. */
#ifndef GUEST_INIT_TEXT_H
#define GUEST_INIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define PATH_SIZE 4096u

void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);

size_t text_len(const char *s);
bool text_is(const char *a, const char *b);
bool text_starts(const char *s, const char *start);
bool text_ends(const char *s, const char *end);

/* a and b one after the other in buf[0..size); false: they do not fit, and buf is "". */
bool text_join(char *buf, size_t size, const char *a, const char *b);

/* A decimal number up to its end, a blank, or anything else. */
unsigned text_number(const char *s);

/* Behind the first blank; the blank becomes a NUL. Without one: the final NUL. */
char *text_cut(char *s);

#endif
