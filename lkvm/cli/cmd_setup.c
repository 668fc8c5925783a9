/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm setup: a root file system for guests below ~/.lkvm, that of kvmtool: a skeleton whose
 * programs are links to those of the host, which the guest has at /host, and our init.
 *
 * Thread: main.
 * Trust:  the user's own command line, and home; what lies in a root file system that is there
 *         already may be what a hostile guest has left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/base/options.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/cli/rootfs.h"
#include "lkvm/control/control_dir.h"
#include "lkvm/exec/orders.h"

static const char *const dirs[] = { "dev", "etc", "home", "host",    "proc", "root",
				    "sys", "tmp", "var",  "var/lib", "virt", "virt/home" };

static const char *const links[] = { "bin", "lib", "lib64", "sbin", "usr", "etc/ld.so.conf" };

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n";

/*
 * The directory that holds `name`, and what it is called in there. A guest that has this for its
 * root can put a link in the place of a directory: none is followed, as it leads to the host's.
 */
static int open_parent(int dir, const char *name, const char **base)
{
	const char *slash = strchr(name, '/');
	char first[16] = ".";
	int fd;

	*base = slash ? slash + 1 : name;
	if (slash)
		snprintf(first, sizeof(first), "%.*s", (int)(slash - name), name);
	fd = openat(dir, first, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int write_all(int dir, const char *name, const void *bytes, size_t len, mode_t mode)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	ssize_t n = fd < 0 ? -1 : write(fd, bytes, len);
	int err = n < 0 ? -errno : (size_t)n < len ? -ENOSPC : 0;

	if (fd >= 0 && close(fd) < 0 && !err)
		err = -errno;
	return err;
}

/*
 * Under another name until it is whole: half a file would stay, and what a guest has put in its
 * place (a pipe, a link) is replaced and not opened. Who has the old one open keeps that.
 */
static int write_file(int dir, const char *name, const void *bytes, size_t len, mode_t mode)
{
	char part[32];
	int err;

	snprintf(part, sizeof(part), "%s.%d", name, (int)getpid());
	unlinkat(dir, part, 0);
	err = write_all(dir, part, bytes, len, mode);
	if (!err && renameat(dir, part, dir, name) < 0)
		err = -errno;
	if (err)
		unlinkat(dir, part, 0);
	return err;
}

static bool is_same(int dir, const char *name, const void *bytes, size_t len)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *buf = malloc(len + 1);
	bool same = fd >= 0 && buf && read(fd, buf, len + 1) == (ssize_t)len &&
		    !memcmp(buf, bytes, len);

	free(buf);
	if (fd >= 0)
		close(fd);
	return same;
}

/* ---- what there is to be ---- */

static int make_dir(int dir, const char *base, const char *name)
{
	return mkdirat(dir, base, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int make_link(int dir, const char *base, const char *name)
{
	char to[64];

	snprintf(to, sizeof(to), "/host/%s", name);
	return symlinkat(to, dir, base) < 0 && errno != EEXIST ? -errno : 0;
}

static int make_passwd(int dir, const char *base, const char *name)
{
	if (!faccessat(dir, base, F_OK, AT_SYMLINK_NOFOLLOW))
		return 0;
	return write_file(dir, base, passwd, sizeof(passwd) - 1, 0644);
}

static int make_init(int dir, const char *base, const char *name)
{
	size_t len;
	const void *init = orders_init(&len);

	return is_same(dir, base, init, len) ? 0 : write_file(dir, base, init, len, 0755);
}

/* fn() is given the directory, what it is called in there, and its whole name. */
static int make(int (*fn)(int dir, const char *base, const char *name), int root, const char *name)
{
	const char *base;
	int dir = open_parent(root, name, &base), err;

	if (dir < 0)
		return dir;
	err = fn(dir, base, name);
	close(dir);
	return err;
}

/* What is there already stays as it is, but for the init, which is of this program. */
static int fill(int root)
{
	int err = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(dirs) && !err; i++)
		err = make(make_dir, root, dirs[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(links) && !err; i++)
		err = make(make_link, root, links[i]);
	if (!err)
		err = make(make_passwd, root, "etc/passwd");
	return err ? err : make(make_init, root, "virt/init");
}

int setup_rootfs(const char *name)
{
	char why[PATH_MAX];
	int home = control_dir_open_rootfs(why, sizeof(why)), dir = -1, err;

	if (home < 0) {
		log_error("%s", why);
		return home;
	}
	err = mkdirat(home, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
	if (!err) {
		dir = openat(home, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		err = dir < 0 ? -errno : fill(dir);
	}
	if (dir >= 0)
		close(dir);
	close(home);
	return err ? log_errno(err, "cannot set up ~/.lkvm/%s", name) : 0;
}

static int word(void *conf, const char *word)
{
	const char **name = conf;

	if (*name) {
		log_error("lkvm setup takes one name");
		return -EINVAL;
	}
	*name = word;
	return 0;
}

const struct opt_spec options_setup = {
	.usage = "lkvm setup <name>",
	.word = word,
};

int cmd_setup(int argc, char **argv)
{
	const char *name = NULL;
	size_t len;
	int status = options_parse(&options_setup, &name, argc, argv);

	if (status)
		return status;
	if (!name || !control_name_ok(name)) {
		log_error("lkvm setup: give a name for the root file system, without '/'");
		return EXIT_DIE;
	}
	orders_init(&len);
	if (!len) {
		log_error(
			"lkvm setup: this lkvm was built for a machine that runs no guests: there "
			"is no init for them in it");
		return EXIT_DIE;
	}
	if (setup_rootfs(name))
		return EXIT_DIE;
	/* Whether it is a new one, or was there and only has another init now. */
	printf("The root file system is ~/.lkvm/%s; lkvm run -d %s starts a guest with it\n", name,
	       name);
	return 0;
}
