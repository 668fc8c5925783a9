/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cpio archive, written.
 *
 * Thread: main.
 * Trust:  names and files are the user's.
 * Spec:   Linux Documentation/driver-api/early-userspace/buffer-format.rst
 *
 * The name of a directory ends with a slash. Where Linux finds a link to a directory under that
 * name, it would remove the link to make the directory; with the slash it follows the link, and
 * finds that the directory is there.
 */
#include "lkvm/base/cpio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/infile.h"
#include "lkvm/base/log.h"

#define HEADER_LEN 110u
#define HEADER "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X"
#define TRAILER "TRAILER!!!"
#define PERMISSIONS 07777u
#define FILE_MAX UINT64_C(0xfffffff0) /* its length has eight digits, too */

struct entry {
	char *name; /* without the first slash; a directory's ends with one */
	u32 mode;   /* with its type */
	unsigned major, minor;
	u64 len;
	char *file; /* where the bytes are; NULL: */
	u8 *bytes;  /* here */
};

struct cpio {
	struct entry *entries;
	unsigned nr, room;
};

struct cpio *cpio_create(void)
{
	return calloc(1, sizeof(struct cpio));
}

static void entry_fini(struct entry *e)
{
	free(e->name);
	free(e->file);
	free(e->bytes);
}

void cpio_destroy(struct cpio *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->nr; i++)
		entry_fini(&c->entries[i]);
	free(c->entries);
	free(c);
}

/* ---- names ---- */

/*
 * `path` without doubled slashes and dots, and without the slash in front, into name[0..PATH_MAX).
 * The root is "". False: it has "..", or is too long.
 */
static bool clean(char *name, const char *path)
{
	size_t n = 0;

	for (;;) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (!len)
			break;
		if (len == 2 && !memcmp(path, "..", 2))
			return false;
		if (len != 1 || *path != '.') {
			if (n + len + 2 >= PATH_MAX)
				return false;
			if (n)
				name[n++] = '/';
			memcpy(name + n, path, len);
			n += len;
		}
		path += len;
	}
	name[n] = 0;
	return true;
}

/* As the root file systems of this world have them; an entry sets them also where it finds one. */
static u32 mode_of_parent(const char *name)
{
	if (!strcmp(name, "tmp/") || !strcmp(name, "var/tmp/"))
		return S_IFDIR | 01777;
	return strcmp(name, "root/") ? S_IFDIR | 0755 : S_IFDIR | 0700;
}

/* ---- entries ---- */

static int out_of_memory(const char *what)
{
	return log_errno(-ENOMEM, "%s", what);
}

/* Takes over what `e` points to, also on an error. */
static int push(struct cpio *c, const char *what, struct entry e)
{
	if (c->nr == c->room) {
		unsigned room = c->room ? 2 * c->room : 32;
		struct entry *more = realloc(c->entries, room * sizeof(*more));

		if (more) {
			c->entries = more;
			c->room = room;
		}
	}
	if (c->nr == c->room || !e.name) {
		entry_fini(&e);
		return out_of_memory(what);
	}
	c->entries[c->nr++] = e;
	return 0;
}

static bool has_dir(const struct cpio *c, const char *name)
{
	for (unsigned i = 0; i < c->nr; i++)
		if (!strcmp(c->entries[i].name, name))
			return true;
	return false;
}

/* The directories above `name`. Those of the entry before, which often are the same, are there. */
static int add_parents(struct cpio *c, const char *what, const char *name)
{
	const char *slash = strrchr(name, '/'), *last = c->nr ? c->entries[c->nr - 1].name : "";
	char dir[PATH_MAX];
	int err = 0;

	if (!slash || !strncmp(name, last, (size_t)(slash + 1 - name)))
		return 0;
	for (const char *at = name; (at = strchr(at, '/')) && at[1] && !err; at++) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(at + 1 - name), name);
		if (!has_dir(c, dir))
			err = push(
				c, what,
				(struct entry){ .name = strdup(dir), .mode = mode_of_parent(dir) });
	}
	return err;
}

