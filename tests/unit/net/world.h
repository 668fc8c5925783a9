/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A netif as --network makes it, on a loop, and the client that hears of its frames. */
#ifndef TESTS_UNIT_NET_WORLD_H
#define TESTS_UNIT_NET_WORLD_H

#include "lkvm/vm/loop.h"
#include "net/netopt.h"
#include "tests/fake/netif.h"
#include "tests/unit/suite.h"

#define ALL_OFFLOADS                                                                               \
	(NETIF_TX_CSUM | NETIF_TX_TSO4 | NETIF_TX_TSO6 | NETIF_RX_CSUM | NETIF_RX_TSO4 |           \
	 NETIF_RX_TSO6)

struct world {
	struct loop *loop;
	struct netif *n;
	struct fake_client client;
	unsigned seen; /* frames of client.got that were looked at */
};

/* No driver yet: the test says when it is up, and with which offloads. */
static inline void world_open(struct world *w, const char *arg)
{
	struct net_conf c;

	*w = (struct world){ .loop = NULL };
	ck_assert_int_eq(netopt_parse(&c, arg, 0), 0);
	netopt_settle(&c, false);
	ck_assert_int_eq(loop_create(&w->loop, "io"), 0);
	ck_assert_int_eq(netif_create(&w->n, &c, w->loop), 0);
	fake_client_attach(&w->client, w->n);
}

static inline void world_close(struct world *w)
{
	netif_destroy_all(w->n);
	loop_destroy(w->loop);
	fake_frames_clear(&w->client.got);
}

/* A batch of one frame, in two pieces. */
static inline int send_with(struct world *w, const struct netif_offload *o, u8 *f, size_t len)
{
	struct iovec iov[2] = { { f, 10 }, { f + 10, len - 10 } };
	int err = w->n->ops->send(w->n, o, iov_cur(iov, 2));

	w->n->ops->flush(w->n);
	return err;
}

static inline int send_frame(struct world *w, u8 *f, size_t len)
{
	return send_with(w, &(struct netif_offload){ .gso = NETIF_GSO_NONE }, f, len);
}

#endif
