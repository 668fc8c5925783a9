/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Treaddir: the entries of a directory that is open.
 *
 * Thread: a worker; an open directory has one position, so they take turns.
 * Trust:  the offset is the guest's; the host's file system takes it or not. Names are the host's.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "virtio/share/call.h"

/* What getdents64(2) writes. */
struct entry {
	u64 ino;
	s64 off; /* where the next one is */
	u16 len;
	u8 type;
	char name[];
};

/* qid[13] offset[8] type[1] name[s]. False: no room any more. */
static bool put_entry(struct call *c, const struct entry *e, dev_t dev)
{
	struct stat st = { .st_dev = dev, .st_ino = e->ino };

	if (wire_room(&c->out) < P9_QID_LEN + 8 + 1 + 2 + strlen(e->name))
		return false;
	st.st_mode = e->type == DT_DIR ? S_IFDIR : e->type == DT_LNK ? S_IFLNK : S_IFREG;
	put_qid(c, &st);
	wire_put64(&c->out, (u64)e->off);
	wire_put8(&c->out, e->type);
	wire_put_string(&c->out, e->name);
	return true;
}

/* What an entry is at most to getdents64(2), and with the shortest of names. */
#define ENTRY_MAX 280u
#define ENTRY_MIN 24u
static_assert(ENTRY_MAX >= offsetof(struct entry, name) + NAME_MAX + 1, "the longest of names");

/* Of the room that there is: entries of so many bytes fit, as four more is what one of ours has. */
static u32 piece(const struct call *c)
{
	return wire_room(&c->out) / (ENTRY_MIN + 4) * ENTRY_MIN;
}

/*
 * Go to `off`. Where a directory goes on is its file system's to say, and NFS servers use all 64
 * bits: what is negative to lseek(2) can be read on from, but not gone to.
 */
static int go_to(struct fid *f, u64 off)
{
	if (off && off == f->at)
		return 0;
	if (lseek(f->fd, (off_t)off, SEEK_SET) == -1)
		return -errno;
	f->at = off;
	return 0;
}

/* As many entries as there are and fit. 0; -EINVAL: not even one does; -errno. With the lock. */
static int list(struct call *c, struct fid *f, u64 off)
{
	u8 *bytes = c->r->scratch->bytes;
	u32 max = sizeof(c->r->scratch->bytes), empty = c->out.len;
	bool full = false;
	struct stat st;
	int err = fstat(f->fd, &st) ? -errno : go_to(f, off);

	if (err)
		return err;
	do {
		long n = syscall(SYS_getdents64, f->fd, bytes, MIN(MAX(piece(c), ENTRY_MAX), max));

		/* What there is already is the answer; an error will come again. */
		if (n <= 0)
			return n && c->out.len == empty ? -errno : 0;
		for (long i = 0; i < n;) {
			const struct entry *e = (const struct entry *)(bytes + i);

			full = full || !put_entry(c, e, st.st_dev);
			f->at = (u64)e->off;
			i += e->len;
		}
	} while (!full && piece(c) >= ENTRY_MAX);
	return c->out.len == empty ? -EINVAL : 0;
}

int do_readdir(struct call *c)
{
	int err;
	struct fid *f = call_fid(c, &err);
	u64 off = wire_get64(&c->in);
	u32 count = wire_get32(&c->in), max = c->out.max;
	struct wire_out start;

	if (!f)
		return err;
	start = c->out;
	wire_put32(&c->out, 0);
	if (c->in.bad || f->kind != FID_OPEN) {
		err = f->kind == FID_OPEN ? -EINVAL : -EBADF;
	} else {
		/* `count` is of the entries alone. */
		if (count < max - c->out.len)
			c->out.max = c->out.len + count;
		pthread_mutex_lock(&c->s->dir_lock);
		err = list(c, f, off);
		pthread_mutex_unlock(&c->s->dir_lock);
		c->out.max = max;
	}
	fid_put(&c->s->fids, f);
	wire_put32(&start, c->out.len - start.len - 4);
	return err;
}
