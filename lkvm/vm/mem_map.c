/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only mmap of guest RAM: ordinary, from hugetlbfs, of shared pages only, or in two views.
 *
 * Thread: main while the machine is built; region_change() on a vCPU thread under mem.c's lock.
 * Trust:  sizes and paths are the user's.
 *
 * Ordinary. Anonymous and private: cheaper for the host's kernel than any file is. Only where other
 * processes serve devices it is a memfd, which they are lent.
 *
 * Shared only. The guest's protected pages are in a guest_memfd, which nothing here sees. Shared
 * pages are pages of a memfd, mapped MAP_SHARED: a guest that reads a page first gets one that it
 * may write, too, where private memory has the read-only page of zeros, and v14's KVM maps no
 * shared page that is read-only. There are no huge pages, because v14 cannot map a part of one.
 * Where a page is protected the mapping is PROT_NONE and the file has a hole: KVM finds no memory
 * for an access at the shared address of a protected page, so the guest cannot make the host pay
 * for a page twice.
 *
 * Split view. Protected pages are anonymous memory that only the vCPUs' mapping (`host`) has.
 * Shared pages are pages of a memfd, mapped at the same offset of the devices' mapping
 * (`shared_view`), whose other pages are PROT_NONE: a wild pointer of ours faults instead of
 * leaking. KVM's ITS reads the guest's tables, which are shared, at their protected address; so
 * `host` has the memfd's page there too, or, strict, nothing. A page that changes sides is replaced
 * by an empty one: content is lost in either direction, as the RMM demands.
 *
 * Guarded. Both views are of the memfd. In the devices' one, pages that the hypervisor keeps from
 * us are hidden behind empty ones once we have touched them; KVM's is left as it is.
 */
#include "lkvm/vm/mem_map.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lkvm/base/file.h"
#include "lkvm/base/log.h"

#define MEM_HUGE_PAGE (2 * MiB)

/*
 * No core file has guest memory in it, whoever makes one. It needs no more mappings than there are
 * already, as all of guest memory is so.
 */
static void leave_out_of_cores(void *p, u64 size)
{
	madvise(p, size, MADV_DONTDUMP);
}

/*
 * Map at an address that is congruent to `base` modulo 2 MiB, so that a huge page of the host can
 * back a block of stage 2: a block saves the guest 511 faults and each walk a level.
 */
static void *map_aligned(u64 base, u64 size, int prot, int flags, int fd)
{
	u64 span = size + MEM_HUGE_PAGE;
	char *res = mmap(NULL, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (res == MAP_FAILED)
		return NULL;

	u64 skip = (base - (uintptr_t)res) & (MEM_HUGE_PAGE - 1);
	char *p = mmap(res + skip, size, prot, flags | MAP_FIXED, fd, 0);
	int err = errno;

	if (p == MAP_FAILED) {
		munmap(res, span);
		errno = err;
		return NULL;
	}
	if (skip)
		munmap(res, skip);
	munmap(res + skip + size, span - skip - size);
	leave_out_of_cores(p, size);
	return p;
}

static int hugetlbfs_file(const char *dir, u64 size, u64 *page)
{
	char path[4096];
	struct statfs sfs;

	if (statfs(dir, &sfs) < 0) {
		int err = errno;

		log_error("%s: %s; --hugetlbfs takes the mount point of a hugetlbfs", dir,
			  strerror(err));
		return -err;
	}
	if ((u32)sfs.f_type != HUGETLBFS_MAGIC) {
		log_error("%s is not hugetlbfs! (mount -t hugetlbfs none DIR makes one)", dir);
		return -EINVAL;
	}
	*page = (u64)sfs.f_bsize;
	snprintf(path, sizeof(path), "%s/lkvm-XXXXXX", dir);

	int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0)
		return -errno;
	unlink(path);
	if (ftruncate(fd, (off_t)align_up(size, *page)) < 0) {
		int err = errno;

		close(fd);
		return -err;
	}
	return fd;
}

