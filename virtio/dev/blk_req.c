/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-blk requests: parse, check against the disk's limits, answer.
 *
 * Thread: the device's loop.
 * Trust:  header and segments are the guest's: copied once, then checked. Data is not looked at.
 * Spec:   virtio 1.3 §5.2.6; framing §2.7.4 (the driver may cut the parts as it likes, so the
 *         header is the first 16 readable bytes and the status the last writable one)
 */
#include "virtio/dev/blk_req.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/base/log.h"
#include "virtio/dev/blk_config.h"

struct header {
	le32 type;
	le32 reserved;
	le64 sector;
};
static_assert(sizeof(struct header) == 16, "virtio 1.3 §5.2.6");

struct segment {
	le64 sector;
	le32 num_sectors;
	le32 flags;
};
static_assert(sizeof(struct segment) == 16, "virtio 1.3 §5.2.6");

#define SEGMENT_UNMAP BIT(0)

void blk_limits_init(struct blk_limits *l, const struct disk *disk, const char *who,
		     const char *serial)
{
	*l = (struct blk_limits){
		.who = who,
		.serial = serial,
		.sectors = disk->size / DISK_SECTOR,
		.read_only = disk->read_only,
		.may_unmap = disk->can_discard,
		.max_discard_sectors = BLK_MAX_DISCARD_SECTORS,
		.max_zeroes_sectors = BLK_MAX_ZEROES_SECTORS,
	};
}

/* ---- cutting the chain; its pieces are never empty ---- */

/* In one piece, as drivers have it, or however it is cut. */
static void read_header(struct header *h, const struct chain *c)
{
	struct iov_cur reader;

	if (c->iov->iov_len >= sizeof(*h)) {
		memcpy(h, c->iov->iov_base, sizeof(*h));
		/* The compiler does not go back to the guest's memory for a field. */
		atomic_signal_fence(memory_order_seq_cst);
		return;
	}
	reader = chain_reader(c);
	iov_read(&reader, h, sizeof(*h));
}

static void skip_header(struct iovec **iov, unsigned *nr)
{
	size_t n = sizeof(struct header);

	while (*nr && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*nr)--;
	}
	if (n) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

static u8 *cut_status(struct iovec *iov, unsigned *nr)
{
	struct iovec *last = &iov[*nr - 1];

	last->iov_len--;
	if (!last->iov_len)
		--*nr;
	return (u8 *)last->iov_base + last->iov_len;
}

/* ---- by type; each returns as blk_req_parse() ---- */

static int refuse(const struct blk_req *r, const struct blk_limits *l, u8 *status, u8 answer,
		  const char *why)
{
	guest_err(l->who, "%s refused: %s", blk_req_name(r), why);
	*status = answer;
	return 0;
}

static int parse_transfer(struct blk_req *r, const struct blk_limits *l, u64 sector, u8 *status)
{
	if (r->type == BLK_T_OUT && l->read_only)
		return refuse(r, l, status, BLK_S_IOERR, "the disk is read-only");
	/* [virtio 1.3 §5.2.6.1] Data is a multiple of 512 bytes. */
	if (r->io.len % DISK_SECTOR)
		return refuse(r, l, status, BLK_S_IOERR, "not a multiple of 512 bytes");
	if (!range_within(sector, r->io.len / DISK_SECTOR, l->sectors))
		return refuse(r, l, status, BLK_S_IOERR, "beyond the end of the disk");
	*status = BLK_S_OK;
	r->io.op = r->type == BLK_T_IN ? DISK_READ : DISK_WRITE;
	r->io.off = sector * DISK_SECTOR;
	return r->io.len != 0;
}

static int parse_get_id(struct blk_req *r, const struct chain *c, const struct blk_limits *l,
			u8 *status)
{
	char id[DISK_SERIAL_LEN] = { 0 };
	struct iov_cur w = chain_writer(c);

	/* [virtio 1.3 §5.2.6] Not terminated if it has all 20 bytes. */
	memcpy(id, l->serial, strnlen(l->serial, sizeof(id)));
	iov_write(&w, id, MIN(sizeof(id), (size_t)c->write_len - 1));
	r->fills = c->write_len - 1 <= sizeof(id);
	*status = BLK_S_OK;
	return 0;
}

/* What is done with segments, not with data. */
struct erase {
	enum disk_op op;
	bool negotiated;
	u32 flags; /* those that it knows */
	u32 max_sectors;
};

