/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UDP of the guest: from frames to flows.
 *
 * Thread: the loop of the netif.
 * Trust:  guard.c has checked the headers, in a private copy. The payload is the guest's memory: it
 *         is summed where the guest made a checksum, and given to the host's socket.
 * Spec:   RFC 768, RFC 8200 §8.1, RFC 4787
 *
 *	udp_table	which flows there are, and for how long
 *	udp_out		what the guest is sent
 *	udp_host	the host's socket
 *	udp_listen	forwards
 *
 * Datagrams of one batch that are of one flow and length are a train: the host's kernel takes it as
 * a whole (UDP_SEGMENT) and makes datagrams of it again where they leave its stack, for a fraction
 * of what it costs to send each. For that they are copied, unless they are large.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "lkvm/base/log.h"
#include "net/csum.h"
#include "net/user/udp_flow.h"

static const struct sys_call list[] = {
	CALL_IF(socket, 0, UINT32_MAX, AF_INET),
	CALL_IF_RARE(socket, 0, UINT32_MAX, AF_INET6, "a guest that speaks IPv6"),
	CALL(setsockopt),
	CALL_RARE(getsockopt, "a datagram that is refused"),
	CALL_IF_RARE(fcntl, 1, UINT32_MAX, F_GETFL, "a forward that comes later"),
	CALL(sendmsg),
	CALL(recvmsg),
	CALL_RARE(close, "a flow that has ended"),
};

const struct calls udp_calls = CALLS("user network, UDP", list);

/* The guest's own checksum, where it made one [RFC 768; without one only over IPv4: RFC 8200]. */
static bool is_sound(const struct ip_key *k, const u8 *udp, struct iov_cur payload)
{
	size_t len = be16_at(udp + UDP_LEN);
	u64 sum = ip_pseudo(k, true, PROTO_UDP, len);

	if (!be16_at(udp + UDP_CSUM))
		return !k->v6;
	sum = csum_add(sum, udp, UDP_HDR);
	return !csum_finish(csum_iov(sum, payload, len - UDP_HDR));
}

/* Another peer than last time. */
static void address(struct udp_flow *f, const struct ip_key *k)
{
	f->key = *k;
	f->moved = false;
	f->to_len =
		f->forward ? udp_asker(f, k, &f->to) : reach_out(&f->udp->conf.reach, k, &f->to);
	f->alone = !f->udp->has_trains;
	f->brief = be16_at(k->ports + 2) == 53;
	if (reach_is_host(&f->udp->conf.reach, k))
		memcpy(f->host, k->peer, sizeof(f->host));
}

/* ---- trains ---- */

static int send_plain(struct udp_flow *f, u8 *data, size_t len)
{
	const struct iovec iov = { data, len };

	return udp_host_send(f, iov_cur(&iov, 1), len, 0);
}

/* One by one. The first error stands for all. */
static int send_cut(struct udp_flow *f, u8 *data, size_t len, size_t step)
{
	int err = 0;

	for (size_t n; !err && len; len -= n, data += n) {
		n = MIN(len, step);
		err = send_plain(f, data, n);
	}
	return err;
}

static void send_train(struct udp *u)
{
	struct udp_flow *f = u->last;
	struct udp_train *t = &u->train;
	const struct iovec iov = { t->data, t->len };
	int err;

	if (!t->nr)
		return;
	assert(f); /* a flow that ends takes its train along */
	err = t->nr == 1 ? send_plain(f, t->data, t->len)
			 : udp_host_send(f, iov_cur(&iov, 1), t->len, t->step);
	if (err == -EMSGSIZE) {
		f->alone = true;
		err = send_cut(f, t->data, t->len, t->step);
	}
	t->nr = 0;
	t->len = 0;
	if (err)
		udp_refuse(f, &f->key, -err);
}

/* Behind those of the same length of u->last; a shorter one is the last. */
static void board(struct udp *u, struct iov_cur data, size_t n)
{
	struct udp_train *t = &u->train;

	if (t->nr == UDP_TRAIN || t->len + n > UDP_TRAIN_MAX ||
	    (t->nr && (n > t->step || t->len != t->nr * t->step)))
		send_train(u);
	if (!t->nr++)
		t->step = n;
	t->len += iov_read(&data, t->data + t->len, n);
}

/* ---- from the guest ---- */

static struct udp_flow *find(struct udp *u, const struct ip_key *k)
{
	struct udp_flow *f = u->last;

	/* Datagrams come in trains. */
	if (f && !f->moved && !memcmp(&f->key, k, sizeof(*k)))
		return f;
	send_train(u);
	f = udp_flow_of(u, k);
	if (f && (f->moved || memcmp(&f->key, k, sizeof(*k))))
		address(f, k);
	u->last = f;
	return f;
}

static void send_on(struct udp_flow *f, struct iov_cur data, size_t n)
{
	struct udp *u = f->udp;
	int err = f->to_len < 0 ? f->to_len : 0;

	if (!err && n && n <= UDP_TRAIN_STEP && !f->alone && u->begun) {
		board(u, data, n);
		return;
	}
	u->begun = true;
	send_train(u);
	if (!err)
		err = udp_host_send(f, data, n, 0);
	if (err)
		udp_refuse(f, &f->key, -err);
}

void udp_input(struct udp *u, const u8 *head, size_t len, const struct netif_offload *o,
	       const struct guard_pkt *pkt, struct iov_cur frame)
{
	const u8 *udp = head + pkt->l4;
	size_t n = (size_t)be16_at(udp + UDP_LEN) - UDP_HDR;
	struct udp_flow *f;
	struct ip_key k;

	assert(pkt->l4 + UDP_HDR + n <= len);
	ip_key_read(&k, pkt->type == ETHERTYPE_IP6, head + pkt->l3, udp);
	iov_skip(&frame, pkt->l4 + UDP_HDR);
	if (!o->needs_csum && !is_sound(&k, udp, frame))
		return;
	f = find(u, &k);
	if (!f)
		return;
	memcpy(f->link.guest, head + ETH_SRC, 6);
	udp_flow_touch(f);
	send_on(f, frame, n);
}

void udp_settle(struct udp *u)
{
	send_train(u);
	u->begun = false;
	u->now = 0;
	if (u->received)
		u->netif->client->flush(u->netif->client_arg);
	u->received = false;
}

void udp_rx_ready(struct udp *u)
{
	udp_resume(u);
	udp_settle(u);
}

void udp_up(struct udp *u)
{
	u->up = true;
	backlog_clear(&u->late);
	/* They tell from the loop: the device is not ready for frames yet. */
	udp_resume(u);
}

void udp_down(struct udp *u)
{
	u->up = false;
}

int udp_create(struct udp **out, const struct udp_conf *c, struct loop *loop, struct netif *netif)
{
	struct udp *u = calloc(1, sizeof(*u));
	int err;

	if (!u)
		return -ENOMEM;
	u->conf = *c;
	u->loop = loop;
	u->netif = netif;
	list_init(&u->starved);
	err = udp_table_init(u);
	if (err) {
		udp_destroy(u);
		return err;
	}
	*out = u;
	return 0;
}

void udp_destroy(struct udp *u)
{
	if (!u)
		return;
	u->up = false;
	udp_table_fini(u);
	backlog_fini(&u->late);
	free(u->spill);
	free(u->train.data);
	free(u);
}
