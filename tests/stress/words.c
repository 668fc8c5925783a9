/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mostly words that make sense, in an order that does not.
 *
 * Thread: any.
 * Trust:  none needed.
 * Spec:   9P2000.L; RFC 791, 826
 */
#include "tests/stress/words.h"

#include <string.h>

#include "net/csum.h"
#include "net/eth.h"
#include "virtio/share/p9.h"

#define NAMES 4u
#define FIDS 6u
#define FILE_MAX (256 * 1024u)

struct msg {
	u8 *m;
	u32 len;
	words_draw draw;
	void *arg;
};

static u64 some(struct msg *w, u64 below)
{
	return w->draw(w->arg, below);
}

static void put(struct msg *w, u64 val, u32 bytes)
{
	for (u32 i = 0; i < bytes && w->len < WORDS_9P_MAX; i++)
		w->m[w->len++] = (u8)(val >> (8 * i));
}

static void text(struct msg *w, const char *s)
{
	put(w, strlen(s), 2);
	for (; *s; s++)
		put(w, (u8)*s, 1);
}

static void name(struct msg *w)
{
	static const char *const names[] = { "a", "b", "dir", ".." };

	text(w, names[some(w, NAMES)]);
}

static void fid(struct msg *w)
{
	put(w, some(w, FIDS), 4);
}

static void walk(struct msg *w)
{
	u64 nr = some(w, 3);

	fid(w);
	fid(w);
	put(w, nr, 2);
	for (u64 i = 0; i < nr; i++)
		name(w);
}

/* Offset and count. */
static void piece(struct msg *w)
{
	fid(w);
	put(w, some(w, FILE_MAX), 8);
	put(w, some(w, 16 * 1024), 4);
}

static void open_flags(struct msg *w)
{
	static const u32 flags[] = { 0, 1, 2, 02001, 01002, 0200000 };

	put(w, flags[some(w, ARRAY_SIZE(flags))], 4);
}

static void attach(struct msg *w)
{
	put(w, 0, 4);
	put(w, UINT32_MAX, 4);
	text(w, "");
	text(w, "");
	put(w, 0, 4);
}

static void create(struct msg *w)
{
	fid(w);
	name(w);
	open_flags(w);
	put(w, 0600, 4);
	put(w, 0, 4);
}

static void make_dir(struct msg *w)
{
	fid(w);
	name(w);
	put(w, 0700, 4);
	put(w, 0, 4);
}

static void fields(struct msg *w, u8 type)
{
	switch (type) {
	case P9_TVERSION:
		put(w, 64 * 1024, 4);
		text(w, "9P2000.L");
		break;
	case P9_TATTACH:
		attach(w);
		break;
	case P9_TWALK:
		walk(w);
		break;
	case P9_TLOPEN:
		fid(w);
		open_flags(w);
		break;
	case P9_TLCREATE:
		create(w);
		break;
	case P9_TMKDIR:
		make_dir(w);
		break;
	case P9_TREAD:
	case P9_TREADDIR:
	case P9_TWRITE:
		piece(w);
		break;
	case P9_TRENAMEAT:
		fid(w);
		name(w);
		fid(w);
		name(w);
		break;
	case P9_TUNLINKAT:
		fid(w);
		name(w);
		put(w, some(w, 2) * 0x200, 4);
		break;
	case P9_TFLUSH:
		put(w, some(w, 8), 2);
		break;
	default: /* one of a file and a number, or nothing that is known */
		fid(w);
		put(w, some(w, 0x4000), 8);
		break;
	}
}

u32 words_9p(u8 m[WORDS_9P_MAX], u32 *data, words_draw draw, void *arg)
{
	static const u8 types[] = {
		P9_TVERSION, P9_TATTACH,    P9_TWALK,	  P9_TWALK,  P9_TLOPEN,	  P9_TLCREATE,
		P9_TREAD,    P9_TWRITE,	    P9_TREADDIR,  P9_TCLUNK, P9_TGETATTR, P9_TSETATTR,
		P9_TMKDIR,   P9_TUNLINKAT,  P9_TRENAMEAT, P9_TFLUSH, P9_TFSYNC,	  P9_TREMOVE,
		P9_TSTATFS,  P9_TXATTRWALK, P9_TREADLINK, 99
	};
	struct msg w = { .m = m, .draw = draw, .arg = arg };
	/* A version forgets all that was open: seldom. */
	u8 type = types[draw(arg, 64) ? 1 + draw(arg, ARRAY_SIZE(types) - 1) : 0];
	u32 total;

	put(&w, 0, 4);
	put(&w, type, 1);
	put(&w, draw(arg, 8), 2);
	fields(&w, type);
	*data = 0;
	if (type == P9_TWRITE) { /* what it says is what comes, mostly */
		memcpy(data, m + w.len - 4, 4);
		if (draw(arg, 8) == 0)
			*data = (u32)draw(arg, 16 * 1024);
	}
	total = w.len + *data;
	memcpy(m, &total, 4);
	return w.len;
}

/* ---- frames ---- */

static void be16(u8 *p, u64 val)
{
	p[0] = (u8)(val >> 8);
	p[1] = (u8)val;
}

static void arp(u8 *p, words_draw draw, void *arg)
{
	static const u8 request[] = { 0, 1, 8, 0, 6, 4, 0, 1, 2, 1, 2, 3, 4, 5 };

	memcpy(p, request, sizeof(request));
	memcpy(p + 14, "\xc0\xa8\x21\x0f", 4);
	memcpy(p + 24, "\xc0\xa8\x21", 3);
	p[27] = (u8)draw(arg, 4);
}

static void ip4(u8 *p, u32 len, words_draw draw, void *arg)
{
	static const u8 protos[] = { PROTO_UDP, PROTO_TCP, 1, 2 };
	u8 proto = protos[draw(arg, sizeof(protos))];
	u8 *l4 = p + IP4_HDR;

	p[0] = 0x45;
	be16(p + 2, draw(arg, 8) ? len - ETH_HDR : draw(arg, 65536));
	if (draw(arg, 16) == 0)
		be16(p + 6, draw(arg, 65536)); /* a fragment */
	p[8] = 64;
	p[9] = proto;
	memcpy(p + 12, "\xc0\xa8\x21\x0f\xc0\xa8\x21\x01", 8);
	if (draw(arg, 4) == 0)
		memset(p + 16, 0xff, 4);
	be16(p + 10, csum_finish(csum_add(0, p, IP4_HDR)));
	be16(l4, 1024 + draw(arg, 64));
	be16(l4 + 2, draw(arg, 4) ? draw(arg, 65536) : 67);
	if (proto == PROTO_UDP) {
		be16(l4 + 4, len - ETH_HDR - IP4_HDR);
	} else if (proto == PROTO_TCP) {
		be16(l4 + 6, draw(arg, 4096));
		l4[12] = 5 << 4;
		l4[13] = (u8)draw(arg, 64);
	} else {
		l4[0] = 8;
		l4[1] = 0;
	}
}

void words_frame(u8 f[WORDS_FRAME], u32 len, words_draw draw, void *arg)
{
	memset(f, 0, WORDS_FRAME);
	memset(f, 0xff, 6);
	memcpy(f + 6, "\x02\x01\x02\x03\x04\x05", 6);
	switch (draw(arg, 4)) {
	case 0:
		be16(f + 12, 0x0806);
		arp(f + ETH_HDR, draw, arg);
		break;
	case 1:
		be16(f + 12, draw(arg, 65536));
		break;
	default:
		be16(f + 12, ETHERTYPE_IP4);
		ip4(f + ETH_HDR, len, draw, arg);
		break;
	}
}
