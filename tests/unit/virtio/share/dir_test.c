/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listing directories: every entry once, in pieces of any size. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/fake/p9.h"
#include "tests/unit/suite.h"

#define NR 300u

static struct fake_p9 p;

/* A directory of a server whose positions have all 64 bits. */
static bool wide;

long syscall(long nr, ...)
{
	static long (*real)(long nr, ...);
	long a[4], n;
	va_list ap;

	va_start(ap, nr);
	for (unsigned i = 0; i < ARRAY_SIZE(a); i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	n = real(nr, a[0], a[1], a[2], a[3]);
	for (long i = 0; wide && nr == SYS_getdents64 && i < n;) {
		struct dirent64 *d = (struct dirent64 *)(a[1] + i);

		d->d_off |= INT64_MIN;
		i += d->d_reclen;
	}
	return n;
}

off_t lseek(int fd, off_t off, int whence)
{
	if (off >= 0)
		return lseek64(fd, off, whence);
	errno = EINVAL;
	return -1;
}

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

/* It can be read on, and from its start, but not gone to the middle of. */
START_TEST(positions_of_64_bits)
{
	static const u32 counts[] = { 400, 4096, 60000 };
	u64 middle = 0;

	wide = true;
	for (unsigned i = 0; i < NR; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%u", i);
		fake_p9_host_write(&p, name, "");
	}
	for (unsigned c = 0; c < ARRAY_SIZE(counts); c++) {
		unsigned seen[NR] = { 0 };
		u64 off = 0;
		int n;

		while ((n = list(1, off, counts[c])) > 0) {
			off = count_entries(seen, off);
			middle = middle ? middle : off;
		}
		ck_assert_int_eq(n, 0);
		/* As often as somebody asks. */
		ck_assert_int_eq(list(1, off, counts[c]), 0);
		for (unsigned i = 0; i < NR; i++)
			ck_assert_uint_eq(seen[i], 1);
	}
	ck_assert_int_eq(list(1, middle, 4096), -EINVAL);
	wide = false;
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

SUITE_MAIN_FIXTURE("virtio/share/dir", up, down, every_entry_once, positions_of_64_bits,
		   not_even_one_fits, what_cannot_be_listed)
