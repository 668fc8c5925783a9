/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to virtio/share: a call that is being served, and its handlers. A handler reads its
 * arguments from c->in, puts what it answers behind the header to c->out, and returns 0 or the
 * -errno that the guest is told instead. On a worker thread, several at a time.
 */
#ifndef VIRTIO_SHARE_CALL_H
#define VIRTIO_SHARE_CALL_H

#include <sys/stat.h>

#include "virtio/share/fid.h"
#include "virtio/share/share.h"
#include "virtio/share/wire.h"

struct share {
	char path[PATH_MAX]; /* for messages */
	bool read_only;
	enum share_map map;
	int root; /* the directory */
	u64 root_dev, root_ino;
	u32 max_msize;
	_Atomic u32 msize;	  /* as negotiated */
	pthread_mutex_t dir_lock; /* positions of open directories */
	struct fid_table fids;
};

struct call {
	struct share *s;
	struct share_req *r;
	struct wire_in in;
	struct wire_out out;
};

typedef int (*call_fn)(struct call *c);

/* share.c */
int do_version(struct call *c);

/* walk.c */
int do_attach(struct call *c);
int do_walk(struct call *c);
int do_clunk(struct call *c);
int do_remove(struct call *c);

/* file.c */
int do_lopen(struct call *c);
int do_lcreate(struct call *c);
int do_read(struct call *c);
int do_write(struct call *c);
int do_fsync(struct call *c);
int do_lock(struct call *c);
int do_getlock(struct call *c);

/* dir.c */
int do_readdir(struct call *c);

/* tree.c */
int do_symlink(struct call *c);
int do_mknod(struct call *c);
int do_mkdir(struct call *c);
int do_link(struct call *c);
int do_renameat(struct call *c);
int do_unlinkat(struct call *c);
int do_readlink(struct call *c);

/* attr.c */
int do_getattr(struct call *c);
int do_setattr(struct call *c);
int do_statfs(struct call *c);

/* xattr.c */
int do_xattrwalk(struct call *c);
int do_xattrcreate(struct call *c);
int xattr_read(struct call *c, struct fid *f, u64 off, u32 count);
int xattr_write(struct call *c, struct fid *f, u64 off, u32 count);
/* The guest lets go of an attribute that it has written. 0 or -errno. */
int xattr_commit(struct share *s, struct fid *f);

/* ---- what they have in common: host.c ---- */

/* The fid whose number is the next argument, to be put; NULL: *err says why. */
struct fid *call_fid(struct call *c, int *err);

/* ... which must be a file that the guest may change: -EROFS. */
struct fid *call_fid_writable(struct call *c, int *err);

/* The next argument as the name of a directory's entry. 0; -EINVAL, -ENAMETOOLONG. */
int call_name(struct call *c, char name[NAME_MAX + 1]);

/*
 * What `name` is in `dir`, as a new descriptor for O_PATH; "..": its parent, that of the shared
 * directory being itself. Or -errno.
 */
int host_walk(struct share *s, int dir, const char *name);

/* Make regular file `name` in `dir`, open with flags of open(2). A new descriptor, or -errno. */
int host_create(int dir, const char *name, int flags);

/* The file behind `fd` opened anew with flags of open(2). Only regular files and directories. */
int host_open(int fd, int flags);

#define HOST_PATH_LEN 32u
/* A path by which system calls that know none but paths reach the file behind `fd`. */
const char *host_path(int fd, char path[HOST_PATH_LEN]);

void put_qid(struct call *c, const struct stat *st);
/* The qid of the file behind `fd`, or the error of fstat(2). */
int put_qid_of(struct call *c, int fd);

/* Numbers of the guest and of the host. What the host cannot take is -EPERM. */
u32 guest_uid(const struct share *s, uid_t uid);
u32 guest_gid(const struct share *s, gid_t gid);
int host_uid(const struct share *s, u32 uid, uid_t *out);
int host_gid(const struct share *s, u32 gid, gid_t *out);

/* A new descriptor for the same. Or -errno. */
int host_dup(int fd);

/*
 * A file was made, and `fd` is it: its owner, as far as we may set one; and its mode, whatever our
 * umask. 0 or -errno.
 */
int host_chown(struct share *s, int fd, u32 uid, u32 gid);
int host_own(struct share *s, int fd, u32 uid, u32 gid, u32 mode);

#endif
