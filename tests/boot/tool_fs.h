/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the checks of `tool fs` share. They run in the directory that is tried, as root, one after
 * the other, and leave it empty.
 */
#ifndef TESTS_BOOT_TOOL_FS_H
#define TESTS_BOOT_TOOL_FS_H

#include <errno.h>

#include "tests/boot/tool.h"

#define must(what)                                                                                 \
	do {                                                                                       \
		if (!(what))                                                                       \
			fail(#what);                                                               \
	} while (0)
#define must_be(what, number)                                                                      \
	do {                                                                                       \
		errno = 0;                                                                         \
		if ((what) != -1 || errno != (number))                                             \
			fail(#what " is not " #number);                                            \
	} while (0)

/* What is refused, call by call, and with which errno. */
void fs_errors(void);
/* What users may do who are not root, and what their doings take away. */
void fs_rights(void);

#endif
