/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys of the simulated platform, in files.
 *
 * Thread: any.
 * Trust:  the files are the user's own. What others could have written or read is refused: a RAK
 *         that somebody else has signs for Realms that never were.
 * Spec:   [RFC 7468 10 PKCS #8 in PEM], [XDG base directories 0.8]
 *
 * A key is written to a file of its own name, and then linked to its place, which fails when there
 * is one already: of two processes one wins, and both read the winner's.
 */
#include "realm/sim/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"

#define OTHER_DIR "choose another directory with --sim-attest-keys"

int keys_default_dir(char *buf, size_t size)
{
	const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	int n;

	/* A relative path is to be ignored [XDG]. */
	if (xdg && xdg[0] == '/')
		n = snprintf(buf, size, "%s/lkvm/attest-keys", xdg);
	else if (home && home[0] == '/')
		n = snprintf(buf, size, "%s/.local/share/lkvm/attest-keys", home);
	else
		n = -1;
	if (n >= 0 && (size_t)n < size)
		return 0;
	log_error("no place for attestation keys, as HOME is not set: " OTHER_DIR);
	return -ENOENT;
}

/* ---- the directory ---- */

static int check_private(const char *path, const struct stat *st)
{
	if (st->st_uid != geteuid()) {
		log_error("%s belongs to another user: " OTHER_DIR, path);
		return -EPERM;
	}
	if (st->st_mode & 077) {
		log_error(
			"%s is open to others (mode %04o), so its keys may be known: make new ones "
			"in another directory with --sim-attest-keys, or chmod %s it",
			path, st->st_mode & 07777u, S_ISDIR(st->st_mode) ? "700" : "600");
		return -EPERM;
	}
	return 0;
}

static int check_dir(const char *dir, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return check_private(dir, &st);
}

/* The directory and those above it, as mkdir -p makes them; only this one has to be private. */
static int make_dirs(const char *dir)
{
	char path[PATH_MAX];

	if (strlen(dir) >= sizeof(path))
		return -ENAMETOOLONG;
	snprintf(path, sizeof(path), "%s", dir);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int open_dir(const char *dir, bool make)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0 && errno == ENOENT && make) {
		err = make_dirs(dir);
		if (err)
			return log_errno(err, "cannot make %s for attestation keys", dir);
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0) {
		err = -errno;
		if (err != -ENOENT || make)
			log_errno(err, "cannot open %s, the directory of attestation keys", dir);
		return err;
	}
	err = check_dir(dir, fd);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

int keys_check_dir(const char *dir)
{
	int fd = open_dir(dir, false);

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* ---- a key ---- */

struct place {
	const char *dir; /* for messages */
	int dir_fd;
	const char *name;
};

static int fail(const struct place *p, const char *what, int err)
{
	return log_errno(err, "cannot %s %s/%s", what, p->dir, p->name);
}

/* The text of a private file. Its length, -ENOENT without a message, -errno after one. */
static int read_text(const struct place *p, char text[EC_PEM_MAX])
{
	int fd = openat(p->dir_fd, p->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), err;
	char path[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : fail(p, "open", -errno);
	snprintf(path, sizeof(path), "%s/%s", p->dir, p->name);
	if (fstat(fd, &st) < 0) {
		err = fail(p, "look at", -errno);
	} else if (!S_ISREG(st.st_mode)) {
		err = -EINVAL;
		log_error("%s is not a file: " OTHER_DIR, path);
	} else {
		err = check_private(path, &st);
	}
	n = err ? 0 : read(fd, text, EC_PEM_MAX);
	if (n < 0)
		err = fail(p, "read", -errno);
	close(fd);
	return err ? err : (int)n;
}

static int load(const struct place *p, struct ec_key **out)
{
	char text[EC_PEM_MAX];
	struct ec_public public;
	int n = read_text(p, text), err;

	if (n < 0)
		return n;
	err = ec_read_private(out, text, (size_t)n);
	explicit_bzero(text, sizeof(text));
	if (!err) {
		ec_public_of(*out, &public);
		if (public.curve == EC_P384)
			return 0;
		ec_free(*out);
		*out = NULL;
		err = -EINVAL;
	}
	if (err == -EINVAL)
		log_error("%s/%s is not the PEM of a private key on P-384: remove it for a new one",
			  p->dir, p->name);
	return err;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += MAX(n, 0);
		len -= (size_t)MAX(n, 0);
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/*
 * To a file with a name that no other process has, and then linked to its place. -EEXIST: somebody
 * was faster.
 */
static int store(const struct place *p, const char *text, size_t len)
{
	char name[64], hex[17];
	u8 random[8];
	int fd, err;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(name, sizeof(name), ".%s.%s", p->name,
		 encode_hex(hex, sizeof(hex), random, sizeof(random)));
	fd = openat(p->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, text, len);
	if (close(fd) < 0 && !err)
		err = -errno;
	if (!err && linkat(p->dir_fd, name, p->dir_fd, p->name, 0) < 0)
		err = -errno;
	unlinkat(p->dir_fd, name, 0);
	return err;
}

static int make(const struct place *p)
{
	struct ec_key *key;
	char text[EC_PEM_MAX];
	int err = ec_generate(&key, EC_P384), len;

	if (err)
		return err == -ELIBACC ? err : fail(p, "make", err);
	len = ec_write_private(key, text, sizeof(text));
	ec_free(key);
	err = len < 0 ? len : store(p, text, (size_t)len);
	explicit_bzero(text, sizeof(text));
	if (!err || err == -EEXIST)
		return 0;
	return err == -ELIBACC ? err : fail(p, "write", err);
}

static int load_or_make(const struct place *p, struct ec_key **out)
{
	int err = load(p, out);

	if (err != -ENOENT)
		return err;
	err = make(p);
	if (err)
		return err;
	err = load(p, out);
	/* Removed again by somebody, between two system calls. */
	return err == -ENOENT ? fail(p, "open", err) : err;
}

int keys_open(struct attest_keys *out, const char *dir)
{
	int fd = open_dir(dir, true), err;

	*out = (struct attest_keys){ 0 };
	if (fd < 0)
		return fd;
	err = load_or_make(&(struct place){ dir, fd, "cpak.pem" }, &out->cpak);
	if (!err)
		err = load_or_make(&(struct place){ dir, fd, "rak.pem" }, &out->rak);
	close(fd);
	if (err)
		keys_close(out);
	return err;
}

void keys_close(struct attest_keys *keys)
{
	ec_free(keys->cpak);
	ec_free(keys->rak);
	*keys = (struct attest_keys){ 0 };
}
