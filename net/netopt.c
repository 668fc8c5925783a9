/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `--network key=value,...` as plain data.
 *
 * Thread: any.
 * Trust:  the user's command line.
 */
#include "net/netopt.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"

#define MTU_MIN 1280u  /* of IPv6, and of VIRTIO_NET_F_MTU by custom */
#define MTU_MAX 65521u /* of libslirp, and of Linux' tap */

/* One key: how its value is read, and for which modes it means something. */
struct key {
	const char *name;
	/* 0, or -EINVAL after a message. `to` is where `field` lies in the object. */
	int (*parse)(struct net_conf *c, void *to, const char *key, const char *val);
	unsigned modes; /* one bit each; 0: all */
	const char *help;
	size_t field;
};

#define BAD(...) (log_error(__VA_ARGS__), -EINVAL)

static int bad_value(const char *key, const char *val, const char *wanted)
{
	return BAD("network parameter %s=%s: %s", key, val, wanted);
}

static bool parse_number(const char *s, unsigned max, unsigned *out)
{
	u64 v = 0;
	bool ok = !decode_number(&v, max, NUMBER_DEC, s, strlen(s));

	*out = (unsigned)v;
	return ok;
}

static const char *const modes[] = {
	[NET_MODE_NONE] = "none",   [NET_MODE_USER] = "user",
	[NET_MODE_TAP] = "tap",	    [NET_MODE_STREAM] = "stream",
	[NET_MODE_DGRAM] = "dgram", [NET_MODE_VHOST_USER] = "vhost-user",
};

static int parse_mode(struct net_conf *c, void *to, const char *key, const char *val)
{
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		if (!strcmp(val, modes[i])) {
			c->mode = (enum net_mode)i;
			return 0;
		}
	}
	return BAD(
		"Unknown network mode %s, please use user, tap or none (or stream, dgram, vhost-user)",
		val);
}

static bool read_mac(u8 mac[6], const char *s)
{
	for (unsigned i = 0; i < 6; i++) {
		u64 byte;
		int n = decode_number_prefix(&byte, 0xff, NUMBER_HEX, s, strlen(s));

		if (n < 1 || n > 2 || s[n] != (i < 5 ? ':' : '\0'))
			return false;
		mac[i] = (u8)byte;
		s += n + 1;
	}
	return true;
}

static int parse_mac(struct net_conf *c, void *to, const char *key, const char *val)
{
	static const u8 nobody[6];
	u8 mac[6];

	if (!read_mac(mac, val))
		return bad_value(key, val, "expected six hexadecimal bytes like 02:15:15:15:15:15");
	if ((mac[0] & 1) || !memcmp(mac, nobody, sizeof(mac)))
		return bad_value(key, val, "not the address of one interface");
	memcpy(c->mac, mac, sizeof(mac));
	return 0;
}

static int parse_addr(struct net_conf *c, void *to, const char *key, const char *val)
{
	if (inet_pton(AF_INET, val, (struct in_addr *)to) != 1)
		return bad_value(key, val, "expected an IPv4 address");
	return 0;
}

static int parse_path(struct net_conf *c, void *to, const char *key, const char *val)
{
	if (!*val || strlen(val) >= PATH_MAX)
		return bad_value(key, val, "expected a name of reasonable length");
	snprintf(to, PATH_MAX, "%s", strcmp(val, "none") ? val : "");
	return 0;
}

static int parse_trans(struct net_conf *c, void *to, const char *key, const char *val)
{
	if (!strcmp(val, "pci"))
		c->trans = NET_TRANS_PCI;
	else if (!strcmp(val, "mmio"))
		c->trans = NET_TRANS_MMIO;
	else
		return bad_value(key, val, "expected pci or mmio");
	return 0;
}

static int parse_fd(struct net_conf *c, void *to, const char *key, const char *val)
{
	unsigned fd;

	if (!parse_number(val, INT_MAX, &fd))
		return bad_value(key, val, "expected the number of an open file descriptor");
	c->fd = (int)fd;
	return 0;
}

static int parse_vhost(struct net_conf *c, void *to, const char *key, const char *val)
{
	unsigned on;

	if (!parse_number(val, 1, &on))
		return bad_value(key, val, "expected 0 or 1");
	c->vhost = on;
	return 0;
}

static int parse_mq(struct net_conf *c, void *to, const char *key, const char *val)
{
	if (!parse_number(val, NET_MAX_PAIRS, &c->nr_pairs) || !c->nr_pairs)
		return bad_value(key, val, "expected 1 to 8 queue pairs");
	return 0;
}

static int parse_mtu(struct net_conf *c, void *to, const char *key, const char *val)
{
	unsigned mtu;

	if (!parse_number(val, MTU_MAX, &mtu) || mtu < MTU_MIN)
		return bad_value(key, val, "expected 1280 to 65521");
	c->mtu = (u16)mtu;
	return 0;
}

