/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a run waits for: lines, steps, and what a panic looks like.
 *
 * Thread: its owner's.
 * Trust:  all bytes are the guest's. Each is looked at once by each expression, in bounded memory;
 *         lines that are kept are cut (tail.h).
 *
 * A panic is a line of the kernel's; but a guest may also show an old log, so that the line alone
 * means nothing. It counts when a reset follows, before many other lines; or when the kernel's own
 * end of a panic is the last thing that is printed. A panic that the guest has said beside its
 * console (pvpanic) counts in any case, and is over when nothing more is printed.
 */
#include "lkvm/watch/script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/encode.h"

#define BEL 0x07
#define CAN 0x18
#define ESC 0x1b

static const char panic_begin[] = "Kernel panic - not syncing";
static const char panic_end[] = "---[ end Kernel panic - not syncing";

/* Where in a control sequence or a control string a console is [ECMA-48 5.3, 5.4, 5.6]. */
enum sequence { SEQ_NONE, SEQ_ESC, SEQ_CSI, SEQ_STRING };

/* Who looks for matches, in this order: what is behind a step is not what the step has matched. */
enum { MATCH_FAIL, MATCH_STATUS, MATCH_UNTIL, MATCH_STEP, NR_MATCHERS };

struct source {
	enum sequence sequence;
	struct tail_line line; /* that is being printed */
	u64 line_at;	       /* bytes of the stream before it */
	u64 rest_ns;	       /* when a prompt has stood for long enough, or WATCH_NEVER */
	struct ere_run runs[NR_MATCHERS];
};

struct script {
	const struct watch_conf *conf;
	struct script_events events;
	unsigned done; /* steps */
	bool until_seen, failed, started;
	u64 late_ns; /* the current step's time is up, or WATCH_NEVER */
	int status;
	struct tail tail;
	struct tail_line panic; /* len 0: none */
	unsigned panic_lines;	/* since then */
	const char *said;	/* that there was one; NULL: nothing was said */
	bool last_words;	/* ... and that nothing follows */
	u64 silent_ns;		/* then a panic is over, or WATCH_NEVER */
	struct source sources[WATCH_SOURCES];
};

/* ---- life ---- */

static const struct ere *expression(const struct script *s, unsigned which)
{
	const struct watch_conf *c = s->conf;

	switch (which) {
	case MATCH_STEP:
		return s->done < c->nr_steps ? c->steps[s->done].after_ere : NULL;
	case MATCH_UNTIL:
		return c->until_ere;
	case MATCH_FAIL:
		return c->fail_on_ere;
	default:
		return c->status_ere;
	}
}

/* The expression of a matcher is another one now, and begins to look in the middle of a line. */
static int renew(struct script *s, struct source *from, unsigned which)
{
	const struct ere *e = expression(s, which);
	int err;

	for (unsigned i = 0; i < WATCH_SOURCES; i++) {
		struct source *src = &s->sources[i];
		u64 at = src->runs[which].at;

		ere_run_fini(&src->runs[which]);
		if (!e)
			continue;
		err = ere_run_init(&src->runs[which], e);
		if (err)
			return err;
		src->runs[which].at = at;
		if (from)
			ere_run_reset(&src->runs[which], src != from && !src->line.len);
	}
	return 0;
}

int script_create(struct script **out, const struct watch_conf *conf,
		  const struct script_events *events)
{
	struct script *s = calloc(1, sizeof(*s));
	int err = 0;

	if (!s)
		return -ENOMEM;
	s->conf = conf;
	s->events = *events;
	s->status = -1;
	s->late_ns = s->silent_ns = WATCH_NEVER;
	for (unsigned i = 0; i < WATCH_SOURCES; i++)
		s->sources[i].rest_ns = WATCH_NEVER;
	for (unsigned m = 0; m < NR_MATCHERS && !err; m++)
		err = renew(s, NULL, m);
	if (err) {
		script_destroy(s);
		return err;
	}
	*out = s;
	return 0;
}

void script_destroy(struct script *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < WATCH_SOURCES; i++) {
		for (unsigned m = 0; m < NR_MATCHERS; m++)
			ere_run_fini(&s->sources[i].runs[m]);
	}
	free(s);
}

/* ---- what has happened ---- */