static int region_map_huge(struct region *r, const char *dir)
{
	r->pub.fd = hugetlbfs_file(dir, r->pub.size, &r->huge);
	if (r->pub.fd < 0)
		return r->pub.fd;

	void *p = mmap(NULL, align_up(r->pub.size, r->huge), PROT_READ | PROT_WRITE, MAP_SHARED,
		       r->pub.fd, 0);

	if (p == MAP_FAILED) {
		int err = errno;

		log_error("cannot take %llu MiB from %s: %s; see /proc/sys/vm/nr_hugepages",
			  (unsigned long long)(r->pub.size / MiB), dir, strerror(err));
		return -err;
	}
	leave_out_of_cores(p, align_up(r->pub.size, r->huge));
	r->pub.host = p;
	return 0;
}

static void *map_anonymous(u64 base, u64 size)
{
	return map_aligned(base, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
}

/* The file that pages are in which the host and the guest both reach. */
static int shared_file(struct region *r)
{
	r->pub.fd = memfd_create("lkvm-shared", MFD_CLOEXEC);
	return r->pub.fd < 0 || ftruncate(r->pub.fd, (off_t)r->pub.size) < 0 ? -errno : 0;
}

/* All of it can be reached until region_change(): the loader fills pages that are protected. */
static int region_map_shared_only(struct region *r)
{
	u64 size = r->pub.size;
	int err = shared_file(r);

	if (err)
		return err;
	r->pub.host =
		map_aligned(r->pub.base.a, size, PROT_READ | PROT_WRITE, MAP_SHARED, r->pub.fd);
	if (!r->pub.host)
		return -errno;
	/* EINVAL: this kernel has no huge pages at all. */
	return madvise(r->pub.host, size, MADV_NOHUGEPAGE) < 0 && errno != EINVAL ? -errno : 0;
}

/* Ordinary RAM that is lent. */
static int region_map_lent(struct region *r)
{
	int err = shared_file(r);

	if (err)
		return err;
	r->pub.host = map_aligned(r->pub.base.a, r->pub.size, PROT_READ | PROT_WRITE, MAP_SHARED,
				  r->pub.fd);
	return r->pub.host ? 0 : -errno;
}

/* Two views; the devices' is of a memfd, as the vCPUs' is when it is guarded. */
static int region_map_two(struct region *r, bool guarded)
{
	int prot = guarded ? PROT_READ | PROT_WRITE : PROT_NONE;
	u64 base = r->pub.base.a, size = r->pub.size;
	int err = shared_file(r);

	if (err)
		return err;
	r->pub.host = guarded ? map_aligned(base, size, prot, MAP_SHARED, r->pub.fd)
			      : map_anonymous(base, size);
	if (!r->pub.host)
		return -errno;
	r->pub.shared_view = map_aligned(base, size, prot, MAP_SHARED, r->pub.fd);
	return r->pub.shared_view ? 0 : -errno;
}

int region_map(struct region *r, u64 flags, const char *hugetlbfs)
{
	int err = 0;

	if (hugetlbfs && flags & (MEM_SPLIT_VIEW | MEM_GUARDED | MEM_SHARED_ONLY))
		return -EINVAL;
	if (flags & (MEM_SPLIT_VIEW | MEM_GUARDED)) {
		err = region_map_two(r, flags & MEM_GUARDED);
	} else if (flags & MEM_SHARED_ONLY) {
		err = region_map_shared_only(r);
	} else if (hugetlbfs) {
		err = region_map_huge(r, hugetlbfs);
	} else if (r->pub.gmem) {
		r->pub.host = map_aligned(r->pub.base.a, r->pub.size, PROT_READ | PROT_WRITE,
					  MAP_SHARED, r->pub.fd);
		if (!r->pub.host)
			err = -errno;
	} else if (flags & MEM_LENT && !(flags & MEM_PROTECTED)) {
		err = region_map_lent(r);
	} else {
		r->pub.host = map_anonymous(r->pub.base.a, r->pub.size);
		if (!r->pub.host)
			err = -errno;
	}
	if (err)
		return err;
	if (!r->pub.shared_view)
		r->pub.shared_view = r->pub.host;
	r->split = flags & MEM_SPLIT_VIEW;
	r->strict = flags & MEM_STRICT;
	r->shared_only = flags & MEM_SHARED_ONLY;
	r->guarded = flags & MEM_GUARDED;
	r->lent = flags & MEM_LENT;
	r->huge_advice = flags & MEM_HUGE;
	/* Advice: on a kernel without huge pages everything works, only slower. */
	if (flags & MEM_HUGE)
		madvise(r->pub.host, r->pub.size, MADV_HUGEPAGE);
	if (flags & MEM_PROTECTED) {
		u64 pages = r->pub.size / MEM_PAGE;

		/* Large, and touched only where there is something to count. */
		r->shared = calloc((pages + 63) / 64, sizeof(*r->shared));
		r->pins = calloc(pages, sizeof(*r->pins));
		if (!r->shared || !r->pins)
			return -ENOMEM;
	}
	return 0;
}

void region_unmap(struct region *r)
{
	if (r->pub.shared_view && r->pub.shared_view != r->pub.host)
		munmap(r->pub.shared_view, r->pub.size);
	if (r->pub.host)
		munmap(r->pub.host, r->huge ? align_up(r->pub.size, r->huge) : r->pub.size);
	if (r->pub.fd >= 0)
		close(r->pub.fd);
	assert(!atomic_load(&r->nr_pins));
	free((void *)r->pins);
	free((void *)r->shared);
}

static int remap(void *at, u64 len, int prot, int flags, int fd, u64 off)
{
	if (mmap(at, len, prot, flags | MAP_FIXED, fd, (off_t)off) == MAP_FAILED)
		return -errno;
	leave_out_of_cores(at, len);
	return 0;
}

/* The vCPUs' view of pages that change sides: memory of the other kind, or nothing. */
static int replace_pages(struct region *r, u64 off, u64 len, bool shared)
{
	char *at = (char *)r->pub.host + off;
	int err;

	/*
	 * A huge page that only loses some of its pages stays one, mapped page by page, and whoever
	 * asks the host for the age of one page (DAMON does all the time) asks KVM for all 512.
	 * This advice splits it.
	 */
	if (shared)
		madvise(at, len, MADV_FREE);
	if (shared && r->strict)
		return remap(at, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			     0);
	if (shared)
		return remap(at, len, PROT_READ | PROT_WRITE, MAP_SHARED, r->pub.fd, off);
	err = remap(at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (!err && r->huge_advice)
		madvise(at, len, MADV_HUGEPAGE);
	return err;
}

/*
 * Each step may fail for want of mappings (vm.max_map_count), and then has done nothing: splitting
 * comes before unmapping. Taking back the first step needs none, as its pieces merge again.
 */
int region_change(struct region *r, u64 off, u64 len, bool shared)
{
	char *view = (char *)r->pub.shared_view + off;
	int err = 0;

	if (!region_has_borders(r))
		return 0;
	/* Who was lent the file may have filled what had gone from it. */
	if (shared && r->lent)
		err = file_punch(r->pub.fd, off, len);
	if (err)
		return err;
	if (mprotect(view, len, shared ? PROT_READ | PROT_WRITE : PROT_NONE) < 0)
		return -errno;
	/*
	 * Whatever was shared here goes, so that it is not there when the page is shared again.
	 * Behind mprotect(): nobody, KVM included, brings back a page that has gone.
	 */
	if (!shared)
		err = file_punch(r->pub.fd, off, len);
	if (!err && r->split)
		err = replace_pages(r, off, len, shared);
	if (err)
		mprotect(view, len, shared ? PROT_NONE : PROT_READ | PROT_WRITE);
	return err;
}

int region_discard(const struct region *r, u64 off, u64 len)
{
	u64 page = r->huge ? r->huge : (u64)sysconf(_SC_PAGESIZE);
	u64 from = align_up(off, page), end = align_down(off + len, page);

	if (from >= end)
		return 0;
	if (r->pub.fd >= 0)
		return file_punch(r->pub.fd, from, end - from);
	return madvise((char *)r->pub.host + from, end - from, MADV_DONTNEED) < 0 ? -errno : 0;
}

bool region_hide(const struct region *r, const void *at, bool whole)
{
	u64 page = (u64)sysconf(_SC_PAGESIZE);
	u64 off = align_down((uintptr_t)at - (uintptr_t)r->pub.shared_view, page);

	if (!r->guarded || off >= r->pub.size)
		return false;
	if (whole) {
		off = 0;
		page = r->pub.size;
	}
	return !remap((char *)r->pub.shared_view + off, page, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

void region_unhide(const struct region *r)
{
	/* Whatever cannot be undone stays hidden. */
	if (r->guarded)
		remap(r->pub.shared_view, r->pub.size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      r->pub.fd, 0);
}
