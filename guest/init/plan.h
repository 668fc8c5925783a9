/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EXEC_CONF (lkvm/exec/wire.h) as a structure, and what is done of it before there are streams. */
#ifndef GUEST_INIT_PLAN_H
#define GUEST_INIT_PLAN_H

#include "guest/init/sys.h"
#include "lkvm/exec/wire.h"

#define PLAN_MAX_MODULES 32u
#define PLAN_MAX_SHARES 8u
#define PLAN_MAX_NICS 5u

struct plan_share {
	const char *flag, *tag, *path;
};

struct plan_nic {
	const char *name;
	unsigned address, router; /* of IPv4, in this machine's byte order; 0: none */
};

struct plan {
	const char *modules[PLAN_MAX_MODULES], *root, *boot, *script;
	const char *type; /* of the shares' file system; NULL: 9p */
	struct plan_share shares[PLAN_MAX_SHARES];
	struct plan_nic nics[PLAN_MAX_NICS];
	const char *resolv; /* NULL: as the root has it */
	unsigned nr_modules, nr_shares, nr_nics, nr_groups;
	unsigned groups[EXEC_MAX_GROUPS], uid;
	const char *name, *cwd;
	char mode;
	char **env, **args; /* each ends with NULL; before args[0] there is room for one more */
};

/* What went wrong: of EXEC_FAILED. */
struct failure {
	enum exec_failure what;
	long err; /* errno */
	unsigned which;
};

/* Read the file. False: *f says why. */
bool plan_read(struct plan *p, struct failure *f);

/* Load the modules. */
bool plan_load(const struct plan *p, struct failure *f);

/* Mount everything, and go there: / is the command's root from then on. */
bool plan_mount(const struct plan *p, struct failure *f);

/* Mount p->boot as the root, and become the init in it. Returns if that cannot be. */
void plan_boot(const struct plan *p);

/* Write what is still in memory to the shares that are written to. */
void plan_sync(const struct plan *p);

/* What any root of ours has beside its files, below `root` ("" for /). */
void plan_mount_kernel(const char *root);

#endif
