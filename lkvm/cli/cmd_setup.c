/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm setup: a root file system for guests below ~/.lkvm, that of kvmtool: a skeleton whose
 * programs are links to those of the host, which the guest has at /host, and our init.
 *
 * Thread: main.
 * Trust:  the user's own command line, and home.
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

static int write_file(int dir, const char *name, const void *bytes, size_t len, mode_t mode)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	ssize_t n = fd < 0 ? -1 : write(fd, bytes, len);
	int err = n < 0 ? -errno : (size_t)n < len ? -ENOSPC : 0;

	if (fd >= 0 && close(fd) < 0 && !err)
		err = -errno;
	/* What is there already stays, the next time: half a file must not. */
	if (fd >= 0 && err)
		unlinkat(dir, name, 0);
	return err;
}

/* A guest may have it open: what is the same is not written again. */
static bool is_same(int dir, const char *name, const void *bytes, size_t len)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *buf = malloc(len + 1);
	bool same = fd >= 0 && buf && read(fd, buf, len + 1) == (ssize_t)len &&
		    !memcmp(buf, bytes, len);

	free(buf);
	if (fd >= 0)
		close(fd);
	return same;
}

/* What is there already stays as it is, but for the init, which is of this program. */
static int fill(int dir)
{
	char to[64];
	size_t len;
	const void *init = orders_init(&len);
	int err = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(dirs) && !err; i++)
		err = mkdirat(dir, dirs[i], 0755) < 0 && errno != EEXIST ? -errno : 0;
	for (unsigned i = 0; i < ARRAY_SIZE(links) && !err; i++) {
		snprintf(to, sizeof(to), "/host/%s", links[i]);
		err = symlinkat(to, dir, links[i]) < 0 && errno != EEXIST ? -errno : 0;
	}
	if (!err && faccessat(dir, "etc/passwd", F_OK, 0) < 0)
		err = write_file(dir, "etc/passwd", passwd, sizeof(passwd) - 1, 0644);
	if (err || is_same(dir, "virt/init", init, len))
		return err;
	return write_file(dir, "virt/init", init, len, 0755);
}

int setup_rootfs(const char *name)
{
	char why[PATH_MAX];
	int home = control_dir_open(why, sizeof(why)), dir = -1, err;

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

static bool is_name(const char *name)
{
	return *name && *name != '.' && strlen(name) < CONTROL_NAME_MAX && !strchr(name, '/');
}

int cmd_setup(int argc, char **argv)
{
	const char *name = NULL;
	size_t len;
	int status = options_parse(&options_setup, &name, argc, argv);

	if (status)
		return status;
	if (!name || !is_name(name)) {
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
	printf("A new root file system: ~/.lkvm/%s\n", name);
	return 0;
}
