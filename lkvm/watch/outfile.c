/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file that appears as a whole.
 *
 * Thread: its owner's.
 * Trust:  names are the user's.
 *
 * The file is made without a name (O_TMPFILE) in the directory where it will be. A new name cannot
 * replace an old one, but a renamed one can: so it gets a name of this process first. Where that
 * cannot be done (some file systems; no /proc, through which a file is given its first name), the
 * file has that name from the start. A link stays, and the file that it leads to is replaced.
 *
 * What standard output or error is (/dev/stdout) is written through them: they would go on writing
 * to a file that has lost its name (file_standard()).
 */
#include "lkvm/watch/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/file.h"
#include "lkvm/base/log.h"

static const struct sys_call list[] = {
	CALL(linkat),
	CALL(unlinkat),
	CALL(renameat),
	CALL_RARE(renameat2, "by the C library"),
};

const struct calls outfile_calls = CALLS("report", list);

#define SELF_FD "/proc/self/fd"

struct outfile {
	const char *option, *name;
	int fd, err;
	bool direct; /* it has its name already, or needs none */
	bool named;  /* it is there as `temporary` */
	char path[PATH_MAX], temporary[PATH_MAX];
};

static int open_fd(struct outfile *o, const char *number)
{
	u64 n;

	if (decode_number(&n, INT_MAX, NUMBER_DEC, number, strlen(number)) ||
	    !file_is_passed((int)n))
		return -EBADF;
	o->direct = true;
	o->fd = fcntl((int)n, F_DUPFD_CLOEXEC, 0);
	return o->fd < 0 ? -errno : 0;
}

/* 0 or -ENAMETOOLONG. */
static int directory(const char *name, char *dir)
{
	const char *slash = strrchr(name, '/');
	int n = snprintf(dir, PATH_MAX, "%.*s", slash ? (int)(slash - name) + 1 : 1,
			 slash ? name : ".");

	return n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static bool is_fd(const char *name)
{
	return !strncmp(name, "fd:", 3);
}

/*
 * path[0..PATH_MAX): `name`, or the file that it leads to if it is a link. stat(2) follows links
 * only where open(2) does (fs.protected_symlinks), which realpath(3) does not ask for.
 * -ELOOP: it leads to something that is not there; as with cp(1) nothing is made there.
 */
static int real_path(const char *name, char *path)
{
	struct stat st;

	if (!stat(name, &st))
		return realpath(name, path) ? 0 : -errno;
	if (errno != ENOENT)
		return -errno;
	if (!lstat(name, &st))
		return -ELOOP;
	return snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Will another file have that name in the end? */
static bool is_replaced(const char *name)
{
	struct stat st;

	return stat(name, &st) || (S_ISREG(st.st_mode) && file_standard(name) < 0);
}

bool outfile_directory(const char *name, char *dir)
{
	char path[PATH_MAX];

	return *name && !is_fd(name) && is_replaced(name) && !real_path(name, path) &&
	       !directory(path, dir);
}

static int open_temporary(struct outfile *o)
{
	char dir[PATH_MAX];
	int err = real_path(o->name, o->path);

	if (err)
		return err;
	if (directory(o->path, dir) ||
	    snprintf(o->temporary, sizeof(o->temporary), "%s.%d~", o->path, (int)getpid()) >=
		    (int)sizeof(o->temporary))
		return -ENAMETOOLONG;
	if (!access(SELF_FD, X_OK)) {
		o->fd = open(dir, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
		if (o->fd >= 0)
			return 0;
		if (errno != EOPNOTSUPP && errno != EISDIR)
			return -errno;
	}
	o->fd = open(o->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	o->named = o->fd >= 0;
	return o->fd < 0 ? -errno : 0;
}

static int open_it(struct outfile *o)
{
	struct stat st;

	if (!*o->name)
		return -ENOENT;
	if (is_fd(o->name))
		return open_fd(o, o->name + 3);
	if (is_replaced(o->name))
		return open_temporary(o);
	if (stat(o->name, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	o->direct = true;
	o->fd = file_open_out(o->name, 0, 0);
	return MIN(o->fd, 0);
}

int outfile_create(struct outfile **out, const char *option, const char *name)
{
	struct outfile *o = calloc(1, sizeof(*o));
	int err;

	if (!o)
		return log_errno(-ENOMEM, "%s", option);
	o->option = option;
	o->name = name;
	o->fd = -1;
	err = open_it(o);
	if (err) {
		if (err == -ELOOP)
			log_error("%s %s: a link to a file that is not there", option, name);
		else
			log_errno(err, "%s %s", option, name);
		outfile_destroy(o);
		return err;
	}
	*out = o;
	return 0;
}

int outfile_fd(const struct outfile *o)
{
	return o->fd;
}

void outfile_write(struct outfile *o, const void *buf, size_t len)
{
	const char *p = buf;

	while (o && len && !o->err) {
		ssize_t n = write(o->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			o->err = n < 0 ? -errno : -EIO;
			return;
		}
		p += n;
		len -= (size_t)n;
	}
}

void outfile_spoil(struct outfile *o, int err)
{
	if (!o->err)
		o->err = err;
}

static int give_name(struct outfile *o)
{
	char self[40];

	if (!o->named) {
		snprintf(self, sizeof(self), SELF_FD "/%d", o->fd);
		/* Whoever had this name had our number, too, and is gone. */
		unlink(o->temporary);
		if (linkat(AT_FDCWD, self, AT_FDCWD, o->temporary, AT_SYMLINK_FOLLOW) < 0)
			return -errno;
		o->named = true;
	}
	if (rename(o->temporary, o->path) < 0)
		return -errno;
	o->named = false;
	return 0;
}

int outfile_commit(struct outfile *o)
{
	int err = o ? o->err : 0;

	if (o && !err && !o->direct)
		err = give_name(o);
	return err ? log_errno(err, "%s %s", o->option, o->name) : 0;
}

void outfile_destroy(struct outfile *o)
{
	if (!o)
		return;
	if (o->named)
		unlink(o->temporary);
	if (o->fd >= 0)
		close(o->fd);
	free(o);
}
