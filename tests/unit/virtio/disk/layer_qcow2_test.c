/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading qcow2 images: every kind of cluster, both versions, backing files, broken tables. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fake/qcow2.h"
#include "tests/unit/suite.h"
#include "virtio/disk/layer.h"

#define BITS 12u
#define CLUSTER (1u << BITS)
/* Three L2 tables, the last one begun; and half a cluster. */
#define SIZE (5 * MiB + CLUSTER / 2)

static u8 model[SIZE + CLUSTER];
static struct fake_qcow2 file;
static struct layer *layer;

static void fill(u64 cluster, unsigned seed)
{
	for (unsigned i = 0; i < CLUSTER; i++)
		model[cluster * CLUSTER + i] = (u8)(seed + i * i / (seed % 7 + 3));
}

static void create(unsigned version)
{
	memset(model, 0, sizeof(model));
	fake_qcow2_create(&file, memfd_create("qcow2", 0), version, BITS, SIZE);
}

static int open_layer(bool backing)
{
	return layer_qcow2_create(&layer, dup(file.fd), "the/test", backing, 0);
}

static void finish(void)
{
	layer_destroy(layer);
	layer = NULL;
	close(file.fd);
}

/* All of it in reads of `len` bytes, and each byte as it has to be. */
static void compare(size_t len)
{
	static u8 buf[SIZE];

	for (u64 off = 0; off < SIZE; off += len) {
		size_t n = MIN(len, SIZE - off);

		ck_assert_int_eq(layer_read_all(layer, buf, n, off), 0);
		ck_assert(memcmp(buf, model + off, n) == 0);
	}
}

static void plain_clusters(void)
{
	static const u64 there[] = { 0, 1, 5, 511, 512, 1023, 1024, SIZE / CLUSTER };

	for (unsigned i = 0; i < ARRAY_SIZE(there); i++) {
		fill(there[i], i + 1);
		fake_qcow2_plain(&file, there[i], model + there[i] * CLUSTER);
	}
}

START_TEST(clusters)
{
	for (unsigned version = 2; version <= 3; version++) {
		create(version);
		plain_clusters();
		for (u64 n = 100; n < 110; n++) {
			fill(n, (unsigned)n);
			fake_qcow2_packed(&file, n, model + n * CLUSTER, false);
		}
		ck_assert_int_eq(open_layer(false), 0);
		ck_assert_uint_eq(layer->size, SIZE);
		ck_assert(!layer->ops->write && !layer->ops->zero);
		compare(CLUSTER);
		compare(512);
		compare(3 * CLUSTER + 512);
		finish();
	}
}
END_TEST

START_TEST(zstd_and_zeroes)
{
	create(3);
	plain_clusters();
	fill(7, 7);
	fake_qcow2_packed(&file, 7, model + (size_t)7 * CLUSTER, true);
	fake_qcow2_poke(&file, QCOW2_INCOMPATIBLE, 1 << 3, 8);
	fake_qcow2_poke(&file, QCOW2_COMPRESSION, 1, 1);
	/* A cluster that is there, and zero all the same. */
	fake_qcow2_plain(&file, 9, model);
	fake_qcow2_entry(&file, 9, (file.end - CLUSTER) | 1);
	fake_qcow2_zero(&file, 10);
	ck_assert_int_eq(open_layer(false), 0);
	compare(CLUSTER);
	finish();
}
END_TEST