static int parse_dns(struct net_conf *c, void *to, const char *key, const char *val)
{
	if (c->nr_dns == NET_MAX_DNS)
		return bad_value(key, val, "at most 3 name servers can be announced");
	return parse_addr(c, &c->dns[c->nr_dns++], key, val);
}

static int parse_domain(struct net_conf *c, void *to, const char *key, const char *val)
{
	size_t len = strlen(val);

	if (!len || len > NET_MAX_DOMAIN)
		return bad_value(key, val, "expected a domain name");
	for (const char *p = val; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-_", *p))
			return bad_value(key, val, "expected a domain name");
	snprintf(c->domain, sizeof(c->domain), "%s", val);
	return 0;
}

static int parse_switch(struct net_conf *c, void *to, const char *key, const char *val)
{
	if (strcmp(val, "on") && strcmp(val, "off"))
		return bad_value(key, val, "expected on or off");
	*(bool *)to = !strcmp(val, "on");
	return 0;
}

static int parse_direct(struct net_conf *c, void *to, const char *key, const char *val)
{
	if (!strcmp(val, "direct"))
		*(enum net_path *)to = NET_PATH_DIRECT;
	else if (!strcmp(val, "libslirp"))
		*(enum net_path *)to = NET_PATH_LIBSLIRP;
	else
		return bad_value(key, val, "expected direct or libslirp");
	return 0;
}

static int parse_host_loopback(struct net_conf *c, void *to, const char *key, const char *val)
{
	bool on;
	int err = parse_switch(c, &on, key, val);

	if (!err)
		c->host_loopback = on ? NET_ON : NET_OFF;
	return err;
}

static int parse_hostfwd(struct net_conf *c, void *to, const char *key, const char *val)
{
	if (c->nr_hostfwd == NET_MAX_HOSTFWD)
		return bad_value(key, val, "at most 16 forwards are possible");
	if (!hostfwd_parse(&c->hostfwd[c->nr_hostfwd], val))
		return bad_value(key, val, "expected " HOSTFWD_FORM);
	c->nr_hostfwd++;
	return 0;
}

/* Read by the field's type alone; or a function of the key's own knows where. */
#define FIELD(name) .field = offsetof(struct net_conf, name)
#define OWN .field = 0

#define IN_USER BIT(NET_MODE_USER)
#define IN_TAP BIT(NET_MODE_TAP)
#define IN_STREAM BIT(NET_MODE_STREAM)
#define IN_DGRAM BIT(NET_MODE_DGRAM)
#define IN_VHOST_USER BIT(NET_MODE_VHOST_USER)

static const struct key keys[] = {
	{ "mode", parse_mode, 0, "user, tap, stream, dgram, vhost-user or none (default tap)",
	  OWN },
	{ "guest_mac", parse_mac, 0, "hardware address of the guest", OWN },
	{ "guest_ip", parse_addr, 0, "the guest's address (192.168.33.15)", FIELD(guest_ip) },
	{ "host_ip", parse_addr, 0, "the host's address (192.168.33.1)", FIELD(host_ip) },
	{ "trans", parse_trans, 0, "pci or mmio", OWN },
	{ "mtu", parse_mtu, 0, "largest packet, 1280 to 65521 (1500)", OWN },
	{ "pcap", parse_path, 0, "capture all frames to this file", FIELD(pcap) },
	{ "vhost", parse_vhost, 0, "1: the host's kernel serves the queues of a tap (0)", OWN },
	{ "mq", parse_mq, 0, "pairs of queues of a tap, 1 to 8 (1)", OWN },
	{ "script", parse_path, IN_TAP, "run with the interface's name at start", FIELD(script) },
	{ "downscript", parse_path, IN_TAP, "run with the interface's name at the end",
	  FIELD(downscript) },
	{ "tapif", parse_path, IN_TAP, "name of a tap interface, or /dev/tapN", FIELD(tapif) },
	{ "fd", parse_fd, IN_TAP, "file descriptor of an open tap", OWN },
	{ "socket", parse_path, IN_STREAM | IN_DGRAM | IN_VHOST_USER,
	  "Unix socket of the other end (stream, vhost-user); our own (dgram, listen=on)",
	  FIELD(socket) },
	{ "listen", parse_switch, IN_STREAM, "on: wait for the other end to connect (off)",
	  FIELD(listens) },
	{ "peer", parse_path, IN_DGRAM, "Unix socket of the other end", FIELD(peer) },
	{ "dns", parse_dns, IN_USER, "name server to announce, up to 3 times", OWN },
	{ "domain", parse_domain, IN_USER, "domain name to announce (the host's)", OWN },
	{ "hostfwd", parse_hostfwd, IN_USER,
	  "forward a port of the host: tcp|udp:[ADDR]:PORT-[ADDR]:PORT, up to 16 times (ADDR: 127.0.0.1, guest_ip)",
	  OWN },
	{ "ipv6", parse_switch, IN_USER, "on or off (off)", FIELD(ipv6) },
	{ "host-loopback", parse_host_loopback, IN_USER,
	  "on or off: host_ip is the host's 127.0.0.1 (on; off for a Realm)", OWN },
	{ "restrict", parse_switch, IN_USER, "on: the guest reaches only forwards (off)",
	  FIELD(restricted) },
	{ "tcp", parse_direct, IN_USER, "direct: connections end in lkvm's own TCP (libslirp)",
	  FIELD(tcp) },
	{ "udp", parse_direct, IN_USER, "direct: datagrams go past libslirp, too (libslirp)",
	  FIELD(udp) },
	{ "dhcp", parse_switch, IN_USER, "off: no DHCP server (on)", FIELD(dhcp) },
};
static_assert(sizeof(((struct net_conf *)0)->script) == PATH_MAX &&
		      sizeof(((struct net_conf *)0)->downscript) == PATH_MAX &&
		      sizeof(((struct net_conf *)0)->tapif) == PATH_MAX &&
		      sizeof(((struct net_conf *)0)->socket) == PATH_MAX &&
		      sizeof(((struct net_conf *)0)->peer) == PATH_MAX &&
		      sizeof(((struct net_conf *)0)->pcap) == PATH_MAX,
	      "parse_path() fills them");

static const struct key *find_key(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static int check_user(const struct net_conf *c)
{
	u32 host = ntohl(c->host_ip.s_addr), guest = ntohl(c->guest_ip.s_addr);
	u32 h = host & 0xff, g = guest & 0xff;

	if (host >> 8 != guest >> 8 || host == guest || !h || h == 255 || !g || g == 255)
		return BAD(
			"network: guest_ip and host_ip are not two addresses of one /24 network");
	for (unsigned i = 0; i < c->nr_hostfwd; i++)
		if (c->hostfwd[i].v6 && !c->ipv6)
			return BAD("network: a forward of IPv6 needs ipv6=on");
	if (host >> 24 == 0 || host >> 24 == 127 || host >> 28 >= 14)
		return BAD("network: host_ip is not an address of a host");
	return 0;
}

static int check_socket(const struct net_conf *c)
{
	if (!c->socket[0])
		return BAD("network: mode=%s needs socket=", modes[c->mode]);
	if (c->mode == NET_MODE_DGRAM && !c->peer[0])
		return BAD("network: mode=dgram needs peer=, the socket of the other end");
	if (c->mode == NET_MODE_VHOST_USER && c->pcap[0])
		return BAD("network: with mode=vhost-user no frame comes to lkvm, so there is no "
			   "pcap=");
	return 0;
}

/* More than a tap's kernel can do, or than there is a point in. */
static int check_queues(const struct net_conf *c)
{
	if (c->mode != NET_MODE_TAP && c->nr_pairs > 1)
		return BAD("network: mq above 1 works with mode=tap only: one thread serves the "
			   "others, and its queues would wait for each other");
	if (c->mode != NET_MODE_TAP && c->vhost)
		return BAD("network: vhost=1 works with mode=tap only");
	if (c->nr_pairs > 1 && c->fd >= 0)
		return BAD("network: fd= is one queue; leave mq out, or give tapif=");
	if (c->nr_pairs > 1 && c->vhost)
		return BAD("network: multiqueue is not supported with vhost yet");
	if ((c->nr_pairs > 1 || c->vhost) && c->pcap[0])
		return BAD("network: no pcap= with mq above 1 or vhost=1: capture the tap on the "
			   "host");
	return 0;
}

/* The first of the modes of a key, of which it is said that it is for them. */
static const char *modes_of(const struct key *k)
{
	if (k->modes == (IN_STREAM | IN_DGRAM | IN_VHOST_USER))
		return "stream, dgram or vhost-user";
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++)
		if (k->modes & BIT(i))
			return modes[i];
	return "";
}

/* Some programs write the same for mode=user as for taps, and kvmtool takes it. */
static int check_key(const struct net_conf *c, const struct key *k)
{
	if (!k->modes || (k->modes & BIT(c->mode)))
		return 0;
	if (c->mode != NET_MODE_USER || k->modes != IN_TAP)
		return BAD("network parameter %s works with mode=%s only", k->name, modes_of(k));
	log_info("network parameter %s does nothing with mode=user, which has no tap", k->name);
	return 0;
}

/* `used` has a bit for each entry of keys[] that was given. */
static int check(const struct net_conf *c, u32 used)
{
	if (c->mode == NET_MODE_NONE)
		return 0;
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if ((used & BIT(i)) && check_key(c, &keys[i]))
			return -EINVAL;
	if (check_queues(c))
		return -EINVAL;
	switch (c->mode) {
	case NET_MODE_TAP:
		if (c->fd >= 0 && c->tapif[0])
			return BAD("network parameters fd and tapif exclude each other");
		return 0;
	case NET_MODE_USER:
		return check_user(c);
	case NET_MODE_STREAM:
	case NET_MODE_DGRAM:
	case NET_MODE_VHOST_USER:
		return check_socket(c);
	case NET_MODE_NONE:
		break;
	}
	return 0;
}

static bool is_mode(const char *word)
{
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		if (!strcmp(word, modes[i]))
			return true;
	}
	return false;
}

