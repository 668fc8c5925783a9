/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a change of page states costs the host, and what becomes of it when the host fails. The
 * system calls are counted, and made to fail, in place of libc's functions.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lkvm/vm/mem.h"
#include "realm/sim/ripas.h"
#include "tests/unit/arm64/capture.h"
#include "tests/unit/suite.h"

#define RAM UINT64_C(0x80000000)
#define PAGE UINT64_C(4096)

static unsigned calls, fail_at; /* since begin(); the call with this number fails, from 1 */
static bool counting;

/* These are called before ThreadSanitizer is there. */
#define EARLY __attribute__((no_sanitize("thread")))

/* Count a call. Is it the one that fails? */
EARLY static bool failing(void)
{
	if (!counting || ++calls != fail_at)
		return false;
	errno = ENOMEM;
	return true;
}

/* NOLINTBEGIN: libc's names, and its types */
EARLY void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return failing() ? MAP_FAILED : (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, off);
}

EARLY int mprotect(void *addr, size_t len, int prot)
{
	return failing() ? -1 : (int)syscall(SYS_mprotect, addr, len, prot);
}

EARLY int madvise(void *addr, size_t len, int advice)
{
	return failing() ? -1 : (int)syscall(SYS_madvise, addr, len, advice);
}

EARLY int fallocate(int fd, int mode, off_t off, off_t len)
{
	return failing() ? -1 : (int)syscall(SYS_fallocate, fd, mode, off, len);
}

static long page_size = 4096;

long __sysconf(int name);
long sysconf(int name)
{
	return name == _SC_PAGESIZE ? page_size : __sysconf(name);
}
/* NOLINTEND */

static void begin(unsigned fail)
{
	calls = 0;
	fail_at = fail;
	counting = true;
}

static unsigned end(void)
{
	counting = false;
	return calls;
}

static struct mem *mem_of(u64 size, u64 flags)
{
	struct mem *m;

	ck_assert_int_eq(mem_create(&m), 0);
	ck_assert_int_eq(mem_add_ram(m, gpa(RAM), size,
				     MEM_PROTECTED | MEM_SPLIT_VIEW | MEM_HUGE | flags, NULL),
			 0);
	return m;
}

static unsigned set(struct mem *m, u64 base, u64 top, enum rsi_ripas ripas)
{
	u64 reached;

	begin(0);
	ck_assert_int_eq(ripas_set(m, base, top, ripas, &reached), 0);
	ck_assert_uint_eq(reached, top);
	return end();
}

/* ---- price ---- */

struct price {
	unsigned same, share, unshare;
};

static struct price price_of(u64 size, u64 flags)
{
	struct mem *m = mem_of(size, flags);
	struct price p;

	/* What Linux asks for first: all RAM, which is RAM. */
	p.same = set(m, RAM, RAM + size, RSI_RIPAS_RAM);
	p.share = set(m, RAM, RAM + size, RSI_RIPAS_EMPTY);
	p.unshare = set(m, RAM, RAM + size, RSI_RIPAS_RAM);
	mem_destroy(m);
	return p;
}

START_TEST(all_of_ram_costs_the_same_at_any_size)
{
	const u64 flags[] = { 0, MEM_STRICT };

	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
		struct price small = price_of(64 * MiB, flags[i]);
		struct price large = price_of(2 * GiB, flags[i]);

		ck_assert_uint_eq(small.same, 0);
		ck_assert_uint_eq(large.same, 0);
		ck_assert_uint_gt(small.share, 0);
		ck_assert_uint_eq(small.share, large.share);
		ck_assert_uint_eq(small.unshare, large.unshare);
		/* view, vCPUs, advice twice; hole as well */
		ck_assert_uint_le(large.share, 4);
		ck_assert_uint_le(large.unshare, 5);
	}
}
END_TEST

