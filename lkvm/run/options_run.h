/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of `lkvm run`, and of each command that takes the same ones. Main thread. */
#ifndef LKVM_OPTIONS_RUN_H
#define LKVM_OPTIONS_RUN_H

#include "lkvm/base/options.h"
#include "lkvm/run/config.h"

/* The table, for options_parse(): fills a struct config that config_init() has prepared. */
extern const struct opt_spec options_run;

#endif
