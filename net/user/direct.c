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
#include "net/user/segment.h"
#include "net/user/tcp.h"
#include "net/user/udp.h"

size_t direct_head(const struct direct *d, size_t len)
{
	return MIN(len, DIRECT_HEAD);
}

/* Does it belong to a forward, which is lkvm's own whatever else is libslirp's? */
static bool is_known(const struct direct *d, bool v6, u8 proto, const u8 *ip, const u8 *l4)
{
	struct ip_key k;

	ip_key_read(&k, v6, ip, l4);
	return proto == PROTO_TCP ? tcp_knows(d->tcp, &k) : udp_knows(d->udp, &k);
}

bool direct_wants(const struct direct *d, const u8 *head, size_t len)
{
	enum guard_way way = guard_way(d->guard, head, len);
	bool v6 = be16_at(head + ETH_TYPE) == ETHERTYPE_IP6;
	const u8 *ip = head + ETH_HDR;

	return way == GUARD_BY_FLOW ? is_known(d, v6, ip[v6 ? IP6_NEXT : IP4_PROTO], ip,
					       ip + (v6 ? IP6_HDR : IP4_HDR))
				    : way == GUARD_DIRECT;
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
	enum guard_way way = guard_way_of_pkt(d->guard, frame, pkt);

	if (pkt->type == ETHERTYPE_ARP4)
		neigh_learn(&d->neigh, frame + ETH_HDR + ARP_SPA, false, frame + ETH_HDR + ARP_SHA);
	if (way == GUARD_LIBSLIRP ||
	    (way == GUARD_BY_FLOW && !is_known(d, pkt->type == ETHERTYPE_IP6, pkt->proto,
					       frame + pkt->l3, frame + pkt->l4)))
		return false;
	input(d, frame, len, o, pkt, iov_cur(&iov, 1));
	return true;
}

void direct_up(struct direct *d, u32 offloads)
{
	tcp_up(d->tcp, offloads);
	udp_up(d->udp);
}

void direct_down(struct direct *d)
{
	tcp_down(d->tcp);
	udp_down(d->udp);
}

void direct_settle(struct direct *d)
{
	tcp_settle(d->tcp);
	udp_settle(d->udp);
}

void direct_rx_ready(struct direct *d)
{
	tcp_rx_ready(d->tcp);
	udp_rx_ready(d->udp);
}

int direct_open(struct direct *d, const struct net_conf *c, struct guard *guard,
		struct segment *seg, struct servers *servers, struct loop *loop,
		struct netif *netif)
{
	struct reach reach = { .guard = guard,
			       .host_loopback = c->host_loopback == NET_ON,
			       .restricted = c->restricted,
			       .servers = servers };
	const struct tcp_conf tcp = { .reach = reach,
				      .neigh = &d->neigh,
				      .mtu = seg->mtu,
				      .held = c->held,
				      .held_arg = c->held_arg };
	const struct udp_conf udp = { .reach = reach, .neigh = &d->neigh, .seg = seg };
	int err;

	memcpy(d->neigh.mac, c->mac, sizeof(d->neigh.mac));
	d->guard = guard;
	guard->direct_tcp = c->tcp == NET_PATH_DIRECT;
	guard->direct_udp = c->udp == NET_PATH_DIRECT;
	guard->direct_names = !c->restricted;
	netif->calls[1] = &tcp_calls;
	netif->calls[2] = &udp_calls;
	err = tcp_create(&d->tcp, &tcp, loop, netif);
	if (!err)
		err = udp_create(&d->udp, &udp, loop, netif);
	return err ? log_errno(err, "user-mode networking") : 0;
}

void direct_close(struct direct *d)
{
	tcp_destroy(d->tcp);
	udp_destroy(d->udp);
}
