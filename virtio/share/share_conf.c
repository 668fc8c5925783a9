/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The --9p option: DIR[,TAG][,tag=TAG][,ro][,map=host|root].
 *
 * Thread: main, before others run.
 * Trust:  the user's own command line.
 *
 * kvmtool knows DIR[,TAG]. So the second word is a tag unless it is one of ours; tag= is for tags
 * that look like one of ours.
 */
#include "virtio/share/share_conf.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/fields.h"
#include "lkvm/base/log.h"

static int set_tag(struct share_conf *conf, const char *tag)
{
	size_t n = strlen(tag);

	if (!n || n > SHARE_TAG_LEN) {
		log_error("--9p: tag '%s' must have 1 to %u characters", tag, SHARE_TAG_LEN);
		return -EINVAL;
	}
	memcpy(conf->tag, tag, n + 1);
	return 0;
}

static int parse_map(const char *v, struct share_conf *conf)
{
	if (strcmp(v, "host") == 0) {
		conf->map = SHARE_MAP_HOST;
	} else if (strcmp(v, "root") == 0) {
		conf->map = SHARE_MAP_ROOT;
	} else {
		log_error("--9p: unknown map '%s', known are host and root", v);
		return -EINVAL;
	}
	return 0;
}

/* `first`: the field behind the directory. */
static int parse_field(const char *field, bool first, struct share_conf *conf)
{
	const char *v;

	if (strcmp(field, "ro") == 0) {
		conf->read_only = true;
		return 0;
	}
	v = field_value(field, "map");
	if (v)
		return parse_map(v, conf);
	v = field_value(field, "tag");
	if (v)
		return set_tag(conf, v);
	if (first)
		return set_tag(conf, field);
	log_error("--9p: unknown flag '%s', known are ro, map= and tag= (a comma in a name is "
		  "written ',,')",
		  field);
	return -EINVAL;
}

int share_conf_parse(const char *arg, struct share_conf *conf)
{
	char field[SHARE_TAG_LEN + 32];
	int more, err;

	*conf = (struct share_conf){ .tag = "kvm_9p" };
	more = field_next(&arg, conf->path, sizeof(conf->path));
	if (more < 0 || !conf->path[0]) {
		log_error("--9p: %s",
			  more < 0 ? "the directory's name is too long" : "a directory is missing");
		return -EINVAL;
	}
	for (bool first = true; more; first = false) {
		more = field_next(&arg, field, sizeof(field));
		if (more < 0) {
			log_error("--9p: a flag is too long");
			return -EINVAL;
		}
		err = parse_field(field, first, conf);
		if (err)
			return err;
	}
	return 0;
}

int share_conf_check(const struct share_conf *confs, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		for (unsigned k = 0; k < i; k++) {
			if (strcmp(confs[i].tag, confs[k].tag) != 0)
				continue;
			log_error("--9p: two have the tag %s, give one of them another by tag=",
				  confs[i].tag);
			return -EINVAL;
		}
	}
	return 0;
}
