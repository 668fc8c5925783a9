/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The directory of control sockets.
 *
 * Thread: main.
 * Trust:  the user's own home directory; what else lies in it is left alone.
 */
#include "lkvm/control/control_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lkvm/base/encode.h"

#define DIR_NAME ".lkvm"
#define SESSION_NAME "lkvm" /* below $XDG_RUNTIME_DIR */
#define SUFFIX ".sock"
#define BACKLOG 16

void control_dir_file(char file[CONTROL_FILE_MAX], const char *name)
{
	size_t len = text_add(file, CONTROL_NAME_MAX, 0, name);

	text_add(file, CONTROL_FILE_MAX, len, SUFFIX);
}

/* Through the descriptor: 108 bytes of sun_path are enough for any name. */
static struct sockaddr_un socket_addr(int dir, const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char file[CONTROL_FILE_MAX];
	size_t n = text_add(a.sun_path, sizeof(a.sun_path), 0, "/proc/self/fd/");

	control_dir_file(file, name);
	n = text_add_number(a.sun_path, sizeof(a.sun_path), n, (unsigned)dir);
	n = text_add(a.sun_path, sizeof(a.sun_path), n, "/");
	text_add(a.sun_path, sizeof(a.sun_path), n, file);
	return a;
}

bool control_name_ok(const char *name)
{
	size_t len = strnlen(name, CONTROL_NAME_MAX);
	char safe[CONTROL_NAME_MAX];

	if (!len || len == CONTROL_NAME_MAX || *name == '.' || strchr(name, '/'))
		return false;
	memcpy(safe, name, len);
	encode_safe(safe, len, "");
	return !memcmp(safe, name, len);
}

/* Ours alone; kvmtool's may be open to others. */
static int make_private(int fd, const char **what)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid()) {
		*what = "belongs to somebody else";
		return -EPERM;
	}
	return (st.st_mode & 077) && fchmod(fd, 0700) < 0 ? -errno : 0;
}

