/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The --fs option.
 *
 * Thread: main, before others run.
 * Trust:  the user's own command line.
 */
#include "virtio/vhost/fs_conf.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/fields.h"
#include "lkvm/base/log.h"

#define BAD(...) (log_error("--fs: " __VA_ARGS__), -EINVAL)

static int set_string(char *to, size_t max, const char *what, const char *val)
{
	size_t n = strlen(val);

	if (!n || n > max)
		return BAD("%s '%s' must have 1 to %zu characters", what, val, max);
	memcpy(to, val, n + 1);
	return 0;
}

static int parse_sandbox(const char *val, struct fs_conf *conf)
{
	static const char *const names[] = {
		[FS_SANDBOX_NAMESPACE] = "namespace",
		[FS_SANDBOX_CHROOT] = "chroot",
		[FS_SANDBOX_NONE] = "none",
	};

	for (unsigned i = FS_SANDBOX_NAMESPACE; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(val, names[i])) {
			conf->sandbox = (enum fs_sandbox)i;
			return 0;
		}
	}
	return BAD("unknown sandbox '%s', known are namespace, chroot and none", val);
}

/* 1: it is none of them. */
static int parse_flag(const char *field, struct fs_conf *conf)
{
	const char *v;

	if (!strcmp(field, "ro")) {
		conf->read_only = true;
		return 0;
	}
	if ((v = field_value(field, "tag")))
		return set_string(conf->tag, FS_TAG_LEN, "tag", v);
	if ((v = field_value(field, "socket")))
		return set_string(conf->socket, FS_SOCKET_LEN, "socket", v);
	if ((v = field_value(field, "sandbox")))
		return parse_sandbox(v, conf);
	return 1;
}

static int check(const struct fs_conf *conf)
{
	if (!conf->path[0] && !conf->socket[0])
		return BAD("a directory is missing");
	if (conf->socket[0] && (conf->read_only || conf->sandbox != FS_SANDBOX_AUTO))
		return BAD("ro and sandbox= are for the daemon that listens at socket= to know");
	return 0;
}

int fs_conf_parse(const char *arg, struct fs_conf *conf)
{
	char field[PATH_MAX];
	bool first = true;
	int more, err;

	*conf = (struct fs_conf){ .tag = "virtiofs" };
	do {
		more = field_next(&arg, field, sizeof(field));
		if (more < 0)
			return BAD("a name is too long");
		/* A directory that is called ro is ./ro. */
		err = first && !field_value(field, "socket") ? 1 : parse_flag(field, conf);
		if (err == 1 && first)
			memcpy(conf->path, field, strlen(field) + 1);
		else if (err == 1)
			return BAD("unknown flag '%s', known are ro, tag=, socket= and sandbox= (a "
				   "comma in a name is written ',,')",
				   field);
		else if (err)
			return err;
		first = false;
	} while (more);
	return check(conf);
}

int fs_conf_check(const struct fs_conf *confs, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		for (unsigned k = 0; k < i; k++) {
			if (!strcmp(confs[i].tag, confs[k].tag))
				return BAD("two have the tag %s, give one of them another by tag=",
					   confs[i].tag);
		}
	}
	return 0;
}
