/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kind of device that gives every chain back and counts.
 *
 * Thread: as any kind of device; counters are read by the test when the loop is at rest.
 * Trust:  as any kind of device.
 * Spec:   none
 */
#include "tests/fake/echo.h"

#include <string.h>

static struct fake_echo *echo_of(struct virtio_device *d)
{
	return container_of(d, struct fake_echo, dev);
}

static int echo_start(struct virtio_device *d)
{
	assert(loop_here(d->loop));
	echo_of(d)->starts++;
	return echo_of(d)->start_err;
}

static int echo_serve(struct virtio_device *d, struct virtqueue *q)
{
	struct iovec iov[8];
	struct chain c = { .iov = iov, .max = 8 };
	int n = chain_take(q, &c);

	if (n <= 0)
		return n;
	echo_of(d)->taken++;
	queue_push(q, c.head, 0);
	return 1;
}

static void echo_kick(struct virtio_device *d, struct virtqueue *q)
{
	assert(loop_here(d->loop));
	echo_of(d)->kicks[q->index]++;
	echo_of(d)->served = pthread_self();
	virtio_queue_serve(d, q, echo_serve, "bad chain");
}

static void echo_stop(struct virtio_device *d, struct virtqueue *q)
{
	assert(loop_here(d->loop));
	if (q)
		echo_of(d)->queue_stops++;
	else
		echo_of(d)->stops++;
	/* Completions may run from inside. */
	if (virtio_enter(d))
		virtio_leave(d);
}

static void echo_written(struct virtio_device *d, u32 off, u32 len)
{
	echo_of(d)->written_off = off;
	echo_of(d)->written_len = len;
}

static void echo_destroy(struct virtio_device *d)
{
	virtio_fini(d);
}

static bool echo_prompt(struct virtio_device *d, struct virtqueue *q)
{
	assert(loop_here(d->loop) && q->started);
	return echo_of(d)->prompt;
}

#define ECHO                                                                                       \
	.name = "echo", .id = FAKE_ECHO_ID, .pci_class = 0xff0000, .start = echo_start,            \
	.kick = echo_kick, .stop = echo_stop, .config_written = echo_written,                      \
	.destroy = echo_destroy

static const struct virtio_type echo_type = { ECHO };
static const struct virtio_type prompt_type = { ECHO, .prompt = echo_prompt };
static const struct virtio_type fickle_type = { ECHO, .prompt = echo_prompt,
						.prompt_at_times = true };

void fake_echo_be_prompt(struct fake_echo *e)
{
	e->dev.type = &prompt_type;
	e->prompt = true;
}

void fake_echo_be_prompt_at_times(struct fake_echo *e)
{
	fake_echo_be_prompt(e);
	e->dev.type = &fickle_type;
}

int fake_echo_init(struct fake_echo *e, unsigned instance, struct mem *m, struct loop *loop)
{
	static const u16 sizes[FAKE_ECHO_QUEUES] = { 8, 16, 256 };

	memset(e, 0, sizeof(*e));
	memset(e->beyond, 0xee, sizeof(e->beyond));
	e->dev.config = e->config;
	e->dev.config_len = sizeof(e->config);
	e->dev.config_wr_off = 4;
	e->dev.config_wr_len = 2;
	return virtio_init(&e->dev, &echo_type, instance, m, loop, FAKE_ECHO_FEATURE, sizes,
			   FAKE_ECHO_QUEUES);
}

void fake_echo_fini(struct fake_echo *e)
{
	e->dev.type->destroy(&e->dev);
}
