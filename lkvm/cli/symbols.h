/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of a guest kernel's addresses, from its System.map or vmlinux. Main thread. */
#ifndef LKVM_SYMBOLS_H
#define LKVM_SYMBOLS_H

#include "lkvm/base/util.h"

struct symbols;

/* Read the file. 0, or -errno after one log_error() line. */
int symbols_open(struct symbols **out, const char *file);
void symbols_close(struct symbols *s); /* takes NULL */

/*
 * The kernel may have put itself elsewhere (KASLR): VBAR_EL1 of one of its CPUs points to its
 * symbol "vectors". Without such a symbol nothing changes.
 */
void symbols_shift(struct symbols *s, u64 vbar);

/* "name+0x10" in buf, or "" if there is none at most a megabyte before. Returns buf. */
const char *symbols_name(const struct symbols *s, u64 addr, char *buf, size_t size);

#endif
