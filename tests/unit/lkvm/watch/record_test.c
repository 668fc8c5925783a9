/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events and reports: whole or not there, readable by their parsers whatever a guest has printed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/watch/outfile.h"
#include "lkvm/watch/record.h"
#include "tests/unit/arm64/capture.h"

static struct watch_conf conf;
static struct record *r;
static struct tail tail;
static struct verdict v;
static char dir[32], report[64], events[64], text[8192];

/* ---- a host without memory, or without /proc ---- */

static bool no_memory, no_proc;

int access(const char *path, int mode)
{
	if (!no_proc || strncmp(path, "/proc/", 6) != 0)
		return faccessat(AT_FDCWD, path, mode, 0);
	errno = ENOENT;
	return -1;
}

FILE *open_memstream(char **text_at, size_t *len)
{
	static FILE *(*real)(char **, size_t *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "open_memstream");
	return no_memory ? NULL : real(text_at, len);
}

static void before(void)
{
	memset(&conf, 0, sizeof(conf));
	memset(&tail, 0, sizeof(tail));
	v = (struct verdict){ .well = true, .line = "KVM session ended normally. It did." };
	capture_start();
	snprintf(dir, sizeof(dir), "/tmp/lkvm-record-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(report, sizeof(report), "%s/report", dir);
	snprintf(events, sizeof(events), "%s/events", dir);
	conf.report = report;
	conf.events = events;
}

static void after(void)
{
	record_destroy(r);
	unlink(report);
	unlink(events);
	/* Nothing else has ever been there. */
	ck_assert_int_eq(rmdir(dir), 0);
}

static const char *content(const char *name)
{
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[MAX(n, 0)] = 0;
	return n < 0 ? NULL : text;
}

static void said(const char *s)
{
	struct tail_line l = { 0 };

	for (; *s; s++)
		tail_line_add(&l, *s);
	tail_add(&tail, &l);
}

static void create(void)
{
	ck_assert_int_eq(record_create(&r, &conf, "<g>"), 0);
	/* Neither is there before the end. */
	ck_assert(access(report, F_OK) && access(events, F_OK));
}

START_TEST(a_run_that_went_well)
{
	conf.nr_steps = 1;
	conf.steps[0].after = "\"login\" & more";
	conf.until = "^# $";
	create();
	record_step(r, 0);
	record_until(r, "# ");
	ck_assert_int_eq(record_end(r, &v, &tail), 0);
	ck_assert_ptr_nonnull(content(report));
	ck_assert(
		strstr(text, "<testsuites tests=\"3\" failures=\"0\" errors=\"0\" skipped=\"0\" "));
	ck_assert(strstr(text, "<testcase classname=\"lkvm.&lt;g&gt;\" name=\"step 1: after "
			       "&quot;login&quot; &amp; more\" time=\"0."));
	ck_assert(strstr(text, "name=\"until ^# $\""));
	ck_assert_ptr_null(strstr(text, "<failure"));
	ck_assert_str_eq(captured(), "");
}
END_TEST

START_TEST(a_step_that_failed)
{
	conf.nr_steps = 3;
	for (unsigned i = 0; i < 3; i++)
		conf.steps[i].after = "x";
	conf.until = "y";
	v = (struct verdict){ .status = 120, .line = "step 2 was <late>" };
	said("]]>\001\xff<b>");
	create();
	record_step(r, 0);
	ck_assert_int_eq(record_end(r, &v, &tail), 0);
	content(report);
	ck_assert(strstr(text, "tests=\"5\" failures=\"2\" errors=\"0\" skipped=\"2\""));
	ck_assert(strstr(text, "<failure message=\"step 2 was &lt;late&gt;\">The guest said last:\n"
			       "]]&gt;\\x01\\xff&lt;b&gt;\n</failure>"));
}
END_TEST

START_TEST(not_started)
{
	v = (struct verdict){ .status = 128, .line = "the guest could not be started" };
	create();
	ck_assert_int_eq(record_end(r, &v, &tail), 0);
	ck_assert(strstr(content(report), "<error message=\"the guest could not be started\">"));
}
END_TEST

/* Each line is an object, whatever the guest has printed. */
START_TEST(lines_of_json)
{
	static const char *const names[] = { "started", "step", "until", "panic", "ended" };
	unsigned nr = 0;
	double last = 0;

	conf.nr_steps = 1;
	conf.steps[0].after = "x";
	create();
	record_step(r, 0);
	record_until(r, "\"}\n{\\ \xff\033[2J");
	record_event(r, "panic", "line", "x");
	v.status = 125;
	ck_assert_int_eq(record_end(r, &v, &tail), 0);
	ck_assert_ptr_nonnull(content(events));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), nr++) {
		json_t *e = json_loads(line, 0, NULL);
		double time = json_real_value(json_object_get(e, "time"));

		ck_assert_msg(e && time >= last, "%s", line);
		last = time;
		ck_assert_str_eq(json_string_value(json_object_get(e, "event")), names[nr]);
		if (nr == 2)
			ck_assert_str_eq(json_string_value(json_object_get(e, "line")),
					 "\"}\\x0a{\\ \\xff\\x1b[2J");
		if (nr == 4)
			ck_assert_int_eq(json_integer_value(json_object_get(e, "status")), 125);
		json_decref(e);
	}
	ck_assert_uint_eq(nr, ARRAY_SIZE(names));
}
END_TEST

