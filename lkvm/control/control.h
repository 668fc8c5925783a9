/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket of a running guest: `lkvm list`, `stop`, `stat`, ... are its clients.
 *
 * Protocol, version 1. A client sends one request, a line of words:
 *
 *	lkvm/1 WORD [WORD...]
 *
 * at most CONTROL_LINE bytes of printable ASCII with the newline, words apart by one blank. The
 * answer is "lkvm/1 ok", then records, one a line, whose fields are apart by a tab, then "end", and
 * the connection is closed; or it is the line "lkvm/1 error WHY". An answer without "end" was cut
 * off. Words and their records are in service.c. A descriptor may come with the request (trace
 * writes a capture to it, net add forwards what comes to it).
 *
 * A client that sends nothing, or does not read, is dropped after a few seconds; one that follows a
 * stream and falls behind loses records and is told how many. There are never more than a few: the
 * others wait in the socket's queue. Nothing here waits.
 *
 * On the loop of control_serve(); before and after that, main thread.
 */
#ifndef LKVM_CONTROL_H
#define LKVM_CONTROL_H

#include "lkvm/vm/loop.h"

#define CONTROL_LINE 256u
#define CONTROL_WORDS 6u
#define CONTROL_CLIENTS 8u

struct control;
struct control_client;

struct control_request {
	unsigned nr;
	const char *words[CONTROL_WORDS]; /* words[0] is the command; into the line */
};

struct control_ops {
	/*
	 * A request: answer it with what is below, ending in control_end() or control_refuse(), or
	 * keep `c` and go on with control_record() from other callbacks, until control_end() or
	 * gone().
	 */
	void (*request)(void *arg, struct control_client *c, const struct control_request *r);
	/* A client that was kept is not there any more. */
	void (*gone)(void *arg, struct control_client *c);
};

/*
 * Claim the name. 0, or -EADDRINUSE after one log_error() line: such a guest runs. Where there is
 * no place for a socket the guest runs without: one warning, *out is NULL, and 0.
 */
int control_create(struct control **out, const char *name);

/* From now on requests are answered. 0 or -errno. */
int control_serve(struct control *s, struct loop *loop, const struct control_ops *ops, void *arg);

/*
 * There will be no guest of this name after the one that runs: who looks for it from now on does
 * not find it. At the latest control_destroy() does this. NULL is fine.
 */
void control_give_back(struct control *s);

/*
 * The end of control_serve(): send what the clients' sockets take without blocking, then close
 * them. Clients that have not sent a request stay queued for the next control_serve(). Takes NULL,
 * and one that was never served.
 */
void control_rest(struct control *s);

/* It is not being served. NULL is fine. */
void control_destroy(struct control *s);

/* What a served socket asks of the kernel. */
extern const struct calls control_calls;

/* For signal handlers, async-signal-safe: take the name out of the directory. Takes NULL. */
void control_remove_now(struct control *s);

/* ---- for request() ---- */

/* One record: printf with fields apart by \t, without the newline. */
void control_record(struct control_client *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void control_end(struct control_client *c);
void control_refuse(struct control_client *c, const char *why);

/*
 * This client follows a stream: it may read as slowly as it likes, and records may get lost. From
 * now on they are sent by control_flush().
 */
void control_follow(struct control_client *c);
void control_flush(struct control_client *c);

/*
 * Lists of clients that follow, each of CONTROL_CLIENTS places, NULL where there is none: put one
 * on, take one off if it is there, give all of them their end.
 */
void control_list_add(struct control_client **list, struct control_client *c);
void control_list_del(struct control_client **list, const struct control_client *c);
void control_list_end(struct control_client **list);

/* The descriptor that came with the request, now the caller's; -1: none. */
int control_take_fd(struct control_client *c);

/*
 * Cut a line (without its newline) into words, in place. 0, or -EINVAL with a reason: it is not the
 * protocol, its version is unknown, or a word is empty or too many.
 */
int control_parse(char *line, size_t len, struct control_request *r, const char **why);

#endif
