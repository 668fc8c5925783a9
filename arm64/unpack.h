/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decompression of one stream, piece by piece: gzip and zstd, which lkvm is linked with, and xz,
 * lzma, lz4 and bzip2 where this machine has their libraries. Main thread.
 */
#ifndef ARM64_UNPACK_H
#define ARM64_UNPACK_H

#include "lkvm/base/util.h"

struct unpack;

/* A compression that can be undone. `tool` unpacks it in a shell. */
struct unpack_format {
	const char *name;    /* "xz", as EFI zboot and messages say it */
	const char *tool;    /* "unxz" */
	const char *library; /* soname, or NULL: lkvm is linked with it */
	const char *package; /* Debian's package of that library */

	bool (*is)(const u8 *head, size_t len);
	/* 0, -ENOMEM, or -ENOENT: the library is not there. */
	int (*open)(struct unpack *u);
	/* NULL, or what is wrong with the data. */
	const char *(*step)(struct unpack *u);
	void (*close)(struct unpack *u);
};

/* One step: `in` and `out` move on by what was taken and written. */
struct unpack {
	const struct unpack_format *format;
	void *state; /* the format's own */

	const u8 *in;
	size_t in_len;
	u8 *out;
	u64 out_len;
	bool last; /* there is no input behind this one */
	bool done; /* the stream has ended; what is left of `in` lies behind it */
};

/* Formats that libraries have, which are loaded when they are needed: unpack_lib.c. */
extern const struct unpack_format unpack_xz, unpack_lzma, unpack_lz4, unpack_lz4_legacy,
	unpack_bzip2;

/*
 * For unpack_lib.c: a function of a library. NULL, with the reason in the debug log, for one that
 * is not there. It is looked for at run time (unpack_load.c), or all of them are linked
 * (unpack_linked.c).
 */
void *unpack_function(const char *soname, const char *function);

/* The format that data with this beginning has, or NULL. */
const struct unpack_format *unpack_find(const u8 *head, size_t len);

/* The format that an EFI zboot header calls so ("gzip", "zstd22", "xzkern"), or NULL. */
const struct unpack_format *unpack_of_zboot(const char *type);

/*
 * Start a stream of format `f`. `name` is the file's, for messages. -ENOEXEC after one log_error()
 * if this machine has no library for it, -ENOMEM. `u` is then unpack_close()d, too.
 */
int unpack_open(struct unpack *u, const struct unpack_format *f, const char *name);

/* Takes one that was zeroed and never opened. */
void unpack_close(struct unpack *u);

#endif
