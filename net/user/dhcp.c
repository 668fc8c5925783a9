/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DHCP server of the user-mode network.
 *
 * Thread: the loop of the netif.
 * Trust:  the message comes from the guest. It is a private copy; every option is bounded by the
 *         message, and nothing of it is used as an offset.
 * Spec:   RFC 2131, RFC 2132
 *
 * Addresses are bound to hardware addresses for as long as the VM runs: a guest that comes back
 * gets its old one without our writing anything down. A lease is given to whoever asks (that is
 * what a virtual wire is for) until DHCP_NR_LEASES are out.
 */
#include "net/user/dhcp.h"

#include "net/eth.h"
#include "net/user/udp4.h"

/* The fixed part of a message [RFC 2131 section 2]. */
enum {
	BOOTP_OP = 0,
	BOOTP_HTYPE = 1,
	BOOTP_HLEN = 2,
	BOOTP_XID = 4,
	BOOTP_FLAGS = 10,
	BOOTP_CIADDR = 12,
	BOOTP_YIADDR = 16,
	BOOTP_SIADDR = 20,
	BOOTP_GIADDR = 24,
	BOOTP_CHADDR = 28,
	BOOTP_SNAME = 44,
	BOOTP_FILE = 108,
	BOOTP_COOKIE = 236,
	BOOTP_OPTIONS = 240,
	BOOTP_MIN = 300 /* relays and old clients want at least this much [RFC 1542 section 2.1] */
};
#define MAGIC_COOKIE 0x63825363u
#define FLAG_BROADCAST 0x8000u

enum {
	OPT_PAD = 0,
	OPT_MASK = 1,
	OPT_ROUTER = 3,
	OPT_DNS = 6,
	OPT_DOMAIN = 15,
	OPT_MTU = 26,
	OPT_SEARCH = 119,
	OPT_REQUESTED = 50,
	OPT_LEASE = 51,
	OPT_OVERLOAD = 52,
	OPT_TYPE = 53,
	OPT_SERVER = 54,
	OPT_WANTED = 55, /* parameter request list */
	OPT_MESSAGE = 56,
	OPT_MAX_SIZE = 57,
	OPT_END = 255
};

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };

struct request {
	const u8 *msg;
	u8 type;
	u32 ciaddr, requested, server;
	bool has_requested, has_server, wants_mtu;
	u16 max_size; /* of the DHCP message we may send */
};

static void use_option(struct request *r, u8 code, const u8 *val, u8 len)
{
	switch (code) {
	case OPT_TYPE:
		if (len == 1)
			r->type = val[0];
		break;
	case OPT_REQUESTED:
		if (len == 4) {
			r->requested = be32_at(val);
			r->has_requested = true;
		}
		break;
	case OPT_SERVER:
		if (len == 4) {
			r->server = be32_at(val);
			r->has_server = true;
		}
		break;
	case OPT_MAX_SIZE:
		/*
		 * Counts the IP and UDP headers; below the minimum it is a mistake [RFC 2132
		 * §9.10].
		 */
		if (len == 2)
			r->max_size = be16_at(val);
		break;
	case OPT_WANTED:
		r->wants_mtu = memchr(val, OPT_MTU, len);
		break;
	}
}

/* Walk one field of options; returns the value of an overload option in it, or 0. */
static u8 walk_options(struct request *r, const u8 *p, size_t len)
{
	u8 overload = 0;

	for (size_t off = 0; off < len;) {
		u8 code = p[off++];

		if (code == OPT_PAD)
			continue;
		if (code == OPT_END || off == len || p[off] > len - off - 1)
			break; /* what was cut off was not sent */
		if (code == OPT_OVERLOAD && p[off] == 1)
			overload = p[off + 1];
		use_option(r, code, p + off + 1, p[off]);
		off += 1 + (size_t)p[off];
	}
	return overload;
}

static bool parse(struct request *r, const u8 *msg, size_t len)
{
	*r = (struct request){ .msg = msg, .max_size = 576 };
	if (len < BOOTP_OPTIONS || msg[BOOTP_OP] != 1 || msg[BOOTP_HTYPE] != 1 ||
	    msg[BOOTP_HLEN] != NETIF_MAC_LEN || be32_at(msg + BOOTP_COOKIE) != MAGIC_COOKIE)
		return false;
	/* There is no relay on this wire, so an answer to one could only go astray. */
	if (be32_at(msg + BOOTP_GIADDR) || mac_is_multicast(msg + BOOTP_CHADDR) ||
	    mac_is_zero(msg + BOOTP_CHADDR))
		return false;
	r->ciaddr = be32_at(msg + BOOTP_CIADDR);

	/*
	 * Options may continue in "file", then in "sname" [RFC 2131 section 4.1]; not further from
	 * there.
	 */
	u8 overload = walk_options(r, msg + BOOTP_OPTIONS, len - BOOTP_OPTIONS);

	if (overload & 1)
		walk_options(r, msg + BOOTP_FILE, BOOTP_COOKIE - BOOTP_FILE);
	if (overload & 2)
		walk_options(r, msg + BOOTP_SNAME, BOOTP_FILE - BOOTP_SNAME);
	return r->type;
}

