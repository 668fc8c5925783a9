/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cpio archive ("newc", the form that Linux unpacks at its start) of files that are put
 * together one by one, to be appended to an initrd. First what is in it, then how long it is,
 * then its bytes.
 *
 * The bytes follow from the names, the modes and the contents alone: owner root, no times,
 * numbers in order. So what a Realm measures of them can be predicted anywhere.
 *
 * An entry replaces one of the same name that comes earlier in the initrd. Directories on the
 * way to an entry are made; where the initrd has a link to a directory in that place (/bin),
 * the link stays and is followed.
 *
 * Main thread. 0, or -errno after one log_error() line that begins with `what` (an option's
 * name).
 */
#ifndef LKVM_CPIO_H
#define LKVM_CPIO_H

#include "lkvm/base/util.h"

struct cpio;

/* NULL: no memory. */
struct cpio *cpio_create(void);
/* Takes NULL. */
void cpio_destroy(struct cpio *c);

/*
 * The regular file `src` of the host as `dst`, an absolute path. `mode`: permission bits, or
 * CPIO_MODE_OF_FILE. What counts is how long the file is now; cpio_write() reads it.
 */
#define CPIO_MODE_OF_FILE UINT32_MAX
int cpio_add_file(struct cpio *c, const char *what, const char *src, const char *dst, u32 mode);

/*
 * What is in directory `src`, below `dst`: directories, files, links (as they are), in the order
 * of their names. Anything else is left out with a warning.
 */
int cpio_add_tree(struct cpio *c, const char *what, const char *src, const char *dst);

/* A file of these bytes, which are copied. */
int cpio_add_bytes(struct cpio *c, const char *what, const char *dst, const void *bytes, size_t len,
		   u32 mode);

int cpio_add_dir(struct cpio *c, const char *what, const char *dst, u32 mode);
/* A device: `mode` with S_IFCHR. */
int cpio_add_node(struct cpio *c, const char *what, const char *dst, u32 mode, unsigned major,
		  unsigned minor);

/* Bytes that cpio_write() will write, its trailer included: a multiple of four. */
u64 cpio_size(const struct cpio *c);

/* Is nothing in it? */
bool cpio_is_empty(const struct cpio *c);

/*
 * Write the archive to dst[0..cpio_size()), which is to be at a multiple of four bytes behind the
 * beginning of the initrd. After an error `dst` may have been written to.
 */
int cpio_write(const struct cpio *c, void *dst);

#endif
