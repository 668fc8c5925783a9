/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that are open: Tlopen, Tlcreate, Tread, Twrite, Tfsync, Tlock, Tgetlock.
 *
 * Thread: a worker. Calls about one file may run at the same time.
 * Trust:  offsets and lengths are the guest's; the bytes go between the file and the guest's memory
 *         unseen.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "virtio/share/call.h"

/* Pieces that one read or write is made of: pages of the longest message, and what lies askew. */
#define MAX_PIECES (SHARE_MAX_MSIZE / 4096u + 2u)

/*
 * O_APPEND is not passed on: Linux's client gives the offset of each write, and pwrite(2) would
 * ignore it.
 */
static int open_flags(u32 flags)
{
	static const struct {
		u32 p9;
		int host;
	} map[] = {
		{ P9_O_TRUNC, O_TRUNC },
		{ P9_O_DSYNC, O_DSYNC },
		{ P9_O_SYNC, O_SYNC },
		{ P9_O_DIRECTORY, O_DIRECTORY },
	};
	int host = (int)(flags & P9_O_ACCMODE); /* numbers that all machines have in common */

	for (unsigned i = 0; i < ARRAY_SIZE(map); i++) {
		if (flags & map[i].p9)
			host |= map[i].host;
	}
	return host;
}

/* Would opening with these flags change something? */
static bool changes(u32 flags)
{
	return (flags & P9_O_ACCMODE) != O_RDONLY || flags & P9_O_TRUNC;
}

/*
 * The fid is from now on the file that is open as `fd`, and `fd` is the fid's. The answer is the
 * file's qid, and that the guest may choose how much it reads at a time.
 */
static int become(struct call *c, struct fid *f, int fd)
{
	struct fid_table *t = &c->s->fids;
	int err = put_qid_of(c, fd);
	struct fid *new = fid_new(t, FID_OPEN, fd, f->uid, false);

	wire_put32(&c->out, 0);
	if (!new)
		return -ENFILE;
	if (err) {
		fid_put(t, new);
		return err;
	}
	return fid_replace(t, f, new);
}

int do_lopen(struct call *c)
{
	int err, fd = -1;
	struct fid *f = call_fid(c, &err);
	u32 flags = wire_get32(&c->in);

	if (!f)
		return err;
	if (c->in.bad || f->kind != FID_PATH)
		err = -EINVAL;
	else if (c->s->read_only && changes(flags))
		err = -EROFS;
	else
		fd = host_open(f->fd, open_flags(flags));
	if (!err)
		err = fd < 0 ? fd : become(c, f, fd);
	fid_put(&c->s->fids, f);
	return err;
}

int do_lcreate(struct call *c)
{
	char name[NAME_MAX + 1];
	int err, fd = -1;
	struct fid *f = call_fid_writable(c, &err);
	u32 flags, mode, gid;

	if (!f)
		return err;
	err = call_name(c, name);
	flags = wire_get32(&c->in);
	mode = wire_get32(&c->in);
	gid = wire_get32(&c->in);
	if (!err && (c->in.bad || f->kind != FID_PATH))
		err = -EINVAL;
	/* Linux asks for what is not there; if somebody else was quicker it is not ours to own. */
	if (!err) {
		fd = host_create(f->fd, name, open_flags(flags) | O_EXCL);
		err = fd < 0 ? fd : host_own(c->s, fd, f->uid, gid, mode);
	}
	if (!err)
		err = become(c, f, fd);
	else if (fd >= 0)
		close(fd);
	fid_put(&c->s->fids, f);
	return err;
}

/* The arguments of Tread, Twrite and Treaddir: a fid, then these. */
static struct fid *range_of(struct call *c, u64 *off, u32 *count, int *err)
{
	struct fid *f = call_fid(c, err);

	*off = wire_get64(&c->in);
	*count = wire_get32(&c->in);
	if (f && c->in.bad)
		*err = -EINVAL;
	else if (f && *off > INT64_MAX)
		*err = -EINVAL;
	else if (f && f->kind == FID_PATH)
		*err = -EBADF;
	if (f && *err) {
		fid_put(&c->s->fids, f);
		return NULL;
	}
	return f;
}

int do_read(struct call *c)
{
	NOT_ZEROED struct iovec iov[MAX_PIECES];
	struct wire_out start;
	ssize_t n = 0;
	u32 count;
	u64 off;
	int nr, err;
	struct fid *f = range_of(c, &off, &count, &err);

	if (!f)
		return err;
	if (f->kind != FID_OPEN) {
		err = xattr_read(c, f, off, count);
		fid_put(&c->s->fids, f);
		return err;
	}
	start = c->out;
	wire_put32(&c->out, 0);
	count = MIN(count, wire_room(&c->out));
	nr = iov_take(&c->out.cur, count, iov, MAX_PIECES);
	if (nr > 0)
		n = preadv(f->fd, iov, nr, (off_t)off);
	if (n < 0)
		err = -errno;
	fid_put(&c->s->fids, f);
	if (nr < 0 || err)
		return nr < 0 ? nr : err;
	wire_put32(&start, (u32)n);
	c->out.len += (u32)n;
	return 0;
}