/* ---- leases ---- */

static u32 lease_addr(const struct dhcp *d, unsigned i)
{
	return ntohl(d->first.s_addr) + i;
}

/* The whole range lies below the broadcast address and skips what is ours. */
static bool lease_usable(const struct dhcp *d, unsigned i)
{
	u32 a = lease_addr(d, i), mask = ntohl(d->mask.s_addr);

	if ((a & mask) != (ntohl(d->host.s_addr) & mask) || (a & ~mask) == ~mask)
		return false;
	for (unsigned k = 0; k < d->nr_dns; k++)
		if (a == ntohl(d->dns[k].s_addr))
			return false;
	return a != ntohl(d->host.s_addr);
}

/* The index of the lease of `mac`, a new one if it has none; -1: all are out. */
static int lease_find(struct dhcp *d, const u8 *mac)
{
	int free = -1;

	for (int i = 0; i < (int)DHCP_NR_LEASES; i++) {
		if (!memcmp(d->lease[i], mac, NETIF_MAC_LEN))
			return i;
		if (free < 0 && mac_is_zero(d->lease[i]) && lease_usable(d, (unsigned)i))
			free = i;
	}
	return free;
}

/* ---- the reply ---- */

struct reply {
	u8 *frame;
	u8 *msg;
	size_t len; /* of msg */
	size_t max;
};

static void put_option(struct reply *o, u8 code, const void *val, size_t len)
{
	/* One byte stays for OPT_END. What does not fit is left out: order is importance. */
	if (!len || len > 255 || o->len + 2 + len + 1 > o->max)
		return;
	o->msg[o->len] = code;
	o->msg[o->len + 1] = (u8)len;
	memcpy(o->msg + o->len + 2, val, len);
	o->len += 2 + len;
}

static void put_option32(struct reply *o, u8 code, u32 val)
{
	u8 b[4];

	be32_put(b, val);
	put_option(o, code, b, 4);
}

static void reply_begin(struct reply *o, const struct dhcp *d, const struct request *r, u8 type,
			u32 yiaddr)
{
	memset(o->msg, 0, BOOTP_MIN);
	o->msg[BOOTP_OP] = 2;
	o->msg[BOOTP_HTYPE] = 1;
	o->msg[BOOTP_HLEN] = NETIF_MAC_LEN;
	memcpy(o->msg + BOOTP_XID, r->msg + BOOTP_XID, 4);
	memcpy(o->msg + BOOTP_FLAGS, r->msg + BOOTP_FLAGS, 2);
	memcpy(o->msg + BOOTP_CHADDR, r->msg + BOOTP_CHADDR, 16);
	be32_put(o->msg + BOOTP_YIADDR, yiaddr);
	if (type == ACK)
		be32_put(o->msg + BOOTP_CIADDR, r->ciaddr); /* [RFC 2131 table 3] */
	if (type != NAK)
		memcpy(o->msg + BOOTP_SIADDR, &d->host, 4);
	be32_put(o->msg + BOOTP_COOKIE, MAGIC_COOKIE);
	o->len = BOOTP_OPTIONS;
	put_option(o, OPT_TYPE, &type, 1);
	put_option32(o, OPT_SERVER, ntohl(d->host.s_addr));
}

/* In the order in which kvmtool's guests have always seen them. */
static void put_config(struct reply *o, const struct dhcp *d, const struct request *r)
{
	if (r->type != INFORM)
		put_option32(o, OPT_LEASE, d->lease_s);
	put_option(o, OPT_MASK, &d->mask, 4);
	if (!d->no_router)
		put_option(o, OPT_ROUTER, &d->host, 4);
	if (d->domain)
		put_option(o, OPT_DOMAIN, d->domain, strlen(d->domain));
	if (!d->no_router)
		put_option(o, OPT_DNS, d->dns, d->nr_dns * sizeof(d->dns[0]));
	if (d->mtu || r->wants_mtu) {
		u8 mtu[2];

		be16_put(mtu, d->mtu ? d->mtu : 1500);
		put_option(o, OPT_MTU, mtu, 2);
	}
	/* The longest comes last: what does not fit is left out. */
	put_option(o, OPT_SEARCH, d->search, d->search_len);
}

