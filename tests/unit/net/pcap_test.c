/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The capture in front of any netif: what is noted, once, and what is not. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/iov.h"
#include "lkvm/vm/loop.h"
#include "net/kinds.h"
#include "net/pcap_writer.h"
#include "tests/fake/netif.h"
#include "tests/unit/suite.h"

#define FILE_HEADER 24u
#define PACKET_HEADER 16u

static char path[] = "/tmp/lkvm-pcap-XXXXXX";
static int fd;
static struct fake_netif *inner;
static struct netif *outer;
static struct fake_client client;
static struct loop *loop;

static void set_up(void)
{
	struct net_conf c = { .capture = NULL };

	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(loop_create(&loop, "net"), 0);
	snprintf(c.pcap, sizeof(c.pcap), "%s", path);
	inner = fake_netif(0, 1500);
	memset(&client, 0, sizeof(client));
	ck_assert_int_eq(pcap_if_create(&outer, &c, &inner->netif, loop), 0);
	fake_client_attach(&client, outer);
	outer->ops->up(outer, 0);
}

static void tear_down(void)
{
	netif_destroy(outer);
	loop_destroy(loop);
	close(fd);
	unlink(path);
}

static int send_frame(const char *bytes)
{
	struct iovec v = { (void *)(uintptr_t)bytes, strlen(bytes) };
	struct netif_offload none = { 0 };

	return outer->ops->send(outer, &none, iov_cur(&v, 1));
}

/* The file is written by another thread. */
static ssize_t file_size_soon(size_t want)
{
	struct stat st;

	for (unsigned i = 0; i < 10000; i++) {
		ck_assert_int_eq(fstat(fd, &st), 0);
		if ((size_t)st.st_size >= want)
			break;
		usleep(1000);
	}
	return st.st_size;
}

/* The file has these frames, and nothing else. */
static void noted(const char *const *frames, unsigned nr)
{
	static u8 file[1 << 16];
	size_t at = FILE_HEADER, want = FILE_HEADER;
	ssize_t n;

	for (unsigned i = 0; i < nr; i++)
		want += PACKET_HEADER + strlen(frames[i]);
	ck_assert_uint_eq((size_t)file_size_soon(want), want);
	n = pread(fd, file, sizeof(file), 0);

	ck_assert_int_ge(n, FILE_HEADER);
	for (unsigned i = 0; i < nr; i++) {
		size_t len = strlen(frames[i]);
		u32 said;

		ck_assert_uint_ge((size_t)n, at + PACKET_HEADER + len);
		memcpy(&said, file + at + 8, sizeof(said));
		ck_assert_uint_eq(said, len);
		ck_assert_mem_eq(file + at + PACKET_HEADER, frames[i], len);
		at += PACKET_HEADER + len;
	}
	ck_assert_uint_eq((size_t)n, at);
}

/* virtio-net sends a frame again that the other side had no room for. */
START_TEST(a_frame_that_is_tried_again_is_noted_once)
{
	const char *const both[] = { "first frame", "second frame" };

	set_up();
	inner->send_result = -EAGAIN;
	ck_assert_int_eq(send_frame(both[0]), -EAGAIN);
	ck_assert_int_eq(send_frame(both[0]), -EAGAIN);
	inner->send_result = 0;
	ck_assert_int_eq(send_frame(both[0]), 0);
	noted(both, 1);
	ck_assert_int_eq(send_frame(both[1]), 0);
	noted(both, 2);
	tear_down();
}
END_TEST

/* A driver that starts again has forgotten what it wanted to send. */
START_TEST(after_a_reset_nothing_is_tried_again)
{
	const char *const both[] = { "never sent", "sent" };

	set_up();
	inner->send_result = -EAGAIN;
	ck_assert_int_eq(send_frame(both[0]), -EAGAIN);
	outer->ops->down(outer);
	outer->ops->up(outer, 0);
	inner->send_result = 0;
	ck_assert_int_eq(send_frame(both[1]), 0);
	noted(both, 2);
	tear_down();
}
END_TEST

/* A frame that the guest has no room for comes again, too. */
START_TEST(a_frame_for_the_guest_is_noted_when_it_is_taken)
{
	const char *const one[] = { "for the guest" };
	struct netif_offload none = { 0 };

	set_up();
	client.room = 0;
	ck_assert_int_eq(fake_netif_receive(inner, &none, one[0], strlen(one[0])), -EAGAIN);
	noted(one, 0);
	client.room = 1;
	ck_assert_int_eq(fake_netif_receive(inner, &none, one[0], strlen(one[0])), 0);
	noted(one, 1);
	tear_down();
}
END_TEST

START_TEST(a_frame_that_is_made_in_place_is_noted)
{
	const char *const one[] = { "made in place, as far as it goes" };
	struct netif_offload none = { 0 };
	struct iov_cur room;

	set_up();
	ck_assert_int_eq(inner->netif.client->reserve(inner->netif.client_arg, 10, 200, &room), 0);
	inner->netif.client->commit(inner->netif.client_arg, NULL, 0);
	noted(one, 0);
	ck_assert_int_eq(inner->netif.client->reserve(inner->netif.client_arg, 10, 200, &room), 0);
	iov_write(&room, one[0], strlen(one[0]));
	inner->netif.client->commit(inner->netif.client_arg, &none, strlen(one[0]));
	noted(one, 1);
	ck_assert_uint_eq(client.got.nr, 1);
	tear_down();
}
END_TEST

