/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests to a running guest that take their time, and others that come meanwhile. Time, vCPUs,
 * devices and clients are the test's.
 */
#include "lkvm/run/service.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "lkvm/gdb/view.h"
#include "lkvm/kvm/vcpu.h"
#include "lkvm/run/devices.h"
#include "lkvm/vm/bus.h"
#include "tests/unit/suite.h"
#include "virtio/dev/balloon.h"

#define MS UINT64_C(1000000)

/* ---- time: timers fire when the test says so ---- */

struct loop_timer {
	loop_timer_fn fn;
	void *arg;
	bool armed;
	u64 at;
};

static struct loop_timer timers[4];
static unsigned nr_timers;
static u64 now = 1000 * MS;

int loop_timer_add(struct loop *l, loop_timer_fn fn, void *arg, struct loop_timer **out)
{
	ck_assert_uint_lt(nr_timers, ARRAY_SIZE(timers));
	*out = &timers[nr_timers++];
	**out = (struct loop_timer){ .fn = fn, .arg = arg };
	return 0;
}

void loop_timer_arm(struct loop_timer *t, u64 ns)
{
	t->armed = true;
	t->at = now + ns;
}

void loop_timer_disarm(struct loop_timer *t)
{
	t->armed = false;
}

void loop_timer_del(struct loop_timer *t)
{
}

u64 loop_now_ns(void)
{
	return now;
}

static void pass(u64 ms)
{
	for (u64 end = now + ms * MS; now < end; now += MS) {
		for (unsigned i = 0; i < nr_timers; i++) {
			if (timers[i].armed && timers[i].at <= now) {
				timers[i].armed = false;
				timers[i].fn(timers[i].arg);
			}
		}
	}
}

/* ---- clients ---- */

struct control_client {
	char heard[400];
	bool ended, refused;
};

static struct control_client a, b;

void control_record(struct control_client *c, const char *fmt, ...)
{
	size_t at = strlen(c->heard);
	va_list ap;

	ck_assert(!c->ended);
	va_start(ap, fmt);
	vsnprintf(c->heard + at, sizeof(c->heard) - at, fmt, ap);
	va_end(ap);
	strncat(c->heard, "\n", sizeof(c->heard) - strlen(c->heard) - 1);
}

void control_end(struct control_client *c)
{
	ck_assert(!c->ended);
	c->ended = true;
}

void control_refuse(struct control_client *c, const char *why)
{
	c->refused = true;
	snprintf(c->heard, sizeof(c->heard), "%s", why);
	control_end(c);
}

void control_follow(struct control_client *c)
{
}

void control_flush(struct control_client *c)
{
}

int control_take_fd(struct control_client *c)
{
	return -1;
}

void control_list_add(struct control_client **list, struct control_client *c)
{
	while (*list)
		list++;
	*list = c;
}

void control_list_del(struct control_client **list, const struct control_client *c)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		list[i] = list[i] == c ? NULL : list[i];
}

void control_list_end(struct control_client **list)
{
}

/* ---- devices: a balloon whose driver does not answer ---- */

static bool driver_answers;

int devices_balloon_size(struct devices *d, u64 *wanted, u64 *actual)
{
	*wanted = *actual = 0;
	return 0;
}

int devices_balloon_ask(struct devices *d)
{
	return 0;
}

int devices_balloon_stats(struct devices *d, struct balloon_stats *out, bool *done)
{
	*done = driver_answers;
	return 0;
}

/* ---- vCPUs: in the guest, unless they are held ---- */

static bool held;
static unsigned nr_looks;

enum vcpu_place vcpu_place(const struct vcpu *v)
{
	return held ? VCPU_IN_LKVM : VCPU_IN_KVM_RUN;
}

int vcpu_fd(const struct vcpu *v)
{
	return -1;
}

int view_regs_get(int fd, struct view_regs *r)
{
	ck_assert(held); /* or it would wait for the guest */
	nr_looks++;
	return -EIO;
}

static void hold(void *arg, bool on)
{
	held = on;
}

/* ---- what these requests have no use for ---- */

