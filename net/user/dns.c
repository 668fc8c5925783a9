/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's name server, which only passes on.
 *
 * Thread: the loop of the netif.
 * Trust:  questions are the guest's, and answers the network's: of both only the number and the bit
 *         that tells them apart are looked at. A socket is connected to its server, so the kernel
 *         drops what comes from elsewhere, and its port is new with each question.
 * Spec:   RFC 1035 §4.1.1, resolver(5)
 *
 * A question goes to the first server of resolv.conf. Whoever gets no answer asks again, from the
 * same port and with the same number; then the next server is asked, too, and the first answer of
 * them is the guest's. A server that is not there (the host's kernel says so), or that says that
 * it cannot answer, is passed over at once, as resolvers do: the guest's, which knows of one server
 * alone, cannot. When none is left the guest is told SERVFAIL, or what the last one has said, so
 * that it does not wait.
 *
 * Not all ask again like that: some take another port, or another number, which is another question
 * here. So it is remembered for how long a server has said nothing at all, whatever it was asked.
 * With one for which that is long the next one is asked at once, too, until it says something.
 *
 * An attempt is one question at one server. There are so many at a time; the oldest makes room.
 */
#include "net/user/dns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/loop.h"
#include "net/user/budget.h"
#include "net/user/udp4.h"

/* With those of servers.c. */
static const struct sys_call list[] = {
	CALL_IF(openat, 2, O_ACCMODE | O_CREAT | O_TRUNC | O_TMPFILE, O_RDONLY),
	CALL(read),
	CALL_IF_RARE(socket, 0, UINT32_MAX, AF_INET, "a server of IPv4"),
	CALL_IF_RARE(socket, 0, UINT32_MAX, AF_INET6, "a server of IPv6"),
	CALL_IOCTL_RARE(SIOCGIFINDEX, "a server on a link"),
	CALL(connect),
	CALL(sendto),
	CALL(recvfrom),
	CALL(close),
};

const struct calls dns_calls = CALLS("names", list);

#define MAX_ATTEMPTS 64u
#define PATIENCE_NS UINT64_C(30000000000) /* as long as resolvers try */
#define LOOK_NS UINT64_C(5000000000)
#define SILENT_NS UINT64_C(2000000000) /* less than resolvers wait before they ask again */
#define PORT 53u
#define MAX_QUESTION 1232u /* what fits into a packet of any network, and more than names need */

/* DNS */
enum { DNS_ID = 0, DNS_FLAGS = 2, DNS_RCODE = 3, DNS_HDR = 12 };
enum { DNS_RESPONSE = 0x80, RCODE_BITS = 0x0f, SERVFAIL = 2, NOTIMP = 4, REFUSED = 5 };

/* Who asks what. */
struct question {
	u8 mac[6];
	u16 port, id;
	u32 addr;
	size_t len;
	u8 msg[MAX_QUESTION];
};

struct attempt {
	struct dns *dns;
	int fd; /* -1: this place is free */
	struct loop_fd *reg;
	unsigned server;
	u64 sent_ns;
	struct question q;
};

struct dns {
	struct servers *servers;
	const struct guard *guard;
	struct loop *loop;
	const struct dns_client *client;
	void *arg;
	struct loop_timer *timer;
	struct budget budget;
	u16 next_id;			  /* of datagrams */
	u64 asked_ns[RESOLV_MAX_SERVERS]; /* since when each owes an answer; 0: it does not */
	u8 frame[UDP4_HEAD + UDP4_MAX];
	struct attempt attempts[MAX_ATTEMPTS];
};

/* ---- the guest's side ---- */

/* A message of `len` bytes is in d->frame, behind its headers. */
static void tell(struct dns *d, const struct question *q, size_t len)
{
	const struct udp4_ends ends = { .src_mac = d->guard->host_mac,
					.dst_mac = q->mac,
					.src = ntohl(d->guard->dns.s_addr),
					.dst = q->addr,
					.src_port = PORT,
					.dst_port = q->port,
					.id = d->next_id++ };

	d->client->frame(d->arg, d->frame, udp4_wrap(d->frame, &ends, len));
}

