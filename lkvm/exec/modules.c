/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel modules: names to files.
 *
 * Thread: main.
 * Trust:  the files are the host's.
 * Spec:   modules.dep(5)
 *
 * A line of modules.dep is "FILE: FILE...", names below the directory: a module, and all that it
 * depends on, directly or not. What is loaded last stands first.
 */
#include "lkvm/exec/modules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/log.h"

/* Does `path` name module `name`? Its last part up to ".ko", where - and _ are one. */
static bool is_module(const char *path, size_t len, const char *name)
{
	const char *base = memrchr(path, '/', len), *end;

	base = base ? base + 1 : path;
	end = memmem(base, len - (size_t)(base - path), ".ko", 3);
	if (!end || (size_t)(end - base) != strlen(name))
		return false;
	for (; base < end; base++, name++) {
		if (*base != *name &&
		    !((*base == '-' || *base == '_') && (*name == '-' || *name == '_')))
			return false;
	}
	return true;
}

static bool is_there(const struct modules *m, const char *path)
{
	for (unsigned i = 0; i < m->nr; i++)
		if (!strcmp(m->paths[i], path))
			return true;
	return false;
}

static int push(struct modules *m, const char *dir, const char *file, size_t len)
{
	char *path;

	if (m->nr == MODULES_MAX) {
		log_error("%s: there are more modules to load than %u", dir, MODULES_MAX);
		return -E2BIG;
	}
	/* Where a kernel was installed elsewhere, depmod writes whole paths. */
	if (asprintf(&path, "%s%s%.*s", *file == '/' ? "" : dir, *file == '/' ? "" : "/", (int)len,
		     file) < 0)
		return log_errno(-ENOMEM, "%s", dir);
	if (is_there(m, path)) {
		free(path);
		return 0;
	}
	m->paths[m->nr++] = path;
	return 0;
}

/* All of a line's files, the last one first. */
static int push_line(struct modules *m, const char *dir, char *line)
{
	int err = 0;

	while (!err) {
		char *last = strrchr(line, ' ');
		const char *file = last ? last + 1 : line;
		size_t len = strcspn(file, ":\n");

		if (len)
			err = push(m, dir, file, len);
		if (!last)
			break;
		*last = 0;
	}
	return err;
}

/* Look for a line whose first name is the module's. 1: in *line; 0: there is none; -errno. */
static int find(const char *dir, const char *list, const char *name, char **line)
{
	size_t size = 0;
	char *path;
	FILE *f;
	int err = 0;

	*line = NULL;
	if (asprintf(&path, "%s/%s", dir, list) < 0)
		return -ENOMEM;
	f = fopen(path, "re");
	if (!f)
		err = errno == ENOENT ? 0 : -errno;
	free(path);
	while (f && getline(line, &size, f) > 0) {
		if (is_module(*line, strcspn(*line, ":\n"), name)) {
			err = 1;
			break;
		}
	}
	if (f)
		fclose(f);
	return err;
}

int modules_add(struct modules *m, const char *dir, const char *name)
{
	char *line;
	int found = find(dir, "modules.builtin", name, &line);

	free(line);
	if (found > 0)
		return 0;
	if (!found)
		found = find(dir, "modules.dep", name, &line);
	else
		line = NULL;
	if (found > 0 && line) {
		/* A line without a final newline is cut all the same. */
		line[strcspn(line, "\n")] = 0;
		found = push_line(m, dir, line);
	} else {
		found = found ? log_errno(found, "%s", dir) : -ENOENT;
	}
	free(line);
	return found;
}

void modules_fini(struct modules *m)
{
	while (m->nr)
		free(m->paths[--m->nr]);
}
