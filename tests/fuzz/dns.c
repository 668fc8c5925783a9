/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest in front of net/user/dns.c, and name servers that are no better: questions and
 * answers of any bytes, servers that refuse, are unreachable or gone, too many questions, and a
 * list of servers that changes. What the guest is told is an answer that a server of the list gave
 * to that very question, or that there is none.
 *
 * Thread: one.
 * Trust:  plays the guest, and the host's sockets (it stands in for those of the C library).
 *
 * Input: operations of one byte with their operands.
 */
#include "net/user/dns.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/loop.h"
#include "net/csum.h"
#include "net/eth.h"
#include "net/user/budget.h"
#include "net/user/udp4.h"
#include "tests/fuzz/input.h"

#define GUEST 0xc0a8210fu
#define DNS 0xc0a82103u
#define SOCKETS 256
#define QUESTION 1536u
#define MAX_OPEN 64u /* attempts at a time */

static struct world {
	struct guard guard;
	struct servers servers;
	struct loop *loop;
	struct dns *dns;
	struct budget others;
	int refuses; /* errno of the next calls for sockets; 0: they succeed */
	struct peer {
		bool open;
		int fd; /* the server's end */
		union reach_addr at;
		size_t len;
		u8 asked[QUESTION];
	} peers[SOCKETS]; /* by the descriptor of dns.c's end */
	int answering;	  /* such a descriptor: whose answer is on its way; -1: nobody's */
	size_t answer_len;
	u8 answer[UDP4_MAX];
	u8 question[QUESTION]; /* the guest's last */
	size_t question_len;
} w;

/* ---- the host ---- */

/* NOLINTBEGIN: libc's names, and its types */
int socket(int domain, int type, int protocol)
{
	int p[2];

	check(type == (SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC) && !protocol);
	check(domain == AF_INET || domain == AF_INET6);
	if (w.refuses == EMFILE) {
		errno = EMFILE;
		return -1;
	}
	check(!socketpair(AF_UNIX, type, 0, p) && p[0] < SOCKETS);
	check(!w.peers[p[0]].open);
	w.peers[p[0]] = (struct peer){ .open = true, .fd = p[1] };
	return p[0];
}

int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct peer *p = &w.peers[fd];

	check(p->open && len <= sizeof(p->at));
	memcpy(&p->at, addr, len);
	check(len == servers_addr_len(&p->at));
	errno = w.refuses;
	return w.refuses == ENETUNREACH || w.refuses == EACCES ? -1 : 0;
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	struct peer *p = &w.peers[fd];

	check(p->open && len >= 12 && len <= sizeof(p->asked));
	memcpy(p->asked, buf, len);
	p->len = len;
	errno = w.refuses;
	return w.refuses == ECONNREFUSED || w.refuses == EPERM ? -1 : (ssize_t)len;
}

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	struct peer *p = &w.peers[fd];
	char one;

	check(p->open && len >= sizeof(w.answer));
	if (read(fd, &one, 1) < 0)
		return -1; /* EAGAIN */
	errno = w.refuses;
	if (w.refuses)
		return -1;
	memcpy(buf, w.answer, w.answer_len);
	w.answering = fd;
	return (ssize_t)w.answer_len;
}

int close(int fd)
{
	if (fd >= 0 && fd < SOCKETS && w.peers[fd].open) {
		w.peers[fd].open = false;
		syscall(__NR_close, w.peers[fd].fd);
	}
	return (int)syscall(__NR_close, fd);
}
/* NOLINTEND */

static unsigned nr_open(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SOCKETS; i++)
		n += w.peers[i].open;
	return n;
}

/* ---- the guest ---- */

/* Is it what a server has said to what it was asked, or the guest's own question with SERVFAIL? */
static void told(void *arg, const u8 *f, size_t len)
{
	const u8 *msg = f + UDP4_HEAD, *udp = f + ETH_HDR + IP4_HDR;
	size_t n = len - UDP4_HEAD;
	u64 sum = csum_pseudo4(f + ETH_HDR + IP4_SRC, f + ETH_HDR + IP4_DST, PROTO_UDP,
			       len - ETH_HDR - IP4_HDR);

	check(len >= UDP4_HEAD + 12 && be32_at(f + ETH_HDR + IP4_SRC) == DNS);
	check(be32_at(f + ETH_HDR + IP4_DST) == GUEST && be16_at(udp + UDP_SRC) == 53);
	check(!csum_finish(csum_add(sum, udp, len - ETH_HDR - IP4_HDR)));
	check(msg[2] & 0x80);
	if (w.answering >= 0 && n == w.answer_len && !memcmp(msg, w.answer, n)) {
		check(!memcmp(msg, w.peers[w.answering].asked, 2)); /* the number */
		w.answering = -1;
		return;
	}
	check((msg[3] & 15) == 2 && n >= 12);
}

static void batch_end(void *arg)
{
}

static const struct dns_client client = { .frame = told, .batch_end = batch_end };

