/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timers, the table, and forwards. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/net/user/tcp_world.h"
#include "tests/unit/starve.h"

static const u8 card[6] = { 2, 1, 2, 3, 4, 5 };
static struct tw w;

static void set_up(void)
{
	tw_open(&w, 0);
}

static void tear_down(void)
{
	tw_close(&w);
}

static int serve(u16 *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int sk = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(sk, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(sk, SOMAXCONN), 0);
	ck_assert_int_eq(getsockname(sk, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return sk;
}

static int dial(u16 port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int sk = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(sk, 0);
	ck_assert(!connect(sk, (struct sockaddr *)&a, sizeof(a)) || errno == EINPROGRESS);
	return sk;
}

/* ---- timers ---- */

/* Of the host's clock, which may just have been started: the test's one goes before it. */
static u64 ahead_ns;

/* It stands in for the loop's. */
u64 loop_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ahead_ns + (u64)ts.tv_sec * TCP_SEC + (u64)ts.tv_nsec;
}

/* And this for the C library's, which goes by the host's clock. */
int timerfd_settime(int fd, int flags, const struct itimerspec *its, struct itimerspec *old)
{
	u64 at = (u64)its->it_value.tv_sec * TCP_SEC + (u64)its->it_value.tv_nsec;
	struct itimerspec host = { .it_value.tv_nsec = 1 };

	if (at > ahead_ns) {
		host.it_value.tv_sec = (time_t)((at - ahead_ns) / TCP_SEC);
		host.it_value.tv_nsec = (long)((at - ahead_ns) % TCP_SEC);
	}
	return (int)syscall(SYS_timerfd_settime, fd, flags, &host, old);
}

/* All that waits has waited for `ns` longer than it has. */
static void time_passes(u64 ns)
{
	ahead_ns += ns;
	w.t->now = 0;
	tcp_on_timer(w.t);
}

/* How often a segment with `flags` comes until the connection is given up, and after how long. */
static unsigned count_until_end(struct tg *g, u8 flags, u64 *after)
{
	unsigned n = 0;
	struct tf f;

	for (*after = 0; tg_state(g) != CONN_CLOSED && *after < 20000 * TCP_SEC;
	     *after += TCP_SEC / 2) {
		while (tg_next(g, &f, 0))
			n += f.flags == flags;
		time_passes(TCP_SEC / 2);
	}
	return n;
}

START_TEST(a_syn_that_nobody_answers)
{
	u16 port;
	int sk = serve(&port);
	struct tg g = tg_of(&w, false, 40000, port);
	u64 after;

	tg_send(&g, TCP_SYN, NULL, 0);
	ck_assert_uint_eq(count_until_end(&g, TCP_SYN | TCP_ACK, &after), 6);
	ck_assert_uint_gt(after, 30 * TCP_SEC);
	ck_assert_uint_lt(after, 120 * TCP_SEC);
	close(sk);
}
END_TEST

START_TEST(data_that_nobody_acknowledges)
{
	u16 port;
	int fd, sk = serve(&port);
	struct tg g = tg_of(&w, false, 40000, port);
	u64 after;

	tg_open(&g);
	fd = accept(sk, NULL, NULL);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	tg_expect(&g, TCP_ACK | TCP_PSH);
	ck_assert_uint_eq(count_until_end(&g, TCP_ACK | TCP_PSH, &after), 14);
	ck_assert_uint_gt(after, 100 * TCP_SEC); /* [RFC 9293 §3.8.3] */
	ck_assert_uint_lt(after, 1000 * TCP_SEC);
	/* The peer hears of it. */
	ck_assert_int_eq(read(fd, &after, 1), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	close(fd);
	close(sk);
}
END_TEST

/* What is acknowledged makes room for the peer, also where nothing follows. */
START_TEST(nothing_acknowledged_stays_in_the_socket)
{
	static const char data[2000];
	u16 port;
	int left = 1, fd, sk = serve(&port);
	struct tg g = tg_of(&w, false, 40000, port);

	g.win = sizeof(data) / 2;
	tg_open(&g);
	fd = accept(sk, NULL, NULL);
	ck_assert_int_eq(write(fd, data, sizeof(data)), sizeof(data));
	for (unsigned i = 0; i < 2; i++) {
		struct tf f;

		ck_assert(tg_next(&g, &f, scaled(3000)));
		ck_assert_uint_eq(f.len, g.win);
		g.ack += f.len;
		tg_send(&g, TCP_ACK, NULL, 0);
	}
	ck_assert_int_eq(ioctl(tg_conn(&g)->fd, FIONREAD, &left), 0);
	ck_assert_int_eq(left, 0);
	close(fd);
	close(sk);
}
END_TEST

/*
 * A stream that the guest has ended gets to a slow peer, all of it, from the host's buffer; one
 * that it has not ended does not look as if it had.
 */
START_TEST(the_end_of_all)
{
	static char data[1000], buf[200000];

	for (u16 fin = 0; fin < 2; fin++) {
		const int little = 4096;
		size_t sent = 0, got = 0;
		u16 port;
		int fd, sk = serve(&port);
		struct tg g = tg_of(&w, false, 40000, port);
		ssize_t n;

		setsockopt(sk, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
		tg_open(&g);
		fd = accept(sk, NULL, NULL);
		for (; sent < 40 * sizeof(data); sent += sizeof(data))
			tg_send(&g, TCP_ACK, data, sizeof(data));
		if (fin)
			tg_send(&g, TCP_ACK | TCP_FIN, NULL, 0);
		ck_assert_int_eq(tg_state(&g), fin ? CONN_CLOSE_WAIT : CONN_ESTABLISHED);
		tw_close(&w);
		while ((n = read(fd, buf, sizeof(buf))) > 0)
			got += (size_t)n;
		ck_assert_int_eq(n, fin ? 0 : -1);
		ck_assert(!fin || got == sent);
		close(fd);
		close(sk);
		tw_open(&w, 0);
	}
}
END_TEST

/* Idle for two hours, then nine keep-alives [RFC 1122 §4.2.3.6]; an answer starts anew. */
START_TEST(a_guest_that_is_gone)
{
	u16 port;
	int sk = serve(&port);
	struct tg g = tg_of(&w, false, 40000, port);
	struct tf f;
	u64 after;

	tg_open(&g);
	time_passes(7100 * TCP_SEC);
	tw_quiet(&w);
	time_passes(110 * TCP_SEC);
	f = tg_expect(&g, TCP_ACK);
	ck_assert_uint_eq(f.seq, g.ack - 1);
	ck_assert_uint_eq(f.len, 0);
	tg_send(&g, TCP_ACK, NULL, 0);
	time_passes(7100 * TCP_SEC);
	tw_quiet(&w);
	ck_assert_uint_eq(count_until_end(&g, TCP_ACK, &after), 9);
	ck_assert_uint_gt(after, 600 * TCP_SEC);
	ck_assert_uint_lt(after, 900 * TCP_SEC);
	close(sk);
}
END_TEST

static bool paused;

static bool is_paused(void *arg)
{
	ck_assert_ptr_eq(arg, &w);
	return paused;
}

/* Without and with data under way, for half a day: it says nothing because it does not run. */
START_TEST(a_guest_that_is_paused)
{
	u16 port;
	int sk = serve(&port);

	w.t->conf.held = is_paused;
	w.t->conf.held_arg = &w;
	for (u16 data = 0; data < 2; data++) {
		struct tg g = tg_of(&w, false, 40000 + data, port);
		struct tf f;
		u64 after;
		int fd;

		tg_open(&g);
		fd = accept(sk, NULL, NULL);
		ck_assert_int_eq(write(fd, "x", data), data);
		if (data)
			tg_expect(&g, TCP_ACK | TCP_PSH);
		paused = true;
		for (unsigned i = 0; i < 50; i++) {
			time_passes(1000 * TCP_SEC);
			tw_quiet(&w);
		}
		paused = false;
		/* And then it has to say something, as ever. */
		ck_assert_uint_ge(count_until_end(&g, data ? TCP_ACK | TCP_PSH : TCP_ACK, &after),
				  9);
		ck_assert_uint_gt(after, 600 * TCP_SEC);
		ck_assert_uint_lt(after, 8000 * TCP_SEC);
		while (tg_next(&g, &f, 0))
			;
		close(fd);
	}
	close(sk);
}
END_TEST

/* Probes of a closed window come slower and slower, and for as long as they are answered. */
START_TEST(a_window_that_stays_closed)
{
	u16 port;
	int fd, sk = serve(&port);
	struct tg g = tg_of(&w, false, 40000, port);
	unsigned n = 0;
	struct tf f;

	tg_open(&g);
	g.win = 0;
	tg_send(&g, TCP_ACK, NULL, 0);
	fd = accept(sk, NULL, NULL);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	loop_step(w.loop, 10);
	for (unsigned i = 0; i < 7200; i++) {
		time_passes(TCP_SEC);
		while (tg_next(&g, &f, 0)) {
			n++;
			ck_assert_uint_eq(f.len, 0);
			tg_send(&g, TCP_ACK, NULL, 0);
		}
	}
	ck_assert_uint_gt(n, 100);
	ck_assert_uint_lt(n, 200);
	g.win = 10;
	tg_send(&g, TCP_ACK, NULL, 0);
	ck_assert_uint_eq(tg_expect(&g, TCP_ACK | TCP_PSH).len, 1);
	close(fd);
	close(sk);
}
END_TEST

START_TEST(time_wait_is_short_and_small)
{
	struct tg g[600];
	u16 port;
	int sk = serve(&port);

	for (u16 i = 0; i < ARRAY_SIZE(g); i++) {
		int fd;

		g[i] = tg_of(&w, false, (u16)(20000 + i), port);
		tg_open(&g[i]);
		fd = accept(sk, NULL, NULL);
		close(fd);
		tg_expect(&g[i], TCP_FIN | TCP_ACK);
		g[i].ack++;
		tg_send(&g[i], TCP_FIN | TCP_ACK, NULL, 0);
		tg_expect(&g[i], TCP_ACK);
		ck_assert_int_eq(tg_state(&g[i]), CONN_TIME_WAIT);
	}
	ck_assert_uint_le(w.t->nr, 512);
	ck_assert_uint_eq(w.t->nr_fds, 0);
	ck_assert_int_eq(tg_state(&g[0]), CONN_CLOSED); /* the oldest went first */
	time_passes(3 * TCP_SEC);
	ck_assert_uint_eq(w.t->nr, 0);
	ck_assert_uint_eq(w.t->heap_nr, 0);
	close(sk);
}
END_TEST

/* Timers run out in order, whatever the order they were set in. */
START_TEST(the_heap)
{
	struct tcp_conn *c[500];
	struct tg g = tg_of(&w, false, 0, 1);
	u64 last = 0;
	u32 x = 1;

	for (u16 i = 0; i < ARRAY_SIZE(c); i++) {
		be16_put(g.key.ports, i);
		c[i] = tcp_conn_new(w.t, &g.key);
		c[i]->state = CONN_ESTABLISHED;
		x = x * 1103515245 + 12345;
		c[i]->rtx_at = tcp_now(w.t) + TCP_SEC + (x >> 8);
		tcp_timer_update(c[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(c); i += 3)
		tcp_timer_forget(c[i]);
	for (unsigned i = 1; i < ARRAY_SIZE(c); i += 3) {
		c[i]->rtx_at -= 500 * TCP_MSEC;
		tcp_timer_update(c[i]);
	}
	ck_assert_uint_eq(w.t->heap_nr, 333);
	while (w.t->heap_nr) {
		ck_assert_uint_ge(w.t->heap[0]->due, last);
		last = w.t->heap[0]->due;
		ck_assert_uint_eq(last, w.t->heap[0]->rtx_at);
		tcp_timer_forget(w.t->heap[0]);
	}
}
END_TEST

/* What takes the place of one that is taken out may belong further up. */
START_TEST(the_heap_upwards)
{
	static const u64 due[] = { 1, 100, 2, 101, 102, 50, 3, 103, 104, 105, 106, 51, 52, 53, 4 };
	struct tcp_conn *c[ARRAY_SIZE(due)];
	struct tg g = tg_of(&w, false, 0, 1);
	u64 last = 0;

	for (u16 i = 0; i < ARRAY_SIZE(due); i++) {
		be16_put(g.key.ports, i);
		c[i] = tcp_conn_new(w.t, &g.key);
		c[i]->state = CONN_ESTABLISHED;
		c[i]->rtx_at = tcp_now(w.t) + due[i] * TCP_SEC;
		tcp_timer_update(c[i]);
	}
	tcp_timer_forget(c[7]);
	while (w.t->heap_nr) {
		ck_assert_uint_gt(w.t->heap[0]->due, last);
		last = w.t->heap[0]->due;
		tcp_timer_forget(w.t->heap[0]);
	}
}
END_TEST

/* ---- the table ---- */

/* [RFC 6528]: first numbers tell nothing, and go up for the same connection. */
START_TEST(first_numbers)
{
	struct tg a = tg_of(&w, false, 1, 2), b = tg_of(&w, false, 1, 3);
	struct tcp_conn *c = tcp_conn_new(w.t, &a.key);
	u32 first = c->iss, near = 0;

	tcp_conn_end(c, false);
	usleep(1000);
	c = tcp_conn_new(w.t, &a.key);
	ck_assert_int_gt(tcp_diff(c->iss, first), 0);
	ck_assert_int_lt(tcp_diff(c->iss, first), 10000000);
	for (unsigned i = 0; i < 100; i++) {
		be16_put(b.key.ports, (u16)(100 + i));
		c = tcp_conn_new(w.t, &b.key);
		near += c->iss - first < 1u << 24;
	}
	ck_assert_uint_lt(near, 10);
}
END_TEST

#define MANY 10000
#define STEP 97 /* every so many-th connection says something */

/* The server, in a process of its own: descriptors are counted by process. */
static void serve_many(int sk)
{
	static int fds[MANY];
	char c;

	for (unsigned i = 0; i < MANY; i++)
		fds[i] = accept(sk, NULL, NULL);
	for (unsigned i = 0; i < MANY; i += STEP)
		if (read(fds[i], &c, 1) != 1 || write(fds[i], &c, 1) != 1)
			_exit(1);
	_exit(read(fds[0], &c, 1) > 0);
}

START_TEST(ten_thousand_connections)
{
	static struct tg g[MANY];
	struct rlimit r;
	int sk, status;
	pid_t child;
	u16 port;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	if (r.rlim_max < 2 * MANY) {
		fprintf(stderr, "skip: the hard limit of open files is %llu\n",
			(unsigned long long)r.rlim_max);
		return;
	}
	tw_close(&w);
	tw_open(&w, 0);
	sk = serve(&port);
	child = fork();
	if (!child)
		serve_many(sk);
	for (unsigned i = 0; i < MANY; i++) {
		g[i] = tg_of(&w, false, (u16)(10000 + i), port);
		tg_open(&g[i]);
	}
	ck_assert_uint_eq(w.t->nr, MANY);
	for (unsigned i = 0; i < MANY; i += STEP) {
		tg_send(&g[i], TCP_ACK, "q", 1);
		for (struct tf f = { .len = 0 }; !f.len;)
			ck_assert(tg_next(&g[i], &f, scaled(5000)));
	}
	for (unsigned i = 0; i < MANY; i++)
		tg_send(&g[i], TCP_RST, NULL, 0);
	ck_assert_uint_eq(w.t->nr, 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	close(sk);
}
END_TEST

/* The guest does not get all the descriptors. */
START_TEST(sockets_are_limited)
{
	struct rlimit r = { 64, 64 };
	unsigned open = 0;
	u16 port;
	int sk = serve(&port);

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
	tw_close(&w);
	tw_open(&w, 0);
	for (u16 i = 0; i < 100; i++) {
		struct tg g = tg_of(&w, false, (u16)(20000 + i), port);
		struct tf f;

		tg_send(&g, TCP_SYN, NULL, 0);
		open += tg_next(&g, &f, 0);
	}
	ck_assert_uint_eq(open, 32);
	close(sk);
}
END_TEST

/* ---- forwards ---- */

static struct net_hostfwd forward_to(struct tg *g, u16 host)
{
	struct net_hostfwd f = { .host = { .v4.s_addr = htonl(INADDR_LOOPBACK), .port = host },
				 .guest.port = be16_at(g->key.ports) };

	memcpy(&f.guest.v4, g->key.guest, 4);
	return f;
}

static void open_forward(const struct net_hostfwd *f)
{
	int fd = hostfwd_open(f);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(tcp_listen(w.t, f, fd), 0);
}

START_TEST(forwards)
{
	struct tg g = tg_of(&w, false, 22, 0);
	struct net_hostfwd f;
	u16 port;
	int sk = serve(&port), fd;
	struct tf s;
	char c;

	f = forward_to(&g, port);
	close(sk);
	open_forward(&f);
	neigh_learn(&w.neigh, g.key.guest, false, card);
	fd = dial(port);
	while (!tw_next(&w, scaled(1000)))
		;
	w.seen--;
	memcpy(g.key.ports + 2, w.client.got.f[w.seen].data + 34, 2);
	ck_assert_mem_eq(w.client.got.f[w.seen].data, card, 6);
	s = tg_expect(&g, TCP_SYN);
	ck_assert(tcp_knows(w.t, &g.key));
	ck_assert_uint_eq(s.mss, 1460);
	g.ack = s.seq + 1;
	tg_send(&g, TCP_SYN | TCP_ACK, NULL, 0);
	tg_expect(&g, TCP_ACK);
	ck_assert_int_eq(write(fd, "a", 1), 1);
	ck_assert_uint_eq(tg_expect(&g, TCP_ACK | TCP_PSH).len, 1);
	g.ack++;
	tg_send(&g, TCP_ACK, "b", 1);
	ck_assert_int_eq(read(fd, &c, 1), 1);
	ck_assert_int_eq(c, 'b');
	/* A forward that is removed leaves its connections alone. */
	ck_assert_int_eq(tcp_ignore(w.t, &f), 0);
	ck_assert_int_eq(tcp_ignore(w.t, &f), -ENOENT);
	tg_send(&g, TCP_ACK, "c", 1);
	ck_assert_int_eq(read(fd, &c, 1), 1);
	close(fd);
}
END_TEST

START_TEST(half_open_forwards_are_limited)
{
	struct tg g = tg_of(&w, false, 22, 0);
	struct net_hostfwd f;
	int fds[200], sk;
	u16 port;

	sk = serve(&port);
	close(sk);
	f = forward_to(&g, port);
	open_forward(&f);
	w.client.room = 0; /* a guest that does not answer */
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dial(port);
		loop_step(w.loop, 0);
	}
	for (unsigned i = 0; i < 20; i++)
		loop_step(w.loop, 1);
	ck_assert_uint_eq(w.t->nr_half, 128);
	ck_assert(w.t->deaf);
	/* When they are given up, the others get their turn. */
	while (w.t->dirty.next != &w.t->dirty)
		tcp_settle(w.t);
	for (unsigned i = 0; i < 128; i++) {
		struct tcp_conn *c = w.t->heap[0];

		tcp_conn_end(c, true);
	}
	tcp_settle(w.t);
	ck_assert(!w.t->deaf);
	for (unsigned i = 0; i < 20; i++)
		loop_step(w.loop, 1);
	ck_assert_uint_gt(w.t->nr_half, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}
END_TEST

/* accept(2) fails as long as there is no descriptor: the loop rests, and nobody is forgotten. */
START_TEST(no_descriptor_for_a_forward)
{
	struct tg g = tg_of(&w, false, 22, 0);
	struct net_hostfwd f;
	int sk, fd;
	u16 port;

	sk = serve(&port);
	close(sk);
	f = forward_to(&g, port);
	open_forward(&f);
	fd = dial(port);
	ck_assert_uint_lt(steps_without_descriptors(w.loop), 20);
	ck_assert_uint_eq(w.t->nr, 0);
	while (!tw_next(&w, scaled(3000)))
		;
	ck_assert_uint_eq(w.t->nr, 1);
	close(fd);
}
END_TEST

/*
 * A host with small send buffers (net.ipv4.tcp_wmem): who finds no room waits for an event, which
 * comes at once where poll(2) finds some, and so on for ever.
 */
START_TEST(room_is_what_poll_finds)
{
	static const u32 sizes[] = { 4608, 4609, 8192, 12287, 16384, 87040, 4 << 20 };

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		u32 all = sizes[i];

		for (u32 used = 0; used <= all + 4096; used += 1 + all / 5000) {
			u32 left = all - MIN(used, all), room = tcp_host_room(all, used);

			ck_assert_uint_eq(room > 0, used < all && left >= used >> 1);
			ck_assert_uint_le(room, left);
			/* The window that the guest is told of is in units of 128. */
			ck_assert(!room || room >= 256);
		}
	}
}
END_TEST

SUITE_MAIN_FIXTURE("net/user/tcp_more", set_up, tear_down, a_syn_that_nobody_answers,
		   data_that_nobody_acknowledges, nothing_acknowledged_stays_in_the_socket,
		   the_end_of_all, a_guest_that_is_gone, a_guest_that_is_paused,
		   a_window_that_stays_closed, time_wait_is_short_and_small, the_heap,
		   the_heap_upwards, first_numbers, ten_thousand_connections, sockets_are_limited,
		   forwards, half_open_forwards_are_limited, no_descriptor_for_a_forward,
		   room_is_what_poll_finds)
