/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tattach, Twalk, Tclunk, Tremove: fids come and go.
 *
 * Thread: a worker.
 * Trust:  names and numbers are the guest's; see host.c.
 * Spec:   attach(5), walk(5), clunk(5), remove(5) of Plan 9's manual
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "virtio/share/call.h"

int do_attach(struct call *c)
{
	u32 nr = wire_get32(&c->in), afid = wire_get32(&c->in), uid;
	char word[NAME_MAX + 1];
	struct fid *f;
	int fd, err;

	/* The user's name counts for nothing, and there is one tree: whatever was mounted. */
	wire_get_string(&c->in, word, sizeof(word));
	wire_get_string(&c->in, word, sizeof(word));
	uid = wire_get32(&c->in);
	if (c->in.bad || nr == P9_NOFID)
		return -EINVAL;
	if (afid != P9_NOFID)
		return -EOPNOTSUPP;
	fd = host_dup(c->s->root);
	if (fd < 0)
		return fd;
	err = put_qid_of(c, fd);
	f = fid_new(&c->s->fids, FID_PATH, fd, uid, false);
	if (!f)
		return -ENFILE;
	if (err) {
		fid_put(&c->s->fids, f);
		return err;
	}
	return fid_add(&c->s->fids, nr, f);
}

/*
 * Go `nr` names from `from`. The number of those that were there, *fd being what the last one is if
 * all were; or the error of the first.
 */
static int walk(struct call *c, int from, unsigned nr, int *fd)
{
	char name[NAME_MAX + 1];
	int at = from, next, err;

	for (unsigned i = 0; i < nr; i++) {
		err = wire_get_string(&c->in, name, sizeof(name));
		if (!err && (c->in.bad || !*name || strchr(name, '/') || !strcmp(name, ".")))
			err = -EINVAL;
		next = err ? err : host_walk(c->s, at, name);
		if (next >= 0)
			err = put_qid_of(c, next);
		if (at != from)
			close(at);
		if (next >= 0 && err)
			close(next);
		if (next < 0 || err)
			return i ? (int)i : next < 0 ? next : err;
		at = next;
	}
	*fd = at;
	return (int)nr;
}

int do_walk(struct call *c)
{
	struct fid_table *t = &c->s->fids;
	struct wire_out start;
	u32 new_nr;
	u16 nr;
	int err, fd = -1, n;
	struct fid *f = call_fid(c, &err), *new;

	if (!f)
		return err;
	new_nr = wire_get32(&c->in);
	nr = wire_get16(&c->in);
	if (c->in.bad || nr > P9_MAX_WALK || new_nr == P9_NOFID || f->xattr) {
		fid_put(t, f);
		return -EINVAL;
	}
	start = c->out;
	wire_put16(&c->out, 0);
	n = walk(c, f->fd, nr, &fd);
	if (n < 0 || n < nr)
		goto out; /* [walk(5)] Part of the way: no new fid. */
	if (!nr)
		fd = host_dup(f->fd);
	new = fd < 0 ? NULL : fid_new(t, FID_PATH, fd, f->uid, false);
	if (!new)
		err = fd < 0 ? fd : -ENFILE;
	else if (new_nr == f->nr)
		err = fid_replace(t, f, new);
	else
		err = fid_add(t, new_nr, new);
	if (err)
		n = err;
out:
	fid_put(t, f);
	if (n < 0)
		return n;
	wire_put16(&start, (u16)n);
	return 0;
}

int do_clunk(struct call *c)
{
	u32 nr = wire_get32(&c->in);
	struct fid *f = c->in.bad ? NULL : fid_remove(&c->s->fids, nr);
	int err = 0;

	if (!f)
		return c->in.bad ? -EINVAL : -EBADF;
	if (f->kind == FID_XATTR_WRITE)
		err = xattr_commit(c->s, f);
	fid_put(&c->s->fids, f);
	return err;
}

/*
 * A fid does not know its name. Linux removes by Tunlinkat, and comes here only where that is not
 * there. [remove(5)] The fid is gone in any case.
 */
int do_remove(struct call *c)
{
	int err = do_clunk(c);

	return err ? err : -EOPNOTSUPP;
}
