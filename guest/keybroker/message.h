/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The JSON of the key broker's protocol (veraison/keybroker-demo, doc/api/keys/keys.yaml): what a
 * client and a server say to each other. Binary values are base64url without padding. Any thread.
 *
 * A challenge of ours is CHALLENGE_RANDOM random bytes, and then the thumbprint of the key that the
 * answer will be wrapped with. So evidence says for which key it was made: a host in between that
 * puts another one into the request gets none. The public protocol has 64 random bytes there, and
 * lacks that.
 */
#ifndef GUEST_KEYBROKER_MESSAGE_H
#define GUEST_KEYBROKER_MESSAGE_H

#include "guest/keybroker/wrap.h"

#define CHALLENGE_LEN 64u
#define CHALLENGE_RANDOM (CHALLENGE_LEN - WRAP_THUMBPRINT_LEN)
#define MESSAGE_MAX 8192u /* of any of them, with the final NUL */
#define MESSAGE_TEXT_MAX 1024u

#define TYPE_JSON "application/json"
#define TYPE_EVIDENCE "application/eat-collection; profile=\"http://arm.com/CCA-SSD/1.0.0\""
#define TYPE_ACCEPT "application/eat-collection; profile=http://arm.com/CCA-SSD/1.0.0"
#define ATTESTATION_FAILURE "AttestationFailure"

/* Without control characters. */
struct failure {
	char type[64];
	char detail[MESSAGE_TEXT_MAX];
};

/*
 * Write a message and a NUL to `out`, which has MESSAGE_MAX bytes. Returns its length; 0: no
 * memory, or a text that is not UTF-8.
 */
int message_key_request(char *out, const struct wrap_public *key);
int message_challenge(char *out, const u8 challenge[CHALLENGE_LEN]);
int message_wrapped_key(char *out, const u8 *data, size_t len);
int message_failure(char *out, const char *type, const char *detail);

/*
 * Read the message s[0..len). Members that are not known are ignored. 0, or -EINVAL with the reason
 * in *why, a constant.
 */
int message_read_key_request(struct wrap_public *out, const char *s, size_t len, const char **why);
int message_read_challenge(u8 out[CHALLENGE_LEN], const char *s, size_t len, const char **why);
int message_read_failure(struct failure *out, const char *s, size_t len, const char **why);

/* The same; `out` has `size` bytes. Returns how many there are, or -EINVAL. */
int message_read_wrapped_key(u8 *out, size_t size, const char *s, size_t len, const char **why);

#endif
