/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Datagrams for the guest.
 *
 * Thread: the loop of the netif.
 * Trust:  what the host's sockets hold goes into the guest's buffers unseen. Headers are written
 *         last, from values of ours.
 * Spec:   RFC 768, RFC 1122 §3.2.2.1
 *
 * A datagram is read into receive buffers of the guest, behind the place of its headers. Nobody
 * knows its length before, so what the guest's room (or its MTU) is too small for goes to memory of
 * ours; then the whole of it is sent from there, in fragments if need be.
 */
#include <errno.h>

#include "net/csum.h"
#include "net/user/segment.h"
#include "net/user/udp_flow.h"

#define ROOM 2048u /* bytes that are asked for at most: a datagram is rarely larger */
#define BURST_MAX 32u

static size_t head_len(const struct ip_key *k)
{
	return ip_head_len(k) + UDP_HDR;
}

static bool has_rx_csum(const struct udp *u)
{
	return u->conf.seg->offloads & NETIF_RX_CSUM;
}

/* False: the guest has no buffers. */
static bool offer(struct udp *u, const struct netif_offload *o, struct iov_cur frame)
{
	int err = u->netif->client->receive(u->netif->client_arg, o, frame);

	u->blocked = err == -EAGAIN;
	u->received |= !err;
	return !u->blocked;
}

/* Frames of ours wait for buffers: a datagram is of no use without its last fragment. */
static void emit(void *arg, const struct netif_offload *o, struct iov_cur frame)
{
	struct udp *u = arg;

	if (u->up && (u->blocked || !offer(u, o, frame)))
		backlog_push(&u->late, o, frame);
}

/* Who is it for the guest? What it called the host, the host calls itself. */
static struct ip_key key_of(const struct udp_flow *f, const union reach_addr *peer)
{
	struct ip_key k = f->id;

	if (reach_in(&f->udp->conf.reach, &k, peer))
		memcpy(k.peer, f->host, sizeof(k.peer));
	return k;
}

/* Headers of `n` bytes; the checksum field has the sum of the pseudo header. */
static void write_head(u8 *head, const struct udp_flow *f, const struct ip_key *k, size_t n)
{
	size_t len = UDP_HDR + n;
	u8 *udp = ip_write(head, &f->link, k->v6, k->peer, k->guest, PROTO_UDP, len);

	memcpy(udp + UDP_SRC, k->ports + 2, 2);
	memcpy(udp + UDP_DST, k->ports, 2);
	be16_put(udp + UDP_LEN, (u16)len);
	be16_put(udp + UDP_CSUM, (u16)~csum_finish(ip_pseudo(k, false, PROTO_UDP, len)));
}

/* The checksum made whole: `sum` is that of the payload. */
static void finish(u8 *udp, u64 sum)
{
	u16 csum = csum_finish(csum_add(sum, udp, UDP_HDR));

	/* 0 would be none. */
	be16_put(udp + UDP_CSUM, csum ? csum : 0xffff);
}

/* All `n` bytes are in the guest's `room`. */
static void commit(struct udp_flow *f, const struct ip_key *k, struct iov_cur room, size_t n)
{
	const struct netif_client *client = f->udp->netif->client;
	struct netif_offload o = { .needs_csum = has_rx_csum(f->udp) };
	struct iov_cur payload = room;
	u8 head[DIRECT_HEAD];

	write_head(head, f, k, n);
	if (o.needs_csum) {
		o.csum_start = (u16)ip_head_len(k);
		o.csum_offset = UDP_CSUM;
	} else {
		iov_skip(&payload, head_len(k));
		finish(head + ip_head_len(k), csum_iov(0, payload, n));
	}
	iov_write(&room, head, head_len(k));
	client->commit(f->udp->netif->client_arg, &o, head_len(k) + n);
	f->udp->received = true;
}

