/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP data of the guest that comes before its turn: libslirp keeps each such segment in a buffer of
 * 32 KiB and walks along all of them for the next one. Here they are counted, and what is over the
 * budget does not reach it. The loop's thread.
 */
#ifndef NET_ORDER_H
#define NET_ORDER_H

#include "net/eth.h"
#include "net/user/guard.h"

/*
 * Segments that libslirp may hold for one connection, more than a window of 64 KiB has at an MSS of
 * 1460; and for one guest, 32 MiB of buffers. It walks along no more than those of one connection.
 */
#define ORDER_CONN_MAX 64u
#define ORDER_MAX 1024u

struct order;

/* Memory is touched as connections come, up to some 300 KiB. -ENOMEM. */
int order_create(struct order **out);
void order_destroy(struct order *o);

/* A frame of libslirp for the guest, whatever it is: acknowledgements say how far it has come. */
void order_saw(struct order *o, const u8 *frame, size_t len);

/*
 * May this TCP segment, which guard_check() has passed, go to libslirp? False: drop it, the guest
 * sends it again; guest_err() has been said.
 */
bool order_admit(struct order *o, const u8 *frame, size_t len, const struct guard_pkt *pkt);

#define ORDER_RESET_FRAME (ETH_HDR + IP6_HDR + TCP_HDR)

/*
 * After order_admit() said no because the guest's budget is used up: a frame for libslirp that ends
 * the connection which has waited longest for what it lacks, if that is a minute or more, and gives
 * its part back. 0: there is none.
 */
size_t order_reset(struct order *o, u8 frame[ORDER_RESET_FRAME]);

#endif
