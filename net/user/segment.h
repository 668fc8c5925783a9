/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Large TCP segments at a small MTU: libslirp and virtio-net exchange segments of up to 32 KiB
 * while the guest's interface keeps its ordinary MTU, as with a network card that segments in
 * hardware. Values only; the loop's thread.
 */
#ifndef NET_SEGMENT_H
#define NET_SEGMENT_H

#include "net/user/guard.h"

/*
 * The MTU that libslirp is to have, unless the guest's is larger. Linux opens connections with a
 * window of 64240 bytes, and no window of libslirp's passes 65535: of segments of up to 32120 bytes
 * two fit, and one can be on its way while the other is acknowledged.
 */
#define SEGMENT_MTU (32120u + 40u)

struct segment {
	u16 mtu;      /* of the guest's interface */
	u32 offloads; /* accepted by its driver, NETIF_* */
	u32 next_id;  /* of a datagram that is cut and has no number yet */
};

/*
 * Look at a frame from the guest, which guard_check() has passed: if it is a SYN whose MSS is
 * exactly that of the guest's MTU, and the driver takes large segments, the MSS is raised in place.
 */
void segment_invite(const struct segment *s, u8 *frame, const struct guard_pkt *pkt);

/* One frame for the guest, in up to three pieces that are good during the call. */
typedef void (*segment_emit_fn)(void *arg, const struct netif_offload *o, struct iov_cur frame);

/*
 * Give a frame from libslirp, of any size, to emit(arg, ...) as the driver can take it: as it is,
 * as a large TCP segment, cut into small ones, or in fragments. Packets of other protocols that are
 * too large are dropped.
 */
void segment_emit(struct segment *s, const u8 *frame, size_t len, segment_emit_fn emit, void *arg);

#endif
