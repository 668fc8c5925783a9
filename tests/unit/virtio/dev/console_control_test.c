/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of virtio-console: what a driver is told of them and says, one MUST after the other; bytes
 * and ends both ways, and drivers that break the rules.
 */
#include <string.h>

#include "lkvm/vm/chardev.h"
#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/unit/fds.h"
#include "tests/unit/suite.h"
#include "virtio/core/pool.h"
#include "virtio/dev/kinds.h"

#define SIZE_F BIT(0)
#define MULTIPORT BIT(1)
#define CONTROL_RX 2u
#define CONTROL_TX 3u
#define NR_PORTS 3u /* with the console */
#define NR_QUEUES (2 * NR_PORTS + 2)
#define BUF(i) (FAKE_DATA + 4096u * (i))
#define CONTROL_BUF 100u /* first of the buffers for messages to the driver */
#define SAY_BUF 90u

enum {
	DEVICE_READY,
	PORT_ADD,
	PORT_REMOVE,
	PORT_READY,
	CONSOLE_PORT,
	RESIZE,
	PORT_OPEN,
	PORT_NAME
};

static struct mem *mem;
static struct loop *loop;
static struct virtio_device *dev;
static struct fake_transport irq;
static struct fake_ring ring[NR_QUEUES];
static unsigned posted; /* buffers for messages */

/* What stands behind a port. */
struct side {
	struct chardev chr;
	char out[4096];
	size_t out_len, room;
	bool ready, connected, peer;
	unsigned nr_opened, nr_closed;
};
static struct side sides[NR_PORTS];

static size_t side_write(struct chardev *c, const void *buf, size_t len)
{
	struct side *s = container_of(c, struct side, chr);
	size_t n = MIN(len, s->room);

	memcpy(s->out + s->out_len, buf, n);
	s->out_len += n;
	s->room -= n;
	return n;
}

static void side_rx_ready(struct chardev *c, bool ready)
{
	container_of(c, struct side, chr)->ready = ready;
}

static bool side_size(struct chardev *c, u16 *cols, u16 *rows)
{
	*cols = 80;
	*rows = 25;
	return true;
}

static bool side_connected(struct chardev *c)
{
	return container_of(c, struct side, chr)->connected;
}

static void side_peer(struct chardev *c, bool open)
{
	struct side *s = container_of(c, struct side, chr);

	s->peer = open;
	s->nr_opened += open;
	s->nr_closed += !open;
}

static const struct chardev_ops console_ops = { .write = side_write,
						.rx_ready = side_rx_ready,
						.size = side_size };
static const struct chardev_ops port_ops = { .write = side_write,
					     .rx_ready = side_rx_ready,
					     .connected = side_connected,
					     .peer = side_peer };

static const struct virtio_console_port ports[] = {
	{ "org.example.one", &sides[1].chr },
	{ "two", &sides[2].chr },
};

static void create(bool console)
{
	const struct virtio_console_conf conf = { console ? &sides[0].chr : NULL, ports, 2 };
	struct virtio_env env;

	memset(sides, 0, sizeof(sides));
	for (unsigned i = 0; i < NR_PORTS; i++) {
		sides[i].chr.ops = i ? &port_ops : &console_ops;
		sides[i].room = sizeof(sides[i].out);
	}
	mem = fake_mem(0);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	env = (struct virtio_env){ .mem = mem, .loop = loop };
	ck_assert_int_eq(virtio_console_create(&dev, &env, &conf), 0);
	fake_transport_attach(&irq, dev);
}

static void start(u64 features)
{
	ck_assert(fake_negotiate(dev, features | VIRTIO_F_VERSION_1));
	for (u16 i = 0; i < NR_QUEUES; i++) {
		fake_ring_init(&ring[i], mem, FAKE_RING(i), 64, false);
		fake_queue(dev, i, &ring[i]);
	}
	fake_driver_ok(dev);
	posted = 0;
}

static void post_control(unsigned nr)
{
	while (nr--) {
		struct fake_buf b = { BUF(CONTROL_BUF + posted++ % 64), 4096, true };

		fake_ring_add(&ring[CONTROL_RX], &b, 1);
	}
	fake_kick(dev, CONTROL_RX);
}

static void say_raw(const void *msg, u32 len)
{
	struct fake_buf b = { BUF(SAY_BUF), len, false };
	u32 id;

	memcpy(fake_ptr(mem, BUF(SAY_BUF), len), msg, len);
	fake_ring_add(&ring[CONTROL_TX], &b, 1);
	fake_kick(dev, CONTROL_TX);
	fake_ring_used(&ring[CONTROL_TX], &id, &len);
}

static void say(u32 id, u16 event, u16 value)
{
	const u16 msg[] = { (u16)id, (u16)(id >> 16), event, value };

	say_raw(msg, sizeof(msg));
}

