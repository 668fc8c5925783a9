/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Server of the control socket.
 *
 * Thread: main, on its loop.
 * Trust:  clients are processes of the same user (checked), but what they send may be anything, at
 *         any speed: a request has a bounded length, an answer a bounded buffer, a client a
 *         deadline.
 *
 * A client goes through READING (one line), ANSWERED (what is in its buffer, then the end) or
 * FOLLOWING (a stream: its buffer may be empty in between). Its deadline runs while we wait for it:
 * not while FOLLOWING, where a full buffer costs it records.
 */
#include "lkvm/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/control_dir.h"
#include "lkvm/config.h"
#include "lkvm/log.h"

#define MAGIC "lkvm/1"
#define PATIENCE_NS 5000000000u	 /* for a client that we wait for */
#define ACCEPT_RETRY_NS 500000000u
#define ANSWER_MAX (2 * MiB)	 /* a map of a guest that shares every other page */
#define STREAM_MAX (1 * MiB)

enum state { READING, ANSWERED, FOLLOWING };

struct control_client {
	struct control *s; /* NULL: this place is free */
	enum state state;
	int fd, passed_fd;
	struct loop_fd *reg;
	struct loop_timer *deadline;
	char in[CONTROL_LINE];
	size_t in_len;
	char *out; /* [out_done, out_len) is to be sent */
	size_t out_done, out_len, out_room;
	u64 lost;  /* records, since the last that was told */
	bool torn; /* an answer that did not fit: cut off, without its "end" */
};

struct control {
	char name[CONFIG_NAME_MAX];
	int dir, fd;
	struct loop *loop;
	struct loop_fd *reg;
	struct loop_timer *retry; /* accept(2) failed, or all places are taken */
	const struct control_ops *ops;
	void *arg;
	struct control_client clients[CONTROL_CLIENTS];
};

static void on_listen(void *arg, u32 events);

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

static void drop(struct control_client *c)
{
	struct control *s = c->s;
	bool kept = c->state == FOLLOWING;

	if (kept)
		s->ops->gone(s->arg, c);
	loop_fd_del(c->reg);
	loop_timer_del(c->deadline);
	close(c->fd);
	if (c->passed_fd >= 0)
		close(c->passed_fd);
	free(c->out);
	memset(c, 0, sizeof(*c));
	/* There is a place again. */
	if (s->reg)
		loop_fd_mod(s->reg, EPOLLIN);
}

static void on_deadline(void *arg)
{
	drop(arg);
}

/* Send what there is. False: the client is gone. */
static bool push(struct control_client *c)
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
		if (c->state == ANSWERED)
			loop_timer_arm(c->deadline, PATIENCE_NS);
	}
	if (c->out_done == c->out_len)
		c->out_done = c->out_len = 0;
	return true;
}

/* As push(); then close it when it has everything, or wait for what it needs. */
static void advance(struct control_client *c)
{
	u32 events = c->state == ANSWERED ? 0 : EPOLLIN;

	if (!push(c) || (c->state == ANSWERED && !c->out_len)) {
		drop(c);
		return;
	}
	loop_fd_mod(c->reg, events | (c->out_len ? EPOLLOUT : 0));
}

/* ---- answers ---- */

static bool make_room(struct control_client *c, size_t len)
{
	size_t limit = c->state == FOLLOWING ? STREAM_MAX : ANSWER_MAX;
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
	if (c->state != FOLLOWING) {
		c->torn = c->torn || !append(c, line);
		return;
	}
	if (!append_lost(c) || !append(c, line))
		c->lost++;
}

void control_flush(struct control_client *c)
{
	/* One that went away is met by the loop, not from here: the caller goes on with `c`. */
	if (!push(c))
		c->out_done = c->out_len = 0;
	loop_fd_mod(c->reg, EPOLLIN | (c->out_len ? EPOLLOUT : 0));
}

static void answered(struct control_client *c)
{
	c->state = ANSWERED;
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
	c->state = FOLLOWING;
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
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &fds,
			    .msg_controllen = sizeof(fds) };
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
	c->s->ops->request(c->s->arg, c, &r);
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

/* A follower has nothing more to say: what comes is thrown away, and the end is its end. */
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
		there = c->state == FOLLOWING ? still_there(c) : read_request(c);
	if (there)
		advance(c);
	else
		drop(c);
}

/* ---- accepting ---- */

static bool same_user(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) &&
	       (cred.uid == geteuid() || cred.uid == 0);
}

static int admit(struct control *s, struct control_client *c, int fd)
{
	int err;

	if (!same_user(fd))
		return -EPERM;
	*c = (struct control_client){ .fd = fd, .passed_fd = -1 };
	err = loop_timer_add(s->loop, on_deadline, c, &c->deadline);
	if (!err)
		err = loop_fd_add(s->loop, fd, EPOLLIN, on_client, c, &c->reg);
	if (err) {
		loop_timer_del(c->deadline);
		return err;
	}
	c->s = s;
	loop_timer_arm(c->deadline, PATIENCE_NS);
	return 0;
}

static struct control_client *free_place(struct control *s)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		if (!s->clients[i].s)
			return &s->clients[i];
	}
	return NULL;
}

static void on_listen(void *arg, u32 events)
{
	struct control *s = arg;
	struct control_client *c = free_place(s);
	int fd;

	(void)events;
	if (!c) { /* until drop() */
		loop_fd_mod(s->reg, 0);
		return;
	}
	fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		if (admit(s, c, fd))
			close(fd);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		/* No descriptor left, for instance: the loop must not spin on it. */
		loop_fd_mod(s->reg, 0);
		loop_timer_arm(s->retry, ACCEPT_RETRY_NS);
	}
}

static void on_retry(void *arg)
{
	struct control *s = arg;

	loop_fd_mod(s->reg, EPOLLIN);
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
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->fd = -1;
	s->dir = control_dir_open(why, sizeof(why));
	if (s->dir >= 0) {
		s->fd = control_dir_claim(s->dir, name);
		snprintf(why, sizeof(why), "%s", s->fd < 0 ? strerror(-s->fd) : "");
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
	int err;

	s->loop = loop;
	s->ops = ops;
	s->arg = arg;
	err = loop_timer_add(loop, on_retry, s, &s->retry);
	return err ? err : loop_fd_add(loop, s->fd, EPOLLIN, on_listen, s, &s->reg);
}

void control_destroy(struct control *s)
{
	if (!s)
		return;
	loop_fd_del(s->reg);
	s->reg = NULL;
	control_dir_release(s->dir, s->name);
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *c = &s->clients[i];

		if (c->s) {
			push(c);
			drop(c);
		}
	}
	loop_timer_del(s->retry);
	close(s->fd);
	close(s->dir);
	free(s);
}
