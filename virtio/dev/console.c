/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Console device: port 0 is the console (hvc0), others have names. The ports' bytes are in
 * console_port.c, the messages about ports in console_control.c.
 *
 * Thread: create and destroy before and after the loop runs, everything else on the loop, which is
 *         the chardevs' loop too.
 * Trust:  see the other two files.
 * Spec:   virtio 1.3 §5.3
 *
 * A device that is asked for no ports has no control queues: a guest sees what it has always seen.
 */
#include <errno.h>
#include <stdlib.h>

#include "lkvm/base/le.h"
#include "lkvm/base/log.h"
#include "virtio/dev/console_port.h"

#define QUEUE_SIZE 64u
/* Where the guest bounces: Linux fills the receive ring with pages, each two of 128 slots or so. */
#define SMALL_QUEUE_SIZE 8u
#define SMALL_PORT_SIZE 2u /* the same for the ports beside the console, and for control */

#define RESIZE_RETRY_NS 10000000u

static_assert(2 * (VIRTIO_CONSOLE_MAX_PORTS + 2) <= VIRTIO_MAX_QUEUES, "two for each, and control");

/* ---- window size ---- */

/*
 * The configuration space is guarded by the device's lock. A vCPU that holds the lock may be
 * waiting for this very loop, so nothing here waits for the lock: try, and come back.
 */
static void update_size(void *arg)
{
	struct vcon *v = arg;
	struct chardev *chr = v->ports[0].chr;
	u16 cols, rows;

	if (!chr || !chr->ops->size || !chr->ops->size(chr, &cols, &rows))
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
	/* [virtio 1.3 §5.3.6.2] With control messages, that of the port. */
	con_control_tell(&v->ports[0], CON_NEWS_SIZE);
}

static void port_resized(void *arg)
{
	struct con_port *p = arg;

	if (!p->name)
		update_size(p->con);
}

static const struct chardev_client client = {
	.receive = con_port_receive,
	.writable = con_port_writable,
	.resized = port_resized,
	.connected = con_control_connected,
};

/* ---- life ---- */

static int con_start(struct virtio_device *d)
{
	struct vcon *v = container_of(d, struct vcon, dev);

	for (unsigned i = 0; i < v->nr_ports; i++)
		if (v->ports[i].chr)
			con_port_start(&v->ports[i]);
	return 0;
}

static void con_kick(struct virtio_device *d, struct virtqueue *q)
{
	struct vcon *v = container_of(d, struct vcon, dev);
	unsigned port = q->index > CON_CONTROL_TX ? q->index / 2u - 1 : 0;
	bool control = q->index == CON_CONTROL_RX || q->index == CON_CONTROL_TX;
	bool tx = q->index % 2u;

	/* [virtio 1.3 §5.3.2] Without MULTIPORT there are the queues of port 0 alone. */
	if ((q->index >= CON_CONTROL_RX && !con_multiport(v)) || (!control && !v->ports[port].chr))
		queue_kick_off(q);
	else if (control)
		con_control_kick(v, tx);
	else
		con_port_kick(&v->ports[port], tx);
}

static void con_stop(struct virtio_device *d, struct virtqueue *q)
{
	struct vcon *v = container_of(d, struct vcon, dev);

	for (unsigned i = 0; i < v->nr_ports; i++) {
		bool rx = !q || q->index == con_queue(i), tx = !q || q->index == con_queue(i) + 1;

		if (v->ports[i].chr && (rx || tx))
			con_port_stop(&v->ports[i], rx, tx);
	}
}

static void con_destroy(struct virtio_device *d)
{
	struct vcon *v = container_of(d, struct vcon, dev);

	for (unsigned i = 0; i < v->nr_ports; i++)
		if (v->ports[i].chr)
			v->ports[i].chr->client = NULL;
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

static void port_init(struct vcon *v, unsigned n, struct chardev *chr, const char *name)
{
	struct con_port *p = &v->ports[n];

	p->con = v;
	p->chr = chr;
	p->name = name;
	if (!chr)
		return;
	chr->client_arg = p;
	chr->client = &client;
}

/* Timers, queues, features: what can fail. */
static int con_init(struct vcon *v, const struct virtio_env *env, u64 features)
{
	u16 sizes[VIRTIO_MAX_QUEUES];
	unsigned nr_queues = v->nr_ports > 1 ? con_queue(v->nr_ports) : CON_CONTROL_RX;
	int err;

	for (unsigned i = 0; i < nr_queues; i++) {
		u16 small = i < CON_CONTROL_RX ? SMALL_QUEUE_SIZE : SMALL_PORT_SIZE;

		sizes[i] = env->pool ? small : QUEUE_SIZE;
	}
	err = loop_timer_add(env->loop, update_size, v, &v->resize);
	if (!err)
		err = loop_timer_add(env->loop, con_port_listen, v, &v->listen);
	if (!err)
		err = virtio_init(&v->dev, &console_type, env->instance, env->mem, env->loop,
				  features, sizes, nr_queues);
	return err;
}

int virtio_console_create(struct virtio_device **out, const struct virtio_env *env,
			  const struct virtio_console_conf *conf)
{
	struct vcon *v = calloc(1, sizeof(*v));
	struct chardev *chr = conf->console;
	u16 cols = 0, rows = 0;
	u64 features = 0;
	int err = -ENOMEM;

	assert(conf->nr_ports <= VIRTIO_CONSOLE_MAX_PORTS);
	if (!v)
		goto fail;
	v->nr_ports = conf->nr_ports + 1;
	if (chr && chr->ops->size && chr->ops->size(chr, &cols, &rows))
		features |= CONSOLE_F_SIZE;
	if (conf->nr_ports)
		features |= CONSOLE_F_MULTIPORT;
	port_init(v, 0, chr, NULL);
	for (unsigned i = 0; i < conf->nr_ports; i++)
		port_init(v, i + 1, conf->ports[i].chr, conf->ports[i].name);
	err = con_init(v, env, features);
	if (err) {
		con_destroy(&v->dev);
		goto fail;
	}
	v->config = (struct console_config){ .cols = le16_of(cols),
					     .rows = le16_of(rows),
					     .max_nr_ports = le32_of(v->nr_ports) };
	v->dev.config = (u8 *)&v->config;
	v->dev.config_len = sizeof(v->config);
	*out = &v->dev;
	return 0;
fail:
	return log_errno(err, "virtio-console");
}