/* Nobody reads, then somebody does: the guest does not notice, and what is there is in order. */
START_TEST(a_reader_that_is_slow)
{
	static u8 got[1 << 20];
	static char frame[3001];
	struct net_conf c = { .capture = NULL };
	unsigned sent = 0, seen = 0;
	size_t have = 0, at = FILE_HEADER;
	int reader;
	ssize_t n;

	snprintf(c.pcap, sizeof(c.pcap), "/tmp/lkvm-fifo-%d", (int)getpid());
	ck_assert_int_eq(mkfifo(c.pcap, 0600), 0);
	reader = open(c.pcap, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(reader, 0);
	inner = fake_netif(0, 1500);
	memset(&client, 0, sizeof(client));
	ck_assert_int_eq(pcap_if_create(&outer, &c, &inner->netif, NULL), 0);
	fake_client_attach(&client, outer);
	outer->ops->up(outer, 0);
	for (; sent < 200; sent++) {
		memset(frame, 'a' + (int)(sent % 26), 3000);
		ck_assert_int_eq(send_frame(frame), 0);
		/* Now and then the reader takes a little, so that frames are cut anywhere. */
		n = sent % 7 ? 0 : read(reader, got + have, 1777);
		have += n > 0 ? (size_t)n : 0;
	}
	for (int i = 0; i < 3; i++) {
		while ((n = read(reader, got + have, sizeof(got) - have)) > 0)
			have += (size_t)n;
		if (!i)
			ck_assert_int_eq(send_frame(frame), 0); /* brings the rest of one */
		else if (i == 1)
			netif_destroy(outer);
	}
	for (; at < have; seen++) {
		u32 said;

		ck_assert_uint_le(at + PACKET_HEADER + 3000, have);
		memcpy(&said, got + at + 8, sizeof(said));
		ck_assert_uint_eq(said, 3000);
		for (unsigned i = 1; i < 3000; i++)
			ck_assert_uint_eq(got[at + PACKET_HEADER + i], got[at + PACKET_HEADER]);
		at += PACKET_HEADER + 3000;
	}
	ck_assert_uint_gt(seen, 20);
	ck_assert_uint_lt(seen, 201);
	close(reader);
	unlink(c.pcap);
}
END_TEST

/* The file before is closed by its thread. */
static void begin_soon(struct pcap_writer *w)
{
	int err = -EBUSY;

	for (unsigned i = 0; i < 10000 && err == -EBUSY; i++) {
		err = netif_capture_begin(w, open(path, O_WRONLY | O_CLOEXEC));
		if (err)
			usleep(1000);
	}
	ck_assert_int_eq(err, 0);
}

/* What comes later, to another file, and of two cards to one. */
START_TEST(a_capture_that_is_asked_for)
{
	static const char *const frames[] = { "one", "the other's" };
	struct netif *card[2];
	struct net_conf c = { .capture = NULL };
	struct pcap_writer *w;
	struct iovec v;
	struct netif_offload none = { 0 };

	set_up();
	ck_assert_int_eq(netif_capture(outer, true), -ENODEV);
	netif_destroy(outer);
	ck_assert_int_eq(pcap_writer_create(&w, loop), 0);
	c.capture = w;
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(pcap_if_create(&card[i], &c, &fake_netif(0, 1500)->netif, loop),
				 0);
		fake_client_attach(&client, card[i]);
		card[i]->ops->up(card[i], 0);
	}
	for (unsigned nr = 0; nr < 3; nr++) {
		ck_assert_int_eq(ftruncate(fd, 0), 0);
		if (nr)
			begin_soon(w);
		for (unsigned i = 0; i < 2; i++) {
			v = (struct iovec){ (void *)(uintptr_t)frames[i], strlen(frames[i]) };
			ck_assert_int_eq(netif_capture(card[i], nr), 0);
			card[i]->ops->send(card[i], &none, iov_cur(&v, 1));
		}
		if (!nr) {
			ck_assert_int_eq(file_size_soon(0), 0);
			continue;
		}
		noted(frames, 2);
		for (unsigned i = 0; i < 2; i++)
			ck_assert_int_eq(netif_capture(card[i], false), 0);
		pcap_writer_end(w);
	}
	netif_destroy(card[0]);
	netif_destroy(card[1]);
	ck_assert_int_eq(pcap_writer_destroy(w), 0);
	loop_destroy(loop);
	close(fd);
	unlink(path);
}
END_TEST

SUITE_MAIN("net/pcap", a_capture_that_is_asked_for, a_frame_that_is_tried_again_is_noted_once,
	   after_a_reset_nothing_is_tried_again, a_frame_for_the_guest_is_noted_when_it_is_taken,
	   a_frame_that_is_made_in_place_is_noted, a_reader_that_is_slow)
