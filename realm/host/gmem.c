/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that change sides, on kernels with guest_memfd.
 *
 * Thread: gmem_exit() on vCPU threads, one at a time under `lock`; the rest on main.
 * Trust:  range and direction of an exit are the guest's choice.
 * Spec:   [uapi reference 3.2, 3.5, 4.6; its update 2: 12 to 15, 25], [RMM 1.0 A5.2.4 RIPAS change]
 *
 * A guest asks for "all of RAM" at boot, for what is so already, and for addresses where nothing
 * is. Only runs of pages whose state is the other one are touched: a page that stays where it is
 * keeps its content, and a request without effect costs one look at the bitmap. A request is worked
 * off in steps of bounded size, so that a vCPU sees a stop between two of them.
 *
 * The shared address of a protected page. v7 to v11 make the same exit as for a request to share
 * that page: nothing tells them apart, and the guest loses the content (seen on v7 with TF-RMM
 * 0.7). That is no leak, and its own doing. v12 to v14 make no exit and map what the host has at
 * that address. That is nothing: mem.c keeps a protected page out of the mapping, KVM_RUN ends with
 * EFAULT, and the guest cannot go on. So a page of a guest is on one side, and paid for once.
 *
 * Order. To protected: first the devices lose the page (mem.c drops it, once none has it in
 * flight), then KVM learns it. To shared: first KVM lets go of it while it is still private
 * (freed as shared it would stay delegated to the RMM, 4.6), then the devices may have it.
 */
#include "realm/host/gmem.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/file.h"
#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/vm/mem.h"
#include "realm/host/uapi_rmi.h"

static const struct sys_call list[] = {
	CALL_IOCTL(KVM_SET_MEMORY_ATTRIBUTES),
	CALL_IOCTL_RARE(KVM_SET_MEMORY_ATTRIBUTES2, "v12 and later"),
	CALL_NO_EXEC(mprotect),
	CALL(fallocate),
	CALL(madvise),
};

const struct calls gmem_calls = CALLS("guest_memfd", list);

#define MAX_REGIONS 8u
#define MAX_VCPUS 512u
#define GRANULE 4096u /* of the RMM, at least */

/*
 * What changes sides in one step. Each page is two or three calls of the RMM's, microseconds all in
 * all, so a step is over after some milliseconds.
 */
#define STEP (16 * MiB)
#define MORE 1 /* what a step returns that was not the last one */

#define HOPELESS 100 /* times: no guest repeats itself so often for nothing */

/* What a vCPU has asked for, and how far that is. */
struct change {
	u64 base, end;
	bool is_private;
	bool insist;	 /* the guest_memfd has to say so, too */
	unsigned again;	 /* times that it was the same exit as before */
	bool under_way;	 /* the rest: */
	unsigned region; /* all before is done, */
	u64 at;		 /* and this one up to here */
};

struct gmem {
	struct kvm *k;
	struct mem *m;
	enum gmem_attrs attrs;
	unsigned nr; /* fds in use: one a region, same index */
	int fds[MAX_REGIONS];
	pthread_mutex_t lock;
	struct change changes[MAX_VCPUS]; /* each vCPU's last one */
};

static int failed(const char *what, int err)
{
	return log_errno(err, "cannot %s", what);
}

static int add_region(struct gmem *g, const struct mem_region *reg)
{
	int fd = kvm_gmem_create(g->k, reg->size, 0), err;

	if (fd < 0)
		return failed("create a guest_memfd for the memory of the Realm", fd);
	g->fds[g->nr++] = fd;
	err = kvm_add_gmem_slot(g->k, reg->base, reg->size, reg->shared_view, fd);
	return err ? failed("give the Realm its memory", err) : 0;
}

