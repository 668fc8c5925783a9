/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a device of the host reaches: the pages that the guest shares, at each moment. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vfio/dma.h"
#include "lkvm/vm/mem.h"
#include "tests/fake/vfio.h"
#include "tests/unit/suite.h"

#define RAM UINT64_C(0x80000000)
#define SIZE (4 * MiB)
#define PAGE 4096u
#define ALIAS BIT(37)

struct rig {
	struct mem *mem;
	struct vfio_iommu *io;
	struct dma *dma;
	int fd;
};

static void tell(void *arg, int fd)
{
}

static int start(struct rig *x, u64 flags, u64 alias)
{
	static const struct vfio_conf c = { "0000:00:10.0" };
	struct vfio_place p;

	memset(x, 0, sizeof(*x));
	ck_assert_int_eq(mem_create(&x->mem), 0);
	mem_set_alias(x->mem, alias);
	ck_assert_int_eq(mem_add_ram(x->mem, gpa(RAM), SIZE, flags, NULL), 0);
	ck_assert_int_eq(vfio_iommu_create(&x->io), 0);
	ck_assert_int_eq(vfio_find(&c, &p), 0);
	x->fd = vfio_iommu_add(x->io, &p, tell, NULL);
	ck_assert_int_ge(x->fd, 0);
	return dma_start(&x->dma, x->mem, x->io);
}

static void up(struct rig *x, u64 flags, u64 alias, bool iommufd)
{
	fake_vfio_init();
	fake_vfio.has_iommufd = iommufd;
	fake_vfio_add("0000:00:10.0", 3);
	ck_assert_int_eq(start(x, flags, alias), 0);
}

static void down(struct rig *x)
{
	dma_stop(x->dma);
	ck_assert_uint_eq(fake_vfio.nr_maps, 0);
	vfio_iommu_destroy(x->io);
	if (x->fd >= 0)
		close(x->fd);
	mem_destroy(x->mem);
}

#define REALM (MEM_PROTECTED | MEM_SPLIT_VIEW)

static int share(struct rig *x, u64 off, u64 len, bool on)
{
	return mem_set_shared(x->mem, gpa(RAM + off), len, on);
}

/* Each page by itself: where a device reaches it the guest shares it, and the other way round. */
static void check(struct rig *x)
{
	u64 alias = mem_alias(x->mem);

	for (u64 a = RAM; a < RAM + SIZE; a += PAGE) {
		bool shared = mem_is_shared(x->mem, gpa(a), PAGE);

		ck_assert_int_eq(fake_vfio_dma(a, PAGE) != NULL, shared);
		ck_assert_ptr_eq(fake_vfio_dma(a | alias, PAGE), fake_vfio_dma(a, PAGE));
		if (shared)
			ck_assert_int_eq(mem_gpa_of(x->mem, fake_vfio_dma(a, PAGE)).a == a, true);
	}
}

START_TEST(an_ordinary_guest)
{
	struct rig x;

	up(&x, 0, 0, true);
	ck_assert_uint_eq(fake_vfio.nr_maps, 1);
	check(&x);
	down(&x);
	up(&x, 0, 0, false);
	ck_assert_uint_eq(fake_vfio.nr_maps, 1);
	down(&x);
}
END_TEST

/* The pool of --bounce is shared before the devices are there, and nothing else. */
START_TEST(a_pool)
{
	struct rig x;

	fake_vfio_init();
	fake_vfio_add("0000:00:10.0", 3);
	memset(&x, 0, sizeof(x));
	up(&x, MEM_PROTECTED, 0, true);
	ck_assert_uint_eq(fake_vfio.nr_maps, 0);
	ck_assert_int_eq(share(&x, MiB, MiB, true), 0);
	dma_stop(x.dma);
	ck_assert_uint_eq(fake_vfio.nr_maps, 0);
	ck_assert_int_eq(dma_start(&x.dma, x.mem, x.io), 0);
	ck_assert_uint_eq(fake_vfio.nr_maps, 1);
	check(&x);
	down(&x);
}
END_TEST

START_TEST(a_realm)
{
	struct rig x;

	for (int iommufd = 0; iommufd < 2; iommufd++) {
		up(&x, REALM, ALIAS, iommufd);
		check(&x);
		ck_assert_ptr_null(fake_vfio_dma(RAM, 1));
		ck_assert_int_eq(share(&x, MiB, 64 * KiB, true), 0);
		check(&x);
		/* What the device writes the guest's other devices see. */
		memcpy(fake_vfio_dma(ALIAS | (RAM + MiB), 4), "abcd", 4);
		char buf[4];
		ck_assert_int_eq(mem_read(x.mem, gpa(RAM + MiB), buf, 4), 0);
		ck_assert_mem_eq(buf, "abcd", 4);
		ck_assert_int_eq(share(&x, MiB, 64 * KiB, false), 0);
		check(&x);
		ck_assert_uint_eq(fake_vfio.nr_maps, 0);
		down(&x);
	}
}
END_TEST

