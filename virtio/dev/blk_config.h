/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What virtio-blk tells the driver before the first request: features and configuration space.
 * Values only; any thread.
 */
#ifndef VIRTIO_BLK_CONFIG_H
#define VIRTIO_BLK_CONFIG_H

#include "lkvm/base/le.h"
#include "virtio/disk/disk.h"

struct virtio_pool;

/* Feature bits [virtio 1.3 §5.2.3]. */
#define BLK_F_SIZE_MAX BIT(1)
#define BLK_F_SEG_MAX BIT(2)
#define BLK_F_RO BIT(5)
#define BLK_F_BLK_SIZE BIT(6)
#define BLK_F_FLUSH BIT(9)
#define BLK_F_TOPOLOGY BIT(10)
#define BLK_F_CONFIG_WCE BIT(11)
#define BLK_F_MQ BIT(12)
#define BLK_F_DISCARD BIT(13)
#define BLK_F_WRITE_ZEROES BIT(14)
#define BLK_F_SECURE_ERASE BIT(16)

/* What may be erased with one request: a size that a slow host finishes before guests complain. */
#define BLK_MAX_DISCARD_SECTORS ((u32)(1 * GiB / DISK_SECTOR))
#define BLK_MAX_ZEROES_SECTORS ((u32)(64 * MiB / DISK_SECTOR))

/* [virtio 1.3 §5.2.4]; the geometry is not offered and 0, nor are lifetime and zones. */
struct blk_config {
	le64 capacity;
	le32 size_max;
	le32 seg_max;
	u8 geometry[4];
	le32 blk_size;
	u8 physical_block_exp;
	u8 alignment_offset;
	le16 min_io_size;
	le32 opt_io_size;
	u8 writeback;
	u8 unused0;
	le16 num_queues;
	le32 max_discard_sectors;
	le32 max_discard_seg;
	le32 discard_sector_alignment;
	le32 max_write_zeroes_sectors;
	le32 max_write_zeroes_seg;
	u8 write_zeroes_may_unmap;
	u8 unused1[3];
	le32 max_secure_erase_sectors;
	le32 max_secure_erase_seg;
	le32 secure_erase_sector_alignment;
};
static_assert(sizeof(struct blk_config) == 72, "virtio 1.3 section 5.2.4");
static_assert(offsetof(struct blk_config, writeback) == 32, "virtio 1.3 section 5.2.4");
static_assert(offsetof(struct blk_config, num_queues) == 34, "virtio 1.3 section 5.2.4");
static_assert(offsetof(struct blk_config, write_zeroes_may_unmap) == 56,
	      "virtio 1.3 section 5.2.4");

/*
 * The features of this disk. `seg_bytes`: of the largest segment that a driver may post; 0: no
 * limit.
 */
u64 blk_features(const struct disk *disk, unsigned nr_queues, u32 seg_bytes);

/* Fill the configuration; `seg_max`: segments of a request, without header and status. */
void blk_config_init(struct blk_config *c, const struct disk *disk, u32 seg_bytes, u32 seg_max,
		     unsigned nr_queues);

/*
 * How many descriptors each queue has, and how many pieces a request, header and status included.
 * With a `pool` they are as small as that; NULL: the guest does not bounce.
 */
u16 blk_queue_size(const struct virtio_pool *pool, unsigned nr_queues);
u16 blk_max_iov(const struct virtio_pool *pool, u16 queue_size);

#endif
