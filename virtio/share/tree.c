/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries of directories: Tsymlink, Tmknod, Tmkdir, Tlink, Trenameat, Tunlinkat; and Treadlink.
 *
 * Thread: a worker.
 * Trust:  names are the guest's: one step each [call_name()], below directories that it has a fid
 *         of. What a link points to is the guest's own business.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "virtio/share/call.h"

/* The arguments that the three have in common: a directory, and a name in it. */
static struct fid *entry_of(struct call *c, char name[NAME_MAX + 1], int *err)
{
	struct fid *f = call_fid_writable(c, err);

	if (!f)
		return NULL;
	*err = call_name(c, name);
	if (*err) {
		fid_put(&c->s->fids, f);
		return NULL;
	}
	return f;
}

/* `name` in `dir` was made: whose it is, its mode (links have none), and its qid. */
static int made(struct call *c, struct fid *dir, const char *name, u32 gid, u32 mode, bool link)
{
	int fd = host_walk(c->s, dir->fd, name), err = 0;

	if (fd < 0)
		return fd;
	if (link)
		host_chown(c->s, fd, dir->uid, gid);
	else
		err = host_own(c->s, fd, dir->uid, gid, mode);
	if (!err)
		err = put_qid_of(c, fd);
	close(fd);
	return err;
}

int do_symlink(struct call *c)
{
	char name[NAME_MAX + 1], target[PATH_MAX];
	int err;
	struct fid *f = entry_of(c, name, &err);
	u32 gid;

	if (!f)
		return err;
	err = wire_get_string(&c->in, target, sizeof(target));
	gid = wire_get32(&c->in);
	if (!err && c->in.bad)
		err = -EINVAL;
	if (!err && symlinkat(target, f->fd, name))
		err = -errno;
	if (!err)
		err = made(c, f, name, gid, 0, true);
	fid_put(&c->s->fids, f);
	return err;
}

int do_mknod(struct call *c)
{
	char name[NAME_MAX + 1];
	int err;
	struct fid *f = entry_of(c, name, &err);
	u32 mode, major, minor, gid;

	if (!f)
		return err;
	mode = wire_get32(&c->in);
	major = wire_get32(&c->in);
	minor = wire_get32(&c->in);
	gid = wire_get32(&c->in);
	if (c->in.bad)
		err = -EINVAL;
	else if (mknodat(f->fd, name, (mode & S_IFMT) | 0600, makedev(major, minor)))
		err = -errno;
	if (!err)
		err = made(c, f, name, gid, mode, false);
	fid_put(&c->s->fids, f);
	return err;
}

int do_mkdir(struct call *c)
{
	char name[NAME_MAX + 1];
	int err;
	struct fid *f = entry_of(c, name, &err);
	u32 mode, gid;

	if (!f)
		return err;
	mode = wire_get32(&c->in);
	gid = wire_get32(&c->in);
	if (c->in.bad)
		err = -EINVAL;
	else if (mkdirat(f->fd, name, 0700))
		err = -errno;
	if (!err)
		err = made(c, f, name, gid, mode, false);
	fid_put(&c->s->fids, f);
	return err;
}

int do_link(struct call *c)
{
	struct fid_table *t = &c->s->fids;
	char name[NAME_MAX + 1], path[HOST_PATH_LEN];
	int err;
	struct fid *dir = call_fid_writable(c, &err), *f;

	if (!dir)
		return err;
	f = call_fid(c, &err);
	if (f)
		err = call_name(c, name);
	/* A link to the link, if it is one: what /proc names is the file itself. */
	if (f && !err && linkat(AT_FDCWD, host_path(f->fd, path), dir->fd, name, AT_SYMLINK_FOLLOW))
		err = -errno;
	if (f)
		fid_put(t, f);
	fid_put(t, dir);
	return err;
}

int do_renameat(struct call *c)
{
	struct fid_table *t = &c->s->fids;
	char name[NAME_MAX + 1], new_name[NAME_MAX + 1];
	int err;
	struct fid *f = entry_of(c, name, &err), *new = NULL;

	if (!f)
		return err;
	new = call_fid(c, &err);
	if (new)
		err = call_name(c, new_name);
	if (new && !err && renameat(f->fd, name, new->fd, new_name))
		err = -errno;
	if (new)
		fid_put(t, new);
	fid_put(t, f);
	return err;
}

int do_unlinkat(struct call *c)
{
	char name[NAME_MAX + 1];
	int err;
	struct fid *f = entry_of(c, name, &err);
	u32 flags;

	if (!f)
		return err;
	flags = wire_get32(&c->in);
	if (c->in.bad || flags & ~P9_UNLINKAT_DIR)
		err = -EINVAL;
	else if (unlinkat(f->fd, name, flags & P9_UNLINKAT_DIR ? AT_REMOVEDIR : 0))
		err = -errno;
	fid_put(&c->s->fids, f);
	return err;
}

int do_readlink(struct call *c)
{
	char target[PATH_MAX];
	int err;
	struct fid *f = call_fid(c, &err);
	ssize_t n;

	if (!f)
		return err;
	n = readlinkat(f->fd, "", target, sizeof(target) - 1);
	if (n < 0)
		err = errno == ENOENT ? -EINVAL : -errno; /* it is no link [readlink(2)] */
	fid_put(&c->s->fids, f);
	if (err)
		return err;
	target[n] = '\0';
	wire_put_string(&c->out, target);
	return 0;
}
