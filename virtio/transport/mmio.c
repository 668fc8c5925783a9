/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-mmio: registers, interrupt and doorbells of one device at a fixed address.
 *
 * Thread: registers on vCPU threads under d->lock; interrupt_*() on any, the device's loop above
 *         all.
 * Trust:  every offset, width and value of a register access is the guest's.
 * Spec:   virtio 1.3 §4.2.2
 *
 * The interrupt is edge-triggered, one edge for each cause, also when InterruptStatus has the bit
 * already: the driver may be between its read and its acknowledgement, and of a second cause in
 * there only the edge remains.
 */
#include "virtio/transport/mmio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/base/log.h"

#define MAGIC 0x74726976u     /* "virt" */
#define VENDOR_ID 0x4d564b4cu /* "LKVM" */

/* [virtio 1.3 §4.2.2] Table 4.1 */
enum {
	MAGIC_VALUE = 0x000,
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	VENDOR = 0x00c,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	QUEUE_SEL = 0x030,
	QUEUE_SIZE_MAX = 0x034,
	QUEUE_SIZE = 0x038,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC_LOW = 0x080,
	QUEUE_DESC_HIGH = 0x084,
	QUEUE_DRIVER_LOW = 0x090,
	QUEUE_DRIVER_HIGH = 0x094,
	QUEUE_DEVICE_LOW = 0x0a0,
	QUEUE_DEVICE_HIGH = 0x0a4,
	SHM_LEN_LOW = 0x0b0,
	SHM_LEN_HIGH = 0x0b4,
	SHM_BASE_LOW = 0x0b8,
	SHM_BASE_HIGH = 0x0bc,
	QUEUE_RESET = 0x0c0,
	CONFIG_GENERATION = 0x0fc,
	CONFIG = 0x100,
};

#define INT_QUEUE 1u
#define INT_CONFIG 2u

struct virtio_mmio {
	struct virtio_device *d;
	struct bus *bus;
	struct irq *irq;
	gpa_t base;
	u32 spi;
	int edge; /* eventfd, bound to the SPI */
	bool edge_bound;
	bool bound[VIRTIO_MAX_QUEUES]; /* doorbells; main, then the loop */

	/* Registers, under d->lock. */
	u32 device_features_sel, driver_features_sel;
	u32 queue_sel;

	_Atomic u8 interrupt_status; /* any thread */
};

/* ---- interrupts: any thread ---- */

static void raise(struct virtio_mmio *m, u8 cause)
{
	atomic_fetch_or(&m->interrupt_status, cause);
	eventfd_write(m->edge, 1);
}

static void interrupt_queue(void *transport, u16 queue)
{
	raise(transport, INT_QUEUE);
}

static void interrupt_config(void *transport)
{
	raise(transport, INT_CONFIG);
}

/* An interrupt says in a register why it came [virtio 1.3 §4.2.2], so each one is ours to raise. */
static void interrupt_from(void *transport, u16 queue, int fd)
{
}

/* Without a doorbell the write comes over the bus, as it does for a kind that is prompt. */
static void doorbell(void *transport, u16 queue, bool bound)
{
	struct virtio_mmio *m = transport;
	const struct irq_ops *ops = m->irq->ops;
	gpa_t g = gpa_add(m->base, QUEUE_NOTIFY);
	int fd = m->d->doorbell[queue];

	if (bound == m->bound[queue])
		return;
	m->bound[queue] = bound && !ops->doorbell_bind(m->irq, g, 4, queue, fd);
	if (!bound)
		ops->doorbell_unbind(m->irq, g, 4, queue, fd);
}

static const struct virtio_transport_ops transport_ops = {
	.interrupt_queue = interrupt_queue,
	.interrupt_config = interrupt_config,
	.interrupt_from = interrupt_from,
	.doorbell = doorbell,
};

/* ---- registers ---- */

static u32 register_read(struct virtio_mmio *m, u32 off)
{
	const struct virtqueue *q = virtio_queue(m->d, m->queue_sel);

	switch (off) {
	case MAGIC_VALUE:
		return MAGIC;
	case VERSION:
		return 2;
	case DEVICE_ID:
		return m->d->type->id;
	case VENDOR:
		return VENDOR_ID;
	case DEVICE_FEATURES:
		return virtio_features_word(m->d, m->device_features_sel);
	case QUEUE_SIZE_MAX:
		return q ? q->max_size : 0; /* 0: no such queue */
	case QUEUE_READY:
		return q && q->enabled;
	case INTERRUPT_STATUS:
		return atomic_load(&m->interrupt_status);
	case STATUS:
		return virtio_status_get(m->d);
	case SHM_LEN_LOW:
	case SHM_LEN_HIGH:
	case SHM_BASE_LOW:
	case SHM_BASE_HIGH:
		return UINT32_MAX; /* [virtio 1.3 §4.2.2.1] no such region, whichever is selected */
	case CONFIG_GENERATION:
		return m->d->config_gen;
	}
	/* Write-only, reserved; and QUEUE_RESET: a reset is over before the driver can look. */
	return 0;
}

