/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP segments of the guest that continue each other, made one: a guest that may not send large
 * segments sends many small ones in a batch, and each costs libslirp a system call and an answer.
 * The loop's thread.
 */
#ifndef NET_MERGE_H
#define NET_MERGE_H

#include "net/user/guard.h"

/*
 * As large as IP packets are: a whole window of libslirp's, which opens none beyond 64 KiB, is one
 * system call and one acknowledgement then.
 */
#define MERGE_MAX 65535u

struct merge {
	u8 *frame;   /* NETIF_FRAME_MAX bytes, the caller's */
	size_t len;  /* of what is held in it; 0: nothing */
	u32 l3, l4;  /* offsets, as in struct guard_pkt */
	u32 next;    /* the sequence number that continues it */
	bool longer; /* something was appended: the checksum is to be made from this: */
	u64 sum;     /* of the data, as a big-endian number that starts at an even offset */
};

/*
 * Hold the frame, which guard_check() has passed, until the end of the batch, if that is possible:
 * plain data of an established connection over IPv4, without options, with no flags but ACK and
 * PSH. True: it is held, and *frame is another buffer of NETIF_FRAME_MAX bytes in exchange. To be
 * called while nothing is held (merge_take()).
 */
bool merge_hold(struct merge *m, u8 **frame, size_t len, const struct guard_pkt *pkt);

/*
 * Append a copy of the frame's data to what is held, if the frame continues it; its acknowledgement
 * and window, which are the newer ones, replace those of what is held. True: that is so.
 */
bool merge_append(struct merge *m, const u8 *frame, size_t len, const struct guard_pkt *pkt);

/*
 * Take what is held out: its length, in m->frame until the next merge_hold(); 0: nothing is held.
 * Its checksums are right if those of all its parts were.
 */
size_t merge_take(struct merge *m);

#endif
