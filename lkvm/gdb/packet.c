/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of the remote protocol of GDB.
 *
 * Thread: the caller's.
 * Trust:  bytes come from whoever has connected: lengths are bounded, and nothing is believed.
 * Spec:   GDB manual, appendix E.1
 */
#include "lkvm/gdb/packet.h"

#include <string.h>

#define ESCAPE '}'
#define ESCAPED 0x20
#define CTRL_C 3

enum { IDLE, DATA, SUM_HIGH, SUM_LOW };

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* ---- in ---- */

static void begin(struct packet_reader *r)
{
	r->state = DATA;
	r->escaped = r->too_long = false;
	r->sum = 0;
	r->len = 0;
}

static enum packet_event idle(struct packet_reader *r, u8 byte)
{
	if (byte == '$')
		begin(r);
	if (byte == CTRL_C)
		return PACKET_BREAK;
	return byte == '-' ? PACKET_RESEND : PACKET_NOTHING;
}

static void data(struct packet_reader *r, u8 byte)
{
	if (byte == '#') {
		r->state = SUM_HIGH;
		return;
	}
	r->sum = (u8)(r->sum + byte);
	if (byte == ESCAPE && !r->escaped) {
		r->escaped = true;
		return;
	}
	if (r->len < PACKET_MAX)
		r->data[r->len++] = (char)(r->escaped ? byte ^ ESCAPED : byte);
	else
		r->too_long = true;
	r->escaped = false;
}

enum packet_event packet_byte(struct packet_reader *r, u8 byte)
{
	int d = digit((char)byte);

	switch (r->state) {
	case IDLE:
		return idle(r, byte);
	case DATA:
		/* A sender that has given up begins again. */
		if (byte == '$' && !r->escaped)
			begin(r);
		else
			data(r, byte);
		return PACKET_NOTHING;
	case SUM_HIGH:
		r->want = (u8)((unsigned)d << 4);
		r->state = d < 0 ? IDLE : SUM_LOW;
		return d < 0 ? PACKET_BAD : PACKET_NOTHING;
	default:
		r->state = IDLE;
		r->data[r->len] = 0;
		if (d < 0 || (u8)(r->want | d) != r->sum || r->too_long)
			return PACKET_BAD;
		return PACKET_DATA;
	}
}

/* ---- out ---- */

static void put(struct packet_writer *w, char c)
{
	if (w->len < sizeof(w->buf) - 4)
		w->buf[w->len++] = c;
	else
		w->full = true;
}

void packet_begin(struct packet_writer *w)
{
	w->len = 0;
	w->full = false;
	put(w, '$');
}

void packet_text(struct packet_writer *w, const char *s)
{
	packet_raw(w, s, strlen(s));
}

void packet_raw(struct packet_writer *w, const char *bytes, u64 len)
{
	for (u64 i = 0; i < len; i++) {
		if (strchr("#$}*", bytes[i]) && bytes[i]) {
			put(w, ESCAPE);
			put(w, (char)(bytes[i] ^ ESCAPED));
		} else {
			put(w, bytes[i]);
		}
	}
}

void packet_hex(struct packet_writer *w, const void *bytes, u64 len)
{
	static const char digits[] = "0123456789abcdef";
	const u8 *b = bytes;

	for (u64 i = 0; i < len; i++) {
		put(w, digits[b[i] >> 4]);
		put(w, digits[b[i] & 15]);
	}
}

void packet_end(struct packet_writer *w)
{
	u8 sum = 0;

	for (unsigned i = 1; i < w->len; i++)
		sum = (u8)(sum + (u8)w->buf[i]);
	w->buf[w->len++] = '#';
	packet_hex(w, &sum, 1);
}

/* ---- fields ---- */

bool packet_number(const char **p, u64 *out)
{
	u64 n = 0;
	const char *at = *p;

	for (; digit(*at) >= 0 && at - *p < 16; at++)
		n = n << 4 | (u64)digit(*at);
	if (at == *p || digit(*at) >= 0)
		return false;
	*out = n;
	*p = at;
	return true;
}

bool packet_bytes(const char **p, void *out, u64 len)
{
	u8 *o = out;

	for (u64 i = 0; i < len; i++, *p += 2) {
		if (digit((*p)[0]) < 0 || digit((*p)[1]) < 0)
			return false;
		o[i] = (u8)(digit((*p)[0]) << 4 | digit((*p)[1]));
	}
	return true;
}

bool packet_range(const char **p, u64 *start, u64 *len)
{
	return packet_number(p, start) && *(*p)++ == ',' && packet_number(p, len);
}
