/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of a console device: its ports, each of them two queues with a chardev behind them.
 * console.c has the device, console_port.c the bytes, console_control.c the messages about ports.
 *
 * All of it on the device's loop, but for creation and what console.c says of the configuration.
 */
#ifndef VIRTIO_DEV_CONSOLE_PORT_H
#define VIRTIO_DEV_CONSOLE_PORT_H

#include "lkvm/base/le.h"
#include "lkvm/vm/chardev.h"
#include "virtio/dev/kinds.h"

/* [virtio 1.3 §5.3.3] */
#define CONSOLE_F_SIZE BIT(0)
#define CONSOLE_F_MULTIPORT BIT(1)

/* [virtio 1.3 §5.3.2] Each port has two queues, receiveq first; those of control follow port 0. */
#define CON_CONTROL_RX 2u
#define CON_CONTROL_TX 3u

#define CON_MAX_IOV 64u /* pieces of a chain; a longer one is the driver's fault */

/* What the driver has to be told of a port, in the order in which it is told. */
enum con_news {
	CON_NEWS_ADD,
	CON_NEWS_CONSOLE,
	CON_NEWS_NAME,
	CON_NEWS_SIZE,
	CON_NEWS_CLOSED, /* before it was opened again, if it was */
	CON_NEWS_OPEN,
	NR_CON_NEWS,
};

struct vcon;

struct con_port {
	struct vcon *con;
	struct chardev *chr; /* NULL: port 0 of a device that has no console */
	const char *name;    /* NULL: a console */
	u64 sent;	/* of the chain at the head of its transmitq: bytes that have gone out */
	bool listening; /* input has started */

	/* What was said in control messages, and is to be said. */
	bool ready;	/* the driver knows the port */
	bool open;	/* the driver has opened it */
	bool closing;	/* it has closed it, and what it wrote before is not out yet */
	bool connected; /* the driver was told that there is somebody at our side */
	u8 news;	/* bits: enum con_news */
};

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
	struct console_config config;
	struct loop_timer *resize;
	struct loop_timer *listen; /* for the input of port 0, without control messages */
	u64 spoke_ns;		   /* when the driver printed first, 0: not yet */
	unsigned nr_ports;
	struct con_port ports[VIRTIO_CONSOLE_MAX_PORTS + 1]; /* 0 is the console's */
	struct iovec iov[CON_MAX_IOV];
};

/* Were control messages negotiated? Without them there is port 0 alone, and it is open. */
static inline bool con_multiport(const struct vcon *v)
{
	return virtio_has(&v->dev, CONSOLE_F_MULTIPORT);
}

/* The receiveq of port `n`; its transmitq is the next one. */
static inline unsigned con_queue(unsigned n)
{
	return n ? 2 * n + 2 : 0;
}

/* ---- bytes: console_port.c ---- */

/* What a chardev's client does; `arg` is the port. */
size_t con_port_receive(void *arg, const void *buf, size_t len);
void con_port_writable(void *arg);

/* The device starts: nobody has said anything about the port. */
void con_port_start(struct con_port *p);

/* The driver resets the device or the two queues (or one of them): a last look at what it wrote. */
void con_port_stop(struct con_port *p, bool rx, bool tx);

/* The driver rang for the port's receiveq or (tx) its transmitq. With a hold. */
void con_port_kick(struct con_port *p, bool tx);

/* The driver has opened or closed the port. With a hold. */
void con_port_opened(struct con_port *p, bool open);

/* Input of port 0 starts, by v->listen. `arg` is the vcon. */
void con_port_listen(void *arg);

/* ---- messages: console_control.c ---- */

/* The driver rang for one of the control queues. With a hold. */
void con_control_kick(struct vcon *v, bool tx);

/* Tell the driver of the port, when it has room for messages and knows the port. */
void con_control_tell(struct con_port *p, enum con_news what);

/* The chardev is connected, or no more: tell the driver. `arg` is the port. */
void con_control_connected(void *arg);

#endif
