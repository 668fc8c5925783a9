/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile vCPUs against devices: a run for each mix of operations and each way to keep memory. See
 * the README for what it can be told.
 *
 * Thread: main; a loop for the devices, disks' threads, and vCPUs.
 * Trust:  none needed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "tests/fake/races.h"
#include "tests/stress/vcpu.h"

#define MAX_CPUS 16u

static u64 setting(const char *name, u64 normally)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 0) : normally;
}

static const struct {
	const char *name;
	enum mix mix;
	u64 mem_flags;
} runs[] = {
	{ "conversions, two views", MIX_CONVERSIONS, MEM_PROTECTED | MEM_SPLIT_VIEW },
	{ "conversions, one view", MIX_CONVERSIONS, MEM_PROTECTED | MEM_SHARED_ONLY },
	{ "hostile, two views", MIX_HOSTILE, MEM_PROTECTED | MEM_SPLIT_VIEW },
	{ "hostile, one view", MIX_HOSTILE, MEM_PROTECTED | MEM_SHARED_ONLY },
};

static void hung(const struct vcpu *v, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		fprintf(stderr, "stress: vCPU %u, after %llu operations, %s\n", i,
			(unsigned long long)v[i].done, v[i].doing);
	fprintf(stderr, "stress: HANG: nothing has moved for %llu s\n",
		(unsigned long long)setting("STRESS_LIMIT", 120));
	fflush(stderr);
	abort();
}

/* Until all are done. One that does not move while the others do is as bad as all. */
static void watch(const struct vcpu *v, unsigned nr)
{
	u64 last[MAX_CPUS] = { 0 }, limit = 20 * setting("STRESS_LIMIT", 120);
	unsigned still[MAX_CPUS] = { 0 }, done;

	do {
		usleep(50000);
		done = 0;
		for (unsigned i = 0; i < nr; i++) {
			still[i] = v[i].done == last[i] ? still[i] + 1 : 0;
			last[i] = v[i].done;
			if (last[i] == v[i].nr_ops)
				done++;
			else if (still[i] > limit)
				hung(v, nr);
		}
	} while (done < nr);
}

static void report(const struct board *b, const struct vcpu *v, unsigned nr, const char *name)
{
	u64 conversions = 0, busy = 0, ops = 0, rings = 0;

	for (unsigned i = 0; i < nr; i++) {
		conversions += v[i].conversions;
		busy += v[i].busy;
		ops += v[i].done;
		rings += v[i].over_the_bus;
	}
	printf("%-24s %llu operations, %llu conversions (%llu of pages in flight), %llu rings over "
	       "the bus in dialogues; served:",
	       name, (unsigned long long)ops, (unsigned long long)conversions,
	       (unsigned long long)busy, (unsigned long long)rings);
	for (unsigned i = 0; i < b->nr; i++)
		printf("%s %s%s %llu", i ? "," : "", b->targets[i].name,
		       b->targets[i].mmio ? " (mmio)" : "",
		       (unsigned long long)b->targets[i].served);
	printf("\n");
	fflush(stdout);
}

static void run_vcpus(struct vcpu *v, unsigned nr, u64 nr_ops)
{
	pthread_t threads[MAX_CPUS];

	for (unsigned i = 0; i < nr; i++) {
		v[i].nr_ops = v[i].done + nr_ops / nr;
		v[i].doing = "starts";
		if (pthread_create(&threads[i], NULL, vcpu_run, &v[i]))
			abort();
	}
	watch(v, nr);
	for (unsigned i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
}

/* Has each device done something? Of one that has not, nothing is known. */
static bool all_served(const struct board *b)
{
	bool all = true;

	for (unsigned i = 0; i < b->nr; i++)
		all &= b->targets[i].served > 0;
	return all;
}

static bool run(unsigned which, u64 nr_ops, u64 seed, unsigned nr)
{
	static struct board b;
	struct vcpu v[MAX_CPUS] = { 0 };
	unsigned rounds = 0;
	bool good;

	board_up(&b, runs[which].mem_flags);
	races_in_guest_memory(b.mem);
	for (unsigned i = 0; i < nr; i++) {
		v[i].b = &b;
		v[i].mix = runs[which].mix;
		v[i].seed = (seed + which * MAX_CPUS + i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	}
	/* On a busy machine the loop of the devices may have had no turn: more, then. */
	do
		run_vcpus(v, nr, nr_ops);
	while (!all_served(&b) && ++rounds < 10);
	report(&b, v, nr, runs[which].name);
	good = all_served(&b);
	board_down(&b);
	if (!good)
		printf("stress: a device was not at work, so nothing is known about it\n");
	return good;
}

int main(void)
{
	u64 nr_ops = setting("STRESS_OPS", 20000);
	u64 seed = setting("STRESS_SEED", (u64)time(NULL));
	unsigned nr = (unsigned)setting("STRESS_CPUS", 4), passed = 0;

	log_set_level(LOG_ERROR);
	nr = nr < 1 ? 1 : nr > MAX_CPUS ? MAX_CPUS : nr;
	printf("stress: STRESS_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	for (unsigned i = 0; i < ARRAY_SIZE(runs); i++)
		passed += run(i, nr_ops, seed, nr);
	return passed == ARRAY_SIZE(runs) ? EXIT_SUCCESS : EXIT_FAILURE;
}
