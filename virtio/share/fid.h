/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fids: the guest's numbers for files that it knows. A fid is made whole and then never changes, so
 * whoever has got one may use it without a lock; what looks like a change to the guest (a file was
 * opened) is another fid under the same number. The room for all of them is made with the table.
 *
 * All calls: any thread.
 */
#ifndef VIRTIO_SHARE_FID_H
#define VIRTIO_SHARE_FID_H

#include <pthread.h>

#include "lkvm/base/util.h"

#define FID_MAX 65536u		/* at a time */
#define FID_XATTRS 64u		/* of these, extended attributes */
#define FID_XATTR_MAX 65536u	/* bytes of one's value [XATTR_SIZE_MAX] */
#define FID_XATTR_NAME_MAX 256u /* [XATTR_NAME_MAX, and a NUL] */

enum fid_kind {
	FID_PATH,	 /* fd says which file it is (O_PATH) */
	FID_OPEN,	 /* fd reads or writes the file, or lists the directory */
	FID_XATTR_READ,	 /* a value, or a list of names */
	FID_XATTR_WRITE, /* a value that is being written; set when the guest lets go of it */
};

struct fid_xattr {
	struct fid_xattr *next; /* free */
	char name[FID_XATTR_NAME_MAX];
	u32 size; /* of the value, bytes */
	u32 done; /* FID_XATTR_WRITE: written so far; under the lock of the table */
	int flags;
	u8 value[FID_XATTR_MAX];
};

struct fid {
	struct fid *next; /* free, or in the table */
	u32 nr, refs;	  /* the table's; under its lock */
	enum fid_kind kind;
	int fd;	 /* belongs to the fid; -1: none (FID_XATTR_READ) */
	u64 at;	 /* FID_OPEN, a directory: its position; under the share's dir_lock */
	u32 uid; /* who has attached, a number of the guest's; P9_NOUID: it did not say */
	struct fid_xattr *xattr;
};

struct fid_table {
	pthread_mutex_t lock;
	struct fid *all, *free;
	struct fid_xattr *xattrs, *free_xattr;
	unsigned fresh; /* of `all`: from here on never used */
	unsigned fresh_xattr;
	struct fid *buckets[4096];
};

/* 0 or -ENOMEM. */
int fid_table_init(struct fid_table *t);
/* Every fid is put. Takes a zeroed table. */
void fid_table_fini(struct fid_table *t);

/* The fid of number `nr`, to be put; NULL: there is none. */
struct fid *fid_get(struct fid_table *t, u32 nr);
void fid_put(struct fid_table *t, struct fid *f);

/*
 * A new fid for `fd`, which is closed with it (also on an error), not in the table yet: to be put
 * or added. With `xattr` it has room for an attribute. NULL: there are too many.
 */
struct fid *fid_new(struct fid_table *t, enum fid_kind kind, int fd, u32 uid, bool xattr);

/* Put `f` in the table under `nr`, which takes it over. -EBUSY: there is one; `f` is put. */
int fid_add(struct fid_table *t, u32 nr, struct fid *f);

/* ... in the place of `old`. -EBUSY: that has gone meanwhile; `f` is put. */
int fid_replace(struct fid_table *t, struct fid *old, struct fid *f);

/* Take number `nr` out of the table: the fid, to be put; NULL: there is none. */
struct fid *fid_remove(struct fid_table *t, u32 nr);

/* Take all out. */
void fid_clear(struct fid_table *t);

#endif
