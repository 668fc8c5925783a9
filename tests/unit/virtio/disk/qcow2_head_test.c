/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The header of qcow2 files: bounds of each number, features by name. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fake/qcow2.h"
#include "tests/unit/suite.h"
#include "virtio/disk/qcow2_head.h"

static struct fake_qcow2 file;
static struct qcow2_head head;

static void create(unsigned version)
{
	if (file.fd > 0)
		close(file.fd);
	fake_qcow2_create(&file, memfd_create("qcow2", 0), version, 16, 10 * GiB + 1000);
}

static int read_head(void)
{
	return qcow2_head_read(&head, file.fd, "test");
}

static int with(u64 off, u64 val, unsigned len)
{
	create(3);
	fake_qcow2_poke(&file, off, val, len);
	return read_head();
}

START_TEST(good)
{
	for (unsigned version = 2; version <= 3; version++) {
		create(version);
		ck_assert_int_eq(read_head(), 0);
		ck_assert_uint_eq(head.version, version);
		ck_assert_uint_eq(head.cluster_size, 64 * KiB);
		ck_assert_uint_eq(head.size, 10 * GiB + 512);
		ck_assert_uint_eq(head.l1_entries, 21);
		ck_assert_uint_eq(head.l1_off, 64 * KiB);
		ck_assert(!head.zstd && !*head.backing && !*head.backing_format);
	}
	/* Of version 2 there are no features to look at. */
	fake_qcow2_poke(&file, QCOW2_VERSION, 2, 4);
	fake_qcow2_poke(&file, QCOW2_INCOMPATIBLE, UINT64_MAX, 8);
	ck_assert_int_eq(read_head(), 0);
	/* Written by a machine that fell down: only reference counts may be wrong. */
	ck_assert_int_eq(with(QCOW2_INCOMPATIBLE, 1, 8), 0);
	/* What is compatible is nobody's business. */
	ck_assert_int_eq(with(QCOW2_INCOMPATIBLE + 8, UINT64_MAX, 8), 0);
	ck_assert_int_eq(with(QCOW2_INCOMPATIBLE + 16, UINT64_MAX, 8), 0);
}
END_TEST

START_TEST(bounds)
{
	static const struct {
		u64 off, val;
		unsigned len;
	} bad[] = {
		{ 0, 0x514649fa, 4 },
		{ QCOW2_VERSION, 1, 4 },
		{ QCOW2_VERSION, 4, 4 },
		{ QCOW2_CLUSTER_BITS, 8, 4 },
		{ QCOW2_CLUSTER_BITS, 22, 4 },
		{ QCOW2_CLUSTER_BITS, UINT32_MAX, 4 },
		{ QCOW2_SIZE, 0, 8 },
		{ QCOW2_SIZE, 511, 8 },
		{ QCOW2_SIZE, 10752 * MiB + 1, 8 }, /* more than the L1 table reaches */
		{ QCOW2_SIZE, UINT64_MAX, 8 },
		{ QCOW2_CRYPT, 1, 4 },
		{ QCOW2_CRYPT, 2, 4 },
		{ QCOW2_L1_SIZE, 20, 4 },
		{ QCOW2_L1_OFF, 64 * KiB + 512, 8 },
		{ QCOW2_L1_OFF, BIT(63), 8 },
		{ QCOW2_LENGTH, 96, 4 },
		{ QCOW2_LENGTH, 105, 4 },
		{ QCOW2_LENGTH, UINT32_MAX, 4 },
		{ QCOW2_COMPRESSION, 1, 1 }, /* without the feature */
		{ QCOW2_INCOMPATIBLE, 1 << 1, 8 },
		{ QCOW2_INCOMPATIBLE, 1 << 2, 8 },
		{ QCOW2_INCOMPATIBLE, 1 << 3, 8 }, /* without a kind */
		{ QCOW2_INCOMPATIBLE, 1 << 4, 8 },
		{ QCOW2_INCOMPATIBLE, 1 << 5, 8 },
		{ QCOW2_INCOMPATIBLE, BIT(63), 8 },
		{ QCOW2_BACKING_OFF, 256, 8 }, /* of no length */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(with(bad[i].off, bad[i].val, bad[i].len) == -EINVAL, "took no. %u",
			      i);
	/* An L1 table of more than 32 MiB, with room for it in the file. */
	create(3);
	fake_qcow2_poke(&file, QCOW2_CLUSTER_BITS, 9, 4);
	fake_qcow2_poke(&file, QCOW2_L1_SIZE, UINT32_MAX, 4);
	fake_qcow2_poke(&file, QCOW2_SIZE, 128 * GiB, 8);
	ck_assert_int_eq(read_head(), 0);
	ck_assert_uint_eq(head.l1_entries, 4 * MiB);
	fake_qcow2_poke(&file, QCOW2_SIZE, 128 * GiB + 512, 8);
	ck_assert_int_eq(read_head(), -EINVAL);
	/* Too short to have a header. */
	ck_assert_int_eq(ftruncate(file.fd, 3), 0);
	ck_assert_int_eq(read_head(), -EINVAL);
	ck_assert_int_eq(qcow2_head_read(&head, -1, "test"), -EBADF);
}
END_TEST

START_TEST(zstd)
{
	create(3);
	fake_qcow2_poke(&file, QCOW2_INCOMPATIBLE, 1 << 3, 8);
	fake_qcow2_poke(&file, QCOW2_COMPRESSION, 1, 1);
	ck_assert_int_eq(read_head(), 0);
	ck_assert(head.zstd);
	fake_qcow2_poke(&file, QCOW2_COMPRESSION, 2, 1);
	ck_assert_int_eq(read_head(), -EINVAL);
}
END_TEST

START_TEST(backing)
{
	create(3);
	fake_qcow2_backing(&file, "a/b.img", "raw");
	ck_assert_int_eq(read_head(), 0);
	ck_assert_str_eq(head.backing, "a/b.img");
	ck_assert_str_eq(head.backing_format, "raw");
	fake_qcow2_poke(&file, QCOW2_BACKING_SIZE, QCOW2_BACKING_LEN + 1, 4);
	ck_assert_int_eq(read_head(), -EINVAL);
	fake_qcow2_poke(&file, QCOW2_BACKING_SIZE, 100, 4); /* a NUL in it */
	ck_assert_int_eq(read_head(), -EINVAL);
	fake_qcow2_poke(&file, QCOW2_BACKING_OFF, BIT(40), 8);
	ck_assert_int_eq(read_head(), -EINVAL);
	/* Extensions: one without an end, one that is too long. */
	create(3);
	fake_qcow2_backing(&file, "x", NULL);
	fake_qcow2_poke(&file, QCOW2_EXTENSIONS, 0x12345678, 4);
	fake_qcow2_poke(&file, QCOW2_EXTENSIONS + 4, UINT32_MAX, 4);
	ck_assert_int_eq(read_head(), 0);
	ck_assert_str_eq(head.backing_format, "");
	fake_qcow2_backing(&file, "x", "a name of more than it can be");
	ck_assert_int_eq(read_head(), 0);
	ck_assert_str_eq(head.backing_format, "");
}
END_TEST

SUITE_MAIN("virtio/qcow2_head", good, bounds, zstd, backing)
