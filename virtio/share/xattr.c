/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extended attributes: Txattrwalk, Txattrcreate, and reading and writing of what these made.
 *
 * Thread: a worker.
 * Trust:  names and values are the guest's. It sees and sets those of users: "user.", whatever the
 *         user that runs lkvm may do. Others mean something to the host's kernel.
 */
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "virtio/share/call.h"

static bool is_users(const char *name)
{
	return strncmp(name, "user.", 5) == 0;
}

/* Leave the names that the guest may know. Returns their length. */
static u32 keep_users(char *list, u32 len)
{
	u32 kept = 0;

	for (u32 at = 0; at < len;) {
		u32 n = (u32)strnlen(list + at, len - at) + 1;

		if (at + n <= len && is_users(list + at)) {
			memmove(list + kept, list + at, n);
			kept += n;
		}
		at += n;
	}
	return kept;
}

/* The value of the attribute, or for no name the list of all. 0 or -errno. */
static int fetch(const char *path, struct fid_xattr *x)
{
	ssize_t n;

	if (!*x->name) {
		n = listxattr(path, (char *)x->value, sizeof(x->value));
		if (n > 0)
			n = keep_users((char *)x->value, (u32)n);
	} else if (is_users(x->name)) {
		n = getxattr(path, x->name, x->value, sizeof(x->value));
	} else {
		/* Linux asks for a file's capabilities before each write. */
		return -ENODATA;
	}
	if (n < 0)
		return -errno;
	x->size = (u32)n;
	return 0;
}

int do_xattrwalk(struct call *c)
{
	struct fid_table *t = &c->s->fids;
	char path[HOST_PATH_LEN];
	int err;
	struct fid *f = call_fid(c, &err), *new;
	u32 nr;

	if (!f)
		return err;
	nr = wire_get32(&c->in);
	new = f->xattr || nr == P9_NOFID ? NULL : fid_new(t, FID_XATTR_READ, -1, f->uid, true);
	if (!new) {
		err = f->xattr || nr == P9_NOFID ? -EINVAL : -EBUSY;
		goto out;
	}
	err = wire_get_string(&c->in, new->xattr->name, sizeof(new->xattr->name));
	if (!err && c->in.bad)
		err = -EINVAL;
	if (!err)
		err = fetch(host_path(f->fd, path), new->xattr);
	if (err) {
		fid_put(t, new);
		goto out;
	}
	wire_put64(&c->out, new->xattr->size);
	err = fid_add(t, nr, new);
out:
	fid_put(t, f);
	return err;
}

int do_xattrcreate(struct call *c)
{
	struct fid_table *t = &c->s->fids;
	char name[FID_XATTR_NAME_MAX];
	int err, fd, flags;
	struct fid *f = call_fid_writable(c, &err), *new;
	u64 size;

	if (!f)
		return err;
	err = wire_get_string(&c->in, name, sizeof(name));
	size = wire_get64(&c->in);
	flags = (int)wire_get32(&c->in);
	if (!err && (c->in.bad || f->kind != FID_PATH || flags & ~(XATTR_CREATE | XATTR_REPLACE)))
		err = -EINVAL;
	else if (!err && !is_users(name))
		err = -EOPNOTSUPP;
	else if (!err && size > FID_XATTR_MAX)
		err = -E2BIG;
	if (err)
		goto out;
	fd = host_dup(f->fd);
	new = fd < 0 ? NULL : fid_new(t, FID_XATTR_WRITE, fd, f->uid, true);
	if (!new) {
		err = fd < 0 ? fd : -EBUSY;
		goto out;
	}
	memcpy(new->xattr->name, name, sizeof(name));
	new->xattr->size = (u32)size;
	new->xattr->flags = flags;
	err = fid_replace(t, f, new);
out:
	fid_put(t, f);
	return err;
}

int xattr_read(struct call *c, struct fid *f, u64 off, u32 count)
{
	const struct fid_xattr *x = f->xattr;

	if (f->kind != FID_XATTR_READ)
		return -EINVAL;
	off = MIN(off, (u64)x->size);
	count = MIN(count, x->size - (u32)off);
	if (wire_room(&c->out) < 4)
		return -EMSGSIZE;
	count = MIN(count, wire_room(&c->out) - 4);
	wire_put32(&c->out, count);
	wire_put(&c->out, x->value + off, count);
	return 0;
}

/* In order: Linux writes a value in pieces, one after the other. */
int xattr_write(struct call *c, struct fid *f, u64 off, u32 count)
{
	struct fid_xattr *x = f->xattr;
	int err = 0;

	if (f->kind != FID_XATTR_WRITE)
		return -EINVAL;
	pthread_mutex_lock(&c->s->fids.lock);
	if (off != x->done || count > x->size - x->done)
		err = -EINVAL;
	else
		x->done += (u32)iov_read(&c->r->in, x->value + off, count);
	pthread_mutex_unlock(&c->s->fids.lock);
	wire_put32(&c->out, count);
	return err;
}

int xattr_commit(struct share *s, struct fid *f)
{
	struct fid_xattr *x = f->xattr;
	char path[HOST_PATH_LEN];
	int err = 0;

	host_path(f->fd, path);
	/* No bytes and no flags: this is how Linux removes an attribute. */
	if (!x->size && x->flags & XATTR_REPLACE)
		err = removexattr(path, x->name);
	else if (x->done == x->size)
		err = setxattr(path, x->name, x->value, x->size, x->flags);
	return err ? -errno : 0;
}
