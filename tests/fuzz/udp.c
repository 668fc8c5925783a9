/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest in front of net/user/udp*.c, and a host that is no better: sockets that refuse,
 * datagrams of any length from anywhere, errors of any kind. Each datagram has to arrive whole, in
 * its order and at the right end, or not at all: its bytes follow from a number in front.
 *
 * Thread: one.
 * Trust:  plays the guest, and the host's sockets (it stands in for net/user/udp_host.c).
 *
 * Input: one byte of set-up, then operations of one byte with their operands.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "net/csum.h"
#include "net/user/segment.h"
#include "net/user/udp_flow.h"
#include "tests/fake/packet.h"
#include "tests/fuzz/input.h"

#define PORTS 6u
#define PEERS 4u
#define FORWARDS 4u /* of each family */
#define SOCKETS 256u
#define LENGTHS 70000u

static struct world {
	struct loop *loop;
	struct netif n;
	struct guard guard;
	struct segment seg;
	struct udp *u;
	struct budget others;
	struct udp_flow *flows[SOCKETS]; /* by descriptor */
	unsigned nr_flows;
	u32 said, heard;	  /* numbers of what the guest has sent, and of what has arrived */
	struct ip_key ends[1024]; /* between whom, by the last digits of the number */
	bool forwards[2][FORWARDS]; /* of IPv4, of IPv6 */
	int fails;		    /* errno of what is sent */
	bool no_trains;		    /* they fail with EMSGSIZE */
	size_t arrives;		    /* length of the next datagram of the host's; LENGTHS: none */
	struct fake_room to;	    /* the guest */
} w;

static u8 byte_at(u32 number, size_t i)
{
	return (u8)((number * 0x9e3779b1u >> 16) + i * 7 + i / 256);
}

/* ---- the host ---- */

bool udp_host_has_trains(void)
{
	return true;
}

static int unused_fd(void)
{
	int fd = 0;

	while (fd < (int)SOCKETS && w.flows[fd])
		fd++;
	return w.fails == EMFILE || fd == (int)SOCKETS ? -EMFILE : fd;
}

int udp_host_adopt(struct udp_flow *f, int fd)
{
	if (w.fails == ENOBUFS)
		return -ENOMEM; /* of the loop */
	f->fd = fd;
	w.flows[fd] = f;
	w.nr_flows++;
	return 0;
}

int udp_host_open(struct udp_flow *f)
{
	int fd = unused_fd();

	return fd < 0 ? fd : udp_host_adopt(f, fd);
}

void udp_host_close(struct udp_flow *f)
{
	if (f->fd < 0)
		return;
	check(w.flows[f->fd] == f);
	w.flows[f->fd] = NULL;
	w.nr_flows--;
	f->fd = -1;
}

void udp_host_listen(struct udp_flow *f, bool on)
{
	check(w.flows[f->fd] == f);
}

/* One datagram: numbers only grow, and all bytes are those of the number. */
static void arrived(const struct udp_flow *f, const u8 *p, size_t len)
{
	u32 number;

	check(be16_at(f->key.ports) - 40000u < PORTS);
	if (len < 4)
		return;
	number = be32_at(p);
	check(number > w.heard && number <= w.said);
	check(!memcmp(&w.ends[number % ARRAY_SIZE(w.ends)], &f->key, sizeof(f->key)));
	w.heard = number;
	for (size_t i = 4; i < len; i++)
		check(p[i] == byte_at(number, i));
}

int udp_host_send(struct udp_flow *f, struct iov_cur data, size_t len, size_t step)
{
	static u8 got[LENGTHS];

	check(w.flows[f->fd] == f && f->to_len > 0 && len <= UDP_MAX && step <= len);
	check(iov_read(&data, got, len) == len);
	if (step && w.no_trains)
		return -EMSGSIZE;
	if (w.fails && ip_why(w.fails) != IP_WHY_NONE)
		return -w.fails;
	check(!step || (len + step - 1) / step <= UDP_TRAIN);
	for (size_t at = 0, n; at < len || !len; at += n) {
		n = step ? MIN(step, len - at) : len;
		arrived(f, got + at, n);
		if (!len)
			break;
	}
	return 0;
}

ssize_t udp_host_receive(struct udp_flow *f, unsigned nr, union reach_addr *from)
{
	static u8 data[LENGTHS];
	struct iov_cur to = iov_cur(f->udp->iov, nr);
	size_t len = w.arrives;

	check(w.flows[f->fd] == f && to.left >= UDP_MAX);
	if (len == LENGTHS)
		return -EAGAIN;
	w.arrives = LENGTHS;
	if (w.fails)
		return -w.fails;
	*from = f->to;
	if (f->to_len < 0 || len % 3 == 0) {
		from->in6 = (struct sockaddr_in6){ .sin6_port = htons((u16)len),
						   .sin6_addr = in6addr_loopback };
		if (!f->id.v6)
			from->in.sin_addr.s_addr = htonl(0x08080808);
		from->sa.sa_family = f->id.v6 ? AF_INET6 : AF_INET;
	}
	for (size_t i = 0; i < len; i++)
		data[i] = byte_at((u32)len, i);
	check(iov_write(&to, data, len) == len);
	return (ssize_t)len;
}

