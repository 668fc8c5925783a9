/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A directory of the host as a guest's root file system (--disk DIR), and the kernel modules that
 * guests need for what is mounted by 9P. Main thread. 0, or -errno after one log_error() line.
 */
#ifndef LKVM_ROOTFS_H
#define LKVM_ROOTFS_H

#include "lkvm/cli/exec_net.h"
#include "lkvm/exec/kernel.h"
#include "lkvm/exec/modules.h"
#include "lkvm/run/config.h"

struct rootfs {
	struct kernel kernel;
	struct modules modules;
	char dir[PATH_MAX]; /* the directory that becomes the root */
	bool own;	    /* it is one of ~/.lkvm: see rootfs_prepare() */
	bool read_only;
	char script[PATH_MAX]; /* of --sandbox, as the guest sees it */
	char resolv[EXEC_NET_SIZE];
};

/*
 * The kernel of the config, or one that is found, which the config then has; and where its modules
 * are.
 */
int rootfs_kernel(struct rootfs *r, struct config *c);

/* Append modules to r->modules: those of the transport, and `names`. */
int rootfs_modules(struct rootfs *r, const struct config *c, const char *const *names, unsigned nr);

/*
 * The same for the file system by which the guest reaches the host's files. *type: "virtiofs" if
 * the kernel has that and no 9P, and this host can serve it; NULL: 9P.
 */
int rootfs_share_type(struct rootfs *r, const char **type);

/* One directory more for the guest, by a file system of that type. */
int rootfs_add_share(struct config *c, const char *type, const char *tag, const char *path,
		     bool read_only);

/*
 * If a disk is a directory, or the name of one below ~/.lkvm, take it away from the disks; dir, own
 * and read_only are its. 1: there was one; 0: there was none.
 */
int rootfs_take_disk(struct rootfs *r, struct config *c);

/*
 * If a disk is such a directory, it becomes a share, and an init that mounts it as the root and
 * starts the init in it is put into the initrd. With one below ~/.lkvm the guest has the host's
 * files, too (share "hostfs"), its network is brought up, and it has the name of the directory. The
 * same is done with ~/.lkvm/default, which is set up if it is not there, where the user says
 * nothing about a root, and the kernel's modules can be found: what else could such a kernel do?
 * Not for a confidential guest: nobody has allowed it to see the host's files. With --sandbox the
 * guest runs that script, and has to have such a root. `r` is zeroed, and outlives the config.
 */
int rootfs_prepare(struct rootfs *r, struct config *c);

/* Set up ~/.lkvm/NAME, or what is missing there. */
int setup_rootfs(const char *name);

void rootfs_fini(struct rootfs *r);

#endif
