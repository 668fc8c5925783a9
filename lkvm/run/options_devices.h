/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of the options that may be given several times: struct opt's parse() [lkvm/base/options.h]
 * of a struct config. 0, or -EINVAL after one log_error() line. Main thread.
 */
#ifndef LKVM_OPTIONS_DEVICES_H
#define LKVM_OPTIONS_DEVICES_H

#include <stdbool.h>

struct config;

int options_add_disk(void *conf, const char *name, const char *val);
int options_add_9p(void *conf, const char *name, const char *val);
int options_add_fs(void *conf, const char *name, const char *val);
int options_add_vfio(void *conf, const char *name, const char *val);
int options_add_port(void *conf, const char *name, const char *val);

/* There is one at most: the last one counts. */
int options_rng_limit(void *conf, const char *name, const char *val);
int options_add_vsock(void *conf, const char *name, const char *val);

/* One shared directory more, as an option would give it. False: there are CONFIG_MAX_SHARES. */
bool config_add_share(struct config *c, const char *tag, const char *path, bool read_only);

/* The same by virtio-fs. False: there are CONFIG_MAX_FS. */
bool config_add_fs(struct config *c, const char *tag, const char *path, bool read_only);

#endif
