/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices that talk to others: a shared directory, TCP and UDP of the user network, a port of the
 * console. Only one call fails: whatever the guest loses by it, its next attempt works, and what it
 * was told to be safe is safe.
 *
 * Thread: main is the guest, the loop and the other side.
 * Trust:  none needed.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/console/port.h"
#include "tests/fake/p9.h"
#include "tests/faults/faults.h"
#include "tests/unit/net/user/tcp_world.h"
#include "tests/unit/net/user/udp_world.h"
#include "virtio/share/p9.h"

#define ATTEMPTS 3u

static bool nothing(void)
{
	return true;
}

/* Each attempt may fail where one call did; not all of them. */
static int some_attempt(bool (*attempt)(unsigned nr))
{
	bool good = false;

	for (unsigned i = 0; i < ATTEMPTS; i++)
		good |= attempt(i);
	if (good)
		return 0;
	fprintf(stderr, "faults: no attempt works\n");
	abort();
}

/* ---- 9P ---- */

static struct fake_p9 p9;

static int sent(void)
{
	fake_p9_end(&p9);
	return fake_p9_send(&p9);
}

static int fsync_fid(u32 fid)
{
	fake_p9_begin(&p9, P9_TFSYNC, 1);
	fake_p9_32(&p9, fid);
	fake_p9_32(&p9, 0);
	return sent();
}

/* What else a guest asks for in a directory: an answer of either kind will do. */
static void look_round(u32 dir, const char *name)
{
	fake_p9_begin(&p9, P9_TGETATTR, 1);
	fake_p9_32(&p9, dir);
	fake_p9_64(&p9, 0x7ff);
	sent();
	fake_p9_begin(&p9, P9_TMKDIR, 1);
	fake_p9_32(&p9, dir);
	fake_p9_str(&p9, name);
	fake_p9_32(&p9, 0755);
	fake_p9_32(&p9, 0);
	sent();
	if (!fake_p9_walk(&p9, dir, 9, "")) {
		if (!fake_p9_open(&p9, 9, O_RDONLY | O_DIRECTORY)) {
			fake_p9_begin(&p9, P9_TREADDIR, 1);
			fake_p9_32(&p9, 9);
			fake_p9_64(&p9, 0);
			fake_p9_32(&p9, 4096);
			sent();
		}
		fake_p9_clunk(&p9, 9);
	}
	fake_p9_begin(&p9, P9_TXATTRWALK, 1);
	fake_p9_32(&p9, dir);
	fake_p9_32(&p9, 8);
	fake_p9_str(&p9, "");
	if (!sent())
		fake_p9_clunk(&p9, 8);
	fake_p9_begin(&p9, P9_TUNLINKAT, 1);
	fake_p9_32(&p9, dir);
	fake_p9_str(&p9, name);
	fake_p9_32(&p9, 0x200);
	sent();
}

/* Write, sync, read back; what was synced is what the host has. */
static bool write_file(unsigned nr)
{
	char name[16], dir[16], text[64], back[64] = "";
	u32 len;
	bool synced;

	snprintf(name, sizeof(name), "file%u", nr);
	snprintf(dir, sizeof(dir), "dir%u", nr);
	len = (u32)snprintf(text, sizeof(text), "what the guest has written, %u", nr);
	if (fake_p9_walk(&p9, 0, 1, ""))
		return false;
	if (fake_p9_create(&p9, 1, name, O_RDWR, 0644)) {
		fake_p9_clunk(&p9, 1);
		return false;
	}
	synced = fake_p9_write(&p9, 1, 0, text, len) == (int)len && !fsync_fid(1);
	if (fake_p9_read(&p9, 1, 0, back, len) == (int)len && synced && strcmp(back, text))
		abort();
	synced &= !fake_p9_clunk(&p9, 1);
	look_round(0, dir);
	faults_hold(true);
	if (synced && strcmp(fake_p9_host_read(&p9, name), text)) {
		fprintf(stderr, "faults: what was synced is lost\n");
		abort();
	}
	faults_hold(false);
	return synced;
}

static int share(void)
{
	int ret;

	faults_hold(true);
	log_set_level(LOG_WARNING);
	fake_p9_up(&p9, false);
	faults_hold(false);
	ret = some_attempt(write_file);
	faults_hold(true);
	fake_p9_down(&p9);
	return ret;
}

/* ---- TCP ---- */

static struct tw world;
static int listener;
static u16 port_nr;

/* The next segment with one of these flags; false: none comes. */
static bool await(struct tg *g, u8 flags, struct tf *f)
{
	while (tg_next(g, f, 300)) {
		if (f->flags & flags)
			return true;
	}
	return false;
}

static int accepted(void)
{
	int fd = -1;

	for (unsigned i = 0; i < 20 && fd < 0; i++) {
		fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			loop_step(world.loop, 5);
	}
	return fd;
}

/* A word each way, then the guest's end. */
static bool talk(struct tg *g, int server)
{
	char buf[16] = "";
	struct tf f;
	bool good;

	tg_send(g, TCP_ACK | TCP_PSH, "ping", 4);
	for (unsigned i = 0; i < 60 && recv(server, buf, sizeof(buf), MSG_PEEK) < 4; i++)
		loop_step(world.loop, 5);
	good = recv(server, buf, sizeof(buf), 0) == 4 && !memcmp(buf, "ping", 4) &&
	       send(server, "pong", 4, MSG_NOSIGNAL) == 4;
	while (good && await(g, TCP_ACK | TCP_RST, &f)) {
		if (f.flags & TCP_RST)
			return false;
		if (!f.len)
			continue;
		if (f.len != 4 || memcmp(f.data, "pong", 4))
			abort();
		g->ack = f.seq + f.len;
		tg_send(g, TCP_ACK | TCP_FIN, NULL, 0);
		loop_step(world.loop, 5);
		return true;
	}
	return false;
}

