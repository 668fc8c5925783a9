/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hashes that a Realm can be measured with, numbered as RSI and RMI have them [RMM 1.0
 * RsiHashAlgorithm, RMM 2.0 for SHA-384], and the pages that are measured. Pure.
 */
#ifndef REALM_HASH_H
#define REALM_HASH_H

#include "lkvm/base/util.h"

enum rsi_hash { RSI_HASH_SHA256 = 0, RSI_HASH_SHA512 = 1, RSI_HASH_SHA384 = 2 };

#define RSI_HASH_MAX 64u  /* bytes of the longest */
#define RSI_GRANULE 4096u /* bytes: the RMM's page, whatever the host's and the guest's */

/* Bytes of a value of that hash. */
static inline u32 rsi_hash_len(enum rsi_hash alg)
{
	return alg == RSI_HASH_SHA512 ? 64 : alg == RSI_HASH_SHA384 ? 48 : 32;
}

#endif
