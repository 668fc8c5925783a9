/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text of a user's on its way to a guest, and of a guest's on its way to people and programs. Any
 * thread.
 */
#ifndef LKVM_WATCH_TEXT_H
#define LKVM_WATCH_TEXT_H

#include <stdio.h>

#include "lkvm/base/util.h"

/*
 * What a user means by `s`: \n, \r, \t, \e, \\ and \xNN are one byte each. The number of bytes in
 * `to`, which never are more than those of `s`; -EINVAL for another backslash.
 */
int text_unescape(char *to, const char *s);

/*
 * `s` with all that is not printable ASCII as \xNN (a backslash stays itself), cut to `size` with
 * the final NUL. Returns `to`.
 */
const char *text_plain(char *to, size_t size, const char *s);

/*
 * `s` as XML 1.0 text or as the value of an attribute in double quotes: valid UTF-8 stays, what no
 * document may contain becomes \xNN [XML 1.0, 2.2].
 */
void text_xml(FILE *f, const char *s);

#endif
