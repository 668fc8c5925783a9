/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line of lkvm exec.
 *
 * Thread: main.
 * Trust:  the user's own command line and environment.
 */
#include "lkvm/cli/exec_conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/options.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/run/options_run.h"

/* Where ":/" stands in `val` for the last time, or its length. */
static size_t last_colon(const char *val)
{
	size_t at = strlen(val);

	for (const char *p = val; (p = strstr(p, ":/")); p++)
		at = (size_t)(p - val);
	return at;
}

static int parse_dir(void *conf, const char *name, const char *val)
{
	struct exec_conf *e = conf;
	struct exec_dir *d = &e->dirs[e->nr_dirs];
	/* The last one, so that a directory may have colons in its name if DST is given. */
	size_t len = last_colon(val);
	char src[PATH_MAX];

	if (e->nr_dirs == EXEC_MAX_DIRS) {
		log_error("--%s: at most %u directories", name, EXEC_MAX_DIRS);
		return -EINVAL;
	}
	if (len >= sizeof(src) || strlen(val + len) >= sizeof(d->dst)) {
		log_error("--%s: the name is too long", name);
		return -ENAMETOOLONG;
	}
	snprintf(src, sizeof(src), "%.*s", (int)len, val);
	if (!realpath(src, d->src))
		return log_errno(-errno, "--%s %s", name, src);
	snprintf(d->dst, sizeof(d->dst), "%s", val[len] ? val + len + 1 : d->src);
	if (!strcmp(d->dst, "/")) {
		log_error("--%s %s: the guest's root is the host's, under a layer that is thrown "
			  "away; give another place",
			  name, val);
		return -EINVAL;
	}
	d->read_only = !strcmp(name, "ro");
	e->nr_dirs++;
	return 0;
}

static int parse_cwd(void *conf, const char *name, const char *val)
{
	struct exec_conf *e = conf;

	if (*val != '/') {
		log_error("--%s wants an absolute path, not '%s'", name, val);
		return -EINVAL;
	}
	e->cwd = val;
	return 0;
}

static int parse_env(void *conf, const char *name, const char *val)
{
	struct exec_conf *e = conf;

	if (!*val || *val == '=') {
		log_error("--%s wants NAME=VALUE or NAME, not '%s'", name, val);
		return -EINVAL;
	}
	if (e->nr_env == EXEC_MAX_ENV) {
		log_error("--%s: at most %u variables", name, EXEC_MAX_ENV);
		return -EINVAL;
	}
	e->env[e->nr_env++] = val;
	return 0;
}

static int word(void *conf, const char *word)
{
	struct exec_conf *e = conf;

	if (!e->command)
		e->command = word;
	return 0;
}

#define FIELD(member) offsetof(struct exec_conf, member)

/* clang-format off */
static const struct opt opts[] = {
	{ .store = OPT_HEADING, .help = "Options of exec" },
	{ .name = "ro", .own = true, .arg = "dir[:dst]", .store = OPT_CALL, .parse = parse_dir,
	  .help = "Show the command this directory of the host at <dst> (default: where the host has it), as it is now and "
		  "will be; it cannot write there" },
	{ .name = "rw", .own = true, .arg = "dir[:dst]", .store = OPT_CALL, .parse = parse_dir,
	  .help = "The same, and what the command writes there the host has" },
	{ .name = "cwd", .own = true, .arg = "dir", .store = OPT_CALL, .parse = parse_cwd,
	  .help = "Start the command in this directory of the guest's. Without it that is the current directory, to which "
		  "the command may then write" },
	{ .name = "env", .own = true, .arg = "name[=value]", .store = OPT_CALL, .parse = parse_env,
	  .help = "A variable of the command's environment; without a value as it is here. Beside these it has PATH, HOME, "
		  "USER, LOGNAME, SHELL, TZ, LANG, LC_*, on a terminal TERM, and nothing else of ours" },
	{ .name = "modules", .own = true, .arg = "dir", .store = OPT_STRING, .offset = FIELD(modules),
	  .help = "Where the kernel's modules are, with modules.dep; default /lib/modules/<release>" },
};
/* clang-format on */

const struct opt_spec options_exec = {
	.usage = "lkvm exec [<options of exec and of run>] [--] <command> [<argument>...]",
	.base = &options_run,
	.opts = opts,
	.nr_opts = ARRAY_SIZE(opts),
	.word = word,
	.command = true,
};

int exec_conf_parse(struct exec_conf *e, int argc, char **argv, char *const **command)
{
	int status;

	config_init(&e->c);
	/* What a command prints is not to be mixed with what lkvm has to say of a guest. */
	e->c.loglevel = LOG_WARNING;
	status = options_parse(&options_exec, e, argc, argv);
	*command = NULL;
	for (int i = 1; i < argc && e->command && !*command; i++) {
		if (argv[i] == e->command)
			*command = argv + i;
	}
	return status;
}

/* ---- the environment ---- */

static bool add(struct exec_conf *e, char *made)
{
	if (made)
		e->made_env[e->nr_made++] = made;
	return made;
}

static bool add_ours(struct exec_conf *e, const char *name)
{
	const char *val = getenv(name);
	char *made;

	if (!val)
		return true;
	if (asprintf(&made, "%s=%s", name, val) < 0)
		made = NULL;
	return add(e, made);
}

extern char **environ;

/*
 * Has an --env, from number `from` on, the name that `var` has (NAME or NAME=VALUE)? execve(2)
 * hands on all, and programs differ in which of two they take: there is only one.
 */
static bool is_given(const struct exec_conf *e, unsigned from, const char *var)
{
	size_t len = strcspn(var, "=");

	for (unsigned i = from; i < e->nr_env; i++) {
		if (strcspn(e->env[i], "=") == len && !strncmp(e->env[i], var, len))
			return true;
	}
	return false;
}

static bool make_env(struct exec_conf *e, bool tty)
{
	static const char *const ours[] = { "PATH",  "HOME", "USER", "LOGNAME",
					    "SHELL", "TZ",   "LANG", "LANGUAGE" };
	bool ok = true;

	for (unsigned i = 0; i < ARRAY_SIZE(ours) && ok; i++)
		ok = is_given(e, 0, ours[i]) || add_ours(e, ours[i]);
	if (ok && tty && !is_given(e, 0, "TERM"))
		ok = add_ours(e, "TERM");
	for (char **v = environ; *v && ok; v++) {
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(*v, "="), *v);
		if (!strncmp(*v, "LC_", 3) && !is_given(e, 0, name))
			ok = add(e, strdup(*v));
	}
	for (unsigned i = 0; i < e->nr_env && ok; i++) {
		if (!is_given(e, i + 1, e->env[i]))
			ok = strchr(e->env[i], '=') ? add(e, strdup(e->env[i]))
						    : add_ours(e, e->env[i]);
	}
	return ok;
}

const char *const *exec_conf_env(struct exec_conf *e, bool tty, unsigned *nr)
{
	unsigned most = e->nr_env + 16;

	for (char **v = environ; *v; v++)
		most++;
	e->made_env = calloc(most, sizeof(*e->made_env));
	if (!e->made_env || !make_env(e, tty))
		return NULL;
	*nr = e->nr_made;
	return (const char *const *)e->made_env;
}

void exec_conf_fini(struct exec_conf *e)
{
	while (e->nr_made)
		free(e->made_env[--e->nr_made]);
	free(e->made_env);
	e->made_env = NULL;
	config_fini(&e->c);
}
