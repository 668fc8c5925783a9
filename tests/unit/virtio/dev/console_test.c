/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-console on a fake chardev: bytes both ways, back-pressure without loss or repetition,
 * window size, resets, and drivers that break the rules.
 */
#include <string.h>
#include <unistd.h>

#include "lkvm/vm/chardev.h"
#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/unit/fds.h"
#include "tests/unit/suite.h"
#include "virtio/core/pool.h"
#include "virtio/dev/kinds.h"

#define SIZE_F BIT(0)
#define RX 0
#define TX 1
#define BUF(i) (FAKE_DATA + 4096u * (i))

static struct mem *mem;
static struct loop *loop;
static struct virtio_device *dev;
static struct fake_transport irq;
static struct fake_ring ring[2];

/* The chardev: takes `room` bytes, then no more. */
static char out[256 * KiB];
static size_t out_len, room;
static bool ready;
static u16 cols, rows;
static unsigned writes;

static size_t chr_write(struct chardev *c, const void *buf, size_t len)
{
	size_t n = MIN(len, room);

	ck_assert_uint_le(out_len + n, sizeof(out));
	memcpy(out + out_len, buf, n);
	out_len += n;
	room -= n;
	writes++;
	return n;
}

static void chr_rx_ready(struct chardev *c, bool r)
{
	ready = r;
}

static bool chr_size(struct chardev *c, u16 *w, u16 *h)
{
	*w = cols;
	*h = rows;
	return cols != 0;
}

static const struct chardev_ops chr_ops = { .write = chr_write,
					    .rx_ready = chr_rx_ready,
					    .size = chr_size };
static struct chardev chr;
static const struct virtio_console_conf conf = { .console = &chr };

static void create(u64 mem_flags)
{
	struct virtio_env env;

	chr = (struct chardev){ .ops = &chr_ops };
	mem = fake_mem(mem_flags);
	room = sizeof(out);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	env = (struct virtio_env){ .mem = mem, .loop = loop };
	ck_assert_int_eq(virtio_console_create(&dev, &env, &conf), 0);
	fake_transport_attach(&irq, dev);
}

static void start(u64 features)
{
	ck_assert(fake_negotiate(dev, features | VIRTIO_F_VERSION_1));
	for (u16 i = 0; i < 2; i++) {
		fake_ring_init(&ring[i], mem, FAKE_RING(i), 64, features & VIRTIO_F_EVENT_IDX);
		fake_queue(dev, i, &ring[i]);
	}
	fake_driver_ok(dev);
}

static void setup(u64 features)
{
	create(0);
	start(features);
}

static void teardown(void)
{
	fake_unplug(dev);
	ck_assert_ptr_null(chr.client);
	out_len = 0;
	cols = 0;
}

static void kick(unsigned q)
{
	fake_kick(dev, q);
}

/* Post `text` for output in pieces of `piece` bytes. */
static void say(unsigned i, const char *text, size_t piece)
{
	struct fake_buf bufs[16];
	size_t len = strlen(text);
	unsigned nr = 0;

	memcpy(fake_ptr(mem, BUF(i), len), text, len);
	for (size_t off = 0; off < len; off += piece)
		bufs[nr++] = (struct fake_buf){ BUF(i) + off, (u32)MIN(piece, len - off), false };
	fake_ring_add(&ring[TX], bufs, nr);
}

static void post_input(unsigned i, u32 len)
{
	struct fake_buf b = { BUF(i), len, true };

	fake_ring_add(&ring[RX], &b, 1);
}

/* As a driver that has printed its greeting and is silent since. */
static void listen_to(unsigned i)
{
	say(i, "hi", 2);
	kick(TX);
	for (unsigned n = 0; n < 100 && !ready; n++)
		loop_step(loop, 10);
	ck_assert(ready);
	out_len = 0;
}

static unsigned nr_used(unsigned q)
{
	unsigned n = 0;
	u32 id, len;

	while (fake_ring_used(&ring[q], &id, &len))
		n++;
	return n;
}

static void said(const char *text)
{
	ck_assert_uint_eq(out_len, strlen(text));
	ck_assert_mem_eq(out, text, out_len);
}

START_TEST(output)
{
	setup(0);
	say(0, "hello ", 100);
	say(1, "world\n", 2);
	kick(TX);
	said("hello world\n");
	ck_assert_uint_eq(nr_used(TX), 2);
	ck_assert_uint_eq(irq.queue[TX], 1);
	teardown();
}
END_TEST