static struct erase erase_of(u32 type, const struct blk_limits *l)
{
	switch (type) {
	case BLK_T_DISCARD:
		return (struct erase){ DISK_DISCARD, l->discard, 0, l->max_discard_sectors };
	case BLK_T_SECURE_ERASE:
		return (struct erase){ DISK_SECURE_ERASE, l->secure_erase, 0,
				       l->max_discard_sectors };
	default:
		return (struct erase){ DISK_WRITE_ZEROES, l->write_zeroes, SEGMENT_UNMAP,
				       l->max_zeroes_sectors };
	}
}

static int parse_erase(struct blk_req *r, const struct chain *c, const struct blk_limits *l,
		       u8 *status)
{
	const struct erase e = erase_of(r->type, l);
	struct iov_cur reader = chain_reader(c);
	struct segment s;

	if (!e.negotiated)
		return refuse(r, l, status, BLK_S_UNSUPP, "the feature was not negotiated");
	if (l->read_only)
		return refuse(r, l, status, BLK_S_IOERR, "the disk is read-only");
	/* max_discard_seg, max_write_zeroes_seg and max_secure_erase_seg are 1. */
	if (c->read_len != sizeof(struct header) + sizeof(s))
		return refuse(r, l, status, BLK_S_IOERR, "needs exactly one segment");
	iov_skip(&reader, sizeof(struct header));
	iov_read(&reader, &s, sizeof(s));

	u64 sector = le64_get(s.sector);
	u32 nr = le32_get(s.num_sectors), flags = le32_get(s.flags);

	/* [virtio 1.3 §5.2.6.2] Unknown flags, and unmap in what always unmaps: UNSUPP. */
	if (flags & ~e.flags)
		return refuse(r, l, status, BLK_S_UNSUPP, "unknown flags");
	if (nr > e.max_sectors)
		return refuse(r, l, status, BLK_S_IOERR, "too long");
	if (!range_within(sector, nr, l->sectors))
		return refuse(r, l, status, BLK_S_IOERR, "beyond the end of the disk");
	*status = BLK_S_OK;
	r->io.op = e.op;
	r->io.off = sector * DISK_SECTOR;
	r->io.len = (u64)nr * DISK_SECTOR;
	r->io.unmap = (flags & SEGMENT_UNMAP) && l->may_unmap;
	return nr != 0;
}

/* The data between header and status; `nr_write` pieces without the status byte are writable. */
static void take_data(struct blk_req *r, const struct chain *c, unsigned nr_write)
{
	if (r->type == BLK_T_IN) {
		r->io.iov = c->iov + c->nr_read;
		r->io.nr_iov = nr_write;
		r->io.len = c->write_len - 1;
		r->fills = true;
	} else {
		r->io.iov = c->iov;
		r->io.nr_iov = c->nr_read;
		r->io.len = c->read_len - (u32)sizeof(struct header);
		skip_header(&r->io.iov, &r->io.nr_iov);
	}
}

int blk_req_parse(struct blk_req *r, const struct chain *c, const struct blk_limits *l, u8 *status)
{
	unsigned nr_write = c->nr_write;
	struct header h;

	if (c->read_len < sizeof(h) || !c->write_len)
		return -EBADMSG;
	read_header(&h, c);
	*r = (struct blk_req){ .type = le32_get(h.type), .write_len = c->write_len };
	r->status = cut_status(c->iov + c->nr_read, &nr_write);
	switch (r->type) {
	case BLK_T_IN:
	case BLK_T_OUT:
		take_data(r, c, nr_write);
		return parse_transfer(r, l, le64_get(h.sector), status);
	case BLK_T_FLUSH:
		r->io.op = DISK_FLUSH;
		return 1;
	case BLK_T_GET_ID:
		return parse_get_id(r, c, l, status);
	case BLK_T_DISCARD:
	case BLK_T_WRITE_ZEROES:
	case BLK_T_SECURE_ERASE:
		return parse_erase(r, c, l, status);
	default:
		return refuse(r, l, status, BLK_S_UNSUPP, "unknown type");
	}
}

u32 blk_req_answer(struct blk_req *r, u8 status)
{
	*r->status = status;
	/*
	 * [virtio 1.3 §2.7.8.2] At least `len` bytes from the first writable one on are written:
	 * all or, when there is something unwritten before the status byte, none.
	 */
	return (r->fills && status == BLK_S_OK) || r->write_len == 1 ? r->write_len : 0;
}

const char *blk_req_name(const struct blk_req *r)
{
	switch (r->type) {
	case BLK_T_IN:
		return "read";
	case BLK_T_OUT:
		return "write";
	case BLK_T_FLUSH:
		return "flush";
	case BLK_T_GET_ID:
		return "get-id";
	case BLK_T_DISCARD:
		return "discard";
	case BLK_T_WRITE_ZEROES:
		return "write-zeroes";
	case BLK_T_SECURE_ERASE:
		return "secure erase";
	default:
		return "request";
	}
}
