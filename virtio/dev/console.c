/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Console device: one port (hvc0), between two queues and a chardev.
 *
 * Thread: create and destroy before and after the loop runs, everything else on the loop, which is
 *         the chardev's loop too.
 * Trust:  descriptors are checked by chain.c; the bytes go through unseen.
 * Spec:   virtio 1.3 §5.3
 *
 * Output that the chardev does not take now stays in the ring: the chain is put back
 * (queue_untake), and `sent` remembers how much of it has gone. So a stalled terminal costs no hold
 * on the guest's memory and no buffer of ours. A guest that changes the chain meanwhile only
 * garbles its own output.
 *
 * Input waits until the guest is likely to keep it. Linux posts its buffers before it connects the
 * port to a tty, and throws away what comes in between; nothing tells us when it has connected. So
 * input starts when the driver's first burst of output is over, or after a while if it prints
 * nothing. What was typed or piped in before that is not lost then, only late.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/base/log.h"
#include "lkvm/vm/chardev.h"
#include "virtio/dev/kinds.h"

#define CONSOLE_F_SIZE BIT(0) /* [virtio 1.3 §5.3.3] */

#define QUEUE_SIZE 64u
/* Where the guest bounces: Linux fills the receive ring with pages, each two of 128 slots or so. */
#define SMALL_QUEUE_SIZE 8u
#define MAX_IOV QUEUE_SIZE

enum { RX, TX, NR_QUEUES }; /* [virtio 1.3 §5.3.2] receiveq(port0), transmitq(port0) */

#define RESIZE_RETRY_NS 10000000u

/* When input starts: so long after the last output, after the first, and without any. */
#define OUTPUT_OVER_NS 100000000u
#define OUTPUT_LONG_NS 2000000000u
#define NO_OUTPUT_NS 3000000000u

/* [virtio 1.3 §5.3.4] */
struct console_config {
	le16 cols;
	le16 rows;
	le32 max_nr_ports;
	le32 emerg_wr;
};
static_assert(sizeof(struct console_config) == 12, "virtio 1.3 section 5.3.4");

struct vcon {
	struct virtio_device dev;
	struct chardev *chr;
	struct console_config config;
	struct loop_timer *resize;
	bool listening; /* input has started */
	u64 spoke_ns;	/* when the driver printed first, 0: not yet */
	struct loop_timer *listen;
	u64 sent; /* of the chain at the head of TX: bytes that have gone out */
	struct iovec iov[MAX_IOV];
};

/* ---- output ---- */

/* The driver prints: another while until input starts. */
static void spoken(struct vcon *v)
{
	u64 now = loop_now_ns(), end;

	if (v->listening)
		return;
	if (!v->spoke_ns)
		v->spoke_ns = now;
	end = MIN(v->spoke_ns + OUTPUT_LONG_NS, now + OUTPUT_OVER_NS);
	loop_timer_arm(v->listen, end > now ? end - now : 0);
}

/* Print the rest of a chain; true if all of it is out. */
static bool print(struct vcon *v, const struct chain *c)
{
	u64 skip = v->sent;

	for (unsigned i = 0; i < c->nr_read; i++) {
		size_t len = c->iov[i].iov_len;
		size_t from = (size_t)MIN(skip, (u64)len);
		size_t n = 0;

		skip -= from;
		if (from < len)
			n = v->chr->ops->write(v->chr, (char *)c->iov[i].iov_base + from,
					       len - from);
		v->sent += n;
		if (n < len - from)
			return false;
	}
	v->sent = 0;
	return true;
}

static int transmit_one(struct virtio_device *d, struct virtqueue *q)
{
	struct vcon *v = container_of(d, struct vcon, dev);
	struct chain c = { .iov = v->iov, .max = MAX_IOV };
	int n = chain_take(q, &c);

	if (n <= 0)
		return n;
	spoken(v);
	if (!print(v, &c)) {
		queue_untake(q, c.head);
		return -EAGAIN; /* until con_writable() */
	}
	queue_push(q, c.head, 0);
	return 1;
}

/* Print what the driver has posted, as far as the chardev takes it. */
static void transmit(struct vcon *v)
{
	virtio_queue_serve(&v->dev, &v->dev.queues[TX], transmit_one, "bad output buffer");
}

static void con_writable(void *arg)
{
	struct vcon *v = arg;

	if (!virtio_enter(&v->dev))
		return;
	if (v->dev.queues[TX].started)
		transmit(v);
	virtio_leave(&v->dev);
}

/* ---- input ---- */

