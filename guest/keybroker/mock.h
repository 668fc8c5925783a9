/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Evidence without a Realm, for trying a server out: of a platform that does not exist, signed with
 * the keys of this user's simulator, whose trust anchor `lkvm attest-keys` prints. Its RIM is zero.
 * Any thread.
 */
#ifndef GUEST_KEYBROKER_MOCK_H
#define GUEST_KEYBROKER_MOCK_H

#include "guest/keybroker/client.h"

/*
 * Make the token for a challenge, in `out`, which has `size` bytes; `keys_dir` NULL: with the
 * simulator's own keys. Returns its length, or -errno after one log_error() line.
 */
int mock_token(const char *keys_dir, const u8 challenge[CHALLENGE_LEN], u8 *out, size_t size);

/* Read a token from a file, whatever the challenge. As above. */
int mock_file(const char *path, u8 *out, size_t size);

#endif
