/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Internet checksum [RFC 1071]. Sums are plain numbers that are added up and folded at the end;
 * all values are in host byte order, the bytes in network order. Any thread.
 */
#ifndef NET_CSUM_H
#define NET_CSUM_H

#include "lkvm/base/iov.h"

#define CSUM_MAX_LEN (256u * 1024)

/*
 * `sum` plus the sum of `len` bytes (at most CSUM_MAX_LEN) as big-endian 16-bit words; an odd last
 * byte is padded with zero. Pieces may be added one by one as long as all but the last have an even
 * length.
 */
u64 csum_add(u64 sum, const void *buf, size_t len);

/* The 16-bit checksum field for a sum: folded and complemented. */
u16 csum_finish(u64 sum);

/* `sum` plus that of the next `len` bytes at the cursor, at most CSUM_MAX_LEN in a piece. */
u64 csum_iov(u64 sum, struct iov_cur at, size_t len);

/*
 * The sum of the pseudo header of TCP, UDP or ICMPv6: addresses (of 4 or 16 bytes), protocol, and
 * the length of what follows it [RFC 9293 3.1, RFC 8200 8.1].
 */
u64 csum_pseudo4(const u8 *src, const u8 *dst, u8 proto, size_t len);
u64 csum_pseudo6(const u8 *src, const u8 *dst, u8 proto, size_t len);

/*
 * The checksum field after a 16-bit word that it covers has changed from `old` to `val` [RFC 1624].
 */
u16 csum_update(u16 csum, u16 old, u16 val);

#endif