/* Pieces of what was shared, over borders of what was shared, and all of it. */
START_TEST(pieces)
{
	struct rig x;

	up(&x, REALM, ALIAS, true);
	ck_assert_int_eq(share(&x, 0, 16 * PAGE, true), 0);
	ck_assert_int_eq(share(&x, 16 * PAGE, 16 * PAGE, true), 0);
	ck_assert_uint_eq(fake_vfio.nr_maps, 4);
	ck_assert_int_eq(share(&x, 4 * PAGE, 2 * PAGE, false), 0);
	check(&x);
	ck_assert_int_eq(share(&x, 14 * PAGE, 4 * PAGE, false), 0);
	check(&x);
	ck_assert_int_eq(share(&x, 31 * PAGE, PAGE, false), 0);
	check(&x);
	ck_assert_int_eq(share(&x, 0, SIZE, true), 0);
	check(&x);
	ck_assert_int_eq(share(&x, 0, SIZE, false), 0);
	check(&x);
	ck_assert_uint_eq(fake_vfio.nr_maps, 0);
	down(&x);
}
END_TEST

START_TEST(any_order)
{
	struct rig x;
	u32 seed = 1;

	up(&x, REALM, ALIAS, true);
	for (unsigned i = 0; i < 400; i++) {
		u64 off, len;

		seed = seed * 1103515245 + 12345;
		off = (seed >> 8) % 64;
		len = 1 + (seed >> 16) % 8;
		ck_assert_int_eq(share(&x, off * PAGE, len * PAGE, seed >> 31), 0);
		if (i % 20 == 0)
			check(&x);
	}
	check(&x);
	down(&x);
}
END_TEST

static void fail_next(unsigned long req, unsigned nth, int err)
{
	fake_vfio.fail_req = req;
	fake_vfio.fail_nth = nth;
	fake_vfio.fail_err = err;
}

/* A page that cannot be unmapped is not taken back; nor one whose unmapping did less. */
START_TEST(unmapping_fails)
{
	struct rig x;

	up(&x, REALM, ALIAS, true);
	ck_assert_int_eq(share(&x, 0, 2 * PAGE, true), 0);
	ck_assert_int_eq(share(&x, 2 * PAGE, 2 * PAGE, true), 0);
	memcpy(fake_vfio_dma(RAM, 4), "abcd", 4);
	for (unsigned nth = 0; nth < 4; nth++) {
		fail_next(IOMMU_IOAS_UNMAP, nth, EIO);
		ck_assert_int_eq(share(&x, 0, 4 * PAGE, false), -EIO);
		fail_next(0, 0, 0);
		ck_assert(mem_is_shared(x.mem, gpa(RAM), 4 * PAGE));
		check(&x);
		ck_assert_mem_eq(fake_vfio_dma(RAM, 4), "abcd", 4);
	}
	fake_vfio.unmaps_less = PAGE;
	ck_assert_int_eq(share(&x, 0, 4 * PAGE, false), -EIO);
	ck_assert(mem_is_shared(x.mem, gpa(RAM), 4 * PAGE));
	fake_vfio.unmaps_less = 0;
	ck_assert_int_eq(share(&x, 0, 4 * PAGE, false), 0);
	check(&x);
	down(&x);
}
END_TEST

/* A page that cannot be mapped stays protected. */
START_TEST(mapping_fails)
{
	struct rig x;

	up(&x, REALM, ALIAS, true);
	for (unsigned nth = 0; nth < 2; nth++) {
		fail_next(IOMMU_IOAS_MAP, nth, ENOSPC);
		ck_assert_int_eq(share(&x, 0, PAGE, true), -ENOSPC);
		fail_next(0, 0, 0);
		ck_assert(!mem_is_shared(x.mem, gpa(RAM), PAGE));
		check(&x);
	}
	ck_assert_int_eq(share(&x, 0, PAGE, true), 0);
	check(&x);
	down(&x);
}
END_TEST

/* The rest of a piece that cannot be mapped again is lost to the device, never to the guest. */
START_TEST(rest_is_lost)
{
	struct rig x;

	up(&x, REALM, ALIAS, true);
	ck_assert_int_eq(share(&x, 0, 4 * PAGE, true), 0);
	fail_next(IOMMU_IOAS_MAP, 0, ENOMEM);
	ck_assert_int_eq(share(&x, PAGE, PAGE, false), 0);
	fail_next(0, 0, 0);
	ck_assert(mem_is_shared(x.mem, gpa(RAM), PAGE));
	ck_assert_ptr_null(fake_vfio_dma(RAM, 1));
	ck_assert_ptr_null(fake_vfio_dma(RAM + PAGE, 1));
	ck_assert_ptr_nonnull(fake_vfio_dma(RAM + 2 * PAGE, 1));
	ck_assert_int_eq(share(&x, 0, PAGE, false), 0);
	down(&x);
}
END_TEST

static void refused(u64 alias, int want)
{
	unsigned before = log_errors();
	struct rig x;

	ck_assert_int_eq(start(&x, alias ? REALM : 0, alias), want);
	ck_assert_uint_eq(log_errors(), before + 1);
	down(&x);
}

START_TEST(reasons)
{
	fake_vfio_init();
	fake_vfio_add("0000:00:10.0", 3);
	fake_vfio.max_mapped = MiB;
	refused(0, -ENOMEM);
	fake_vfio.max_mapped = UINT64_MAX;
	fake_vfio.allowed[0].end = RAM + MiB;
	refused(0, -ERANGE);
	fake_vfio.allowed[0].end = BIT(37) - 1;
	refused(ALIAS, -ERANGE);
	fail_next(IOMMU_IOAS_IOVA_RANGES, 0, EINVAL);
	refused(0, -EINVAL);
	dma_stop(NULL);
}
END_TEST

SUITE_MAIN("lkvm/vfio/dma", an_ordinary_guest, a_pool, a_realm, pieces, any_order, unmapping_fails,
	   mapping_fails, rest_is_lost, reasons)
