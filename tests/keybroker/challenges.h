/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Challenges that wait for evidence. Each is random, answered once, and forgotten when it is too
 * old or when too many came after it: whoever asks for many takes no more memory than that, and
 * does not keep others from getting theirs. One thread.
 */
#ifndef TESTS_KEYBROKER_CHALLENGES_H
#define TESTS_KEYBROKER_CHALLENGES_H

#include "guest/keybroker/message.h"

#define CHALLENGES_KEY_ID_MAX 128u /* with the final NUL */

struct challenge {
	u32 id; /* never 0 */
	u8 value[CHALLENGE_LEN];
	char key_id[CHALLENGES_KEY_ID_MAX]; /* which key is asked for */
	struct wrap_public wrapping;	    /* with what it is to be encrypted */
	u64 expires_ns;
};

struct challenges;

/*
 * The last `max` of them are kept, for lifetime_ns each. `fixed`: all have that value
 * (CHALLENGE_LEN bytes, the caller's), which is none to be trusted; NULL: random. 0 or -ENOMEM.
 */
int challenges_create(struct challenges **out, unsigned max, u64 lifetime_ns, const u8 *fixed);
void challenges_destroy(struct challenges *c);

/* A new one; *out is valid until the next call. 0, -E2BIG for the key id, -EIO without entropy. */
int challenges_issue(struct challenges *c, u64 now_ns, const char *key_id,
		     const struct wrap_public *wrapping, const struct challenge **out);

/* Take the challenge out: nobody gets it again. False: it is not there, or too old. */
bool challenges_take(struct challenges *c, u64 now_ns, u32 id, struct challenge *out);

#endif