/* They are in u->spill, behind the place of the headers. */
static void send_spilt(struct udp_flow *f, const struct ip_key *k, size_t n)
{
	struct udp *u = f->udp;
	size_t ip = ip_head_len(k);

	write_head(u->spill, f, k, n);
	finish(u->spill + ip, csum_add(0, u->spill + ip + UDP_HDR, n));
	segment_emit(u->conf.seg, u->spill, ip + UDP_HDR + n, emit, u);
}

/* 1: a datagram was there; 0: none; -EAGAIN: the guest has no buffers. */
static int deliver_one(struct udp_flow *f)
{
	struct udp *u = f->udp;
	const struct netif_client *client = u->netif->client;
	void *arg = u->netif->client_arg;
	size_t head = head_len(&f->id), most = u->conf.seg->mtu + ETH_HDR - head;
	struct iov_cur room, payload;
	union reach_addr from;
	struct ip_key k;
	ssize_t n;
	int nr;

	if (!u->up || u->blocked)
		return -EAGAIN;
	u->blocked = client->reserve(arg, head, head + MIN(most, ROOM), &room);
	if (u->blocked)
		return -EAGAIN;
	payload = room;
	iov_skip(&payload, head);
	most = MIN(most, payload.left);
	nr = iov_take(&payload, most, u->iov, UDP_PIECES);
	/* Rooms of more pieces than the device ever makes would be as good as none. */
	if (nr < 0)
		nr = 0, most = 0;
	u->iov[nr] = (struct iovec){ u->spill + head + most, UDP_MAX - most };
	n = udp_host_receive(f, (unsigned)nr + 1, &from);
	if (n < 0) {
		client->commit(arg, NULL, 0);
		return n != -EAGAIN;
	}
	k = key_of(f, &from);
	if (f->forward)
		udp_asked(f, &k, &from);
	if ((size_t)n <= most) {
		commit(f, &k, room, (size_t)n);
		return 1;
	}
	iov_skip(&room, head);
	iov_read(&room, u->spill + head, most);
	client->commit(arg, NULL, 0);
	send_spilt(f, &k, (size_t)n);
	return 1;
}

void udp_deliver(struct udp_flow *f)
{
	unsigned i = 0;
	int got = 1;

	for (; i < f->burst && got > 0; i++)
		got = deliver_one(f);
	/* Where there is only one at a time, to ask for another one is in vain. */
	f->burst = (u8)(got > 0 ? MIN(f->burst * 2u, BURST_MAX) : 1);
	if (got < 0) {
		udp_host_listen(f, false);
		list_put(&f->udp->starved, &f->wait);
	}
	if (i > 1 || got > 0)
		udp_flow_touch(f);
}

void udp_refuse(struct udp_flow *f, const struct ip_key *k, int err)
{
	const struct netif_offload o = { .data_valid = has_rx_csum(f->udp) };
	u8 frame[IP_UNREACHABLE_MAX], us[16], udp[UDP_HDR] = { [UDP_LEN + 1] = UDP_HDR };
	struct iovec iov = { frame, 0 };
	enum ip_why why = ip_why(err);

	if (why == IP_WHY_NONE)
		return;
	memcpy(udp + UDP_SRC, k->ports, 4);
	reach_host(&f->udp->conf.reach, k->v6, us);
	iov.iov_len = ip_unreachable(frame, &f->link, k, why, us, PROTO_UDP, udp, UDP_HDR);
	emit(f->udp, &o, iov_cur(&iov, 1));
}

void udp_refuse_late(struct udp_flow *f, const union reach_addr *to, int err)
{
	struct ip_key k = key_of(f, to);

	udp_refuse(f, &k, err);
}

void udp_resume(struct udp *u)
{
	struct netif_offload o;
	struct iovec iov;

	u->blocked = false;
	while (backlog_peek(&u->late, &o, &iov) && offer(u, &o, iov_cur(&iov, 1)))
		backlog_pop(&u->late);
	while (!u->blocked && u->starved.next != &u->starved) {
		struct udp_flow *f = container_of(u->starved.next, struct udp_flow, wait);

		list_del(&f->wait);
		udp_host_listen(f, true);
	}
}
