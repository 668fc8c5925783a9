/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Acknowledgements to the guest, of which only the last of a batch counts: each takes a receive
 * buffer, and in a Realm the guest copies the whole buffer twice, its unused part, too. The loop's
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
 * If `frame` acknowledges more of the same stream than what is held, and does nothing else, it
 * takes the place of what is held (a copy does). True: that is so.
 */
bool acks_replace(struct acks *a, const u8 *frame, size_t len);

/*
 * Hold a copy of `frame` until the end of the batch, if that is possible: a segment over IPv4
 * without data and options that has no flag but ACK. True: it is held. To be called while nothing
 * is held (acks_take()).
 */
bool acks_hold(struct acks *a, const u8 *frame, size_t len);

/*
 * Take what is held out: its length, in a->frame until the next acks_hold(); 0: nothing is held.
 */
size_t acks_take(struct acks *a);

#endif
