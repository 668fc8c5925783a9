/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The options of `lkvm run` for boot tests: struct watch_conf. Main thread.
 */
#ifndef LKVM_OPTIONS_WATCH_H
#define LKVM_OPTIONS_WATCH_H

#include "lkvm/base/options.h"

struct watch_conf;

extern const struct opt_spec options_watch;

/* Free what was compiled; also after options that were refused. */
void options_watch_free(struct watch_conf *w);

/* Steps are complete, and outputs have names. 0, or -EINVAL after one log_error() line. */
int options_watch_complete(const struct watch_conf *w);

#endif
