/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file of --console-log.
 *
 * Thread: its owner's.
 * Trust:  its name is the user's.
 */
#include "lkvm/watch/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lkvm/base/file.h"
#include "lkvm/base/log.h"

struct logfile {
	const char *name;
	int fd; /* -1: it has ended */
};

static void end(struct logfile *l, const char *why)
{
	log_error("--console-log %s: %s; it ends here", l->name, why);
	close(l->fd);
	l->fd = -1;
}

void logfile_write(struct logfile *l, const u8 *buf, size_t len)
{
	while (l && len && l->fd >= 0) {
		ssize_t n = write(l->fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			end(l, n < 0 ? strerror(errno) : "nothing is written");
			return;
		}
		buf += n;
		len -= (size_t)n;
	}
}

/* Two guests with one log would mix in it. */
static int claim(const struct logfile *l)
{
	if (flock(l->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		log_error("--console-log %s: another guest has it, use another file", l->name);
		return -EBUSY;
	}
	return ftruncate(l->fd, 0) < 0 && errno != EINVAL
		       ? log_errno(-errno, "--console-log %s", l->name)
		       : 0;
}

int logfile_open(struct logfile **out, const char *name)
{
	struct logfile *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return log_errno(-ENOMEM, "--console-log %s", name);
	l->name = name;
	l->fd = file_open_out(name, O_CREAT | O_APPEND, 0666);
	err = l->fd < 0 ? log_errno(l->fd, "--console-log %s", name) : claim(l);
	if (err) {
		logfile_close(l);
		return err;
	}
	*out = l;
	return 0;
}

void logfile_close(struct logfile *l)
{
	if (l && l->fd >= 0)
		close(l->fd);
	free(l);
}
