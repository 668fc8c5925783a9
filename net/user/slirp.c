/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libslirp at work: it speaks TCP, UDP and ICMP with the guest and ordinary sockets with the world.
 *
 * Thread: the loop; libslirp is not thread-safe and is called from nowhere else.
 * Trust:  frames come from the guest and have passed guard.c; sockets are the network's; the
 *         library is the distribution's. It writes to sockets without MSG_NOSIGNAL: the thread has
 *         SIGPIPE blocked, or the process ignores it.
 *
 * libslirp is found at run time: lkvm starts, and its other networks work, without it. It is loaded
 * and started before the guest is, because no code is loaded afterwards (lkvm/run/confine.h).
 *
 * libslirp has to be asked before each epoll_wait() which sockets to watch, and told afterwards
 * which are ready. Asking is a walk over its sockets, so it is done once per batch: after the
 * frames of one kick, after one socket event, after a timeout. net/user/pollset.c keeps the epoll
 * registrations.
 */
#include "net/user/slirp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lkvm/base/log.h"
#include "net/user/budget.h"
#include "net/user/pollset.h"
#include "net/user/slirp_lib.h"

static const struct sys_call list[] = {
	CALL_IF(socket, 0, UINT32_MAX, AF_INET),
	CALL_IF_RARE(socket, 0, UINT32_MAX, AF_INET6, "a guest that speaks IPv6"),
	CALL(connect),
	CALL(getpeername),
	CALL(getsockopt),
	CALL(setsockopt),
	CALL(sendto),
	CALL(recvfrom),
	CALL(recvmsg),
	CALL(shutdown),
	CALL(close),
	CALL(fcntl),
	CALL_IOCTL(FIONREAD),
	/*
	 * It looks at /etc/resolv.conf when it advertises a router, for each question by IPv6, and
	 * libslirp 4.9 with datagrams to others, too.
	 */
	CALL_RARE(newfstatat, "names by IPv6, or its version"),
	CALL_REFUSED(fstat), /* by some C libraries: then they take a buffer of the usual size */
	CALL_IF_RARE(openat, 2, O_ACCMODE | O_CREAT | O_TRUNC | O_TMPFILE, O_RDONLY,
		     "names by IPv6, or its version"),
	/*
	 * A name server that is on a link (fe80::1%eth0): the C library asks for the link's number
	 * through a socket of whatever family there is, beginning with one that nobody here needs.
	 */
	CALL_IF_ANSWERED(socket, 0, UINT32_MAX, AF_UNIX, EAFNOSUPPORT),
	CALL_IOCTL_RARE(SIOCGIFINDEX, "a name server on a link"),
};

const struct calls slirp_calls = CALLS("user network", list);

#define STALE_NS UINT64_C(50000000) /* libslirp's idea of "now" may be that old */
#define IDLE_MS 1000u		    /* what libslirp says when it waits for nothing */
#define FLOW_MS 240000u		    /* after which libslirp closes a UDP flow or a ping */

struct slirp {
	struct slirp_conf conf;
	struct slirp_lib lib;
	Slirp *slirp; /* NULL: it did not start */
	struct loop *loop;
	const struct slirp_client *client;
	void *arg;
	struct pollset *polls;
	struct loop_timer *timer;
	u64 timer_at; /* 0: not armed */
	u64 polled_at;
	u64 ahead_ns; /* what libslirp's clock is put forward */
	u64 held_at;  /* 0: its clock goes */
	u64 stood_ns; /* how long it has not, before */
	struct budget budget;
	bool paused;
	unsigned fed;  /* frames that went in since the last refresh() */
	bool resolved; /* among them one that may let a queued packet go */
	bool fresh;    /* libslirp's clock was set in this batch */
};

/* ---- what libslirp calls ---- */

static ssize_t cb_send_packet(const void *buf, size_t len, void *opaque)
{
	struct slirp *s = opaque;

	s->client->frame(s->arg, buf, len);
	return (ssize_t)len;
}

static void cb_guest_error(const char *msg, void *opaque)
{
	guest_err("user network", "%s", msg);
}

/*
 * A guest that is held does not answer: meanwhile the clock by which TCP gives it up stands still.
 * It is looked at twice a second while there are connections, and that much may be counted.
 */
static u64 guest_now(struct slirp *s)
{
	u64 now = loop_now_ns();
	bool held = s->conf.held && s->conf.held(s->conf.held_arg);

	if (held && !s->held_at)
		s->held_at = now;
	if (!held && s->held_at) {
		s->stood_ns += now - s->held_at;
		s->held_at = 0;
	}
	return (s->held_at ? s->held_at : now) - s->stood_ns;
}

static int64_t cb_clock_get_ns(void *opaque)
{
	struct slirp *s = opaque;

	return (int64_t)(guest_now(s) + s->ahead_ns);
}

