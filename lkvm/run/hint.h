/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to try when a guest prints nothing. Any thread.
 */
#ifndef LKVM_HINT_H
#define LKVM_HINT_H

#include "lkvm/run/config.h"

#define HINT_SIZE 300u

/*
 * The hint, in `buf` of HINT_SIZE bytes; NULL: the guest was told to be quiet. `alias` is what the
 * guest adds to the address of a device (a Realm's shared half).
 */
const char *hint_silent(char *buf, const struct config *c, u64 alias);

#endif
