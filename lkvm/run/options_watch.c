/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot tests: what is waited for, typed, logged and reported.
 *
 * Thread: main.
 * Trust:  the user's own command line. Expressions are compiled here, so that a wrong one is said
 *         before anything is started.
 *
 * --send, --after and --within are about the step that is being described; one that has the option
 * already is complete, and the next begins. So --after may stand in front of its --send or behind.
 */
#include "lkvm/run/options_watch.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/run/config.h"
#include "lkvm/watch/ere.h"
#include "lkvm/watch/text.h"

static const char kut[] = "EXIT: STATUS=([0-9]+)";

static int compile(struct ere **out, const char *name, const char *re)
{
	const char *why = "out of memory";

	ere_free(*out);
	*out = NULL;
	if (!ere_compile(out, re, &why))
		return 0;
	log_error("--%s '%s': %s", name, re, why);
	return -EINVAL;
}

static int parse_until(void *conf, const char *name, const char *val)
{
	struct watch_conf *w = &((struct config *)conf)->watch;

	w->until = val;
	return compile(&w->until_ere, name, val);
}

static int parse_fail_on(void *conf, const char *name, const char *val)
{
	struct watch_conf *w = &((struct config *)conf)->watch;

	w->fail_on = val;
	return compile(&w->fail_on_ere, name, val);
}

static int parse_status_from(void *conf, const char *name, const char *val)
{
	struct watch_conf *w = &((struct config *)conf)->watch;

	w->status_kut = !strcmp(val, "kut");
	w->status_from = w->status_kut ? kut : val;
	if (compile(&w->status_ere, name, w->status_from))
		return -EINVAL;
	if (w->status_ere->has_group)
		return 0;
	log_error("--%s '%s': it has no group, as in 'STATUS=([0-9]+)', that is the status", name,
		  val);
	return -EINVAL;
}

/* The step that is being described, or the next. */
static struct watch_step *step_for(struct watch_conf *w, bool complete)
{
	if (w->nr_steps && !complete)
		return &w->steps[w->nr_steps - 1];
	if (w->nr_steps == WATCH_MAX_STEPS) {
		log_error("a guest has at most %u steps of --send and --after", WATCH_MAX_STEPS);
		return NULL;
	}
	return &w->steps[w->nr_steps++];
}

static int parse_send(void *conf, const char *name, const char *val)
{
	struct watch_conf *w = &((struct config *)conf)->watch;
	struct watch_step *s = step_for(w, w->nr_steps && w->steps[w->nr_steps - 1].send);
	int n;

	if (!s)
		return -EINVAL;
	if (strlen(val) > sizeof(w->text) - w->text_len) {
		log_error("--%s: all texts together have at most %zu bytes", name, sizeof(w->text));
		return -EINVAL;
	}
	s->send = val;
	s->bytes = w->text + w->text_len;
	n = text_unescape(w->text + w->text_len, val);
	if (n < 0) {
		log_error("--%s '%s': the escapes are \\n \\r \\t \\e \\xNN and \\\\", name, val);
		return -EINVAL;
	}
	s->len = (size_t)n;
	w->text_len += (size_t)n;
	return 0;
}

static int parse_after(void *conf, const char *name, const char *val)
{
	struct watch_conf *w = &((struct config *)conf)->watch;
	struct watch_step *s = step_for(w, w->nr_steps && w->steps[w->nr_steps - 1].after);

	if (!s)
		return -EINVAL;
	s->after = val;
	return compile(&s->after_ere, name, val);
}

static int parse_seconds(const char *name, const char *val, u32 *out)
{
	u64 n;

	if (options_number(val, 10000000, &n) || !n) {
		log_error("--%s wants a number of seconds, not '%s'", name, val);
		return -EINVAL;
	}
	*out = (u32)n;
	return 0;
}

static int parse_within(void *conf, const char *name, const char *val)
{
	struct watch_conf *w = &((struct config *)conf)->watch;

	if (!w->nr_steps) {
		log_error("--%s is about the --send or --after in front of it, and there is none",
			  name);
		return -EINVAL;
	}
	return parse_seconds(name, val, &w->steps[w->nr_steps - 1].within_s);
}

