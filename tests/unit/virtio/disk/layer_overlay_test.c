/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The layer that is written to: against a copy in memory, the base untouched, its place, full. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "virtio/disk/layer.h"

/* The last block is not whole. */
#define SIZE (1 * MiB + 1536)

static u8 base[SIZE], model[SIZE];
static struct layer *layer;
static int base_fd;
static u64 seed = 1;

static u32 rnd(u32 n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (u32)(seed >> 33) % n;
}

static void create(void)
{
	struct layer *raw;

	for (unsigned i = 0; i < SIZE; i++)
		base[i] = (u8)(i / 512 + i);
	memcpy(model, base, SIZE);
	base_fd = memfd_create("base", 0);
	ck_assert_int_eq(write(base_fd, base, SIZE), SIZE);
	ck_assert_int_eq(layer_raw_create(&raw, dup(base_fd), SIZE), 0);
	ck_assert_int_eq(layer_overlay_create(&layer, raw, "test"), 0);
	ck_assert_uint_eq(layer->size, SIZE);
}

static void finish(void)
{
	static u8 now[SIZE];

	ck_assert_int_eq(layer_read_all(layer, now, SIZE, 0), 0);
	ck_assert(memcmp(now, model, SIZE) == 0);
	layer_destroy(layer);
	ck_assert_int_eq(pread(base_fd, now, SIZE, 0), SIZE);
	ck_assert(memcmp(now, base, SIZE) == 0);
	close(base_fd);
}

/* `len` bytes in pieces of `piece`, to their end; 0 or -errno. */
static int write_all(const u8 *buf, size_t len, u64 off, size_t piece)
{
	static struct iovec iov[4096];
	unsigned nr = 0;

	for (size_t at = 0; at < len; at += piece)
		iov[nr++] = (struct iovec){ (u8 *)buf + at, MIN(piece, len - at) };
	for (struct iovec *v = iov; nr;) {
		ssize_t n = layer->ops->write(layer, v, nr, off);

		if (n <= 0)
			return n ? (int)n : -EIO;
		off += (u64)n;
		for (; nr && (size_t)n >= v->iov_len; v++, nr--)
			n -= (ssize_t)v->iov_len;
		if (nr) {
			v->iov_base = (char *)v->iov_base + n;
			v->iov_len -= (size_t)n;
		}
	}
	return 0;
}

START_TEST(random_writes)
{
	static u8 buf[64 * KiB], in[64 * KiB];

	create();
	for (unsigned round = 0; round < 3000; round++) {
		size_t len = 512 * (1 + rnd(rnd(4) ? 12 : 100));
		u64 off = 512 * (u64)rnd((u32)((SIZE - len) / 512) + 1);

		switch (rnd(3)) {
		case 0:
			memset(buf, (int)round, len);
			ck_assert_int_eq(write_all(buf, len, off, 16 + rnd(1 + rnd(8192))), 0);
			memcpy(model + off, buf, len);
			break;
		case 1:
			/* Whole blocks are zeroed; of others it says that it cannot. */
			if (layer->ops->zero(layer, off, len) == 0)
				memset(model + off, 0, len);
			else
				ck_assert(off % 4096 || (len % 4096 && off + len != SIZE));
			break;
		case 2:
			ck_assert_int_eq(layer_read_all(layer, in, len, off), 0);
			ck_assert(memcmp(in, model + off, len) == 0);
			break;
		}
	}
	finish();
}
END_TEST

START_TEST(zeroes_to_the_end)
{
	create();
	ck_assert_int_eq(layer->ops->zero(layer, 1 * MiB, 1536), 0);
	ck_assert_int_eq(layer->ops->zero(layer, 0, 8192), 0);
	ck_assert_int_eq(layer->ops->zero(layer, 16384, 512), -EOPNOTSUPP);
	ck_assert_int_eq(layer->ops->zero(layer, 16384 + 512, 4096), -EOPNOTSUPP);
	memset(model, 0, 8192);
	memset(model + 1 * MiB, 0, 1536);
	finish();
}
END_TEST

/* In $TMPDIR, without a name. */
START_TEST(the_file_has_no_name)
{
	char dir[] = "/var/tmp/lkvm-overlay-XXXXXX";
	unsigned nr = 0;
	DIR *d;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("TMPDIR", dir, 1);
	create();
	ck_assert_int_eq(write_all(model, 4096, 0, 4096), 0);
	d = opendir(dir);
	while (readdir(d))
		nr++;
	closedir(d);
	ck_assert_uint_eq(nr, 2);
	finish();
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(no_place_for_it)
{
	struct layer *raw;

	setenv("TMPDIR", "/nowhere", 1);
	ck_assert_int_eq(layer_raw_create(&raw, memfd_create("base", 0), SIZE), 0);
	ck_assert_int_eq(layer_overlay_create(&layer, raw, "test"), -ENOENT);
	unsetenv("TMPDIR");
	ck_assert_int_eq(layer_raw_create(&raw, memfd_create("base", 0), 16385 * GiB), 0);
	ck_assert_int_eq(layer_overlay_create(&layer, raw, "test"), -EFBIG);
}
END_TEST

/* A limit that is reached within a block stands for a disk that is full. */
START_TEST(full)
{
	struct rlimit limit = { 64 * KiB + 1000, RLIM_INFINITY };
	static u8 buf[16 * KiB];

	create();
	signal(SIGXFSZ, SIG_IGN);
	memset(buf, 'w', sizeof(buf));
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_lt(write_all(buf, sizeof(buf), 60 * KiB, 4096), 0);
	ck_assert_int_lt(write_all(buf, 512, 64 * KiB + 512, 512), 0);
	/* What was there before still is, but for the block that there was room for. */
	memset(model + 60 * KiB, 'w', 4 * KiB);
	ck_assert_int_eq(write_all(buf, 512, 512, 512), 0);
	memset(model + 512, 'w', 512);
	finish();
}
END_TEST

SUITE_MAIN("virtio/layer_overlay", random_writes, zeroes_to_the_end, the_file_has_no_name,
	   no_place_for_it, full)
