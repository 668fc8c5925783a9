/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From what the guest names to files of the host: one step at a time, never out of the shared
 * directory, never through a link of the file system or of /proc.
 *
 * Thread: any worker.
 * Trust:  names are the guest's. Directories may be moved about meanwhile, by the guest and by the
 *         host. A descriptor stays the file that it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "virtio/share/call.h"

/* Who is on the other side, and has no number there [Linux: overflowuid]. */
#define NOBODY 65534u

/* Directories may be so deep [PATH_MAX / 2]. */
#define MAX_DEPTH 2048u

struct fid *call_fid(struct call *c, int *err)
{
	u32 nr = wire_get32(&c->in);
	struct fid *f = c->in.bad ? NULL : fid_get(&c->s->fids, nr);

	*err = c->in.bad ? -EINVAL : f ? 0 : -EBADF;
	return f;
}

struct fid *call_fid_writable(struct call *c, int *err)
{
	struct fid *f = call_fid(c, err);

	if (f && c->s->read_only) {
		fid_put(&c->s->fids, f);
		*err = -EROFS;
		return NULL;
	}
	return f;
}

int call_name(struct call *c, char name[NAME_MAX + 1])
{
	int err = wire_get_string(&c->in, name, NAME_MAX + 1);

	if (err)
		return err;
	if (c->in.bad || !*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	return 0;
}

const char *host_path(int fd, char path[HOST_PATH_LEN])
{
	snprintf(path, HOST_PATH_LEN, "/proc/self/fd/%d", fd);
	return path;
}

static bool is_root(const struct share *s, const struct stat *st)
{
	return st->st_dev == s->root_dev && st->st_ino == s->root_ino;
}

/*
 * Is `dir` below the shared directory? From a directory that the host has moved away the way up
 * leads elsewhere. The root of all is its own parent, and below nothing. 0 or -errno.
 */
static int below_root(const struct share *s, int dir)
{
	struct stat st, last = { 0 };
	int at = dir, up, err = 0;

	for (unsigned depth = 0; !err; depth++) {
		err = fstat(at, &st) ? -errno : 0;
		if (err || is_root(s, &st))
			break;
		if (depth == MAX_DEPTH || (st.st_dev == last.st_dev && st.st_ino == last.st_ino)) {
			err = -ENOENT;
			break;
		}
		last = st;
		up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0)
			err = -errno;
		if (at != dir)
			close(at);
		at = up;
	}
	if (at >= 0 && at != dir)
		close(at);
	return err;
}

int host_dup(int fd)
{
	int new = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return new < 0 ? -errno : new;
}

/* A new descriptor for the parent of `dir`. */
static int host_parent(struct share *s, int dir)
{
	struct stat st;
	int fd, err;

	if (fstat(dir, &st))
		return -errno;
	if (is_root(s, &st))
		return host_dup(s->root);
	fd = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = below_root(s, fd);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

static int beneath(int dir, const char *name, u64 flags, u64 mode)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC | O_NOFOLLOW,
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	long fd;

	/* EAGAIN: somebody has moved something at that moment. */
	do
		fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd < 0 ? -errno : (int)fd;
}

int host_walk(struct share *s, int dir, const char *name)
{
	if (strcmp(name, "..") == 0)
		return host_parent(s, dir);
	return beneath(dir, name, O_PATH, 0);
}

int host_create(int dir, const char *name, int flags)
{
	/* Ours alone, until host_own() says whose it is. */
	return beneath(dir, name, (u64)flags | O_CREAT | O_NOCTTY | O_NONBLOCK, 0600);
}

int host_open(int fd, int flags)
{
	char path[HOST_PATH_LEN];
	struct stat st;
	int new;

	if (fstat(fd, &st))
		return -errno;
	/* A guest opens its own devices, pipes and sockets; a link cannot be opened. */
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return S_ISLNK(st.st_mode) ? -ELOOP : -ENXIO;
	new = open(host_path(fd, path), flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return new < 0 ? -errno : new;
}

/* ---- what a file is to the guest ---- */

/* Files of other file systems, mounted below, must not have the numbers of those here. */
static u64 qid_path(const struct share *s, const struct stat *st)
{
	u64 z = (u64)st->st_dev * UINT64_C(0x9e3779b97f4a7c15);

	return st->st_dev == s->root_dev ? st->st_ino : st->st_ino ^ (z ^ z >> 29);
}

void put_qid(struct call *c, const struct stat *st)
{
	wire_put8(&c->out, S_ISDIR(st->st_mode)	  ? P9_QID_DIR
			   : S_ISLNK(st->st_mode) ? P9_QID_SYMLINK
						  : P9_QID_FILE);
	wire_put32(&c->out, (u32)st->st_mtim.tv_sec ^ (u32)st->st_mtim.tv_nsec);
	wire_put64(&c->out, qid_path(c->s, st));
}

int put_qid_of(struct call *c, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	put_qid(c, &st);
	return 0;
}

static u32 to_guest(const struct share *s, u32 id, u32 ours)
{
	if (s->map == SHARE_MAP_HOST)
		return id;
	return id == ours ? 0 : NOBODY;
}

static int to_host(const struct share *s, u32 id, u32 ours, u32 *out)
{
	if (s->map == SHARE_MAP_HOST) {
		*out = id;
		return 0;
	}
	*out = ours;
	return id ? -EPERM : 0;
}

u32 guest_uid(const struct share *s, uid_t uid)
{
	return to_guest(s, uid, geteuid());
}

u32 guest_gid(const struct share *s, gid_t gid)
{
	return to_guest(s, gid, getegid());
}

int host_uid(const struct share *s, u32 uid, uid_t *out)
{
	return to_host(s, uid, geteuid(), out);
}

int host_gid(const struct share *s, u32 gid, gid_t *out)
{
	return to_host(s, gid, getegid(), out);
}

int host_chown(struct share *s, int fd, u32 uid, u32 gid)
{
	uid_t u = (uid_t)-1;
	gid_t g = (gid_t)-1;

	if (s->map == SHARE_MAP_HOST) {
		u = uid == P9_NOUID ? (uid_t)-1 : uid;
		g = gid;
	}
	/* Who is not root makes files of its own, whatever user of the guest asks for them. */
	return fchownat(fd, "", u, g, AT_EMPTY_PATH) && errno != EPERM ? -errno : 0;
}

int host_own(struct share *s, int fd, u32 uid, u32 gid, u32 mode)
{
	char path[HOST_PATH_LEN];
	int err = host_chown(s, fd, uid, gid);

	if (err)
		return err;
	return chmod(host_path(fd, path), mode & 07777) ? -errno : 0;
}
