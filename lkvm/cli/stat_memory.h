/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lkvm stat --memory: what a guest says of its memory. Main thread. */
#ifndef LKVM_STAT_MEMORY_H
#define LKVM_STAT_MEMORY_H

#include "lkvm/base/util.h"

/* Print it of the guest `name`, as text or as JSON. 0, or -errno after one log_error() line. */
int stat_memory(const char *name, bool json);

#endif
