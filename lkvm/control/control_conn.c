/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One client of the control socket.
 *
 * Thread: that of the loop it is served on.
 * Trust:  clients are processes of the same user (checked by control.c), but what they send may be
 *         anything, at any speed: a request has a bounded length, an answer a bounded buffer, a
 *         client a deadline.
 */
#include "lkvm/control/control_conn.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAGIC "lkvm/1"
#define PATIENCE_NS 5000000000u /* for a client that we wait for */
#define ANSWER_MAX (2 * MiB)	/* a map of a guest that shares every other page */
#define STREAM_MAX (1 * MiB)

/* ---- requests ---- */

int control_parse(char *line, size_t len, struct control_request *r, const char **why)
{
	char *end = line + len, *word = line;

	*r = (struct control_request){ 0 };
	*why = "not a request of lkvm";
	for (size_t i = 0; i < len; i++) {
		if (line[i] < ' ' || line[i] > '~')
			return -EINVAL;
	}
	*end = 0;
	if (strncmp(line, "lkvm/", 5) != 0)
		return -EINVAL;
	if (strncmp(line, MAGIC " ", sizeof(MAGIC)) != 0) {
		*why = "this guest speaks version 1 of the protocol: use the lkvm it was started by";
		return -EINVAL;
	}
	*why = "a request is one to six words";
	for (word += sizeof(MAGIC); word; word = end) {
		end = strchr(word, ' ');
		if (end)
			*end++ = 0;
		if (!*word || r->nr == CONTROL_WORDS)
			return -EINVAL;
		r->words[r->nr++] = word;
	}
	return 0;
}

/* ---- life of a client ---- */

static void on_client(void *arg, u32 events);

void conn_unwatch(struct control_client *c)
{
	loop_fd_del(c->reg);
	loop_timer_del(c->deadline);
	c->reg = NULL;
	c->deadline = NULL;
}

void conn_drop(struct control_client *c)
{
	const struct conn_env *env = c->env;

	if (c->state == CONN_ASKED || c->state == CONN_FOLLOWING)
		env->ops->gone(env->arg, c);
	conn_unwatch(c);
	close(c->fd);
	if (c->passed_fd >= 0)
		close(c->passed_fd);
	free(c->out);
	memset(c, 0, sizeof(*c));
	env->free(env->free_arg);
}

static void on_deadline(void *arg)
{
	conn_drop(arg);
}

int conn_watch(struct control_client *c, struct loop *loop)
{
	int err = loop_timer_add(loop, on_deadline, c, &c->deadline);

	if (!err)
		err = loop_fd_add(loop, c->fd, EPOLLIN, on_client, c, &c->reg);
	if (err)
		conn_unwatch(c);
	else
		loop_timer_arm(c->deadline, PATIENCE_NS);
	return err;
}

bool conn_push(struct control_client *c)
{
	while (c->out_done < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_done, c->out_len - c->out_done,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0)
			return false;
		c->out_done += (size_t)n;
		if (c->state == CONN_ANSWERED)
			loop_timer_arm(c->deadline, PATIENCE_NS);
	}
	if (c->out_done == c->out_len)
		c->out_done = c->out_len = 0;
	return true;
}

/* As push(); then close it when it has everything, or wait for what it needs. */
static void advance(struct control_client *c)
{
	u32 events = c->state == CONN_ANSWERED ? 0 : EPOLLIN;

	if (c->state == CONN_ASKED)
		return;
	if (!conn_push(c) || (c->state == CONN_ANSWERED && !c->out_len)) {
		conn_drop(c);
		return;
	}
	loop_fd_mod(c->reg, events | (c->out_len ? EPOLLOUT : 0));
}

/* ---- answers ---- */

static bool make_room(struct control_client *c, size_t len)
{
	size_t limit = c->state == CONN_FOLLOWING ? STREAM_MAX : ANSWER_MAX;
	size_t room = MAX(c->out_room, (size_t)4096);
	char *more;

	if (c->out_len + len > c->out_room && c->out_done) {
		memmove(c->out, c->out + c->out_done, c->out_len - c->out_done);
		c->out_len -= c->out_done;
		c->out_done = 0;
	}
	if (c->out_len + len > limit)
		return false;
	while (room < c->out_len + len)
		room *= 2;
	if (room == c->out_room)
		return true;
	more = realloc(c->out, room);
	if (!more)
		return false;
	c->out = more;
	c->out_room = room;
	return true;
}

