/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The common configuration structure of virtio-pci: the registers a driver brings the device up
 * with.
 *
 * Thread: vCPU threads, under d->lock.
 * Trust:  every offset, width and value is the guest's.
 * Spec:   virtio 1.3 §4.1.4.3
 */
#include "virtio/transport/pci_common.h"

/* [virtio 1.3 §4.1.4.3] struct virtio_pci_common_cfg */
enum {
	DEVICE_FEATURE_SELECT = 0x00,
	DEVICE_FEATURE = 0x04,
	DRIVER_FEATURE_SELECT = 0x08,
	DRIVER_FEATURE = 0x0c,
	CONFIG_MSIX_VECTOR = 0x10,
	NUM_QUEUES = 0x12,
	DEVICE_STATUS = 0x14,
	CONFIG_GENERATION = 0x15,
	QUEUE_SELECT = 0x16,
	QUEUE_SIZE = 0x18,
	QUEUE_MSIX_VECTOR = 0x1a,
	QUEUE_ENABLE = 0x1c,
	QUEUE_NOTIFY_OFF = 0x1e,
	QUEUE_DESC = 0x20,
	QUEUE_DRIVER = 0x28,
	QUEUE_DEVICE = 0x30,
	QUEUE_RESET = 0x3a,
};

/* [virtio 1.3 §4.1.3.1] Fields are accessed in their own width, 64-bit ones in two halves. */
static const u8 common_width[PCI_COMMON_LEN] = {
	[DEVICE_FEATURE_SELECT] = 4, [DEVICE_FEATURE] = 4,
	[DRIVER_FEATURE_SELECT] = 4, [DRIVER_FEATURE] = 4,
	[CONFIG_MSIX_VECTOR] = 2,    [NUM_QUEUES] = 2,
	[DEVICE_STATUS] = 1,	     [CONFIG_GENERATION] = 1,
	[QUEUE_SELECT] = 2,	     [QUEUE_SIZE] = 2,
	[QUEUE_MSIX_VECTOR] = 2,     [QUEUE_ENABLE] = 2,
	[QUEUE_NOTIFY_OFF] = 2,	     [QUEUE_DESC] = 4,
	[QUEUE_DESC + 4] = 4,	     [QUEUE_DRIVER] = 4,
	[QUEUE_DRIVER + 4] = 4,	     [QUEUE_DEVICE] = 4,
	[QUEUE_DEVICE + 4] = 4,	     [QUEUE_RESET] = 2,
};

static u32 queue_read(struct pci_common *c, u32 off)
{
	const struct virtqueue *q = virtio_queue(c->d, c->queue_select);

	/* [virtio 1.3 §4.1.4.3.1] Size 0 says that there is no such queue. */
	if (!q)
		return off == QUEUE_MSIX_VECTOR ? VIRTIO_NO_VECTOR : 0;
	switch (off) {
	case QUEUE_SIZE:
		return q->size;
	case QUEUE_MSIX_VECTOR:
		return c->queue_vector[q->index];
	case QUEUE_ENABLE:
		return q->enabled;
	case QUEUE_NOTIFY_OFF:
		return q->index;
	case QUEUE_DESC:
		return (u32)q->desc;
	case QUEUE_DESC + 4:
		return (u32)(q->desc >> 32);
	case QUEUE_DRIVER:
		return (u32)q->driver;
	case QUEUE_DRIVER + 4:
		return (u32)(q->driver >> 32);
	case QUEUE_DEVICE:
		return (u32)q->device;
	case QUEUE_DEVICE + 4:
		return (u32)(q->device >> 32);
	}
	return 0; /* QUEUE_RESET: a reset is over before the driver can look */
}

u32 pci_common_read(struct pci_common *c, u32 off, unsigned len)
{
	if (off >= PCI_COMMON_LEN || common_width[off] != len)
		return 0;
	switch (off) {
	case DEVICE_FEATURE_SELECT:
		return c->device_feature_select;
	case DEVICE_FEATURE:
		return virtio_features_word(c->d, c->device_feature_select);
	case DRIVER_FEATURE_SELECT:
		return c->driver_feature_select;
	case DRIVER_FEATURE:
		return virtio_driver_features_word(c->d, c->driver_feature_select);
	case CONFIG_MSIX_VECTOR:
		return c->config_vector;
	case NUM_QUEUES:
		return c->d->nr_queues;
	case DEVICE_STATUS:
		return virtio_status_get(c->d);
	case CONFIG_GENERATION:
		return (u8)c->d->config_gen;
	case QUEUE_SELECT:
		return c->queue_select;
	default:
		return queue_read(c, off);
	}
}