/* The next message to the driver; `more`: what it has behind the header. */
static void told(u16 id, u16 event, u16 value, const void *more, u32 more_len)
{
	u32 head, len;
	const u16 *m;

	ck_assert_msg(fake_ring_used(&ring[CONTROL_RX], &head, &len), "no message %u of port %u",
		      event, id);
	/* One descriptor each, in turn. */
	m = fake_ptr(mem, BUF(CONTROL_BUF + head % 64), 4096);
	ck_assert_uint_eq(m[0], id);
	ck_assert_uint_eq(m[1], 0);
	ck_assert_uint_eq(m[2], event);
	ck_assert_uint_eq(m[3], value);
	ck_assert_uint_eq(len, 8 + more_len);
	if (more_len)
		ck_assert_mem_eq(m + 4, more, more_len);
}

static bool silent(void)
{
	u32 head, len;

	return !fake_ring_used(&ring[CONTROL_RX], &head, &len);
}

/* As Linux does: all ports are known. What the driver is told of them is read. */
static void all_ready(void)
{
	post_control(32);
	say(0, DEVICE_READY, 1);
	for (u16 i = 0; i < NR_PORTS; i++)
		say(i, PORT_READY, 1);
	while (!silent())
		;
}

static void setup(void)
{
	create(true);
	start(MULTIPORT | SIZE_F);
	all_ready();
}

static void teardown(void)
{
	fake_unplug(dev);
	for (unsigned i = 0; i < NR_PORTS; i++)
		ck_assert_ptr_null(sides[i].chr.client);
}

/* [virtio 1.3 §5.3.5, §5.3.6.4] The whole conversation. */
START_TEST(ports_are_added)
{
	static const u16 size[] = { 80, 25 };

	create(true);
	ck_assert((dev->offered & (SIZE_F | MULTIPORT)) == (SIZE_F | MULTIPORT));
	ck_assert_uint_eq(dev->nr_queues, NR_QUEUES);
	ck_assert_uint_eq(virtio_config_read(dev, 4, 4), NR_PORTS);
	start(MULTIPORT);
	post_control(32);
	ck_assert(silent());
	say(0, DEVICE_READY, 1);
	for (u16 i = 0; i < NR_PORTS; i++)
		told(i, PORT_ADD, 1, NULL, 0);
	ck_assert(silent());
	say(0, PORT_READY, 1);
	told(0, CONSOLE_PORT, 1, NULL, 0);
	told(0, RESIZE, 0, size, 4);
	told(0, PORT_OPEN, 1, NULL, 0);
	say(1, PORT_READY, 1);
	told(1, PORT_NAME, 1, "org.example.one", 15);
	ck_assert(silent());
	sides[2].connected = true;
	say(2, PORT_READY, 1);
	told(2, PORT_NAME, 1, "two", 3);
	told(2, PORT_OPEN, 1, NULL, 0);
	ck_assert(silent() && !fake_broken(dev));
	teardown();
}
END_TEST

/* Without a console there is no port 0, and no size. */
START_TEST(no_console)
{
	create(false);
	ck_assert(!(dev->offered & SIZE_F));
	start(MULTIPORT);
	post_control(32);
	say(0, DEVICE_READY, 1);
	told(1, PORT_ADD, 1, NULL, 0);
	told(2, PORT_ADD, 1, NULL, 0);
	say(0, PORT_READY, 1);
	say(0, PORT_OPEN, 1);
	fake_ring_post(&ring[0]);
	fake_kick(dev, 0);
	fake_kick(dev, 1);
	ck_assert(silent() && !fake_broken(dev));
	teardown();
}
END_TEST

/* [virtio 1.3 §5.3.2] A driver that does not know of ports sees a console as those of old. */
START_TEST(without_multiport)
{
	create(true);
	start(SIZE_F);
	post_control(4);
	say(0, DEVICE_READY, 1);
	say(1, PORT_OPEN, 1);
	ck_assert(silent() && !sides[1].ready && !sides[1].nr_opened);
	for (unsigned i = 0; i < 1000 && !sides[0].ready; i++)
		loop_step(loop, 10);
	ck_assert(sides[0].ready);
	sides[1].connected = true;
	sides[1].chr.client->connected(sides[1].chr.client_arg);
	ck_assert(silent());
	teardown();
}
END_TEST