static bool append(struct control_client *c, const char *line)
{
	size_t len = strlen(line);

	if (!make_room(c, len + 1))
		return false;
	memcpy(c->out + c->out_len, line, len);
	c->out[c->out_len + len] = '\n';
	c->out_len += len + 1;
	return true;
}

/* A follower that has caught up is told what it missed, in front of what comes next. */
static bool append_lost(struct control_client *c)
{
	char line[40];

	if (!c->lost)
		return true;
	snprintf(line, sizeof(line), "lost\t%llu", (unsigned long long)c->lost);
	if (!append(c, line))
		return false;
	c->lost = 0;
	return true;
}

void control_record(struct control_client *c, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (c->state != CONN_FOLLOWING) {
		c->torn = c->torn || !append(c, line);
		return;
	}
	if (!append_lost(c) || !append(c, line))
		c->lost++;
}

void control_flush(struct control_client *c)
{
	/* One that went away is met by the loop, not from here: the caller goes on with `c`. */
	if (!conn_push(c))
		c->out_done = c->out_len = 0;
	loop_fd_mod(c->reg, EPOLLIN | (c->out_len ? EPOLLOUT : 0));
}

static void answered(struct control_client *c)
{
	c->state = CONN_ANSWERED;
	loop_timer_arm(c->deadline, PATIENCE_NS);
	loop_fd_mod(c->reg, EPOLLOUT);
}

void control_end(struct control_client *c)
{
	append_lost(c);
	if (!c->torn)
		append(c, "end");
	answered(c);
}

void control_refuse(struct control_client *c, const char *why)
{
	char line[CONTROL_LINE];

	snprintf(line, sizeof(line), MAGIC " error %s", why);
	c->out_done = c->out_len = 0;
	append(c, line);
	answered(c);
}

void control_follow(struct control_client *c)
{
	c->state = CONN_FOLLOWING;
	loop_timer_disarm(c->deadline);
}

int control_take_fd(struct control_client *c)
{
	int fd = c->passed_fd;

	c->passed_fd = -1;
	return fd;
}

/* ---- reading ---- */

/* Keep the first descriptor of a message, close the others. */
static void take_fds(struct control_client *c, struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= h->cmsg_len; at += sizeof(int)) {
			int fd;

			memcpy(&fd, (char *)h + at, sizeof(fd));
			if (c->passed_fd < 0)
				c->passed_fd = fd;
			else
				close(fd);
		}
	}
}

static ssize_t receive(struct control_client *c)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} fds;
	struct iovec iov = { c->in + c->in_len, sizeof(c->in) - c->in_len };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &fds, .msg_controllen = sizeof(fds)
	};
	ssize_t n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n >= 0)
		take_fds(c, &m);
	return n < 0 ? -errno : n;
}

static void serve(struct control_client *c, size_t line_len)
{
	struct control_request r;
	const char *why;

	if (control_parse(c->in, line_len, &r, &why)) {
		control_refuse(c, why);
		return;
	}
	append(c, MAGIC " ok");
	c->state = CONN_ASKED;
	loop_timer_disarm(c->deadline);
	c->env->ops->request(c->env->arg, c, &r);
}

/* More of the request came. False: the client is gone. */
static bool read_request(struct control_client *c)
{
	ssize_t n = receive(c);
	const char *end;

	if (n == -EAGAIN || n == -EINTR)
		return true;
	if (n <= 0)
		return false;
	c->in_len += (size_t)n;
	end = memchr(c->in, '\n', c->in_len);
	if (end)
		serve(c, (size_t)(end - c->in));
	else if (c->in_len == sizeof(c->in))
		control_refuse(c, "a request is one line of at most 255 characters");
	return true;
}

/* Who has asked has nothing more to say: what comes is thrown away, and the end is its end. */
static bool still_there(struct control_client *c)
{
	char waste[256];
	ssize_t n = recv(c->fd, waste, sizeof(waste), MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_client(void *arg, u32 events)
{
	struct control_client *c = arg;
	bool there = true;

	if ((events & (EPOLLERR | EPOLLHUP)) && !(events & EPOLLIN))
		there = false;
	else if (events & EPOLLIN)
		there = c->state == CONN_READING ? read_request(c) : still_there(c);
	if (there)
		advance(c);
	else
		conn_drop(c);
}
