/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm exec: a command in a fresh guest, as if it ran here.
 *
 * Thread: main.
 * Trust:  the user's own command line, environment and files.
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/cpio.h"
#include "lkvm/base/log.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/cli/exec_conf.h"
#include "lkvm/cli/rootfs.h"
#include "lkvm/exec/orders.h"
#include "lkvm/exec/session.h"
#include "lkvm/exec/wire.h"

#define ROOT_TAG "lkvm.root"

/* What a command in a guest has, when nothing else is said. */
#define DEFAULT_RAM (1024 * MiB)
#define HOST_SHARE 2u /* at most half of the host's memory */

/*
 * What a kernel prints on a serial port, and the tests that it makes of its ciphers, is what it
 * spends its time with. A panic resets the guest at once, which ends it.
 */
#define PARAMS "quiet panic=-1 cryptomgr.notests"

/* The guest's kernel needs these; the transport's driver comes before them. */
static const char *const needed[] = { "virtio_console", "overlay" };

struct exec {
	struct exec_conf *conf;
	struct rootfs base;
	struct orders orders;
	gid_t gids[NGROUPS_MAX + 1];
	char tags[ORDERS_MAX_SHARES][SHARE_TAG_LEN + 1];
	char params[CONFIG_CMDLINE_SIZE];
	struct session *session;
};

static int find_kernel(struct exec *x)
{
	int err = rootfs_kernel(&x->base, &x->conf->c);

	if (!err && x->conf->modules)
		snprintf(x->base.kernel.modules, sizeof(x->base.kernel.modules), "%s",
			 x->conf->modules);
	if (!err)
		err = rootfs_modules(&x->base, &x->conf->c, needed, ARRAY_SIZE(needed));
	return err ? err : rootfs_share_type(&x->base, &x->orders.type);
}

/* Without any card the command's own machine is all the network there is. */
static int set_network(struct exec *x)
{
	static const char *const driver[] = { "virtio_net" };

	return exec_net(&x->orders, x->base.resolv, &x->conf->c)
		       ? rootfs_modules(&x->base, &x->conf->c, driver, ARRAY_SIZE(driver))
		       : 0;
}

/* ---- what the guest sees of the host ---- */

static int add_share(struct exec *x, const char *tag, const char *path, bool read_only)
{
	return rootfs_add_share(&x->conf->c, x->orders.type, tag, path, read_only);
}

static int add_mount(struct exec *x, const struct exec_dir *d)
{
	unsigned n = x->orders.nr_shares;

	if (n == ORDERS_MAX_SHARES) {
		log_error("--ro, --rw: at most %u directories", ORDERS_MAX_SHARES - 1);
		return -EINVAL;
	}
	snprintf(x->tags[n], sizeof(x->tags[n]), "lkvm.%u", n);
	x->orders.shares[n] = (struct orders_share){ x->tags[n], d->dst, d->read_only };
	x->orders.nr_shares++;
	return add_share(x, x->tags[n], d->src, d->read_only);
}

/* The current directory is the command's, and it may write there; but not to all of the host. */
static int map_host(struct exec *x)
{
	struct exec_conf *e = x->conf;
	struct exec_dir *here = &e->here;
	int err = add_share(x, ROOT_TAG, "/", true);

	if (err || e->cwd)
		return err;
	if (!getcwd(here->src, sizeof(here->src)))
		return log_errno(-errno, "the current directory");
	memcpy(here->dst, here->src, sizeof(here->dst));
	e->cwd = here->dst;
	return strcmp(e->cwd, "/") ? add_mount(x, here) : 0;
}

/* A root of its own, which has no current directory of ours. */
static int map_root(struct exec *x)
{
	static const struct exec_dir host = { .src = "/", .dst = "/host", .read_only = true };
	int err = add_share(x, ROOT_TAG, x->base.dir, true);

	if (!x->conf->cwd)
		x->conf->cwd = "/";
	return err || !x->base.own ? err : add_mount(x, &host);
}

static int map_directories(struct exec *x)
{
	struct exec_conf *e = x->conf;
	int err = rootfs_take_disk(&x->base, &e->c);

	if (err >= 0)
		err = err ? map_root(x) : map_host(x);
	x->orders.root = ROOT_TAG;
	for (unsigned i = 0; i < e->nr_dirs && !err; i++)
		err = add_mount(x, &e->dirs[i]);
	x->orders.cwd = e->cwd;
	return err;
}

/* ---- the command ---- */

static int set_user(struct exec *x)
{
	int nr = getgroups(NGROUPS_MAX, x->gids + 1);

	if (nr < 0)
		return log_errno(-errno, "groups of the user");
	x->gids[0] = getgid();
	x->orders.uid = getuid();
	x->orders.gids = x->gids;
	x->orders.nr_gids = (unsigned)nr + 1;
	if (x->orders.nr_gids >= EXEC_MAX_GROUPS)
		log_warn("the command has the first %u of your %u groups", EXEC_MAX_GROUPS - 1,
			 x->orders.nr_gids);
	return 0;
}

