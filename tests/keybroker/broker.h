/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The key broker: what it answers to a request. No sockets. One thread.
 *
 *	POST /keys/v1/key/NAME           201, a challenge, and in Location where its answer goes
 *	POST /keys/v1/evidence/ID?TICKET 200 and the wrapped key, or 403 and the reason
 */
#ifndef TESTS_KEYBROKER_BROKER_H
#define TESTS_KEYBROKER_BROKER_H

#include "guest/keybroker/http.h"
#include "guest/keybroker/url.h"
#include "tests/keybroker/challenges.h"
#include "tests/keybroker/policy.h"

/* All of it is the caller's, and stays. */
struct broker {
	const struct policy *policy;
	struct challenges *challenges;
	char endpoint[URL_MAX]; /* "http://host:port", where clients find this server */
	bool dump_evidence;	/* into evidence-ID.cbor of the current directory */
};

struct broker_answer {
	unsigned status;
	const char *allow;			   /* of 405; else NULL */
	char location[URL_MAX + 64 + TICKET_SIZE]; /* of 201; else empty */
	char body[MESSAGE_MAX];			   /* JSON */
	size_t body_len;
};

/* The request is one that http_feed() has completed. */
void broker_answer(struct broker *b, const struct http_msg *req, u64 now_ns,
		   struct broker_answer *out);

/* The answer to what is no such request. `why`: a clause, in UTF-8. */
void broker_refuse(struct broker_answer *out, unsigned status, const char *why);

#endif
