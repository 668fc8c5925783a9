/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User-mode networking: the netif that needs no privilege. Frames pass the guard, our own DHCP and
 * DNS servers and the segment sizer on their way between the guest and libslirp.
 *
 * Thread: the loop of the netif.
 * Trust:  frames come from the guest: gathered once into a private buffer, then checked by
 *         net/user/guard.c before anything else looks at them.
 *
 * Towards the guest there is no flow control in libslirp but TCP's. When the guest has no buffers,
 * frames wait in a short backlog and sockets are not read; what does not fit is dropped, and TCP
 * sends it again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/iov.h"
#include "lkvm/base/log.h"
#include "lkvm/vm/loop.h"
#include "net/eth.h"
#include "net/kinds.h"
#include "net/user/acks.h"
#include "net/user/backlog.h"
#include "net/user/dhcp.h"
#include "net/user/direct.h"
#include "net/user/dns.h"
#include "net/user/forward.h"
#include "net/user/guard.h"
#include "net/user/merge.h"
#include "net/user/order.h"
#include "net/user/reasm.h"
#include "net/user/segment.h"
#include "net/user/setup.h"
#include "net/user/slirp.h"

#define WHO "user network"
#define BACKLOG_BYTES (512 * 1024) /* eight windows of TCP: libslirp opens none beyond 64 KiB */

struct user_if {
	struct netif netif;
	struct loop *loop;
	struct slirp *slirp;
	struct direct direct; /* what does not go to it */
	struct forwards forwards;

	struct guard guard;
	struct dhcp dhcp;
	bool dhcp_on;
	struct setup_names names;
	struct servers servers;
	struct dns *dns; /* NULL: the guest reaches nothing */
	struct segment seg;
	struct reasm *reasm;
	struct merge merge; /* what the guest sends in one batch */
	struct acks acks;   /* what it is told in one */
	struct order *order;
	struct backlog backlog;

	bool up;       /* a driver is there */
	bool blocked;  /* it has no buffers: wait for rx_ready() */
	bool received; /* receive() was called since the last flush */
	u8 *frame; /* NETIF_FRAME_MAX bytes: the frame that is looked at; touched as far as used */
};

static struct user_if *user_if(struct netif *n)
{
	return container_of(n, struct user_if, netif);
}

/* ---- towards the guest ---- */

static int offer(struct user_if *s, const struct netif_offload *o, struct iov_cur frame)
{
	int err = s->netif.client->receive(s->netif.client_arg, o, frame);

	s->blocked = err == -EAGAIN;
	if (s->blocked)
		slirp_pause(s->slirp, true);
	s->received |= !err;
	return err;
}

static void deliver(void *arg, const struct netif_offload *o, struct iov_cur frame)
{
	struct user_if *s = arg;

	if (!s->blocked && offer(s, o, frame) != -EAGAIN)
		return;
	/* Full: dropped, as a switch would. */
	backlog_push(&s->backlog, o, frame);
}

static void emit_held(struct user_if *s)
{
	size_t len = acks_take(&s->acks);

	if (len)
		segment_emit(&s->seg, s->acks.frame, len, deliver, s);
}

/* From libslirp, or from our own servers. */
static void to_guest(void *arg, const u8 *frame, size_t len)
{
	struct user_if *s = arg;

	order_saw(s->order, frame, len);
	if (!s->up || acks_replace(&s->acks, frame, len))
		return;
	emit_held(s);
	if (!acks_hold(&s->acks, frame, len))
		segment_emit(&s->seg, frame, len, deliver, s);
}

/* Nothing waits any more. */
static void unblock(struct user_if *s)
{
	backlog_clear(&s->backlog);
	s->blocked = false;
	slirp_pause(s->slirp, false);
	slirp_settle(s->slirp);
}

static void flush_client(void *arg)
{
	struct user_if *s = arg;

	emit_held(s);
	if (!s->received)
		return;
	s->received = false;
	s->netif.client->flush(s->netif.client_arg);
}

/* ---- from the guest ---- */

/* A request for our DHCP server? Then nobody else sees it. */
static bool take_dhcp(struct user_if *s, size_t len, const struct guard_pkt *pkt)
{
	const u8 *ip = s->frame + pkt->l3, *udp = s->frame + pkt->l4;
	u8 reply[DHCP_REPLY_MAX];
	struct in_addr src;
	u32 dst = be32_at(ip + IP4_DST), host = ntohl(s->guard.host.s_addr);

	if (pkt->type != ETHERTYPE_IP4 || pkt->proto != PROTO_UDP || be16_at(udp + UDP_DST) != 67 ||
	    (dst != host && dst != 0xffffffff && dst != (host | ~ntohl(s->guard.mask.s_addr))))
		return false;
	if (!s->dhcp_on)
		return true;
	memcpy(&src, ip + IP4_SRC, sizeof(src));

	size_t n = dhcp_answer(&s->dhcp, udp + UDP_HDR, (size_t)be16_at(udp + UDP_LEN) - UDP_HDR,
			       src, reply);

	assert(pkt->l4 + (size_t)be16_at(udp + UDP_LEN) <= len);
	if (n)
		to_guest(s, reply, n);
	return true;
}

