/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers of a running guest to the commands of its user.
 *
 * Thread: the warden's, on the loop of the control socket. What devices have counted is fetched
 *         from their loop, which is not waited for long; page states are read as they are.
 * Trust:  requests are words, compared with the ones below; a descriptor that comes with one is
 *         written to only if it is a regular file. A guest decides how many ranges its memory is
 *         cut into: the map lists the first of them and counts the others.
 *
 * While somebody follows the transfers, devices put them into a ring, which is emptied from a
 * timer: nobody on the device's side waits, or wakes anybody.
 */
#include "lkvm/run/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/file.h"
#include "lkvm/run/devices.h"
#include "lkvm/run/service_balloon.h"
#include "lkvm/run/service_debug.h"
#include "lkvm/run/service_net.h"
#include "lkvm/vm/bus.h"
#include "lkvm/vm/mem.h"

#define TRACE_NS 10000000u
#define PAGE UINT64_C(4096)
#define MAX_DEVICE_RANGES 160u

struct service {
	struct service_env env;
	bool paused;
	u64 started_ns;
	struct account_ring *ring; /* while somebody follows */
	struct loop_timer *timer;
	struct control_client *followers[CONTROL_CLIENTS];
	struct control_client *capturer;
	struct service_balloon *balloon;
	struct service_debug *debug;
};

static const struct sys_call call_list[] = {
	CALL(newfstatat), /* a file that lkvm trace hands over */
};

const struct calls service_calls = CALLS("requests", call_list);

typedef unsigned long long ull;

/* ---- state ---- */

bool service_paused(const struct service *s)
{
	return s->paused;
}

static void set_paused(struct service *s, struct control_client *c, bool paused)
{
	control_record(c, "was\t%s", s->paused ? "paused" : "running");
	/* Who looks into the guest has it held, and leaves it as it is to be then. */
	if (s->paused != paused && !service_debug_looks(s->debug))
		s->env.pause(s->env.arg, paused);
	s->paused = paused;
	control_end(c);
}

static void answer_pause(struct service *s, struct control_client *c,
			 const struct control_request *r)
{
	set_paused(s, c, true);
}

static void answer_resume(struct service *s, struct control_client *c,
			  const struct control_request *r)
{
	set_paused(s, c, false);
}

/* ---- transfers ---- */

static void record_devices(struct service *s, struct control_client *c)
{
	struct devices_info info;

	for (unsigned i = 0; i < devices_nr(s->env.devices); i++) {
		devices_info(s->env.devices, i, &info);
		control_record(c, "device\t%u\t%s\t%s", i, info.name, info.bus);
	}
}

static const char no_answer[] = "its devices do not answer: lkvm-io hangs";

static bool refuse_unless_accounted(struct service *s, struct control_client *c)
{
	if (devices_accounted(s->env.devices))
		return false;
	control_refuse(c, "it bounces nothing: its devices reach all of its memory");
	return true;
}

static void answer_bounce(struct service *s, struct control_client *c,
			  const struct control_request *r)
{
	unsigned nr = devices_nr(s->env.devices);
	struct account_sums *sums = calloc(nr + 1, sizeof(*sums));
	u64 ms = (loop_now_ns() - s->started_ns) / 1000000;

	if (!sums) {
		control_refuse(c, "out of memory");
		return;
	}
	if (refuse_unless_accounted(s, c)) {
		free(sums);
		return;
	}
	if (devices_sums(s->env.devices, sums)) {
		control_refuse(c, no_answer);
		free(sums);
		return;
	}
	control_record(c, "time\t%llu.%03llu", (ull)(ms / 1000), (ull)(ms % 1000));
	record_devices(s, c);
	for (unsigned i = 0; i < nr; i++)
		control_record(c, "sums\t%u\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu",
			       i, (ull)sums[i].nr_out, (ull)sums[i].out_len, (ull)sums[i].nr_in,
			       (ull)sums[i].in_len, (ull)sums[i].nr_tables, (ull)sums[i].table_len,
			       (ull)sums[i].written, (ull)sums[i].pages, (ull)sums[i].refused);
	control_end(c);
	free(sums);
}

