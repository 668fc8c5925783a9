/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listing directories: every entry once, in pieces of any size. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fake/p9.h"
#include "tests/unit/suite.h"

#define NR 300u

static struct fake_p9 p;

static void up(void)
{
	fake_p9_up(&p, true);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, ""), 0);
	ck_assert_int_eq(fake_p9_open(&p, 1, P9_O_DIRECTORY), 0);
}

static void down(void)
{
	fake_p9_down(&p);
}

static int list(u32 fid, u64 off, u32 count)
{
	int err;

	fake_p9_begin(&p, P9_TREADDIR, 1);
	fake_p9_32(&p, fid);
	fake_p9_64(&p, off);
	fake_p9_32(&p, count);
	fake_p9_end(&p);
	err = fake_p9_send(&p);
	if (err)
		return err;
	ck_assert_uint_eq(wire_get32(&p.in), p.in.left);
	ck_assert_uint_le(p.in.left, count);
	return (int)p.in.left;
}

/* How often each fNNN was seen in the answer; the offset behind the last entry. */
static u64 count_entries(unsigned *seen, u64 off)
{
	while (p.in.left) {
		char name[256];
		unsigned n;
		u8 qid_type = wire_get8(&p.in), type;

		wire_get32(&p.in);
		wire_get64(&p.in);
		off = wire_get64(&p.in);
		type = wire_get8(&p.in);
		ck_assert_int_eq(wire_get_string(&p.in, name, sizeof(name)), 0);
		ck_assert(!p.in.bad);
		ck_assert_uint_eq(qid_type, type == 4	 ? P9_QID_DIR
					    : type == 10 ? P9_QID_SYMLINK
							 : 0);
		if (sscanf(name, "f%u", &n) == 1)
			seen[n]++;
	}
	return off;
}

START_TEST(every_entry_once)
{
	static const u32 counts[] = { 60, 100, 4096, 60000 };

	for (unsigned i = 0; i < NR; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%u", i);
		fake_p9_host_write(&p, name, "");
	}
	ck_assert_int_eq(mkdir(fake_p9_path(&p, "d"), 0755), 0);
	ck_assert_int_eq(symlink("x", fake_p9_path(&p, "l")), 0);
	for (unsigned c = 0; c < ARRAY_SIZE(counts); c++) {
		unsigned seen[NR] = { 0 };
		u64 off = 0;
		int n;

		while ((n = list(1, off, counts[c])) > 0)
			off = count_entries(seen, off);
		ck_assert_int_eq(n, 0);
		for (unsigned i = 0; i < NR; i++)
			ck_assert_uint_eq(seen[i], 1);
	}
}
END_TEST

START_TEST(not_even_one_fits)
{
	ck_assert_int_eq(list(1, 0, 20), -EINVAL);
	ck_assert_int_eq(list(1, 0, 0), -EINVAL);
	ck_assert_int_gt(list(1, 0, 60), 0);
}
END_TEST

START_TEST(what_cannot_be_listed)
{
	fake_p9_host_write(&p, "f0", "");
	ck_assert_int_eq(fake_p9_walk(&p, 0, 2, "f0"), 0);
	ck_assert_int_eq(list(2, 0, 100), -EBADF);
	ck_assert_int_eq(fake_p9_open(&p, 2, 0), 0);
	ck_assert_int_eq(list(2, 0, 100), -ENOTDIR);
	ck_assert_int_eq(list(3, 0, 100), -EBADF);
	ck_assert_int_eq(list(1, UINT64_MAX, 100), -EINVAL);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 4, "f0"), 0);
	ck_assert_int_eq(fake_p9_open(&p, 4, P9_O_DIRECTORY), -ENOTDIR);
}
END_TEST

SUITE_MAIN_FIXTURE("virtio/share/dir", up, down, every_entry_once, not_even_one_fits,
		   what_cannot_be_listed)