/* ---- the guest ---- */

static void look_at(const u8 *f, size_t len, const struct netif_offload *o)
{
	bool v6 = be16_at(f + ETH_TYPE) == ETHERTYPE_IP6;
	size_t ip = v6 ? IP6_HDR : IP4_HDR, n = len - ETH_HDR - ip;
	const u8 *udp = f + ETH_HDR + ip;

	check(len > ETH_HDR + ip && len <= NETIF_FRAME_MAX && !o->gso);
	check(len <= (size_t)w.seg.mtu + ETH_HDR || v6);
	if (f[ETH_HDR + (v6 ? IP6_NEXT : IP4_PROTO)] != PROTO_UDP ||
	    (!v6 && be16_at(f + ETH_HDR + IP4_FRAG) & (IP4_MF | IP4_OFFSET)))
		return;
	check(be16_at(udp + UDP_LEN) == n && be16_at(udp + UDP_DST) - 40000u < PORTS);
	for (size_t i = 0; i < n - UDP_HDR; i++)
		check(udp[UDP_HDR + i] == byte_at((u32)(n - UDP_HDR), i));
}

static void datagram(struct input *i)
{
	static const char *const peers[][2] = { { "192.168.33.1", "fd33::1" },
						{ "192.168.33.99", "fe80::2" },
						{ "8.8.8.8", "2001:db8::1" },
						{ "127.0.0.1", "::1" } };
	static u8 frame[LENGTHS];
	u8 how = (u8)in(i, 1), whom = (u8)in(i, 1);
	bool v6 = how & 1, left = how & 2;
	size_t ip = v6 ? IP6_HDR : IP4_HDR, len = in(i, 2) % 66000, n = len + UDP_HDR, all;
	const struct netif_offload o = { .needs_csum = left,
					 .csum_start = (u16)(ETH_HDR + ip),
					 .csum_offset = UDP_CSUM };
	u8 *udp = frame + ETH_HDR + ip, head[DIRECT_HEAD];
	const struct iovec iov = { frame, ETH_HDR + ip + n };
	struct guard_pkt pkt;
	const char *why;
	struct ip_key k = { .v6 = v6 };

	inet_pton(v6 ? AF_INET6 : AF_INET, v6 ? "fd33::15" : "192.168.33.15", k.guest);
	inet_pton(v6 ? AF_INET6 : AF_INET, peers[whom % PEERS][v6], k.peer);
	be16_put(k.ports, (u16)(40000 + whom / PEERS % PORTS));
	be16_put(k.ports + 2, how & 4 ? 53 : 5000);
	fake_packet(frame, &k, PROTO_UDP, n);
	be16_put(udp + UDP_LEN, (u16)(how & 8 ? in(i, 2) : n));
	w.said++;
	for (size_t b = 0; b < len; b++)
		udp[UDP_HDR + b] = byte_at(w.said, b);
	if (len >= 4)
		be32_put(udp + UDP_HDR, w.said);
	w.ends[w.said % ARRAY_SIZE(w.ends)] = k;
	all = MIN((size_t)be16_at(udp + UDP_LEN), n);
	if (!(how & 16))
		be16_put(udp + UDP_CSUM,
			 csum_finish(csum_add(ip_pseudo(&k, true, PROTO_UDP, all), udp, all)));
	all = iov.iov_len;
	memcpy(head, frame, MIN(all, sizeof(head)));
	if (guard_way(&w.guard, head, all) == GUARD_DIRECT &&
	    !guard_check_direct(&w.guard, head, &all, &o, &pkt, &why))
		udp_input(w.u, head, all, &o, &pkt, iov_cur(&iov, 1));
}

/* Something happens to one of the host's sockets. */
static void host(struct input *i)
{
	static const int errors[] = { 0,      ECONNREFUSED, ENETUNREACH, EHOSTUNREACH,
				      EACCES, EMFILE,	    ENOBUFS,	 EINTR };
	u8 what = (u8)in(i, 1);
	struct udp_flow *f = w.flows[what % 16];

	w.fails = errors[in(i, 1) % ARRAY_SIZE(errors)];
	w.no_trains = what & 64;
	if (!f)
		return;
	if (what & 128) {
		union reach_addr to = f->to;

		udp_refuse_late(f, &to, (int)in(i, 1));
		return;
	}
	w.arrives = in(i, 2) % (f->id.v6 ? UDP_MAX : 65507u);
	udp_deliver(f);
	w.arrives = LENGTHS;
}

