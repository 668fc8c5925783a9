/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Holds and pins: how a page that the guest takes back leaves the hands of the devices.
 *
 * Thread: holds on the user's own, pins on any; users_pass() on one converter at a time.
 * Trust:  nothing of the guest's: the addresses have been looked up.
 *
 * Theory of operation. A *hold* is a short visit to the memory, from mem_hold() to mem_release(),
 * made by one user (a device) on one thread (its loop). A *pin* is what outlives the visit: the
 * pages of a disk request that the host's kernel reads and writes. A pin is made inside a hold.
 *
 * A converter, that is a vCPU whose guest takes pages back, does four things, in this order:
 *
 *	1. clears the bits of the pages: look-ups refuse them;
 *	2. raises the generation, and waits for the holds that began before;
 *	3. looks for pins on the pages: if there are any, sets the bits again and gives up;
 *	4. replaces the pages.
 *
 * Why no device has a pointer into the pages at step 4. mem_hold() makes its sequence number odd,
 * then reads the generation; the converter raises the generation, then reads the sequence number;
 * all four are sequentially consistent. So either the converter sees the odd number and waits for
 * that hold, or the hold reads the new generation, and with it the bits that were cleared before
 * it: its look-ups refuse the pages, and windows that were looked up before are looked up again,
 * because their generation is an older one. A pin on the pages was made by a look-up that
 * succeeded, hence in a hold that step 2 has waited for, hence step 3 sees it. A release and an
 * unpin store with release order what the converter loads with acquire order: what the device did
 * with the memory comes before step 4.
 */

/*
 * Why nobody waits for ever. Each wait there is, and what it waits for:
 *
 *	mem_hold(), mem_release(), mem_pin(), mem_unpin()
 *		nothing. (release and unpin take `lock` to wake a sleeper; its other holders go to
 *		sleep, which drops it, or wake somebody up.)
 *	a converter, at step 2
 *		holds that have begun. Whoever has a hold is on its loop, inside one callback, whose
 *		work is bounded; it calls nothing that waits for a vCPU: no converter's lock, no
 *		device's lock, no loop_call() to another loop. So it ends, whatever guests do.
 *	a converter, for the lock of the converters
 *		the one that has it: at step 2, which ends, or at step 4, a few system calls. Never
 *		for a pin: step 3 does not wait.
 *	mem_wait()
 *		a pin, for at most 10 ms, and with no lock at all: realm.c takes it between two
 *		tries of the same exit, and then the vCPU looks whether it has to stop or pause.
 *	loop_call(), by a vCPU with the lock of its device
 *		the loop, which runs callbacks (above), or drains a disk: that waits for the host's
 *		kernel and for the disk's threads. They have pins and wait for nobody in here.
 *
 * In this graph there is no way back from a loop, or from a disk, to a vCPU: no circle. What a
 * guest can do is keep its own vCPU in the retries, with I/O to the very page that it takes back.
 */
#include "lkvm/vm/mem_users.h"

#include <time.h>

#define NAP_NS 10000000

void users_init(struct mem_users *us)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&us->lock, NULL);
	pthread_cond_init(&us->changed, &attr);
	pthread_condattr_destroy(&attr);
}

void users_fini(struct mem_users *us)
{
	assert(!us->first);
	pthread_cond_destroy(&us->changed);
	pthread_mutex_destroy(&us->lock);
}

/*
 * The pattern of the generation once more: who sleeps has said so before it looks at what it waits
 * for, and who changes that looks for sleepers afterwards.
 */
static void wake(struct mem_users *us, _Atomic u32 *sleepers)
{
	if (!atomic_load(sleepers))
		return;
	pthread_mutex_lock(&us->lock);
	pthread_cond_broadcast(&us->changed);
	pthread_mutex_unlock(&us->lock);
}

/* ---- holds ---- */

void mem_user_add(struct mem *m, struct mem_user *u)
{
	assert(!u->mem);
	u->mem = m;
	pthread_mutex_lock(&m->lock);
	u->next = m->users.first;
	m->users.first = u;
	pthread_mutex_unlock(&m->lock);
}

