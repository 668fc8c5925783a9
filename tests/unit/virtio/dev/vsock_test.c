/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-vsock on real Unix sockets, with a fake driver: connections from both sides, credit, ends
 * of all kinds, a thousand at once, and guests that lie.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lkvm/base/le.h"
#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/unit/fds.h"
#include "tests/unit/suite.h"
#include "virtio/dev/kinds.h"
#include "virtio/dev/vsock.h"
#include "virtio/dev/vsock_conf.h"

#define CID 42u
#define RX_BUF(i) (FAKE_DATA + 4096u * (i))
#define TX_BUF (FAKE_DATA + 4096u * 200u)
#define RING_SIZE 128u
#define ALLOC 65536u /* the guest's buffer for a connection, as it says */

static struct mem *mem;
static struct loop *loop;
static struct virtio_device *dev;
static struct fake_transport irq;
static struct fake_ring ring[VSOCK_NR_QUEUES];
static char dir[32], path[64];
static struct vsock_conf conf;

static void create(u64 mem_flags)
{
	struct virtio_env env;

	strcpy(dir, "/tmp/vsock-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/v", dir);
	conf.cid = CID;
	strcpy(conf.uds, path);
	mem = fake_mem(mem_flags);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	env = (struct virtio_env){ .mem = mem, .loop = loop };
	ck_assert_int_eq(virtio_vsock_create(&dev, &env, &conf), 0);
	fake_transport_attach(&irq, dev);
}

static void post_rx(unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		/* One descriptor each, in turn: a buffer is found by its descriptor. */
		struct fake_buf b = { RX_BUF(ring[VSOCK_RX].next_desc % RING_SIZE), 4096, true };

		fake_ring_add(&ring[VSOCK_RX], &b, 1);
	}
	fake_kick(dev, VSOCK_RX);
}

static void start(unsigned nr_rx)
{
	ck_assert(fake_negotiate(dev, VIRTIO_F_VERSION_1 | BIT(0)));
	for (u16 i = 0; i < VSOCK_NR_QUEUES; i++) {
		u16 size = i == VSOCK_EVENT ? 8 : RING_SIZE;

		fake_ring_init(&ring[i], mem, FAKE_RING(i), size, false);
		fake_queue(dev, i, &ring[i]);
	}
	fake_driver_ok(dev);
	post_rx(nr_rx);
}

static void setup(void)
{
	create(0);
	start(64);
}