static int make_session(struct exec *x)
{
	struct session_conf s = { .command = x->orders.argv[0] };

	s.tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	s.own_stderr = s.tty && !isatty(STDERR_FILENO);
	x->orders.mode = s.own_stderr ? 'e' : s.tty ? 't' : '-';
	x->session = session_create(&s);
	return x->session ? 0 : log_errno(-ENOMEM, "lkvm exec");
}

/* ---- the machine ---- */

static void set_defaults(struct config *c)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	u64 host = pages > 0 && size > 0 ? (u64)pages * (u64)size : UINT64_MAX;

	if (!c->cpus)
		c->cpus = 1;
	if (!c->ram_size)
		c->ram_size = align_down(MIN(DEFAULT_RAM, host / HOST_SHARE), 2 * MiB);
	if (!c->nr_nics) {
		netopt_parse(&c->nics[0], "mode=none", 0);
		c->nr_nics = 1;
	}
}

static int refuse(const char *why)
{
	log_error("lkvm exec: %s", why);
	return -EINVAL;
}

static int check(const struct exec *x)
{
	const struct config *c = &x->conf->c;

	if (c->sandbox)
		return refuse("--sandbox names a script, so there is no command beside it");
	if (!x->orders.argv)
		return refuse("which command? lkvm exec [<options>] -- <command> [<arguments>]");
	if (c->firmware || c->nodefaults)
		return refuse("--firmware and --nodefaults are for guests of lkvm run");
	if (c->reboot)
		return refuse("--reboot: a command runs once");
	if (c->watch.nr_steps)
		return refuse("--send and --after: what the command reads is the standard input");
	return 0;
}

static int set_params(struct exec *x)
{
	struct config *c = &x->conf->c;
	int n = snprintf(x->params, sizeof(x->params), PARAMS "%s%s", *c->params ? " " : "",
			 c->params);

	c->params = x->params;
	return n < (int)sizeof(x->params) ? 0 : refuse("--params is too long");
}

static int prepare(struct exec *x)
{
	struct config *c = &x->conf->c;
	int err = check(x);

	if (!err)
		err = find_kernel(x);
	if (!err)
		err = map_directories(x);
	if (!err)
		err = set_user(x);
	if (!err)
		err = set_params(x);
	if (!err)
		err = make_session(x);
	if (err)
		return err;
	set_defaults(c);
	err = set_network(x);
	if (err)
		return err;
	x->orders.modules = &x->base.modules;
	x->orders.name = "lkvm";
	x->orders.env = exec_conf_env(x->conf, x->orders.mode != '-', &x->orders.nr_env);
	if (!x->orders.env)
		return log_errno(-ENOMEM, "lkvm exec");
	if (!c->files)
		c->files = cpio_create();
	err = c->files ? orders_write(&x->orders, c->files) : log_errno(-ENOMEM, "lkvm exec");
	c->session = x->session;
	return err;
}

/*
 * As env(1) and others that run commands have it: what is not the command's is 125, unless a signal
 * or --timeout says otherwise. (SIGHUP's is the number of EXIT_USAGE, which no guest ends with.)
 */
static int exec_status(int status, const struct session *s)
{
	bool ours = !s || session_status(s) < 0;

	return ours && (status == EXIT_DIE || status == EXIT_GUEST) ? EXIT_FAILED : status;
}

/* As kvmtool's users do it: a script in a root file system of lkvm setup, on its console. */
static int run_script(struct exec *x)
{
	const struct exec_conf *e = x->conf;

	if (e->nr_dirs || e->cwd || e->nr_env || e->modules) {
		refuse("--ro, --rw, --cwd, --env and --modules are for a command, not for a script of --sandbox");
		return EXIT_DIE;
	}
	return rootfs_prepare(&x->base, &x->conf->c) ? EXIT_DIE : run_guest(&x->conf->c);
}

static int run_command(struct exec *x)
{
	return prepare(x) ? EXIT_DIE : run_guest(&x->conf->c);
}

int cmd_exec(int argc, char **argv)
{
	struct exec_conf *conf = calloc(1, sizeof(*conf));
	struct exec *x = calloc(1, sizeof(*x));
	int status = EXIT_FAILED;

	if (!conf || !x) {
		log_errno(-ENOMEM, "lkvm exec");
		goto out;
	}
	x->conf = conf;
	if (exec_conf_parse(conf, argc, argv, &x->orders.argv))
		goto out;
	log_set_level(conf->c.loglevel);
	status = conf->c.sandbox && !x->orders.argv ? run_script(x) : run_command(x);
	status = exec_status(status, x->session);
out:
	if (x) {
		session_destroy(x->session);
		rootfs_fini(&x->base);
	}
	if (conf)
		exec_conf_fini(conf);
	free(conf);
	free(x);
	return status;
}