/* Messages wait for buffers, and say what is the case then. */
START_TEST(messages_wait)
{
	const struct chardev_client *c;
	struct side *s = &sides[1];

	create(true);
	start(MULTIPORT);
	post_control(2);
	say(0, DEVICE_READY, 1);
	told(0, PORT_ADD, 1, NULL, 0);
	told(1, PORT_ADD, 1, NULL, 0);
	say(1, PORT_READY, 1);
	c = s->chr.client;
	ck_assert(silent());
	post_control(2);
	told(1, PORT_NAME, 1, "org.example.one", 15);
	told(2, PORT_ADD, 1, NULL, 0);
	s->connected = true;
	c->connected(s->chr.client_arg);
	s->connected = false;
	c->connected(s->chr.client_arg);
	post_control(8);
	told(1, PORT_OPEN, 0, NULL, 0);
	ck_assert(silent());
	s->connected = true;
	c->connected(s->chr.client_arg);
	c->connected(s->chr.client_arg);
	told(1, PORT_OPEN, 1, NULL, 0);
	ck_assert(silent());
	/* Gone and there again: both. */
	s->connected = false;
	c->connected(s->chr.client_arg);
	s->connected = true;
	c->connected(s->chr.client_arg);
	told(1, PORT_OPEN, 0, NULL, 0);
	told(1, PORT_OPEN, 1, NULL, 0);
	ck_assert(silent());
	teardown();
}
END_TEST

START_TEST(resize)
{
	static const u16 size[] = { 80, 25 };

	setup();
	sides[0].chr.client->resized(sides[0].chr.client_arg);
	told(0, RESIZE, 0, size, 4);
	ck_assert_uint_eq(irq.config, 1);
	sides[1].chr.client->resized(sides[1].chr.client_arg);
	ck_assert(silent());
	teardown();
}
END_TEST

static void write_port(unsigned port, unsigned buf, const char *text)
{
	struct fake_buf b = { BUF(buf), (u32)strlen(text), false };

	memcpy(fake_ptr(mem, b.addr, b.len), text, b.len);
	fake_ring_add(&ring[2 * port + 3], &b, 1);
}

/* Bytes go to the port whose queue it is; input waits for the driver to open it. */
START_TEST(bytes)
{
	struct side *s = &sides[2];
	struct fake_buf in = { BUF(0), 100, true };

	setup();
	write_port(2, 1, "to two");
	fake_kick(dev, 7);
	ck_assert_uint_eq(s->out_len, 6);
	ck_assert_mem_eq(s->out, "to two", 6);
	ck_assert_uint_eq(sides[1].out_len, 0);
	fake_ring_add(&ring[6], &in, 1);
	fake_kick(dev, 6);
	ck_assert(!s->ready);
	say(2, PORT_OPEN, 1);
	ck_assert(s->ready && s->peer && !sides[1].ready);
	ck_assert_uint_eq(s->chr.client->receive(s->chr.client_arg, "abc", 3), 3);
	ck_assert_mem_eq(fake_ptr(mem, BUF(0), 3), "abc", 3);
	/* Once more says nothing new. */
	say(2, PORT_OPEN, 1);
	ck_assert_uint_eq(s->nr_opened, 1);
	say(2, PORT_OPEN, 0);
	ck_assert(!s->ready && !s->peer);
	say(2, PORT_OPEN, 0);
	ck_assert_uint_eq(s->nr_closed, 1);
	teardown();
}
END_TEST

/* The end is told after the last byte, whichever doorbell is heard first. */
START_TEST(the_end_comes_last)
{
	struct side *s = &sides[1];

	setup();
	say(1, PORT_OPEN, 1);
	s->room = 3;
	write_port(1, 1, "last words");
	say(1, PORT_OPEN, 0);
	ck_assert_uint_eq(s->out_len, 3);
	ck_assert_uint_eq(s->nr_closed, 0);
	s->room = 100;
	s->chr.client->writable(s->chr.client_arg);
	ck_assert_mem_eq(s->out, "last words", 10);
	ck_assert_uint_eq(s->nr_closed, 1);
	/* Opened again before it was out: there was no end. */
	say(1, PORT_OPEN, 1);
	s->room = 0;
	write_port(1, 1, "x");
	say(1, PORT_OPEN, 0);
	say(1, PORT_OPEN, 1);
	s->room = 100;
	s->chr.client->writable(s->chr.client_arg);
	ck_assert(s->peer && s->nr_closed == 1);
	teardown();
}
END_TEST

/* A reset with data in flight: what the chardev takes is out, the rest is gone, the port closed. */
START_TEST(reset_in_flight)
{
	struct side *s = &sides[1];

	setup();
	say(1, PORT_OPEN, 1);
	s->room = 2;
	write_port(1, 1, "abc");
	fake_kick(dev, 5);
	fake_reset(dev);
	ck_assert(!s->peer && s->nr_closed == 1 && !s->ready && s->out_len == 2);
	s->room = 100;
	s->chr.client->writable(s->chr.client_arg);
	ck_assert_uint_eq(s->out_len, 2);
	/* A new driver knows nothing of the port before it is told. */
	start(MULTIPORT);
	s->connected = true;
	post_control(32);
	s->chr.client->connected(s->chr.client_arg);
	ck_assert(silent());
	say(1, PORT_READY, 1);
	told(1, PORT_NAME, 1, "org.example.one", 15);
	told(1, PORT_OPEN, 1, NULL, 0);
	teardown();
}
END_TEST