static void to_followers(struct service *s, const struct account_event *e)
{
	static const char *const ways[] = {
		[ACCOUNT_OUT] = "out", [ACCOUNT_IN] = "in", [ACCOUNT_REFUSED] = "refused"
	};
	u64 us = (e->time_ns - s->started_ns) / 1000;

	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		if (s->followers[i])
			control_record(s->followers[i],
				       "transfer\t%llu.%06llu\t%u\t%u\t%s\t0x%llx\t%u",
				       (ull)(us / 1000000), (ull)(us % 1000000), e->device,
				       e->queue, ways[e->way], (ull)e->addr, e->len);
	}
}

static void drain(struct service *s)
{
	struct account_event e;
	u64 lost;

	while (account_ring_next(s->ring, &e))
		to_followers(s, &e);
	lost = account_ring_lost(s->ring);
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		if (s->followers[i] && lost)
			control_record(s->followers[i], "lost\t%llu", (ull)lost);
		if (s->followers[i])
			control_flush(s->followers[i]);
	}
}

static void on_timer(void *arg)
{
	struct service *s = arg;

	drain(s);
	loop_timer_arm(s->timer, TRACE_NS);
}

static void stop_capture(struct service *s)
{
	if (s->capturer)
		devices_capture(s->env.devices, -1);
	s->capturer = NULL;
}

/* The last one has gone. Devices that do not answer keep their ring, until they do. */
static void stop_trace(struct service *s)
{
	loop_timer_disarm(s->timer);
	if (devices_trace(s->env.devices, NULL))
		return;
	account_ring_destroy(s->ring);
	s->ring = NULL;
}

/* NULL, or why there is no capture. */
static const char *start_capture(struct service *s, struct control_client *c)
{
	int err, fd = control_take_fd(c);
	struct stat st;

	if (fd < 0)
		return NULL;
	if (s->capturer || file_stat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return s->capturer ? "its network is being captured already"
				   : "a capture goes to a regular file";
	}
	err = devices_capture(s->env.devices, fd);
	if (!err)
		s->capturer = c;
	else if (err == -ENODEV)
		return "it has no network to capture";
	else if (err == -ETIMEDOUT)
		return no_answer;
	else if (err == -EBUSY)
		return "an earlier capture is still being written";
	return err ? strerror(-err) : NULL;
}

static void answer_trace(struct service *s, struct control_client *c,
			 const struct control_request *r)
{
	const char *why;

	if (refuse_unless_accounted(s, c))
		return;
	why = start_capture(s, c);
	if (!why && !s->ring && account_ring_create(&s->ring))
		why = "out of memory";
	if (!why && devices_trace(s->env.devices, s->ring))
		why = no_answer;
	if (why) {
		if (s->capturer == c)
			stop_capture(s);
		control_refuse(c, why);
		return;
	}
	drain(s);
	control_list_add(s->followers, c);
	record_devices(s, c);
	control_follow(c);
	loop_timer_arm(s->timer, TRACE_NS);
}

void service_gone(struct service *s, struct control_client *c)
{
	bool others = false;

	service_balloon_gone(s->balloon, c);
	service_debug_gone(s->debug, c);
	if (s->capturer == c)
		stop_capture(s);
	control_list_del(s->followers, c);
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		others = others || s->followers[i];
	if (!others && s->ring)
		stop_trace(s);
}

/* ---- the map ---- */

struct span {
	u64 base, len;
	bool window;
	const char *name;
};

struct map {
	unsigned nr;
	struct span spans[MAX_DEVICE_RANGES];
};

static bool is_before(const struct span *x, const struct span *y)
{
	return x->base != y->base ? x->base < y->base : x->window && !y->window;
}

/*
 * To its place among the others. The C library's qsort() would do for a few of them: with more it
 * allocates, and asks the host how much memory there is, which no table of calls allows.
 */
