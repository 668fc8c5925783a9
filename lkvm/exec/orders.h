/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The initrd of a guest that is to run a command: our init (guest/init), the kernel's modules, and
 * EXEC_CONF, which says what to do. All of it is measured in a Realm. Main thread.
 */
#ifndef LKVM_EXEC_ORDERS_H
#define LKVM_EXEC_ORDERS_H

#include <sys/types.h>

#include "lkvm/base/util.h"
#include "lkvm/exec/modules.h"

struct cpio;

#define ORDERS_MAX_SHARES 7u /* beside the root */

struct orders_share {
	const char *tag, *path; /* where the guest has it: an absolute path */
	bool read_only;
};

#define ORDERS_MAX_NICS 4u

struct orders_nic {
	char name[16];
	u32 address, router; /* IPv4, in host byte order; 0: none */
};

struct orders {
	const struct modules *modules;
	const char *type; /* file system of the shares; NULL: 9p */
	unsigned nr_nics;
	struct orders_nic nics[ORDERS_MAX_NICS];
	const char *resolv; /* what /etc/resolv.conf is to be; NULL: what it is */
	const char *script; /* for boot: what the init in there runs; NULL: what it has */
	const char *boot;   /* tag of a root whose own init is started; then nothing below counts */
	const char *root;   /* tag of the share of the host's root */
	unsigned nr_shares;
	struct orders_share shares[ORDERS_MAX_SHARES];
	const char *name, *cwd;
	char mode; /* see wire.h */
	uid_t uid;
	unsigned nr_gids;
	const gid_t *gids;
	unsigned nr_env;
	const char *const *env;
	char *const *argv; /* ends with NULL */
};

/* Put all of it into `c`. 0, or -errno after one log_error() line. */
int orders_write(const struct orders *o, struct cpio *c);

/* The static init for guests that this program has in it; *len 0: it has none. */
const void *orders_init(size_t *len);

#endif
