/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that keeps the keys, and the way to it: one packet there, one back.
 *
 * Thread: see keeper.h; the process has one.
 * Trust:  the keeper trusts nobody's numbers: sizes are fixed, and the algorithm is checked. The
 *         other side may be a guest's, once that has found a fault in a device.
 */
#include "realm/sim/keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "realm/sim/attest.h"

struct request {
	u32 hash_algo; /* enum rsi_hash */
	u8 challenge[TOKEN_CHALLENGE_LEN];
	u8 rpv[64];
	u8 rim[RSI_HASH_MAX];
	u8 rem[RSI_NR_REMS][RSI_HASH_MAX];
};

struct answer {
	s32 err;
	u32 len;
	u8 token[KEEPER_TOKEN_MAX];
};

struct keeper {
	pid_t pid;
	int socket;
};

/* ---- the process ---- */

static void answer(struct attest *a, const struct request *q, struct answer *out)
{
	struct rsi_realm r = { .hash_algo = (enum rsi_hash)q->hash_algo };

	*out = (struct answer){ .err = -EINVAL };
	if (q->hash_algo != RSI_HASH_SHA256 && q->hash_algo != RSI_HASH_SHA512)
		return;
	memcpy(r.rpv, q->rpv, sizeof(r.rpv));
	memcpy(r.rim, q->rim, sizeof(r.rim));
	memcpy(r.rem, q->rem, sizeof(r.rem));
	out->err = attest_token(a, &r, q->challenge, out->token, sizeof(out->token), &out->len);
}

/*
 * Nothing is kept of what the process had open but the socket and stderr, and no signal that a
 * terminal sends to all of its processes ends it: it ends when the other side of the socket is
 * closed.
 */
static void settle(int socket)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE };
	const struct rlimit none = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		signal(ends[i], SIG_IGN);
	prctl(PR_SET_NAME, "lkvm-keeper");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);
	if (dup2(socket, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(1);
	closefrom(STDERR_FILENO + 1);
}

static _Noreturn void keep(int socket, struct attest *a)
{
	settle(socket);
	for (;;) {
		struct request q;
		struct answer out;
		ssize_t n = recv(STDIN_FILENO, &q, sizeof(q), MSG_TRUNC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(q))
			break;
		answer(a, &q, &out);
		if (send(STDIN_FILENO, &out, sizeof(out), MSG_NOSIGNAL) != sizeof(out))
			break;
	}
	attest_destroy(a);
	_exit(0);
}

/* ---- the way to it ---- */

static int start(struct keeper *k, struct attest *a)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	k->socket = ends[0];
	k->pid = fork();
	if (!k->pid)
		keep(ends[1], a);
	close(ends[1]);
	return k->pid < 0 ? -errno : 0;
}

int keeper_start(struct keeper **out, const char *keys_dir, enum token_form form)
{
	struct keeper *k = calloc(1, sizeof(*k));
	struct attest *a;
	int err;

	if (!k)
		return log_errno(-ENOMEM, "attestation service");
	*k = (struct keeper){ .pid = -1, .socket = -1 };
	err = attest_create(&a, keys_dir, form);
	if (!err) {
		err = start(k, a);
		if (err)
			log_errno(err, "cannot start the attestation service");
		attest_destroy(a);
	}
	if (err) {
		keeper_stop(k);
		return err;
	}
	*out = k;
	return 0;
}

void keeper_stop(struct keeper *k)
{
	if (!k)
		return;
	if (k->socket >= 0)
		close(k->socket);
	while (k->pid > 0 && waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(k);
}

static int exchange(int socket, const struct request *q, struct answer *out)
{
	ssize_t n;

	do
		n = send(socket, q, sizeof(*q), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(*q))
		return -EPIPE;
	do
		n = recv(socket, out, sizeof(*out), 0);
	while (n < 0 && errno == EINTR);
	return n == sizeof(*out) ? 0 : -EPIPE;
}

int keeper_token(struct keeper *k, const struct rsi_realm *r,
		 const u8 challenge[TOKEN_CHALLENGE_LEN], u8 *buf, u32 size, u32 *len)
{
	struct request q = { .hash_algo = r->hash_algo };
	struct answer out;
	int err;

	memcpy(q.challenge, challenge, sizeof(q.challenge));
	memcpy(q.rpv, r->rpv, sizeof(q.rpv));
	memcpy(q.rim, r->rim, sizeof(q.rim));
	memcpy(q.rem, r->rem, sizeof(q.rem));
	err = exchange(k->socket, &q, &out);
	if (err) {
		guest_err("realm", "the attestation service has ended: no more tokens");
		return err;
	}
	if (out.err)
		return out.err;
	if (out.len > MIN(size, KEEPER_TOKEN_MAX))
		return -ENOSPC;
	memcpy(buf, out.token, out.len);
	*len = out.len;
	return 0;
}
