/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes of a console's port, between its two queues and a chardev.
 *
 * Thread: the device's loop, which is the chardev's loop too.
 * Trust:  descriptors are checked by chain.c; the bytes go through unseen.
 * Spec:   virtio 1.3 §5.3.6
 *
 * Output that the chardev does not take now stays in the ring: the chain is put back
 * (queue_untake), and `sent` remembers how much of it has gone. So a stalled terminal costs no hold
 * on the guest's memory and no buffer of ours. A guest that changes the chain meanwhile only
 * garbles its own output.
 *
 * Input waits until the guest is likely to keep it: Linux throws away what comes for a port that
 * nobody has opened. With control messages the driver says when a port is opened. Without them
 * Linux posts its buffers before it connects the port to a tty, and nothing tells us when it has
 * connected. So input starts when the driver's first burst of output is over, or after a while if
 * it prints nothing. What was typed or piped in before that is not lost then, only late.
 *
 * A driver that closes its port may have written before. The chardev is told of the end when all of
 * that is out.
 */
#include "virtio/dev/console_port.h"

#include <errno.h>

/* When input starts: so long after the last output, after the first, and without any. */
#define OUTPUT_OVER_NS 100000000u
#define OUTPUT_LONG_NS 2000000000u
#define NO_OUTPUT_NS 3000000000u

static struct virtqueue *queue_of(struct con_port *p, bool tx)
{
	unsigned n = con_queue((unsigned)(p - p->con->ports)) + tx;

	return &p->con->dev.queues[n];
}

/* The port whose queue `q` is. */
static struct con_port *port_of(struct virtio_device *d, const struct virtqueue *q)
{
	struct vcon *v = container_of(d, struct vcon, dev);

	return &v->ports[q->index > CON_CONTROL_TX ? q->index / 2u - 1 : 0];
}

/* ---- output ---- */

/* The driver prints: another while until input starts. */
static void spoken(struct con_port *p)
{
	struct vcon *v = p->con;
	u64 now, end;

	if (p->listening || con_multiport(v))
		return;
	now = loop_now_ns();
	if (!v->spoke_ns)
		v->spoke_ns = now;
	end = MIN(v->spoke_ns + OUTPUT_LONG_NS, now + OUTPUT_OVER_NS);
	loop_timer_arm(v->listen, end > now ? end - now : 0);
}

/* Print the rest of a chain; true if all of it is out. */
static bool print(struct con_port *p, const struct chain *c)
{
	u64 skip = p->sent;

	for (unsigned i = 0; i < c->nr_read; i++) {
		size_t len = c->iov[i].iov_len;
		size_t from = (size_t)MIN(skip, (u64)len);
		size_t n = 0;

		skip -= from;
		if (from < len)
			n = p->chr->ops->write(p->chr, (char *)c->iov[i].iov_base + from,
					       len - from);
		p->sent += n;
		if (n < len - from)
			return false;
	}
	p->sent = 0;
	return true;
}

static int transmit_one(struct virtio_device *d, struct virtqueue *q)
{
	struct con_port *p = port_of(d, q);
	struct chain c = { .iov = p->con->iov, .max = CON_MAX_IOV };
	int n = chain_take(q, &c);

	if (n <= 0)
		return n;
	spoken(p);
	if (!print(p, &c)) {
		queue_untake(q, c.head);
		return -EAGAIN; /* until con_port_writable() */
	}
	queue_push(q, c.head, 0);
	return 1;
}

/* The end of what the driver wrote before it closed the port. */
static void close_if_out(struct con_port *p)
{
	if (!p->closing || p->sent || queue_available(queue_of(p, true)) > 0)
		return;
	p->closing = false;
	if (p->chr->ops->peer)
		p->chr->ops->peer(p->chr, false);
}

/* Print what the driver has posted, as far as the chardev takes it. With a hold. */
static void transmit(struct con_port *p)
{
	struct virtqueue *q = queue_of(p, true);

	if (q->started)
		virtio_queue_serve(&p->con->dev, q, transmit_one, "bad output buffer");
	close_if_out(p);
}

void con_port_writable(void *arg)
{
	struct con_port *p = arg;

	if (!virtio_enter(&p->con->dev))
		return;
	transmit(p);
	virtio_leave(&p->con->dev);
}

/* ---- input ---- */

static size_t fill(struct con_port *p, const char *buf, size_t len)
{
	struct vcon *v = p->con;
	struct virtqueue *q = queue_of(p, false);
	size_t done = 0;
	int n = 1;

	while (done < len) {
		struct chain c = { .iov = v->iov, .max = CON_MAX_IOV };

		n = chain_take(q, &c);
		/* Out of buffers: wait for a kick, unless some came just now. */
		if (n == 0 && queue_kick_on(q))
			n = chain_take(q, &c);
		/* [virtio 1.3 §5.3.6.2] No device-readable buffer in a receiveq. */
		if (n > 0 && !c.write_len)
			n = -EBADMSG;
		if (n <= 0)
			break;

		struct iov_cur w = chain_writer(&c);
		size_t put = iov_write(&w, buf + done, len - done);

		queue_push(q, c.head, (u32)put);
		done += put;
	}
	virtio_queue_flush(&v->dev, q);
	if (n < 0)
		virtio_fail(&v->dev, "bad input buffer", n);
	return done;
}

size_t con_port_receive(void *arg, const void *buf, size_t len)
{
	struct con_port *p = arg;
	size_t n = 0;

	if (!virtio_enter(&p->con->dev))
		return 0;
	if (queue_of(p, false)->started)
		n = fill(p, buf, len);
	virtio_leave(&p->con->dev);
	return n;
}

static void set_listening(struct con_port *p, bool on)
{
	p->listening = on;
	p->chr->ops->rx_ready(p->chr, on);
}

void con_port_listen(void *arg)
{
	struct vcon *v = arg;

	set_listening(&v->ports[0], true);
}

/* ---- what the driver does with the port ---- */

void con_port_start(struct con_port *p)
{
	p->sent = 0;
	p->listening = p->ready = p->open = p->closing = p->connected = false;
	p->news = 0;
	if (con_multiport(p->con) || p != p->con->ports)
		return;
	p->con->spoke_ns = 0;
	loop_timer_arm(p->con->listen, NO_OUTPUT_NS);
}

void con_port_stop(struct con_port *p, bool rx, bool tx)
{
	if (rx)
		p->chr->ops->rx_ready(p->chr, false);
	/* A last line whose doorbell has not been heard yet, at power-off for instance. */
	if (tx)
		con_port_writable(p);
	p->sent = 0;
	if (!rx || !tx)
		return;
	if (p == p->con->ports)
		loop_timer_disarm(p->con->listen);
	p->listening = false;
	if ((p->open || p->closing) && p->chr->ops->peer)
		p->chr->ops->peer(p->chr, false);
	p->open = p->closing = false;
}

void con_port_kick(struct con_port *p, bool tx)
{
	if (tx) {
		transmit(p);
		return;
	}
	queue_kick_off(queue_of(p, false));
	if (p->listening)
		p->chr->ops->rx_ready(p->chr, true);
}

void con_port_opened(struct con_port *p, bool open)
{
	if (open == p->open)
		return;
	p->open = open;
	p->closing = !open;
	if (open && p->chr->ops->peer)
		p->chr->ops->peer(p->chr, true);
	set_listening(p, open);
	/* Its doorbell may not have been heard yet. */
	if (!open)
		transmit(p);
}