/* A timer of libslirp: there is one, for IPv6 router advertisements. */
struct slirp_timer {
	struct slirp *s;
	SlirpTimerId id;
	void *cb_opaque;
	struct loop_timer *timer;
};

static void refresh(struct slirp *s);

static void on_slirp_timer(void *arg)
{
	struct slirp_timer *t = arg;
	struct slirp *s = t->s;

	s->lib.handle_timer(s->slirp, t->id, t->cb_opaque);
	refresh(s);
	s->client->batch_end(s->arg);
}

static void *cb_timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
	struct slirp *s = opaque;
	struct slirp_timer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct slirp_timer){ .s = s, .id = id, .cb_opaque = cb_opaque };
	if (loop_timer_add(s->loop, on_slirp_timer, t, &t->timer)) {
		free(t);
		return NULL;
	}
	return t;
}

static void cb_timer_free(void *timer, void *opaque)
{
	struct slirp_timer *t = timer;

	if (t)
		loop_timer_del(t->timer);
	free(t);
}

static void cb_timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
	struct slirp_timer *t = timer;
	u64 now, at = expire_ms > 0 ? (u64)expire_ms * 1000000 : 0;

	if (!t)
		return;
	now = guest_now(t->s);
	loop_timer_arm(t->timer, at > now ? at - now : 0);
}

static void count_sockets(struct slirp *s)
{
	budget_set(&s->budget, pollset_count(s->polls));
}

/* It has opened one of TCP, which it does not poll before it is connected. */
static void cb_register_poll_fd(int fd, void *opaque)
{
	struct slirp *s = opaque;

	/* Out of memory: it is counted when it is polled. */
	if (fd >= 0)
		pollset_announce(s->polls, fd);
	count_sockets(s);
}

/* libslirp is about to close one. */
static void cb_unregister_poll_fd(int fd, void *opaque)
{
	struct slirp *s = opaque;

	pollset_forget(s->polls, fd);
	count_sockets(s);
}

/*
 * A socket may be read again. It happens inside input() or pollfds_poll(), and refresh() follows
 * both.
 */
static void cb_notify(void *opaque)
{
}

static const SlirpCb callbacks = {
	.send_packet = cb_send_packet,
	.guest_error = cb_guest_error,
	.clock_get_ns = cb_clock_get_ns,
	.timer_free = cb_timer_free,
	.timer_mod = cb_timer_mod,
	.register_poll_fd = cb_register_poll_fd,
	.unregister_poll_fd = cb_unregister_poll_fd,
	.notify = cb_notify,
	.timer_new_opaque = cb_timer_new,
};

/* ---- sockets and time ---- */

static int add_poll(int fd, int events, void *opaque)
{
	struct slirp *s = opaque;
	u32 want = 0;

	/* While the guest has no room, what arrives is better off in the socket. */
	if ((events & SLIRP_POLL_IN) && !s->paused)
		want |= EPOLLIN;
	if ((events & SLIRP_POLL_PRI) && !s->paused)
		want |= EPOLLPRI;
	if (events & SLIRP_POLL_OUT)
		want |= EPOLLOUT;
	if (!want || pollset_want(s->polls, fd, want))
		return -1;
	return fd;
}

/*
 * Errors without a wanted read never arrive as such (see pollset_ready()): libslirp would read, and
 * it asserts that it has room to read into. What became readable before a pause waits.
 */
static int get_revents(int idx, void *opaque)
{
	struct slirp *s = opaque;
	u32 ready = pollset_ready(s->polls, idx) & (s->paused ? (u32)EPOLLOUT : UINT32_MAX);

	return (ready & EPOLLIN ? SLIRP_POLL_IN : 0) | (ready & EPOLLOUT ? SLIRP_POLL_OUT : 0) |
	       (ready & EPOLLPRI ? SLIRP_POLL_PRI : 0) | (ready & EPOLLERR ? SLIRP_POLL_ERR : 0) |
	       (ready & EPOLLHUP ? SLIRP_POLL_HUP : 0);
}

/* Tell libslirp what is ready, and the time. */
static void poll_slirp(struct slirp *s)
{
	s->polled_at = loop_now_ns();
	s->lib.pollfds_poll(s->slirp, 0, get_revents, s);
	pollset_clear(s->polls);
}

static void arm_timer(struct slirp *s, u32 timeout_ms)
{
	u64 at = s->polled_at + (u64)timeout_ms * 1000000;

	/* A timer that fires early looks again; re-arming for each batch would cost more. */
	if (timeout_ms >= IDLE_MS || (s->timer_at && s->timer_at <= at))
		return;

	u64 now = loop_now_ns();

	s->timer_at = at;
	loop_timer_arm(s->timer, at > now ? at - now : 0);
}

