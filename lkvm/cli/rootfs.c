/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories as root file systems, and kernels with their modules.
 *
 * Thread: main.
 * Trust:  the user's own command line and files.
 */
#include "lkvm/cli/rootfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "lkvm/base/cpio.h"
#include "lkvm/exec/orders.h"

/* Tags that kvmtool's guests know. */
#define ROOT_TAG "/dev/root"
#define HOST_TAG "hostfs"

int rootfs_kernel(struct rootfs *r, struct config *c)
{
	struct utsname u;
	int err;

	if (c->kernel) {
		snprintf(r->kernel.path, sizeof(r->kernel.path), "%s", c->kernel);
		kernel_find_modules(&r->kernel, "");
		return 0;
	}
	if (uname(&u) < 0)
		u.release[0] = 0;
	err = kernel_find(&r->kernel, "", u.release);
	if (err) {
		log_error("there is no kernel for the guest in /boot that you may read: give one "
			  "with -k (Debian has one in the package linux-image-arm64)");
		return err;
	}
	c->kernel = r->kernel.path;
	return 0;
}

static int need_module(struct rootfs *r, const char *name)
{
	int err = modules_add(&r->modules, r->kernel.modules, name);

	if (err == -ENOENT && strstr(name, "9p"))
		log_error("%s has no 9P (%s), by which the guest reaches the host's files: take "
			  "another kernel with -k, of Debian's linux-image-arm64, not of "
			  "linux-image-cloud-arm64",
			  r->kernel.path, name);
	else if (err == -ENOENT)
		log_error("%s: has no %s, which the guest needs", r->kernel.modules, name);
	return err;
}

int rootfs_modules(struct rootfs *r, const struct config *c, const char *const *names, unsigned nr)
{
	int err;

	/* A kernel without modules has what it needs, or says that it has not. */
	if (!*r->kernel.modules)
		return 0;
	err = need_module(r, c->transport == TRANSPORT_MMIO ? "virtio_mmio" : "virtio_pci");
	for (unsigned i = 0; i < nr && !err; i++)
		err = need_module(r, names[i]);
	return err;
}

void rootfs_fini(struct rootfs *r)
{
	modules_fini(&r->modules);
}

/* ---- a directory as --disk ---- */

static bool is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static bool exists(const char *path)
{
	struct stat st;

	return !stat(path, &st);
}

/* The directory that `path` means, into `dir`; *own: it is one of ~/.lkvm. */
static bool find_dir(const char *path, char dir[PATH_MAX], bool *own)
{
	const char *home = getenv("HOME");

	*own = false;
	if (is_dir(path)) {
		snprintf(dir, PATH_MAX, "%s", path);
		return true;
	}
	if (exists(path) || strchr(path, '/') || !home ||
	    snprintf(dir, PATH_MAX, "%s/.lkvm/%s", home, path) >= PATH_MAX)
		return false;
	*own = is_dir(dir);
	return *own;
}

static int add_share(struct config *c, const char *tag, const char *path, bool read_only)
{
	if (config_add_share(c, tag, path, read_only))
		return 0;
	log_error("Currently only %u shared directories are supported", CONFIG_MAX_SHARES);
	return -EINVAL;
}

static void remove_disk(struct config *c, unsigned i)
{
	c->nr_disks--;
	memmove(&c->disks[i], &c->disks[i + 1], (c->nr_disks - i) * sizeof(c->disks[0]));
}

/* 1: a disk is a directory, and a share now; 0: none is; -errno. */
static int take_disk(struct config *c)
{
	char dir[PATH_MAX];
	int found = 0, err;
	bool own;

	for (unsigned i = 0; i < c->nr_disks;) {
		bool read_only = c->disks[i].read_only;

		if (!find_dir(c->disks[i].path, dir, &own)) {
			i++;
			continue;
		}
		if (found) {
			log_error("Please use only one rootfs directory atmost");
			return -EINVAL;
		}
		found = 1;
		remove_disk(c, i);
		err = add_share(c, ROOT_TAG, dir, read_only);
		if (!err && own)
			err = add_share(c, HOST_TAG, "/", true);
		if (err)
			return err;
	}
	return found;
}

int rootfs_prepare(struct rootfs *r, struct config *c)
{
	static const char *const needed[] = { "9pnet_virtio", "9p" };
	const struct orders o = { .modules = &r->modules, .boot = ROOT_TAG };
	int err = take_disk(c);

	if (err <= 0)
		return err;
	if (c->firmware || c->nodefaults) {
		log_error("--disk: a directory cannot be the root with --firmware or --nodefaults");
		return -EINVAL;
	}
	err = rootfs_kernel(r, c);
	if (!err)
		err = rootfs_modules(r, c, needed, ARRAY_SIZE(needed));
	if (!err && !c->files)
		c->files = cpio_create();
	if (!err && !c->files)
		err = log_errno(-ENOMEM, "--disk");
	return err ? err : orders_write(&o, c->files);
}
