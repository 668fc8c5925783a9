/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both sides of the wall between virtio-net and the network: a netif that remembers what it was
 * given and says what it is told to say, and a client that does the same for frames of a netif.
 * Tests only.
 */
#ifndef TESTS_FAKE_NETIF_H
#define TESTS_FAKE_NETIF_H

#include "net/netif.h"

#define FAKE_NETIF_FRAMES 512u

struct fake_frame {
	u8 *data;
	size_t len;
	struct netif_offload o;
};

/* What came, oldest first. */
struct fake_frames {
	struct fake_frame f[FAKE_NETIF_FRAMES];
	unsigned nr;
};

/* Append a copy of the frame; forget all of them. */
void fake_frames_add(struct fake_frames *l, const struct netif_offload *o, struct iov_cur frame);
void fake_frames_clear(struct fake_frames *l);

/* ---- in place of a network ---- */

struct fake_netif {
	struct netif netif;
	struct fake_frames sent;
	int send_result; /* what send() returns; frames are only kept for 0 */
	unsigned budget; /* send() returns -EAGAIN once this many were taken; 0: no limit */
	unsigned nr_send, nr_flush, nr_up, nr_down, nr_rx_ready;
	u32 offloads;	 /* of the last up() */
	bool *destroyed; /* set by destroy, if not NULL */
	/* Called from rx_ready(), if not NULL: offer frames again. */
	void (*on_rx_ready)(struct fake_netif *n);
	void (*on_flush)(struct fake_netif *n); /* called from flush(), if not NULL */
};

/* A netif with these offloads (NETIF_*), which its destroy frees. */
struct fake_netif *fake_netif(u32 offloads, u16 mtu);

/* A frame for the guest: what the client's receive() says. Not flushed. */
int fake_netif_receive(struct fake_netif *n, const struct netif_offload *o, const void *data,
		       size_t len);
void fake_netif_flush(struct fake_netif *n);

/* ---- in place of virtio-net ---- */

struct fake_client {
	struct fake_frames got;
	unsigned room; /* frames that receive() takes before it says -EAGAIN */
	unsigned nr_flush, nr_writable, nr_again;
	size_t room_len; /* of a receive buffer that reserve() finds; 0: as much as is wanted */
	u8 *reserved;	 /* between reserve() and commit() */
	struct iovec pieces[16];
};

/* Become the client of `n`, with room for any number of frames. */
void fake_client_attach(struct fake_client *c, struct netif *n);

#endif
