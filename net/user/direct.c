/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who gets a frame that does not go to libslirp.
 *
 * Thread: the loop of the netif.
 * Trust:  frames are the guest's: guard.c checks them, here or before.
 */
#include "net/user/direct.h"

#include "lkvm/base/log.h"
#include "net/netopt.h"
#include "net/user/forward.h"
#include "net/user/segment.h"
#include "net/user/tcp.h"
#include "net/user/udp.h"

size_t direct_head(const struct direct *d, size_t len)
{
	return d->tcp || d->udp ? MIN(len, DIRECT_HEAD) : 0;
}

/* Forwards of UDP are libslirp's, and so are the answers to what comes through them. */
static bool is_answer(const struct direct *d, const u8 *frame)
{
	bool v6 = be16_at(frame + ETH_TYPE) == ETHERTYPE_IP6;
	const u8 *ip = frame + ETH_HDR, *l4 = ip + (v6 ? IP6_HDR : IP4_HDR);

	return ip[v6 ? IP6_NEXT : IP4_PROTO] == PROTO_UDP &&
	       forwards_answer(d->forwards, v6, ip + (v6 ? IP6_SRC : IP4_SRC),
			       be16_at(l4 + UDP_SRC));
}

bool direct_wants(const struct direct *d, const u8 *head, size_t len)
{
	return (d->tcp || d->udp) && guard_is_direct(d->guard, head, len) && !is_answer(d, head);
}

static void input(struct direct *d, const u8 *head, size_t len, const struct netif_offload *o,
		  const struct guard_pkt *pkt, struct iov_cur frame)
{
	if (pkt->proto == PROTO_TCP)
		tcp_input(d->tcp, head, len, o, pkt, frame);
	else
		udp_input(d->udp, head, len, o, pkt, frame);
}

int direct_send(struct direct *d, u8 *head, const struct netif_offload *o, struct iov_cur frame,
		const char **why)
{
	size_t len = frame.left;
	struct guard_pkt pkt;
	int err = guard_check_direct(d->guard, head, &len, o, &pkt, why);

	if (!err)
		input(d, head, len, o, &pkt, frame);
	return err;
}

bool direct_take(struct direct *d, const struct netif_offload *o, u8 *frame, size_t len,
		 const struct guard_pkt *pkt)
{
	const struct iovec iov = { frame, len };

	if (d->tcp && pkt->type == ETHERTYPE_ARP4)
		tcp_learn(d->tcp, frame + ETH_HDR + ARP_SPA, false, frame + ETH_HDR + ARP_SHA);
	if (!guard_is_direct_pkt(d->guard, frame, pkt) || is_answer(d, frame))
		return false;
	input(d, frame, len, o, pkt, iov_cur(&iov, 1));
	return true;
}

void direct_up(struct direct *d, u32 offloads)
{
	if (d->tcp)
		tcp_up(d->tcp, offloads);
	if (d->udp)
		udp_up(d->udp);
}

void direct_down(struct direct *d)
{
	if (d->tcp)
		tcp_down(d->tcp);
	if (d->udp)
		udp_down(d->udp);
}

void direct_settle(struct direct *d)
{
	if (d->tcp)
		tcp_settle(d->tcp);
	if (d->udp)
		udp_settle(d->udp);
}

void direct_rx_ready(struct direct *d)
{
	if (d->tcp)
		tcp_rx_ready(d->tcp);
	if (d->udp)
		udp_rx_ready(d->udp);
}

int direct_open(struct direct *d, const struct net_conf *c, struct guard *guard,
		const struct segment *seg, const struct forwards *forwards, struct servers *servers,
		struct loop *loop, struct netif *netif)
{
	struct reach reach = { .guard = guard,
			       .host_loopback = c->host_loopback == NET_ON,
			       .restricted = c->restricted,
			       .servers = servers };
	struct tcp_conf tcp = { .reach = reach, .mtu = seg->mtu };
	const struct udp_conf udp = { .reach = reach, .seg = seg };
	int err = 0;

	memcpy(tcp.mac, c->mac, sizeof(tcp.mac));
	d->guard = guard;
	d->forwards = forwards;
	guard->direct_tcp = c->tcp == NET_PATH_DIRECT;
	guard->direct_udp = c->udp == NET_PATH_DIRECT;
	guard->direct_names = !c->restricted;
	if (guard->direct_tcp || guard->direct_names) {
		netif->calls[1] = &tcp_calls;
		err = tcp_create(&d->tcp, &tcp, loop, netif);
	}
	if (!err && guard->direct_udp) {
		netif->calls[2] = &udp_calls;
		err = udp_create(&d->udp, &udp, loop, netif);
	}
	return err ? log_errno(err, "user-mode networking") : 0;
}

void direct_close(struct direct *d)
{
	tcp_destroy(d->tcp);
	udp_destroy(d->udp);
}
