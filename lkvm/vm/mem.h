/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: the only place where an address of the guest becomes a pointer of the host.
 *
 * Every look-up strips the alias bit of a Realm, checks start AND length against one region, and
 * refuses a page that the guest has not shared. A failed look-up is -EFAULT and changes nothing.
 * In an ordinary VM all RAM is shared from the start.
 *
 * Lifetime of pointers: a pointer (window or iovec) may be used only while the caller has a *hold*
 * on the memory (mem_hold .. mem_release), or while the pages behind it are *pinned* (mem_pin ..
 * mem_unpin). A page that the guest takes back (mem_set_shared false) is taken back only when the
 * holds that could know it have ended and nobody has pinned it. Then the generation is another one;
 * so a device that caches a window compares generations at the start of each hold. Neither holds
 * nor pins ever wait: mem_users.c says why that suffices.
 */
#ifndef LKVM_MEM_H
#define LKVM_MEM_H

#include <endian.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "lkvm/base/gpa.h"

struct mem;

/* Flags of mem_add_ram(). */
#define MEM_HUGE BIT(0)	     /* ask for transparent huge pages (2 MiB aligned either way) */
#define MEM_PROTECTED BIT(1) /* starts with nothing shared: Realms and --bounce */
/*
 * The simulator's memory: protected pages are private to what the vCPUs see, shared pages are other
 * memory, and the devices' view maps nothing else. A page loses its content whenever it changes
 * sides.
 */
#define MEM_SPLIT_VIEW BIT(2)
/* With MEM_SPLIT_VIEW: a shared page is gone from where it was while protected (no ITS then). */
#define MEM_STRICT BIT(3)
/*
 * What the guest sees of its protected pages is elsewhere (guest_memfd): only shared pages are
 * here, in a file without huge pages. A page that becomes protected loses its content, and to touch
 * it is a fault, for the host's kernel too, until it is shared again. The loader may fill all of
 * RAM before the first mem_set_shared(). With MEM_PROTECTED.
 */
#define MEM_SHARED_ONLY BIT(4)
/*
 * Which pages are shared is between the guest and its hypervisor (pKVM), and to touch another one
 * is a fault: a look-up touches, see mem_guard().
 */
#define MEM_GUARDED BIT(5)
/*
 * Other processes will be lent the memory (vhost-user): what devices may touch is in a file that
 * mem_lend() answers with. Ordinary RAM is a shared file then, which without huge pages of shmem
 * costs the host's kernel ten times as much; with MEM_SPLIT_VIEW and MEM_SHARED_ONLY it is one
 * anyway. Of no effect with MEM_GUARDED and for a Realm's memory that is anonymous.
 */
#define MEM_LENT BIT(6)

/* One region of RAM as KVM needs it. The pointers belong to struct mem. */
struct mem_region {
	gpa_t base;
	u64 size;
	void *host;	   /* what the vCPUs see at `base` */
	void *shared_view; /* what devices see; equals host without MEM_SPLIT_VIEW */
	int fd;		   /* file behind `host` (hugetlbfs) or behind the shared pages, or -1 */
	bool gmem;	   /* ... is a guest_memfd, behind all of `host` */
};

/* Memory without RAM yet. 0 or -ENOMEM. Main thread. */
int mem_create(struct mem **out);

/* Unmap all of it. There are no users and no pins any more, and KVM has none of it. Takes NULL. */
void mem_destroy(struct mem *m);

/*
 * Map `size` bytes of RAM at `base` (both page aligned). `hugetlbfs` is NULL or the path of a
 * mounted hugetlbfs to take the pages from, which only ordinary RAM can be. Before any other thread
 * runs. Errors: -EINVAL (alignment, overlap, hugetlbfs not one, or not with these flags), -ENOMEM,
 * -errno of open/mmap.
 */
int mem_add_ram(struct mem *m, gpa_t base, u64 size, u64 flags, const char *hugetlbfs);

/*
 * The same with RAM that is the guest_memfd `fd`, shared as a whole, which struct mem then owns,
 * also after an error. KVM is to be told of the file, too.
 */
int mem_add_gmem(struct mem *m, gpa_t base, u64 size, int fd);

/* Bit of the IPA that selects the shared alias of a page (a Realm's top bit), or 0: none. */
void mem_set_alias(struct mem *m, u64 alias_bit);
u64 mem_alias(const struct mem *m);

/*
 * The regions of RAM, in the order in which they were added; constant once vCPUs run. Any thread.
 */
unsigned mem_nr_regions(const struct mem *m);
const struct mem_region *mem_region(const struct mem *m, unsigned i);

/* What another process is told of a region: bytes [0, size) of `fd` are the guest's at `base`. */
struct mem_loan {
	gpa_t base;
	u64 size;
	int fd; /* the memory's own */
};

