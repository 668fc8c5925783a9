/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making CCA tokens of a simulated platform and Realm. They are correct in form, and say in
 * readable claims what they are; the platform's lifecycle state is not "secured". Any thread.
 */
#ifndef REALM_TOKEN_MAKE_H
#define REALM_TOKEN_MAKE_H

#include "realm/sim/keys.h"
#include "realm/sim/rsi.h"
#include "realm/token/token.h"

/*
 * Make the platform token, signed with the CPAK and bound to the RAK; it is the same for every
 * Realm. *len bytes of `buf`, which has `size`. 0, -ENOSPC, or as ec_sign().
 */
int token_make_platform(const struct attest_keys *keys, u8 *buf, size_t size, size_t *len);

/*
 * Make the whole token: the platform's part as token_make_platform() made it, and the Realm's with
 * this challenge and the measurements as they are now, signed with the RAK. *len bytes of `buf`,
 * which has `size`. 0, -ENOSPC, or as ec_sign().
 */
int token_make(const struct attest_keys *keys, enum token_form form, const u8 *platform,
	       size_t platform_len, const struct rsi_realm *realm,
	       const u8 challenge[TOKEN_CHALLENGE_LEN], u8 *buf, size_t size, size_t *len);

#endif
