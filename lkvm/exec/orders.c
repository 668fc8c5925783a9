/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The initrd of a guest that is to run a command.
 *
 * Thread: main.
 * Trust:  the user's own command line and environment.
 */
#include "lkvm/exec/orders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lkvm/base/cpio.h"
#include "lkvm/base/log.h"
#include "lkvm/exec/wire.h"

#define WHAT "lkvm exec"

/* In wire.h's form: a letter, words with blanks between them, a NUL. */
static void put_numbers(FILE *f, const struct orders *o)
{
	for (unsigned i = 0; i < MIN(o->nr_gids, EXEC_MAX_GROUPS - 1); i++)
		fprintf(f, "g%u%c", (unsigned)o->gids[i], 0);
	fprintf(f, "u%u%c", (unsigned)o->uid, 0);
}

static void put_all(FILE *f, const struct orders *o)
{
	for (unsigned i = 0; i < o->modules->nr; i++) {
		const char *base = strrchr(o->modules->paths[i], '/');

		fprintf(f, "m/lkvm/modules%s%c", base, 0);
	}
	if (o->type)
		fprintf(f, "f%s%c", o->type, 0);
	for (unsigned i = 0; i < o->nr_nics; i++)
		fprintf(f, "i%s %u %u%c", o->nics[i].name, o->nics[i].address, o->nics[i].router,
			0);
	if (o->resolv)
		fprintf(f, "s%s%c", o->resolv, 0);
	if (o->script)
		fprintf(f, "x%s%c", o->script, 0);
	if (o->boot) {
		fprintf(f, "b%s%c", o->boot, 0);
		return;
	}
	fprintf(f, "r%s%c", o->root, 0);
	for (unsigned i = 0; i < o->nr_shares; i++)
		fprintf(f, "d%s %s %s%c", o->shares[i].read_only ? "ro" : "rw", o->shares[i].tag,
			o->shares[i].path, 0);
	put_numbers(f, o);
	if (o->name)
		fprintf(f, "n%s%c", o->name, 0);
	fprintf(f, "t%c%c", o->mode, 0);
	for (unsigned i = 0; i < o->nr_env; i++)
		fprintf(f, "e%s%c", o->env[i], 0);
	fprintf(f, "c%s%c", o->cwd, 0);
	for (char *const *a = o->argv; *a; a++)
		fprintf(f, "a%s%c", *a, 0);
}

static int add_conf(const struct orders *o, struct cpio *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int err = -ENOMEM;

	if (f) {
		put_all(f, o);
		err = fclose(f) ? -ENOMEM : 0;
	}
	if (err)
		log_errno(err, WHAT);
	else if (len > EXEC_CONF_MAX)
		err = log_errno(-E2BIG, WHAT);
	else
		err = cpio_add_bytes(c, WHAT, EXEC_CONF, text, len, 0600);
	free(text);
	return err;
}

static int add_modules(const struct orders *o, struct cpio *c)
{
	char to[PATH_MAX];
	int err = 0;

	for (unsigned i = 0; i < o->modules->nr && !err; i++) {
		snprintf(to, sizeof(to), "/lkvm/modules%s", strrchr(o->modules->paths[i], '/'));
		err = cpio_add_file(c, WHAT, o->modules->paths[i], to, 0600);
	}
	return err;
}

int orders_write(const struct orders *o, struct cpio *c)
{
	size_t len;
	const void *init = orders_init(&len);
	int err;

	if (!len) {
		log_error("this lkvm was built for a machine that runs no guests: there is no init "
			  "for them in it");
		return -ENOSYS;
	}
	/* Linux opens it for its first process. */
	err = cpio_add_node(c, WHAT, "/dev/console", S_IFCHR | 0600, 5, 1);
	if (!err)
		err = cpio_add_bytes(c, WHAT, "/init", init, len, 0755);
	if (!err)
		err = add_modules(o, c);
	return err ? err : add_conf(o, c);
}