/* Nothing that a driver says of ports that are not there, or says wrongly, does anything. */
START_TEST(nonsense)
{
	setup();
	for (u16 event = 0; event < 12; event++) {
		say(NR_PORTS, event, 1);
		say(UINT32_MAX, event, 1);
		say(0x10001, event, 1);
	}
	say(1, PORT_ADD, 1);
	say(1, RESIZE, 1);
	say(1, 0xffff, 0xffff);
	while (!silent())
		;
	for (unsigned i = 0; i < NR_PORTS; i++)
		ck_assert(!sides[i].ready && !sides[i].nr_opened);
	/* It could not set up this one: not another word about it. */
	say(1, PORT_READY, 0);
	sides[1].connected = true;
	sides[1].chr.client->connected(sides[1].chr.client_arg);
	ck_assert(silent() && !fake_broken(dev));
	say(0, DEVICE_READY, 0);
	ck_assert(silent() && !fake_broken(dev));
	teardown();
}
END_TEST

START_TEST(bad_messages)
{
	struct fake_buf small = { BUF(1), 7, true }, readable = { BUF(1), 8, false };

	setup();
	say_raw("1234567", 7);
	ck_assert(fake_broken(dev));
	teardown();
	for (unsigned i = 0; i < 2; i++) {
		create(true);
		start(MULTIPORT);
		fake_ring_add(&ring[CONTROL_RX], i ? &readable : &small, 1);
		say(0, DEVICE_READY, 1);
		ck_assert(fake_broken(dev));
		teardown();
	}
	for (unsigned i = 0; i < nr_fake_bad; i++) {
		for (unsigned q = CONTROL_RX; q < NR_QUEUES; q++) {
			create(true);
			start(MULTIPORT | VIRTIO_F_INDIRECT_DESC);
			fake_bad[i].post(&ring[q], BUF(0));
			if (q == CONTROL_RX)
				say(0, DEVICE_READY, 1);
			fake_kick(dev, q);
			if (q % 2 == 0 && q > CONTROL_TX)
				sides[q / 2 - 1].chr.client->receive(
					sides[q / 2 - 1].chr.client_arg, "a", 1);
			ck_assert_msg(fake_broken(dev), "%s on queue %u", fake_bad[i].name, q);
			teardown();
		}
	}
}
END_TEST

/* [virtio 1.3 §3.1.1] A driver need not set up each queue. */
START_TEST(queues_that_are_not_there)
{
	create(true);
	ck_assert(fake_negotiate(dev, MULTIPORT | VIRTIO_F_VERSION_1));
	fake_ring_init(&ring[CONTROL_TX], mem, FAKE_RING(CONTROL_TX), 64, false);
	fake_queue(dev, CONTROL_TX, &ring[CONTROL_TX]);
	fake_driver_ok(dev);
	say(0, DEVICE_READY, 1);
	for (u16 i = 0; i < NR_PORTS; i++) {
		say(i, PORT_READY, 1);
		say(i, PORT_OPEN, 1);
		ck_assert_uint_eq(sides[i].chr.client->receive(sides[i].chr.client_arg, "x", 1), 0);
		sides[i].chr.client->writable(sides[i].chr.client_arg);
		say(i, PORT_OPEN, 0);
	}
	ck_assert(sides[1].nr_closed == 1 && !fake_broken(dev));
	teardown();
}
END_TEST

/* Linux fills receive rings with pages. */
START_TEST(small_rings_where_the_guest_bounces)
{
	static const struct virtio_pool pool = { .kib = 256 };
	const struct virtio_console_conf conf = { &sides[0].chr, ports, 2 };
	struct virtio_env env = { .mem = fake_mem(0), .pool = &pool };
	unsigned pages = 0;

	for (unsigned i = 0; i < NR_PORTS; i++)
		sides[i].chr.ops = &port_ops;
	ck_assert_int_eq(loop_create(&env.loop, "test"), 0);
	ck_assert_int_eq(virtio_console_create(&dev, &env, &conf), 0);
	for (unsigned i = 0; i < NR_QUEUES; i += 2)
		pages += dev->queues[i].max_size;
	ck_assert_uint_le(pages * 4, pool.kib / 4);
	dev->type->destroy(dev);
	loop_destroy(env.loop);
	mem_destroy(env.mem);
}
END_TEST

SUITE_MAIN("virtio/console_control", ports_are_added, no_console, without_multiport, messages_wait,
	   resize, bytes, the_end_comes_last, reset_in_flight, nonsense, bad_messages,
	   queues_that_are_not_there, small_rings_where_the_guest_bounces)
