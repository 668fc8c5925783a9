/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of the control socket that means harm: whatever it sends, in whatever pieces, it is
 * answered with the protocol's lines and nothing else, at most one request is made of it, and its
 * place is free in the end.
 *
 * Thread: one; the loop is stepped.
 * Trust:  plays the client.
 * Spec:   lkvm/control/control.h
 *
 * Input: a byte of what the guest does with requests, then pieces: a byte of length, bytes.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/control/control_conn.h"
#include "tests/fuzz/input.h"

struct rig {
	struct loop *loop;
	struct control_client client;
	int peer;
	u8 way; /* how requests are answered */
	unsigned requests, gone, freed;
	char said[64 * KiB];
	size_t len;
};

static void on_request(void *arg, struct control_client *c, const struct control_request *r)
{
	struct rig *x = arg;

	check(++x->requests == 1 && r->nr >= 1 && r->nr <= CONTROL_WORDS);
	for (unsigned i = 0; i < r->nr; i++)
		check(r->words[i][0] && strlen(r->words[i]) < CONTROL_LINE);
	if (x->way & 1)
		return control_refuse(c, "no");
	for (unsigned i = 0; i < x->way; i++)
		control_record(c, "%u\t%s", i, r->words[0]);
	if (x->way & 2)
		close(control_take_fd(c));
	if (x->way & 4)
		control_follow(c);
	else
		control_end(c);
}

static void on_gone(void *arg, struct control_client *c)
{
	struct rig *x = arg;

	x->gone++;
}

static void on_free(void *arg)
{
	struct rig *x = arg;

	x->freed++;
}

static void step(struct rig *x)
{
	ssize_t n;

	loop_step(x->loop, 0);
	n = recv(x->peer, x->said + x->len, sizeof(x->said) - 1 - x->len, MSG_DONTWAIT);
	x->len += (size_t)MAX(n, 0);
}

static void check_answer(const struct rig *x)
{
	check(!x->len || !strncmp(x->said, "lkvm/1 ok\n", MIN(x->len, (size_t)10)) ||
	      !strncmp(x->said, "lkvm/1 error ", MIN(x->len, (size_t)13)));
	check(x->requests <= 1 && x->freed <= 1);
	for (size_t i = 0; i < x->len; i++)
		check((x->said[i] >= ' ' && x->said[i] <= '~') || x->said[i] == '\n' ||
		      x->said[i] == '\t');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct control_ops ops = { on_request, on_gone };
	static struct rig x;
	struct conn_env env = { .ops = &ops, .arg = &x, .free = on_free, .free_arg = &x };
	struct input i = { data, len };
	int fds[2];

	memset(&x, 0, sizeof(x));
	check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
	check(!loop_create(&x.loop, "fuzz"));
	x.peer = fds[1];
	x.way = (u8)in(&i, 1);
	x.client = (struct control_client){ .fd = fds[0], .passed_fd = -1 };
	check(!conn_watch(&x.client, x.loop));
	x.client.env = &env;
	while (i.left && !x.freed) {
		size_t n = MIN((size_t)in(&i, 1), i.left);

		if (send(x.peer, i.p, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE)
			break;
		i.p += n;
		i.left -= n;
		step(&x);
	}
	for (unsigned k = 0; k < 4; k++)
		step(&x);
	check_answer(&x);
	if (x.client.env)
		conn_drop(&x.client);
	check(x.freed == 1);
	close(x.peer);
	loop_destroy(x.loop);
	return 0;
}