int do_write(struct call *c)
{
	NOT_ZEROED struct iovec iov[MAX_PIECES];
	ssize_t n = 0;
	u32 count;
	u64 off;
	int nr, err;
	struct fid *f = range_of(c, &off, &count, &err);

	if (!f)
		return err;
	if (c->s->read_only)
		err = -EROFS;
	else if (count > c->r->in.left)
		err = -EINVAL;
	else if (f->kind != FID_OPEN)
		err = xattr_write(c, f, off, count);
	if (!err && f->kind == FID_OPEN) {
		nr = iov_take(&c->r->in, count, iov, MAX_PIECES);
		if (nr > 0)
			n = pwritev(f->fd, iov, nr, (off_t)off);
		err = nr < 0 ? nr : n < 0 ? -errno : 0;
		wire_put32(&c->out, (u32)n);
	}
	fid_put(&c->s->fids, f);
	return err;
}

int do_fsync(struct call *c)
{
	int err;
	struct fid *f = call_fid(c, &err);
	/* Clients before Linux 3.2 did not say. */
	bool data_only = c->in.left >= 4 && wire_get32(&c->in);

	if (!f)
		return err;
	if (f->kind != FID_OPEN)
		err = -EBADF;
	else if (data_only ? fdatasync(f->fd) : fsync(f->fd))
		err = -errno;
	fid_put(&c->s->fids, f);
	return err;
}

/*
 * ---- locks: those of open files, so a fid is who holds one ----
 *
 * The protocol has one kind, and Linux's client makes a lock of the whole file of flock(2). That
 * may be exclusive for who only reads, which fcntl(2) refuses. So a lock of the whole file is taken
 * by flock(2), too, and by that alone where fcntl(2) refuses: all who lock whole files, also
 * programs of the host by flock(2), keep each other out.
 */

/* type[1], then for Tlock flags[4]; start[8] length[8] proc_id[4] client_id[s] */
struct lock_args {
	struct flock lock;
	u32 proc;
	char client[256];
};

static int lock_args(struct call *c, bool flags, struct lock_args *a)
{
	static const short types[] = {
		[P9_LOCK_RDLCK] = F_RDLCK,
		[P9_LOCK_WRLCK] = F_WRLCK,
		[P9_LOCK_UNLCK] = F_UNLCK,
	};
	u8 type = wire_get8(&c->in);
	u64 start, len;
	int err;

	/* Whoever would wait is told to come again: nobody waits here. */
	if (flags)
		wire_get32(&c->in);
	start = wire_get64(&c->in);
	len = wire_get64(&c->in);
	a->proc = wire_get32(&c->in);
	err = wire_get_string(&c->in, a->client, sizeof(a->client));
	if (c->in.bad || err || type >= ARRAY_SIZE(types) || start > INT64_MAX ||
	    len > INT64_MAX - start)
		return -EINVAL;
	a->lock = (struct flock){
		.l_type = types[type],
		.l_whence = SEEK_SET,
		.l_start = (off_t)start,
		.l_len = (off_t)len,
	};
	return 0;
}

static struct fid *lock_of(struct call *c, bool flags, struct lock_args *a, int *err)
{
	struct fid *f = call_fid(c, err);

	if (f)
		*err = lock_args(c, flags, a);
	if (f && !*err && f->kind != FID_OPEN)
		*err = -EBADF;
	if (f && *err) {
		fid_put(&c->s->fids, f);
		return NULL;
	}
	return f;
}

static int set_part(int fd, const struct flock *l)
{
	return fcntl(fd, F_OFD_SETLK, l) ? -errno : 0;
}

static int set_whole(int fd, short type)
{
	int op = type == F_RDLCK ? LOCK_SH : type == F_WRLCK ? LOCK_EX : LOCK_UN;

	return flock(fd, op | LOCK_NB) ? -errno : 0;
}

static int set_lock(int fd, struct flock *l)
{
	bool unlock = l->l_type == F_UNLCK, whole = !l->l_start && !l->l_len;
	int err = set_part(fd, l);

	if (whole && err == -EBADF)
		err = 0;
	/* Of a file that is unlocked in parts the whole is not locked any more. */
	if (err || !(whole || unlock))
		return err;
	err = set_whole(fd, l->l_type);
	if (err) {
		l->l_type = F_UNLCK; /* flock(2) that fails leaves nothing locked, either */
		set_part(fd, l);
	}
	return err;
}

int do_lock(struct call *c)
{
	struct lock_args a;
	u8 status = P9_LOCK_SUCCESS;
	int err;
	struct fid *f = lock_of(c, true, &a, &err);

	if (!f)
		return err;
	err = set_lock(f->fd, &a.lock);
	if (err == -EAGAIN || err == -EACCES) {
		status = P9_LOCK_BLOCKED;
		err = 0;
	}
	fid_put(&c->s->fids, f);
	wire_put8(&c->out, status);
	return err;
}

int do_getlock(struct call *c)
{
	struct lock_args a;
	int err;
	struct fid *f = lock_of(c, false, &a, &err);

	if (!f)
		return err;
	if (fcntl(f->fd, F_OFD_GETLK, &a.lock))
		err = -errno;
	fid_put(&c->s->fids, f);
	wire_put8(&c->out, a.lock.l_type == F_RDLCK   ? P9_LOCK_RDLCK
			   : a.lock.l_type == F_WRLCK ? P9_LOCK_WRLCK
						      : P9_LOCK_UNLCK);
	wire_put64(&c->out, (u64)a.lock.l_start);
	wire_put64(&c->out, (u64)a.lock.l_len);
	/* Whose it is nobody knows here: 0 if it is another file's that is open. */
	wire_put32(&c->out, a.lock.l_type == F_UNLCK ? a.proc : 0);
	wire_put_string(&c->out, a.client);
	return err;
}
