/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding a kernel, and its modules.
 *
 * Thread: main.
 * Trust:  the files are the host's.
 */
#include "lkvm/exec/kernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/exec/modules.h"

#define RELEASE_MAX 65u /* __NEW_UTS_LEN, and a NUL */
#define BANNER "Linux version "

static bool is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* `release` may be any part of a path, of which "" and ".." are directories, too. */
static bool set_modules(struct kernel *k, const char *root, const char *release)
{
	static const char *const dirs[] = { "/lib/modules", "/usr/lib/modules" };
	bool is_release = *release && *release != '.';

	for (unsigned i = 0; i < ARRAY_SIZE(dirs) && is_release; i++) {
		int n = snprintf(k->modules, sizeof(k->modules), "%s%s/%s", root, dirs[i], release);

		if (n < (int)sizeof(k->modules) && is_dir(k->modules))
			return true;
	}
	k->modules[0] = 0;
	return false;
}

/* What the banner of the image in `buf` says. */
static bool release_in(const char *buf, size_t len, char release[RELEASE_MAX])
{
	const char *p = memmem(buf, len, BANNER, sizeof(BANNER) - 1);
	size_t n = 0;

	if (!p)
		return false;
	for (p += sizeof(BANNER) - 1; p + n < buf + len && n + 1 < RELEASE_MAX; n++) {
		if (p[n] <= ' ' || p[n] == '/')
			break;
		release[n] = p[n];
	}
	release[n] = 0;
	/* The format string of the kernel's own has a %s there. */
	return n && *release >= '0' && *release <= '9';
}

/* Pieces that overlap, so that a banner between two of them is found; no kernel is larger. */
#define PIECE (1 * MiB)
#define OVERLAP 128u
#define KERNEL_MAX (512 * MiB)

/* What is no regular file (a FIFO without an end, /dev/zero) is for the loader to refuse. */
static int open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool release_of_file(const char *path, char release[RELEASE_MAX])
{
	int fd = open_regular(path);
	char *buf = malloc(PIECE);
	bool found = false;
	off_t at = 0;
	ssize_t n;

	while (fd >= 0 && buf && !found && at < (off_t)KERNEL_MAX &&
	       (n = pread(fd, buf, PIECE, at)) > 0) {
		found = release_in(buf, (size_t)n, release);
		if ((size_t)n < PIECE)
			break;
		at += (off_t)(PIECE - OVERLAP);
	}
	free(buf);
	if (fd >= 0)
		close(fd);
	return found;
}

void kernel_find_modules(struct kernel *k, const char *root)
{
	char release[RELEASE_MAX], path[PATH_MAX];
	const char *base = strrchr(k->path, '/'), *dash;
	char *dir;

	k->modules[0] = 0;
	base = base ? base + 1 : k->path;
	dash = strchr(base, '-');
	if (dash && set_modules(k, root, dash + 1))
		return;
	/* .../modules/RELEASE/vmlinuz */
	snprintf(path, sizeof(path), "%.*s", (int)MAX(base - k->path - 1, (ptrdiff_t)0), k->path);
	dir = strrchr(path, '/');
	if (dir && set_modules(k, root, dir + 1))
		return;
	if (release_of_file(k->path, release))
		set_modules(k, root, release);
}

/* ---- finding one ---- */

static bool try_kernel(struct kernel *k, const char *root, const char *path)
{
	if (snprintf(k->path, sizeof(k->path), "%s%s", root, path) >= (int)sizeof(k->path) ||
	    access(k->path, R_OK))
		return false;
	kernel_find_modules(k, root);
	return true;
}

static bool has_9p(const struct kernel *k)
{
	struct modules m = { .nr = 0 };
	bool has = *k->modules && !modules_add(&m, k->modules, "9pnet_virtio");

	modules_fini(&m);
	return has;
}

static int only_kernels(const struct dirent *d)
{
	return !strncmp(d->d_name, "vmlinuz-", 8);
}

/* The others of /boot, the newest first, as far as names tell. */
static bool find_in_boot(struct kernel *k, const char *root)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct dirent **names;
	bool found = false;
	int nr;

	snprintf(dir, sizeof(dir), "%s/boot", root);
	nr = scandir(dir, &names, only_kernels, versionsort);
	for (int i = nr - 1; i >= 0; i--) {
		snprintf(path, sizeof(path), "/boot/%s", names[i]->d_name);
		found = found || (try_kernel(k, root, path) && has_9p(k));
		free(names[i]);
	}
	if (nr >= 0)
		free(names);
	return found;
}

int kernel_find(struct kernel *k, const char *root, const char *release)
{
	static const char *const forms[] = { "/boot/vmlinuz-%s", "/usr/lib/modules/%s/vmlinuz",
					     "/lib/modules/%s/vmlinuz" };
	struct kernel other;
	bool found = false;

	for (unsigned i = 0; i < ARRAY_SIZE(forms) && !found; i++) {
		char path[PATH_MAX];
		const char *form = strchr(forms[i], '%');

		snprintf(path, sizeof(path), "%.*s%s%s", (int)(form - forms[i]), forms[i], release,
			 form + 2);
		found = try_kernel(k, root, path);
	}
	if (found && has_9p(k))
		return 0;
	if (find_in_boot(&other, root)) {
		*k = other;
		return 0;
	}
	return found ? 0 : -ENOENT;
}
