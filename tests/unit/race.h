/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two functions against each other, round after round from the same line, at a sweep of offsets. */
#ifndef TESTS_UNIT_RACE_H
#define TESTS_UNIT_RACE_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "lkvm/base/util.h"

struct race {
	void (*other)(void *arg);
	void *arg;
	_Atomic unsigned started, done; /* rounds */
	_Atomic bool stop;
};

/* Spins, for what is raced for lasts nanoseconds; but not against somebody who wants this CPU. */
static inline void race_wait(const _Atomic unsigned *what, unsigned round, const _Atomic bool *stop)
{
	for (unsigned spins = 0; atomic_load(what) != round && !atomic_load(stop); spins++)
		if (spins > 2000)
			sched_yield();
}

static inline void *race_other(void *p)
{
	struct race *r = p;

	for (unsigned round = 1; !atomic_load(&r->stop); round++) {
		race_wait(&r->started, round, &r->stop);
		if (!atomic_load(&r->stop))
			r->other(r->arg);
		atomic_store(&r->done, round);
	}
	return NULL;
}

/*
 * `rounds` times: one() on this thread and other() on another at about the same moment, then
 * check() on this one when both are over.
 */
static inline void race_run(void (*one)(void *), void (*other)(void *), void (*check)(void *),
			    void *arg, unsigned rounds)
{
	struct race r = { .other = other, .arg = arg };
	pthread_t t;
	int err = pthread_create(&t, NULL, race_other, &r);

	assert(!err);
	for (unsigned round = 1; round <= rounds; round++) {
		atomic_store(&r.started, round);
		for (volatile unsigned k = 0; k < round % 128 * 4; k++)
			;
		one(arg);
		race_wait(&r.done, round, &r.stop);
		check(arg);
	}
	atomic_store(&r.stop, true);
	pthread_join(t, NULL);
}

#endif
