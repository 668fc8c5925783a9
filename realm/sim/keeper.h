/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The attestation service of simulated Realms in a process of its own: keys and libcrypto are not
 * where a hostile guest's devices are, and nothing of them is loaded before a guest wants a token.
 * What passes is a request of fixed size and its answer.
 */
#ifndef REALM_KEEPER_H
#define REALM_KEEPER_H

#include "realm/sim/rsi.h"
#include "realm/token/token.h"

#define KEEPER_TOKEN_MAX 4096u /* bytes of a token */

struct keeper;

/*
 * Start the process, with the keys of the directory `keys_dir`; NULL: the user's default directory.
 * It ends with keeper_stop() or with this process, whichever way. Main, before there are other
 * threads. 0, or -errno after one log_error() line: the directory that was chosen is none for keys.
 */
int keeper_start(struct keeper **out, const char *keys_dir, enum token_form form);

/* The end of the process; returns when it is over. Main. Takes NULL. */
void keeper_stop(struct keeper *k);

/*
 * The token of this Realm for this challenge: *len bytes of `buf`, which has `size`. The first call
 * reads the keys, or makes them; where there are none, one line says why, and no guest gets a
 * token. One call at a time, any thread. 0 or -errno; -EPIPE: the process is gone.
 */
int keeper_token(struct keeper *k, const struct rsi_realm *r,
		 const u8 challenge[TOKEN_CHALLENGE_LEN], u8 *buf, u32 size, u32 *len);

#endif