static void tell_failure(struct dns *d, const struct question *q)
{
	u8 *msg = d->frame + UDP4_HEAD;

	memcpy(msg, q->msg, q->len);
	msg[DNS_FLAGS] |= DNS_RESPONSE;
	msg[DNS_RCODE] = (u8)((msg[DNS_RCODE] & 0xf0) | SERVFAIL);
	tell(d, q, q->len);
}

/* ---- attempts ---- */

static void count(struct dns *d)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MAX_ATTEMPTS; i++)
		n += d->attempts[i].fd >= 0;
	budget_set(&d->budget, n);
}

static void end_attempt(struct attempt *a)
{
	if (a->fd < 0)
		return;
	loop_fd_del(a->reg);
	close(a->fd);
	a->fd = -1;
	count(a->dns);
}

static bool same_question(const struct question *a, const struct question *b)
{
	return a->addr == b->addr && a->port == b->port && a->id == b->id;
}

/* The next attempt at `q` after `last` (NULL: the first one), or NULL. */
static struct attempt *attempt_at(struct dns *d, const struct question *q,
				  const struct attempt *last)
{
	for (struct attempt *a = last ? (struct attempt *)last + 1 : d->attempts;
	     a < d->attempts + MAX_ATTEMPTS; a++)
		if (a->fd >= 0 && same_question(&a->q, q))
			return a;
	return NULL;
}

static struct attempt *place(struct dns *d)
{
	struct attempt *oldest = &d->attempts[0];

	for (unsigned i = 0; i < MAX_ATTEMPTS; i++) {
		struct attempt *a = &d->attempts[i];

		if (a->fd < 0)
			return a;
		if (a->sent_ns < oldest->sent_ns)
			oldest = a;
	}
	end_attempt(oldest);
	return oldest;
}

static void on_answer(void *arg, u32 events);

/* 0, or -errno: this server cannot be asked. */
static int try(struct dns *d, const struct question *q, unsigned server)
{
	const union reach_addr *to = &d->servers->addr[server];
	struct attempt *a;
	int err = 0;

	if (!budget_has_room(BUDGET_DATAGRAM))
		return -EMFILE;
	a = place(d);
	a->reg = NULL;
	a->fd = socket(to->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		return -errno;
	if (connect(a->fd, &to->sa, servers_addr_len(to)) < 0 || send(a->fd, q->msg, q->len, 0) < 0)
		err = -errno;
	if (!err)
		err = loop_fd_add(d->loop, a->fd, EPOLLIN, on_answer, a, &a->reg);
	a->server = server;
	a->sent_ns = loop_now_ns();
	a->q = *q;
	if (err)
		end_attempt(a);
	else if (!d->asked_ns[server])
		d->asked_ns[server] = a->sent_ns;
	count(d);
	return err;
}

/* Has the server been asked, and has nobody heard of it for long? */
static bool is_silent(const struct dns *d, unsigned server)
{
	return d->asked_ns[server] && loop_now_ns() - d->asked_ns[server] > SILENT_NS;
}

/*
 * Ask the first server from `from` on that can be asked, and behind a silent one the next one, too.
 * False: there is none.
 */
static bool try_from(struct dns *d, const struct question *q, unsigned from)
{
	bool asked = false;

	for (unsigned i = from; i < d->servers->nr; i++) {
		if (try(d, q, i))
			continue;
		asked = true;
		if (!is_silent(d, i))
			break;
	}
	return asked;
}

/* The server after those that were asked. */
static unsigned next_server(struct dns *d, const struct question *q)
{
	unsigned next = 0;

	for (const struct attempt *a = NULL; (a = attempt_at(d, q, a));)
		next = MAX(next, a->server + 1);
	return next;
}

/* On to the next one. False: there is none, and nobody else who was asked may still answer. */
static bool pass_over(struct attempt *a)
{
	struct dns *d = a->dns;
	struct question q = a->q;
	unsigned next = next_server(d, &q);

	end_attempt(a);
	return try_from(d, &q, next) || attempt_at(d, &q, NULL);
}

/* It cannot answer, but another one may. That there is no such name is an answer. */
static bool is_refusal(const u8 *msg)
{
	u8 rcode = msg[DNS_RCODE] & RCODE_BITS;

	return rcode == SERVFAIL || rcode == NOTIMP || rcode == REFUSED;
}

static void settle(struct dns *d, const struct question *q)
{
	struct attempt *a = NULL;

	while ((a = attempt_at(d, q, a)))
		end_attempt(a);
}

static void on_answer(void *arg, u32 events)
{
	struct attempt *a = arg;
	struct dns *d = a->dns;
	const struct question q = a->q;
	u8 *msg = d->frame + UDP4_HEAD;
	ssize_t n = recv(a->fd, msg, UDP4_MAX, 0);
	bool refuses;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		if (!pass_over(a))
			tell_failure(d, &q);
	} else if (n >= DNS_HDR && be16_at(msg + DNS_ID) == q.id &&
		   (msg[DNS_FLAGS] & DNS_RESPONSE)) {
		d->asked_ns[a->server] = 0;
		refuses = is_refusal(msg);
		if (!refuses) {
			d->servers->last = a->server;
			settle(d, &q);
		}
		if (!refuses || !pass_over(a))
			tell(d, &q, (size_t)n);
	}
	d->client->batch_end(d->arg);
}