/* A port of the host's leads to one of the guest's, or no more; several may lead to the same. */
static void forward(struct input *i)
{
	u8 how = (u8)in(i, 1);
	unsigned which = how / 4 % FORWARDS;
	struct net_hostfwd f = { .udp = true,
				 .v6 = how & 1,
				 .host.port = (u16)(7000 + which),
				 .guest.port = (u16)(40000 + how / 16 % PORTS) };
	int fd = unused_fd(), err;

	inet_pton(f.v6 ? AF_INET6 : AF_INET, f.v6 ? "fd33::15" : "192.168.33.15", &f.guest.v6);
	if (how & 2) {
		err = udp_ignore(w.u, &f);
		check(err == (w.forwards[f.v6][which] ? 0 : -ENOENT));
		w.forwards[f.v6][which] = false;
	} else if (fd >= 0 && !w.forwards[f.v6][which]) {
		w.forwards[f.v6][which] = !udp_listen(w.u, &f, fd);
	}
}

static void time_passes(u64 ns)
{
	for (unsigned fd = 0; fd < SOCKETS; fd++)
		if (w.flows[fd])
			w.flows[fd]->active_ns -= MIN(w.flows[fd]->active_ns, ns);
	w.u->timer_at = 0;
	loop_timer_arm(w.u->timer, 0);
	loop_step(w.loop, 0);
}

static void operate(struct input *i)
{
	w.to.frames = 0;
	switch (in(i, 1) % 11) {
	case 0:
	case 1:
	case 2:
	case 3:
		datagram(i);
		break;
	case 4:
	case 5:
		host(i);
		break;
	case 6:
		w.to.room = (unsigned)in(i, 1);
		w.to.pieces = 16 + (u32)in(i, 1) * 16;
		udp_rx_ready(w.u);
		break;
	case 7:
		udp_settle(w.u);
		break;
	case 8:
		budget_set(&w.others, in(i, 1) & 1 ? 1u << 20 : 0);
		time_passes(in(i, 1) * UINT64_C(1000000000));
		break;
	case 9:
		udp_down(w.u);
		w.seg.offloads = (u32)in(i, 1) & 63;
		udp_up(w.u);
		break;
	case 10:
		forward(i);
		break;
	}
}

/* What holds between any two operations. */
static void look_around(void)
{
	unsigned nr = 0;

	for (unsigned k = 0; k < UDP_BUCKETS; k++)
		for (struct udp_flow *f = w.u->buckets[k]; f; f = f->chain)
			nr++;
	check(nr == w.u->nr && nr == w.nr_flows && nr <= 2 * (PORTS + FORWARDS));
	check(w.u->nr_forwards <= 2 * FORWARDS && w.u->nr_forwards <= nr);
	check(!w.u->train.nr == !w.u->train.len && (w.u->last || !w.u->train.nr));
	check(w.u->budget.used == nr);
}

static void expire(void *arg, unsigned idle_ms)
{
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	log_set_level(LOG_ERROR);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input i = { data, len };
	struct neigh neigh = { .mac = { 0 } };
	struct udp_conf c = { .neigh = &neigh, .seg = &w.seg, .reach = { .guard = &w.guard } };
	u8 setup = (u8)in(&i, 1);

	memset(&w, 0, sizeof(w));
	w.to = (struct fake_room){ .room = 100, .pieces = 1536, .look = look_at };
	w.arrives = LENGTHS;
	w.seg = (struct segment){ .mtu = setup & 64 ? 1500 : 9000, .offloads = setup & 63 };
	w.guard = (struct guard){ .net.s_addr = htonl(0xc0a82100),
				  .mask.s_addr = htonl(0xffffff00),
				  .host.s_addr = htonl(0xc0a82101),
				  .dns.s_addr = htonl(0xc0a82103),
				  .direct_udp = true,
				  .ipv6 = true };
	inet_pton(AF_INET6, "fd33::", &w.guard.prefix6);
	inet_pton(AF_INET6, "fd33::3", &w.guard.dns6);
	c.reach.host_loopback = setup & 128;
	w.n.client = &fake_room_client;
	w.n.client_arg = &w.to;
	w.others = (struct budget){ .direct = true, .expire = expire };
	budget_join(&w.others);
	check(!loop_create(&w.loop, "fuzz") && !udp_create(&w.u, &c, w.loop, &w.n));
	w.u->key = (struct sip_key){ 0 };
	udp_up(w.u);
	while (i.left) {
		operate(&i);
		look_around();
	}
	w.to.frames = 0;
	udp_settle(w.u);
	udp_destroy(w.u);
	check(!w.nr_flows);
	budget_leave(&w.others);
	loop_destroy(w.loop);
	return 0;
}
