/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest in front of the whole user-mode network, the machine's libslirp included: nothing
 * that it sends may crash it, make it assert, or make the loop spin.
 *
 * Sockets are real, so all of it happens in a network namespace of its own, with nothing but a
 * loopback interface and one server on it. Where that is not permitted the inputs are not run.
 *
 * Thread: one.
 * Trust:  plays the guest, and a peer.
 *
 * Input: one byte of set-up, then operations of one byte with their operands.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/loop.h"
#include "net/netif.h"
#include "net/netopt.h"
#include "tests/fuzz/input.h"
#include "tests/unit/net/guest.h"

#define PORT 5001

/* What the guest remembers of its four connections. */
struct conn {
	u32 seq, ack;
};

struct world {
	struct loop *loop;
	struct netif *n;
	struct conn conns[4];
	unsigned room; /* for frames; runs out */
	unsigned nr_frames;
	int listener, peers[8];
	unsigned nr_peers;
};

static struct world w;
static bool may_run;

/* A namespace, its loopback interface up. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int sk;

	log_set_level(LOG_ERROR);
	signal(SIGPIPE, SIG_IGN); /* as lkvm does */
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		fprintf(stderr, "skip: no network namespace here\n");
		return 0;
	}
	sk = socket(AF_INET, SOCK_DGRAM, 0);
	may_run = !ioctl(sk, SIOCSIFFLAGS, &ifr);
	close(sk);
	return 0;
}

static int on_receive(void *arg, const struct netif_offload *o, struct iov_cur at)
{
	const u8 *f = at.iov->iov_base;

	/* What libslirp answers to one input is bounded: it does not talk to itself. */
	check(++w.nr_frames < 100000);
	if (!w.room)
		return -EAGAIN;
	w.room--;
	if (at.iov->iov_len >= 54 && be16_at(f + ETH_TYPE) == ETHERTYPE_IP4 && f[23] == PROTO_TCP) {
		struct conn *c = &w.conns[be16_at(f + 36) & 3];
		size_t total = be16_at(f + 16), hdr = (size_t)(f[46] >> 4) * 4;

		c->ack =
			be32_at(f + 38) + (u32)(total - 20 - hdr) + !!(f[47] & (TCP_SYN | TCP_FIN));
		c->seq = be32_at(f + 42);
	}
	return 0;
}

static u8 reserved[70000];

/* In two pieces, so that headers and data do not lie as they do in a frame of our own. */
static int on_reserve(void *arg, size_t min, size_t want, struct iov_cur *room)
{
	static struct iovec iov[2];

	check(min <= want && want <= sizeof(reserved));
	if (!w.room)
		return -EAGAIN;
	iov[0] = (struct iovec){ reserved, MIN(want, 47u) };
	iov[1] = (struct iovec){ reserved + iov[0].iov_len, want - iov[0].iov_len };
	*room = iov_cur(iov, 2);
	return 0;
}

static void on_commit(void *arg, const struct netif_offload *o, size_t len)
{
	struct iovec iov = { reserved, len };

	check(!len || !on_receive(arg, o, iov_cur(&iov, 1)));
}

static void on_flush(void *arg)
{
}

static const struct netif_client client = {
	.receive = on_receive,
	.reserve = on_reserve,
	.commit = on_commit,
	.flush = on_flush,
	.writable = on_flush,
};

static void send_frame(u8 *f, size_t len, const struct netif_offload *o)
{
	struct iovec iov = { f, len };

	w.n->ops->send(w.n, o, iov_cur(&iov, 1));
}

static u8 frame[70000];
static const struct netif_offload none = { .gso = NETIF_GSO_NONE };

static void raw(struct input *i)
{
	size_t len = MIN((size_t)in(i, 2), i->left);
	u8 fix = (u8)in(i, 1);

	len = MIN(len, i->left);
	memcpy(frame, i->p, len);
	i->p += len;
	i->left -= len;
	if ((fix & 1) && len >= 34) {
		memcpy(frame + ETH_SRC, guest_mac, 6);
		be16_put(frame + ETH_TYPE, ETHERTYPE_IP4);
		frame[14] = 0x45;
		be16_put(frame + 16, (u16)(len - 14));
		be32_put(frame + 26, GUEST_IP);
		fix_ip4(frame);
	}
	send_frame(frame, len, &none);
}

static void tcp(struct input *i)
{
	static u8 data[33000];
	u8 how = (u8)in(i, 1);
	struct conn *c = &w.conns[how & 3];
	struct tcp_seg t = { .sport = (u16)(40000 + (how & 3)),
			     .dport = how & 4 ? PORT + 1 : PORT,
			     .flags = (u8)in(i, 1) & 63,
			     .win = (u16)in(i, 2),
			     .mss = how & 8 ? (u16)in(i, 2) : 0,
			     .urp = how & 16 ? (u16)in(i, 2) : 0,
			     .data = data };
	struct netif_offload o = { .needs_csum = true, .csum_start = 34, .csum_offset = 16 };

	t.seq = c->seq + (how & 32 ? (u32)in(i, 4) : 0);
	t.ack = c->ack + (how & 64 ? (u32)in(i, 4) : 0);
	t.len = in(i, 2) % sizeof(data);
	if (t.len > 1460) {
		o.gso = NETIF_GSO_TCPV4;
		o.gso_size = 1460;
	}
	send_frame(frame, put_tcp(frame, GUEST_IP, HOST_IP, &t), &o);
	if (!(how & 32))
		c->seq += (u32)t.len;
}