static void time_step(struct script *s, u64 now_ns)
{
	u32 within = s->done < s->conf->nr_steps ? s->conf->steps[s->done].within_s : 0;

	s->late_ns = within ? now_ns + within * UINT64_C(1000000000) : WATCH_NEVER;
}

static void step_done(struct script *s, struct source *src, u64 now_ns)
{
	const struct watch_step *step = &s->conf->steps[s->done];
	unsigned n = s->done++;

	/* Without memory for the next one it is never reached, and the run fails. */
	renew(s, src, MATCH_STEP);
	renew(s, src, MATCH_UNTIL);
	time_step(s, now_ns);
	s->events.step(s->events.arg, n, step->bytes, step->len);
}

/* The group's digits, as far as the line was kept. */
static void take_status(struct script *s, struct source *src)
{
	struct ere_run *r = &src->runs[MATCH_STATUS];
	u64 from = r->begin - src->line_at, to = r->end - src->line_at, n;
	int err;

	if (r->begin == ERE_NOWHERE || r->end == ERE_NOWHERE || from > to || to > src->line.len)
		return;
	err = decode_number(&n, UINT32_MAX, NUMBER_DEC, src->line.text + from, to - from);
	if (err == -EINVAL)
		return;
	/* What does not fit an exit status must not become 0. */
	s->status = err ? 255 : (int)MIN(s->conf->status_kut ? n >> 1 : n, (u64)255);
}

/* Matcher `which` has found something in the line so far. */
static void found(struct script *s, struct source *src, unsigned which, u64 now_ns)
{
	switch (which) {
	case MATCH_STEP:
		step_done(s, src, now_ns);
		break;
	case MATCH_UNTIL:
		if (s->done < s->conf->nr_steps || s->until_seen)
			break;
		s->until_seen = true;
		s->events.until(s->events.arg, src->line.text);
		break;
	case MATCH_FAIL:
		if (!s->failed)
			s->events.failed(s->events.arg, src->line.text);
		s->failed = true;
		break;
	default:
		take_status(s, src);
	}
}

/* ---- lines ---- */

/* Something is printed: is it the last thing, if nothing follows for so long? */
static u64 silence(const struct script *s, bool end_of_panic, u64 now_ns)
{
	return end_of_panic || s->last_words ? now_ns + SCRIPT_PANIC_NS : WATCH_NEVER;
}

static void look_for_panic(struct script *s, struct source *src, u64 now_ns)
{
	if (strstr(src->line.text, panic_begin) && !strstr(src->line.text, panic_end)) {
		s->panic = src->line;
		s->panic_lines = 0;
	}
	if (!s->panic.len && !s->last_words)
		return;
	if (++s->panic_lines > SCRIPT_PANIC_LINES)
		s->panic.len = 0;
	s->silent_ns = silence(s, strstr(src->line.text, panic_end), now_ns);
}

static void match_eol(struct script *s, struct source *src, u64 now_ns)
{
	for (unsigned m = 0; m < NR_MATCHERS; m++) {
		if (src->runs[m].ere && ere_run_eol(&src->runs[m]))
			found(s, src, m, now_ns);
	}
}

static void end_line(struct script *s, struct source *src, u64 now_ns)
{
	match_eol(s, src, now_ns);
	for (unsigned m = 0; m < NR_MATCHERS; m++) {
		if (src->runs[m].ere)
			ere_run_reset(&src->runs[m], true);
	}
	/* What a command writes is no kernel's. */
	if (src->line.len && src < &s->sources[WATCH_OUT])
		look_for_panic(s, src, now_ns);
	tail_add(&s->tail, &src->line);
	src->line.len = 0;
	src->line.text[0] = 0;
}

static void take_byte(struct script *s, struct source *src, u8 byte, u64 now_ns)
{
	if (!src->line.len) {
		/* All matchers count the same bytes; the one for the status has group offsets. */
		src->line_at = src->runs[MATCH_STATUS].at;
	}
	tail_line_add(&src->line, (char)byte);
	for (unsigned m = 0; m < NR_MATCHERS; m++) {
		if (src->runs[m].ere && ere_run_byte(&src->runs[m], byte))
			found(s, src, m, now_ns);
	}
}

/*
 * Behind an ESC. A charset is chosen by two bytes and more (tput sgr0); titles of windows, and the
 * marks that systemd puts around a session (OSC 3008), are strings.
 */