static int parse_one(struct net_conf *c, char *param, u32 *used)
{
	char *val = strchr(param, '=');
	const struct key *k;

	/* kvmtool's README: the kind of card, when there were others. mode=tap, as by default. */
	if (!strcmp(param, "virtio"))
		return 0;
	if (val)
		*val++ = '\0';
	k = find_key(param);
	if (!k && !val && is_mode(param))
		return BAD("Unknown network parameter %s: did you mean mode=%s?", param, param);
	if (!k)
		return BAD("Unknown network parameter %s ('lkvm help network' lists them)", param);
	if (!val)
		return BAD("network parameter %s needs a value", param);
	*used |= (u32)BIT(k - keys);
	return k->parse(c, (char *)c + k->field, param, val);
}

static void set_defaults(struct net_conf *c, unsigned index)
{
	static const u8 mac[6] = { 0x02, 0x15, 0x15, 0x15, 0x15, 0x15 };

	/* One by one: clearing some 16 KiB of paths would cost more than the rest of the parser. */
	c->mode = NET_MODE_USER;
	c->trans = NET_TRANS_DEFAULT;
	c->mtu = 0;
	c->script[0] = c->downscript[0] = c->tapif[0] = c->domain[0] = c->pcap[0] = '\0';
	c->socket[0] = c->peer[0] = '\0';
	c->listens = false;
	c->fd = -1;
	c->nr_pairs = 1;
	c->vhost = false;
	c->nr_dns = c->nr_hostfwd = 0;
	c->ipv6 = c->restricted = false;
	c->capture = NULL;
	c->held = NULL;
	c->held_arg = NULL;
	c->dhcp = true;
	c->tcp = c->udp = NET_PATH_LIBSLIRP;
	c->host_loopback = NET_UNSAID;
	memcpy(c->mac, mac, sizeof(mac));
	c->mac[5] = (u8)(c->mac[5] + index);
	c->host_ip.s_addr = htonl(0xc0a82101);	/* 192.168.33.1 */
	c->guest_ip.s_addr = htonl(0xc0a8210f); /* 192.168.33.15 */
}

