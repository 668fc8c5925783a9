/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One virtio-blk request [virtio 1.3 §5.2.6]: from a chain to a disk request, and back to a status
 * byte. Knows neither queues nor disks.
 */
#ifndef VIRTIO_BLK_REQ_H
#define VIRTIO_BLK_REQ_H

#include "virtio/core/chain.h"
#include "virtio/disk/disk.h"

/* [virtio 1.3 §5.2.6] */
#define BLK_T_IN 0u
#define BLK_T_OUT 1u
#define BLK_T_FLUSH 4u
#define BLK_T_GET_ID 8u
#define BLK_T_DISCARD 11u
#define BLK_T_WRITE_ZEROES 13u
#define BLK_T_SECURE_ERASE 14u

#define BLK_S_OK 0u
#define BLK_S_IOERR 1u
#define BLK_S_UNSUPP 2u

/* What the device is: constant while it runs, but for a disk that grows. */
struct blk_limits {
	const char *who;    /* for messages */
	const char *serial; /* at most DISK_SERIAL_LEN characters */
	u64 sectors;
	bool read_only;
	bool discard;		 /* DISCARD was negotiated */
	bool write_zeroes;	 /* WRITE_ZEROES was negotiated */
	bool secure_erase;	 /* SECURE_ERASE was negotiated */
	bool may_unmap;		 /* write_zeroes_may_unmap */
	u32 max_discard_sectors; /* of one request; of a secure erase, too */
	u32 max_zeroes_sectors;
};

/* Those of `disk`, before a driver has negotiated anything. `who` and `serial` outlive them. */
void blk_limits_init(struct blk_limits *l, const struct disk *disk, const char *who,
		     const char *serial);

struct blk_req {
	struct disk_req io;
	u32 type;
	u8 *status;    /* in guest memory */
	u32 write_len; /* device-writable bytes, status included */
	bool fills;    /* when it succeeds all of them are written */
};

/*
 * Parse the chain `c`, of this hold; c->iov is the request's from then on. The header is copied
 * once. 1: r->io, but for done, is for the disk. 0: the answer is *status. -EBADMSG: there is no
 * room for the header or for the status byte, so the driver cannot be answered.
 */
int blk_req_parse(struct blk_req *r, const struct chain *c, const struct blk_limits *l, u8 *status);

/*
 * Write the status byte into guest memory. Returns the length for the used ring. In the hold of
 * blk_req_parse(), or while the pages of the request are pinned.
 */
u32 blk_req_answer(struct blk_req *r, u8 status);

/* "read", "write", ... for messages. */
const char *blk_req_name(const struct blk_req *r);

#endif
