/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a run went: the first rule that applies.
 *
 * Thread: any.
 * Trust:  text of the guest's is plain already.
 *
 * kvmtool's line for all guests that end, "KVM session ended normally.", is the beginning of ours
 * for those that ended well.
 */
#include "lkvm/watch/verdict.h"

#include <stdarg.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static void judge(struct verdict *v, int status,
							const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->line, sizeof(v->line), fmt, ap);
	va_end(ap);
	v->status = status;
}

#define judge_well(v, status, fmt, ...)                                                            \
	do {                                                                                       \
		judge(v, status, "KVM session ended normally. " fmt, ##__VA_ARGS__);               \
		(v)->well = true;                                                                  \
	} while (0)

void verdict_reset(char buf[VERDICT_RESET_SIZE], s64 reset)
{
	if (reset == STOP_RESET_PLAIN)
		*buf = 0;
	else if (reset == STOP_RESET_UNKNOWN)
		snprintf(buf, VERDICT_RESET_SIZE, "SYSTEM_RESET2");
	else if (!reset)
		snprintf(buf, VERDICT_RESET_SIZE, "SYSTEM_RESET2 warm");
	else
		snprintf(buf, VERDICT_RESET_SIZE, "SYSTEM_RESET2 %#llx", (unsigned long long)reset);
}

#define HOW_SIZE 80u

static const char *how(char buf[HOW_SIZE], const struct verdict_facts *f)
{
	char type[VERDICT_RESET_SIZE];

	switch (f->end) {
	case STOP_POWEROFF:
		return "The guest has switched itself off";
	case STOP_RESET:
		verdict_reset(type, f->reset);
		snprintf(buf, HOW_SIZE, "The guest has reset itself%s%s%s", *type ? " (" : "", type,
			 *type ? ")" : "");
		return buf;
	case STOP_COMMAND:
		return "The command has ended";
	case STOP_KEYS:
		return "Ctrl-a x has ended the guest";
	default:
		return "lkvm stop has ended the guest";
	}
}

/* Nothing has gone wrong; has all of what was waited for been seen? */
static void judge_end(struct verdict *v, const struct verdict_facts *f)
{
	const struct watch_conf *c = f->conf;
	char buf[HOW_SIZE];
	const char *end = how(buf, f);

	if (f->steps_done < c->nr_steps)
		judge(v, EXIT_UNSEEN, "%s before step %u: --after '%s' was not seen", end,
		      f->steps_done + 1, c->steps[f->steps_done].after);
	else if (c->until && !f->until_seen)
		judge(v, EXIT_UNSEEN, "%s: --until '%s' was not seen", end, c->until);
	else if (c->status_from && f->status < 0)
		judge(v, EXIT_UNSEEN, "%s: --status-from '%s' was not seen", end, c->status_from);
	else if (f->command && f->status < 0)
		judge(v, EXIT_FAILED, "%s before its command had ended", end);
	else if (f->status > 0)
		judge(v, f->status, "%s, with status %d", end, f->status);
	else if (f->why == WHY_UNTIL)
		judge_well(v, 0, "--until was seen: %s", f->line);
	else
		judge_well(v, 0, "%s.", end);
}

void verdict_of(struct verdict *v, const struct verdict_facts *f)
{
	const struct watch_conf *c = f->conf;

	*v = (struct verdict){ .status = 0 };
	if (f->why == WHY_TIMEOUT)
		judge(v, EXIT_TIMEOUT, "--timeout: the run has taken %u s", c->timeout_s);
	else if (f->why == WHY_FAIL_ON)
		judge(v, EXIT_FAILED, "--fail-on was seen: %s", f->line);
	else if (f->why == WHY_LATE)
		judge(v, EXIT_UNSEEN, "step %u: --after '%s' was not seen within %u s",
		      f->steps_done + 1, c->steps[f->steps_done].after,
		      c->steps[f->steps_done].within_s);
	else if (f->torn && !f->panic)
		judge(v, EXIT_TORN_DOWN, "the guest was to end, and did not: %s", f->torn);
	else if (!f->started)
		judge(v, EXIT_DIE, "the guest could not be started");
	else if (f->end == STOP_ERROR)
		judge(v, EXIT_GUEST, "the guest could not be run any further");
	else if (f->end == STOP_UNREAD)
		judge(v, EXIT_UNREAD, "The guest was ended: nobody reads its output any more");
	else if (f->end == STOP_SIGNAL)
		judge(v, EXIT_SIGNAL + f->signal, "SIG%s has ended the guest",
		      sigabbrev_np(f->signal));
	else if (f->panic || f->end == STOP_CRASH)
		judge(v, EXIT_FAILED, "the guest has panicked: %s",
		      f->panic ? f->panic : "it has said so");
	else if (f->too_many_resets)
		judge(v, EXIT_RESETS, "the guest has reset itself %u times, and --max-resets is %u",
		      f->resets, c->max_resets);
	else
		judge_end(v, f);
	if (f->torn && v->status != EXIT_TORN_DOWN)
		snprintf(v->line + strlen(v->line), sizeof(v->line) - strlen(v->line),
			 "; it did not end: %s", f->torn);
	v->commands = f->end == STOP_COMMAND && v->status == f->status;
}
