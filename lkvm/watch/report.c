/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run as a JUnit document.
 *
 * Thread: any.
 * Trust:  what a guest has printed goes through text_xml(), and so does what the user has given.
 * Spec:   the XML of JUnit reports as Jenkins' and GitLab's readers take it: testsuites, testsuite,
 *         testcase with failure, error or skipped, system-out.
 */
#include "lkvm/watch/report.h"

#include "lkvm/watch/text.h"

enum outcome { PASSED, SKIPPED, FAILED, ERROR };

static enum outcome of_step(const struct report *r, unsigned n)
{
	return n < r->steps_done ? PASSED : n == r->steps_done ? FAILED : SKIPPED;
}

static enum outcome of_until(const struct report *r)
{
	if (r->steps_done < r->conf->nr_steps)
		return SKIPPED;
	return r->until_seen ? PASSED : FAILED;
}

static enum outcome of_run(const struct report *r)
{
	int status = r->verdict->status;

	/* A command's status may be any number. */
	if (!r->verdict->commands && (status == EXIT_DIE || status == EXIT_GUEST))
		return ERROR;
	return status ? FAILED : PASSED;
}

static void seconds(FILE *f, u64 ns)
{
	fprintf(f, " time=\"%llu.%03u\"", (unsigned long long)(ns / 1000000000),
		(unsigned)(ns / 1000000 % 1000));
}

static void last_lines(FILE *f, const struct report *r)
{
	for (unsigned i = 0; i < r->tail->nr; i++) {
		text_xml(f, tail_get(r->tail, i));
		fputc('\n', f);
	}
}

static void test_case(FILE *f, const struct report *r, const char *what, const char *re, u64 ns,
		      enum outcome outcome)
{
	static const char *const tags[] = { [FAILED] = "failure", [ERROR] = "error" };

	fputs("    <testcase classname=\"lkvm.", f);
	text_xml(f, r->name);
	fprintf(f, "\" name=\"%s", what);
	text_xml(f, re);
	fputc('"', f);
	seconds(f, ns);
	if (outcome == PASSED) {
		fputs("/>\n", f);
		return;
	}
	if (outcome == SKIPPED) {
		fputs("><skipped/></testcase>\n", f);
		return;
	}
	fprintf(f, ">\n      <%s message=\"", tags[outcome]);
	text_xml(f, r->verdict->line);
	fputs("\">The guest said last:\n", f);
	last_lines(f, r);
	fprintf(f, "</%s>\n    </testcase>\n", tags[outcome]);
}

static void write_suite(FILE *f, const struct report *r, const unsigned count[4])
{
	unsigned all = count[PASSED] + count[SKIPPED] + count[FAILED] + count[ERROR];

	fprintf(f, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\"", all, count[FAILED],
		count[ERROR], count[SKIPPED]);
	seconds(f, r->total_ns);
	fputs(">\n", f);
}

void report_write(FILE *f, const struct report *r)
{
	const struct watch_conf *c = r->conf;
	unsigned count[4] = { 0 };
	char what[40];
	u64 before = 0;

	for (unsigned i = 0; i < c->nr_steps; i++)
		count[of_step(r, i)]++;
	if (c->until)
		count[of_until(r)]++;
	count[of_run(r)]++;
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", f);
	write_suite(f, r, count);
	fputs("  <testsuite name=\"lkvm ", f);
	text_xml(f, r->name);
	fputc('"', f);
	write_suite(f, r, count);
	for (unsigned i = 0; i < c->nr_steps; i++) {
		u64 at = i < r->steps_done ? r->step_ns[i] : before;

		snprintf(what, sizeof(what), "step %u: after ", i + 1);
		test_case(f, r, what, c->steps[i].after, at - before, of_step(r, i));
		before = at;
	}
	if (c->until)
		test_case(f, r, "until ", c->until, r->until_seen ? r->until_ns - before : 0,
			  of_until(r));
	test_case(f, r, "run", "", r->total_ns, of_run(r));
	fputs("    <system-out>", f);
	last_lines(f, r);
	fputs("</system-out>\n  </testsuite>\n</testsuites>\n", f);
}
