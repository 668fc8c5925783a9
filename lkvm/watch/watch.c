/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watcher: taps, log, clock, and the end of a run.
 *
 * Thread: lkvm-watch, on w->loop, for all that has no other word; main for the interface, which
 *         calls the loop.
 * Trust:  what is printed is the guest's. It is taken in pieces, between which the clock is looked
 *         at, and the guest waits when it is faster than the log or the expressions.
 */
#include "lkvm/watch/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/base/ready.h"
#include "lkvm/console/tap.h"
#include "lkvm/vm/loop.h"
#include "lkvm/watch/logfile.h"
#include "lkvm/watch/record.h"
#include "lkvm/watch/script.h"
#include "lkvm/watch/text.h"

/* How long the taps rest after they were empty: below what people notice. */
#define WINDOW_NS 5000000u

/* Bytes of each tap between two looks at everything else. */
#define PIECE 4096u

/* A guest that says nothing for so long, or for so many times as long as its start took. */
#define SILENT_NS UINT64_C(10000000000)
#define SILENT_TIMES 5u

/* For the reports of a machine that does not end: they may be on the disk that hangs. */
#define TORN_MS 5000

struct watch {
	const struct watch_conf *conf;
	const struct watch_run *run;
	struct loop *loop;
	bool runs; /* the loop's thread */
	int wake;
	struct logfile *log; /* NULL: there is none */
	struct loop_fd *wake_fd;
	struct loop_timer *window, *tick, *limit, *silent;
	struct tap *taps[WATCH_SOURCES];
	struct script *script;
	bool spoken; /* a guest has printed something */
	bool more;   /* a tap has more than was taken */
	u64 patience_ns;
	char hint[300];
	struct stop *stop;
	struct record *record;
	enum watch_why why;
	char line[300];
	_Atomic unsigned said; /* bits of enum watch_said that nobody has heard yet */

	/* main's, or on the loop while main waits */
	char panic[300];
	unsigned resets;
	bool too_many_resets, again;
	enum stop_reason end;

	/* The last resort's: once `torn` is set, the loop writes, and then `told` is readable. */
	_Atomic bool torn;
	const char *torn_by;
	struct verdict torn_verdict;
	_Atomic int torn_status; /* that of the verdict, once there is one */
	int told;
	struct ready is_told;
};

/* ---- deciding ---- */

/* The first reason counts. */
static void decide(struct watch *w, enum watch_why why, const char *line)
{
	if (w->why != WHY_NOTHING)
		return;
	w->why = why;
	text_plain(w->line, sizeof(w->line), line);
	stop_request(w->stop, STOP_WATCH);
}

static void on_step(void *arg, unsigned n, const char *text, size_t len)
{
	struct watch *w = arg;

	record_step(w->record, n);
	if (len && !tap_type(w->taps[w->run->console], text, len))
		log_warn("step %u: the guest takes no input, --send is lost", n + 1);
}

static void on_until(void *arg, const char *line)
{
	record_until(((struct watch *)arg)->record, line);
	decide(arg, WHY_UNTIL, line);
}

static void on_fail_on(void *arg, const char *line)
{
	record_event(((struct watch *)arg)->record, "fail-on", "line", line);
	decide(arg, WHY_FAIL_ON, line);
}

static void on_late(void *arg, unsigned n)
{
	decide(arg, WHY_LATE, "");
}

/* With --reboot the guest may still come back by itself (panic=30). */
static void on_panicked(void *arg)
{
	struct watch *w = arg;

	if (!w->conf->no_panic_watch && !w->run->reboots)
		decide(w, WHY_PANIC, script_panic(w->script));
}

static void on_limit(void *arg)
{
	decide(arg, WHY_TIMEOUT, "");
}

static void on_silent(void *arg)
{
	struct watch *w = arg;

	if (!w->spoken)
		log_info("the guest has printed nothing for %u s: %s",
			 (unsigned)(w->patience_ns / 1000000000), w->hint);
}

/* ---- what is printed ---- */

/* When does the script want to look at the clock again? */
static void arm_tick(struct watch *w)
{
	u64 next = script_next(w->script), now = loop_now_ns();

	if (next == WATCH_NEVER)
		loop_timer_disarm(w->tick);
	else
		loop_timer_arm(w->tick, next > now ? next - now : 0);
}

/* A piece of each tap; true if there was any. */
static bool take(struct watch *w)
{
	NOT_ZEROED u8 buf[PIECE];
	bool any = false;

	w->more = false;
	for (unsigned i = 0; i < WATCH_SOURCES; i++) {
		size_t n = w->taps[i] ? tap_take(w->taps[i], buf, sizeof(buf)) : 0;

		if (!n)
			continue;
		any = true;
		w->more |= n == sizeof(buf);
		if (!w->spoken)
			record_event(w->record, "first-output", NULL, NULL);
		w->spoken = true;
		logfile_write(w->log, buf, n);
		script_feed(w->script, i, buf, n, loop_now_ns());
	}
	if (any)
		arm_tick(w);
	return any;
}