/* The directory `name` in `base`, made if it is missing. -errno; *what: words for that, or NULL. */
static int open_at(int base, const char *name, const char **what)
{
	int fd, err;

	if (mkdirat(base, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = make_private(fd, what);
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Is it on a file system that several hosts have? FUSE: nobody can tell. */
static bool is_of_many(int fd)
{
	static const u32 kinds[] = {
		NFS_SUPER_MAGIC,
		SMB_SUPER_MAGIC,
		SMB2_SUPER_MAGIC,
		CIFS_SUPER_MAGIC,
		CEPH_SUPER_MAGIC,
		AFS_SUPER_MAGIC,
		AFS_FS_MAGIC,
		CODA_SUPER_MAGIC,
		V9FS_MAGIC,
		OCFS2_SUPER_MAGIC,
		FUSE_SUPER_MAGIC,
		0x01161970 /* GFS2 */,
		0x0bd00bd0 /* Lustre */,
		0x19830326 /* BeeGFS */,
		0x47504653 /* GPFS */,
	};
	struct statfs fs;
	bool known = !fstatfs(fd, &fs), many = false;

	for (unsigned i = 0; known && !many && i < ARRAY_SIZE(kinds); i++)
		many = (u32)fs.f_type == kinds[i];
	return many;
}

/* This host's directory in `all`, which is closed, if others have that, too. As open_at(). */
static int of_this_host(int all, const char **what)
{
	char name[8 + sizeof((struct utsname *)NULL)->nodename] = ".host-";
	struct utsname u;
	int fd;

	if (!is_of_many(all) || uname(&u) < 0)
		return all;
	text_add(name, sizeof(name), strlen(name), u.nodename);
	for (char *slash = name; (slash = strchr(slash, '/'));)
		*slash = '_';
	fd = open_at(all, name, what);
	close(all);
	return fd;
}

/* The directory `name` in `home`, or that of this host's sockets there; -errno, and `why`. */
static int open_in(const char *home, const char *name, bool sockets, char *why, size_t why_len)
{
	const char *what = NULL;
	int base = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = base < 0 ? -errno : open_at(base, name, &what);

	if (base >= 0)
		close(base);
	if (fd >= 0 && sockets)
		fd = of_this_host(fd, &what);
	if (fd < 0)
		snprintf(why, why_len, "%s/%s: %s", home, name, what ? what : strerror(-fd));
	return fd;
}

/*
 * Where there is no home, a session of a user has a directory of its own. Root has none that its
 * guests would outlive.
 */
static int open_dir(bool sockets, char *why, size_t why_len)
{
	const char *home = getenv("HOME"), *session = getenv("XDG_RUNTIME_DIR");
	char other[200];
	int fd = -ENOENT;

	if (home && *home)
		fd = open_in(home, DIR_NAME, sockets, why, why_len);
	else
		snprintf(why, why_len, "$HOME is not set");
	if (fd < 0 && geteuid() && session && *session == '/') {
		int second = open_in(session, SESSION_NAME, sockets, other, sizeof(other));

		fd = second < 0 ? fd : second;
	}
	return fd;
}

int control_dir_open(char *why, size_t why_len)
{
	return open_dir(true, why, why_len);
}

int control_dir_open_rootfs(char *why, size_t why_len)
{
	return open_dir(false, why, why_len);
}

static int new_socket(u32 flags)
{
	int s = socket(AF_UNIX, (int)(SOCK_STREAM | SOCK_CLOEXEC | flags), 0);

	return s < 0 ? -errno : s;
}

/* Does somebody listen? Whoever is too busy to be connected to does. */
static int try_connect(int s, int dir, const char *name)
{
	struct sockaddr_un a = socket_addr(dir, name);

	return connect(s, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : 0;
}

static bool is_socket(int dir, const char *file)
{
	struct stat st;

	return !fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) && S_ISSOCK(st.st_mode);
}

/* What a killed lkvm left. With the lock. */
static void remove_stale(int dir, const char *name)
{
	char file[CONTROL_FILE_MAX];
	int s = new_socket(SOCK_NONBLOCK);

	control_dir_file(file, name);
	if (s >= 0 && try_connect(s, dir, name) == -ECONNREFUSED && is_socket(dir, file))
		unlinkat(dir, file, 0);
	if (s >= 0)
		close(s);
}

int control_dir_claim(int dir, const char *name)
{
	struct sockaddr_un a = socket_addr(dir, name);
	char file[CONTROL_FILE_MAX];
	int err = 0, s = new_socket(SOCK_NONBLOCK);

	if (s < 0)
		return s;
	control_dir_file(file, name);
	flock(dir, LOCK_EX);
	remove_stale(dir, name);
	/* The mode of an unbound socket is what bind(2) gives the file, so it is never open. */
	if (fchmod(s, 0600) < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) < 0) {
		err = -errno;
	} else if (listen(s, BACKLOG) < 0) {
		err = -errno;
		unlinkat(dir, file, 0);
	}
	if (err == -EADDRINUSE && !is_socket(dir, file))
		err = -EEXIST;
	flock(dir, LOCK_UN);
	if (!err)
		return s;
	close(s);
	return err;
}

void control_dir_release(int dir, const char *name)
{
	char file[CONTROL_FILE_MAX];

	control_dir_file(file, name);
	unlinkat(dir, file, 0);
}

int control_dir_connect(int dir, const char *name)
{
	/* A guest whose queue is full for so long will not answer either. */
	const struct timeval patience = { .tv_sec = 5 };
	int s = control_name_ok(name) ? new_socket(0) : -ENOENT, err;

	if (s < 0)
		return s;
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	err = try_connect(s, dir, name);
	if (!err)
		return s;
	close(s);
	if (err != -ECONNREFUSED)
		return err;
	flock(dir, LOCK_EX);
	remove_stale(dir, name);
	flock(dir, LOCK_UN);
	return -ENOENT;
}

/* ---- names ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int add_name(struct control_names *n, const char *name, size_t len)
{
	void *more = realloc(n->names, (n->nr + 1) * sizeof(*n->names));

	if (!more)
		return -ENOMEM;
	n->names = more;
	memcpy(n->names[n->nr], name, len);
	n->names[n->nr++][len] = 0;
	return 0;
}

/* Length of the name in an entry of the wanted type, or 0. */
static size_t name_in(int dir, const struct dirent *d, mode_t type)
{
	size_t len = strlen(d->d_name), suffix = type == S_IFSOCK ? strlen(SUFFIX) : 0;
	struct stat st;

	if (d->d_name[0] == '.' || len <= suffix || len - suffix >= CONTROL_NAME_MAX ||
	    strcmp(d->d_name + len - suffix, suffix ? SUFFIX : "") != 0 ||
	    fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || (st.st_mode & S_IFMT) != type)
		return 0;
	return len - suffix;
}

static int names_of(int dir, mode_t type, struct control_names *out)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	*out = (struct control_names){ 0 };
	if (!d) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (e = readdir(d))) {
		size_t len = name_in(dir, e, type);

		if (len)
			err = add_name(out, e->d_name, len);
	}
	closedir(d);
	if (err)
		control_names_free(out);
	else if (out->nr)
		qsort(out->names, out->nr, sizeof(*out->names), by_name);
	return err;
}

int control_dir_guests(int dir, struct control_names *out)
{
	return names_of(dir, S_IFSOCK, out);
}

int control_dir_rootfs(int dir, struct control_names *out)
{
	return names_of(dir, S_IFDIR, out);
}

void control_names_free(struct control_names *n)
{
	free(n->names);
	*n = (struct control_names){ 0 };
}
