/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a request and writing an answer, little-endian, never past the end. Values that are
 * missing read as 0 and make the request bad; bytes for which there is no room are dropped and make
 * the answer full. No thread of its own: a cursor belongs to its holder.
 */
#ifndef VIRTIO_SHARE_WIRE_H
#define VIRTIO_SHARE_WIRE_H

#include "lkvm/base/iov.h"

/* A request in memory of ours. */
struct wire_in {
	const u8 *p;
	u32 left;
	bool bad; /* something was missing */
};

u8 wire_get8(struct wire_in *w);
u16 wire_get16(struct wire_in *w);
u32 wire_get32(struct wire_in *w);
u64 wire_get64(struct wire_in *w);

/*
 * A string, into `buf` with a final NUL. 0; -EINVAL: it has a NUL in it; -ENAMETOOLONG: `size` is
 * too small. A bad request is found by the caller, who looks at `bad`.
 */
int wire_get_string(struct wire_in *w, char *buf, u32 size);

/* An answer in the guest's memory. */
struct wire_out {
	struct iov_cur cur; /* where the next byte goes */
	u32 len;	    /* bytes so far */
	u32 max;	    /* bytes that it may have */
	bool full;	    /* something had no room */
};

void wire_put(struct wire_out *w, const void *p, u32 len);
void wire_put8(struct wire_out *w, u8 v);
void wire_put16(struct wire_out *w, u16 v);
void wire_put32(struct wire_out *w, u32 v);
void wire_put64(struct wire_out *w, u64 v);
void wire_put_string(struct wire_out *w, const char *s);

/* Bytes for which there is room. */
u32 wire_room(const struct wire_out *w);

#endif