static void on_window(void *arg)
{
	struct watch *w = arg;
	bool sleeps = true;

	if (take(w)) {
		loop_timer_arm(w->window, w->more ? 0 : WINDOW_NS);
		return;
	}
	for (unsigned i = 0; i < WATCH_SOURCES; i++)
		sleeps = (!w->taps[i] || tap_sleep(w->taps[i])) && sleeps;
	if (!sleeps)
		loop_timer_arm(w->window, 0);
}

void watch_said(struct watch *w, enum watch_said what)
{
	atomic_fetch_or(&w->said, (unsigned)what);
	eventfd_write(w->wake, 1);
}

/* On the loop, after what was printed before it. */
static void hear(struct watch *w)
{
	unsigned said = atomic_exchange(&w->said, 0);

	if (said & WATCH_CRASH_KERNEL) {
		record_event(w->record, "pvpanic", "what", "crash-kernel");
		script_panicked(w->script, "it goes on in its crash kernel", WATCH_NEVER);
	}
	if (said & WATCH_PANICKED) {
		record_event(w->record, "pvpanic", "what", "panicked");
		script_panicked(w->script, "it has said so", loop_now_ns());
	}
	if (said)
		arm_tick(w);
}

static void tear(struct watch *w);

/* The first byte after a pause, a ring that is half full, or the last resort. */
static void on_wake(void *arg, u32 events)
{
	struct watch *w = arg;

	take(w);
	hear(w);
	if (atomic_exchange(&w->torn, false))
		tear(w);
	loop_timer_arm(w->window, w->more ? 0 : WINDOW_NS);
}

static void on_tick(void *arg)
{
	struct watch *w = arg;

	script_tick(w->script, loop_now_ns());
	arm_tick(w);
}

static void take_all(void *arg)
{
	while (take(arg))
		;
}

/* ---- the machine ---- */

struct start {
	struct watch *w;
	const struct watch_start *about;
};

static void begin(void *arg)
{
	const struct watch_start *about = ((struct start *)arg)->about;
	struct watch *w = ((struct start *)arg)->w;

	if (about->realm)
		record_event(w->record, "realm-active", about->rim ? "rim" : NULL, about->rim);
	else
		record_event(w->record, "running", NULL, NULL);
	script_started(w->script, loop_now_ns());
	arm_tick(w);
	if (!about->hint || w->spoken)
		return;
	snprintf(w->hint, sizeof(w->hint), "%s", about->hint);
	w->patience_ns = MAX(SILENT_NS, SILENT_TIMES * about->built_ns);
	loop_timer_arm(w->silent, w->patience_ns);
}

void watch_started(struct watch *w, const struct watch_start *about)
{
	struct start s = { w, about };

	loop_do(w->loop, begin, &s);
}

/* Has this boot panicked? What comes after a panic decides whether it is one. */
static void note_panic(struct watch *w)
{
	const char *panic = script_panic(w->script);

	if (panic && !w->conf->no_panic_watch &&
	    (w->end == STOP_RESET || w->end == STOP_CRASH || w->why == WHY_PANIC ||
	     script_panic_said(w->script)))
		text_plain(w->panic, sizeof(w->panic), panic);
	if (*w->panic && panic)
		record_event(w->record, "panic", "line", panic);
}

static void record_reset(const struct watch *w)
{
	char type[VERDICT_RESET_SIZE];

	verdict_reset(type, atomic_load(&w->stop->reset));
	record_event(w->record, "reset", *type ? "type" : NULL, type);
}

/* On the loop: nothing is printed any more. */
static void close_boot(void *arg)
{
	struct watch *w = arg;

	take_all(w);
	hear(w);
	loop_timer_disarm(w->silent);
	note_panic(w);
	if (w->end == STOP_RESET)
		record_reset(w);
	w->again = w->end == STOP_RESET && w->run->reboots && w->why == WHY_NOTHING;
	w->resets += w->again;
	w->too_many_resets = w->conf->max_resets && w->resets > w->conf->max_resets;
	w->again = w->again && !w->too_many_resets;
}

bool watch_ended(struct watch *w, enum stop_reason end)
{
	w->end = end;
	loop_do(w->loop, close_boot, w);
	return w->again;
}

static void judge(const struct watch *w, struct verdict_facts *f, struct verdict *v)
{
	f->conf = w->conf;
	f->end = w->end;
	f->signal = atomic_load(&w->stop->signal);
	f->reset = atomic_load(&w->stop->reset);
	f->why = w->why;
	f->line = w->line;
	f->panic = *w->panic ? w->panic : NULL;
	f->steps_done = script_steps_done(w->script);
	f->until_seen = script_until_seen(w->script);
	f->resets = w->resets;
	f->too_many_resets = w->too_many_resets;
	f->command = w->run->command;
	f->status = f->command && !w->conf->status_from ? w->run->command(w->run->arg)
							: script_status(w->script);
	verdict_of(v, f);
}