/* Posted before DRIVER_OK, or with a doorbell that was lost: still printed. */
START_TEST(output_before_start)
{
	create(0);
	ck_assert(fake_negotiate(dev, VIRTIO_F_VERSION_1));
	for (u16 i = 0; i < 2; i++) {
		fake_ring_init(&ring[i], mem, FAKE_RING(i), 64, false);
		fake_queue(dev, i, &ring[i]);
	}
	say(0, "early", 100);
	fake_driver_ok(dev);
	said("early");
	teardown();
}
END_TEST

START_TEST(back_pressure)
{
	setup(0);
	room = 7;
	say(0, "abcdefghij", 3);
	say(1, "klm", 3);
	kick(TX);
	said("abcdefg");
	ck_assert_uint_eq(nr_used(TX), 0);
	/* More kicks change nothing. */
	kick(TX);
	kick(TX);
	said("abcdefg");
	room = 1;
	chr.client->writable(chr.client_arg);
	said("abcdefgh");
	room = 3;
	chr.client->writable(chr.client_arg);
	said("abcdefghijk");
	ck_assert_uint_eq(nr_used(TX), 1);
	room = 100;
	chr.client->writable(chr.client_arg);
	said("abcdefghijklm");
	ck_assert_uint_eq(nr_used(TX), 1);
	chr.client->writable(chr.client_arg);
	said("abcdefghijklm");
	teardown();
}
END_TEST

/* The driver changes the chain while it waits: nothing worse than odd output. */
START_TEST(chain_changes_while_stalled)
{
	struct fake_buf b = { BUF(1), 1, false };

	setup(0);
	room = 8;
	say(0, "abcdefghij", 100);
	kick(TX);
	fake_desc(mem, ring[TX].desc, 0, b.addr, b.len, 0, 0);
	room = 100;
	chr.client->writable(chr.client_arg);
	said("abcdefgh");
	ck_assert_uint_eq(nr_used(TX), 1);
	say(2, "next", 100);
	kick(TX);
	said("abcdefghnext");
	teardown();
}
END_TEST

/* While output is stalled no hold is kept: the guest can have its memory back. */
START_TEST(stalled_without_a_hold)
{
	create(MEM_PROTECTED);
	ck_assert_int_eq(mem_set_shared(mem, gpa(FAKE_RAM), FAKE_RAM_SIZE, true), 0);
	start(0);
	room = 1;
	say(0, "abc", 100);
	kick(TX);
	ck_assert_int_eq(mem_set_shared(mem, gpa(BUF(0)), 4096, false), 0);
	room = 100;
	chr.client->writable(chr.client_arg);
	ck_assert(dev->broken);
	said("a");
	teardown();
}
END_TEST

START_TEST(input)
{
	char *a, *b;

	setup(0);
	listen_to(10);
	a = fake_ptr(mem, BUF(0), 4096);
	b = fake_ptr(mem, BUF(1), 4096);
	ck_assert_uint_eq(chr.client->receive(chr.client_arg, "x", 1), 0);
	post_input(0, 4);
	post_input(1, 100);
	ready = false;
	kick(RX);
	ck_assert(ready);
	ck_assert_uint_eq(chr.client->receive(chr.client_arg, "abcdef", 6), 6);
	ck_assert_mem_eq(a, "abcd", 4);
	ck_assert_mem_eq(b, "ef", 2);
	ck_assert_uint_eq(irq.queue[RX], 1);

	u32 id, len;

	ck_assert(fake_ring_used(&ring[RX], &id, &len) && len == 4);
	ck_assert(fake_ring_used(&ring[RX], &id, &len) && len == 2);
	/* Too much: what fits is taken. */
	post_input(0, 2);
	ck_assert_uint_eq(chr.client->receive(chr.client_arg, "ghi", 3), 2);
	ck_assert_mem_eq(a, "gh", 2);
	teardown();
	ck_assert(!ready);
}
END_TEST

static u64 ready_after(void)
{
	u64 t = loop_now_ns();

	for (unsigned n = 0; n < 1000 && !ready; n++)
		loop_step(loop, 10);
	ck_assert(ready);
	return loop_now_ns() - t;
}

/*
 * Linux throws away what comes before it has connected its tty: input starts when the driver has
 * stopped talking, or has talked for long, or has said nothing for longer.
 */
