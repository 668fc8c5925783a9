/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of the control socket.
 *
 * Thread: main of a command.
 * Trust:  the answer is another lkvm's of the same user; a line that is too long or an end that is
 *         missing is an error, whatever its reason. Characters that a terminal would take for
 *         something else are shown as '?'.
 */
#include "lkvm/control/control_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"
#include "lkvm/control/control.h"
#include "lkvm/control/control_dir.h"

#define HELLO "lkvm/1 "
#define PATIENCE_MS 5000
/* Of a request: its line has the hello in front and a newline behind, and snprintf()'s NUL. */
#define WORDS_MAX (CONTROL_LINE - sizeof(HELLO "\n"))

struct answer {
	const char *name;
	ask_fn fn;
	void *arg;
	bool begun, ended;
	size_t len;
	char buf[16384];
};

/* ---- fields ---- */

bool ask_is(const struct ask_record *r, unsigned i, const char *word)
{
	return !strcmp(ask_text(r, i), word);
}

const char *ask_text(const struct ask_record *r, unsigned i)
{
	return i < r->nr ? r->fields[i] : "";
}

u64 ask_number(const struct ask_record *r, unsigned i)
{
	const char *s = ask_text(r, i);
	u64 v = 0;

	decode_number(&v, UINT64_MAX, NUMBER_DEC_0X, s, strlen(s));
	return v;
}

static void split(char *line, struct ask_record *r)
{
	r->nr = 0;
	while (line && r->nr < ASK_FIELDS) {
		char *tab = strchr(line, '\t');

		if (tab)
			*tab++ = 0;
		r->fields[r->nr++] = line;
		line = tab;
	}
}

/* ---- the answer ---- */

/* 0: go on. 1: that was the end. -errno after a message. */
static int take_line(struct answer *a, char *line)
{
	struct ask_record r;

	encode_safe(line, strlen(line), "\t");
	if (!a->begun) {
		a->begun = !strcmp(line, HELLO "ok");
		if (a->begun)
			return 0;
		if (strncmp(line, HELLO "error ", strlen(HELLO "error ")) != 0)
			log_error("%s: what answers is no lkvm, or a later one", a->name);
		else
			log_error("%s: %s", a->name, line + strlen(HELLO "error "));
		return -EPROTO;
	}
	if (!strcmp(line, "end"))
		return 1;
	split(line, &r);
	return !a->fn(a->arg, &r);
}

/* Cut lines off the front of the buffer; results as above. */
static int take_lines(struct answer *a)
{
	size_t at = 0;
	int r = 0;

	while (!r) {
		char *end = memchr(a->buf + at, '\n', a->len - at);

		if (!end)
			break;
		*end = 0;
		r = take_line(a, a->buf + at);
		at = (size_t)(end - a->buf) + 1;
	}
	memmove(a->buf, a->buf + at, a->len - at);
	a->len -= at;
	if (!r && a->len == sizeof(a->buf)) {
		log_error("%s: its answer cannot be understood", a->name);
		return -EPROTO;
	}
	return r;
}

/* 1: the caller wants to stop. */
static int wait_for(int s, int stop_fd, int patience_ms)
{
	struct pollfd p[2] = { { .fd = s, .events = POLLIN }, { .fd = stop_fd, .events = POLLIN } };

	int n;

	do
		n = poll(p, 2, patience_ms);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? p[1].revents != 0 : -ETIMEDOUT;
}

static int read_answer(struct answer *a, int s, const struct ask_more *more)
{
	int r = 0;

	while (!r) {
		ssize_t n;

		/* That it has understood comes at once; only what follows may take its time. */
		r = wait_for(s, more ? more->stop_fd : -1, more && a->begun ? -1 : PATIENCE_MS);
		if (r < 0)
			log_errno(r, "%s: it does not answer", a->name);
		if (r)
			break;
		n = recv(s, a->buf + a->len, sizeof(a->buf) - a->len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_error("%s: it ended before it had answered", a->name);
			return n < 0 ? -errno : -ECONNRESET;
		}
		a->len += (size_t)n;
		r = take_lines(a);
	}
	return MIN(r, 0);
}

/* ---- the request ---- */

static int send_request(int s, const char *words, int pass_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} fds = { 0 };
	char line[CONTROL_LINE];
	struct iovec iov = { line, (size_t)snprintf(line, sizeof(line), HELLO "%s\n", words) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (pass_fd >= 0) {
		struct cmsghdr *h;

		m.msg_control = &fds;
		m.msg_controllen = sizeof(fds);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &pass_fd, sizeof(int));
	}
	return sendmsg(s, &m, MSG_NOSIGNAL) == (ssize_t)iov.iov_len ? 0 : -EPIPE;
}

int ask(const char *name, const char *words, const struct ask_more *more, ask_fn fn, void *arg)
{
	struct answer *a;
	char why[200] = "";
	int s, err, dir;

	if (strlen(words) > WORDS_MAX) {
		log_error("cannot ask guest %s: a request has at most %u characters", name,
			  (unsigned)WORDS_MAX);
		return -E2BIG;
	}
	a = calloc(1, sizeof(*a));
	dir = control_dir_open(why, sizeof(why));
	s = dir < 0 ? dir : control_dir_connect(dir, name);
	if (dir >= 0)
		close(dir);
	if (!a || s < 0) {
		if (!*name)
			log_error(
				"the name of the guest is empty ('lkvm list' shows those that are running)");
		else if (s == -ENOENT && !*why)
			log_error(
				"no guest called %s is running ('lkvm list' shows those that are)",
				name);
		else
			log_error("cannot talk to guest %s: %s", name, *why ? why : strerror(-s));
		free(a);
		if (s >= 0)
			close(s);
		return a ? s : -ENOMEM;
	}
	*a = (struct answer){ .name = name, .fn = fn, .arg = arg };
	/* Whoever is dropped before it could ask finds the reason in the answer, if at all. */
	send_request(s, words, more ? more->pass_fd : -1);
	err = read_answer(a, s, more);
	close(s);
	free(a);
	return err;
}
