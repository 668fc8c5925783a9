/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A directory of the host as a guest's root file system (--disk DIR), and the kernel modules that
 * guests need for what is mounted by 9P. Main thread. 0, or -errno after one log_error() line.
 */
#ifndef LKVM_ROOTFS_H
#define LKVM_ROOTFS_H

#include "lkvm/exec/kernel.h"
#include "lkvm/exec/modules.h"
#include "lkvm/run/config.h"

struct rootfs {
	struct kernel kernel;
	struct modules modules;
};

/*
 * The kernel of the config, or one that is found, which the config then has; and where its modules
 * are.
 */
int rootfs_kernel(struct rootfs *r, struct config *c);

/* Append modules to r->modules: those of the transport, and `names`. */
int rootfs_modules(struct rootfs *r, const struct config *c, const char *const *names, unsigned nr);

/*
 * If a disk is a directory, or the name of one below ~/.lkvm, it becomes a share, and an init that
 * mounts it as the root and starts the init in it is put into the initrd. With one below ~/.lkvm
 * the guest has the host's files, too (share "hostfs"). `r` is zeroed, and outlives the config.
 */
int rootfs_prepare(struct rootfs *r, struct config *c);

void rootfs_fini(struct rootfs *r);

#endif
