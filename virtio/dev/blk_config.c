/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-blk: features and configuration space of a disk.
 *
 * Thread: main, before others run.
 * Trust:  nothing from the guest.
 * Spec:   virtio 1.3 §5.2.3, §5.2.4
 */
#include "virtio/dev/blk_config.h"

#include "virtio/core/pool.h"

/*
 * Ring and segments. 128 pieces a request (header, data, status) let Linux build half-MiB requests
 * from scattered pages.
 */
#define QUEUE_SIZE 256u
#define MAX_IOV 128u
/* Where the guest bounces. EDK2 takes no ring that has not a request's three descriptors. */
#define BOUNCED_MIN_SIZE 4u

u64 blk_features(const struct disk *disk, unsigned nr_queues, u32 seg_bytes)
{
	u64 f = BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH | BLK_F_TOPOLOGY | BLK_F_CONFIG_WCE;

	if (seg_bytes)
		f |= BLK_F_SIZE_MAX;
	if (nr_queues > 1)
		f |= BLK_F_MQ;
	if (disk->read_only)
		return f | BLK_F_RO;
	return f | BLK_F_WRITE_ZEROES | (disk->can_discard ? BLK_F_DISCARD : 0) |
	       (disk->can_erase ? BLK_F_SECURE_ERASE : 0);
}

/* `bytes` in blocks, as far as the field goes. */
static u32 blocks(const struct disk *disk, u32 bytes, u32 most)
{
	return MIN(bytes / disk->block_size, most);
}

void blk_config_init(struct blk_config *c, const struct disk *disk, u32 seg_bytes, u32 seg_max,
		     unsigned nr_queues)
{
	u32 per_physical = disk->physical_block_size / disk->block_size;
	u32 min_io = MAX(disk->min_io, disk->physical_block_size);

	*c = (struct blk_config){
		.capacity = le64_of(disk->size / DISK_SECTOR),
		.size_max = le32_of(seg_bytes),
		.seg_max = le32_of(seg_max),
		.blk_size = le32_of(disk->block_size),
		.physical_block_exp = (u8)__builtin_ctz(per_physical),
		.alignment_offset = (u8)blocks(disk, disk->alignment_offset, UINT8_MAX),
		.min_io_size = le16_of((u16)blocks(disk, min_io, UINT16_MAX)),
		.opt_io_size = le32_of(blocks(disk, disk->opt_io, UINT32_MAX)),
		.writeback = 1,
		.num_queues = le16_of((u16)nr_queues),
		.max_discard_sectors = le32_of(BLK_MAX_DISCARD_SECTORS),
		.max_discard_seg = le32_of(1),
		.discard_sector_alignment = le32_of(disk->physical_block_size / DISK_SECTOR),
		.max_write_zeroes_sectors = le32_of(BLK_MAX_ZEROES_SECTORS),
		.max_write_zeroes_seg = le32_of(1),
		.write_zeroes_may_unmap = disk->can_discard,
		.max_secure_erase_sectors = le32_of(disk->can_erase ? BLK_MAX_DISCARD_SECTORS : 0),
		.max_secure_erase_seg = le32_of(disk->can_erase),
		.secure_erase_sector_alignment =
			le32_of(disk->can_erase ? disk->physical_block_size / DISK_SECTOR : 0),
	};
}

/* What one of several queues may have in flight is a part of what fits into the pool. */
u16 blk_queue_size(const struct virtio_pool *pool, unsigned nr_queues)
{
	unsigned size = pool ? pool->blk : QUEUE_SIZE;

	for (; pool && nr_queues > 1 && size > BOUNCED_MIN_SIZE; nr_queues = (nr_queues + 1) / 2)
		size /= 2;
	return (u16)size;
}

u16 blk_max_iov(const struct virtio_pool *pool, u16 queue_size)
{
	return pool ? (u16)MIN(pool->blk_segs + 2u, queue_size) : MAX_IOV;
}
