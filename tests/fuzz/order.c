/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP data before its turn, from a guest that means harm: whatever it sends and whatever libslirp
 * acknowledges, what is admitted of one connection and of all is bounded, the segment that is next
 * is never refused, and what ends a connection is a frame that the guard passes.
 *
 * Thread: one.
 * Trust:  plays the guest and libslirp.
 *
 * Input: operations: a byte (2 bits what, 6 bits connection), operands.
 */
#include <string.h>

#include "lkvm/vm/loop.h"
#include "net/user/order.h"
#include "tests/fuzz/input.h"

#define FRAME (ETH_HDR + IP4_HDR + TCP_HDR)
#define CONNS 64u
#define START 0xfffff000u /* sequence numbers go round soon */

static u64 now;

/* Time is the input's. */
u64 loop_now_ns(void)
{
	return now;
}

struct conn {
	u32 next;  /* what libslirp waits for */
	u64 held;  /* segments before their turn that were admitted since that last moved */
	bool lost; /* reset, or spoken of by frames that are made up: nobody knows its next */
};

static void put16(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static void put32(u8 *p, u32 v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* A segment with `len` bytes of data, of which none are there to be looked at. */
static size_t segment(u8 *f, bool from_guest, unsigned conn, u32 seq, u32 ack, u8 flags, u32 len)
{
	u8 *ip = f + ETH_HDR, *tcp = ip + IP4_HDR;

	memset(f, 0, FRAME);
	put16(f + 12, ETHERTYPE_IP4);
	ip[0] = 0x45;
	put16(ip + 2, IP4_HDR + TCP_HDR + len);
	ip[8] = 64;
	ip[9] = PROTO_TCP;
	put32(ip + 12, from_guest ? 0xc0a8210f : 0x08080808);
	put32(ip + 16, from_guest ? 0x08080808 : 0xc0a8210f);
	put16(tcp, from_guest ? 1000 + conn : 80);
	put16(tcp + 2, from_guest ? 80 : 1000 + conn);
	put32(tcp + 4, seq);
	put32(tcp + 8, ack);
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	return FRAME + len;
}

static bool admit(struct order *o, u8 *f, size_t len)
{
	const struct guard_pkt pkt = {
		.type = ETHERTYPE_IP4, .l3 = ETH_HDR, .l4 = ETH_HDR + IP4_HDR, .proto = PROTO_TCP
	};

	return order_admit(o, f, len, &pkt);
}

static void operate(struct order *o, struct conn *conns, struct input *i)
{
	u8 f[FRAME + 1024] = { 0 }, reset[ORDER_RESET_FRAME], op = (u8)in(i, 1);
	unsigned n = op % CONNS;
	struct conn *c = &conns[n];
	u32 gap, len;
	size_t size;

	switch (op / CONNS) {
	case 0: /* its turn */
		len = 1 + (u32)in(i, 1);
		check(admit(o, f, segment(f, true, n, c->next, 1, TCP_ACK, len)) || c->lost);
		break;
	case 1: /* before its turn */
		gap = 1 + (u32)in(i, 2);
		c->held += admit(o, f, segment(f, true, n, c->next + gap, 1, TCP_ACK, 1));
		check(c->held <= ORDER_CONN_MAX || c->lost);
		break;
	case 2: /* libslirp has come further */
		c->next += 1 + (u32)in(i, 2);
		c->held = 0;
		size = segment(f, false, n, 1, c->next, TCP_ACK, 0);
		order_saw(o, f, size);
		break;
	default: /* anything, and time */
		now += in(i, 1) * UINT64_C(1000000000);
		size = order_reset(o, reset);
		check(!size || size == FRAME);
		if (size) { /* for one of ours */
			unsigned port = reset[FRAME - TCP_HDR] * 256u + reset[FRAME - TCP_HDR + 1];

			check(port >= 1000 && port < 1000 + CONNS);
			conns[port - 1000].lost = true;
		}
		size = segment(f, op & 1, n, (u32)in(i, 4), (u32)in(i, 4), (u8)in(i, 1), 0);
		if (op & 1)
			admit(o, f, size);
		else
			order_saw(o, f, in(i, 1) % (FRAME + 1));
		c->lost = true;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct conn conns[CONNS];
	struct input i = { data, len };
	struct order *o;
	u8 f[FRAME];

	now = 1000000000;
	check(!order_create(&o));
	for (unsigned n = 0; n < CONNS; n++) {
		conns[n] = (struct conn){ .next = START };
		order_saw(o, f, segment(f, false, n, 0, START, TCP_SYN | TCP_ACK, 0));
	}
	while (i.left)
		operate(o, conns, &i);
	order_destroy(o);
	return 0;
}
