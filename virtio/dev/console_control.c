/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages about a console's ports, on the two control queues.
 *
 * Thread: the device's loop.
 * Trust:  messages are the driver's: what makes no sense is left alone, with a line. The ports are
 *         ours, so a driver can make nothing here grow.
 * Spec:   virtio 1.3 §5.3.6.2, §5.3.6.4
 *
 * What the driver has to be told is not a list of messages but a few bits for each port, so a
 * driver that gives no buffers costs nothing; it is told what is the case when it gives some. Only
 * a port that was closed and is open again is told of both.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/base/log.h"
#include "virtio/dev/console_port.h"

/* [virtio 1.3 §5.3.6.2] */
enum {
	DEVICE_READY = 0,
	PORT_ADD = 1,
	PORT_READY = 3,
	CONSOLE_PORT = 4,
	RESIZE = 5,
	PORT_OPEN = 6,
	PORT_NAME = 7,
};

struct message {
	le32 id; /* number of the port */
	le16 event;
	le16 value;
};
static_assert(sizeof(struct message) == 8, "virtio 1.3 section 5.3.6.2");

#define MAX_PIECES 16u /* of a message; a page of Linux's is one or two */

/* ---- to the driver ---- */

/* 1: sent. 0: the driver has given no buffer. -EBADMSG: one that has no room, or is not for us. */
static int send(struct con_port *p, u16 event, u16 value, const void *more, size_t len)
{
	struct vcon *v = p->con;
	struct virtqueue *q = &v->dev.queues[CON_CONTROL_RX];
	struct message m = { le32_of((u32)(p - v->ports)), le16_of(event), le16_of(value) };
	struct iovec iov[MAX_PIECES];
	struct chain c = { .iov = iov, .max = MAX_PIECES };
	struct iov_cur w;
	int n = chain_take(q, &c);

	if (n == 0 && queue_kick_on(q))
		n = chain_take(q, &c);
	if (n <= 0)
		return n;
	if (c.nr_read || c.write_len < sizeof(m) + len)
		return -EBADMSG;
	w = chain_writer(&c);
	iov_write(&w, &m, sizeof(m));
	iov_write(&w, more, len);
	queue_push(q, c.head, (u32)(sizeof(m) + len));
	return 1;
}

static int send_size(struct con_port *p)
{
	le16 size[2];
	u16 cols, rows;

	if (!p->chr->ops->size || !p->chr->ops->size(p->chr, &cols, &rows))
		return 1;
	size[0] = le16_of(cols);
	size[1] = le16_of(rows);
	return send(p, RESIZE, 0, size, sizeof(size));
}

static int send_news(struct con_port *p, enum con_news what)
{
	switch (what) {
	case CON_NEWS_ADD:
		return send(p, PORT_ADD, 1, NULL, 0);
	case CON_NEWS_CONSOLE:
		return send(p, CONSOLE_PORT, 1, NULL, 0);
	case CON_NEWS_NAME:
		return send(p, PORT_NAME, 1, p->name, strlen(p->name));
	case CON_NEWS_SIZE:
		return send_size(p);
	case CON_NEWS_CLOSED:
		return send(p, PORT_OPEN, 0, NULL, 0);
	case CON_NEWS_OPEN:
		return send(p, PORT_OPEN, 1, NULL, 0);
	case NR_CON_NEWS:
		break;
	}
	return 1;
}

/* All that is to be said of one port. As send(). */
static int send_all(struct con_port *p)
{
	for (unsigned i = 0; i < NR_CON_NEWS; i++) {
		int n = p->news & BIT(i) ? send_news(p, (enum con_news)i) : 1;

		if (n <= 0)
			return n;
		p->news &= (u8)~BIT(i);
	}
	return 1;
}

/* As far as the driver has given buffers. With a hold. */
static void tell(struct vcon *v)
{
	struct virtqueue *q = &v->dev.queues[CON_CONTROL_RX];
	int n = 1;

	if (!q->started)
		return;
	for (unsigned i = 0; i < v->nr_ports && n > 0; i++)
		n = send_all(&v->ports[i]);
	virtio_queue_flush(&v->dev, q);
	if (n < 0)
		virtio_fail(&v->dev, "bad control buffer", n);
}

static void tell_later(struct con_port *p, enum con_news what)
{
	p->news |= (u8)BIT(what);
}

void con_control_tell(struct con_port *p, enum con_news what)
{
	struct vcon *v = p->con;

	if (!p->ready || !virtio_enter(&v->dev))
		return;
	tell_later(p, what);
	tell(v);
	virtio_leave(&v->dev);
}

static bool is_connected(const struct con_port *p)
{
	return !p->chr->ops->connected || p->chr->ops->connected(p->chr);
}

void con_control_connected(void *arg)
{
	struct con_port *p = arg;
	bool now = is_connected(p);

	if (!p->ready || now == p->connected)
		return;
	p->connected = now;
	p->news &= (u8)~BIT(CON_NEWS_OPEN);
	con_control_tell(p, now ? CON_NEWS_OPEN : CON_NEWS_CLOSED);
}

/* ---- from the driver ---- */

static void device_ready(struct vcon *v, bool ok)
{
	if (!ok)
		guest_err(v->dev.name, "the driver could not set up the device");
	for (unsigned i = 0; i < v->nr_ports && ok; i++)
		if (v->ports[i].chr)
			tell_later(&v->ports[i], CON_NEWS_ADD);
}

static void port_ready(struct con_port *p, bool ok)
{
	p->ready = ok;
	p->news = 0;
	if (!ok) {
		guest_err(p->con->dev.name, "the driver could not set up port %td",
			  p - p->con->ports);
		return;
	}
	p->connected = is_connected(p);
	tell_later(p, p->name ? CON_NEWS_NAME : CON_NEWS_CONSOLE);
	if (!p->name)
		tell_later(p, CON_NEWS_SIZE);
	if (p->connected)
		tell_later(p, CON_NEWS_OPEN);
}

static void heard(struct vcon *v, const struct message *m)
{
	u32 id = le32_get(m->id);
	u16 event = le16_get(m->event), value = le16_get(m->value);
	struct con_port *p = id < v->nr_ports && v->ports[id].chr ? &v->ports[id] : NULL;

	if (event == DEVICE_READY)
		device_ready(v, value);
	else if (event == PORT_READY && p)
		port_ready(p, value);
	else if (event == PORT_OPEN && p)
		con_port_opened(p, value);
	else
		guest_err(v->dev.name, "the driver says %u of port %u", event, id);
}

static int control_one(struct virtio_device *d, struct virtqueue *q)
{
	struct vcon *v = container_of(d, struct vcon, dev);
	struct iovec iov[MAX_PIECES];
	struct chain c = { .iov = iov, .max = MAX_PIECES };
	struct message m;
	struct iov_cur r;
	int n = chain_take(q, &c);

	if (n <= 0)
		return n;
	r = chain_reader(&c);
	if (iov_read(&r, &m, sizeof(m)) < sizeof(m))
		return -EBADMSG;
	heard(v, &m);
	queue_push(q, c.head, 0);
	return 1;
}

void con_control_kick(struct vcon *v, bool tx)
{
	struct virtqueue *q = &v->dev.queues[CON_CONTROL_RX];

	if (tx)
		virtio_queue_serve(&v->dev, &v->dev.queues[CON_CONTROL_TX], control_one,
				   "bad control message");
	else
		queue_kick_off(q);
	tell(v);
}
