/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --console-log: a file of one guest's. One thread. */
#ifndef LKVM_LOGFILE_H
#define LKVM_LOGFILE_H

#include "lkvm/base/util.h"

struct logfile;

/*
 * Open `name`, which outlives it, and empty it. 0, or -errno after one log_error() line: -EBUSY,
 * another guest has it.
 */
int logfile_open(struct logfile **out, const char *name);

/* An error is said once, and then the log has ended. Takes NULL. */
void logfile_write(struct logfile *l, const u8 *buf, size_t len);

/* Takes NULL. */
void logfile_close(struct logfile *l);

#endif