static void map_add(struct map *m, u64 base, u64 len, bool window, const char *name)
{
	const struct span new = { base, len, window, name };
	unsigned at = m->nr;

	if (!len || m->nr == MAX_DEVICE_RANGES)
		return;
	for (; at && is_before(&new, &m->spans[at - 1]); at--)
		m->spans[at] = m->spans[at - 1];
	m->spans[at] = new;
	m->nr++;
}

/* What is behind the windows of PCI shows the guest's BARs; configuration space only itself. */
static void map_bus_range(void *arg, const struct bus_range *r)
{
	if (r->base.a >= MEMMAP_PCI_IO + MEMMAP_PCI_IO_SIZE &&
	    !ranges_overlap(r->base.a, r->len, MEMMAP_PCI_ECAM, MEMMAP_PCI_ECAM_SIZE))
		map_add(arg, r->base.a, r->len, false, r->name);
}

static void record_devices_map(struct service *s, struct control_client *c)
{
	const struct board_layout *l = s->env.layout;
	struct map m = { 0 };

	map_add(&m, MEMMAP_PCI_IO, MEMMAP_PCI_IO_SIZE, true, "PCI I/O ports");
	map_add(&m, MEMMAP_PCI_ECAM, MEMMAP_PCI_ECAM_SIZE, true, "PCI configuration");
	map_add(&m, MEMMAP_PCI_MEM, MEMMAP_PCI_MEM_SIZE, true, "PCI memory");
	map_add(&m, l->gicd.base, l->gicd.size, false, "GIC distributor");
	map_add(&m, l->gicr.base, l->gicr.size, false, "GIC redistributors");
	map_add(&m, l->its.base, l->its.size, false, "GIC ITS");
	map_add(&m, l->gicc.base, l->gicc.size, false, "GIC CPU interface");
	if (s->env.has_pvtime)
		map_add(&m, MEMMAP_PVTIME, MEMMAP_PVTIME_SIZE, false, "stolen time");
	bus_each(s->env.bus, map_bus_range, &m);
	for (unsigned i = 0; i < m.nr; i++)
		control_record(c, "range\t0x%llx\t%llu\t%s\t%s", (ull)m.spans[i].base,
			       (ull)m.spans[i].len, m.spans[i].window ? "window" : "device",
			       m.spans[i].name);
}

static void record_ram(struct service *s, struct control_client *c)
{
	u64 left[2] = { 0 }, nr = 0;
	bool shared;

	for (unsigned i = 0; i < mem_nr_regions(s->env.mem); i++) {
		const struct mem_region *r = mem_region(s->env.mem, i);

		for (u64 at = 0, len; at < r->size; at += len) {
			gpa_t g = gpa_add(r->base, at);

			len = mem_run(s->env.mem, g, r->size - at, &shared);
			assert(len);
			if (nr++ < MAP_MAX_RANGES)
				control_record(c, "range\t0x%llx\t%llu\t%s\tRAM", (ull)g.a,
					       (ull)len,
					       !s->env.confidential || mem_is_guarded(s->env.mem)
						       ? "memory"
					       : shared ? "shared"
							: "protected");
			else
				left[shared] += len;
		}
	}
	if (nr > MAP_MAX_RANGES)
		control_record(c, "more\t%llu\t%llu\t%llu", (ull)(nr - MAP_MAX_RANGES),
			       (ull)left[true], (ull)left[false]);
}

static void answer_map(struct service *s, struct control_client *c, const struct control_request *r)
{
	control_record(c, "guest\t%s\t%s\t%llu", s->env.name, s->env.backend,
		       (ull)s->env.layout->ram.size);
	for (unsigned i = 0; i < ARRAY_SIZE(s->env.loaded); i++) {
		if (s->env.loaded[i].len)
			control_record(c, "loaded\t0x%llx\t%llu\t%s", (ull)s->env.loaded[i].base,
				       (ull)s->env.loaded[i].len, s->env.loaded[i].what);
	}
	record_devices_map(s, c);
	record_ram(s, c);
	control_end(c);
}

