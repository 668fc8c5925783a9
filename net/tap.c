/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tap and macvtap devices: the host's kernel is on the other end of the wire.
 *
 * Thread: main until the loop runs, then the loop of the netif.
 * Trust:  frames and offload headers of the guest go to the kernel, which does not trust them
 *         either; what it hands us is its own. virtio-net has checked offloads against the frame's
 *         length.
 * Spec:   Documentation/networking/tuntap.rst; the header is that of virtio 1.3 section 5.1.6
 *
 * A frame that the guest has no room for stays in `rx` and nothing more is read until there is
 * room: the queue is the kernel's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lkvm/base/le.h"
#include "lkvm/base/log.h"
#include "lkvm/vm/loop.h"
#include "net/kinds.h"
#include "net/tap_setup.h"

#define MAX_PIECES 256u
#define RX_SIZE (TAP_HDR_LEN + NETIF_FRAME_MAX)
#define RX_BATCH 64 /* frames for one event: others wait for the loop, too */

static_assert(sizeof(struct virtio_net_hdr_v1) == TAP_HDR_LEN, "header as set by tap_setup()");

struct tap_if {
	struct netif netif;
	struct loop *loop;
	struct tap tap;
	struct loop_fd *reg;
	u32 events;  /* registered for */
	bool lent;   /* the frames are another's business (netif.tap_fd) */
	bool up;     /* a driver is there */
	bool stuck;  /* send() said -EAGAIN: tell when the kernel has room */
	size_t kept; /* bytes of the frame in rx (with header) that the guest has no room for */
	u8 *rx;	     /* RX_SIZE bytes */
};

static struct tap_if *tap_if(struct netif *n)
{
	return container_of(n, struct tap_if, netif);
}

static void watch(struct tap_if *t)
{
	u32 events = (t->up && !t->kept && !t->lent ? EPOLLIN : 0) | (t->stuck ? EPOLLOUT : 0);

	if (t->reg && events != t->events && !loop_fd_mod(t->reg, events))
		t->events = events;
}

/* ---- from the kernel ---- */

static struct netif_offload offload_of(const struct virtio_net_hdr_v1 *h)
{
	return (struct netif_offload){
		.needs_csum = h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.data_valid = h->flags & VIRTIO_NET_HDR_F_DATA_VALID,
		.csum_start = le16toh((u16)h->csum_start),
		.csum_offset = le16toh((u16)h->csum_offset),
		.gso = (enum netif_gso)(h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN),
		.gso_size = le16toh((u16)h->gso_size),
		.hdr_len = le16toh((u16)h->hdr_len),
	};
}

/* The frame in rx, `len` bytes with its header. False: the guest has no room, it is kept. */
static bool hand_over(struct tap_if *t, size_t len)
{
	struct netif_offload o = { .needs_csum = false };
	size_t hdr = t->tap.vnet_hdr ? TAP_HDR_LEN : 0;
	struct iovec iov = { t->rx + hdr, len - hdr };

	if (hdr) {
		struct virtio_net_hdr_v1 h;

		memcpy(&h, t->rx, sizeof(h));
		o = offload_of(&h);
	}
	if (t->netif.client->receive(t->netif.client_arg, &o, iov_cur(&iov, 1)) != -EAGAIN)
		return true;
	t->kept = len;
	return false;
}

static void read_frames(struct tap_if *t)
{
	size_t hdr = t->tap.vnet_hdr ? TAP_HDR_LEN : 0;

	for (int i = 0; i < RX_BATCH; i++) {
		ssize_t n = read(t->tap.fd, t->rx, RX_SIZE);

		if (n < 0 || (size_t)n <= hdr) {
			/* EAGAIN: all read. EBADFD, EIO: the interface is down or gone. */
			if (n < 0 && errno != EAGAIN && errno != EINTR)
				log_debug("tap %s: read: %s", t->tap.name, strerror(errno));
			break;
		}
		if (!hand_over(t, (size_t)n))
			break;
	}
	t->netif.client->flush(t->netif.client_arg);
}

/* The guest's frames have somewhere to go, or nowhere any more: it need not keep them. */
static void release(struct tap_if *t)
{
	if (!t->stuck)
		return;
	t->stuck = false;
	t->netif.client->writable(t->netif.client_arg);
}

static void on_event(void *arg, u32 events)
{
	struct tap_if *t = arg;

	assert(loop_here(t->loop));
	if ((events & (EPOLLERR | EPOLLHUP)) && !(events & (EPOLLIN | EPOLLOUT))) {
		log_warn("tap %s: the interface is gone", t->tap.name);
		loop_fd_del(t->reg);
		t->reg = NULL;
		release(t);
		return;
	}
	if ((events & EPOLLIN) && t->up && !t->kept)
		read_frames(t);
	if (events & EPOLLOUT)
		release(t);
	watch(t);
}

/* ---- from the guest ---- */

