/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Server of the control socket: its name, its queue, its places for clients (control_conn.c).
 *
 * Thread: that of the loop it is served on.
 * Trust:  clients are processes of the same user, which is checked here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/control/control_conn.h"
#include "lkvm/control/control_dir.h"

static const struct sys_call call_list[] = {
	CALL(accept4),	CALL(getsockopt), CALL(recvmsg),
	CALL(recvfrom), CALL(sendto),	  CALL(unlinkat),
};

const struct calls control_calls = CALLS("control socket", call_list);

struct control {
	char name[CONTROL_NAME_MAX];
	char file[CONTROL_FILE_MAX]; /* of the socket, for control_remove_now() */
	int dir, fd;
	uid_t uid;
	bool given_back;
	struct conn_env env;
	/* While it is served. */
	struct loop *loop;
	struct loop_fd *reg;
	struct control_client clients[CONTROL_CLIENTS];
};

static void place_is_free(void *arg)
{
	struct control *s = arg;

	if (s->reg)
		loop_fd_mod(s->reg, EPOLLIN);
}

/* ---- accepting ---- */

static bool same_user(const struct control *s, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) &&
	       (cred.uid == s->uid || cred.uid == 0);
}

static int admit(struct control *s, struct control_client *c, int fd)
{
	int err;

	if (!same_user(s, fd))
		return -EPERM;
	*c = (struct control_client){ .fd = fd, .passed_fd = -1 };
	err = conn_watch(c, s->loop);
	if (!err)
		c->env = &s->env;
	return err;
}

static struct control_client *free_place(struct control *s)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		if (!s->clients[i].env)
			return &s->clients[i];
	}
	return NULL;
}

static void on_listen(void *arg, u32 events)
{
	struct control *s = arg;
	struct control_client *c = free_place(s);
	int fd;

	if (!c) { /* until place_is_free() */
		loop_fd_mod(s->reg, 0);
		return;
	}
	fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		if (admit(s, c, fd))
			close(fd);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		/* No descriptor left, for instance: the loop must not spin on it. */
		loop_fd_rest(s->reg);
	}
}

/* ---- lists ---- */

void control_list_add(struct control_client **list, struct control_client *c)
{
	while (*list)
		list++;
	*list = c;
}

void control_list_del(struct control_client **list, const struct control_client *c)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		if (list[i] == c)
			list[i] = NULL;
	}
}

void control_list_end(struct control_client **list)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		if (list[i])
			control_end(list[i]);
		list[i] = NULL;
	}
}

/* ---- life ---- */

int control_create(struct control **out, const char *name)
{
	struct control *s = calloc(1, sizeof(*s));
	char why[200];
	int err = 0;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	text_add(s->name, sizeof(s->name), 0, name);
	control_dir_file(s->file, name);
	s->uid = geteuid();
	s->fd = -1;
	s->dir = control_dir_open(why, sizeof(why));
	if (s->dir >= 0) {
		s->fd = control_dir_claim(s->dir, name);
		text_add(why, sizeof(why), 0,
			 s->fd == -EEXIST ? "what lies in its socket's place is no socket"
			 : s->fd < 0	  ? strerror(-s->fd)
					  : "");
	}
	if (s->fd >= 0) {
		*out = s;
		return 0;
	}
	if (s->fd == -EADDRINUSE) {
		log_error("a guest called %s is running: end it with 'lkvm stop %s', or give "
			  "another --name",
			  name, name);
		err = s->fd;
	} else {
		log_warn("lkvm list, stop and stat will not find this guest: %s", why);
	}
	if (s->dir >= 0)
		close(s->dir);
	free(s);
	return err;
}

int control_serve(struct control *s, struct loop *loop, const struct control_ops *ops, void *arg)
{
	int err = 0;

	s->loop = loop;
	s->env = (struct conn_env){ .ops = ops, .arg = arg, .free = place_is_free, .free_arg = s };
	for (unsigned i = 0; !err && i < CONTROL_CLIENTS; i++) {
		if (s->clients[i].env)
			err = conn_watch(&s->clients[i], loop);
	}
	return err ? err : loop_fd_add(loop, s->fd, EPOLLIN, on_listen, s, &s->reg);
}

void control_give_back(struct control *s)
{
	if (!s || s->given_back)
		return;
	control_dir_release(s->dir, s->name);
	s->given_back = true;
}

void control_remove_now(struct control *s)
{
	if (s && !s->given_back)
		unlinkat(s->dir, s->file, 0);
}

void control_rest(struct control *s)
{
	if (!s)
		return;
	loop_fd_del(s->reg);
	s->reg = NULL;
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *c = &s->clients[i];

		if (!c->env)
			continue;
		if (c->state == CONN_READING) {
			conn_unwatch(c);
			continue;
		}
		conn_push(c);
		conn_drop(c);
	}
}

void control_destroy(struct control *s)
{
	if (!s)
		return;
	assert(!s->reg);
	control_give_back(s);
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		if (s->clients[i].env)
			conn_drop(&s->clients[i]);
	}
	close(s->fd);
	close(s->dir);
	free(s);
}
