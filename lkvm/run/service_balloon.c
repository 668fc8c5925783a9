/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The balloon of a running guest, for the control socket.
 *
 * Thread: the warden's, on the loop of the control socket. What is asked of the device runs on the
 *         loop of the devices, which is not waited for long.
 * Trust:  requests of the user's own processes. How long the guest's driver takes for an answer is
 *         the guest's: a timer looks, and a client waits for two seconds at most.
 */
#include "lkvm/run/service_balloon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/encode.h"
#include "lkvm/run/devices.h"
#include "lkvm/vm/loop.h"
#include "virtio/dev/balloon.h"

#define LOOK_NS 10000000u
#define PATIENCE_NS 2000000000u

typedef unsigned long long ull;

struct service_balloon {
	struct devices *devices;
	struct loop_timer *timer;
	u64 until_ns; /* who waits is answered then at the latest */
	struct control_client *waiting[CONTROL_CLIENTS];
};

static const char *reason(int err)
{
	switch (err) {
	case -ENODEV:
		return "it has no balloon: start it with --balloon";
	case -ENOENT:
		return "its balloon has no driver (Linux: CONFIG_VIRTIO_BALLOON)";
	case -EOPNOTSUPP:
		return "the driver of its balloon has no statistics";
	case -ETIMEDOUT:
		return "its devices do not answer: lkvm-io hangs";
	default:
		return strerror(-err);
	}
}

/* ---- size ---- */

static const char *change(struct devices *d, bool more, const char *word)
{
	u64 mib, wanted, actual, most = devices_ram(d);
	int err = devices_balloon_size(d, &wanted, &actual);

	if (err)
		return reason(err);
	if (decode_number(&mib, UINT32_MAX, NUMBER_DEC_0X, word, strlen(word)))
		return "the size of a balloon changes by a number of MiB";
	if (more && mib * MiB > most - wanted)
		return "that is more than its memory";
	if (!more && mib * MiB > wanted)
		return "its balloon is not that large";
	err = devices_balloon_want(d, more ? wanted + mib * MiB : wanted - mib * MiB);
	return err ? reason(err) : NULL;
}

void service_balloon(struct service_balloon *b, struct control_client *c,
		     const struct control_request *r)
{
	bool more = !strcmp(r->words[1], "inflate");
	u64 wanted, actual;
	const char *why;

	if (!more && strcmp(r->words[1], "deflate")) {
		control_refuse(c, "a balloon is inflated or deflated");
		return;
	}
	why = change(b->devices, more, r->words[2]);
	if (!why && devices_balloon_size(b->devices, &wanted, &actual))
		why = reason(-ETIMEDOUT);
	if (why) {
		control_refuse(c, why);
		return;
	}
	control_record(c, "balloon\t%llu\t%llu", (ull)wanted, (ull)actual);
	control_end(c);
}

/* ---- statistics ---- */

static void record_stats(struct control_client *c, const struct balloon_stats *s)
{
	static const char *const names[] = {
		[BALLOON_SWAP_IN] = "swap_in",
		[BALLOON_SWAP_OUT] = "swap_out",
		[BALLOON_MAJOR_FAULTS] = "major_faults",
		[BALLOON_MINOR_FAULTS] = "minor_faults",
		[BALLOON_FREE] = "free",
		[BALLOON_TOTAL] = "total",
		[BALLOON_AVAILABLE] = "available",
		[BALLOON_CACHES] = "caches",
		[BALLOON_HUGE_ALLOCS] = "huge_page_allocations",
		[BALLOON_HUGE_FAILURES] = "huge_page_failures",
	};

	static_assert(ARRAY_SIZE(names) == BALLOON_NR_STATS, "a name for each");
	for (unsigned i = 0; i < BALLOON_NR_STATS; i++) {
		if (s->known[i])
			control_record(c, "stat\t%s\t%llu", names[i], (ull)s->value[i]);
	}
}

/* `why`: the driver's own are missing or old; NULL: they are not. */
static void answer(struct service_balloon *b, struct control_client *c, const char *why)
{
	struct balloon_stats stats = { 0 };
	u64 wanted = 0, actual = 0;
	bool done;
	int err = devices_balloon_size(b->devices, &wanted, &actual);

	if (!err)
		err = devices_balloon_stats(b->devices, &stats, &done);
	if (err) {
		control_refuse(c, reason(err));
		return;
	}
	control_record(c, "balloon\t%llu\t%llu\t%llu", (ull)wanted, (ull)actual,
		       (ull)stats.reported);
	record_stats(c, &stats);
	if (why)
		control_record(c, "silent\t%s", why);
	control_end(c);
}

static void answer_all(struct service_balloon *b, const char *why)
{
	loop_timer_disarm(b->timer);
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *c = b->waiting[i];

		b->waiting[i] = NULL;
		if (c)
			answer(b, c, why);
	}
}

static void look(void *arg)
{
	struct service_balloon *b = arg;
	struct balloon_stats stats;
	bool done = false;

	if (devices_balloon_stats(b->devices, &stats, &done) || done)
		answer_all(b, NULL);
	else if (loop_now_ns() >= b->until_ns)
		answer_all(b, "the driver of its balloon does not answer");
	else
		loop_timer_arm(b->timer, LOOK_NS);
}

static bool is_waited(const struct service_balloon *b)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		if (b->waiting[i])
			return true;
	}
	return false;
}

void service_balloon_memory(struct service_balloon *b, struct control_client *c)
{
	int err = devices_balloon_ask(b->devices);

	if (err == -ENOENT || err == -EOPNOTSUPP) {
		answer(b, c, reason(err));
		return;
	}
	if (err) {
		control_refuse(c, reason(err));
		return;
	}
	/* The first who waits has two seconds, and whoever comes meanwhile what is left of them. */
	if (!is_waited(b)) {
		b->until_ns = loop_now_ns() + PATIENCE_NS;
		loop_timer_arm(b->timer, LOOK_NS);
	}
	control_list_add(b->waiting, c);
}

/* ---- life ---- */

void service_balloon_gone(struct service_balloon *b, const struct control_client *c)
{
	control_list_del(b->waiting, c);
}

int service_balloon_create(struct service_balloon **out, struct devices *d, struct loop *loop)
{
	struct service_balloon *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	b->devices = d;
	err = loop_timer_add(loop, look, b, &b->timer);
	if (err) {
		free(b);
		return err;
	}
	*out = b;
	return 0;
}

void service_balloon_destroy(struct service_balloon *b)
{
	if (!b)
		return;
	answer_all(b, "the guest ends");
	loop_timer_del(b->timer);
	free(b);
}