/* When there are too many sockets, nothing that could open another one passes. */
static bool over_limit(struct user_if *s, const u8 *frame, const struct guard_pkt *pkt)
{
	bool tcp = pkt->proto == PROTO_TCP;

	if (pkt->type == ETHERTYPE_ARP4 || pkt->proto == PROTO_ICMP6 ||
	    (tcp && !(frame[pkt->l4 + TCP_FLAGS] & TCP_SYN)) || slirp_has_room(s->slirp, !tcp))
		return false;
	guest_err(WHO, "too many connections: new ones are dropped");
	return true;
}

static void feed(struct user_if *s, const u8 *frame, size_t len, const struct guard_pkt *pkt)
{
	u8 reset[ORDER_RESET_FRAME];
	size_t n;

	if (pkt->proto != PROTO_TCP || order_admit(s->order, frame, len, pkt)) {
		slirp_feed(s->slirp, frame, len,
			   pkt->type == ETHERTYPE_ARP4 || pkt->proto == PROTO_ICMP6);
		return;
	}
	n = order_reset(s->order, reset);
	if (n)
		slirp_feed(s->slirp, reset, n, false);
}

static void feed_held(struct user_if *s)
{
	size_t len = merge_take(&s->merge);
	const struct guard_pkt pkt = {
		.type = ETHERTYPE_IP4, .l3 = s->merge.l3, .l4 = s->merge.l4, .proto = PROTO_TCP
	};

	if (len)
		feed(s, s->merge.frame, len, &pkt);
}

static void input(struct user_if *s, u8 *frame, size_t len, const struct guard_pkt *pkt)
{
	segment_invite(&s->seg, frame, pkt);
	if (over_limit(s, frame, pkt) || merge_append(&s->merge, frame, len, pkt))
		return;
	feed_held(s);
	if (frame == s->frame && merge_hold(&s->merge, &s->frame, len, pkt))
		return;
	feed(s, frame, len, pkt);
}

static int refuse(int err, const char *why)
{
	if (err == -EBADMSG)
		guest_err(WHO, "dropped: %s", why);
	return err;
}

static int user_if_send(struct netif *n, const struct netif_offload *o, struct iov_cur from)
{
	struct user_if *s = user_if(n);
	const struct iov_cur whole = from;
	const char *why = NULL;
	struct guard_pkt pkt;
	size_t len = from.left, head = direct_head(&s->direct, len);
	u8 *frame = s->frame;
	int err;

	assert(loop_here(s->loop));
	if (len > NETIF_FRAME_MAX)
		return -EMSGSIZE;
	iov_read(&from, s->frame, head);
	if (direct_wants(&s->direct, s->frame, len)) {
		err = direct_send(&s->direct, s->frame, o, whole, &why);
		return refuse(err, why);
	}
	iov_read(&from, s->frame + head, len - head);
	err = guard_check(&s->guard, s->frame, &len, o, &pkt, &why);

	if (!err && pkt.fragment) {
		if (!reasm_add(s->reasm, s->frame, len, loop_now_ns(), &frame, &len))
			return 0;
		err = guard_check_whole(&s->guard, frame, len, &pkt, &why);
	}
	if (err)
		return refuse(err, why);
	if (direct_take(&s->direct, o, frame, len, &pkt) ||
	    (frame == s->frame && take_dhcp(s, len, &pkt)) ||
	    (s->dns && dns_take(s->dns, frame, &pkt)))
		return 0;
	input(s, frame, len, &pkt);
	return 0;
}

static void user_if_flush(struct netif *n)
{
	struct user_if *s = user_if(n);

	feed_held(s);
	slirp_settle(s->slirp);
	direct_settle(&s->direct);
	flush_client(s);
}

static void user_if_rx_ready(struct netif *n)
{
	struct user_if *s = user_if(n);
	struct netif_offload o;
	struct iovec iov;

	direct_rx_ready(&s->direct);
	if (!s->blocked)
		return;
	s->blocked = false;
	while (backlog_peek(&s->backlog, &o, &iov) && offer(s, &o, iov_cur(&iov, 1)) != -EAGAIN)
		backlog_pop(&s->backlog);
	if (!s->blocked)
		unblock(s);
	flush_client(s);
}

static void user_if_up(struct netif *n, u32 offloads)
{
	struct user_if *s = user_if(n);

	s->seg.offloads = offloads;
	s->up = true;
	direct_up(&s->direct, offloads);
	unblock(s);
}

static void user_if_down(struct netif *n)
{
	struct user_if *s = user_if(n);

	s->up = false;
	direct_down(&s->direct);
	acks_take(&s->acks);
	unblock(s);
}

static int user_if_forward(struct netif *n, const struct net_hostfwd *f, int fd)
{
	struct forwards *fs = &user_if(n)->forwards;

	return fd >= 0 ? forwards_add(fs, f, fd) : forwards_remove(fs, f);
}