int netopt_parse(struct net_conf *c, const char *arg, unsigned index)
{
	char *copy, *rest, *param;
	u32 used = 0;
	int err = 0;

	static_assert(ARRAY_SIZE(keys) <= 32, "a bit for each key");
	set_defaults(c, index);
	if (!arg)
		return 0;
	c->mode = NET_MODE_TAP;
	copy = strdup(arg);
	if (!copy)
		return BAD("network: %s", strerror(ENOMEM));
	rest = copy;
	while (!err && (param = strsep(&rest, ",")))
		err = parse_one(c, param, &used);
	free(copy);
	return err ? err : check(c, used);
}

struct in_addr netopt_name_server(const struct net_conf *c)
{
	u32 net = ntohl(c->host_ip.s_addr) & ~(u32)0xff, nr = 3;
	struct in_addr a;

	do
		a.s_addr = htonl(net | nr++);
	while (a.s_addr == c->host_ip.s_addr || a.s_addr == c->guest_ip.s_addr);
	return a;
}

void netopt_settle(struct net_conf *c, bool confidential)
{
	if (c->host_loopback == NET_UNSAID)
		c->host_loopback = confidential ? NET_OFF : NET_ON;
}

int netopt_check(const struct net_conf *confs, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		for (unsigned k = 0; k < i; k++) {
			const struct net_conf *a = &confs[i], *b = &confs[k];

			if (a->mode == NET_MODE_NONE || b->mode == NET_MODE_NONE)
				continue;
			if (!memcmp(a->mac, b->mac, sizeof(a->mac)))
				return BAD("two network devices have the same guest_mac");
			/* Further user networks are fine where the guest can tell them apart. */
			if (a->mode == NET_MODE_USER && b->mode == NET_MODE_USER &&
			    ntohl(a->host_ip.s_addr) >> 8 == ntohl(b->host_ip.s_addr) >> 8)
				return BAD("Only one usermode network device allowed at a time");
		}
	}
	return 0;
}

void netopt_help(netopt_help_fn fn, void *arg)
{
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		fn(arg, keys[i].name, keys[i].help);
}
