/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sockets of all user networks, counted together.
 *
 * Thread: the loop of the user networks, or main before it runs.
 * Trust:  how many sockets there are is up to the guest and to whoever uses its forwards.
 *
 * The list is the process's because RLIMIT_NOFILE is: a guest with two network cards has as many
 * descriptors as one with one. At the end of them accept() fails and disks cannot be opened, so
 * half of them is for lkvm itself.
 */
#include "net/user/budget.h"

#include <sys/resource.h>

#define MAX_SOCKETS 2048u /* libslirp walks along all of them, for each batch */
#define MAX_DIRECT 16384u /* net/user/tcp_table.c and udp_table.c find one at once */
#define PAUSE_NS UINT64_C(1000000000)

static struct {
	struct budget *members;
	u64 next_ns;  /* no budget_make_room() before */
	unsigned max; /* of this process: what may be asked only while it is set up */
} all;

static unsigned limit(void)
{
	struct rlimit r = { .rlim_cur = 1024 };

	getrlimit(RLIMIT_NOFILE, &r);
	return (unsigned)MIN((rlim_t)(MAX_SOCKETS + MAX_DIRECT), r.rlim_cur / 2);
}

void budget_join(struct budget *b)
{
	b->next = all.members;
	all.members = b;
	all.max = limit();
}

void budget_leave(struct budget *b)
{
	for (struct budget **p = &all.members; *p; p = &(*p)->next) {
		if (*p == b) {
			*p = b->next;
			return;
		}
	}
}

void budget_set(struct budget *b, unsigned used)
{
	b->used = used;
}

static unsigned used_by(bool direct)
{
	unsigned sum = 0;

	for (const struct budget *b = all.members; b; b = b->next)
		sum += b->direct == direct ? b->used : 0;
	return sum;
}

static unsigned used_by_all(void)
{
	return used_by(false) + used_by(true);
}

bool budget_has_room(enum budget_for who)
{
	bool direct = who >= BUDGET_DIRECT;
	unsigned max = all.max, kind = MIN(max, direct ? MAX_DIRECT : MAX_SOCKETS);

	if (who == BUDGET_DATAGRAM || who == BUDGET_DIRECT_DATAGRAM) {
		max += max / 8;
		kind += kind / 8;
	} else if (who == BUDGET_FORWARD) {
		max += max / 2;
		kind += kind / 2;
	}
	return used_by_all() < max && used_by(direct) < kind;
}

/* Is more than fifteen in sixteen used, of all or of what either kind may have? */
static bool is_short(void)
{
	unsigned max = all.max, slirp = MIN(max, MAX_SOCKETS), direct = MIN(max, MAX_DIRECT);

	return used_by_all() + max / 16 > max || used_by(false) + slirp / 16 > slirp ||
	       used_by(true) + direct / 16 > direct;
}

bool budget_make_room(u64 now_ns)
{
	/* Datagram flows end by themselves after four minutes at the latest. */
	static const unsigned idle_ms[] = { 120000, 30000, 10000, 1000 };
	unsigned before = used_by_all();

	if (now_ns < all.next_ns)
		return false;
	all.next_ns = now_ns + PAUSE_NS;
	for (unsigned i = 0; i < ARRAY_SIZE(idle_ms) && is_short(); i++)
		for (const struct budget *b = all.members; b; b = b->next)
			b->expire(b->arg, idle_ms[i]);
	return used_by_all() < before;
}