/* A datagram of the guest's, whole or not. */
static void ask(struct input *i)
{
	static u8 f[2048];
	u8 how = (u8)in(i, 1);
	size_t len = in(i, 1) * (how & 1 ? 6 : 1), frame_len, was = w.question_len;
	const struct netif_offload o = { .gso = NETIF_GSO_NONE };
	const struct udp4_ends ends = { .src_mac = (const u8 *)"\2\x15\x15\x15\x15\x15",
					.dst_mac = w.guard.host_mac,
					.src = GUEST,
					.dst = how & 2 ? DNS + 1 : DNS,
					.src_port = (u16)(4000 + (how >> 4)),
					.dst_port = how & 4 ? 54 : 53 };
	u8 *msg = f + UDP4_HEAD;
	struct guard_pkt pkt;
	const char *why;

	/* Again the same, as resolvers do; or another one. */
	if (how & 8) {
		len = was;
	} else {
		for (size_t b = 0; b < len; b++)
			w.question[b] = (u8)(b < 16 ? in(i, 1) : b);
		w.question_len = len;
	}
	memcpy(msg, w.question, len);
	frame_len = udp4_wrap(f, &ends, len);
	if (!guard_check(&w.guard, f, &frame_len, &o, &pkt, &why))
		check(dns_take(w.dns, f, &pkt) == (ends.dst == DNS && ends.dst_port == 53));
}

/* One of the servers says something: what it was asked with another header, or anything. */
static void answer(struct input *i)
{
	unsigned which = (unsigned)in(i, 1);
	u8 how = (u8)in(i, 1);

	for (int fd = 0; fd < SOCKETS; fd++) {
		const struct peer *p = &w.peers[fd];

		if (!p->open || which--)
			continue;
		w.answer_len = how & 1 ? in(i, 2) % (UDP4_MAX + 1) : p->len;
		memset(w.answer, (int)w.answer_len, w.answer_len);
		if (how & 2)
			memcpy(w.answer, p->asked, MIN(w.answer_len, p->len));
		for (size_t b = 2; b < MIN(w.answer_len, (size_t)(how >> 4)); b++)
			w.answer[b] = (u8)in(i, 1);
		if (w.answer_len > 2 && how & 4)
			w.answer[2] |= 0x80;
		check(write(p->fd, "!", 1) == 1);
		loop_step(w.loop, 0);
		return;
	}
}

/* The host has moved: other servers, or none. */
static void move(struct input *i)
{
	w.servers.nr = (unsigned)in(i, 1) % (RESOLV_MAX_SERVERS + 1);
	w.servers.last = (unsigned)in(i, 1) % 5;
	for (unsigned s = 0; s < w.servers.nr; s++) {
		union reach_addr *a = &w.servers.addr[s];

		memset(a, 0, sizeof(*a));
		a->sa.sa_family = in(i, 1) & 1 ? AF_INET6 : AF_INET;
		a->in.sin_port = htons(53);
		a->in.sin_addr.s_addr = (in_addr_t)s; /* of IPv6 that is the flow */
	}
}

/* By TCP a question goes to one of them, or nowhere. */
static void by_tcp(struct input *i)
{
	const struct reach r = { .guard = &w.guard, .servers = &w.servers };
	struct ip_key k = { .v6 = 0 };
	union reach_addr to;
	int len;

	be32_put(k.guest, GUEST);
	be32_put(k.peer, DNS);
	be16_put(k.ports, 5000);
	be16_put(k.ports + 2, in(i, 1) & 1 ? 53 : 80);
	len = reach_out(&r, &k, &to);
	if (len < 0)
		return;
	for (unsigned s = 0; s < w.servers.nr; s++)
		if (!memcmp(&to, &w.servers.addr[s], (size_t)len))
			return;
	check(false);
}

static void operate(struct input *i)
{
	static const int fails[] = { 0, ENETUNREACH, EACCES, ECONNREFUSED, EPERM, EMFILE, EINTR };

	/* It is not the file that is read here. */
	w.servers.read_ns = loop_now_ns();
	/* What was passed over is no answer later, when a failure may have the same bytes. */
	w.answering = -1;
	switch (in(i, 1) % 8) {
	case 0:
	case 1:
	case 2:
		ask(i);
		break;
	case 3:
	case 4:
		answer(i);
		break;
	case 5:
		w.refuses = fails[in(i, 1) % ARRAY_SIZE(fails)];
		break;
	case 6:
		move(i);
		by_tcp(i);
		break;
	case 7:
		budget_set(&w.others, in(i, 1) & 1 ? 1u << 20 : 0);
		break;
	}
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

	w = (struct world){ .guard = { .net.s_addr = htonl(0xc0a82100),
				       .mask.s_addr = htonl(0xffffff00),
				       .host.s_addr = htonl(0xc0a82101),
				       .dns.s_addr = htonl(DNS),
				       .host_mac = { 0x52, 0x55, 0xc0, 0xa8, 0x21, 1 } },
			    .others.expire = expire,
			    .answering = -1 };
	budget_join(&w.others);
	check(!loop_create(&w.loop, "fuzz") &&
	      !dns_create(&w.dns, &w.servers, &w.guard, w.loop, &client, NULL));
	while (i.left) {
		operate(&i);
		check(nr_open() <= MAX_OPEN);
	}
	dns_destroy(w.dns);
	check(!nr_open());
	budget_leave(&w.others);
	loop_destroy(w.loop);
	return 0;
}
