/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Acknowledgements to the guest, of which only the last of a batch counts: each takes a receive
 * buffer, and in a Realm the guest copies the whole of it twice, its unused part, too. The loop's
 * thread.
 */
#ifndef NET_ACKS_H
#define NET_ACKS_H

#include "net/eth.h"

#define ACKS_FRAME 64u /* Ethernet, IPv4 and TCP headers, with libslirp's padding */

struct acks {
	size_t len; /* of what is held; 0: nothing */
	u8 frame[ACKS_FRAME];
};

/*
 * `frame` acknowledges more of the same stream than what is held, and that is all that it does: it
 * takes its place.
 */
bool acks_replace(struct acks *a, const u8 *frame, size_t len);

/*
 * May `frame` be held until the end of the batch? A segment over IPv4 without data and options that
 * has no flag but ACK. Call it when nothing is held (acks_take()).
 */
bool acks_hold(struct acks *a, const u8 *frame, size_t len);

/* The length of what is held, in a->frame; 0: nothing. Good until the next acks_hold(). */
size_t acks_take(struct acks *a);

#endif
