/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The claims of a token, by key [RMM 1.0 A7.2.3]: what reader and writer need. Any thread. */
#ifndef REALM_TOKEN_CLAIMS_H
#define REALM_TOKEN_CLAIMS_H

#include "realm/hash.h"
#include "realm/token/cbor.h"
#include "realm/token/token.h"

/* Around both halves */
#define TOKEN_PLATFORM 44234
#define TOKEN_REALM 44241
#define TOKEN_CMW_TYPE 263 /* CoAP content format of application/eat+cwt */

/* Both halves */
#define CLAIM_CHALLENGE 10
#define CLAIM_INSTANCE_ID 256
#define CLAIM_PROFILE 265

/* The platform's */
#define CLAIM_LIFECYCLE 2395
#define CLAIM_IMPLEMENTATION_ID 2396
#define CLAIM_SW_COMPONENTS 2399
#define CLAIM_VERIFICATION 2400
#define CLAIM_CONFIG 2401
#define CLAIM_HASH_ALGO 2402

/* Of a software component */
#define SW_TYPE 1
#define SW_MEASUREMENT 2
#define SW_VERSION 4
#define SW_SIGNER_ID 5
#define SW_HASH_ALGO 6

/* The Realm's */
#define CLAIM_RPV 44235
#define CLAIM_REALM_HASH_ALGO 44236
#define CLAIM_RAK 44237
#define CLAIM_RIM 44238
#define CLAIM_REMS 44239
#define CLAIM_RAK_HASH_ALGO 44240
#define CLAIM_MEC_POLICY 44243

#define PROFILE_PLATFORM_LEGACY "http://arm.com/CCA-SSD/1.0.0"
#define PROFILE_PLATFORM_2023 "tag:arm.com,2023:cca_platform#1.0.0"
#define PROFILE_PLATFORM_2024 "tag:arm.com,2024:cca_platform#2.0.0"
#define PROFILE_REALM_2023 "tag:arm.com,2023:realm#1.0.0"
#define PROFILE_REALM_2024 "tag:arm.com,2024:realm#2.0.0"

/*
 * Read the claims of a half, which are all that is left of `c`; *out points into its bytes. False:
 * c->why completes a sentence about *name, the claim (or the part of a claim) that is wrong.
 */
bool token_read_platform(struct cbor *c, struct token_platform *out, const char **name);
bool token_read_realm(struct cbor *c, struct token_realm *out, const char **name);

/* Is the part there, and is it `text`? */
bool token_part_is(const struct token_part *part, const char *text);

/*
 * The hash called "sha-256" and so on [IANA Named Information Hash Algorithms], and its name.
 * False: no such hash.
 */
bool token_hash_algo(const struct token_part *name, enum rsi_hash *out);
const char *token_hash_name(enum rsi_hash alg);

#endif
