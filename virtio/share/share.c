/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A shared directory: its life, the frame of messages, and which handler serves which.
 *
 * Thread: see share.h.
 * Trust:  requests are the guest's. What is not to be written to a file is copied once, and read
 *         from the copy.
 */
#include "virtio/share/share.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "virtio/share/call.h"

static const struct sys_call list[] = {
	CALL(openat2),
	CALL(openat),
	CALL(close),
	CALL(newfstatat),
	CALL(fcntl),
	CALL(fchmodat),
	CALL(fchownat),
	CALL(utimensat),
	CALL(unlinkat),
	CALL(symlinkat),
	CALL(setxattr),
	CALL(removexattr),
	CALL(listxattr),
	CALL(getxattr),
	CALL(renameat),
	CALL(readlinkat),
	CALL(preadv),
	CALL(pwritev),
	CALL(mknodat),
	CALL(mkdirat),
	CALL(lseek),
	CALL(linkat),
	CALL(getdents64),
	CALL(ftruncate),
	CALL(fsync),
	CALL(flock),
	CALL(fdatasync),
	CALL(fstatfs),
	CALL_RARE(pwrite64, "a short write"),
	CALL_RARE(fstat, "by the C library's version"),
	CALL_RARE(renameat2, "by the C library"),
	CALL_RARE(geteuid, "files of somebody else"),
	CALL_RARE(getegid, "files of somebody else"),
};

const struct calls share_calls = CALLS("shared directory", list);

#define MIN_MSIZE 4096u /* what Linux's client asks for at least */
#define ERROR_LEN (P9_HEADER + 4u)
#define WRITE_LEN (P9_HEADER + 16u) /* Twrite: fid[4] offset[8] count[4], then the bytes */

/* ---- frame ---- */

int share_take(struct share_req *r)
{
	u8 *p = r->scratch->request;
	struct wire_in head = { .p = p, .left = P9_HEADER };
	u32 size, want;

	if (iov_read(&r->in, p, P9_HEADER) != P9_HEADER || r->out.left < ERROR_LEN)
		return -EBADMSG;
	size = wire_get32(&head);
	r->type = wire_get8(&head);
	r->tag = wire_get16(&head);
	/* A driver may give more room than the message needs. */
	if (size < P9_HEADER || size - P9_HEADER > r->in.left)
		return -EBADMSG;
	want = r->type == P9_TWRITE ? MIN(size, WRITE_LEN) : size;
	if (want > sizeof(r->scratch->request))
		return -EBADMSG;
	r->len = want;
	iov_read(&r->in, p + P9_HEADER, want - P9_HEADER);
	r->in.left = size - want;
	return 0;
}

static u32 finish(struct call *c, struct iov_cur head, u8 type)
{
	struct wire_out h = { .cur = head, .max = P9_HEADER };

	wire_put32(&h, c->out.len);
	wire_put8(&h, type);
	wire_put16(&h, c->r->tag);
	return c->out.len;
}

static struct wire_out begin(const struct share_req *r, u32 max)
{
	struct wire_out out = { .cur = r->out, .len = P9_HEADER, .max = max };

	iov_skip(&out.cur, P9_HEADER);
	return out;
}

u32 share_flushed(struct share_req *r)
{
	struct call c = { .r = r, .out = begin(r, ERROR_LEN) };

	return finish(&c, r->out, P9_TFLUSH + 1);
}

u16 share_flush_tag(const struct share_req *r)
{
	struct wire_in in = { .p = r->scratch->request + P9_HEADER, .left = r->len - P9_HEADER };

	return wire_get16(&in);
}

/* ---- calls ---- */

int do_version(struct call *c)
{
	u32 msize = wire_get32(&c->in);
	char version[32];
	int err = wire_get_string(&c->in, version, sizeof(version));

	if (c->in.bad || msize < MIN_MSIZE)
		return -EINVAL;
	msize = MIN(msize, c->s->max_msize);
	/* [version(5)] It ends all that was before. */
	fid_clear(&c->s->fids);
	c->s->msize = msize;
	wire_put32(&c->out, msize);
	wire_put_string(&c->out, !err && !strcmp(version, P9_VERSION) ? version : "unknown");
	return 0;
}

static int do_nothing(struct call *c)
{
	return -EOPNOTSUPP;
}