START_TEST(a_descriptor_gets_them_at_once)
{
	char name[16];
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	snprintf(name, sizeof(name), "fd:%d", p[1]);
	conf.events = name;
	conf.report = NULL;
	create();
	ck_assert_int_gt(read(p[0], text, sizeof(text)), 0);
	ck_assert(strstr(text, "\"event\":\"started\",\"guest\":\"<g>\"}\n"));
}
END_TEST

START_TEST(an_old_file_stays_until_the_end)
{
	int fd = open(report, O_CREAT | O_WRONLY, 0600);

	ck_assert_int_eq(write(fd, "old", 3), 3);
	close(fd);
	ck_assert_int_eq(record_create(&r, &conf, "g"), 0);
	ck_assert_str_eq(content(report), "old");
	record_destroy(r);
	ck_assert_str_eq(content(report), "old");
	ck_assert_int_eq(record_create(&r, &conf, "g"), 0);
	ck_assert_int_eq(record_end(r, &v, &tail), 0);
	ck_assert(strstr(content(report), "<?xml"));
}
END_TEST

/* In a chroot, say: the file cannot get its name at the end, so it has one of ours until then. */
START_TEST(without_proc)
{
	char temporary[100];

	snprintf(temporary, sizeof(temporary), "%s.%d~", report, (int)getpid());
	no_proc = true;
	ck_assert_int_eq(record_create(&r, &conf, "g"), 0);
	ck_assert_int_ne(faccessat(AT_FDCWD, report, F_OK, 0), 0);
	ck_assert_int_eq(faccessat(AT_FDCWD, temporary, F_OK, 0), 0);
	ck_assert_int_eq(record_end(r, &v, &tail), 0);
	ck_assert(strstr(content(report), "<?xml"));
	ck_assert_int_ne(faccessat(AT_FDCWD, temporary, F_OK, 0), 0);
}
END_TEST