/* Ask libslirp what to watch and until when. */
static void refresh(struct slirp *s)
{
	uint32_t timeout_ms = UINT32_MAX;

	s->fed = 0;
	s->fresh = false;
	pollset_begin(s->polls);
	s->lib.pollfds_fill(s->slirp, &timeout_ms, add_poll, s);
	count_sockets(s);
	pollset_commit(s->polls);
	arm_timer(s, timeout_ms);
}

static void on_ready(void *arg)
{
	struct slirp *s = arg;

	assert(loop_here(s->loop));
	/* The new list of a pause does not ask for reading. */
	poll_slirp(s);
	refresh(s);
	s->client->batch_end(s->arg);
}

static void on_timer(void *arg)
{
	struct slirp *s = arg;

	s->timer_at = 0;
	poll_slirp(s);
	refresh(s);
	s->client->batch_end(s->arg);
}

/* ---- starting it ---- */

static int start(struct slirp *s)
{
	int err = slirp_lib_load(&s->lib);
	SlirpConfig cfg;

	if (err)
		return err;
	slirp_lib_config(&cfg, &s->conf);
	s->slirp = s->lib.create(&cfg, &callbacks, s);
	if (!s->slirp) {
		log_error("user-mode networking: libslirp %s refuses to start", s->lib.version());
		return -EIO;
	}
	poll_slirp(s);
	refresh(s);
	return 0;
}

/* ---- for net/user/user.c ---- */

void slirp_feed(struct slirp *s, const u8 *frame, size_t len, bool neighbour)
{
	assert(loop_here(s->loop));
	/* Time-outs count from libslirp's clock, which only pollfds_poll() sets. */
	if (!s->fresh && loop_now_ns() - s->polled_at > STALE_NS)
		poll_slirp(s);
	s->fresh = true;
	s->fed++;
	s->resolved |= neighbour;
	s->lib.input(s->slirp, frame, (int)len);
}

void slirp_settle(struct slirp *s)
{
	assert(loop_here(s->loop));
	if (!s->slirp)
		return;
	/* An address was resolved: the packets that wait for it go out with the next poll. */
	if (s->resolved)
		poll_slirp(s);
	s->resolved = false;
	if (s->fed)
		refresh(s);
}

void slirp_pause(struct slirp *s, bool paused)
{
	assert(loop_here(s->loop));
	/* Going into a pause can wait until a socket is in fact readable: see on_ready(). */
	if (s->paused && !paused)
		s->fed++;
	s->paused = paused;
}

/*
 * libslirp closes UDP flows and pings by its clock. Put forward for the length of two calls, the
 * clock makes those run out that have been idle for `idle_ms`. TCP's timers, which count calls half
 * a second apart, tick by one with each of the two, so it is not done often.
 */
static void expire(void *arg, unsigned idle_ms)
{
	struct slirp *s = arg;

	if (!s->slirp)
		return;
	s->ahead_ns = (u64)(FLOW_MS - MIN(idle_ms, FLOW_MS)) * 1000000;
	s->lib.pollfds_poll(s->slirp, 1, get_revents, s);
	refresh(s);
	s->ahead_ns = 0;
	s->lib.pollfds_poll(s->slirp, 1, get_revents, s);
}

bool slirp_has_room(struct slirp *s, bool datagram)
{
	enum budget_for who = datagram ? BUDGET_DATAGRAM : BUDGET_GUEST;

	if (!s->slirp)
		return true;
	/* Each frame of the batch may have opened one that is not counted yet. */
	budget_set(&s->budget, pollset_count(s->polls) + s->fed);
	if (s->fed && !budget_has_room(who))
		refresh(s);
	count_sockets(s);
	if (budget_has_room(BUDGET_GUEST))
		return true;
	if (budget_make_room(loop_now_ns()))
		guest_err("user network", "too many sockets: idle datagram flows are closed");
	return budget_has_room(who);
}

int slirp_open(struct slirp **out, const struct slirp_conf *c, struct loop *loop,
	       const struct slirp_client *client, void *arg)
{
	struct slirp *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	if (!s)
		return err;
	*s = (struct slirp){
		.loop = loop,
		.client = client,
		.arg = arg,
		.budget = { .expire = expire, .arg = s },
	};
	budget_join(&s->budget);
	if (pollset_create(&s->polls, loop, on_ready, s) ||
	    loop_timer_add(loop, on_timer, s, &s->timer)) {
		log_errno(-ENOMEM, "user-mode networking");
		goto fail;
	}
	s->conf = *c;
	err = start(s);
	if (err)
		goto fail;
	*out = s;
	return 0;
fail:
	slirp_close(s);
	return err;
}

void slirp_close(struct slirp *s)
{
	if (!s)
		return;
	if (s->slirp)
		s->lib.cleanup(s->slirp);
	budget_leave(&s->budget);
	pollset_destroy(s->polls);
	loop_timer_del(s->timer);
	free(s);
}