/* Not so where the guest has cut it up; but a call to the RMM has an end, and the next goes on. */
START_TEST(pieces_take_more_than_one_call)
{
	struct mem *m = mem_of(16 * MiB, 0);
	u64 at = RAM, reached;
	unsigned nr = 0;

	for (u64 a = RAM; a < RAM + 16 * MiB; a += 2 * PAGE)
		set(m, a, a + PAGE, RSI_RIPAS_EMPTY);
	for (; at < RAM + 16 * MiB; at = reached, nr++) {
		begin(0);
		ck_assert_int_eq(ripas_set(m, at, RAM + 16 * MiB, RSI_RIPAS_RAM, &reached), 0);
		ck_assert_uint_le(end(), 1280);
		ck_assert_uint_gt(reached, at);
	}
	ck_assert_uint_eq(nr, 8);
	ck_assert_uint_eq(set(m, RAM, RAM + 16 * MiB, RSI_RIPAS_RAM), 0);
	mem_destroy(m);
}
END_TEST

START_TEST(too_many_pieces_are_refused)
{
	u64 size = 512 * MiB, a, reached = 0;
	struct mem *m = mem_of(size, 0);
	int err = 0;

	capture_start();
	for (a = RAM; a < RAM + size && !err; a += 2 * PAGE)
		err = ripas_set(m, a, a + PAGE, RSI_RIPAS_EMPTY, &reached);
	ck_assert_int_eq(err, -ENOSPC);
	ck_assert_ptr_nonnull(strstr(captured(), "too many pieces"));
	a -= 2 * PAGE;
	ck_assert_uint_eq(reached, a);
	/* Two borders a piece, and the first page has one. */
	ck_assert_uint_eq((a - RAM) / PAGE, 24000);
	ck_assert(!mem_is_shared(m, gpa(a), PAGE));
	ck_assert(mem_is_shared(m, gpa(a - 2 * PAGE), PAGE));
	/* What makes no more of them is possible: larger pieces, and fewer. */
	ck_assert_int_eq(ripas_set(m, a - PAGE, a, RSI_RIPAS_EMPTY, &reached), 0);
	ck_assert_int_eq(ripas_set(m, RAM + PAGE, RAM + 2 * PAGE, RSI_RIPAS_EMPTY, &reached), 0);
	ck_assert_int_eq(ripas_set(m, a + 2 * PAGE, a + 3 * PAGE, RSI_RIPAS_EMPTY, &reached), 0);
	ck_assert_int_eq(ripas_set(m, a + 4 * PAGE, a + 5 * PAGE, RSI_RIPAS_EMPTY, &reached),
			 -ENOSPC);
	mem_destroy(m);
}
END_TEST

/* ---- failure ---- */

static void put(struct mem *m, u64 a, const char *s)
{
	ck_assert_int_eq(mem_rmm_write(m, gpa(a), s, (u32)strlen(s)), 0);
}

static bool protected_has(struct mem *m, u64 a, const char *s)
{
	char buf[16];

	return !mem_rmm_read(m, gpa(a), buf, (u32)strlen(s)) && !memcmp(buf, s, strlen(s));
}

static bool shared_is_zero(struct mem *m, u64 a)
{
	u8 page[4096], sum = 0;

	ck_assert_int_eq(mem_read(m, gpa(a), page, sizeof(page)), 0);
	for (size_t i = 0; i < sizeof(page); i++)
		sum |= page[i];
	return !sum;
}

/* Each host call of sharing fails in turn: the page stays protected, and devices see nothing. */
START_TEST(sharing_fails)
{
	struct mem *m = mem_of(2 * MiB, 0);
	u64 page = RAM + 16 * PAGE, reached;
	unsigned fail = 1, refused = 0;

	capture_start();
	for (;; fail++) {
		unsigned nr;
		int err;

		ck_assert_int_eq(ripas_set(m, page, page + PAGE, RSI_RIPAS_RAM, &reached), 0);
		put(m, page, "secret");
		begin(fail);
		err = ripas_set(m, page, page + PAGE, RSI_RIPAS_EMPTY, &reached);
		nr = end();
		ck_assert_int_eq(mem_is_shared(m, gpa(page), PAGE), !err);
		if (err) {
			refused++;
			ck_assert_int_eq(err, -ENOMEM);
			ck_assert_uint_eq(reached, page);
			put(m, page, "s");
		} else {
			ck_assert(shared_is_zero(m, page));
		}
		if (nr < fail)
			break;
	}
	ck_assert_uint_eq(refused, 2); /* all but advice */
	ck_assert_ptr_nonnull(strstr(captured(), "cannot make 4 KiB at 0x80010000 shared"));
	mem_destroy(m);
}
END_TEST