/*
 * Region `i` for another process, which can map the file and so read and write what devices may
 * touch, and nothing else: pages that are protected are not in the file. What it writes where the
 * file has none is gone before the guest shares the page. Holds and pins do not bind it: it may see
 * a page go while it works with it, and then has one of its own. 0; -EOPNOTSUPP: no such file, or
 * one that has the guest's other pages as well. After the loader is done. Any thread.
 */
int mem_lend(const struct mem *m, unsigned i, struct mem_loan *out);

/* ---- devices: only shared memory; any thread that has a hold ---- */

/* Somebody who looks into the memory, on one thread at a time. Zeroed before mem_user_add(). */
struct mem_user {
	struct mem *mem;
	struct mem_user *next;
	_Atomic u64 seq; /* odd: it has a hold */
};

/* `u` stays where it is until mem_user_del(), which it calls without a hold. Any thread. */
void mem_user_add(struct mem *m, struct mem_user *u);
void mem_user_del(struct mem_user *u);

/*
 * What a look-up answers from now on stays shared until mem_release(). Two atomics, and never a
 * wait. Not recursive. A hold is short: a vCPU that takes pages back waits for it, so there is
 * nothing between hold and release that waits for a vCPU or for a lock that a vCPU keeps while it
 * calls mem_set_shared(). Returns the generation of the memory: windows that were opened in an
 * earlier one must be opened again.
 */
u64 mem_hold(struct mem_user *u);
void mem_release(struct mem_user *u);

/*
 * Keep pages shared beyond the hold: `iov` is what look-ups have answered in this hold. mem_unpin()
 * takes the same ranges, on any thread, with or without a hold. They cost a counter a page, and
 * nothing where pages never change sides. Neither waits.
 */
void mem_pin(struct mem *m, const struct iovec *iov, unsigned nr);
void mem_unpin(struct mem *m, const struct iovec *iov, unsigned nr);

/* True if pages can change sides; if not, pins are not needed. Constant once there is RAM. */
bool mem_converts(const struct mem *m);

/*
 * Copy [g, g + len) to `buf`, or `buf` to it; the guest may write there meanwhile. 0; -EFAULT: not
 * all of it is shared RAM, and nothing was copied.
 */
int mem_read(struct mem *m, gpa_t g, void *buf, u64 len);
int mem_write(struct mem *m, gpa_t g, const void *buf, u64 len);

/*
 * Describe [g, g + len) as iovec elements (one per contiguous host range; adjacent to iov[-1] is
 * not merged). Returns the number of elements used (1 for the common case), -EFAULT, -EINVAL
 * (len 0) or -ENOBUFS.
 */
int mem_iov(struct mem *m, gpa_t g, u64 len, struct iovec *iov, unsigned max);

/* The address, without the alias bit, of memory that a look-up has answered with. */
gpa_t mem_gpa_of(struct mem *m, const void *host);

/* A piece of shared memory looked up once and used often (a ring). */
struct mem_win {
	u8 *host;
	u32 len;
};

/* Look up [g, g + len) as one contiguous host range. -EFAULT, -EINVAL (len 0). */
int mem_win_open(struct mem *m, gpa_t g, u32 len, struct mem_win *w);

/* The host's memory at [off, off + len) of the window, which is inside it. */
static inline void *mem_win_at(const struct mem_win *w, u32 off, u32 len)
{
	assert(range_within(off, len, w->len));
	return w->host + off;
}

/* Ring indices, little-endian in memory; `off` 2- (4-) byte aligned like the window itself. */
static inline u16 mem_win_load16(const struct mem_win *w, u32 off)
{
	return le16toh(__atomic_load_n((u16 *)mem_win_at(w, off, 2), __ATOMIC_RELAXED));
}

static inline u16 mem_win_load16_acquire(const struct mem_win *w, u32 off)
{
	return le16toh(__atomic_load_n((u16 *)mem_win_at(w, off, 2), __ATOMIC_ACQUIRE));
}

static inline void mem_win_store16(const struct mem_win *w, u32 off, u16 val)
{
	__atomic_store_n((u16 *)mem_win_at(w, off, 2), htole16(val), __ATOMIC_RELAXED);
}

static inline void mem_win_store16_release(const struct mem_win *w, u32 off, u16 val)
{
	__atomic_store_n((u16 *)mem_win_at(w, off, 2), htole16(val), __ATOMIC_RELEASE);
}

static inline void mem_win_store32(const struct mem_win *w, u32 off, u32 val)
{
	__atomic_store_n((u32 *)mem_win_at(w, off, 4), htole32(val), __ATOMIC_RELAXED);
}

