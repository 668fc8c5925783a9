/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of --add-file and --add-dir: struct config.files. Main thread. As `parse` of struct opt.
 */
#ifndef LKVM_OPTIONS_FILES_H
#define LKVM_OPTIONS_FILES_H

/* SRC[:DST[:MODE]]; without DST it is /, and the name that SRC has. */
int options_add_file(void *conf, const char *name, const char *val);

/* DIR[:DST]; without DST it is /. */
int options_add_dir(void *conf, const char *name, const char *val);

#endif
