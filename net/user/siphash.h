/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SipHash-2-4: a hash that whoever does not know the key can neither predict nor make collide. For
 * tables whose keys a guest chooses, and for sequence numbers. Any thread.
 */
#ifndef NET_SIPHASH_H
#define NET_SIPHASH_H

#include "lkvm/base/util.h"

struct sip_key {
	u64 k[2];
};

/* The hash of `len` bytes, read as little-endian words. */
u64 siphash(const struct sip_key *key, const void *data, size_t len);

#endif
