/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events as they come, and the report that they add up to.
 *
 * Thread: its owner's.
 * Trust:  text of the guest's goes out as printable ASCII in a JSON string.
 */
#include "lkvm/watch/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/json.h"
#include "lkvm/base/log.h"
#include "lkvm/vm/loop.h"
#include "lkvm/watch/outfile.h"
#include "lkvm/watch/report.h"
#include "lkvm/watch/text.h"

#define TEXT_SIZE 1024u

struct record {
	struct outfile *events, *report;
	u64 began_ns;
	struct report facts;
};

static u64 elapsed(const struct record *r)
{
	return loop_now_ns() - r->began_ns;
}

/* One line with one write(2), so that who follows a pipe never sees half of one. */
static void emit(struct record *r, json_t *event)
{
	char *text = event ? json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
	size_t len = text ? strlen(text) : 0;

	json_decref(event);
	if (!text) {
		log_error("--events: out of memory");
		return;
	}
	text[len] = '\n'; /* in place of the final NUL */
	outfile_write(r->events, text, len + 1);
	free(text);
}

static json_t *event_of(const struct record *r, const char *event)
{
	json_t *e = json_object();
	u64 us = elapsed(r) / 1000;

	json_add(&e, "time", json_real((double)us / 1000000.0));
	json_add(&e, "event", json_text(event));
	return e;
}

void record_event(struct record *r, const char *event, const char *key, const char *text)
{
	char plain[TEXT_SIZE];
	json_t *e;

	if (!r->events)
		return;
	e = event_of(r, event);
	if (key)
		json_add(&e, key, json_text(text_plain(plain, sizeof(plain), text)));
	emit(r, e);
}

void record_step(struct record *r, unsigned n)
{
	json_t *e;

	r->facts.step_ns[n] = elapsed(r);
	r->facts.steps_done = n + 1;
	if (!r->events)
		return;
	e = event_of(r, "step");
	json_add(&e, "step", json_integer(n + 1));
	emit(r, e);
}

void record_until(struct record *r, const char *line)
{
	r->facts.until_seen = true;
	r->facts.until_ns = elapsed(r);
	record_event(r, "until", "line", line);
}

static void end_events(struct record *r, const struct verdict *v)
{
	json_t *e;

	if (!r->events)
		return;
	e = event_of(r, "ended");
	json_add(&e, "status", json_integer(v->status));
	json_add(&e, "reason", json_text(v->line));
	emit(r, e);
}

static void make_report(struct record *r, const struct verdict *v, const struct tail *tail)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	if (!r->report)
		return;
	r->facts.verdict = v;
	r->facts.tail = tail;
	r->facts.total_ns = elapsed(r);
	f = open_memstream(&text, &len);
	if (f)
		report_write(f, &r->facts);
	/* Half a report would be a wrong one. */
	if (!f || fclose(f))
		outfile_spoil(r->report, -ENOMEM);
	else
		outfile_write(r->report, text, len);
	free(text);
}

int record_end(struct record *r, const struct verdict *v, const struct tail *tail)
{
	int err, report_err;

	end_events(r, v);
	make_report(r, v, tail);
	err = outfile_commit(r->events);
	report_err = outfile_commit(r->report);
	return err ? err : report_err;
}

int record_create(struct record **out, const struct watch_conf *conf, const char *name)
{
	struct record *r = calloc(1, sizeof(*r));
	int err = 0;

	if (!r)
		return log_errno(-ENOMEM, "cannot record the run");
	r->began_ns = loop_now_ns();
	r->facts.name = name;
	r->facts.conf = conf;
	if (conf->report)
		err = outfile_create(&r->report, "--report", conf->report);
	if (!err && conf->events)
		err = outfile_create(&r->events, "--events", conf->events);
	if (err) {
		record_destroy(r);
		return err;
	}
	*out = r;
	record_event(r, "started", "guest", name);
	return 0;
}

void record_destroy(struct record *r)
{
	if (!r)
		return;
	outfile_destroy(r->events);
	outfile_destroy(r->report);
	free(r);
}
