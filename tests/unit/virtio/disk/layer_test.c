/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images: pieces of iovecs, reading past the end, and which layers a --disk makes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fake/qcow2.h"
#include "tests/unit/suite.h"
#include "virtio/disk/layer.h"

START_TEST(clips)
{
	static char a[100];
	struct iovec iov[LAYER_IOV + 1], out[LAYER_IOV];
	size_t len;

	for (unsigned i = 0; i < ARRAY_SIZE(iov); i++)
		iov[i] = (struct iovec){ a, 10 };
	ck_assert_uint_eq(layer_clip(iov, 3, 1000, out, &len), 3);
	ck_assert(len == 30 && out[2].iov_len == 10);
	ck_assert_uint_eq(layer_clip(iov, 3, 11, out, &len), 2);
	ck_assert(len == 11 && out[0].iov_len == 10 && out[1].iov_len == 1);
	ck_assert_uint_eq(layer_clip(iov, 3, 10, out, &len), 1);
	ck_assert_uint_eq(len, 10);
	ck_assert_uint_eq(layer_clip(iov, ARRAY_SIZE(iov), 1000, out, &len), LAYER_IOV);
	ck_assert_uint_eq(len, 10 * LAYER_IOV);
	/* In place. */
	ck_assert_uint_eq(layer_clip(iov, 3, 15, iov, &len), 2);
	ck_assert(len == 15 && iov[1].iov_len == 5);
}
END_TEST

static int data_file(void)
{
	int fd = memfd_create("data", 0);

	ck_assert_int_eq(pwrite(fd, "0123456789", 10, 0), 10);
	ck_assert_int_eq(ftruncate(fd, 8192), 0);
	return fd;
}

START_TEST(raw)
{
	struct layer *m;
	char buf[16];

	ck_assert_int_eq(layer_raw_create(&m, data_file(), 8192), 0);
	ck_assert_int_eq(layer_read_all(m, buf, 10, 2), 0);
	ck_assert_mem_eq(buf, "23456789\0\0", 10);
	/* Behind the end: zeroes. */
	memset(buf, 'x', sizeof(buf));
	ck_assert_int_eq(layer_read_all(m, buf, 10, 8190), 0);
	ck_assert_int_eq(layer_read_all(m, buf + 5, 10, 10000), 0);
	for (unsigned i = 0; i < 15; i++)
		ck_assert_int_eq(buf[i], 0);
	layer_destroy(m);
	/* Cut off since: an error, not zeroes. */
	ck_assert_int_eq(layer_raw_create(&m, data_file(), 16384), 0);
	ck_assert_int_eq(layer_read_all(m, buf, 10, 8190), -EIO);
	layer_destroy(m);
	layer_destroy(NULL);
}
END_TEST

START_TEST(layers)
{
	struct disk_conf conf = { .path = "test", .format = DISK_FORMAT_QCOW2, .read_only = true };
	struct fake_qcow2 q;
	struct layer *m;
	char buf[512];
	struct iovec iov = { buf, sizeof(buf) };

	fake_qcow2_create(&q, memfd_create("qcow2", 0), 3, 12, 1 * MiB);
	ck_assert_int_eq(layer_open(&m, &conf, dup(q.fd), 12345), 0);
	ck_assert(m->size == 1 * MiB && !m->ops->write);
	layer_destroy(m);
	conf.ephemeral = true;
	ck_assert_int_eq(layer_open(&m, &conf, dup(q.fd), 12345), 0);
	ck_assert(m->size == 1 * MiB && m->ops->write);
	ck_assert_int_eq(m->ops->write(m, &iov, 1, 512), 512);
	layer_destroy(m);
	conf.format = DISK_FORMAT_NONE;
	ck_assert_int_eq(layer_open(&m, &conf, data_file(), 8192), 0);
	ck_assert_int_eq(layer_read_all(m, buf, 10, 0), 0);
	ck_assert_mem_eq(buf, "0123456789", 10);
	layer_destroy(m);
	conf.format = DISK_FORMAT_QCOW2;
	ck_assert_int_eq(layer_open(&m, &conf, data_file(), 8192), -EINVAL);
	close(q.fd);
}
END_TEST

SUITE_MAIN("virtio/layer", clips, raw, layers)