static size_t fill(struct vcon *v, const char *buf, size_t len)
{
	struct virtqueue *q = &v->dev.queues[RX];
	size_t done = 0;
	int n = 1;

	while (done < len) {
		struct chain c = { .iov = v->iov, .max = MAX_IOV };

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

static void start_listening(void *arg)
{
	struct vcon *v = arg;

	v->listening = true;
	v->chr->ops->rx_ready(v->chr, true);
}

static size_t con_receive(void *arg, const void *buf, size_t len)
{
	struct vcon *v = arg;
	size_t n = 0;

	if (!virtio_enter(&v->dev))
		return 0;
	if (v->dev.queues[RX].started)
		n = fill(v, buf, len);
	virtio_leave(&v->dev);
	return n;
}

/* ---- window size ---- */

/*
 * The configuration space is guarded by the device's lock. A vCPU that holds the lock may be
 * waiting for this very loop, so nothing here waits for the lock: try, and come back.
 */
static void update_size(void *arg)
{
	struct vcon *v = arg;
	u16 cols, rows;

	if (!v->chr->ops->size || !v->chr->ops->size(v->chr, &cols, &rows))
		return;
	if (pthread_mutex_trylock(&v->dev.lock)) {
		loop_timer_arm(v->resize, RESIZE_RETRY_NS);
		return;
	}
	v->config.cols = le16_of(cols);
	v->config.rows = le16_of(rows);
	/* [virtio 1.3 §5.3.4] Meaningful only with SIZE. */
	if (virtio_has(&v->dev, CONSOLE_F_SIZE))
		virtio_config_changed(&v->dev);
	pthread_mutex_unlock(&v->dev.lock);
}

static const struct chardev_client client = {
	.receive = con_receive,
	.writable = con_writable,
	.resized = update_size,
};

/* ---- life ---- */

static int con_start(struct virtio_device *d)
{
	struct vcon *v = container_of(d, struct vcon, dev);

	v->sent = 0;
	v->listening = false;
	v->spoke_ns = 0;
	loop_timer_arm(v->listen, NO_OUTPUT_NS);
	return 0;
}

static void con_kick(struct virtio_device *d, struct virtqueue *q)
{
	struct vcon *v = container_of(d, struct vcon, dev);

	if (q->index == TX) {
		transmit(v);
		return;
	}
	queue_kick_off(q);
	if (v->listening)
		v->chr->ops->rx_ready(v->chr, true);
}

static void con_stop(struct virtio_device *d, struct virtqueue *q)
{
	struct vcon *v = container_of(d, struct vcon, dev);

	if (!q || q->index == RX)
		v->chr->ops->rx_ready(v->chr, false);
	/* A last line whose doorbell has not been heard yet, at power-off for instance. */
	if (!q || q->index == TX)
		con_writable(v);
	v->sent = 0;
	if (!q)
		loop_timer_disarm(v->listen);
}

static void con_destroy(struct virtio_device *d)
{
	struct vcon *v = container_of(d, struct vcon, dev);

	v->chr->client = NULL;
	loop_timer_del(v->resize);
	loop_timer_del(v->listen);
	virtio_fini(&v->dev);
	free(v);
}

static const struct virtio_type console_type = {
	.name = "console",
	.id = 3,
	.pci_class = 0x078000, /* communication controller, other */
	.start = con_start,
	.kick = con_kick,
	.stop = con_stop,
	.destroy = con_destroy,
};

int virtio_console_create(struct virtio_device **out, const struct virtio_env *env,
			  struct chardev *chr)
{
	const u16 size = env->pool ? SMALL_QUEUE_SIZE : QUEUE_SIZE;
	const u16 sizes[NR_QUEUES] = { size, size };
	struct vcon *v = calloc(1, sizeof(*v));
	u16 cols = 0, rows = 0;
	u64 features = 0;
	int err = -ENOMEM;

	if (!v)
		goto fail;
	v->chr = chr;
	if (chr->ops->size && chr->ops->size(chr, &cols, &rows))
		features |= CONSOLE_F_SIZE;
	err = loop_timer_add(env->loop, update_size, v, &v->resize);
	if (!err)
		err = loop_timer_add(env->loop, start_listening, v, &v->listen);
	if (!err)
		err = virtio_init(&v->dev, &console_type, env->instance, env->mem, env->loop,
				  features, sizes, NR_QUEUES);
	if (err) {
		con_destroy(&v->dev);
		goto fail;
	}
	v->config = (struct console_config){ .cols = le16_of(cols),
					     .rows = le16_of(rows),
					     .max_nr_ports = le32_of(1) };
	v->dev.config = (u8 *)&v->config;
	v->dev.config_len = sizeof(v->config);
	chr->client_arg = v;
	chr->client = &client;
	*out = &v->dev;
	return 0;
fail:
	return log_errno(err, "virtio-console");
}