/*
 * Each host call of un-sharing: the page is shared, or it is protected; devices can use it, or have
 * no way to it; and what was in it while it was shared is not there when it is protected.
 */
START_TEST(unsharing_fails)
{
	struct mem *m = mem_of(2 * MiB, 0);
	u64 page = RAM + 16 * PAGE, reached;
	unsigned fail = 1, refused = 0;
	char c;

	capture_start();
	for (;; fail++) {
		unsigned nr;
		int err;

		ck_assert_int_eq(ripas_set(m, page, page + PAGE, RSI_RIPAS_EMPTY, &reached), 0);
		ck_assert_int_eq(mem_write(m, gpa(page), "shared", 6), 0);
		begin(fail);
		err = ripas_set(m, page, page + PAGE, RSI_RIPAS_RAM, &reached);
		nr = end();
		ck_assert_int_eq(mem_is_shared(m, gpa(page), PAGE), err != 0);
		if (err) {
			refused++;
			ck_assert_uint_eq(reached, page);
			/* No fault: the view is back. */
			ck_assert_int_eq(mem_write(m, gpa(page), "x", 1), 0);
			ck_assert_int_eq(mem_read(m, gpa(page), &c, 1), 0);
			ck_assert_int_eq(c, 'x');
		} else {
			ck_assert(!protected_has(m, page, "s"));
		}
		if (nr < fail)
			break;
	}
	ck_assert_uint_eq(refused, 3); /* all but advice */
	mem_destroy(m);
}
END_TEST

/* A host whose pages are larger takes none of the neighbouring pages along, and says why. */
START_TEST(a_page_of_the_guest_is_less_than_the_hosts)
{
	struct mem *m = mem_of(2 * MiB, 0);
	u64 reached;

	page_size = 16384;
	capture_start();
	put(m, RAM + PAGE, "kept");
	ck_assert_int_eq(ripas_set(m, RAM, RAM + PAGE, RSI_RIPAS_EMPTY, &reached), -EINVAL);
	ck_assert_uint_eq(reached, RAM);
	ck_assert_ptr_nonnull(strstr(captured(), "pages of this host, which have 16 KiB"));
	ck_assert_ptr_nonnull(strstr(captured(), "gets no network and no disks here"));
	ck_assert_int_eq(ripas_set(m, RAM + PAGE, RAM + 5 * PAGE, RSI_RIPAS_EMPTY, &reached),
			 -EINVAL);
	ck_assert(protected_has(m, RAM + PAGE, "kept") && !mem_is_shared(m, gpa(RAM), PAGE));
	ck_assert_int_eq(ripas_set(m, RAM, RAM + 4 * PAGE, RSI_RIPAS_EMPTY, &reached), 0);
	ck_assert(mem_is_shared(m, gpa(RAM), 4 * PAGE));
	/* What Linux does first changes nothing, and all of RAM is whole pages. */
	ck_assert_int_eq(ripas_set(m, RAM + 4 * PAGE, RAM + 2 * MiB, RSI_RIPAS_RAM, &reached), 0);
	ck_assert_int_eq(ripas_set(m, RAM + PAGE, RAM + 2 * PAGE, RSI_RIPAS_RAM, &reached),
			 -EINVAL);
	ck_assert_int_eq(ripas_set(m, RAM, RAM + 4 * PAGE, RSI_RIPAS_RAM, &reached), 0);
	mem_destroy(m);
}
END_TEST

SUITE_MAIN("realm/ripas_calls", all_of_ram_costs_the_same_at_any_size,
	   pieces_take_more_than_one_call, too_many_pieces_are_refused, sharing_fails,
	   unsharing_fails, a_page_of_the_guest_is_less_than_the_hosts)
