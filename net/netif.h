/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wall between virtio-net and the network: Ethernet frames in, Ethernet frames out. No queue,
 * no guest address on this side. Everything runs on one loop, that of the virtio-net device.
 */
#ifndef NET_NETIF_H
#define NET_NETIF_H

#include "lkvm/base/calls.h"
#include "lkvm/base/iov.h"

struct loop;
struct net_conf;
struct net_hostfwd;
struct netif;

#define NETIF_FRAME_MAX 65553u /* largest frame either way: 14 + 4 (one VLAN tag) + 65535 */
#define NETIF_MAC_LEN 6u

static inline bool mac_is_multicast(const u8 *mac)
{
	return mac[0] & 1;
}

static inline bool mac_is_zero(const u8 *mac)
{
	return !(mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]);
}

/* What a netif can take off the guest's hands; 0: plain frames with valid checksums up to mtu. */
#define NETIF_TX_CSUM BIT(0) /* guest -> netif: checksum may be left to us (csum_start/offset) */
#define NETIF_TX_TSO4 BIT(1) /* guest -> netif: TCP/IPv4 segments larger than the MTU */
#define NETIF_TX_TSO6 BIT(2)
#define NETIF_RX_CSUM BIT(3) /* netif -> guest: frames may carry NEEDS_CSUM / DATA_VALID */
#define NETIF_RX_TSO4 BIT(4)
#define NETIF_RX_TSO6 BIT(5)

enum netif_gso { NETIF_GSO_NONE = 0, NETIF_GSO_TCPV4 = 1, NETIF_GSO_TCPV6 = 4 };

/*
 * Travels beside a frame. All zero: nothing to do. Validated by virtio-net against the frame's
 * length.
 */
struct netif_offload {
	bool needs_csum; /* checksum from csum_start to the end goes to csum_start + csum_offset */
	bool data_valid; /* rx only: checksum verified */
	u16 csum_start, csum_offset;
	enum netif_gso gso;
	u16 gso_size, hdr_len;
};

struct netif_ops {
	/*
	 * A driver has taken over and accepted `offloads`, a subset of n->offloads: frames in
	 * either direction use no others. Frames that still wait for an earlier driver are
	 * forgotten.
	 */
	void (*up)(struct netif *n, u32 offloads);
	/* No driver any more: frames for the guest are dropped until the next up(). */
	void (*down)(struct netif *n);
	/*
	 * One frame from the guest, at most NETIF_FRAME_MAX bytes. The memory is good during the
	 * call only, and the guest may change the bytes meanwhile: gather first, then look. 0: the
	 * frame is taken. -EAGAIN: it is not, and client->writable() will be called. Another
	 * -errno: it is dropped. receive() may be called from inside.
	 */
	int (*send)(struct netif *n, const struct netif_offload *o, struct iov_cur frame);
	/* No more send() in this batch for now. */
	void (*flush)(struct netif *n);
	/* receive() said -EAGAIN and there is room now. receive() may be called from inside. */
	void (*rx_ready)(struct netif *n);
	/*
	 * Forward what comes to `fd`, which hostfwd_open() has opened for `f`, to the guest; or
	 * (-1) forward it no more. 0: the descriptor is the netif's. It stays the caller's after
	 * -ENOENT: that is not forwarded; -ENOSPC: too many; -EAFNOSUPPORT: no IPv6 here; -EINVAL:
	 * it is no such socket; -EOPNOTSUPP: this kind of network forwards nothing.
	 */
	int (*forward)(struct netif *n, const struct net_hostfwd *f, int fd);
	/* The forwards that there are, the `i`-th from 0 on; false: no more. */
	bool (*forwarded)(struct netif *n, unsigned i, struct net_hostfwd *out);
	/*
	 * Close and release; no client is called from then on. The loop does not run, or is here.
	 */
	void (*destroy)(struct netif *n);
};

struct netif_client {
	/*
	 * One frame for the guest. 0: delivered or dropped for good. -EAGAIN: no room; wait for
	 * rx_ready().
	 */
	int (*receive)(void *arg, const struct netif_offload *o, struct iov_cur frame);
	/*
	 * The same in two steps, for who makes the frame where it is to lie. reserve() describes
	 * the guest's own buffers: at least `min` bytes and, if there are so many, `want`. 0;
	 * -EAGAIN as above; another -errno: there is nobody to receive, or never will be so much
	 * room. After 0, and with no other call between, commit() says how many bytes from the
	 * start of the room are a frame now; 0: none, the buffers stay the guest's. The guest can
	 * read and change the room all the while.
	 */
	int (*reserve)(void *arg, size_t min, size_t want, struct iov_cur *room);
	void (*commit)(void *arg, const struct netif_offload *o, size_t len);
	/* No more receive() or commit() in this batch for now: tell the guest. */
	void (*flush)(void *arg);
	/* send() may be tried again. Not from inside send(). */
	void (*writable)(void *arg);
};

#define NETIF_CALLS 5u

/*
 * One end of a network. An interface of several queues is a list of them, one netif for each, which
 * are alike but for the frames.
 */
struct netif {
	struct netif *next; /* the next queue's; NULL: there is no more */
	/* System calls that frames lead to, beside the loop's. The last one is a capture's. */
	const struct calls *calls[NETIF_CALLS];
	const struct netif_ops *ops;
	const struct netif_client *client; /* set by virtio-net before the loop runs */
	void *client_arg;
	u32 offloads; /* NETIF_TX_*, NETIF_RX_* */
	u16 mtu;      /* IP MTU to tell the guest, 1280..65535; 0: say nothing, which means 1500 */
	u8 mac[NETIF_MAC_LEN]; /* the guest's address */
	/*
	 * Of a tap that was made for vhost=1, whose frames somebody else moves: neither send() nor
	 * receive() is called. It is open while the netif is; -1: its frames have no header of
	 * virtio-net.
	 */
	int tap_fd;
};

/*
 * Open the network that `c` describes. Callbacks run on `loop`, which outlives *out; `c` is not
 * kept. *out is NULL for NET_MODE_NONE. Main thread, before the loop runs. 0, or -errno after one
 * log_error() line.
 */
int netif_create(struct netif **out, const struct net_conf *c, struct loop *loop);

struct pcap_writer;

/*
 * Begin a capture file, by writing its head: netif_capture() puts frames behind it, of one netif or
 * several, and pcap_writer_end() ends it. `fd` is the writer's from then on, also after an error. 0
 * or -EBUSY, as pcap_writer_begin(). Any thread.
 */
int netif_capture_begin(struct pcap_writer *w, int fd);

/*
 * Give all frames that pass from now on to the writer that `n` was made with (struct net_conf), or
 * (`on` false) no longer. Nobody waits for the file: what its writer has no room for is counted,
 * and told at the end. On the loop, or while the loop does not run. 0; -ENODEV: there is no writer.
 */
int netif_capture(struct netif *n, bool on);

/* Close and release `n`; takes NULL. On the loop, or while the loop does not run. */
static inline void netif_destroy(struct netif *n)
{
	if (n)
		n->ops->destroy(n);
}

/* The same with all that are behind it in its list. */
static inline void netif_destroy_all(struct netif *n)
{
	while (n) {
		struct netif *next = n->next;

		netif_destroy(n);
		n = next;
	}
}

#endif
