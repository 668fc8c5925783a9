/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How guest RAM is mapped: what the host's kernel says of the mapping and of the file behind. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/vm/mem.h"
#include "tests/unit/suite.h"

#define RAM UINT64_C(0x80000000)
#define SIZE (4 * MiB)
#define SHARED_ONLY (MEM_PROTECTED | MEM_SHARED_ONLY)

static struct mem *m;
static const struct mem_region *r;

static void ram(u64 size, u64 flags)
{
	ck_assert_int_eq(mem_create(&m), 0);
	ck_assert_int_eq(mem_add_ram(m, gpa(RAM), size, flags, NULL), 0);
	r = mem_region(m, 0);
}

/* The mapping that `at` lies in, from /proc/self/smaps: "rw-p", and the flags of "VmFlags:". */
static void mapping_at(const void *at, char perms[5], char flags[200])
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long from, to;
	bool here = false;
	char line[512];

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		char p[5];

		if (sscanf(line, "%lx-%lx %4s", &from, &to, p) == 3) {
			here = (uintptr_t)at >= from && (uintptr_t)at < to;
			if (here)
				memcpy(perms, p, 5);
		} else if (here && sscanf(line, "VmFlags: %199[^\n]", flags) == 1) {
			fclose(f);
			return;
		}
	}
	ck_abort_msg("nothing is mapped at %p", at);
}

static void is_mapped(const void *at, const char *perms)
{
	char p[5], flags[200];

	mapping_at(at, p, flags);
	ck_assert_str_eq(p, perms);
}

static u64 allocated(void)
{
	struct stat st;

	ck_assert_int_eq(fstat(r->fd, &st), 0);
	ck_assert_uint_eq((u64)st.st_size, r->size);
	return (u64)st.st_blocks * 512;
}

/* A file would cost ten times the instructions to boot. */
START_TEST(ordinary_memory_is_private_and_of_no_file)
{
	ram(SIZE, MEM_HUGE);
	is_mapped(r->host, "rw-p");
	ck_assert_int_eq(r->fd, -1);
	ck_assert_ptr_eq(r->host, r->shared_view);
	mem_destroy(m);
}
END_TEST

/* [uapi update 2: 26] what KVM maps must be the file's own page, writable from the first look on */
START_TEST(shared_only_memory_is_the_files)
{
	char c = 0;

	ram(SIZE, SHARED_ONLY);
	is_mapped(r->host, "rw-s");
	ck_assert_ptr_eq(r->host, r->shared_view);
	ck_assert_uint_eq((RAM - (uintptr_t)r->host) % (2 * MiB), 0);
	ck_assert_int_eq(*(volatile char *)r->host, 0);
	ck_assert_uint_eq(allocated(), 4096);
	((volatile char *)r->host)[5] = 'x';
	ck_assert_int_eq(pread(r->fd, &c, 1, 5), 1);
	ck_assert_int_eq(c, 'x');
	mem_destroy(m);
}
END_TEST

/* [uapi update 2: 27] whatever shmem_enabled says */
START_TEST(shared_only_memory_has_no_huge_pages)
{
	bool huge_pages = !access("/sys/kernel/mm/transparent_hugepage", F_OK);
	char perms[5], flags[200], *at;

	ram(SIZE, SHARED_ONLY);
	at = r->host;
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), SIZE, false), 0);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM + 4096), 8192, true), 0);
	for (u64 off = 0; off < SIZE; off += 4096) {
		if (off > 4 * 4096 && off < SIZE - 4096)
			continue;
		mapping_at(at + off, perms, flags);
		ck_assert_msg(!huge_pages || strstr(flags, "nh"), "at %#llx: %s",
			      (unsigned long long)off, flags);
	}
	mem_destroy(m);
}
END_TEST

static sigjmp_buf fault;

static void on_fault(int sig)
{
	siglongjmp(fault, sig);
}

/* Neither we nor the kernel, which KVM's look at guest memory is, can bring the page back. */
static void out_of_reach(u64 off)
{
	volatile char *at = (char *)r->host + off;
	u64 before = allocated();
	int fds[2];

	is_mapped((void *)(uintptr_t)at, "---s");
	signal(SIGSEGV, on_fault);
	if (sigsetjmp(fault, 1) == 0) {
		(void)*at;
		ck_abort_msg("a protected page could be read");
	}
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], (void *)(uintptr_t)at, 1), -1);
	ck_assert_int_eq(errno, EFAULT);
	close(fds[0]);
	close(fds[1]);
	ck_assert_uint_eq(allocated(), before);
}

