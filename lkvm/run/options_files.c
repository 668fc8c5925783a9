/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --add-file and --add-dir: files that are appended to the initrd.
 *
 * Thread: main.
 * Trust:  the user's own command line, and files.
 */
#include "lkvm/run/options_files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/base/cpio.h"
#include "lkvm/base/log.h"
#include "lkvm/run/config.h"

#define MAX_FIELDS 3u

struct fields {
	unsigned nr;
	char text[MAX_FIELDS][PATH_MAX];
};

/* Split at colons; one that belongs to a name is written twice. */
static int split(struct fields *f, const char *name, const char *val, unsigned max)
{
	size_t n = 0;

	f->nr = 1;
	for (const char *p = val; *p; p++) {
		if (*p == ':' && p[1] != ':') {
			if (f->nr == max) {
				log_error("--%s %s: has more than %u parts; a colon in a name is "
					  "written twice",
					  name, val, max);
				return -EINVAL;
			}
			f->text[f->nr++ - 1][n] = 0;
			n = 0;
			continue;
		}
		p += *p == ':';
		if (n + 1 == PATH_MAX) {
			log_error("--%s %s: a name is too long", name, val);
			return -ENAMETOOLONG;
		}
		f->text[f->nr - 1][n++] = *p;
	}
	f->text[f->nr - 1][n] = 0;
	if (!*f->text[0]) {
		log_error("--%s: the name of what is to be added is missing", name);
		return -EINVAL;
	}
	return 0;
}

static int parse_mode(const char *name, const char *text, u32 *mode)
{
	u32 m = 0;

	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '7' || m > 0777)
			goto bad;
		m = m * 8 + (u32)(*p - '0');
	}
	if (*text) {
		*mode = m;
		return 0;
	}
bad:
	log_error("--%s: '%s' is no mode; give octal digits, as 755", name, text);
	return -EINVAL;
}

static int need_cpio(struct config *c)
{
	if (!c->files)
		c->files = cpio_create();
	return c->files ? 0 : log_errno(-ENOMEM, "cannot add files to the initrd");
}

int options_add_file(void *conf, const char *name, const char *val)
{
	struct config *c = conf;
	u32 mode = CPIO_MODE_OF_FILE;
	char what[32], dst[PATH_MAX];
	const char *slash;
	struct fields f;
	int err = split(&f, name, val, MAX_FIELDS);

	if (!err && f.nr == 3)
		err = parse_mode(name, f.text[2], &mode);
	if (!err)
		err = need_cpio(c);
	if (err)
		return err;
	snprintf(what, sizeof(what), "--%s", name);
	slash = strrchr(f.text[0], '/');
	snprintf(dst, sizeof(dst), "%s",
		 f.nr > 1 && *f.text[1] ? f.text[1]
		 : slash		? slash + 1
					: f.text[0]);
	return cpio_add_file(c->files, what, f.text[0], dst, mode);
}

int options_add_dir(void *conf, const char *name, const char *val)
{
	struct config *c = conf;
	struct fields f;
	char what[32];
	int err = split(&f, name, val, 2);

	if (!err)
		err = need_cpio(c);
	if (err)
		return err;
	snprintf(what, sizeof(what), "--%s", name);
	return cpio_add_tree(c->files, what, f.text[0], f.nr > 1 ? f.text[1] : "/");
}
