/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the guest's memory can be lent to processes that serve devices (vhost-user), and how it
 * has to be mapped for that. Main thread.
 */
#ifndef LKVM_LEND_H
#define LKVM_LEND_H

#include "lkvm/run/config.h"

struct realm_ops;

/*
 * Add MEM_LENT to *flags, those of mem_add_ram() for a guest of that kind, if the config has such
 * devices. Tells of huge pages that the host could give and does not. 0, or -EOPNOTSUPP after one
 * log_error() line: what this kind of guest shares is not apart from what it protects.
 */
int lend_flags(u64 *flags, const struct config *c, const struct realm_ops *ops);

#endif