/* Takes over what `e` points to; its name is made from `dst`. */
static int add(struct cpio *c, const char *what, const char *dst, struct entry e)
{
	char name[PATH_MAX];
	bool ok = clean(name, dst);
	int err = 0;

	if (!ok || !*name) {
		log_error("%s: '%s' is no place for it: give a path without '..'", what, dst);
		err = -EINVAL;
	} else if (!strcmp(name, TRAILER)) {
		log_error(
			"%s: '%s' is the name that ends an initrd: give it another one, or put it below "
			"a directory",
			what, dst);
		err = -EINVAL;
	}
	if (!err)
		err = add_parents(c, what, name);
	if (err) {
		entry_fini(&e);
		return err;
	}
	if (asprintf(&e.name, "%s%s", name, S_ISDIR(e.mode) ? "/" : "") < 0)
		e.name = NULL;
	return push(c, what, e);
}

/* ---- what is added ---- */

static int check_file(const char *what, const char *src, const struct stat *st)
{
	if (!S_ISREG(st->st_mode)) {
		log_error("%s %s: is not a regular file", what, src);
		return S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL;
	}
	if ((u64)st->st_size > FILE_MAX) {
		log_error("%s %s: is too large for an initrd", what, src);
		return -EFBIG;
	}
	return 0;
}

int cpio_add_file(struct cpio *c, const char *what, const char *src, const char *dst, u32 mode)
{
	struct stat st;
	struct entry e = { .name = NULL };
	int err;

	if (stat(src, &st) < 0 || access(src, R_OK) < 0)
		return log_errno(-errno, "%s %s", what, src);
	err = check_file(what, src, &st);
	if (err)
		return err;
	e.mode = S_IFREG | (mode == CPIO_MODE_OF_FILE ? st.st_mode & PERMISSIONS : mode);
	e.len = (u64)st.st_size;
	e.file = strdup(src);
	return e.file ? add(c, what, dst, e) : out_of_memory(what);
}

int cpio_add_bytes(struct cpio *c, const char *what, const char *dst, const void *bytes, size_t len,
		   u32 mode)
{
	struct entry e = { .mode = S_IFREG | mode, .len = len, .bytes = malloc(len + 1) };

	if (!e.bytes)
		return out_of_memory(what);
	memcpy(e.bytes, bytes, len);
	return add(c, what, dst, e);
}

int cpio_add_dir(struct cpio *c, const char *what, const char *dst, u32 mode)
{
	return add(c, what, dst, (struct entry){ .mode = S_IFDIR | mode });
}

int cpio_add_node(struct cpio *c, const char *what, const char *dst, u32 mode, unsigned major,
		  unsigned minor)
{
	return add(c, what, dst, (struct entry){ .mode = mode, .major = major, .minor = minor });
}

static int add_link(struct cpio *c, const char *what, const char *src, const char *dst)
{
	struct entry e = { .mode = S_IFLNK | 0777 };
	char target[PATH_MAX];
	ssize_t n = readlink(src, target, sizeof(target));

	if (n < 0)
		return log_errno(-errno, "%s %s", what, src);
	if ((size_t)n == sizeof(target)) {
		log_error("%s %s: is a link to a name that is too long", what, src);
		return -ENAMETOOLONG;
	}
	e.len = (u64)n;
	e.bytes = malloc((size_t)n + 1);
	if (!e.bytes)
		return out_of_memory(what);
	memcpy(e.bytes, target, (size_t)n);
	return add(c, what, dst, e);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int no_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

static int add_below(struct cpio *c, const char *what, const char *src, const char *dst);

static int add_any(struct cpio *c, const char *what, const char *from, const char *to)
{
	struct stat st;
	int err;

	if (lstat(from, &st) < 0)
		return log_errno(-errno, "%s %s", what, from);
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		return cpio_add_file(c, what, from, to, CPIO_MODE_OF_FILE);
	case S_IFLNK:
		return add_link(c, what, from, to);
	case S_IFDIR:
		err = cpio_add_dir(c, what, to, st.st_mode & PERMISSIONS);
		return err ? err : add_below(c, what, from, to);
	default:
		log_warn("%s %s: is left out, as it is no file, directory or link", what, from);
		return 0;
	}
}