static void teardown(void)
{
	char cmd[64];

	fake_unplug(dev);
	ck_assert_int_eq(access(path, F_OK), -1);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static void steps(void)
{
	for (unsigned i = 0; i < 10; i++)
		loop_step(loop, 1);
}

static void sleeps(void)
{
	u64 t = loop_now_ns();

	for (unsigned i = 0; i < 5; i++)
		loop_step(loop, 20);
	ck_assert_uint_ge(loop_now_ns() - t, 50000000);
}

/* ---- the guest ---- */

static struct vsock_hdr packet(u32 src, u32 dst, u16 op, u32 len)
{
	return (struct vsock_hdr){ .src_cid = le64_of(CID),
				   .dst_cid = le64_of(2),
				   .src_port = le32_of(src),
				   .dst_port = le32_of(dst),
				   .len = le32_of(len),
				   .type = le16_of(1),
				   .op = le16_of(op),
				   .buf_alloc = le32_of(ALLOC) };
}

static void send_raw(const struct vsock_hdr *h, const void *data, u32 len)
{
	struct fake_buf b[] = { { TX_BUF, sizeof(*h), false }, { TX_BUF + 64, len, false } };
	u32 id, l;

	memcpy(fake_ptr(mem, TX_BUF, sizeof(*h)), h, sizeof(*h));
	if (len)
		memcpy(fake_ptr(mem, TX_BUF + 64, len), data, len);
	fake_ring_add(&ring[VSOCK_TX], b, len ? 2 : 1);
	fake_kick(dev, VSOCK_TX);
	fake_ring_used(&ring[VSOCK_TX], &id, &l);
}

static void say(u32 src, u32 dst, u16 op, const char *data)
{
	u32 len = data ? (u32)strlen(data) : 0;
	struct vsock_hdr h = packet(src, dst, op, len);

	send_raw(&h, data, len);
}

/* The next packet for the guest: its header, and its bytes in *data. NULL: there is none. */
static const struct vsock_hdr *next(const char **data)
{
	const struct vsock_hdr *h;
	u32 id, len;

	if (!fake_ring_used(&ring[VSOCK_RX], &id, &len))
		return NULL;
	h = fake_ptr(mem, RX_BUF(id), 4096);
	ck_assert_uint_eq(len, sizeof(*h) + le32_get(h->len));
	ck_assert_uint_eq(le64_get(h->dst_cid), CID);
	if (data)
		*data = (const char *)(h + 1);
	return h;
}

static const struct vsock_hdr *told(u32 src, u32 dst, u16 op)
{
	const struct vsock_hdr *h = next(NULL);

	ck_assert_msg(h, "no packet %u", op);
	ck_assert_uint_eq(le16_get(h->op), op);
	ck_assert_uint_eq(le64_get(h->src_cid), 2);
	ck_assert_uint_eq(le32_get(h->src_port), src);
	ck_assert_uint_eq(le32_get(h->dst_port), dst);
	ck_assert_uint_eq(le16_get(h->type), 1);
	return h;
}

static void silent(void)
{
	const struct vsock_hdr *h;

	steps();
	h = next(NULL);
	ck_assert_msg(!h, "packet %u", h ? le16_get(h->op) : 0);
	ck_assert(!fake_broken(dev));
}

static void told_bytes(u32 src, u32 dst, const char *text)
{
	const struct vsock_hdr *h;
	const char *data;

	steps();
	h = next(&data);
	ck_assert(h && le16_get(h->op) == VSOCK_RW);
	ck_assert(le32_get(h->src_port) == src && le32_get(h->dst_port) == dst);
	ck_assert_uint_eq(le32_get(h->len), strlen(text));
	ck_assert_mem_eq(data, text, strlen(text));
}

/* ---- the host ---- */

static int listen_at(u32 port)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s_%u", path, port);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(fd, 1024), 0);
	return fd;
}

