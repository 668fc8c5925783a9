/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel modules of a guest: which files have to be loaded, in which order, for it to have what it
 * needs. Reads modules.builtin and modules.dep, as depmod(8) writes them. Main thread.
 */
#ifndef LKVM_EXEC_MODULES_H
#define LKVM_EXEC_MODULES_H

#include <limits.h>

#include "lkvm/base/util.h"

#define MODULES_MAX 31u

struct modules {
	unsigned nr;
	char *paths[MODULES_MAX]; /* in the order of loading; modules_fini() frees them */
};

/*
 * Append module `name` (with - or _) of the kernel whose modules are in directory `dir`, and what
 * it depends on, unless it is there already or built in. 0; -ENOENT, without a message: that kernel
 * does not have it; other -errno after one log_error() line.
 */
int modules_add(struct modules *m, const char *dir, const char *name);

void modules_fini(struct modules *m);

#endif
