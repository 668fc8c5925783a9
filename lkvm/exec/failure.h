/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest says of a command that did not come to run, for people. Any thread. */
#ifndef LKVM_EXEC_FAILURE_H
#define LKVM_EXEC_FAILURE_H

#include "lkvm/exec/talk.h"

/* One line about `t`, which has failed, in `buf`. */
const char *failure_text(char *buf, size_t size, const struct talk *t, const char *command);

/* 127: there is no such command; 126: it cannot be run; 125: all else. */
int failure_status(const struct talk *t);

#endif
