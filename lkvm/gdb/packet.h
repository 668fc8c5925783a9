/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of the remote protocol of GDB: "$DATA#SUM" in both directions, "+" and "-" for whether the
 * sum was right, and Ctrl-C as a byte by itself [GDB manual, appendix E.1]. A value; one thread.
 */
#ifndef LKVM_GDB_PACKET_H
#define LKVM_GDB_PACKET_H

#include "lkvm/base/util.h"

#define PACKET_MAX 4096u /* bytes of DATA, unescaped */

enum packet_event {
	PACKET_NOTHING, /* more bytes are wanted */
	PACKET_DATA,	/* data[0..len) is a packet; data[len] is 0 */
	PACKET_BAD,	/* the sum was wrong, or it was too long: it is to be sent again */
	PACKET_RESEND,	/* the other side wants our last packet again */
	PACKET_BREAK,	/* Ctrl-C */
};

struct packet_reader {
	int state;
	bool escaped, too_long;
	u8 sum, want;
	unsigned len;
	char data[PACKET_MAX + 1];
};

/* The next byte of the stream. A zeroed reader is at its beginning. */
enum packet_event packet_byte(struct packet_reader *r, u8 byte);

struct packet_writer {
	unsigned len;
	bool full; /* something did not fit, and the packet is of no use */
	char buf[2 * PACKET_MAX + 8];
};

/* A new packet; text, bytes in hexadecimal, raw bytes (escaped) behind what is there; its end. */
void packet_begin(struct packet_writer *w);
void packet_text(struct packet_writer *w, const char *s);
void packet_hex(struct packet_writer *w, const void *bytes, u64 len);
void packet_raw(struct packet_writer *w, const char *bytes, u64 len);
void packet_end(struct packet_writer *w);

/*
 * A hexadecimal number (bytes, of which there are `len`) at *p, which moves behind it. False: there
 * is none (not all of them are there).
 */
bool packet_number(const char **p, u64 *out);
bool packet_bytes(const char **p, void *out, u64 len);
/* Two numbers with a comma between them. */
bool packet_range(const char **p, u64 *start, u64 *len);

#endif