static void on_timer(void *arg)
{
	struct dns *d = arg;
	u64 now = loop_now_ns();
	bool left = false;

	for (unsigned i = 0; i < MAX_ATTEMPTS; i++) {
		struct attempt *a = &d->attempts[i];

		if (a->fd >= 0 && now - a->sent_ns > PATIENCE_NS)
			end_attempt(a);
		left |= a->fd >= 0;
	}
	if (left)
		loop_timer_arm(d->timer, LOOK_NS);
}

/* ---- questions ---- */

/* The server after those that were asked; when there is none, all of them again. */
static void ask(struct dns *d, const struct question *q)
{
	unsigned next;

	servers_update(d->servers, loop_now_ns());
	next = next_server(d, q);
	if (next >= d->servers->nr) {
		settle(d, q);
		next = 0;
	}
	if (!try_from(d, q, next) && !attempt_at(d, q, NULL))
		tell_failure(d, q);
	loop_timer_arm(d->timer, LOOK_NS);
}

bool dns_take(struct dns *d, const u8 *frame, const struct guard_pkt *pkt)
{
	const u8 *ip = frame + pkt->l3, *udp = frame + pkt->l4, *msg = udp + UDP_HDR;
	struct question q;

	if (pkt->type != ETHERTYPE_IP4 || pkt->proto != PROTO_UDP ||
	    be32_at(ip + IP4_DST) != ntohl(d->guard->dns.s_addr) || be16_at(udp + UDP_DST) != PORT)
		return false;
	q.len = (size_t)be16_at(udp + UDP_LEN) - UDP_HDR;
	if (q.len < DNS_HDR || q.len > MAX_QUESTION || (msg[DNS_FLAGS] & DNS_RESPONSE)) {
		guest_err("user network", "dropped: not a question for a name server");
		return true;
	}
	memcpy(q.mac, frame + ETH_SRC, sizeof(q.mac));
	q.addr = be32_at(ip + IP4_SRC);
	q.port = be16_at(udp + UDP_SRC);
	q.id = be16_at(msg + DNS_ID);
	memcpy(q.msg, msg, q.len);
	ask(d, &q);
	return true;
}

/* ---- life ---- */

/* Sockets that are idle end by themselves, soon. */
static void expire(void *arg, unsigned idle_ms)
{
}

int dns_create(struct dns **out, struct servers *servers, const struct guard *guard,
	       struct loop *loop, const struct dns_client *client, void *arg)
{
	struct dns *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->servers = servers;
	d->guard = guard;
	d->loop = loop;
	d->client = client;
	d->arg = arg;
	d->budget = (struct budget){ .expire = expire, .arg = d };
	for (unsigned i = 0; i < MAX_ATTEMPTS; i++)
		d->attempts[i] = (struct attempt){ .dns = d, .fd = -1 };
	budget_join(&d->budget);
	err = loop_timer_add(loop, on_timer, d, &d->timer);
	if (err) {
		dns_destroy(d);
		return err;
	}
	*out = d;
	return 0;
}

void dns_destroy(struct dns *d)
{
	if (!d)
		return;
	for (unsigned i = 0; i < MAX_ATTEMPTS; i++)
		end_attempt(&d->attempts[i]);
	budget_leave(&d->budget);
	loop_timer_del(d->timer);
	free(d);
}
