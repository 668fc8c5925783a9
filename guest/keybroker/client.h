/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The client's side of the protocol: ask for a key, answer the challenge with evidence, unwrap the
 * key. Any thread; blocks.
 */
#ifndef GUEST_KEYBROKER_CLIENT_H
#define GUEST_KEYBROKER_CLIENT_H

#include "guest/keybroker/message.h"

#define EVIDENCE_MAX 65536u

/* The evidence for a challenge: its length, or -errno after one log_error() line. */
typedef int (*evidence_fn)(void *arg, const u8 challenge[CHALLENGE_LEN], u8 *out, size_t size);

struct client {
	const char *endpoint; /* "http://host:port" */
	const char *key_name;
	enum wrap_alg alg;
	int timeout_ms; /* of each request */
	bool unbound;	/* take a challenge that is not for our wrapping key */
	evidence_fn evidence;
	void *arg;
};

enum client_result {
	CLIENT_KEY,	/* here it is */
	CLIENT_REFUSED, /* attestation failed, the server says why */
	CLIENT_ERROR,	/* anything else, after one log_error() line */
};

struct client_answer {
	u8 key[WRAP_MAX_LEN];
	size_t key_len;
	struct failure failure;
};

/*
 * Get the key: two requests, and the evidence between them. *out is the key or the server's
 * refusal, as the result says.
 */
enum client_result client_get_key(const struct client *c, struct client_answer *out);

#endif
