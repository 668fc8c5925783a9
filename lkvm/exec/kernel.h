/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel for a guest that is to run a command, and where its modules are. Main thread.
 */
#ifndef LKVM_EXEC_KERNEL_H
#define LKVM_EXEC_KERNEL_H

#include <limits.h>

#include "lkvm/base/util.h"

struct kernel {
	char path[PATH_MAX];
	char modules[PATH_MAX]; /* their directory; "": it has none that could be found */
};

/*
 * Find a kernel below `root` ("" for /; tests have another one) for this machine, `release` being
 * the one that it runs: /boot/vmlinuz-RELEASE, /usr/lib/modules/RELEASE/vmlinuz, or else the other
 * kernels in /boot; the first that may be read and has 9P, or the first that may be read. -ENOENT,
 * without a message: there is none.
 */
int kernel_find(struct kernel *k, const char *root, const char *release);

/*
 * Where the modules of k->path are: in the directory of its release, which its name says (as in
 * vmlinuz-RELEASE), or else the file itself, if it is not compressed.
 */
void kernel_find_modules(struct kernel *k, const char *root);

#endif
