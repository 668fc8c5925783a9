/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration space of a virtio device.
 *
 * Thread: vCPU threads under d->lock; virtio_config_changed() also before they run.
 * Trust:  offsets, widths and values are the guest's.
 * Spec:   virtio 1.3 §2.5
 */
#include "virtio/core/device.h"

void virtio_config_changed(struct virtio_device *d)
{
	/* [virtio 1.3 §2.5.3] */
	atomic_fetch_add(&d->config_gen, 1);
	if (d->status & VIRTIO_S_DRIVER_OK)
		d->tops->interrupt_config(d->transport);
}

/* The loop never waits for d->lock; a driver reads what it has asked for when that is answered. */
void virtio_config_put(struct virtio_device *d, u32 off, const u8 *bytes, u32 len)
{
	for (u32 i = 0; i < len; i++)
		__atomic_store_n(&d->config[off + i], bytes[i], __ATOMIC_RELAXED);
	atomic_fetch_add(&d->config_gen, 1);
}

u64 virtio_config_read(struct virtio_device *d, u32 off, unsigned len)
{
	u64 val = 0;

	for (unsigned i = 0; i < len; i++)
		if (range_within(off, i + 1, d->config_len))
			val |= (u64)__atomic_load_n(&d->config[off + i], __ATOMIC_RELAXED)
			       << (8 * i);
	return val;
}

void virtio_config_write(struct virtio_device *d, u32 off, unsigned len, u64 val)
{
	if (d->broken || off < d->config_wr_off ||
	    !range_within(off - d->config_wr_off, len, d->config_wr_len))
		return;
	for (unsigned i = 0; i < len; i++)
		d->config[off + i] = (u8)(val >> (8 * i));
	d->type->config_written(d, off, len);
}