/* ---- disks ---- */

static void resize(struct service *s, struct control_client *c, unsigned n)
{
	u64 old = 0, new = 0;
	int err = devices_resize(s->env.devices, n, &old, &new);

	if (!err)
		control_record(c, "disk\t%u\t%llu\t%llu", n, (ull)old, (ull) new);
	else
		control_record(c, "problem\t%u\t%s", n,
			       err == -EINVAL ? "it has become smaller, which no guest expects"
			       : err == -EOPNOTSUPP ? "only the size of a raw disk can change"
						    : strerror(-err));
}

static void answer_disk(struct service *s, struct control_client *c,
			const struct control_request *r)
{
	const char *number = r->nr == 3 ? r->words[2] : NULL;
	unsigned nr = devices_nr_disks(s->env.devices);
	u64 n;

	if (strcmp(r->words[1], "resize")) {
		control_refuse(c, "a disk can be resized, and nothing else");
		return;
	}
	if (!number) {
		for (unsigned i = 0; i < nr; i++)
			resize(s, c, i);
	} else if (decode_number(&n, UINT32_MAX, NUMBER_DEC, number, strlen(number)) || n >= nr) {
		control_refuse(c, "it has no such disk");
		return;
	} else {
		resize(s, c, (unsigned)n);
	}
	control_end(c);
}

/* ---- requests ---- */

static void answer_net(struct service *s, struct control_client *c, const struct control_request *r)
{
	service_net(s->env.devices, c, r);
}

static void answer_balloon(struct service *s, struct control_client *c,
			   const struct control_request *r)
{
	service_balloon(s->balloon, c, r);
}

static void answer_debug(struct service *s, struct control_client *c,
			 const struct control_request *r)
{
	service_debug(s->debug, c, r);
}

static void answer_memory(struct service *s, struct control_client *c,
			  const struct control_request *r)
{
	service_balloon_memory(s->balloon, c);
}

/* The first word of a request, and how many words it has. */
static const struct {
	const char *word;
	unsigned least, most;
	void (*answer)(struct service *s, struct control_client *c,
		       const struct control_request *r);
} answers[] = {
	{ "pause", 1, 1, answer_pause },   { "resume", 1, 1, answer_resume },
	{ "bounce", 1, 1, answer_bounce }, { "trace", 1, 1, answer_trace },
	{ "map", 1, 1, answer_map },	   { "disk", 2, 3, answer_disk },
	{ "net", 1, 3, answer_net },	   { "balloon", 3, 3, answer_balloon },
	{ "memory", 1, 1, answer_memory }, { "debug", 2, 3, answer_debug },
};

void service_request(struct service *s, struct control_client *c, const struct control_request *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		if (!strcmp(r->words[0], answers[i].word) && r->nr >= answers[i].least &&
		    r->nr <= answers[i].most) {
			answers[i].answer(s, c, r);
			return;
		}
	}
	control_refuse(c, "the lkvm that runs it does not know this request");
}

/* ---- life ---- */

int service_create(struct service **out, const struct service_env *env, struct loop *loop)
{
	struct service *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->env = *env;
	s->started_ns = loop_now_ns();
	err = loop_timer_add(loop, on_timer, s, &s->timer);
	if (!err)
		err = service_balloon_create(&s->balloon, env->devices, loop);
	if (!err)
		err = service_debug_create(&s->debug, &s->env, &s->paused, loop);
	if (err) {
		service_balloon_destroy(s->balloon);
		loop_timer_del(s->timer);
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

void service_destroy(struct service *s)
{
	if (!s)
		return;
	if (s->ring)
		drain(s);
	stop_capture(s);
	service_balloon_destroy(s->balloon);
	service_debug_destroy(s->debug);
	control_list_end(s->followers);
	if (s->ring)
		stop_trace(s);
	loop_timer_del(s->timer);
	free(s);
}
