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
#include <unistd.h>

#include "lkvm/base/cpio.h"
#include "lkvm/cli/exec_net.h"
#include "lkvm/exec/orders.h"
#include "lkvm/run/devices.h"
#include "lkvm/run/options_devices.h"

/* Tags that kvmtool's guests know. */
#define ROOT_TAG "/dev/root"
#define HOST_TAG "hostfs"

#define HOST_DIR "/host" /* and where they have that share */

/* Of /boot, for a guest that is as this host. */
static int kernel_of_host(struct kernel *k)
{
	struct utsname u;

	if (uname(&u) < 0)
		u.release[0] = 0;
	return kernel_find(k, "", u.release);
}

int rootfs_kernel(struct rootfs *r, struct config *c)
{
	int err;

	if (c->kernel) {
		snprintf(r->kernel.path, sizeof(r->kernel.path), "%s", c->kernel);
		kernel_find_modules(&r->kernel, "");
		return 0;
	}
	err = kernel_of_host(&r->kernel);
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

	if (err == -ENOENT)
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

/* Why the guest could not reach the host's files; NULL: *err is 0, or was said. */
static const char *share_type(struct rootfs *r, const char **type, int *err)
{
	*type = NULL;
	*err = 0;
	if (!*r->kernel.modules)
		return NULL;
	*err = modules_add(&r->modules, r->kernel.modules, "9pnet_virtio");
	if (!*err)
		*err = modules_add(&r->modules, r->kernel.modules, "9p");
	if (*err != -ENOENT)
		return NULL;
	*err = modules_add(&r->modules, r->kernel.modules, "virtiofs");
	if (*err == -ENOENT)
		return "no virtio-fs (virtiofs) either";
	if (*err)
		return NULL;
	*err = -ENOENT;
	if (geteuid())
		return "by virtio-fs, which it has, files are another's unless root runs lkvm";
	if (!devices_can_fs())
		return "for virtio-fs, which it has, there is no virtiofsd here (Debian 13: apt "
		       "install virtiofsd)";
	*type = "virtiofs";
	*err = 0;
	return NULL;
}

int rootfs_share_type(struct rootfs *r, const char **type)
{
	int err;
	const char *why = share_type(r, type, &err);

	if (why)
		log_error("%s has no 9P (9pnet_virtio), by which the guest reaches the host's "
			  "files, and %s; another kernel can be given with -k: of Debian's, that "
			  "of linux-image-arm64",
			  r->kernel.path, why);
	return err;
}

int rootfs_add_share(struct config *c, const char *type, const char *tag, const char *path,
		     bool read_only)
{
	if (type ? config_add_fs(c, tag, path, read_only)
		 : config_add_share(c, tag, path, read_only))
		return 0;
	log_error("Currently only %u shared directories are supported, those that lkvm itself "
		  "adds among them",
		  type ? CONFIG_MAX_FS : CONFIG_MAX_SHARES);
	return -EINVAL;
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

/* The directory that `path` means, into r->dir; r->own: it is one of ~/.lkvm. */
static bool find_dir(struct rootfs *r, const char *path)
{
	const char *home = getenv("HOME");

	r->own = false;
	if (is_dir(path)) {
		snprintf(r->dir, sizeof(r->dir), "%s", path);
		return true;
	}
	if (exists(path) || strchr(path, '/') || !home ||
	    snprintf(r->dir, sizeof(r->dir), "%s/.lkvm/%s", home, path) >= (int)sizeof(r->dir))
		return false;
	r->own = is_dir(r->dir);
	return r->own;
}

static void remove_disk(struct config *c, unsigned i)
{
	c->nr_disks--;
	memmove(&c->disks[i], &c->disks[i + 1], (c->nr_disks - i) * sizeof(c->disks[0]));
}

int rootfs_take_disk(struct rootfs *r, struct config *c)
{
	int found = 0;

	for (unsigned i = 0; i < c->nr_disks;) {
		if (!find_dir(r, c->disks[i].path)) {
			i++;
			continue;
		}
		if (found) {
			log_error("Please use only one rootfs directory atmost");
			return -EINVAL;
		}
		found = 1;
		r->read_only = c->disks[i].read_only;
		remove_disk(c, i);
	}
	return found;
}

#define DEFAULT_ROOT "default"

static int make_default(struct rootfs *r)
{
	const char *home = getenv("HOME");
	int err = setup_rootfs(DEFAULT_ROOT);

	if (err)
		return err;
	snprintf(r->dir, sizeof(r->dir), "%s/.lkvm/" DEFAULT_ROOT, home ? home : "");
	log_info("the root file system is %s, and the host's is at /host", r->dir);
	r->own = true;
	return 1;
}

/* 1: ~/.lkvm/default is the root; 0: there is to be none; -errno. */
static int take_default(struct rootfs *r, struct config *c)
{
	const char *home = getenv("HOME"), *type;
	size_t len;
	int err;

	if (config_has_root(c) || c->dump_dtb || c->realm != REALM_OFF || c->protected_vm ||
	    !home || !*home)
		return 0;
	orders_init(&len);
	if (!c->kernel && !config_kernel_of_tree(c) && kernel_of_host(&r->kernel))
		return 0;
	err = rootfs_kernel(r, c);
	if (err || !*r->kernel.modules || !len || share_type(r, &type, &err) || err)
		return 0;	   /* it will say so itself */
	modules_fini(&r->modules); /* they come in an order */
	return make_default(r);
}

/* The script of --sandbox, if there is one, into r->script. */
static int take_script(struct rootfs *r, const struct config *c, int found)
{
	char *real;
	int err = 0;

	if (!c->sandbox)
		return 0;
	if (!found && (c->realm != REALM_OFF || c->protected_vm)) {
		log_error(
			"--sandbox: a confidential guest sees the host's files only where it is told to: "
			"name its root file system with --disk (lkvm setup makes one)");
		return -EINVAL;
	}
	if (found && !r->own) {
		log_error(
			"--sandbox: the root file system has to be one of lkvm setup, in which the host's "
			"files can be seen; %s is none",
			r->dir);
		return -EINVAL;
	}
	real = realpath(c->sandbox, NULL);
	if (!real)
		return log_errno(-errno, "--sandbox %s", c->sandbox);
	if (snprintf(r->script, sizeof(r->script), HOST_DIR "%s", real) >= (int)sizeof(r->script))
		err = log_errno(-ENAMETOOLONG, "--sandbox %s", c->sandbox);
	free(real);
	return err;
}

static int add_root(struct rootfs *r, struct config *c, struct orders *o)
{
	int err = rootfs_add_share(c, o->type, ROOT_TAG, r->dir, r->read_only);

	if (err || !r->own)
		return err;
	if (!c->name)
		c->name = strrchr(r->dir, '/') + 1;
	if (!c->nr_nics)
		netopt_parse(&c->nics[c->nr_nics++], NULL, 0);
	if (exec_net(o, r->resolv, c))
		err = need_module(r, "virtio_net");
	return err ? err : rootfs_add_share(c, o->type, HOST_TAG, "/", true);
}

int rootfs_prepare(struct rootfs *r, struct config *c)
{
	struct orders o = { .modules = &r->modules, .boot = ROOT_TAG };
	int found = rootfs_take_disk(r, c), err;

	err = found < 0 ? found : take_script(r, c, found);
	if (err)
		return err;
	if (*r->script)
		o.script = r->script;
	if (!found)
		found = o.script ? make_default(r) : take_default(r, c);
	if (found <= 0)
		return found;
	if (c->firmware || c->nodefaults) {
		log_error("--disk: a directory cannot be the root with --firmware or --nodefaults");
		return -EINVAL;
	}
	err = rootfs_kernel(r, c);
	if (!err)
		err = rootfs_modules(r, c, NULL, 0);
	if (!err)
		err = rootfs_share_type(r, &o.type);
	if (!err)
		err = add_root(r, c, &o);
	if (!err && !c->files)
		c->files = cpio_create();
	if (!err && !c->files)
		err = log_errno(-ENOMEM, "--disk");
	c->sandbox = NULL;
	return err ? err : orders_write(&o, c->files);
}
