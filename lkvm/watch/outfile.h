/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file for programs to read, which is there as a whole or not at all: until outfile_commit() it
 * has no name, so whatever ends lkvm leaves nothing half written behind, and an older file of that
 * name stays. If the name is a link, the file that it leads to is the older one. "fd:N", a pipe, a
 * device, and the file that standard output or error is, get each piece at once. One thread at a
 * time.
 */
#ifndef LKVM_OUTFILE_H
#define LKVM_OUTFILE_H

#include "lkvm/base/calls.h"

struct outfile;

/* What giving the file its name asks of the kernel. */
extern const struct calls outfile_calls;

/*
 * `option` is what messages call it; both strings stay the caller's. 0, or -errno after one
 * log_error() line.
 */
int outfile_create(struct outfile **out, const char *option, const char *name);

/*
 * dir[0..PATH_MAX): the directory in which outfile_commit() gives a file of that name its name.
 * False: it gives none, as this is no name, or that of something that is there and stays. Any
 * thread.
 */
bool outfile_directory(const char *name, char *dir);

/* What it is written through, by others too: as outfile_write() does. It stays the file's. */
int outfile_fd(const struct outfile *o);

/* Append. An error is kept for outfile_commit(). Takes NULL. */
void outfile_write(struct outfile *o, const void *buf, size_t len);

/* What is to be written cannot be made: an error for outfile_commit(), unless there is one. */
void outfile_spoil(struct outfile *o, int err);

/* Give it its name, if all went well. 0, or -errno after one log_error() line. Takes NULL. */
int outfile_commit(struct outfile *o);

/* Without outfile_commit() nothing stays. Takes NULL. */
void outfile_destroy(struct outfile *o);

#endif