/* Names are on the heap: directories may lie deep in each other. */
static int add_entry(struct cpio *c, const char *what, const char *src, const char *dst,
		     const char *name)
{
	char *from = NULL, *to = NULL;
	int err;

	if (asprintf(&from, "%s/%s", src, name) < 0)
		from = NULL;
	if (asprintf(&to, "%s/%s", dst, name) < 0)
		to = NULL;
	err = from && to ? add_any(c, what, from, to) : out_of_memory(what);
	free(from);
	free(to);
	return err;
}

static int add_below(struct cpio *c, const char *what, const char *src, const char *dst)
{
	struct dirent **names;
	int nr = scandir(src, &names, no_dots, by_bytes), err = 0;

	if (nr < 0)
		return log_errno(-errno, "%s %s", what, src);
	for (int i = 0; i < nr; i++) {
		if (!err)
			err = add_entry(c, what, src, dst, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return err;
}

int cpio_add_tree(struct cpio *c, const char *what, const char *src, const char *dst)
{
	char name[PATH_MAX];
	struct stat st;
	int err = 0;

	if (stat(src, &st) < 0)
		return log_errno(-errno, "%s %s", what, src);
	if (!S_ISDIR(st.st_mode)) {
		log_error("%s %s: is not a directory", what, src);
		return -ENOTDIR;
	}
	/* The root is there in any case. */
	if (!clean(name, dst) || *name)
		err = cpio_add_dir(c, what, dst, st.st_mode & PERMISSIONS);
	return err ? err : add_below(c, what, src, dst);
}

/* ---- bytes ---- */

static u64 padded(u64 n)
{
	return align_up(n, 4);
}

static u64 entry_size(size_t name_len, u64 len)
{
	return padded(HEADER_LEN + name_len + 1) + padded(len);
}

u64 cpio_size(const struct cpio *c)
{
	u64 size = entry_size(strlen(TRAILER), 0);

	for (unsigned i = 0; i < c->nr; i++)
		size += entry_size(strlen(c->entries[i].name), c->entries[i].len);
	return size;
}

bool cpio_is_empty(const struct cpio *c)
{
	return !c->nr;
}

/* A header and the name; returns where the content goes. */
static u8 *write_header(u8 *at, unsigned number, const struct entry *e)
{
	size_t name_len = strlen(e->name);
	u64 len = padded(HEADER_LEN + name_len + 1);

	memset(at, 0, len);
	/* Number, mode, owner, group, links, time, length, disk, device, length of name, sum. */
	snprintf((char *)at, HEADER_LEN + 1, HEADER, number, e->mode, 0, 0, 1, 0, (unsigned)e->len,
		 0, 0, e->major, e->minor, (unsigned)name_len + 1, 0);
	memcpy(at + HEADER_LEN, e->name, name_len);
	return at + len;
}

static int write_content(u8 *at, const struct entry *e)
{
	int fd, err;

	if (!e->file) {
		if (e->len)
			memcpy(at, e->bytes, e->len);
		return 0;
	}
	fd = open(e->file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return log_errno(-errno, "Reading %s", e->file);
	err = infile_read(fd, e->file, at, e->len, 0);
	close(fd);
	return err;
}

int cpio_write(const struct cpio *c, void *dst)
{
	char trailer[] = TRAILER;
	const struct entry end = { .name = trailer };
	u8 *at = dst;

	for (unsigned i = 0; i < c->nr; i++) {
		const struct entry *e = &c->entries[i];
		int err;

		at = write_header(at, i + 1, e);
		err = write_content(at, e);
		if (err)
			return err;
		memset(at + e->len, 0, padded(e->len) - e->len);
		at += padded(e->len);
	}
	write_header(at, 0, &end);
	return 0;
}
