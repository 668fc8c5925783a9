/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Little-endian values in and out of messages.
 *
 * Thread: any.
 * Trust:  requests are the guest's, copied once; each read is bounded by what is left of the copy.
 */
#include "virtio/share/wire.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* The next `len` bytes, or zeroes. */
static void get(struct wire_in *w, void *to, u32 len)
{
	if (w->left < len) {
		memset(to, 0, len);
		w->left = 0;
		w->bad = true;
		return;
	}
	memcpy(to, w->p, len);
	w->p += len;
	w->left -= len;
}

u8 wire_get8(struct wire_in *w)
{
	u8 v;

	get(w, &v, sizeof(v));
	return v;
}

u16 wire_get16(struct wire_in *w)
{
	u16 v;

	get(w, &v, sizeof(v));
	return le16toh(v);
}

u32 wire_get32(struct wire_in *w)
{
	u32 v;

	get(w, &v, sizeof(v));
	return le32toh(v);
}

u64 wire_get64(struct wire_in *w)
{
	u64 v;

	get(w, &v, sizeof(v));
	return le64toh(v);
}

int wire_get_string(struct wire_in *w, char *buf, u32 size)
{
	u16 len = wire_get16(w);
	const u8 *p = w->p;

	*buf = '\0';
	if (w->left < len) {
		w->bad = true;
		return 0;
	}
	w->p += len;
	w->left -= len;
	if (len >= size)
		return -ENAMETOOLONG;
	if (memchr(p, '\0', len))
		return -EINVAL;
	memcpy(buf, p, len);
	buf[len] = '\0';
	return 0;
}

u32 wire_room(const struct wire_out *w)
{
	return (u32)MIN(w->cur.left, (size_t)(w->max - w->len));
}

void wire_put(struct wire_out *w, const void *p, u32 len)
{
	if (wire_room(w) < len) {
		w->full = true;
		return;
	}
	iov_write(&w->cur, p, len);
	w->len += len;
}

void wire_put8(struct wire_out *w, u8 v)
{
	wire_put(w, &v, sizeof(v));
}

void wire_put16(struct wire_out *w, u16 v)
{
	v = htole16(v);
	wire_put(w, &v, sizeof(v));
}

void wire_put32(struct wire_out *w, u32 v)
{
	v = htole32(v);
	wire_put(w, &v, sizeof(v));
}

void wire_put64(struct wire_out *w, u64 v)
{
	v = htole64(v);
	wire_put(w, &v, sizeof(v));
}

void wire_put_string(struct wire_out *w, const char *s)
{
	u16 len = (u16)strlen(s);

	wire_put16(w, len);
	wire_put(w, s, len);
}