START_TEST(a_page_that_becomes_protected_is_given_back)
{
	char *host;

	ram(SIZE, SHARED_ONLY);
	host = r->host;
	/* what was loaded */
	memset(mem_load_ptr(m, gpa(RAM), 64 * KiB), 'k', 64 * KiB);
	ck_assert_uint_eq(allocated(), 64 * KiB);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), SIZE, false), 0);
	ck_assert_uint_eq(allocated(), 0);
	out_of_reach(0);
	/* what is shared, and taken back */
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM + 4096), 8192, true), 0);
	out_of_reach(0);
	out_of_reach(3 * 4096);
	is_mapped(host + 4096, "rw-s");
	ck_assert_int_eq(host[4096], 0);
	memset(host + 4096, 's', 8192);
	ck_assert_uint_eq(allocated(), 8192);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM + 4096), 4096, false), 0);
	ck_assert_uint_eq(allocated(), 4096);
	out_of_reach(4096);
	ck_assert_int_eq(host[8192], 's');
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM + 4096), 4096, true), 0);
	ck_assert_int_eq(host[4096], 0);
	mem_destroy(m);
}
END_TEST

/* Each piece is a mapping, and a process has 65530. */
START_TEST(the_number_of_pieces_has_a_limit)
{
	u64 size = 256 * MiB;
	int err = 0;

	ram(size, SHARED_ONLY);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), size, false), 0);
	for (u64 off = 0; off < size && !err; off += 8192)
		err = mem_set_shared(m, gpa(RAM + off), 4096, true);
	ck_assert_int_eq(err, -ENOSPC);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), size, true), 0);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), size, false), 0);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), 4096, true), 0);
	mem_destroy(m);
}
END_TEST

static void no_core_has(const char *at)
{
	char perms[5], flags[200];

	for (u64 off = 0; off < SIZE; off += off < 8 * 4096 ? 4096 : SIZE / 8) {
		mapping_at(at + off, perms, flags);
		ck_assert_msg(strstr(flags, " dd"), "at %#llx: %s", (unsigned long long)off, flags);
	}
}

static void check_cores(u64 kind)
{
	ram(SIZE, kind);
	no_core_has(r->host);
	no_core_has(r->shared_view);
	if (kind & MEM_PROTECTED) {
		ck_assert_int_eq(mem_set_shared(m, gpa(RAM), SIZE, false), 0);
		ck_assert_int_eq(mem_set_shared(m, gpa(RAM + 4096), 8192, true), 0);
		ck_assert_int_eq(mem_set_shared(m, gpa(RAM + 8192), 4096, false), 0);
		no_core_has(r->host);
		no_core_has(r->shared_view);
	}
	mem_destroy(m);
}

START_TEST(no_core_file_has_guest_memory)
{
	static const u64 kinds[] = { MEM_HUGE,
				     SHARED_ONLY,
				     MEM_PROTECTED | MEM_SPLIT_VIEW,
				     MEM_PROTECTED | MEM_SPLIT_VIEW | MEM_HUGE,
				     MEM_PROTECTED | MEM_SPLIT_VIEW | MEM_STRICT,
				     MEM_GUARDED };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		check_cores(kinds[i]);
}
END_TEST

START_TEST(hugetlbfs_is_for_ordinary_memory)
{
	static const u64 flags[] = { SHARED_ONLY, MEM_PROTECTED | MEM_SPLIT_VIEW, MEM_GUARDED };

	ck_assert_int_eq(mem_create(&m), 0);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		ck_assert_int_eq(mem_add_ram(m, gpa(RAM), SIZE, flags[i], "/nonexistent"), -EINVAL);
	ck_assert_int_eq(mem_add_ram(m, gpa(RAM), SIZE, MEM_PROTECTED, "/nonexistent"), -ENOENT);
	mem_destroy(m);
}
END_TEST

SUITE_MAIN("lkvm/mem_map", ordinary_memory_is_private_and_of_no_file,
	   shared_only_memory_is_the_files, shared_only_memory_has_no_huge_pages,
	   a_page_that_becomes_protected_is_given_back, the_number_of_pieces_has_a_limit,
	   no_core_file_has_guest_memory, hugetlbfs_is_for_ordinary_memory)
