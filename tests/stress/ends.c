/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network and a terminal that give the devices something to do in both directions, and make them
 * wait: every so many calls they are full, until a timer says otherwise.
 *
 * Thread: the loop of the devices.
 * Trust:  frames and bytes are a hostile guest's; nothing looks at them.
 */
#include "tests/stress/ends.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STALL_EVERY 64u
#define STALL_NS 200000u
#define FRAME 2048u

/* ---- network ---- */

struct net_end {
	struct netif netif;
	struct loop_timer *timer;
	unsigned calls;
	bool full, waiting; /* the latter: a frame for the guest */
	u8 frame[FRAME];
	size_t len;
};

static struct net_end *net_end(struct netif *n)
{
	return container_of(n, struct net_end, netif);
}

static void offer(struct net_end *e)
{
	struct iovec iov = { e->frame, e->len };
	static const struct netif_offload none;

	if (!e->waiting)
		return;
	e->waiting =
		e->netif.client->receive(e->netif.client_arg, &none, iov_cur(&iov, 1)) == -EAGAIN;
}

static void net_up(struct netif *n, u32 offloads)
{
	net_end(n)->waiting = false;
}

static void net_down(struct netif *n)
{
	net_end(n)->waiting = false;
}

static int net_send(struct netif *n, const struct netif_offload *o, struct iov_cur frame)
{
	struct net_end *e = net_end(n);

	if (!e->full && ++e->calls % STALL_EVERY == 0) {
		e->full = true;
		loop_timer_arm(e->timer, STALL_NS);
	}
	if (e->full)
		return -EAGAIN;
	if (!e->waiting) {
		e->len = iov_read(&frame, e->frame, sizeof(e->frame));
		e->waiting = e->len > 0;
		offer(e);
	}
	return 0;
}

static void net_flush(struct netif *n)
{
	n->client->flush(n->client_arg);
}

static void net_rx_ready(struct netif *n)
{
	offer(net_end(n));
	n->client->flush(n->client_arg);
}

static void net_destroy(struct netif *n)
{
	loop_timer_del(net_end(n)->timer);
	free(net_end(n));
}

static const struct netif_ops net_ops = {
	.up = net_up,
	.down = net_down,
	.send = net_send,
	.flush = net_flush,
	.rx_ready = net_rx_ready,
	.destroy = net_destroy,
};

static void net_room(void *arg)
{
	struct net_end *e = arg;

	e->full = false;
	e->netif.client->writable(e->netif.client_arg);
}

struct netif *ends_netif(struct loop *loop)
{
	struct net_end *e = calloc(1, sizeof(*e));

	if (!e || loop_timer_add(loop, net_room, e, &e->timer))
		abort();
	e->netif = (struct netif){ .ops = &net_ops, .mtu = 1500, .mac = { 2, 1, 2, 3, 4, 5 } };
	return &e->netif;
}

/* ---- terminal ---- */

struct chr_end {
	struct chardev chr;
	struct loop_timer *room, *type;
	unsigned calls;
	bool full, ready;
	char text[64];
	size_t len;
};

static struct chr_end *chr_end(struct chardev *c)
{
	return container_of(c, struct chr_end, chr);
}

static size_t chr_write(struct chardev *c, const void *buf, size_t len)
{
	struct chr_end *e = chr_end(c);

	if (!e->full && ++e->calls % STALL_EVERY == 0) {
		e->full = true;
		loop_timer_arm(e->room, STALL_NS);
	}
	if (e->full)
		return len / 2 < 16 ? 0 : 16;
	e->len = len < sizeof(e->text) ? len : sizeof(e->text);
	memcpy(e->text, buf, e->len);
	loop_timer_arm(e->type, 0);
	return len;
}

static void chr_rx_ready(struct chardev *c, bool ready)
{
	chr_end(c)->ready = ready;
}

static bool chr_size(struct chardev *c, u16 *cols, u16 *rows)
{
	*cols = (u16)(80 + chr_end(c)->calls % 7);
	*rows = 25;
	return true;
}

static const struct chardev_ops chr_ops = { .write = chr_write,
					    .rx_ready = chr_rx_ready,
					    .size = chr_size };

static void chr_room(void *arg)
{
	struct chr_end *e = arg;

	e->full = false;
	e->chr.client->writable(e->chr.client_arg);
	e->chr.client->resized(e->chr.client_arg);
}

static void chr_type(void *arg)
{
	struct chr_end *e = arg;

	if (!e->ready || !e->len)
		return;
	if (e->chr.client->receive(e->chr.client_arg, e->text, e->len) < e->len)
		e->ready = false;
}

struct chardev *ends_chardev(struct loop *loop)
{
	struct chr_end *e = calloc(1, sizeof(*e));

	if (!e || loop_timer_add(loop, chr_room, e, &e->room) ||
	    loop_timer_add(loop, chr_type, e, &e->type))
		abort();
	e->chr.ops = &chr_ops;
	return &e->chr;
}

void ends_chardev_free(struct chardev *c)
{
	loop_timer_del(chr_end(c)->room);
	loop_timer_del(chr_end(c)->type);
	free(chr_end(c));
}