/*
 * For memory that is MEM_GUARDED, before its guest runs. A look-up then refuses pages that the
 * guest keeps for itself; who touches one that it has taken back since finds an empty page of ours
 * there, and goes on. SIGSEGV is handled for that until mem_destroy(), so there is one such memory
 * at a time. 0, or -errno of sigaction(2). Main thread.
 */
int mem_guard(struct mem *m);

/*
 * True if the calling thread has touched an unshared page since its last call. Clears that mark,
 * which is the thread's own, and shows pages again that were hidden behind empty ones. Cheap. Any
 * thread.
 */
bool mem_touched(struct mem *m);

/* True if the RAM was added with MEM_GUARDED. */
bool mem_is_guarded(const struct mem *m);

/* ---- the loader: any RAM, before the first vCPU runs ---- */

/*
 * The host memory behind [g, g + len), shared or not, for filling it before the guest starts (file
 * reads and decompression go straight to their place). NULL if it is not RAM as a whole, or after
 * mem_seal().
 */
void *mem_load_ptr(struct mem *m, gpa_t g, u64 len);

/* The guest is about to start: mem_load_ptr() answers NULL from now on. */
void mem_seal(struct mem *m);

/*
 * The guest needs [g, g + len) no more: give those whole pages of the host that lie in it (huge
 * ones of a hugetlbfs) back. They read zero afterwards, and cost nothing until they are touched. 0;
 * -EFAULT: not all of it is shared RAM, and nothing was given back; -EOPNOTSUPP: pages of this
 * memory change sides, so what it holds is not ours to drop; -errno of the host. With a hold.
 */
int mem_discard(struct mem *m, gpa_t g, u64 len);

/* ---- page states: realm/sim/ripas.c and --bounce ---- */

/*
 * Make [g, g + len) (page aligned, inside RAM) shared or protected: each run of pages (mem_run)
 * that are in the other state. Un-sharing waits for the holds that have begun, a bounded time;
 * meanwhile look-ups refuse the pages. With MEM_SPLIT_VIEW and MEM_SHARED_ONLY what has changed
 * reads zero afterwards, otherwise content stays. -EINVAL, -EFAULT; and for the first run that
 * cannot be changed, which then is as before: -ENOSPC (too many pieces), -errno of the host,
 * -EAGAIN (some of it is pinned: try again, after mem_wait()). Never call it with a hold. Any
 * thread.
 */
int mem_set_shared(struct mem *m, gpa_t g, u64 len, bool shared);

/*
 * After -EAGAIN: sleep until a pin has gone, for 10 ms at most. The caller has no lock, so that
 * whoever it keeps waiting is only its own guest.
 */
void mem_wait(struct mem *m);

/* True if all of [g, g + len) is RAM and shared now. Any thread. */
bool mem_is_shared(struct mem *m, gpa_t g, u64 len);

/*
 * Length of the run of pages in one state that starts at `g` (page aligned, in RAM), at most `len`;
 * 0 when `g` is not RAM. *shared is the state.
 */
u64 mem_run(struct mem *m, gpa_t g, u64 len, bool *shared);

/*
 * Somebody outside of this program who reaches the memory as devices do, and for whom neither holds
 * nor pins count: the IOMMU of assigned devices. Ranges are whole pages that lie in one region, and
 * `host` is where devices have them. Calls come one at a time, on vCPU threads, under the
 * converters' lock: they wait for nobody in this program.
 */
struct mem_follower {
	/* The range has just become shared. -errno: it is protected again. */
	int (*shared)(void *arg, gpa_t g, u64 len, void *host);
	/* The range is about to be taken back. -errno: it stays shared. */
	int (*unshare)(void *arg, gpa_t g, u64 len, void *host);
};

/*
 * From now on `f` is told; of what is shared already at once, on this thread. There is one at most,
 * and it is not for MEM_GUARDED memory, of whose states nobody hears. Before vCPUs run. 0, or
 * -errno of f->shared(), which then has been called for some of it, and is not called again.
 */
int mem_follow(struct mem *m, const struct mem_follower *f, void *arg);

/* No more. Nothing happens if there is none. No vCPU runs. */
void mem_unfollow(struct mem *m);

/*
 * Bytes of one page, shared or protected, for a debugger of an ordinary guest or of a simulated
 * Realm, whose vCPUs stand and later execute what was written. 0; -EFAULT: no RAM, or more than one
 * page; -EPERM: it is not the host's to see.
 */
int mem_debug_read(struct mem *m, gpa_t g, void *buf, u32 len);
int mem_debug_write(struct mem *m, gpa_t g, const void *buf, u32 len);

/*
 * Protected bytes, for the part of the simulator that plays the RMM, and for nobody else. The range
 * must be protected as a whole: -EFAULT.
 */
int mem_rmm_read(struct mem *m, gpa_t g, void *buf, u32 len);
int mem_rmm_write(struct mem *m, gpa_t g, const void *buf, u32 len);

#endif
