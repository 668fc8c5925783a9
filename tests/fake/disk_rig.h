/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk as a guest has it: a virtio-blk device with a real backend and a real file, driven over
 * virtio-mmio by a driver that keeps several requests in flight. One thread.
 */
#ifndef TESTS_FAKE_DISK_RIG_H
#define TESTS_FAKE_DISK_RIG_H

#include "tests/fake/driver.h"
#include "tests/fake/driver_dev.h"
#include "tests/fake/irq.h"
#include "virtio/core/device.h"
#include "virtio/disk/disk.h"
#include "virtio/transport/mmio.h"

#define DISK_RIG_SLOTS 8u    /* requests in flight */
#define DISK_RIG_BLOCK 4096u /* bytes of a request */
#define DISK_RIG_LOST 0xffu  /* no answer has come in time */

struct disk_rig {
	struct mem *mem;
	struct loop *loop;
	struct bus *bus;
	struct fake_irq irq;
	struct virtio_device *dev;
	struct virtio_mmio *mmio;
	struct fake_dev f;
	struct fake_ring ring;
	u16 heads[DISK_RIG_SLOTS]; /* of the chains in flight */
	bool busy[DISK_RIG_SLOTS];
	unsigned limit_ms; /* for an answer */
};

/* The driver is up, and the loop runs. 0, or -errno. */
int disk_rig_up(struct disk_rig *r, const struct disk_conf *conf);
void disk_rig_down(struct disk_rig *r);

/* The data of a slot, DISK_RIG_BLOCK bytes: what is written, what was read. */
u8 *disk_rig_data(struct disk_rig *r, unsigned slot);

/* Post a request (BLK_T_...) in a free slot; the device may be told later, at a wait. */
void disk_rig_post(struct disk_rig *r, unsigned slot, u32 type, u64 block);

/* Ring, and wait for the answer of this slot: BLK_S_... or DISK_RIG_LOST. */
u8 disk_rig_wait(struct disk_rig *r, unsigned slot);

#endif
