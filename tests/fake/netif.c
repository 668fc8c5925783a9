/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fake netif and fake client of a netif.
 *
 * Thread: the test's.
 */
#include "tests/fake/netif.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void fake_frames_add(struct fake_frames *l, const struct netif_offload *o, struct iov_cur frame)
{
	struct fake_frame *f = &l->f[l->nr++];

	assert(l->nr <= FAKE_NETIF_FRAMES);
	f->len = frame.left;
	f->data = malloc(f->len);
	f->o = *o;
	iov_read(&frame, f->data, f->len);
}

void fake_frames_clear(struct fake_frames *l)
{
	while (l->nr)
		free(l->f[--l->nr].data);
}

static struct fake_netif *fake(struct netif *n)
{
	return container_of(n, struct fake_netif, netif);
}

static void fake_up(struct netif *n, u32 offloads)
{
	fake(n)->nr_up++;
	fake(n)->offloads = offloads;
}

static void fake_down(struct netif *n)
{
	fake(n)->nr_down++;
}

static int fake_send(struct netif *n, const struct netif_offload *o, struct iov_cur frame)
{
	struct fake_netif *f = fake(n);

	f->nr_send++;
	if (f->budget && f->sent.nr == f->budget)
		return -EAGAIN;
	if (!f->send_result)
		fake_frames_add(&f->sent, o, frame);
	return f->send_result;
}

static void fake_flush(struct netif *n)
{
	fake(n)->nr_flush++;
	if (fake(n)->on_flush)
		fake(n)->on_flush(fake(n));
}

static void fake_rx_ready(struct netif *n)
{
	fake(n)->nr_rx_ready++;
	if (fake(n)->on_rx_ready)
		fake(n)->on_rx_ready(fake(n));
}

static void fake_destroy(struct netif *n)
{
	struct fake_netif *f = fake(n);

	if (f->destroyed)
		*f->destroyed = true;
	fake_frames_clear(&f->sent);
	free(f);
}

static int fake_forward(struct netif *n, const struct net_hostfwd *f, int fd)
{
	return -EOPNOTSUPP;
}

static bool fake_forwarded(struct netif *n, unsigned i, struct net_hostfwd *out)
{
	return false;
}

static const struct netif_ops fake_ops = {
	.up = fake_up,
	.down = fake_down,
	.send = fake_send,
	.flush = fake_flush,
	.rx_ready = fake_rx_ready,
	.forward = fake_forward,
	.forwarded = fake_forwarded,
	.destroy = fake_destroy,
};

struct fake_netif *fake_netif(u32 offloads, u16 mtu)
{
	struct fake_netif *f = calloc(1, sizeof(*f));

	assert(f);
	f->netif = (struct netif){ .ops = &fake_ops,
				   .offloads = offloads,
				   .mtu = mtu,
				   .mac = { 2, 0x15, 0x15, 0x15, 0x15, 0x15 } };
	return f;
}

int fake_netif_receive(struct fake_netif *n, const struct netif_offload *o, const void *data,
		       size_t len)
{
	/* In two pieces, as real ones come. */
	size_t half = len / 2;
	struct iovec iov[2] = { { (void *)(uintptr_t)data, half },
				{ (char *)(uintptr_t)data + half, len - half } };

	return n->netif.client->receive(n->netif.client_arg, o, iov_cur(iov, 2));
}

void fake_netif_flush(struct fake_netif *n)
{
	n->netif.client->flush(n->netif.client_arg);
}

static int client_receive(void *arg, const struct netif_offload *o, struct iov_cur frame)
{
	struct fake_client *c = arg;

	if (!c->room) {
		c->nr_again++;
		return -EAGAIN;
	}
	c->room--;
	fake_frames_add(&c->got, o, frame);
	return 0;
}

/* A room in pieces, none of them aligned. */
static int client_reserve(void *arg, size_t min, size_t want, struct iov_cur *room)
{
	struct fake_client *c = arg;
	size_t len = c->room_len ? MIN(c->room_len, want) : want, off = 0;
	unsigned nr = 0;

	if (!c->room || len < min) {
		c->nr_again++;
		return -EAGAIN;
	}
	assert(!c->reserved);
	c->reserved = malloc(len);
	for (size_t n; off < len; off += n) {
		n = nr + 1 < ARRAY_SIZE(c->pieces) ? MIN(len - off, 33 + 997 * (size_t)nr)
						   : len - off;
		c->pieces[nr++] = (struct iovec){ c->reserved + off, n };
	}
	*room = iov_cur(c->pieces, nr);
	return 0;
}

static void client_commit(void *arg, const struct netif_offload *o, size_t len)
{
	struct fake_client *c = arg;
	struct iovec iov = { c->reserved, len };

	assert(c->reserved);
	if (len) {
		c->room--;
		fake_frames_add(&c->got, o, iov_cur(&iov, 1));
	}
	free(c->reserved);
	c->reserved = NULL;
}

static void client_flush(void *arg)
{
	((struct fake_client *)arg)->nr_flush++;
}

static void client_writable(void *arg)
{
	((struct fake_client *)arg)->nr_writable++;
}

static const struct netif_client client_ops = {
	.receive = client_receive,
	.reserve = client_reserve,
	.commit = client_commit,
	.flush = client_flush,
	.writable = client_writable,
};

void fake_client_attach(struct fake_client *c, struct netif *n)
{
	*c = (struct fake_client){ .room = UINT_MAX };
	n->client = &client_ops;
	n->client_arg = c;
}