static struct virtio_net_hdr_v1 header_of(const struct netif_offload *o)
{
	return (struct virtio_net_hdr_v1){
		.flags = o->needs_csum ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0,
		.gso_type = (u8)o->gso,
		.hdr_len = (__virtio16)htole16(o->hdr_len),
		.gso_size = (__virtio16)htole16(o->gso_size),
		.csum_start = (__virtio16)htole16(o->csum_start),
		.csum_offset = (__virtio16)htole16(o->csum_offset),
	};
}

static int tap_if_send(struct netif *n, const struct netif_offload *o, struct iov_cur frame)
{
	struct tap_if *t = tap_if(n);
	struct virtio_net_hdr_v1 h = header_of(o);
	struct iovec v[1 + MAX_PIECES] = { { &h, sizeof(h) } };
	unsigned skip = t->tap.vnet_hdr ? 0 : 1;
	int nr = iov_take(&frame, frame.left, v + 1, MAX_PIECES);

	assert(loop_here(t->loop));
	if (nr < 0)
		return -EMSGSIZE;
	while (writev(t->tap.fd, v + skip, nr + 1 - (int)skip) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno; /* also: malformed, says the kernel; the interface is down */
		t->stuck = true;
		watch(t);
		return -EAGAIN;
	}
	return 0;
}

static void tap_if_flush(struct netif *n)
{
	/* Each frame went out at once. */
}

static void tap_if_rx_ready(struct netif *n)
{
	struct tap_if *t = tap_if(n);
	size_t len = t->kept;

	if (!len)
		return;
	t->kept = 0;
	hand_over(t, len);
	t->netif.client->flush(t->netif.client_arg);
	watch(t);
}

static void tap_if_up(struct netif *n, u32 offloads)
{
	struct tap_if *t = tap_if(n);

	tap_set_offloads(&t->tap, offloads);
	t->kept = 0;
	t->stuck = false;
	t->up = true;
	watch(t);
}

static void tap_if_down(struct netif *n)
{
	struct tap_if *t = tap_if(n);

	t->kept = 0;
	t->stuck = false;
	t->up = false;
	watch(t);
}

static void tap_if_destroy(struct netif *n)
{
	struct tap_if *t = tap_if(n);

	loop_fd_del(t->reg);
	tap_close(&t->tap);
	free(t->rx);
	free(t);
}

static const struct sys_call list[] = {
	CALL(read),
	CALL(writev),
	CALL_IOCTL(TUNSETOFFLOAD),
};
static const struct calls tap_calls = CALLS("tap", list);

static const struct sys_call down_list[] = { CALL(wait4), CALL(close) };
static const struct calls down_calls = CALLS("down script", down_list);

static int tap_if_forward(struct netif *n, const struct net_hostfwd *f, int fd)
{
	return -EOPNOTSUPP;
}

static bool tap_if_forwarded(struct netif *n, unsigned i, struct net_hostfwd *out)
{
	return false;
}

static const struct netif_ops tap_if_ops = {
	.up = tap_if_up,
	.down = tap_if_down,
	.send = tap_if_send,
	.flush = tap_if_flush,
	.rx_ready = tap_if_rx_ready,
	.forward = tap_if_forward,
	.forwarded = tap_if_forwarded,
	.destroy = tap_if_destroy,
};

/* One queue of the interface; its first, or (`first` not NULL) one more. */
static int queue_create(struct netif **out, const struct net_conf *c, struct loop *loop,
			const struct tap *first)
{
	struct tap_if *t = calloc(1, sizeof(*t));
	int err;

	if (t)
		t->rx = malloc(RX_SIZE);
	if (!t || !t->rx) {
		log_errno(-ENOMEM, "tap");
		free(t);
		return -ENOMEM;
	}
	t->loop = loop;
	t->netif = (struct netif){
		.calls = { &tap_calls }, .ops = &tap_if_ops, .mtu = c->mtu, .tap_fd = -1
	};
	memcpy(t->netif.mac, c->mac, NETIF_MAC_LEN);
	err = first ? tap_open_queue(&t->tap, c, first) : tap_open(&t->tap, c);
	if (err)
		goto fail;
	t->netif.offloads = t->tap.offloads;
	t->lent = c->vhost;
	if (t->lent && t->tap.vnet_hdr)
		t->netif.tap_fd = t->tap.fd;
	t->netif.calls[1] = c->downscript[0] ? &down_calls : NULL;
	err = loop_fd_add(loop, t->tap.fd, 0, on_event, t, &t->reg);
	if (err) {
		log_errno(err, "tap %s", t->tap.name);
		goto fail;
	}
	*out = &t->netif;
	return 0;
fail:
	tap_if_destroy(&t->netif);
	return err;
}

int tap_if_create(struct netif **out, const struct net_conf *c, struct loop *loop)
{
	struct netif *first = NULL, **next;
	int err = queue_create(&first, c, loop, NULL);

	if (err)
		return err;
	/* The down script is the first one's. */
	next = &first->next;
	for (unsigned i = 1; i < c->nr_pairs && !err; i++) {
		err = queue_create(next, c, loop, &tap_if(first)->tap);
		if (!err)
			next = &(*next)->next;
	}
	if (err) {
		netif_destroy_all(first);
		return err;
	}
	*out = first;
	return 0;
}