static bool connection(unsigned nr)
{
	struct tg g = tg_of(&world, false, (u16)(40000 + nr), port_nr);
	bool good = false;
	struct tf f;
	int server;

	/* Nothing is left of those before it. */
	world.seen = world.client.got.nr;
	while ((server = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(server);
	tg_send(&g, TCP_SYN, NULL, 0);
	if (!await(&g, TCP_SYN | TCP_RST, &f) || (f.flags & TCP_RST))
		return false;
	g.ack = f.seq + 1;
	tg_send(&g, TCP_ACK, NULL, 0);
	server = accepted();
	if (server >= 0) {
		good = talk(&g, server);
		close(server);
	}
	tg_send(&g, TCP_RST | TCP_ACK, NULL, 0);
	loop_step(world.loop, 5);
	return good;
}

static int tcp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int ret;

	faults_hold(true);
	log_set_level(LOG_WARNING);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 4) ||
	    getsockname(listener, (struct sockaddr *)&a, &len))
		abort();
	port_nr = ntohs(a.sin_port);
	tw_open(&world, 0);
	faults_hold(false);
	ret = some_attempt(connection);
	faults_hold(true);
	tw_close(&world);
	close(listener);
	return ret;
}

/* ---- UDP ---- */

static struct uw udp_world;

/* A datagram each way, between a port of the guest's and `listener`. */
static bool datagram(unsigned nr)
{
	struct ip_key k = uw_key("192.168.33.1", (u16)(40000 + nr), port_nr);
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	struct fake_frame *f;
	char buf[8];

	/* The second of a batch is a train. */
	uw_put(&udp_world, &k, "pi", 2, UW_WHOLE);
	uw_put(&udp_world, &k, "ping", 4, UW_WHOLE);
	uw_put(&udp_world, &k, "pong", 4, UW_WHOLE);
	udp_settle(udp_world.u);
	for (unsigned i = 0; i < 3; i++)
		if (recvfrom(listener, buf, sizeof(buf), 0, (struct sockaddr *)&from, &size) < 0)
			return false;
	if (memcmp(buf, "pong", 4) ||
	    sendto(listener, "so", 2, 0, (struct sockaddr *)&from, sizeof(from)) != 2)
		return false;
	f = uw_next(&udp_world, 300);
	return f && f->len == 44 && !memcmp(f->data + 42, "so", 2);
}

static int udp(void)
{
	int ret, err;

	faults_hold(true);
	log_set_level(LOG_WARNING);
	listener = uw_peer(false, &port_nr);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	faults_hold(false);
	err = uw_try_open(&udp_world, 0, true, false);
	ret = err ? !!log_errno(err, "UDP") : some_attempt(datagram);
	faults_hold(true);
	uw_close(&udp_world);
	close(listener);
	return ret;
}

/* ---- a port of the console ---- */

static struct loop *loop;
static struct chardev *chr;
static char got[16];
static size_t nr_got;

static size_t receive(void *arg, const void *buf, size_t len)
{
	size_t n = MIN(len, sizeof(got) - nr_got);

	memcpy(got + nr_got, buf, n);
	nr_got += n;
	return n;
}

static void ignored(void *arg)
{
}

static const struct chardev_client client = { .receive = receive,
					      .writable = ignored,
					      .connected = ignored };

/* Longer than a listener rests that had no descriptor. */
static bool steps_until(bool (*so)(int fd), int fd)
{
	for (unsigned i = 0; i < 2 * LOOP_REST_MS / 5 && !so(fd); i++)
		loop_step(loop, 5);
	return so(fd);
}

static bool is_connected(int fd)
{
	return chr->ops->connected(chr);
}

static bool is_away(int fd)
{
	return !is_connected(fd);
}

static bool has_pong(int fd)
{
	return nr_got == 4 && !memcmp(got, "pong", 4);
}

static bool has_ping(int fd)
{
	char buf[8];

	return recv(fd, buf, sizeof(buf), MSG_PEEK) == 4 && !memcmp(buf, "ping", 4);
}

static bool visit(unsigned nr)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "agent" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool good;

	nr_got = 0;
	good = !connect(fd, (struct sockaddr *)&a, sizeof(a)) && steps_until(is_connected, fd);
	if (good) {
		chr->ops->peer(chr, true);
		chr->ops->rx_ready(chr, true);
		good = send(fd, "pong", 4, MSG_NOSIGNAL) == 4 && steps_until(has_pong, fd);
		good = chr->ops->write(chr, "ping", 4) == 4 && steps_until(has_ping, fd) && good;
	}
	close(fd);
	steps_until(is_away, -1);
	chr->ops->peer(chr, false);
	return good;
}

static int console_port(void)
{
	struct port_conf conf;
	struct port *port;
	int ret;

	faults_hold(true);
	log_set_level(LOG_WARNING);
	if (port_conf_parse("a,socket=agent", &conf) || loop_create(&loop, "io") ||
	    port_create(&port, &conf, loop))
		abort();
	chr = port_chardev(port);
	chr->client = &client;
	faults_hold(false);
	ret = some_attempt(visit);
	faults_hold(true);
	port_destroy(port);
	loop_destroy(loop);
	return ret;
}

const struct scenario scenarios_talk[] = {
	{ "a shared directory is at work", nothing, share, true },
	{ "TCP of the user network is at work", nothing, tcp, true },
	{ "UDP of the user network is at work", nothing, udp, true },
	{ "a port of the console is at work", nothing, console_port, true },
};
const unsigned nr_scenarios_talk = ARRAY_SIZE(scenarios_talk);