int gmem_create(struct gmem **out, struct kvm *k, struct mem *m, enum gmem_attrs attrs)
{
	struct gmem *g = calloc(1, sizeof(*g));
	int err = 0;

	if (!g)
		return failed("allocate memory", -ENOMEM);
	g->k = k;
	g->m = m;
	g->attrs = attrs;
	pthread_mutex_init(&g->lock, NULL);
	assert(mem_nr_regions(m) <= MAX_REGIONS);
	for (unsigned i = 0; i < mem_nr_regions(m) && !err; i++)
		err = add_region(g, mem_region(m, i));
	if (err) {
		gmem_destroy(g);
		return err;
	}
	*out = g;
	return 0;
}

void gmem_destroy(struct gmem *g)
{
	if (!g)
		return;
	while (g->nr)
		close(g->fds[--g->nr]);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

int gmem_protect(struct gmem *g)
{
	int err = 0;

	for (unsigned i = 0; i < g->nr && !err && g->attrs == GMEM_ATTRS_VM; i++) {
		const struct mem_region *reg = mem_region(g->m, i);

		err = kvm_set_private(g->k, reg->base, reg->size, true);
	}
	return err ? failed("make the memory of the Realm private", err) : 0;
}

int gmem_drop_loaded(struct gmem *g)
{
	int err = 0;

	for (unsigned i = 0; i < g->nr && !err; i++) {
		const struct mem_region *reg = mem_region(g->m, i);

		err = mem_set_shared(g->m, reg->base, reg->size, false);
	}
	return err ? failed("release the memory that was loaded", err) : 0;
}

/* ---- conversion ---- */

static int to_private(struct gmem *g, gpa_t at, u64 len)
{
	int err = mem_set_shared(g->m, at, len, false);

	if (!err && g->attrs == GMEM_ATTRS_VM)
		err = kvm_set_private(g->k, at, len, true);
	return err;
}

static int to_shared(struct gmem *g, unsigned region, gpa_t at, u64 len)
{
	int err = file_punch(g->fds[region], at.a - mem_region(g->m, region)->base.a, len);

	if (!err && g->attrs == GMEM_ATTRS_VM)
		err = kvm_set_private(g->k, at, len, false);
	return err ? err : mem_set_shared(g->m, at, len, true);
}

/*
 * The host gives and takes its own pages, so a guest with smaller ones cannot move one of them.
 * KVM would say EINVAL.
 */
static bool whole_pages(u64 at, u64 len)
{
	return is_aligned(at | len, (u64)sysconf(_SC_PAGESIZE));
}

/* A step in region `i`, from c->at to `end`: 0: all is done, MORE, -errno; -EAGAIN: in flight. */
static int step_in(struct gmem *g, unsigned i, struct change *c, u64 end)
{
	while (c->at < end) {
		bool shared;
		u64 at = c->at, run = mem_run(g->m, gpa(at), end - at, &shared);
		int err;

		c->at += run;
		if (shared == !c->is_private)
			continue;
		run = MIN(run, STEP);
		if (!whole_pages(at, run))
			return -EXDEV;
		err = c->is_private ? to_private(g, gpa(at), run) : to_shared(g, i, gpa(at), run);
		c->at = err ? at : at + run;
		return err ? err : MORE;
	}
	return 0;
}

/*
 * A kernel whose guest_memfd keeps the attributes may wait until they say what the guest asks for,
 * and come back with the same exit until then [uapi reference 4.6, C5]. v15 does not wait.
 */
static void set_own_attrs(int fd, u64 off, u64 len, bool is_private)
{
	struct kvm_memory_attributes2 a = {
		.offset = off,
		.size = len,
		.attributes = is_private ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0,
	};
	int err = kvm_ioctl(fd, KVM_SET_MEMORY_ATTRIBUTES2, &a);

	if (err)
		log_debug("attributes of the guest_memfd stay as they are: %s", strerror(-err));
}

/* A step of a change: 0: all is done, MORE, -errno. */
static int step(struct gmem *g, struct change *c)
{
	for (; c->region < g->nr; c->region++) {
		const struct mem_region *reg = mem_region(g->m, c->region);
		u64 a = MAX(c->base, reg->base.a), end = MIN(c->end, reg->base.a + reg->size);
		int err;

		if (a >= end)
			continue; /* nothing is there: protected and empty, whatever is asked for */
		c->at = MAX(c->at, a);
		err = step_in(g, c->region, c, end);
		if (err)
			return err;
		if (c->insist)
			set_own_attrs(g->fds[c->region], a - reg->base.a, end - a, c->is_private);
		c->at = 0;
	}
	return 0;
}

/*
 * A new request, or the kernel that waits for the attributes and comes back with what is left of
 * the one before [uapi reference, update 2: 12].
 */
static void begin(struct gmem *g, struct change *c, u64 base, u64 end, bool is_private)
{
	bool again = base >= c->base && end == c->end && is_private == c->is_private;

	*c = (struct change){
		.again = again ? c->again + 1 : 0,
		.base = base,
		.end = end,
		.is_private = is_private,
		.insist = again && g->attrs == GMEM_ATTRS_OWN,
		.under_way = true,
	};
}

/*
 * To such a kernel an address without memory is shared for ever: it comes back until the end of
 * time with a request to protect a range that has one in it [uapi reference, update 2: 13].
 */
static bool is_hopeless(struct gmem *g, const struct change *c)
{
	u64 in_ram = 0;

	if (!c->is_private || g->attrs != GMEM_ATTRS_OWN || c->again < HOPELESS)
		return false;
	for (unsigned i = 0; i < g->nr; i++) {
		const struct mem_region *reg = mem_region(g->m, i);
		u64 a = MAX(c->base, reg->base.a), end = MIN(c->end, reg->base.a + reg->size);

		in_ram += end > a ? end - a : 0;
	}
	return in_ram < c->end - c->base;
}

static void cannot_convert(const struct change *c, int err)
{
	char pages[200];

	snprintf(pages, sizeof(pages),
		 "they are not whole pages of this host, which have %ld KiB; a guest kernel with "
		 "smaller pages does not run here, use one with pages of %ld KiB",
		 sysconf(_SC_PAGESIZE) / 1024, sysconf(_SC_PAGESIZE) / 1024);
	log_error("cannot make %llu KiB at %#llx %s: %s",
		  (unsigned long long)((c->end - c->base) / KiB), (unsigned long long)c->base,
		  c->is_private ? "private" : "shared",
		  err == -ENOSPC   ? "the guest has shared memory in too many pieces"
		  : err == -ERANGE ? "not all of it is the guest's memory"
		  : err == -EXDEV  ? pages
				   : strerror(-err));
}

int gmem_exit(struct gmem *g, unsigned index, const struct kvm_run *run)
{
	u64 base = run->memory_fault.gpa & ~mem_alias(g->m), size = run->memory_fault.size;
	struct change *c = &g->changes[index];
	int err;

	assert(index < MAX_VCPUS);

	/* How vCPUs end whose sibling has called SYSTEM_OFF: v2 to v8, v9 and later [3.5]. */
	if (run->exit_reason == KVM_EXIT_UNKNOWN || run->exit_reason == KVM_EXIT_SHUTDOWN)
		return -ESHUTDOWN;
	if (run->exit_reason != KVM_EXIT_MEMORY_FAULT || base + size < base ||
	    !is_aligned(base | size, GRANULE))
		return -EINVAL;
	if (!c->under_way)
		begin(g, c, base, base + size,
		      run->memory_fault.flags & KVM_MEMORY_EXIT_FLAG_PRIVATE);
	pthread_mutex_lock(&g->lock);
	err = is_hopeless(g, c) ? -ERANGE : step(g, c);
	pthread_mutex_unlock(&g->lock);
	c->under_way = err == MORE || err == -EAGAIN;
	if (!c->under_way && err)
		cannot_convert(c, err);
	return err == MORE ? -EINPROGRESS : err;
}