/* [virtio 1.3 §4.1.5.1.2.1] NO_VECTOR read back tells the driver that this one cannot be had. */
static u16 vector_of(const struct pci_common *c, u32 val)
{
	return val < c->nr_vectors ? (u16)val : VIRTIO_NO_VECTOR;
}

/*
 * [virtio 1.3 §4.1.4.3.2] What describes the ring is the driver's only until it enables the queue.
 */
static void ring_write(struct virtqueue *q, u32 off, u32 val)
{
	if (q->enabled)
		return;
	switch (off) {
	case QUEUE_SIZE:
		q->size = (u16)val;
		break;
	case QUEUE_DESC:
		queue_set_low(&q->desc, val);
		break;
	case QUEUE_DESC + 4:
		queue_set_high(&q->desc, val);
		break;
	case QUEUE_DRIVER:
		queue_set_low(&q->driver, val);
		break;
	case QUEUE_DRIVER + 4:
		queue_set_high(&q->driver, val);
		break;
	case QUEUE_DEVICE:
		queue_set_low(&q->device, val);
		break;
	case QUEUE_DEVICE + 4:
		queue_set_high(&q->device, val);
		break;
	}
}

static enum pci_common_news queue_write(struct pci_common *c, u32 off, u32 val)
{
	struct virtqueue *q = virtio_queue(c->d, c->queue_select);

	if (!q)
		return PCI_COMMON_SAME;
	switch (off) {
	case QUEUE_MSIX_VECTOR:
		atomic_store(&c->queue_vector[q->index], vector_of(c, val));
		return PCI_COMMON_VECTORS;
	case QUEUE_ENABLE:
		if (val == 1) /* [virtio 1.3 §4.1.4.3.2] 0 is not written */
			virtio_queue_enable(c->d, q);
		break;
	case QUEUE_RESET:
		if (val != 1 || !virtio_has(c->d, VIRTIO_F_RING_RESET))
			break;
		virtio_queue_reset(c->d, q);
		atomic_store(&c->queue_vector[q->index], VIRTIO_NO_VECTOR);
		return PCI_COMMON_VECTORS;
	default:
		ring_write(q, off, val);
	}
	return PCI_COMMON_SAME;
}

/* What a reset of the device clears in its transport. */
static void reset(struct pci_common *c)
{
	c->device_feature_select = c->driver_feature_select = 0;
	c->queue_select = 0;
	atomic_store(&c->config_vector, VIRTIO_NO_VECTOR);
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
		atomic_store(&c->queue_vector[i], VIRTIO_NO_VECTOR);
}

enum pci_common_news pci_common_write(struct pci_common *c, u32 off, unsigned len, u32 val)
{
	if (off >= PCI_COMMON_LEN || common_width[off] != len)
		return PCI_COMMON_SAME;
	switch (off) {
	case DEVICE_FEATURE_SELECT:
		c->device_feature_select = val;
		break;
	case DRIVER_FEATURE_SELECT:
		c->driver_feature_select = val;
		break;
	case DRIVER_FEATURE:
		virtio_driver_features_set(c->d, c->driver_feature_select, val);
		break;
	case CONFIG_MSIX_VECTOR:
		atomic_store(&c->config_vector, vector_of(c, val));
		break;
	case DEVICE_STATUS:
		virtio_status_set(c->d, (u8)val);
		if (val)
			break;
		reset(c);
		return PCI_COMMON_RESET;
	case QUEUE_SELECT:
		c->queue_select = (u16)val;
		break;
	default:
		return queue_write(c, off, val);
	}
	return PCI_COMMON_SAME;
}

void pci_common_init(struct pci_common *c, struct virtio_device *d, unsigned nr_vectors)
{
	c->d = d;
	c->nr_vectors = nr_vectors;
	reset(c);
}
