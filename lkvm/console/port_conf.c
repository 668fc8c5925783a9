/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The --console-port option: NAME,file=PATH|socket=PATH|pty.
 *
 * Thread: main, before others run.
 * Trust:  the user's own command line.
 */
#include "lkvm/console/port_conf.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/fields.h"
#include "lkvm/base/log.h"

static int set_path(struct port_conf *conf, enum port_kind kind, const char *path)
{
	if (!*path) {
		log_error("--console-port: port '%s' has an empty path", conf->name);
		return -EINVAL;
	}
	conf->kind = kind;
	memcpy(conf->path, path, strlen(path) + 1);
	return 0;
}

static int parse_target(struct port_conf *conf, const char *field)
{
	const char *v = field_value(field, "file");

	if (v)
		return set_path(conf, PORT_FILE, v);
	v = field_value(field, "socket");
	if (v)
		return set_path(conf, PORT_SOCKET, v);
	if (strcmp(field, "pty") != 0) {
		log_error("--console-port: '%s' is nothing to connect port '%s' to, known are "
			  "file=, socket= and pty",
			  field, conf->name);
		return -EINVAL;
	}
	conf->kind = PORT_PTY;
	return 0;
}

int port_conf_parse(const char *arg, struct port_conf *conf)
{
	char field[PATH_MAX];
	int more;

	*conf = (struct port_conf){ .in = -1, .out = -1 };
	more = field_next(&arg, conf->name, sizeof(conf->name));
	/* It becomes the name of a file in the guest. */
	if (more < 0 || !conf->name[0] || strchr(conf->name, '/')) {
		log_error("--console-port: a port's name has 1 to %u characters, none of them '/'",
			  PORT_NAME_MAX - 1);
		return -EINVAL;
	}
	more = more ? field_next(&arg, field, sizeof(field)) : -EINVAL;
	if (more) {
		log_error("--console-port: port '%s' wants one of file=PATH, socket=PATH and pty "
			  "behind its name (a comma in a name is written ',,')",
			  conf->name);
		return -EINVAL;
	}
	return parse_target(conf, field);
}

int port_conf_check(const struct port_conf *confs, unsigned nr)
{
	for (unsigned i = 1; i < nr; i++) {
		for (unsigned k = 0; k < i; k++) {
			if (strcmp(confs[i].name, confs[k].name) != 0)
				continue;
			log_error("--console-port: there are two ports '%s'", confs[i].name);
			return -EINVAL;
		}
	}
	return 0;
}