static int parse_timeout(void *conf, const char *name, const char *val)
{
	return parse_seconds(name, val, &((struct config *)conf)->watch.timeout_s);
}

void options_watch_free(struct watch_conf *w)
{
	ere_free(w->until_ere);
	ere_free(w->fail_on_ere);
	ere_free(w->status_ere);
	for (unsigned i = 0; i < w->nr_steps; i++)
		ere_free(w->steps[i].after_ere);
	*w = (struct watch_conf){ .until = NULL };
}

/* Elsewhere "-" is a stream; a file of that name would be found by nobody. */
static int check_output(const char *name, const char *file)
{
	if (!file || strcmp(file, "-") != 0)
		return 0;
	log_error("--%s -: the standard output is /dev/stdout", name);
	return -EINVAL;
}

int options_watch_complete(const struct watch_conf *w)
{
	int err;

	for (unsigned i = 0; i < w->nr_steps; i++) {
		if (w->steps[i].after)
			continue;
		log_error("--send '%s': say after what, with --after", w->steps[i].send);
		return -EINVAL;
	}
	err = check_output("console-log", w->log);
	if (!err)
		err = check_output("report", w->report);
	return err ? err : check_output("events", w->events);
}

#define W(member) offsetof(struct config, watch.member)

/* clang-format off */
static const struct opt opts[] = {
	{ .store = OPT_HEADING, .help = "Boot test options" },
	{ .name = "until", .own = true, .arg = "regex", .store = OPT_CALL, .parse = parse_until,
	  .help = "End the guest when its console shows this (POSIX extended regular expression, within a line): the "
		  "run went well. A guest that ends before is a failure" },
	{ .name = "fail-on", .own = true, .arg = "regex", .store = OPT_CALL, .parse = parse_fail_on,
	  .help = "End the guest when its console shows this: the run has failed" },
	{ .name = "timeout", .own = true, .arg = "seconds", .store = OPT_CALL, .parse = parse_timeout,
	  .help = "The longest time that the run may take, its start included" },
	{ .name = "send", .own = true, .arg = "text", .store = OPT_CALL, .parse = parse_send,
	  .help = "A step: type this on the guest's console. \\n, \\r, \\t, \\e, \\xNN and \\\\ are one byte each" },
	{ .name = "after", .own = true, .arg = "regex", .store = OPT_CALL, .parse = parse_after,
	  .help = "The step is done after the console has shown this, behind what the step before it has seen. Steps are "
		  "done in their order; one that is not reached is a failure. Without --send it only waits" },
	{ .name = "within", .own = true, .arg = "seconds", .store = OPT_CALL, .parse = parse_within,
	  .help = "The longest time that this step may be waited for, from the step before it or the start on" },
	{ .name = "status-from", .own = true, .arg = "regex|kut", .store = OPT_CALL, .parse = parse_status_from,
	  .help = "The number in the first group of this expression is the exit status. kut is what kvm-unit-tests print" },
	{ .name = "max-resets", .own = true, .arg = "n", .store = OPT_U32, .max = UINT32_MAX, .offset = W(max_resets),
	  .help = "With --reboot: after so many resets the run has failed; default (and 0) any number" },
	{ .name = "console-log", .own = true, .arg = "file", .store = OPT_STRING, .offset = W(log),
	  .help = "Write all that the guest prints to this file, too. Then nobody needs to read the standard output" },
	{ .name = "report", .own = true, .arg = "file", .store = OPT_STRING, .offset = W(report),
	  .help = "Write a JUnit report when the run has ended: a test case for each step, one for --until, one for the run" },
	{ .name = "events", .own = true, .arg = "file|fd:n", .store = OPT_STRING, .offset = W(events),
	  .help = "Write what happens as lines of JSON, with seconds since the start. A descriptor, a pipe or a device "
		  "gets each at once, a file is there at the end" },
	{ .name = "no-panic-watch", .own = true, .store = OPT_TRUE, .offset = W(no_panic_watch),
	  .help = "A guest that panics and resets itself has ended well, as for kvmtool, and one that panics and stays is "
		  "left alone" },
};
/* clang-format on */

const struct opt_spec options_watch = {
	.opts = opts,
	.nr_opts = ARRAY_SIZE(opts),
};
