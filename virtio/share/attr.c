/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attributes of files and of the file system: Tgetattr, Tsetattr, Tstatfs.
 *
 * Thread: a worker.
 * Trust:  values are the guest's; the host's kernel says which of them we may set.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "virtio/share/call.h"

static void put_time(struct wire_out *w, struct timespec t)
{
	wire_put64(w, (u64)t.tv_sec);
	wire_put64(w, (u64)t.tv_nsec);
}

int do_getattr(struct call *c)
{
	struct wire_out *w = &c->out;
	struct stat st;
	int err;
	struct fid *f = call_fid(c, &err);

	if (!f)
		return err;
	wire_get64(&c->in); /* what is wanted; all is told */
	if (fstat(f->fd, &st))
		err = -errno;
	fid_put(&c->s->fids, f);
	if (err)
		return err;
	wire_put64(w, P9_GETATTR_BASIC);
	put_qid(c, &st);
	wire_put32(w, st.st_mode);
	wire_put32(w, guest_uid(c->s, st.st_uid));
	wire_put32(w, guest_gid(c->s, st.st_gid));
	wire_put64(w, st.st_nlink);
	/* Linux's old form of 32 bits: all that its client reads. */
	wire_put64(w, (minor(st.st_rdev) & 0xffu) | (u64)major(st.st_rdev) << 8 |
			      (u64)(minor(st.st_rdev) & ~0xffu) << 12);
	wire_put64(w, (u64)st.st_size);
	wire_put64(w, (u64)st.st_blksize);
	wire_put64(w, (u64)st.st_blocks);
	put_time(w, st.st_atim);
	put_time(w, st.st_mtim);
	put_time(w, st.st_ctim);
	/* btime, gen, data_version: not valid */
	for (unsigned i = 0; i < 4; i++)
		wire_put64(w, 0);
	return 0;
}

struct attrs {
	u32 valid, mode, uid, gid;
	u64 size;
	struct timespec times[2]; /* of access, of the last change */
};

static int set_owner(struct share *s, int fd, const struct attrs *a)
{
	uid_t u = (uid_t)-1;
	gid_t g = (gid_t)-1;
	int err = 0;

	if (a->valid & P9_SETATTR_UID)
		err = host_uid(s, a->uid, &u);
	if (!err && a->valid & P9_SETATTR_GID)
		err = host_gid(s, a->gid, &g);
	if (err)
		return err;
	return fchownat(fd, "", u, g, AT_EMPTY_PATH) ? -errno : 0;
}

/* The size of the file: it is opened for that, if the guest did not. */
static int set_size(const struct fid *f, u64 size)
{
	int fd = f->fd, err = 0;

	if (size > INT64_MAX)
		return -EINVAL;
	if (f->kind != FID_OPEN || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		fd = host_open(f->fd, O_WRONLY);
	if (fd < 0)
		return fd;
	if (ftruncate(fd, (off_t)size))
		err = -errno;
	if (fd != f->fd)
		close(fd);
	return err;
}

static int set_times(int fd, const struct attrs *a)
{
	char path[HOST_PATH_LEN];
	struct timespec t[2] = { a->times[0], a->times[1] };

	if (!(a->valid & P9_SETATTR_ATIME))
		t[0].tv_nsec = UTIME_OMIT;
	else if (!(a->valid & P9_SETATTR_ATIME_SET))
		t[0].tv_nsec = UTIME_NOW;
	if (!(a->valid & P9_SETATTR_MTIME))
		t[1].tv_nsec = UTIME_OMIT;
	else if (!(a->valid & P9_SETATTR_MTIME_SET))
		t[1].tv_nsec = UTIME_NOW;
	return utimensat(AT_FDCWD, host_path(fd, path), t, 0) ? -errno : 0;
}

static int apply(struct call *c, const struct fid *f, const struct attrs *a)
{
	char path[HOST_PATH_LEN];
	int err = 0;

	/* The owner first: chown(2) takes the set-user-ID bit away. */
	if (a->valid & (P9_SETATTR_UID | P9_SETATTR_GID))
		err = set_owner(c->s, f->fd, a);
	if (!err && a->valid & P9_SETATTR_MODE && chmod(host_path(f->fd, path), a->mode & 07777))
		err = -errno;
	if (!err && a->valid & P9_SETATTR_SIZE)
		err = set_size(f, a->size);
	if (!err && a->valid & (P9_SETATTR_ATIME | P9_SETATTR_MTIME))
		err = set_times(f->fd, a);
	return err;
}

int do_setattr(struct call *c)
{
	struct attrs a;
	int err;
	struct fid *f = call_fid_writable(c, &err);

	if (!f)
		return err;
	a.valid = wire_get32(&c->in);
	a.mode = wire_get32(&c->in);
	a.uid = wire_get32(&c->in);
	a.gid = wire_get32(&c->in);
	a.size = wire_get64(&c->in);
	for (unsigned i = 0; i < 2; i++) {
		a.times[i].tv_sec = (time_t)wire_get64(&c->in);
		a.times[i].tv_nsec = (long)(wire_get64(&c->in) % 1000000000u);
	}
	err = c->in.bad || f->xattr ? -EINVAL : apply(c, f, &a);
	fid_put(&c->s->fids, f);
	return err;
}

int do_statfs(struct call *c)
{
	struct wire_out *w = &c->out;
	struct statfs fs;
	int err;
	struct fid *f = call_fid(c, &err);

	if (!f)
		return err;
	if (fstatfs(f->fd, &fs))
		err = -errno;
	fid_put(&c->s->fids, f);
	if (err)
		return err;
	wire_put32(w, (u32)fs.f_type);
	wire_put32(w, (u32)fs.f_bsize);
	wire_put64(w, fs.f_blocks);
	wire_put64(w, fs.f_bfree);
	wire_put64(w, fs.f_bavail);
	wire_put64(w, fs.f_files);
	wire_put64(w, fs.f_ffree);
	wire_put64(w, (u32)fs.f_fsid.__val[0] | (u64)(u32)fs.f_fsid.__val[1] << 32);
	wire_put32(w, (u32)fs.f_namelen);
	return 0;
}