START_TEST(input_waits_for_the_driver)
{
	bool paused = false;
	u64 t, last;

	setup(0);
	post_input(0, 100);
	kick(RX);
	ck_assert(!ready);
	for (unsigned i = 0; i < 5; i++) {
		last = loop_now_ns();
		usleep(30000);
		say(i, "boot message", 100);
		kick(TX);
		nr_used(TX);
		/* On a busy machine the test itself falls silent. */
		paused |= loop_now_ns() - last > 80000000;
		ck_assert(!ready || paused);
	}
	if (!paused)
		ck_assert_uint_ge(ready_after(), 50000000);
	ready_after();
	/* From then on it is up to the buffers alone. */
	ready = false;
	post_input(1, 100);
	kick(RX);
	ck_assert(ready);
	/* After a reset it is a new driver. */
	fake_reset(dev);
	ck_assert(!ready);
	start(0);
	ck_assert_uint_ge(ready_after(), 2900000000);
	fake_reset(dev);
	start(0);
	t = last = loop_now_ns();
	while (!ready) {
		say(0, "x", 1);
		kick(TX);
		nr_used(TX);
		out_len = 0;
		ck_assert_uint_lt(loop_now_ns() - t, 10000000000);
		paused |= loop_now_ns() - last > 50000000;
		last = loop_now_ns();
	}
	if (!paused)
		ck_assert_uint_ge(loop_now_ns() - t, 1900000000);
	teardown();
}
END_TEST

/* When input has to wait for buffers the driver is asked to kick. */
START_TEST(input_asks_for_kicks)
{
	for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
		setup(event_idx ? VIRTIO_F_EVENT_IDX : 0);
		listen_to(10);
		post_input(0, 1);
		fake_ring_wants_kick(&ring[RX]);
		kick(RX);
		ck_assert_uint_eq(chr.client->receive(chr.client_arg, "ab", 2), 1);
		post_input(0, 1);
		ck_assert(fake_ring_wants_kick(&ring[RX]));
		teardown();
	}
}
END_TEST

START_TEST(receive_when_not_running)
{
	create(0);
	ck_assert_uint_eq(chr.client->receive(chr.client_arg, "a", 1), 0);
	chr.client->writable(chr.client_arg);
	start(0);
	fake_reset(dev);
	ck_assert(!ready);
	ck_assert_uint_eq(chr.client->receive(chr.client_arg, "a", 1), 0);
	teardown();
}
END_TEST

/* What was posted before the end is printed, doorbell heard or not. */
START_TEST(reset_prints_the_rest)
{
	setup(0);
	say(0, "power ", 100);
	say(1, "down\n", 100);
	fake_reset(dev);
	said("power down\n");
	teardown();
}
END_TEST

START_TEST(reset_while_stalled)
{
	setup(0);
	room = 2;
	say(0, "abc", 100);
	kick(TX);
	fake_reset(dev);
	said("ab");
	room = 100;
	start(0);
	say(0, "xyz", 100);
	kick(TX);
	said("abxyz");
	teardown();
}
END_TEST

/* The driver resets only the queue that is stalled: the next output starts at its first byte. */
START_TEST(queue_reset_while_stalled)
{
	setup(VIRTIO_F_RING_RESET);
	room = 2;
	say(0, "abc", 100);
	kick(TX);
	pthread_mutex_lock(&dev->lock);
	virtio_queue_reset(dev, &dev->queues[TX]);
	pthread_mutex_unlock(&dev->lock);
	room = 100;
	chr.client->writable(chr.client_arg);
	said("ab");
	fake_ring_init(&ring[TX], mem, FAKE_RING(TX), 64, false);
	fake_queue(dev, TX, &ring[TX]);
	say(0, "xyz", 100);
	kick(TX);
	said("abxyz");
	teardown();
}
END_TEST

START_TEST(a_kick_is_bounded)
{
	setup(VIRTIO_F_EVENT_IDX);
	for (unsigned round = 0; round < 100; round++) {
		out_len = 0;
		for (unsigned i = 0; i < 64; i++)
			say(i, "x", 1);
		kick(TX);
		ck_assert_uint_eq(out_len, 64);
		ck_assert_uint_eq(nr_used(TX), 64);
	}
	teardown();
}
END_TEST

