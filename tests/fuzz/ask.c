/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An answer from something that is no lkvm: the command gets records of printable text, or one
 * error, and comes back.
 *
 * Thread: one.
 * Trust:  plays who answers.
 * Spec:   lkvm/control/control.h
 *
 * Input: the answer, byte by byte as it comes over the socket.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/control/control_client.h"
#include "lkvm/control/control_dir.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/said.h"

static const u8 *answer;
static size_t answer_len;
static unsigned records;

/* ---- in place of lkvm/control/control_dir.c ---- */

int control_dir_open(char *why, size_t len)
{
	return dup(STDERR_FILENO);
}

int control_dir_connect(int dir, const char *name)
{
	int fds[2], room = 1 << 20;

	check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (answer_len)
		check(send(fds[1], answer, answer_len, MSG_DONTWAIT) == (ssize_t)answer_len);
	shutdown(fds[1], SHUT_WR);
	/* The request goes to nobody: the other end stays open until the answer has been read. */
	check(dup2(fds[1], 900) == 900);
	close(fds[1]);
	return fds[0];
}

static bool take(void *arg, const struct ask_record *r)
{
	check(r->nr >= 1 && r->nr <= ASK_FIELDS);
	for (unsigned i = 0; i < r->nr + 1; i++) {
		for (const char *s = ask_text(r, i); *s; s++)
			check((u8)*s >= ' ' && *s != 127);
		ask_number(r, i);
	}
	return ++records < 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	int err;

	if (len > 64 * KiB)
		return 0;
	answer = data;
	answer_len = len;
	errors = records = 0;
	err = ask("guest", "status", NULL, take, NULL);
	check(errors == (err < 0));
	close(900);
	return 0;
}