static void datagram(struct input *i)
{
	static u8 data[9000];
	u32 dst = (u32[]){ HOST_IP, DNS_IP, 0x08080808, 0xffffffff }[in(i, 1) & 3];
	u16 port = (u16[]){ PORT, 53, 67, 69 }[in(i, 1) & 3];
	size_t len = in(i, 2) % 1472;

	for (size_t k = 0; k < MIN(len, (size_t)64); k++)
		data[k] = (u8)in(i, 1);
	send_frame(frame, put_udp(frame, GUEST_IP, dst, (u16)in(i, 1), port, data, len), &none);
}

static void fragment(struct input *i)
{
	size_t len = in(i, 2) % 1480;
	u8 proto = (u8[]){ PROTO_UDP, PROTO_ICMP, PROTO_TCP, 99 }[in(i, 1) & 3];
	size_t n = put_ip4(frame, GUEST_IP, HOST_IP, proto, len);

	be16_put(frame + 20, (u16)in(i, 2));
	be16_put(frame + 18, (u16)in(i, 1));
	fix_ip4(frame);
	for (size_t k = 0; k < MIN(len, (size_t)16); k++)
		frame[34 + k] = (u8)in(i, 1);
	send_frame(frame, n, &none);
}

/* The peer takes a connection, reads, writes, or ends one, with or without manners. */
static void peer(struct input *i)
{
	static u8 buf[65536];
	struct linger hard = { .l_onoff = 1 };
	int fd = accept4(w.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	u8 what = (u8)in(i, 1);
	unsigned at;

	if (fd >= 0 && w.nr_peers < ARRAY_SIZE(w.peers))
		w.peers[w.nr_peers++] = fd;
	else if (fd >= 0)
		close(fd);
	if (!w.nr_peers)
		return;
	at = what % w.nr_peers;
	fd = w.peers[at];
	switch (what >> 5) {
	case 0:
	case 1:
		(void)!read(fd, buf, sizeof(buf));
		return;
	case 2:
	case 3:
		(void)!send(fd, buf, in(i, 2), MSG_NOSIGNAL);
		return;
	case 4:
		send(fd, buf, 1, MSG_NOSIGNAL | MSG_OOB);
		return;
	case 5:
		shutdown(fd, SHUT_WR);
		return;
	case 6:
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		break;
	}
	close(fd);
	w.peers[at] = w.peers[--w.nr_peers];
}

static void operate(struct input *i)
{
	switch (in(i, 1) % 10) {
	case 0:
		raw(i);
		break;
	case 1:
	case 2:
	case 3:
		tcp(i);
		break;
	case 4:
		datagram(i);
		break;
	case 5:
		fragment(i);
		break;
	case 6:
		send_frame(frame, put_echo(frame, GUEST_IP, HOST_IP, 1, 1, in(i, 2) % 1400), &none);
		break;
	case 7:
		peer(i);
		break;
	case 8:
		w.room = (unsigned)in(i, 1);
		w.n->ops->rx_ready(w.n);
		break;
	case 9:
		w.n->ops->flush(w.n);
		loop_step(w.loop, 0);
		break;
	}
}

static void open_world(u8 setup)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons(PORT) };
	static const char *const args[] = { NULL, "mode=user,ipv6=on",
					    "mode=user,tcp=direct,udp=direct",
					    "mode=user,tcp=direct,udp=direct,ipv6=on" };
	struct net_conf c;
	int one = 1;

	memset(&w, 0, sizeof(w));
	w.room = 1000;
	w.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(w.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	check(!bind(w.listener, (struct sockaddr *)&a, sizeof(a)) && !listen(w.listener, 8));
	check(!loop_create(&w.loop, "fuzz") &&
	      !netopt_parse(&c, args[(setup & 1) | (setup >> 2 & 2)], 0));
	netopt_settle(&c, setup & 4);
	check(!netif_create(&w.n, &c, w.loop));
	w.n->client = &client;
	w.n->ops->up(w.n, setup & 2 ? 0x3f : 0);
	send_frame(frame, put_arp(frame, 1, GUEST_IP, HOST_IP), &none);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input i = { data, len };

	if (!may_run)
		return 0;
	open_world((u8)in(&i, 1));
	while (i.left)
		operate(&i);
	w.n->ops->flush(w.n);
	for (unsigned k = 0; k < 4; k++)
		loop_step(w.loop, 0);
	netif_destroy(w.n);
	loop_destroy(w.loop);
	while (w.nr_peers)
		close(w.peers[--w.nr_peers]);
	close(w.listener);
	return 0;
}
