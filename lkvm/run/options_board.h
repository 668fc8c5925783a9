/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parsers of options about the board and its CPUs, as struct opt has them: `conf` is a struct
 * config that gets the value `val` of the option `name`. 0, or -EINVAL after one log_error() line
 * that names the option. Main thread.
 */
#ifndef LKVM_OPTIONS_BOARD_H
#define LKVM_OPTIONS_BOARD_H

int options_irqchip(void *conf, const char *name, const char *val);
int options_pvpanic(void *conf, const char *name, const char *val);
int options_rtc(void *conf, const char *name, const char *val);
int options_counter_offset(void *conf, const char *name, const char *val);
int options_sve_max_vl(void *conf, const char *name, const char *val);
int options_firmware_address(void *conf, const char *name, const char *val);
int options_affinity(void *conf, const char *name, const char *val);

#endif
