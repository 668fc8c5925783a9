/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Challenges that wait for evidence. Nothing is kept of them: all that is known of one goes to the
 * client as a ticket, in the URL for the evidence, and comes back with it; a MAC says that it is
 * ours. So whoever asks for many takes no memory and no place of others. One thread.
 *
 * A challenge is bound to the key that the answer will be wrapped with [message.h].
 *
 * What is kept is a bit for each of the last `max` that were issued: whether it has been answered.
 * So each is answered once, and one that is followed by so many others is refused as if it had
 * expired: `max` is more than a broker can issue in their time.
 */
#ifndef TESTS_KEYBROKER_CHALLENGES_H
#define TESTS_KEYBROKER_CHALLENGES_H

#include "guest/keybroker/message.h"
#include "lkvm/base/encode.h"

#define CHALLENGES_KEY_ID_MAX 128u /* with the final NUL */

struct challenge {
	u32 id; /* never 0 */
	u8 value[CHALLENGE_LEN];
	char key_id[CHALLENGES_KEY_ID_MAX]; /* which key is asked for */
	struct wrap_public wrapping;	    /* with what it is to be encrypted */
	u64 expires_ns;
	u64 number; /* of those that this broker has issued, from 0 */
};

/* A challenge as its client keeps it for us: base64url. */
#define TICKET_HEAD 24u /* bytes: id, time, number, algorithm, lengths */
#define TICKET_BYTES                                                                               \
	(TICKET_HEAD + CHALLENGE_RANDOM + WRAP_MAX_EXPONENT + WRAP_MAX_LEN +                       \
	 CHALLENGES_KEY_ID_MAX + WRAP_MAC_LEN)
#define TICKET_SIZE BASE64_SIZE(TICKET_BYTES)

struct challenges;

/*
 * Each is good for lifetime_ns. `fixed`: all have that value (CHALLENGE_LEN bytes, the caller's),
 * which is none to be trusted; NULL: random and bound. 0, -ENOMEM, or -EIO without entropy.
 */
int challenges_create(struct challenges **out, u64 max, u64 lifetime_ns, const u8 *fixed);
void challenges_destroy(struct challenges *c);

/* A new one and its ticket. 0, -E2BIG for the key id, -EIO without entropy. */
int challenges_issue(struct challenges *c, u64 now_ns, const char *key_id,
		     const struct wrap_public *wrapping, struct challenge *out,
		     char ticket[TICKET_SIZE]);

/*
 * The challenge of a ticket, which is answered now: nobody gets it again. False: it is none of
 * ours, of another id, too old, or was answered.
 */
bool challenges_take(struct challenges *c, u64 now_ns, u32 id, const char *ticket, size_t len,
		     struct challenge *out);

#endif
