/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The attestation service of a simulated Realm. Keys and libcrypto are loaded by the first token,
 * so a guest that asks for none does not pay. One call at a time (rsi.c's lock).
 */
#ifndef REALM_ATTEST_H
#define REALM_ATTEST_H

#include "realm/sim/rsi.h"
#include "realm/token/token.h"

struct attest;

/*
 * `keys_dir` NULL: the user's default directory. A directory that was chosen is checked, not read.
 * 0, or -errno after one log_error() line.
 */
int attest_create(struct attest **out, const char *keys_dir, enum token_form form);
void attest_destroy(struct attest *a);

/*
 * The token for this challenge: *len bytes of `buf`. 0 or -errno; after a failure the log has one
 * line about it, however often a guest asks.
 */
int attest_token(struct attest *a, const struct rsi_realm *r,
		 const u8 challenge[TOKEN_CHALLENGE_LEN], u8 *buf, u32 size, u32 *len);

#endif