int watch_finish(struct watch *w, bool started)
{
	struct verdict_facts f = { .started = started };
	struct verdict v;
	int err;

	w->end = stop_last(w->stop, w->end);
	loop_stop(w->loop);
	w->runs = false;
	take_all(w);
	script_flush(w->script);
	judge(w, &f, &v);
	err = record_end(w->record, &v, script_tail(w->script));
	if (v.well || v.status == EXIT_UNREAD || w->end == STOP_SIGNAL || v.commands)
		log_info("%s", v.line);
	else if (v.status != EXIT_DIE && v.status != EXIT_GUEST) /* they have said why */
		log_error("%s", v.line);
	return err && !v.status ? EXIT_DIE : v.status;
}

/* ---- the last resort ---- */

/* On the loop. The guest may go on printing: what it has printed by now is what it has said. */
static void tear(struct watch *w)
{
	struct verdict_facts f = { .started = true, .torn = w->torn_by };

	w->end = stop_why(w->stop);
	note_panic(w);
	judge(w, &f, &w->torn_verdict);
	atomic_store(&w->torn_status, w->torn_verdict.status);
	record_end(w->record, &w->torn_verdict, script_tail(w->script));
	eventfd_write(w->told, 1);
}

int watch_torn(void *watch, const char *who, char *line, size_t len)
{
	struct watch *w = watch;
	int status;

	w->torn_by = who;
	atomic_store(&w->torn_status, EXIT_TORN_DOWN);
	atomic_store(&w->torn, true);
	eventfd_write(w->wake, 1);
	ready_wait(&w->is_told, TORN_MS);
	status = atomic_load(&w->torn_status);
	/* What tears it down is said by who calls. */
	snprintf(line, len, "%s", status == EXIT_TORN_DOWN ? "" : w->torn_verdict.line);
	return status;
}

void watch_call(struct watch *w, loop_call_fn fn, void *arg)
{
	if (w)
		loop_call(w->loop, fn, arg);
}

/* ---- life ---- */

static int create_loop(struct watch *w)
{
	int err = loop_create(&w->loop, "lkvm-watch");

	if (!err)
		err = loop_fd_add(w->loop, w->wake, EPOLLIN | EPOLLET, on_wake, w, &w->wake_fd);
	if (!err)
		err = loop_timer_add(w->loop, on_window, w, &w->window);
	if (!err)
		err = loop_timer_add(w->loop, on_tick, w, &w->tick);
	if (!err)
		err = loop_timer_add(w->loop, on_limit, w, &w->limit);
	if (!err)
		err = loop_timer_add(w->loop, on_silent, w, &w->silent);
	return err;
}

static int create(struct watch *w)
{
	const struct script_events events = { .step = on_step,
					      .until = on_until,
					      .failed = on_fail_on,
					      .late = on_late,
					      .panicked = on_panicked,
					      .arg = w };
	int err;

	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = w->wake < 0 || w->told < 0 ? -errno : ready_init(&w->is_told, w->told, EPOLLIN);
	if (!err)
		err = create_loop(w);
	if (!err)
		err = script_create(&w->script, w->conf, &events);
	for (unsigned i = 0; i < WATCH_SOURCES && !err; i++) {
		if (w->run->sources & 1u << i)
			err = tap_create(&w->taps[i], w->wake);
	}
	if (err)
		return err;
	if (w->conf->timeout_s)
		loop_timer_arm(w->limit, w->conf->timeout_s * UINT64_C(1000000000));
	err = loop_start(w->loop);
	w->runs = !err;
	return err;
}

int watch_create(struct watch **out, const struct watch_conf *conf, const struct watch_run *run,
		 struct stop *stop)
{
	struct watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return log_errno(-ENOMEM, "cannot watch the guest");
	w->conf = conf;
	w->stop = stop;
	w->run = run;
	w->wake = w->told = -1;
	w->is_told = READY_ALWAYS;
	err = conf->log ? logfile_open(&w->log, conf->log) : 0;
	if (!err)
		err = record_create(&w->record, conf, run->name);
	if (!err) {
		err = create(w);
		if (err)
			log_errno(err, "cannot watch the guest");
	}
	if (err) {
		watch_destroy(w);
		return err;
	}
	*out = w;
	return 0;
}

struct tap *watch_tap(struct watch *w, unsigned source)
{
	assert(source < WATCH_SOURCES && w->taps[source]);
	return w->taps[source];
}

void watch_destroy(struct watch *w)
{
	if (!w)
		return;
	if (w->runs)
		loop_stop(w->loop);
	loop_destroy(w->loop);
	script_destroy(w->script);
	record_destroy(w->record);
	for (unsigned i = 0; i < WATCH_SOURCES; i++)
		tap_destroy(w->taps[i]);
	if (w->wake >= 0)
		close(w->wake);
	ready_fini(&w->is_told);
	if (w->told >= 0)
		close(w->told);
	logfile_close(w->log);
	free(w);
}
