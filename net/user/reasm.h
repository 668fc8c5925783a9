/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's fragments are put together, in a fixed amount of memory, so that nobody behind sees
 * one [RFC 791 3.2, RFC 8200 4.5]. The loop's thread.
 */
#ifndef NET_REASM_H
#define NET_REASM_H

#include "lkvm/base/util.h"

struct reasm;

/* Memory is touched when fragments come only. 0 or -ENOMEM. */
int reasm_create(struct reasm **out);

/* Takes NULL. */
void reasm_destroy(struct reasm *r);

/*
 * A frame of *len bytes with an IPv6 header that says that a fragment's header follows: is it one
 * of several? If not (*is false) that header is taken out, and *len is less [RFC 6946 §4]. False:
 * it is too short to have one.
 */
bool reasm_look6(u8 *frame, size_t *len, bool *is);

/*
 * Add a fragment: a whole frame that guard_check() has passed and called one.
 * `now_ns` is of a clock that does not go back. True: the datagram is complete, and *frame and *len
 * are the frame with all of it, until the next call; what is behind its IP header is not checked
 * yet. False: it is not complete, or has been given up because the fragment makes no sense.
 */
bool reasm_add(struct reasm *r, const u8 *frag, size_t frag_len, u64 now_ns, u8 **frame,
	       size_t *len);

#endif