static bool user_if_forwarded(struct netif *n, unsigned i, struct net_hostfwd *out)
{
	const struct forwards *fs = &user_if(n)->forwards;

	if (i < fs->nr)
		*out = fs->f[i];
	return i < fs->nr;
}

/* ---- making one ---- */

static void user_if_destroy(struct netif *n)
{
	struct user_if *s = user_if(n);

	s->up = false; /* closing connections sends resets */
	direct_close(&s->direct);
	dns_destroy(s->dns);
	slirp_close(s->slirp);
	order_destroy(s->order);
	reasm_destroy(s->reasm);
	backlog_fini(&s->backlog);
	free(s->frame);
	free(s->merge.frame);
	free(s);
}

static const struct netif_ops user_if_ops = {
	.up = user_if_up,
	.down = user_if_down,
	.send = user_if_send,
	.flush = user_if_flush,
	.rx_ready = user_if_rx_ready,
	.forward = user_if_forward,
	.forwarded = user_if_forwarded,
	.destroy = user_if_destroy,
};

static void configure(struct user_if *s, const struct net_conf *c)
{
	setup_guard(&s->guard, c);
	setup_dhcp(&s->dhcp, &s->names, &s->guard, c);
	s->dhcp_on = c->dhcp;
	s->seg.mtu = c->mtu ? c->mtu : 1500;
}

static const struct slirp_client slirp_client = { .frame = to_guest, .batch_end = flush_client };

static int open_slirp(struct user_if *s, const struct net_conf *c)
{
	const struct slirp_conf conf = {
		.net = s->guard.net,
		.mask = s->guard.mask,
		.host = s->guard.host,
		.dns = s->guard.dns,
		.guest = c->guest_ip,
		.ipv6 = c->ipv6,
		.prefix6 = s->guard.prefix6,
		/* Larger than the guest's: net/user/segment.c stands between the two. */
		.mtu = (u16)MAX(SEGMENT_MTU, (unsigned)c->mtu),
		.host_loopback = c->host_loopback == NET_ON,
		.restricted = c->restricted,
		.held = c->held,
		.held_arg = c->held_arg,
	};

	return slirp_open(&s->slirp, &conf, s->loop, &slirp_client, s);
}

static const struct dns_client dns_client = { .frame = to_guest, .batch_end = flush_client };

static int open_dns(struct user_if *s, const struct net_conf *c)
{
	s->servers = (struct servers){ .path = "/etc/resolv.conf", .port = htons(53) };
	if (c->restricted)
		return 0;
	s->netif.calls[3] = &dns_calls;
	return dns_create(&s->dns, &s->servers, &s->guard, s->loop, &dns_client, s);
}

static int open_forwards(struct user_if *s, const struct net_conf *c)
{
	char text[HOSTFWD_TEXT];

	s->forwards = (struct forwards){
		.tcp = s->direct.tcp,
		.udp = s->direct.udp,
		.ipv6 = c->ipv6,
		.guest4 = c->guest_ip,
		.guest6 = forwards_eui64(&s->guard.prefix6, c->mac),
	};
	for (unsigned i = 0; i < c->nr_hostfwd; i++) {
		int fd = hostfwd_open(&c->hostfwd[i]);
		int err = fd < 0 ? fd : forwards_add(&s->forwards, &c->hostfwd[i], fd);

		if (err && fd >= 0)
			close(fd);
		if (err)
			return log_errno(err, "hostfwd: cannot listen for %s",
					 hostfwd_text(&c->hostfwd[i], text));
	}
	return 0;
}

int user_if_create(struct netif **out, const struct net_conf *c, struct loop *loop)
{
	struct user_if *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	if (!s)
		return err;
	s->loop = loop;
	s->netif.calls[0] = &slirp_calls;
	s->netif.ops = &user_if_ops;
	s->netif.mtu = c->mtu;
	s->netif.offloads = NETIF_TX_CSUM | NETIF_TX_TSO4 | NETIF_TX_TSO6 | NETIF_RX_CSUM |
			    NETIF_RX_TSO4 | NETIF_RX_TSO6;
	memcpy(s->netif.mac, c->mac, NETIF_MAC_LEN);
	configure(s, c);
	s->frame = malloc(NETIF_FRAME_MAX);
	s->merge.frame = malloc(NETIF_FRAME_MAX);
	if (!s->frame || !s->merge.frame || backlog_init(&s->backlog, BACKLOG_BYTES) ||
	    reasm_create(&s->reasm) || order_create(&s->order)) {
		log_errno(-ENOMEM, "user-mode networking");
		goto fail;
	}
	err = open_slirp(s, c);
	if (!err)
		err = open_dns(s, c);
	if (!err)
		err = direct_open(&s->direct, c, &s->guard, &s->seg, &s->servers, loop, &s->netif);
	if (!err)
		err = open_forwards(s, c);
	if (err)
		goto fail;
	setup_say_reach(c);
	*out = &s->netif;
	return 0;
fail:
	user_if_destroy(&s->netif);
	return err;
}