static int connect_host(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(a.sun_path, path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void put(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	steps();
}

static void hears(int fd, const char *text)
{
	char got[256] = { 0 };
	ssize_t n = read(fd, got, sizeof(got) - 1);

	ck_assert_msg(n == (ssize_t)strlen(text) && !strcmp(got, text), "'%s', not '%s'", got,
		      text);
}

static void hears_the_end(int fd)
{
	char c;
	ssize_t n = read(fd, &c, 1);

	/* What was sent and not read makes it a reset. */
	ck_assert(n == 0 || (n < 0 && errno == ECONNRESET));
}

/* The guest's port 1000 is connected to our port 52; our end. */
static int connected(void)
{
	int listener = listen_at(52), fd;

	say(1000, 52, VSOCK_REQUEST, NULL);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	ck_assert_int_ge(fd, 0);
	close(listener);
	told(52, 1000, VSOCK_RESPONSE);
	return fd;
}

START_TEST(guest_connects)
{
	const struct vsock_hdr *h;
	int fd;

	setup();
	ck_assert(dev->offered & BIT(0));
	ck_assert_uint_eq(virtio_config_read(dev, 0, 8), CID);
	fd = connected();
	say(1000, 52, VSOCK_RW, "hello");
	hears(fd, "hello");
	put(fd, "and back");
	told_bytes(52, 1000, "and back");
	silent();
	sleeps();
	/* [virtio 1.3 §5.10.6.3] The count of what was taken, in each packet. */
	say(1000, 52, VSOCK_CREDIT_REQUEST, NULL);
	h = told(52, 1000, VSOCK_CREDIT_UPDATE);
	ck_assert_uint_eq(le32_get(h->fwd_cnt), 5);
	ck_assert_uint_eq(le32_get(h->buf_alloc), VSOCK_BUF);
	close(fd);
	teardown();
}
END_TEST

START_TEST(host_connects)
{
	char line[32];
	u32 port;
	int fd;

	setup();
	fd = connect_host();
	steps();
	/* In pieces, and with what follows at once. */
	put(fd, "CONN");
	silent();
	put(fd, "ECT 7\nGET");
	port = le32_get(next(NULL)->src_port);
	ck_assert_uint_ge(port, 0x40000000);
	silent();
	say(7, port, VSOCK_RESPONSE, NULL);
	snprintf(line, sizeof(line), "OK %u\n", port);
	hears(fd, line);
	told_bytes(port, 7, "GET");
	say(7, port, VSOCK_RW, "200");
	hears(fd, "200");
	close(fd);
	/* Refused. */
	fd = connect_host();
	put(fd, "CONNECT 8\n");
	while (le16_get(next(NULL)->op) != VSOCK_REQUEST)
		;
	say(8, port + 1, VSOCK_RST, NULL);
	hears_the_end(fd);
	close(fd);
	silent();
	teardown();
}
END_TEST

/* Says all it has to say at once, and goes before the guest has answered: nothing of it is lost. */
START_TEST(host_says_and_goes)
{
	u32 port;
	int fd;

	setup();
	fd = connect_host();
	put(fd, "CONNECT 7\nnews");
	close(fd);
	steps();
	port = le32_get(next(NULL)->src_port);
	silent();
	sleeps();
	say(7, port, VSOCK_RESPONSE, NULL);
	told_bytes(port, 7, "news");
	ck_assert_uint_eq(le32_get(told(port, 7, VSOCK_SHUTDOWN)->flags), VSOCK_NOTHING);
	say(7, port, VSOCK_RST, NULL);
	silent();
	sleeps();
	teardown();
}
END_TEST

START_TEST(odd_greetings)
{
	static const char *const bad[] = { "HELLO\n",
					   "CONNECT\n",
					   "CONNECT x\n",
					   "CONNECT -1\n",
					   "CONNECT 4294967296\n",
					   "\n",
					   "0123456789012345678901234567890123456789" };
	int fd;

	setup();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		fd = connect_host();
		put(fd, bad[i]);
		silent();
		hears_the_end(fd);
		close(fd);
	}
	/* Gone before the end of the line. */
	fd = connect_host();
	put(fd, "CONNECT 9");
	close(fd);
	silent();
	/* Gone before the guest has answered. */
	fd = connect_host();
	put(fd, "CONNECT 9\n");
	close(fd);
	steps();
	ck_assert_uint_eq(le16_get(next(NULL)->op), VSOCK_REQUEST);
	ck_assert_uint_eq(le16_get(next(NULL)->op), VSOCK_RST);
	sleeps();
	teardown();
	/* No driver: nobody at home. */
	create(0);
	fd = connect_host();
	steps();
	hears_the_end(fd);
	close(fd);
	start(8);
	teardown();
}
END_TEST

START_TEST(refused)
{
	struct vsock_hdr h;

	setup();
	say(1000, 53, VSOCK_REQUEST, NULL);
	told(53, 1000, VSOCK_RST);
	/* Somebody else's number: the answer comes from there. */
	h = packet(1, 52, VSOCK_REQUEST, 0);
	h.dst_cid = le64_of(77);
	send_raw(&h, NULL, 0);
	ck_assert_uint_eq(le64_get(next(NULL)->src_cid), 77);
	/* [virtio 1.3 §5.10.6.4.1] Types that are unknown. */
	h = packet(1, 52, VSOCK_REQUEST, 0);
	h.type = le16_of(9);
	send_raw(&h, NULL, 0);
	ck_assert_uint_eq(le16_get(next(NULL)->type), 9);
	/* Never a RST for a RST. */
	say(1, 2, VSOCK_RST, NULL);
	silent();
	teardown();
}
END_TEST

/* Ends: half of it, or all, from either side. */
START_TEST(host_ends)
{
	int fd;

	setup();
	fd = connected();
	put(fd, "last");
	shutdown(fd, SHUT_WR);
	told_bytes(52, 1000, "last");
	ck_assert_uint_eq(le32_get(told(52, 1000, VSOCK_SHUTDOWN)->flags), VSOCK_NO_SEND);
	silent();
	/* The other half goes on. */
	say(1000, 52, VSOCK_RW, "still");
	hears(fd, "still");
	sleeps();
	close(fd);
	say(1000, 52, VSOCK_RW, "nobody");
	ck_assert_uint_eq(le32_get(told(52, 1000, VSOCK_SHUTDOWN)->flags), VSOCK_NOTHING);
	say(1000, 52, VSOCK_SHUTDOWN, NULL);
	silent();
	teardown();
	/* Both at once, behind the last byte. */
	setup();
	fd = connected();
	put(fd, "last");
	close(fd);
	told_bytes(52, 1000, "last");
	ck_assert_uint_eq(le32_get(told(52, 1000, VSOCK_SHUTDOWN)->flags), VSOCK_NOTHING);
	say(1000, 52, VSOCK_RW, "late");
	silent();
	say(1000, 52, VSOCK_RST, NULL);
	silent();
	/* The ports are free again. */
	unlink(strcat(strcpy(conf.uds, path), "_52"));
	fd = connected();
	close(fd);
	teardown();
}
END_TEST

static void shut(u32 flags)
{
	struct vsock_hdr h = packet(1000, 52, VSOCK_SHUTDOWN, 0);

	h.flags = le32_of(flags);
	send_raw(&h, NULL, 0);
}

START_TEST(guest_ends)
{
	int fd;

	setup();
	fd = connected();
	say(1000, 52, VSOCK_RW, "last");
	shut(VSOCK_NO_SEND);
	hears(fd, "last");
	hears_the_end(fd);
	silent();
	put(fd, "answer");
	told_bytes(52, 1000, "answer");
	/* [virtio 1.3 §5.10.6.6] Both halves: RST. */
	shut(VSOCK_NO_RCV);
	told(52, 1000, VSOCK_RST);
	silent();
	/* Nothing after SHUTDOWN, and it is not known any more. */
	say(1000, 52, VSOCK_RW, "more");
	told(52, 1000, VSOCK_RST);
	close(fd);
	unlink(strcat(strcpy(conf.uds, path), "_52"));
	fd = connected();
	say(1000, 52, VSOCK_RST, NULL);
	hears_the_end(fd);
	close(fd);
	silent();
	teardown();
}
END_TEST

/* What the host does not take: as much as its credit, and in order. */
START_TEST(host_is_slow)
{
	static char chunk[4001];
	u32 sent = 0, all = 0, updates = 0;
	struct vsock_conn *c;
	char *got = malloc(4 << 20);
	ssize_t n;
	int fd;

	setup();
	fd = connected();
	c = vsock_find(container_of(dev, struct vsock, dev), 1000, 52);
	for (unsigned i = 0; sent - c->forwarded + 4000 <= VSOCK_BUF; i++) {
		memset(chunk, 'a' + (int)(i % 26), 4000);
		say(1000, 52, VSOCK_RW, chunk);
		sent += 4000;
		while (next(NULL))
			updates++;
		post_rx(2);
	}
	ck_assert_uint_gt(updates, 0);
	ck_assert_uint_gt(c->len, VSOCK_BUF - 4000);
	/* The end waits for it. */
	shut(VSOCK_NO_SEND);
	sleeps();
	while (all < sent) {
		n = read(fd, got + all, sent - all);
		ck_assert_int_gt(n, 0);
		all += (u32)n;
		steps();
	}
	hears_the_end(fd);
	for (u32 i = 0; i < sent; i++)
		ck_assert_int_eq(got[i], 'a' + (int)(i / 4000 % 26));
	ck_assert_ptr_null(c->buf);
	ck_assert_uint_eq(c->forwarded, sent);
	close(fd);
	free(got);
	teardown();
}
END_TEST

/* More than its credit: the connection is lost, and nothing else. */
START_TEST(overrun)
{
	static char chunk[4001];
	int fd;

	setup();
	fd = connected();
	memset(chunk, 'x', 4000);
	for (unsigned i = 0; i < 200; i++) {
		const struct vsock_hdr *h;

		say(1000, 52, VSOCK_RW, chunk);
		post_rx(1);
		while ((h = next(NULL)))
			if (le16_get(h->op) == VSOCK_RST)
				goto lost;
	}
	ck_abort_msg("never reset");
lost:
	silent();
	close(fd);
	teardown();
}
END_TEST

/* A guest that is slow is sent no more than it says it has room for. */
START_TEST(guest_is_slow)
{
	struct vsock_hdr h = packet(1000, 52, VSOCK_CREDIT_UPDATE, 0);
	char text[101] = { 0 };
	int fd;

	setup();
	fd = connected();
	h.buf_alloc = le32_of(10);
	send_raw(&h, NULL, 0);
	memset(text, 'x', 100);
	put(fd, text);
	told_bytes(52, 1000, "xxxxxxxxxx");
	silent();
	sleeps();
	/* Lies about what it has taken give it nothing. */
	h.fwd_cnt = le32_of(1000);
	send_raw(&h, NULL, 0);
	silent();
	h.fwd_cnt = le32_of(7);
	send_raw(&h, NULL, 0);
	told_bytes(52, 1000, "xxxxxxx");
	silent();
	h.fwd_cnt = le32_of(17);
	h.buf_alloc = le32_of(1000);
	send_raw(&h, NULL, 0);
	text[83] = 0;
	told_bytes(52, 1000, text);
	close(fd);
	teardown();
}
END_TEST

/* No buffers: everything waits, and comes when there are some. */
START_TEST(no_buffers)
{
	int listener, fd, other;

	create(0);
	start(0);
	listener = listen_at(52);
	say(1000, 52, VSOCK_REQUEST, NULL);
	say(1001, 52, VSOCK_REQUEST, NULL);
	fd = accept(listener, NULL, NULL);
	other = accept(listener, NULL, NULL);
	put(fd, "to the first");
	put(other, "to the second");
	put(fd, " and more");
	sleeps();
	post_rx(1);
	told(52, 1000, VSOCK_RESPONSE);
	silent();
	post_rx(2);
	told(52, 1001, VSOCK_RESPONSE);
	told_bytes(52, 1000, "to the first and more");
	silent();
	post_rx(4);
	told_bytes(52, 1001, "to the second");
	silent();
	close(fd);
	close(other);
	close(listener);
	teardown();
}
END_TEST

/* RSTs that cannot be sent stop the queue, not the device. */
START_TEST(many_refusals)
{
	unsigned nr = 0;
	u32 id, len;

	create(0);
	start(0);
	for (unsigned i = 0; i < 100; i++) {
		struct vsock_hdr h = packet(i, 53, VSOCK_REQUEST, 0);
		struct fake_buf b = { TX_BUF + 64 * i, sizeof(h), false };

		memcpy(fake_ptr(mem, b.addr, sizeof(h)), &h, sizeof(h));
		fake_ring_add(&ring[VSOCK_TX], &b, 1);
	}
	fake_kick(dev, VSOCK_TX);
	while (fake_ring_used(&ring[VSOCK_TX], &id, &len))
		nr++;
	ck_assert_uint_eq(nr, VSOCK_MAX_REPLIES);
	sleeps();
	post_rx(120);
	steps();
	for (unsigned i = 0; i < 100; i++)
		told(53, i, VSOCK_RST);
	silent();
	teardown();
}
END_TEST

START_TEST(fair)
{
	static char chunk[200001];
	unsigned got[2] = { 0 };
	const struct vsock_hdr *h;
	int listener, fd[2];

	setup();
	listener = listen_at(52);
	for (u32 i = 0; i < 2; i++) {
		say(i, 52, VSOCK_REQUEST, NULL);
		fd[i] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		told(52, i, VSOCK_RESPONSE);
	}
	memset(chunk, 'x', 200000);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_gt(write(fd[i], chunk, 200000), 60000);
	for (unsigned round = 0; round < 20; round++) {
		steps();
		while ((h = next(NULL)))
			got[le32_get(h->dst_port)] += le32_get(h->len);
		post_rx(1);
	}
	ck_assert(got[0] > 0 && got[1] > 0);
	ck_assert_uint_le(got[0], ALLOC);
	ck_assert_uint_eq(got[0], got[1]);
	close(fd[0]);
	close(fd[1]);
	close(listener);
	teardown();
}
END_TEST

/* Reset in the midst of everything: all connections end. */
START_TEST(reset)
{
	int fd, other;

	setup();
	fd = connected();
	other = connect_host();
	put(other, "CONNECT 9\n");
	put(fd, "in flight");
	fake_reset(dev);
	hears_the_end(fd);
	hears_the_end(other);
	close(fd);
	close(other);
	unlink(strcat(strcpy(conf.uds, path), "_52"));
	start(64);
	fd = connected();
	put(fd, "anew");
	told_bytes(52, 1000, "anew");
	close(fd);
	teardown();
}
END_TEST

/* Nothing of this does more than end its connection. */
START_TEST(lies)
{
	struct vsock_hdr h;
	int fd;

	setup();
	for (unsigned i = 0; i < 6; i++) {
		unlink(strcat(strcpy(conf.uds, path), "_52"));
		fd = connected();
		h = packet(1000, 52, VSOCK_RW, 4);
		switch (i) {
		case 0:
			h.op = le16_of(99);
			break;
		case 1:
			h.op = le16_of(0);
			break;
		case 2:
			h.len = le32_of(5);
			break;
		case 3:
			h.type = le16_of(2);
			break;
		case 4:
			h.op = le16_of(VSOCK_REQUEST);
			break;
		case 5:
			h.op = le16_of(VSOCK_RESPONSE);
			break;
		}
		send_raw(&h, "abcd", 4);
		told(52, 1000, VSOCK_RST);
		silent();
		hears_the_end(fd);
		close(fd);
	}
	/* Somebody else's number: it is not heard. */
	unlink(strcat(strcpy(conf.uds, path), "_52"));
	fd = connected();
	h = packet(1000, 52, VSOCK_RW, 4);
	h.src_cid = le64_of(43);
	send_raw(&h, "abcd", 4);
	silent();
	ck_assert_int_eq(read(fd, &h, 4), -1);
	/* The length of what is no data counts for nothing, of data all of it does. */
	h = packet(1000, 52, VSOCK_RW, UINT32_MAX);
	send_raw(&h, "abcd", 4);
	told(52, 1000, VSOCK_RST);
	close(fd);
	teardown();
}
END_TEST

START_TEST(bad_buffers)
{
	struct fake_buf small = { RX_BUF(0), 43, true }, readable = { RX_BUF(0), 100, false },
			header = { RX_BUF(0), 44, true };
	struct vsock_hdr h = packet(1, 53, VSOCK_REQUEST, 0);
	int fd;

	setup();
	send_raw(&h, NULL, 0);
	ck_assert(!fake_broken(dev));
	fake_ring_add(&ring[VSOCK_TX], &(struct fake_buf){ TX_BUF, 43, false }, 1);
	fake_kick(dev, VSOCK_TX);
	ck_assert(fake_broken(dev));
	teardown();
	for (unsigned i = 0; i < 2; i++) {
		create(0);
		start(0);
		fake_ring_add(&ring[VSOCK_RX], i ? &readable : &small, 1);
		say(1, 53, VSOCK_REQUEST, NULL);
		ck_assert(fake_broken(dev));
		teardown();
	}
	/* Room for a header, and for none of the bytes. */
	create(0);
	start(1);
	fd = connected();
	fake_ring_add(&ring[VSOCK_RX], &header, 1);
	put(fd, "x");
	ck_assert(fake_broken(dev));
	/* Broken with a connection that has something to say: the loop is not kept busy by it. */
	sleeps();
	close(fd);
	steps();
	teardown();
	for (unsigned i = 0; i < nr_fake_bad; i++) {
		for (unsigned q = 0; q < VSOCK_EVENT; q++) {
			create(0);
			ck_assert(fake_negotiate(dev, VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC));
			for (u16 k = 0; k < VSOCK_NR_QUEUES; k++) {
				fake_ring_init(&ring[k], mem, FAKE_RING(k), k == 2 ? 8 : 128,
					       false);
				fake_queue(dev, k, &ring[k]);
			}
			fake_driver_ok(dev);
			fake_bad[i].post(&ring[q], RX_BUF(0));
			if (q == VSOCK_RX)
				say(1, 53, VSOCK_REQUEST, NULL);
			fake_kick(dev, q);
			ck_assert_msg(fake_broken(dev), "%s on queue %u", fake_bad[i].name, q);
			teardown();
		}
	}
}
END_TEST

START_TEST(a_thousand)
{
	static int fds[1000];
	struct rlimit r = { 4096, 4096 };
	char line[32];
	int listener;

	/* Both ends are here. */
	if (setrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	setup();
	listener = listen_at(52);
	for (u32 i = 0; i < 1000; i++) {
		say(i, 52, VSOCK_REQUEST, NULL);
		fds[i] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		ck_assert_int_ge(fds[i], 0);
		told(52, i, VSOCK_RESPONSE);
		post_rx(1);
	}
	for (u32 i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "this is %u", i);
		say(i, 52, VSOCK_RW, line);
		hears(fds[i], line);
		put(fds[i], line);
		told_bytes(52, i, line);
		post_rx(1);
	}
	sleeps();
	/* One too many of all that there may be: it is refused, the others live. */
	for (u32 i = 1000; i < VSOCK_MAX_CONNS; i++) {
		say(i, 52, VSOCK_REQUEST, NULL);
		told(52, i, VSOCK_RESPONSE);
		post_rx(1);
	}
	say(5000, 52, VSOCK_REQUEST, NULL);
	told(52, 5000, VSOCK_RST);
	for (u32 i = 0; i < 1000; i++)
		close(fds[i]);
	for (u32 i = 0; i < 1000; i++) {
		steps();
		while (next(NULL))
			post_rx(1);
	}
	/* The guest never answers: their places are taken by others. */
	for (u32 i = 0; i < 10; i++) {
		say(6000 + i, 52, VSOCK_REQUEST, NULL);
		told(52, 6000 + i, VSOCK_RESPONSE);
		post_rx(1);
	}
	close(listener);
	teardown();
}
END_TEST

/* Nobody spins on a connection that cannot be taken, and nobody who waits is forgotten. */
START_TEST(no_descriptors)
{
	char line[32];
	u32 port;
	int a, b;

	setup();
	a = connect_host();
	b = connect_host();
	fds_limit(0);
	steps();
	sleeps();
	fds_limit(-1);
	for (unsigned i = 0; i < 8; i++)
		loop_step(loop, 100);
	for (unsigned i = 0; i < 2; i++) {
		put(i ? b : a, "CONNECT 7\n");
		port = le32_get(next(NULL)->src_port);
		say(7, port, VSOCK_RESPONSE, NULL);
		snprintf(line, sizeof(line), "OK %u\n", port);
		hears(i ? b : a, line);
	}
	close(a);
	close(b);
	teardown();
}
END_TEST

START_TEST(options)
{
	static const char *const bad[] = { "",		"0",	      "1",
					   "2",		"4294967295", "x",
					   "3,",	"3,uds=",     "3,vhost=on,uds=/a",
					   "3,vhost=1", "3,foo",      "3 4",
					   "-3" };
	struct vsock_conf c;

	ck_assert_int_eq(vsock_conf_parse("3", &c), 0);
	ck_assert_uint_eq(c.cid, 3);
	ck_assert_str_eq(c.uds, "");
	ck_assert_int_eq(vsock_conf_parse("4294967294,uds=/a,,b", &c), 0);
	ck_assert_uint_eq(c.cid, 4294967294);
	ck_assert_str_eq(c.uds, "/a,b");
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(vsock_conf_parse(bad[i], &c) == -EINVAL && !c.cid, "'%s'", bad[i]);
}
END_TEST

static int create_and_destroy(void)
{
	struct virtio_env env = { .mem = mem, .loop = loop };
	int err = virtio_vsock_create(&dev, &env, &conf);

	if (!err)
		dev->type->destroy(dev);
	return err;
}

START_TEST(create_fails_step_by_step)
{
	create(0);
	dev->type->destroy(dev);
	fds_exhaust(create_and_destroy);
	create_and_destroy();
	rmdir(dir);
	loop_destroy(loop);
	mem_destroy(mem);
}
END_TEST

SUITE_MAIN("virtio/vsock", guest_connects, host_connects, host_says_and_goes, odd_greetings,
	   refused, host_ends, guest_ends, host_is_slow, overrun, guest_is_slow, no_buffers,
	   many_refusals, fair, reset, lies, bad_buffers, a_thousand, no_descriptors, options,
	   create_fails_step_by_step)