void mem_user_del(struct mem_user *u)
{
	struct mem *m = u->mem;
	struct mem_user **p;

	assert(atomic_load(&u->seq) % 2 == 0);
	pthread_mutex_lock(&m->lock);
	for (p = &m->users.first; *p != u; p = &(*p)->next)
		;
	*p = u->next;
	pthread_mutex_unlock(&m->lock);
	u->mem = NULL;
}

u64 mem_hold(struct mem_user *u)
{
	u64 seq = atomic_fetch_add(&u->seq, 1);

	assert(seq % 2 == 0);
	return atomic_load(&u->mem->users.generation);
}

void mem_release(struct mem_user *u)
{
	u64 seq = atomic_fetch_add(&u->seq, 1);

	assert(seq % 2 == 1);
	wake(&u->mem->users, &u->mem->users.waiters);
}

static void wait_for(struct mem_users *us, struct mem_user *u)
{
	u64 seq = atomic_load(&u->seq);

	if (seq % 2 == 0)
		return;
	pthread_mutex_lock(&us->lock);
	atomic_fetch_add(&us->waiters, 1);
	while (atomic_load(&u->seq) == seq)
		pthread_cond_wait(&us->changed, &us->lock);
	atomic_fetch_sub(&us->waiters, 1);
	pthread_mutex_unlock(&us->lock);
}

void users_pass(struct mem_users *us)
{
	atomic_fetch_add(&us->generation, 1);
	for (struct mem_user *u = us->first; u; u = u->next)
		wait_for(us, u);
}

/* ---- pins ---- */

static void pins_add(struct region *r, u64 off, u64 len)
{
	u64 last = (off + len - 1) / MEM_PAGE;

	atomic_fetch_add_explicit(&r->nr_pins, 1, memory_order_relaxed);
	for (u64 page = off / MEM_PAGE; page <= last; page++)
		atomic_fetch_add_explicit(&r->pins[page], 1, memory_order_relaxed);
}

static void pins_drop(struct region *r, u64 off, u64 len)
{
	u64 last = (off + len - 1) / MEM_PAGE;

	for (u64 page = off / MEM_PAGE; page <= last; page++) {
		u32 before = atomic_fetch_sub_explicit(&r->pins[page], 1, memory_order_release);

		assert(before > 0);
	}
	atomic_fetch_sub_explicit(&r->nr_pins, 1, memory_order_release);
}

bool pins_any(const struct region *r, u64 off, u64 len)
{
	u64 last = (off + len - 1) / MEM_PAGE;

	/* The common case, and "all of RAM" has a counter for each page. */
	if (!atomic_load_explicit(&r->nr_pins, memory_order_acquire))
		return false;
	for (u64 page = off / MEM_PAGE; page <= last; page++) {
		if (atomic_load_explicit(&r->pins[page], memory_order_acquire))
			return true;
	}
	return false;
}

bool mem_converts(const struct mem *m)
{
	return m->nr_regions && m->regions[0].shared;
}

void mem_pin(struct mem *m, const struct iovec *iov, unsigned nr)
{
	u64 off;

	for (unsigned i = 0; i < nr; i++) {
		struct region *r = mem_region_behind(m, iov[i].iov_base, &off);

		if (r->pins)
			pins_add(r, off, iov[i].iov_len);
	}
}

void mem_unpin(struct mem *m, const struct iovec *iov, unsigned nr)
{
	u64 off;

	for (unsigned i = 0; i < nr; i++) {
		struct region *r = mem_region_behind(m, iov[i].iov_base, &off);

		if (r->pins)
			pins_drop(r, off, iov[i].iov_len);
	}
	wake(&m->users, &m->users.nappers);
}

void mem_wait(struct mem *m)
{
	struct mem_users *us = &m->users;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += NAP_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&us->lock);
	atomic_fetch_add(&us->nappers, 1);
	pthread_cond_timedwait(&us->changed, &us->lock, &until);
	atomic_fetch_sub(&us->nappers, 1);
	pthread_mutex_unlock(&us->lock);
}
