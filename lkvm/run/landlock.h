/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of the sandbox that is about names: which files, ports and processes can be reached by a
 * thread that does not hold them already. A seccomp filter sees that a file is opened, but not
 * which one.
 *
 * The kernel's Landlock has grown by versions of its ABI; what an older one cannot do is left out.
 */
#ifndef LKVM_LANDLOCK_H
#define LKVM_LANDLOCK_H

#include "lkvm/run/config.h"

/*
 * Make the rules for a guest of this configuration, which is complete. *fd is the caller's to
 * close; -1: this kernel has nothing of the kind. Main. 0 or -errno (of landlock_add_rule(2)),
 * without a message.
 */
int landlock_rules(int *fd, const struct config *c);

/*
 * They hold for the calling thread from now on, and for those that it starts. Any thread, which
 * cannot gain privileges any more [prctl(2), PR_SET_NO_NEW_PRIVS]. 0 or -errno.
 */
int landlock_enter(int fd);

/* What this host's kernel lacks of it, for people; "": nothing. Any thread. */
const char *landlock_lacks(void);

#endif
