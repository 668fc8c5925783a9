/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HTTP connections of the key broker, on an epoll loop. All on the loop's thread.
 *
 * Each has one request at a time in memory and one time in which the next has to be complete, so a
 * client that is slow, or sends for ever, or does not read its answer, costs a connection for that
 * long. When all are taken, a new one takes the place of one that has said nothing, or least.
 */
#ifndef TESTS_KEYBROKER_SERVER_H
#define TESTS_KEYBROKER_SERVER_H

#include "lkvm/vm/loop.h"
#include "tests/keybroker/broker.h"

struct server_conf {
	const char *addr; /* IPv4 or IPv6 */
	u16 port;	  /* 0: any */
	unsigned max_connections;
	u64 idle_ns;	/* for the first byte of a request */
	u64 request_ns; /* for the rest of it */
	u64 answer_ns;	/* for the client to take the answer */
	u64 linger_ns;	/* for it to stop sending after an answer that ends the connection */
};

extern const struct server_conf server_defaults;

struct server;

/* Listens when this returns. `broker` is the caller's. 0, or -errno after one log_error() line. */
int server_create(struct server **out, struct loop *loop, const struct server_conf *conf,
		  struct broker *broker);
void server_destroy(struct server *s);

/* The port that it listens on, and how many connections are open now. */
u16 server_port(const struct server *s);
unsigned server_nr_connections(const struct server *s);

/* "http://addr:port", with brackets for IPv6. */
void server_url(const struct server *s, char *out, size_t size);

#endif