static enum sequence after_esc(u8 byte)
{
	if (byte == ESC || (byte >= 0x20 && byte < 0x30))
		return SEQ_ESC;
	if (byte == '[')
		return SEQ_CSI;
	return byte && strchr("]PX^_", byte) ? SEQ_STRING : SEQ_NONE;
}

/*
 * True: the byte is text, and not a part of a control sequence. A line's end ends any of them: what
 * is cut short hides one line at most.
 */
static bool is_text(struct source *src, u8 byte)
{
	if (byte == '\n' || byte == '\r') {
		src->sequence = SEQ_NONE;
		return true;
	}
	switch (src->sequence) {
	case SEQ_NONE:
		if (byte == ESC)
			src->sequence = SEQ_ESC;
		return byte != ESC;
	case SEQ_ESC:
		src->sequence = after_esc(byte);
		break;
	case SEQ_CSI:
		if (byte < 0x20 || byte >= 0x40)
			src->sequence = SEQ_NONE;
		break;
	case SEQ_STRING:
		if (byte == ESC)
			src->sequence = SEQ_ESC; /* and the '\\' of its end */
		else if (byte == BEL || byte == CAN)
			src->sequence = SEQ_NONE;
		break;
	}
	return false;
}

void script_feed(struct script *s, unsigned source, const void *buf, size_t len, u64 now_ns)
{
	struct source *src = &s->sources[source];
	const u8 *p = buf;

	assert(source < WATCH_SOURCES);
	for (size_t i = 0; i < len; i++) {
		if (!is_text(src, p[i]))
			continue;
		if (p[i] == '\n' || p[i] == '\r')
			end_line(s, src, now_ns);
		else
			take_byte(s, src, p[i], now_ns);
	}
	src->rest_ns = src->line.len ? now_ns + SCRIPT_REST_NS : WATCH_NEVER;
	/* A line that is begun after the end of a panic: somebody is still there. */
	if (src->line.len)
		s->silent_ns = silence(s, false, now_ns);
}

void script_panicked(struct script *s, const char *words, u64 now_ns)
{
	s->said = words;
	s->last_words = now_ns != WATCH_NEVER;
	s->silent_ns = s->last_words ? now_ns + SCRIPT_PANIC_NS : WATCH_NEVER;
}

/* ---- time ---- */

void script_started(struct script *s, u64 now_ns)
{
	s->panic.len = 0;
	s->said = NULL;
	s->last_words = false;
	s->silent_ns = WATCH_NEVER;
	if (!s->started)
		time_step(s, now_ns);
	s->started = true;
}

u64 script_next(const struct script *s)
{
	u64 next = MIN(s->late_ns, s->silent_ns);

	for (unsigned i = 0; i < WATCH_SOURCES; i++)
		next = MIN(next, s->sources[i].rest_ns);
	return next;
}

void script_tick(struct script *s, u64 now_ns)
{
	for (unsigned i = 0; i < WATCH_SOURCES; i++) {
		struct source *src = &s->sources[i];

		if (src->rest_ns > now_ns)
			continue;
		src->rest_ns = WATCH_NEVER;
		match_eol(s, src, now_ns);
	}
	if (s->silent_ns <= now_ns) {
		s->silent_ns = WATCH_NEVER;
		s->events.panicked(s->events.arg);
	}
	if (s->late_ns <= now_ns) {
		s->late_ns = WATCH_NEVER;
		s->events.late(s->events.arg, s->done);
	}
}

void script_flush(struct script *s)
{
	for (unsigned i = 0; i < WATCH_SOURCES; i++) {
		if (s->sources[i].line.len)
			end_line(s, &s->sources[i], 0);
		s->sources[i].rest_ns = WATCH_NEVER;
	}
}

/* ---- questions ---- */

unsigned script_steps_done(const struct script *s)
{
	return s->done;
}

bool script_until_seen(const struct script *s)
{
	return s->until_seen;
}

int script_status(const struct script *s)
{
	return s->status;
}

const char *script_panic(const struct script *s)
{
	return s->panic.len ? s->panic.text : s->said;
}

bool script_panic_said(const struct script *s)
{
	return s->said;
}

const struct tail *script_tail(const struct script *s)
{
	return &s->tail;
}