#define UNUSED(type, name, ...)                                                                    \
	type name(__VA_ARGS__)                                                                     \
	{                                                                                          \
		ck_abort_msg(#name);                                                               \
	}
UNUSED(int, board_sysrq, struct board *board, char key)
UNUSED(void, bus_each, struct bus *bus, void (*fn)(void *arg, const struct bus_range *r), void *arg)
UNUSED(bool, devices_accounted, const struct devices *d)
UNUSED(int, devices_balloon_want, struct devices *d, u64 wanted)
UNUSED(int, devices_capture, struct devices *d, int fd)
UNUSED(int, devices_forward, struct devices *d, unsigned nic, const struct net_hostfwd *f, int fd)
UNUSED(int, devices_forwarded, struct devices *d, unsigned nic, unsigned i, struct net_hostfwd *out)
UNUSED(void, devices_info, const struct devices *d, unsigned i, struct devices_info *out)
UNUSED(unsigned, devices_nr, const struct devices *d)
UNUSED(unsigned, devices_nr_disks, const struct devices *d)
UNUSED(unsigned, devices_nr_nics, const struct devices *d)
UNUSED(u64, devices_ram, const struct devices *d)
UNUSED(int, devices_resize, struct devices *d, unsigned n, u64 *old, u64 *new)
UNUSED(int, devices_sums, struct devices *d, struct account_sums *out)
UNUSED(int, devices_trace, struct devices *d, struct account_ring *r)
UNUSED(bool, view_caller, struct mem *mem, const struct view_map *m, u64 *fp, u64 *pc)
UNUSED(int, view_map_get, int fd, struct view_map *m)
UNUSED(u64, view_read, struct mem *mem, const struct view_map *m, u64 va, void *buf, u64 len)

static struct service *service;

static void ask(struct control_client *c, const char *first, const char *second)
{
	const struct control_request r = { second ? 2 : 1, { first, second } };

	service_request(service, c, &r);
}

static void setup(void)
{
	static struct vcpu *const vcpus[] = { NULL };
	const struct service_env env = {
		.vcpus = vcpus, .nr_vcpus = 1, .registers = true, .pause = hold
	};

	ck_assert_int_eq(service_create(&service, &env, NULL), 0);
}

static void teardown(void)
{
	service_destroy(service);
}

START_TEST(a_look_lets_the_guest_go_on)
{
	ask(&a, "debug", "dump");
	ck_assert(held && !a.ended);
	pass(10);
	ck_assert(a.ended && !a.refused && !held);
	ck_assert_uint_eq(nr_looks, 1);
}
END_TEST

/* What a user is told is so, whoever looked into the guest at that time. */
START_TEST(paused_during_a_look)
{
	ask(&a, "debug", "dump");
	ask(&b, "pause", NULL);
	ck_assert_str_eq(b.heard, "was\trunning\n");
	pass(10);
	ck_assert(a.ended && !a.refused);
	ck_assert(held && service_paused(service));
}
END_TEST

START_TEST(resumed_during_a_look)
{
	ask(&b, "pause", NULL);
	ask(&a, "debug", "dump");
	b.ended = false;
	ask(&b, "resume", NULL);
	pass(10);
	ck_assert(a.ended && !a.refused);
	ck_assert(!held && !service_paused(service));
	/* Who looks at one that is paused leaves it so. */
	b.ended = a.ended = false;
	ask(&b, "pause", NULL);
	ask(&a, "debug", "dump");
	pass(10);
	ck_assert(a.ended && !a.refused && held);
}
END_TEST

START_TEST(who_looks_may_leave)
{
	ask(&a, "debug", "dump");
	service_gone(service, &a);
	ck_assert(!held);
	pass(10);
	ck_assert(!a.ended);
}
END_TEST

/* Whoever else asks. */
START_TEST(a_driver_that_is_silent_is_waited_for_two_seconds)
{
	ask(&a, "memory", NULL);
	pass(1500);
	ask(&b, "memory", NULL);
	pass(400);
	ck_assert(!a.ended);
	pass(200);
	ck_assert(a.ended && !a.refused);
	ck_assert_ptr_nonnull(strstr(a.heard, "silent\t"));
	pass(2100);
	ck_assert(b.ended && !b.refused);
	/* The next one has its time. */
	a = (struct control_client){ .ended = false };
	ask(&a, "memory", NULL);
	pass(1900);
	ck_assert(!a.ended);
	driver_answers = true;
	pass(20);
	ck_assert(a.ended && !strstr(a.heard, "silent"));
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/run/service", setup, teardown, a_look_lets_the_guest_go_on,
		   paused_during_a_look, resumed_during_a_look, who_looks_may_leave,
		   a_driver_that_is_silent_is_waited_for_two_seconds)
