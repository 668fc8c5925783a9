/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A button: an input device with one key, which is pressed and released once when its driver is
 * ready. docs/add-a-device.md walks through it.
 *
 * Thread: create and destroy before and after the loop runs; queues on the loop; the configuration
 *         on a vCPU, under d->lock.
 * Trust:  what the driver selects is a number that is compared; buffers are chains of the core's.
 * Spec:   virtio 1.3 §5.8
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/base/log.h"
#include "virtio/dev/kinds.h"

enum { EVENTS, STATUS, NR_QUEUES };
#define QUEUE_SIZE 16u
#define MAX_IOV 4u

/* What the driver can select [§5.8.4]. */
enum { ID_NAME = 0x01, EV_BITS = 0x11 };

/* Linux: include/uapi/linux/input-event-codes.h */
#define EV_SYN 0u
#define EV_KEY 1u
#define KEY_WAKEUP 143u

struct input_config {
	u8 select, subsel; /* the driver writes these */
	u8 size;
	u8 reserved[5];
	u8 data[128];
};

struct event {
	le16 type, code;
	le32 value;
};

struct button {
	struct virtio_device dev;
	struct input_config config;
	unsigned sent;
};

/* Answer what the driver has selected; what is not there has size 0. */
static void select_data(struct virtio_device *d, u32 off, u32 len)
{
	struct button *b = container_of(d, struct button, dev);
	struct input_config *c = &b->config;
	static const char name[] = "lkvm button";

	c->size = 0;
	memset(c->data, 0, sizeof(c->data));
	if (c->select == ID_NAME && c->subsel == 0) {
		c->size = sizeof(name) - 1;
		memcpy(c->data, name, sizeof(name) - 1);
	} else if (c->select == EV_BITS && c->subsel == EV_KEY) {
		c->size = KEY_WAKEUP / 8 + 1;
		c->data[KEY_WAKEUP / 8] = (u8)BIT(KEY_WAKEUP % 8);
	}
}

/* Press, SYN, release, SYN: one event in each buffer of the driver. */
#define NR_EVENTS 4u

static int send_event(struct virtio_device *d, struct virtqueue *q)
{
	struct button *b = container_of(d, struct button, dev);
	struct iovec iov[MAX_IOV];
	struct chain c = { .iov = iov, .max = MAX_IOV };
	const bool key = b->sent % 2 == 0;
	const struct event event = { le16_of(key ? EV_KEY : EV_SYN), le16_of(key ? KEY_WAKEUP : 0),
				     le32_of(b->sent == 0) };
	struct iov_cur to;
	int n;

	if (b->sent == NR_EVENTS)
		return -EAGAIN; /* the other buffers stay with us */
	n = chain_take(q, &c);
	if (n <= 0)
		return n;
	if (c.write_len < sizeof(struct event))
		return -EBADMSG;
	to = chain_writer(&c);
	iov_write(&to, &event, sizeof(event));
	b->sent++;
	queue_push(q, c.head, sizeof(struct event));
	return 1;
}

/* LEDs and the like: there are none. */
static int drop_status(struct virtio_device *d, struct virtqueue *q)
{
	struct iovec iov[MAX_IOV];
	struct chain c = { .iov = iov, .max = MAX_IOV };
	int n = chain_take(q, &c);

	if (n <= 0)
		return n;
	queue_push(q, c.head, 0);
	return 1;
}

static void button_kick(struct virtio_device *d, struct virtqueue *q)
{
	virtio_queue_serve(d, q, q == &d->queues[EVENTS] ? send_event : drop_status, "bad buffer");
}

static int button_start(struct virtio_device *d)
{
	container_of(d, struct button, dev)->sent = 0;
	return 0;
}

static void button_stop(struct virtio_device *d, struct virtqueue *q)
{
	/* Nothing outlives a kick. */
}

static void button_destroy(struct virtio_device *d)
{
	struct button *b = container_of(d, struct button, dev);

	virtio_fini(&b->dev);
	free(b);
}

static const struct virtio_type button_type = {
	.name = "button",
	.id = 18,
	.pci_class = 0x098000, /* input controller, other */
	.start = button_start,
	.kick = button_kick,
	.stop = button_stop,
	.config_written = select_data,
	.destroy = button_destroy,
};

int virtio_button_create(struct virtio_device **out, const struct virtio_env *env)
{
	static const u16 sizes[NR_QUEUES] = { QUEUE_SIZE, QUEUE_SIZE };
	struct button *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	err = virtio_init(&b->dev, &button_type, env->instance, env->mem, env->loop, 0, sizes,
			  NR_QUEUES);
	if (err) {
		log_errno(err, "virtio-button");
		button_destroy(&b->dev);
		return err;
	}
	b->dev.config = (u8 *)&b->config;
	b->dev.config_len = sizeof(b->config);
	b->dev.config_wr_len = offsetof(struct input_config, size);
	*out = &b->dev;
	return 0;
}
