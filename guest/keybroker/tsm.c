/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reports through configfs: make an entry, write the challenge, read the token, remove the entry.
 *
 * Thread: any; several processes may do so at a time, each has its own entry.
 * Trust:  the kernel.
 * Spec:   Linux Documentation/ABI/testing/configfs-tsm
 */
#include "guest/keybroker/tsm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"

/* At most `size` bytes, all there are; -E2BIG, -errno. */
static int read_attribute(int entry, const char *name, void *buf, size_t size)
{
	int fd = openat(entry, name, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;
	int err = 0;
	u8 more;

	if (fd < 0)
		return -errno;
	while (n > 0 && len < size) {
		n = read(fd, (u8 *)buf + len, size - len);
		len += (size_t)MAX(n, 0);
	}
	if (n > 0)
		n = read(fd, &more, 1) > 0 ? 1 : 0;
	if (n)
		err = n < 0 ? -errno : -E2BIG;
	close(fd);
	return err ? err : (int)len;
}

/* configfs takes a binary attribute when it is closed: the error may come only then. */
static int write_attribute(int entry, const char *name, const void *buf, size_t len)
{
	int fd = openat(entry, name, O_WRONLY | O_CLOEXEC), err = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, buf, len);
	if (n != (ssize_t)len)
		err = n < 0 ? -errno : -EIO;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static int failed(const char *what, int err)
{
	return log_errno(err, "configfs-tsm: %s", what);
}

static int check_provider(int entry)
{
	char name[64];
	int n = read_attribute(entry, "provider", name, sizeof(name) - 1);

	if (n == -ENXIO) {
		log_error("configfs-tsm: no driver gives reports here: is this a Realm, and is "
			  "arm-cca-guest loaded (modprobe arm-cca-guest)?");
		return n;
	}
	if (n < 0)
		return failed("cannot read provider", n);
	name[n] = 0;
	name[strcspn(name, "\n")] = 0;
	if (strcmp(name, TSM_PROVIDER)) {
		log_error("configfs-tsm: the reports here are of '%s', not of " TSM_PROVIDER, name);
		return -ENODEV;
	}
	return 0;
}

/* Others can write to our entry, too; a report is ours if ours was the only write. */
static int check_generation(int entry)
{
	char text[32];
	int n = read_attribute(entry, "generation", text, sizeof(text));
	u64 generation;

	if (n < 0)
		return failed("cannot read generation", n);
	if (decode_number_prefix(&generation, UINT64_MAX, NUMBER_DEC, text, (size_t)n) < 0)
		return failed("cannot read generation", -EINVAL);
	if (generation > 1) {
		log_error("configfs-tsm: somebody else wrote to our report (generation %llu)",
			  (unsigned long long)generation);
		return -EBUSY;
	}
	return 0;
}

int tsm_report_in(int entry, const u8 *challenge, size_t challenge_len, u8 *out, size_t size)
{
	int err = check_provider(entry), len;

	if (err)
		return err;
	err = write_attribute(entry, "inblob", challenge, challenge_len);
	if (err)
		return failed("cannot write the challenge to inblob", err);
	len = read_attribute(entry, "outblob", out, size);
	if (len < 0)
		return failed("cannot read the report from outblob", len);
	if (!len)
		return failed("the report in outblob is empty", -ENODATA);
	err = check_generation(entry);
	return err ? err : len;
}

static int no_reports(const char *reports, int err)
{
	if (err == -ENOENT)
		log_error("there is no %s: mount -t configfs none /sys/kernel/config; modprobe "
			  "arm-cca-guest (Linux 6.13 or later, in a Realm)",
			  reports);
	else
		log_errno(err, "cannot make an entry in %s", reports);
	return err;
}

int tsm_report(const char *reports, const u8 *challenge, size_t challenge_len, u8 *out, size_t size)
{
	char entry[PATH_MAX];
	int fd, err;

	/* Those who run at the same time have other names; a dead process's is in the way. */
	snprintf(entry, sizeof(entry), "%s/keybroker-app.%ld", reports, (long)getpid());
	rmdir(entry);
	if (mkdir(entry, 0700))
		return no_reports(reports, -errno);
	fd = open(entry, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = fd < 0 ? failed("cannot open our entry", -errno)
		     : tsm_report_in(fd, challenge, challenge_len, out, size);
	if (fd >= 0)
		close(fd);
	rmdir(entry);
	return err;
}
