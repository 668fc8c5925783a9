/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The attestation service of a simulated Realm. Keys and libcrypto are loaded when the first token
 * is asked for: so it lives in a process that may do that [realm/sim/keeper.h].
 */
#ifndef REALM_ATTEST_H
#define REALM_ATTEST_H

#include "realm/sim/rsi.h"
#include "realm/token/token.h"

struct attest;

/*
 * A service with the keys of the directory `keys_dir`, which outlives it; NULL: the user's default
 * directory. Main thread. 0, or -errno after one log_error() line: the directory that was chosen is
 * none for keys.
 */
int attest_create(struct attest **out, const char *keys_dir, enum token_form form);

/* Release the service and its keys. Takes NULL. */
void attest_destroy(struct attest *a);

/*
 * Make the token of the Realm for this challenge: *len bytes of `buf`, which has `size`. The first
 * call reads the keys, or makes them; where there are none (no libcrypto, for instance), one line
 * says why, and no call makes a token. Any thread, one call at a time. 0 or -errno; of a kind of
 * failure the log has a few lines at most, however often a guest asks.
 */
int attest_token(struct attest *a, const struct rsi_realm *r,
		 const u8 challenge[TOKEN_CHALLENGE_LEN], u8 *buf, u32 size, u32 *len);

#endif