static const call_fn handlers[256] = {
	[P9_TVERSION] = do_version,
	[P9_TAUTH] = do_nothing,
	[P9_TATTACH] = do_attach,
	[P9_TWALK] = do_walk,
	[P9_TCLUNK] = do_clunk,
	[P9_TLOPEN] = do_lopen,
	[P9_TLCREATE] = do_lcreate,
	[P9_TREAD] = do_read,
	[P9_TWRITE] = do_write,
	[P9_TFSYNC] = do_fsync,
	[P9_TREADDIR] = do_readdir,
	[P9_TLOCK] = do_lock,
	[P9_TGETLOCK] = do_getlock,
	[P9_TSYMLINK] = do_symlink,
	[P9_TMKNOD] = do_mknod,
	[P9_TMKDIR] = do_mkdir,
	[P9_TLINK] = do_link,
	[P9_TRENAMEAT] = do_renameat,
	[P9_TUNLINKAT] = do_unlinkat,
	[P9_TREADLINK] = do_readlink,
	[P9_TGETATTR] = do_getattr,
	[P9_TSETATTR] = do_setattr,
	[P9_TSTATFS] = do_statfs,
	[P9_TXATTRWALK] = do_xattrwalk,
	[P9_TXATTRCREATE] = do_xattrcreate,
	/* A fid does not know its name; Linux asks for renameat and unlinkat first. */
	[P9_TRENAME] = do_nothing,
	[P9_TREMOVE] = do_remove,
};

u32 share_serve(struct share *s, struct share_req *r)
{
	struct call c = {
		.s = s,
		.r = r,
		.in = { .p = r->scratch->request + P9_HEADER, .left = r->len - P9_HEADER },
		.out = begin(r, r->type == P9_TVERSION ? MIN_MSIZE : s->msize),
	};
	call_fn fn = handlers[r->type];
	int err = fn ? fn(&c) : -EOPNOTSUPP;

	if (!err && c.in.bad)
		err = -EINVAL;
	if (!err && c.out.full)
		err = -EMSGSIZE;
	if (!err)
		return finish(&c, r->out, (u8)(r->type + 1));
	c.out = begin(r, ERROR_LEN);
	wire_put32(&c.out, (u32)-err);
	return finish(&c, r->out, P9_RLERROR);
}

/* ---- life ---- */

u64 share_privileges(const struct share_conf *conf)
{
	u64 set = BIT(CAP_DAC_READ_SEARCH);

	if (conf->read_only)
		return set;
	set |= BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID);
	if (conf->map == SHARE_MAP_HOST)
		set |= BIT(CAP_CHOWN) | BIT(CAP_MKNOD);
	return set;
}

static int open_root(struct share *s)
{
	struct stat st;
	char path[HOST_PATH_LEN];
	int fd;

	s->root = open(s->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->root < 0 || fstat(s->root, &st))
		return log_errno(-errno, "--9p %s", s->path);
	s->root_dev = st.st_dev;
	s->root_ino = st.st_ino;
	fd = open(host_path(s->root, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		log_error("--9p %s: /proc is not mounted, and files are opened by it", s->path);
		return -ENOENT;
	}
	if (fd < 0)
		return log_errno(-errno, "--9p %s", s->path);
	close(fd);
	fd = host_walk(s, s->root, "..");
	if (fd < 0)
		return log_errno(fd, "--9p %s", s->path);
	close(fd);
	return 0;
}

int share_open(struct share **out, const struct share_conf *conf, u32 msize)
{
	struct share *s = calloc(1, sizeof(*s));
	int err;

	assert(msize >= MIN_MSIZE && msize <= SHARE_MAX_MSIZE);
	if (!s)
		return log_errno(-ENOMEM, "--9p");
	memcpy(s->path, conf->path, sizeof(s->path));
	s->read_only = conf->read_only;
	s->map = conf->map;
	s->max_msize = msize;
	s->msize = MIN_MSIZE;
	s->root = -1;
	pthread_mutex_init(&s->dir_lock, NULL);
	err = fid_table_init(&s->fids);
	if (err)
		log_errno(err, "--9p");
	if (!err)
		err = open_root(s);
	if (err) {
		share_close(s);
		return err;
	}
	*out = s;
	return 0;
}

void share_close(struct share *s)
{
	if (!s)
		return;
	fid_table_fini(&s->fids);
	if (s->root >= 0)
		close(s->root);
	pthread_mutex_destroy(&s->dir_lock);
	free(s);
}

void share_reset(struct share *s)
{
	fid_clear(&s->fids);
	s->msize = MIN_MSIZE;
}