/* As with cp(1): "latest.xml" goes on to lead to the file that has the report. */
START_TEST(a_link_stays)
{
	char there[80], dir_of[PATH_MAX];
	struct stat st;

	snprintf(there, sizeof(there), "%s/sub", dir);
	ck_assert_int_eq(mkdir(there, 0700), 0);
	snprintf(there, sizeof(there), "%s/sub/there", dir);
	ck_assert_int_eq(symlink("sub/there", report), 0);
	/* Nothing is made behind a link. */
	ck_assert_int_eq(record_create(&r, &conf, "g"), -ELOOP);
	captured_one_error(report, "a link to a file that is not there");
	r = NULL;
	ck_assert(!outfile_directory(report, dir_of));
	close(open(there, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	/* The sandbox leaves this directory open, and not the link's. */
	ck_assert(outfile_directory(report, dir_of));
	ck_assert_ptr_nonnull(strstr(dir_of, "/sub/"));
	ck_assert_int_eq(record_create(&r, &conf, "g"), 0);
	ck_assert_int_eq(record_end(r, &v, &tail), 0);
	ck_assert_int_eq(lstat(report, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	ck_assert_ptr_nonnull(strstr(content(there), "<?xml"));
	unlink(there);
	*strrchr(there, '/') = 0;
	ck_assert_int_eq(rmdir(there), 0);
}
END_TEST

/* /dev/stdout of a shell's "> file": as root it was replaced by the report once. */
START_TEST(standard_output_is_written_through)
{
	char link[64], file[64], where[PATH_MAX];
	int fd, keep = dup(STDOUT_FILENO);
	struct stat st;

	snprintf(link, sizeof(link), "%s/stdout", dir);
	snprintf(file, sizeof(file), "%s/file", dir);
	ck_assert_int_eq(symlink("/proc/self/fd/1", link), 0);
	fd = open(file, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(dup2(fd, STDOUT_FILENO), 0);
	ck_assert_int_eq(write(STDOUT_FILENO, "before\n", 7), 7);
	conf.report = link;
	ck_assert(!outfile_directory(link, where));
	ck_assert_int_eq(record_create(&r, &conf, "g"), 0);
	ck_assert_int_eq(record_end(r, &v, &tail), 0);
	ck_assert_int_eq(write(STDOUT_FILENO, "behind\n", 7), 7);
	dup2(keep, STDOUT_FILENO);
	ck_assert(strstr(content(file), "before\n<?xml") == text && strstr(text, ">\nbehind\n"));
	ck_assert(!lstat(link, &st) && S_ISLNK(st.st_mode));
	unlink(file);
	close(fd);
	close(keep);
	ck_assert_int_eq(unlink(link), 0);
}
END_TEST

/* An empty file would be taken for a report. */
START_TEST(no_memory_for_a_report)
{
	create();
	no_memory = true;
	ck_assert_int_eq(record_end(r, &v, &tail), -ENOMEM);
	no_memory = false;
	ck_assert_ptr_null(content(report));
	ck_assert_ptr_nonnull(content(events));
	captured_one_error("--report", "Cannot allocate memory");
}
END_TEST

START_TEST(what_cannot_be_written)
{
	const char *bad[] = { "/nonexistent/report", "/tmp", "fd:x", "fd:999", "", NULL };
	char own[16];

	/* What is open, but not by the user: lkvm has descriptors of its own by then. */
	snprintf(own, sizeof(own), "fd:%d", open("/dev/null", O_WRONLY | O_CLOEXEC));
	bad[ARRAY_SIZE(bad) - 1] = own;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		conf.report = bad[i];
		ck_assert_int_lt(record_create(&r, &conf, "g"), 0);
		captured_one_error("--report ", bad[i]);
	}
	r = NULL;
	/* A full disk is found at the end. */
	conf.report = "/dev/full";
	ck_assert_int_eq(record_create(&r, &conf, "g"), 0);
	ck_assert_int_lt(record_end(r, &v, &tail), 0);
	captured_one_error("--report /dev/full", "No space left");
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/watch/record", before, after, a_run_that_went_well, a_step_that_failed,
		   not_started, lines_of_json, a_descriptor_gets_them_at_once,
		   an_old_file_stays_until_the_end, without_proc, a_link_stays,
		   standard_output_is_written_through, no_memory_for_a_report,
		   what_cannot_be_written)