START_TEST(scattered_buffers)
{
	static u8 buf[CLUSTER];
	struct iovec iov[] = { { buf, 1 }, { buf + 1, 510 }, { buf + 511, 1025 } };

	create(3);
	fill(3, 3);
	fake_qcow2_packed(&file, 3, model + (size_t)3 * CLUSTER, false);
	ck_assert_int_eq(open_layer(false), 0);
	/* Up to the end of the cluster at most; zeroes where there is none. */
	ck_assert_int_eq(layer->ops->read(layer, iov, 3, 5 * CLUSTER - 1024), 1024);
	ck_assert(!buf[0] && !buf[1023]);
	ck_assert_int_eq(layer->ops->read(layer, iov, 3, 4 * CLUSTER - 1024), 1024);
	ck_assert_mem_eq(buf, model + 4 * CLUSTER - 1024, 1024);
	ck_assert_int_eq(layer->ops->read(layer, iov, 3, 3 * CLUSTER), 1536);
	ck_assert_mem_eq(buf, model + 3 * CLUSTER, 1536);
	finish();
}
END_TEST

/* Offsets that lead nowhere, data that is none: an error of that read, and others go on. */
START_TEST(broken_tables)
{
	static const u64 bad[] = {
		BIT(63) | (1 << 20),	   /* behind the end of the file */
		BIT(63) | 0x200,	   /* not at a cluster */
		BIT(62),		   /* the header is no deflate */
		BIT(62) | 0x3ffffffffffff, /* far behind the end */
		UINT64_MAX,
	};
	u8 buf[512];

	create(3);
	fill(1, 1);
	fake_qcow2_plain(&file, 1, model + CLUSTER);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		fake_qcow2_entry(&file, 2 + i, bad[i]);
	fake_qcow2_poke(&file, CLUSTER + 8, BIT(63) | 0x1200, 8);     /* L2 at an odd place */
	fake_qcow2_poke(&file, CLUSTER + 16, BIT(63) | (1 << 30), 8); /* ... behind the end */
	ck_assert_int_eq(open_layer(false), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(layer_read_all(layer, buf, 512, (2 + i) * CLUSTER), -EIO);
	ck_assert_int_eq(layer_read_all(layer, buf, 512, 512 * CLUSTER), -EIO);
	ck_assert_int_eq(layer_read_all(layer, buf, 512, 1024 * CLUSTER), -EIO);
	ck_assert_int_eq(layer_read_all(layer, buf, 512, CLUSTER), 0);
	ck_assert_mem_eq(buf, model + CLUSTER, 512);
	finish();
}
END_TEST

/* The last cluster may end with the file; one that begins behind its end is lost. */
START_TEST(short_files)
{
	u8 buf[1024];

	create(3);
	fill(0, 1);
	fake_qcow2_plain(&file, 0, model);
	ck_assert_int_eq(ftruncate(file.fd, (off_t)file.end - CLUSTER + 512), 0);
	/* That was the L2 table: data is in front of it. */
	ck_assert_int_eq(open_layer(false), 0);
	ck_assert_int_eq(layer_read_all(layer, buf, 512, 0), -EIO);
	layer_destroy(layer);
	create(3);
	fake_qcow2_zero(&file, 1);
	fake_qcow2_plain(&file, 0, model);
	ck_assert_int_eq(ftruncate(file.fd, (off_t)file.end - CLUSTER + 512), 0);
	memset(model + 512, 0, CLUSTER - 512);
	ck_assert_int_eq(open_layer(false), 0);
	compare(1024);
	/* Truncated since: what was there is no zero. */
	ck_assert_int_eq(ftruncate(file.fd, (off_t)file.end - CLUSTER + 256), 0);
	ck_assert_int_eq(layer_read_all(layer, buf, 256, 0), 0);
	ck_assert_int_eq(layer_read_all(layer, buf, 512, 0), -EIO);
	ck_assert_int_eq(layer_read_all(layer, buf, 512, 512), 0);
	layer_destroy(layer);
	layer = NULL;
	ck_assert_int_eq(ftruncate(file.fd, (off_t)file.end - CLUSTER), 0);
	ck_assert_int_eq(open_layer(false), 0);
	ck_assert_int_eq(layer_read_all(layer, buf, 512, 0), -EIO);
	finish();
}
END_TEST

/* A cluster that expands to less, or to more, than a cluster. */
START_TEST(packed_of_another_size)
{
	u8 buf[512];

	create(3);
	memset(model, 'x', CLUSTER);
	fake_qcow2_packed(&file, 0, model, false); /* behind the L1 table: at 2 * CLUSTER + 100 */
	ck_assert_int_eq(open_layer(false), 0);
	ck_assert_int_eq(layer_read_all(layer, buf, 512, 0), 0);
	layer_destroy(layer);
	layer = NULL;
	/* The same bytes in an image of larger clusters. */
	fake_qcow2_poke(&file, QCOW2_CLUSTER_BITS, BITS + 1, 4);
	fake_qcow2_poke(&file, QCOW2_L1_OFF, 8 * CLUSTER, 8);
	fake_qcow2_poke(&file, 8 * CLUSTER, BIT(63) | 10 * CLUSTER, 8);
	ck_assert_int_eq(ftruncate(file.fd, 32 * CLUSTER), 0);
	fake_qcow2_poke(&file, 10 * CLUSTER, BIT(62) | BIT(57) | (2 * CLUSTER + 100), 8);
	ck_assert_int_eq(open_layer(false), 0);
	ck_assert_int_eq(layer_read_all(layer, buf, 512, 0), -EIO);
	finish();
}
END_TEST

START_TEST(backing_files)
{
	static char dir[] = "/tmp/lkvm-qcow2-XXXXXX";
	char path[96], cmd[64];
	int base;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/base", dir);
	base = open(path, O_CREAT | O_RDWR, 0600);
	create(3);
	fill(0, 1);
	fill(4, 2);
	/* Shorter than the image: what is behind it reads as zeroes. */
	ck_assert_int_eq(pwrite(base, model, 4 * CLUSTER + 1024, 0), 4 * CLUSTER + 1024);
	memset(model + 4 * CLUSTER + 1024, 0, CLUSTER - 1024);
	fill(1, 3);
	fake_qcow2_plain(&file, 1, model + CLUSTER);
	fake_qcow2_backing(&file, "base", "raw");
	snprintf(path, sizeof(path), "%s/top", dir);
	ck_assert_int_eq(layer_qcow2_create(&layer, dup(file.fd), path, false, 0), -EPERM);
	ck_assert_int_eq(layer_qcow2_create(&layer, dup(file.fd), path, true, 0), 0);
	compare(CLUSTER);
	compare(512);
	layer_destroy(layer);
	layer = NULL;
	/* In another format than raw it is none; and it must be said. */
	fake_qcow2_backing(&file, "base", "qcow2");
	ck_assert_int_eq(layer_qcow2_create(&layer, dup(file.fd), path, true, 0), -EINVAL);
	fake_qcow2_backing(&file, "base", "vmdk");
	ck_assert_int_eq(layer_qcow2_create(&layer, dup(file.fd), path, true, 0), -EINVAL);
	fake_qcow2_backing(&file, "gone", "raw");
	ck_assert_int_eq(layer_qcow2_create(&layer, dup(file.fd), path, true, 0), -ENOENT);
	fake_qcow2_backing(&file, "/dev/zero", "raw");
	ck_assert_int_eq(layer_qcow2_create(&layer, dup(file.fd), path, true, 0), -EINVAL);
	/* Itself: there is an end to it. */
	ck_assert_int_eq(linkat(AT_FDCWD, "/dev/null", AT_FDCWD, path, 0) < 0, 1);
	fake_qcow2_backing(&file, "top", "qcow2");
	snprintf(cmd, sizeof(cmd), "/proc/self/fd/%d", file.fd);
	ck_assert_int_eq(symlink(cmd, path), 0);
	ck_assert_int_eq(layer_qcow2_create(&layer, dup(file.fd), path, true, 0), -EINVAL);
	close(base);
	close(file.fd);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}
END_TEST

SUITE_MAIN("virtio/layer_qcow2", clusters, zstd_and_zeroes, scattered_buffers, broken_tables,
	   short_files, packed_of_another_size, backing_files)
