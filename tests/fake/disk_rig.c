/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk with a driver.
 *
 * Thread: one for the driver; the loop of the device is another.
 * Trust:  none needed.
 */
#include "tests/fake/disk_rig.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/le.h"
#include "virtio/dev/blk_req.h"
#include "virtio/dev/kinds.h"

#define WINDOW UINT64_C(0x20000000)
#define SLOT_SPAN (2 * DISK_RIG_BLOCK) /* the block; header and status behind it */
#define RING_SIZE 64

static u64 at(unsigned slot)
{
	return FAKE_DATA + slot * SLOT_SPAN;
}

u8 *disk_rig_data(struct disk_rig *r, unsigned slot)
{
	return fake_ptr(r->mem, at(slot), DISK_RIG_BLOCK);
}

static u8 *status_of(struct disk_rig *r, unsigned slot)
{
	return fake_ptr(r->mem, at(slot) + DISK_RIG_BLOCK + 16, 1);
}

static int bring_up(struct disk_rig *r)
{
	if (!fake_dev_mmio(&r->f, r->bus, WINDOW) ||
	    !fake_dev_negotiate(&r->f, VIRTIO_F_VERSION_1 | BIT(9) /* FLUSH */))
		return -EPROTO;
	fake_ring_init(&r->ring, r->mem, FAKE_RING(0), RING_SIZE, false);
	fake_dev_queue(&r->f, 0, &r->ring);
	fake_dev_driver_ok(&r->f);
	return 0;
}

int disk_rig_up(struct disk_rig *r, const struct disk_conf *conf)
{
	const struct virtio_blk_conf blk = { .nr_queues = 1 };
	struct virtio_env env;
	struct disk *disk;
	int err;

	memset(r, 0, sizeof(*r));
	r->limit_ms = 5000;
	r->mem = fake_mem(0);
	fake_irq_init(&r->irq, true);
	err = loop_create(&r->loop, "lkvm-io");
	if (!err)
		err = bus_create(&r->bus);
	if (!err)
		err = disk_open(&disk, conf, r->loop);
	env = (struct virtio_env){ .mem = r->mem, .loop = r->loop };
	if (!err)
		err = virtio_blk_create(&r->dev, &env, disk, &blk);
	if (!err)
		err = virtio_mmio_create(&r->mmio, r->dev, r->bus, &r->irq.irq, gpa(WINDOW), 0);
	if (!err)
		err = loop_start(r->loop);
	return err ? err : bring_up(r);
}

void disk_rig_down(struct disk_rig *r)
{
	pthread_mutex_lock(&r->dev->lock);
	virtio_status_set(r->dev, 0);
	pthread_mutex_unlock(&r->dev->lock);
	loop_stop(r->loop);
	virtio_mmio_destroy(r->mmio);
	r->dev->type->destroy(r->dev);
	bus_destroy(r->bus);
	loop_destroy(r->loop);
	mem_destroy(r->mem);
	fake_irq_fini(&r->irq);
}

void disk_rig_post(struct disk_rig *r, unsigned slot, u32 type, u64 block)
{
	struct {
		le32 type, reserved;
		le64 sector;
	} h = { le32_of(type), le32_of(0), le64_of(block * (DISK_RIG_BLOCK / 512)) };
	struct fake_buf bufs[3] = { { at(slot) + DISK_RIG_BLOCK, sizeof(h), false } };
	unsigned nr = 1;

	memcpy(fake_ptr(r->mem, bufs[0].addr, sizeof(h)), &h, sizeof(h));
	*status_of(r, slot) = DISK_RIG_LOST;
	if (type != BLK_T_FLUSH)
		bufs[nr++] = (struct fake_buf){ at(slot), DISK_RIG_BLOCK, type == BLK_T_IN };
	bufs[nr++] = (struct fake_buf){ at(slot) + DISK_RIG_BLOCK + 16, 1, true };
	r->heads[slot] = fake_ring_add(&r->ring, bufs, nr);
	r->busy[slot] = true;
}

static void collect(struct disk_rig *r)
{
	u32 id, len;

	while (fake_ring_used(&r->ring, &id, &len)) {
		for (unsigned i = 0; i < DISK_RIG_SLOTS; i++) {
			if (r->busy[i] && r->heads[i] == id)
				r->busy[i] = false;
		}
	}
}

u8 disk_rig_wait(struct disk_rig *r, unsigned slot)
{
	if (fake_ring_wants_kick(&r->ring))
		fake_dev_notify(&r->f, 0);
	for (unsigned us = 0; us < r->limit_ms * 1000; us += 100) {
		collect(r);
		if (!r->busy[slot])
			return *status_of(r, slot);
		usleep(100);
	}
	return DISK_RIG_LOST;
}