static size_t reply_end(struct reply *o, const struct dhcp *d, const u8 *dst_mac, u32 dst_ip)
{
	struct udp4_ends ends = { .src_mac = d->host_mac,
				  .dst_mac = dst_mac,
				  .src = ntohl(d->host.s_addr),
				  .dst = dst_ip,
				  .src_port = 67,
				  .dst_port = 68 };

	o->msg[o->len++] = OPT_END;
	return udp4_wrap(o->frame, &ends, MAX(o->len, (size_t)BOOTP_MIN));
}

/*
 * Where a reply goes [RFC 2131 section 4.1]: known address, everybody if asked or NAK, else by
 * hardware.
 */
static size_t deliver(struct reply *o, const struct dhcp *d, const struct request *r, u8 type,
		      u32 yiaddr)
{
	static const u8 everybody[NETIF_MAC_LEN] = { 255, 255, 255, 255, 255, 255 };
	const u8 *mac = r->msg + BOOTP_CHADDR;

	if (type != NAK && r->ciaddr)
		return reply_end(o, d, mac, r->ciaddr);
	if (type == NAK || (be16_at(r->msg + BOOTP_FLAGS) & FLAG_BROADCAST))
		return reply_end(o, d, everybody, 0xffffffff);
	return reply_end(o, d, mac, yiaddr);
}

static size_t answer(struct dhcp *d, const struct request *r, u8 type, u32 yiaddr, u8 *frame)
{
	/* At least 576 [RFC 2131 section 2], at most what DHCP_REPLY_MAX was made for. */
	size_t room = DHCP_REPLY_MAX - ETH_HDR - IP4_HDR - UDP_HDR;
	size_t allowed = (size_t)MAX(r->max_size, 576) - IP4_HDR - UDP_HDR;
	struct reply o = { .frame = frame,
			   .msg = frame + ETH_HDR + IP4_HDR + UDP_HDR,
			   .max = MIN(room, allowed) };
	static const char refusal[] = "address not available";

	reply_begin(&o, d, r, type, yiaddr);
	if (type == NAK)
		put_option(&o, OPT_MESSAGE, refusal, sizeof(refusal) - 1);
	else
		put_config(&o, d, r);
	return deliver(&o, d, r, type, yiaddr);
}

static size_t answer_request(struct dhcp *d, const struct request *r, int i, u8 *frame)
{
	/*
	 * SELECTING and INIT-REBOOT name the address in an option, RENEWING and REBINDING in ciaddr
	 * [RFC 2131 section 4.3.2].
	 */
	u32 wanted = r->has_requested ? r->requested : r->ciaddr;

	if (r->has_server && r->server != ntohl(d->host.s_addr))
		return 0; /* took somebody else's offer */
	if (i < 0 || wanted != lease_addr(d, (unsigned)i))
		return answer(d, r, NAK, 0, frame);
	memcpy(d->lease[i], r->msg + BOOTP_CHADDR, NETIF_MAC_LEN);
	return answer(d, r, ACK, wanted, frame);
}

size_t dhcp_answer(struct dhcp *d, const u8 *msg, size_t len, struct in_addr src, u8 *reply)
{
	struct request r;

	if (!parse(&r, msg, len))
		return 0;
	/* The reply goes to ciaddr, so that must not be an address that the guest does not have. */
	if (r.ciaddr && src.s_addr && r.ciaddr != ntohl(src.s_addr))
		return 0;

	int i = lease_find(d, msg + BOOTP_CHADDR);

	switch (r.type) {
	case DISCOVER:
		return i < 0 ? 0 : answer(d, &r, OFFER, lease_addr(d, (unsigned)i), reply);
	case REQUEST:
		return answer_request(d, &r, i, reply);
	case INFORM:
		return r.ciaddr ? answer(d, &r, ACK, 0, reply) : 0;
	case RELEASE:
	case DECLINE:
		/* The first lease belongs to the interface itself for good. */
		if (i > 0 && !memcmp(d->lease[i], msg + BOOTP_CHADDR, NETIF_MAC_LEN))
			memset(d->lease[i], 0, NETIF_MAC_LEN);
		return 0;
	default:
		return 0;
	}
}
