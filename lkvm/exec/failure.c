/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Failures to start a command, in words.
 *
 * Thread: any.
 * Trust:  the numbers are a guest's, and within their bounds (talk.c).
 */
#include "lkvm/exec/failure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/base/exit.h"

static const char *const texts[EXEC_NR_FAILURES] = {
	[EXEC_FAIL_CONF] = "cannot read what it is to do",
	[EXEC_FAIL_MODULE] = "cannot load a kernel module that lkvm has given it",
	[EXEC_FAIL_NET] = "cannot bring its network up",
	[EXEC_FAIL_ROOT] =
		"cannot mount the host's files: its kernel needs 9P (CONFIG_NET_9P_VIRTIO) or virtio-fs (CONFIG_VIRTIO_FS), built in or as modules that lkvm finds (--modules)",
	[EXEC_FAIL_OVERLAY] =
		"cannot put a layer over the host's files: its kernel needs CONFIG_OVERLAY_FS, built in or as a module that lkvm finds (--modules)",
	[EXEC_FAIL_SHARE] = "cannot mount a shared directory",
	[EXEC_FAIL_PTY] = "has no terminal for the command",
	[EXEC_FAIL_START] = "cannot start a process",
	[EXEC_FAIL_USER] = "cannot become the command's user",
	[EXEC_FAIL_CWD] = "cannot go to the directory that the command is to start in",
};

const char *failure_text(char *buf, size_t size, const struct talk *t, const char *command)
{
	if (t->what == EXEC_FAIL_EXEC)
		snprintf(buf, size, "cannot run %s: %s", command, strerror((int)t->err));
	else
		snprintf(buf, size, "the guest %s: %s", texts[t->what], strerror((int)t->err));
	return buf;
}

int failure_status(const struct talk *t)
{
	if (t->what != EXEC_FAIL_EXEC)
		return EXIT_FAILED;
	return t->err == ENOENT || t->err == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_RUN;
}