/* [virtio 1.3 §4.2.2.2] What describes the ring is the driver's only until it sets QueueReady. */
static void ring_write(struct virtqueue *q, u32 off, u32 val)
{
	if (q->enabled)
		return;
	switch (off) {
	case QUEUE_SIZE:
		q->size = val <= q->max_size ? (u16)val : 0; /* 0 is refused at QueueReady */
		break;
	case QUEUE_DESC_LOW:
		queue_set_low(&q->desc, val);
		break;
	case QUEUE_DESC_HIGH:
		queue_set_high(&q->desc, val);
		break;
	case QUEUE_DRIVER_LOW:
		queue_set_low(&q->driver, val);
		break;
	case QUEUE_DRIVER_HIGH:
		queue_set_high(&q->driver, val);
		break;
	case QUEUE_DEVICE_LOW:
		queue_set_low(&q->device, val);
		break;
	case QUEUE_DEVICE_HIGH:
		queue_set_high(&q->device, val);
		break;
	}
}

static void queue_write(struct virtio_mmio *m, u32 off, u32 val)
{
	struct virtqueue *q = virtio_queue(m->d, m->queue_sel);

	if (!q)
		return;
	switch (off) {
	case QUEUE_READY:
		if (val == 1)
			virtio_queue_enable(m->d, q);
		else if (val == 0)
			virtio_queue_disable(m->d, q);
		break;
	case QUEUE_RESET:
		if (val == 1)
			virtio_queue_reset(m->d, q);
		break;
	default:
		ring_write(q, off, val);
	}
}

/* What a reset of the device clears in its transport. */
static void reset(struct virtio_mmio *m)
{
	m->device_features_sel = m->driver_features_sel = 0;
	m->queue_sel = 0;
	/* [virtio 1.3 §4.2.2.1] */
	atomic_store(&m->interrupt_status, 0);
}

static void register_write(struct virtio_mmio *m, u32 off, u32 val)
{
	switch (off) {
	case DEVICE_FEATURES_SEL:
		m->device_features_sel = val;
		break;
	case DRIVER_FEATURES:
		virtio_driver_features_set(m->d, m->driver_features_sel, val);
		break;
	case DRIVER_FEATURES_SEL:
		m->driver_features_sel = val;
		break;
	case QUEUE_SEL:
		m->queue_sel = val;
		break;
	case QUEUE_NOTIFY:
		virtio_rung(m->d, val);
		break;
	case INTERRUPT_ACK:
		atomic_fetch_and(&m->interrupt_status, (u8)~val);
		break;
	case STATUS:
		/* [virtio 1.3 §4.2.2.1] 8 bits mean something; a reset is zero in all 32. */
		if (val & ~0xffu)
			break;
		virtio_status_set(m->d, (u8)val);
		if (!val)
			reset(m);
		break;
	default:
		queue_write(m, off, val);
	}
}

/* [virtio 1.3 §4.2.2.2] Control registers take aligned 32-bit accesses, the configuration any. */
static u64 mmio_read(void *dev, u64 off, unsigned len)
{
	struct virtio_mmio *m = dev;

	if (off >= CONFIG)
		return virtio_config_read(m->d, (u32)off - CONFIG, len);
	return len == 4 ? register_read(m, (u32)off) : 0;
}

static void mmio_write(void *dev, u64 off, unsigned len, u64 val)
{
	struct virtio_mmio *m = dev;

	if (off >= CONFIG)
		virtio_config_write(m->d, (u32)off - CONFIG, len, val);
	else if (len == 4)
		register_write(m, (u32)off, (u32)val);
}

static const struct bus_ops mmio_ops = { .read = mmio_read, .write = mmio_write };

/* ---- create and destroy ---- */

static int build(struct virtio_mmio *m)
{
	struct virtio_device *d = m->d;
	struct irq *irq = m->irq;
	int err;

	assert(d->config_len <= VIRTIO_MMIO_SIZE - CONFIG);
	m->edge = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (m->edge < 0)
		return -errno;
	err = irq->ops->edge_bind(irq, m->spi, m->edge);
	if (err)
		return err;
	m->edge_bound = true;
	virtio_attach(d, &transport_ops, m);
	for (unsigned i = 0; i < d->nr_queues && virtio_binds_doorbells(d); i++)
		doorbell(m, (u16)i, true);
	return bus_add(m->bus, &(struct bus_range){ .base = m->base,
						    .len = VIRTIO_MMIO_SIZE,
						    .widths = BUS_W1 | BUS_W2 | BUS_W4,
						    .ops = &mmio_ops,
						    .dev = m,
						    .lock = &d->lock,
						    .name = d->name });
}

int virtio_mmio_create(struct virtio_mmio **out, struct virtio_device *d, struct bus *b,
		       struct irq *irq, gpa_t base, u32 spi)
{
	struct virtio_mmio *m = calloc(1, sizeof(*m));
	int err = -ENOMEM;

	if (m) {
		*m = (struct virtio_mmio){
			.d = d, .bus = b, .irq = irq, .base = base, .spi = spi, .edge = -1
		};
		err = build(m);
	}
	if (err) {
		log_errno(err, "cannot put %s at %#llx", d->name, (unsigned long long)base.a);
		virtio_mmio_destroy(m);
		return err;
	}
	*out = m;
	return 0;
}

void virtio_mmio_destroy(struct virtio_mmio *m)
{
	if (!m)
		return;
	bus_remove(m->bus, m->base, m);
	for (unsigned i = 0; i < m->d->nr_queues; i++)
		doorbell(m, (u16)i, false);
	if (m->edge_bound)
		m->irq->ops->edge_unbind(m->irq, m->spi, m->edge);
	if (m->edge >= 0)
		close(m->edge);
	free(m);
}