START_TEST(window_size)
{
	create(0);
	ck_assert(!(dev->offered & SIZE_F));
	start(0);
	teardown();
	cols = 80;
	rows = 25;
	create(0);
	ck_assert(dev->offered & SIZE_F);
	ck_assert_uint_eq(virtio_config_read(dev, 0, 4), 80 | 25 << 16);
	ck_assert_uint_eq(virtio_config_read(dev, 4, 4), 1);
	start(SIZE_F);
	cols = 132;
	chr.client->resized(chr.client_arg);
	ck_assert_uint_eq(virtio_config_read(dev, 0, 4), 132 | 25 << 16);
	ck_assert_uint_eq(irq.config, 1);
	/* A vCPU is at the registers: not now, but soon. */
	pthread_mutex_lock(&dev->lock);
	rows = 43;
	chr.client->resized(chr.client_arg);
	ck_assert_uint_eq(virtio_config_read(dev, 0, 4), 132 | 25 << 16);
	pthread_mutex_unlock(&dev->lock);
	while (irq.config == 1)
		loop_step(loop, 1000);
	ck_assert_uint_eq(virtio_config_read(dev, 0, 4), 132 | 43 << 16);
	/* Without the feature nobody is told. */
	fake_reset(dev);
	start(0);
	chr.client->resized(chr.client_arg);
	ck_assert_uint_eq(irq.config, 2);
	/* Nothing is writable. */
	virtio_config_write(dev, 0, 4, 0);
	ck_assert_uint_eq(virtio_config_read(dev, 0, 4), 132 | 43 << 16);
	teardown();
}
END_TEST

/* [virtio 1.3 §5.3.6.2] and the black book, on both queues. */
START_TEST(bad_buffers)
{
	struct fake_buf readable = { BUF(0), 10, false };

	setup(0);
	fake_ring_add(&ring[RX], &readable, 1);
	kick(RX);
	ck_assert_uint_eq(chr.client->receive(chr.client_arg, "a", 1), 0);
	ck_assert(dev->broken && irq.config == 1);
	teardown();
	for (unsigned i = 0; i < nr_fake_bad; i++) {
		for (unsigned q = RX; q <= TX; q++) {
			setup(VIRTIO_F_INDIRECT_DESC);
			fake_bad[i].post(&ring[q], BUF(0));
			kick(q);
			if (q == RX)
				chr.client->receive(chr.client_arg, "a", 1);
			ck_assert_msg(dev->broken, "%s on queue %u", fake_bad[i].name, q);
			kick(q);
			teardown();
		}
	}
}
END_TEST

/* A chain of a buffer that is all of RAM, again and again: only as much as the chardev takes. */
START_TEST(long_chains)
{
	struct fake_buf bufs[16];

	setup(0);
	room = 1000;
	for (unsigned i = 0; i < 16; i++)
		bufs[i] = (struct fake_buf){ FAKE_RAM, FAKE_RAM_SIZE, false };
	fake_ring_add(&ring[TX], bufs, 16);
	kick(TX);
	ck_assert_uint_eq(out_len, 1000);
	ck_assert_uint_le(writes, 1);
	teardown();
}
END_TEST

static int create_and_destroy(void)
{
	struct virtio_env env = { .mem = mem, .loop = loop };
	int err;

	chr = (struct chardev){ .ops = &chr_ops };
	err = virtio_console_create(&dev, &env, &conf);
	if (!err)
		dev->type->destroy(dev);
	ck_assert_ptr_null(chr.client);
	return err;
}

/* Linux puts 4 KiB into each place of the receive ring: 64 of them are all of a small pool. */
START_TEST(a_small_ring_where_the_guest_bounces)
{
	static const struct virtio_pool pool = { .kib = 256 };
	struct virtio_env env = { .mem = fake_mem(0), .pool = &pool };

	ck_assert_int_eq(loop_create(&env.loop, "test"), 0);
	chr = (struct chardev){ .ops = &chr_ops };
	ck_assert_int_eq(virtio_console_create(&dev, &env, &conf), 0);
	ck_assert_uint_le(dev->queues[RX].max_size * 4, pool.kib / 8);
	dev->type->destroy(dev);
	loop_destroy(env.loop);
	mem_destroy(env.mem);
}
END_TEST

START_TEST(create_fails_step_by_step)
{
	mem = fake_mem(0);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	fds_exhaust(create_and_destroy);
	loop_destroy(loop);
	mem_destroy(mem);
}
END_TEST

SUITE_MAIN("virtio/console", output, output_before_start, back_pressure,
	   chain_changes_while_stalled, stalled_without_a_hold, input, input_asks_for_kicks,
	   receive_when_not_running, input_waits_for_the_driver, reset_prints_the_rest,
	   reset_while_stalled, queue_reset_while_stalled, a_kick_is_bounded, window_size,
	   bad_buffers, long_chains, a_small_ring_where_the_guest_bounces,
	   create_fails_step_by_step)
