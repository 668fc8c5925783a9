/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One failure after the other: a scenario is run once to see which calls it makes from where, and
 * then once for each of these places, whose first call fails. See the README for what is expected,
 * and what this program can be told.
 *
 * Thread: main; each run is a process of its own.
 * Trust:  none needed.
 */
#include "tests/faults/faults.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>

/* What a run leaves behind, for who waits for it. */
struct outcome {
	int status;
	bool ended;
	int fds, threads; /* more than before */
	int files;	  /* sockets and temporary files */
	bool leaks;
};

struct run {
	struct fault_log log;
	struct outcome out;
};

static struct run *shared;
static char text[64 * KiB]; /* what the run said on stderr */
static unsigned limit_s = 8;

static u64 setting(const char *name, u64 normally)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 0) : normally;
}

/* ---- Check without Check: the model of a host kernel asserts what a suite would report ---- */

void _mark_point(const char *file, int line)
{
}

void _ck_assert_failed(const char *file, int line, const char *expr, const char *msg, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: %s: ", file, line, expr);
	va_start(ap, msg);
	if (msg)
		vfprintf(stderr, msg, ap);
	va_end(ap);
	abort();
}

/* ---- the process of a run ---- */

static int entries(const char *dir)
{
	DIR *d = opendir(dir);
	int nr = 0;

	while (d && readdir(d))
		nr++;
	if (d)
		closedir(d);
	return nr;
}

/* Of a thread that was joined the kernel may need a moment to forget. */
static int extra_threads(int before)
{
	int now = entries("/proc/self/task");

	for (int i = 0; i < 50 && now > before; i++) {
		poll(NULL, 0, 10);
		now = entries("/proc/self/task");
	}
	return now - before;
}

static int left_behind(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int nr = 0;

	while (d && (e = readdir(d))) {
		if (!strstr(e->d_name, ".sock") && !strstr(e->d_name, ".tmp") &&
		    !strstr(e->d_name, "XXXXXX") && strncmp(e->d_name, ".lkvm-", 6))
			continue;
		fprintf(stderr, "faults: left behind: %s/%s\n", dir, e->d_name);
		nr++;
	}
	if (d)
		closedir(d);
	return nr;
}

static void child(const struct scenario *s, const struct fault_place *place, u32 nth)
{
	struct outcome *out = &shared->out;
	int fds, threads;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fds = entries("/proc/self/fd");
	threads = entries("/proc/self/task");
	if (place)
		faults_inject(&shared->log, place, nth);
	else
		faults_record(&shared->log);
	out->status = s->run();
	faults_off();
	out->threads = extra_threads(threads);
	out->fds = entries("/proc/self/fd") - fds;
	out->files = left_behind(".") + left_behind(".lkvm");
	out->leaks = __lsan_do_recoverable_leak_check();
	out->ended = true;
	fflush(NULL);
	_exit(0);
}

/* ---- the process that looks ---- */

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(2);
}

static void remove_tree(const char *dir)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	must(!system(command), "faults: rm");
}

/* True: it came to its end, whatever that was. */
static bool wait_for(pid_t pid)
{
	int status;

	for (u64 ms = 0; ms < limit_s * 1000; ms += 2) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) && !WEXITSTATUS(status);
		poll(NULL, 0, 2);
	}
	fprintf(stderr, "faults: it hangs\n");
	kill(pid, SIGABRT);
	poll(NULL, 0, 1000);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return false;
}

static bool run_child(const struct scenario *s, const struct fault_place *place, u32 nth)
{
	char home[] = "/tmp/lkvm-faults-XXXXXX";
	int err = memfd_create("stderr", MFD_CLOEXEC), in;
	ssize_t len;
	bool good;
	pid_t pid;

	must(err >= 0 && mkdtemp(home) && !chdir(home), "faults: /tmp");
	setenv("HOME", home, 1);
	must(s->prepare(), s->name);
	memset(&shared->out, 0, sizeof(shared->out));
	shared->log.happened = false;
	pid = fork();
	must(pid >= 0, "faults: fork");
	if (!pid) {
		in = open("/dev/null", O_RDWR);
		dup2(in, STDIN_FILENO);
		dup2(in, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		close(in);
		close(err);
		child(s, place, nth);
	}
	good = wait_for(pid) && shared->out.ended;
	len = pread(err, text, sizeof(text) - 1, 0);
	text[MAX(len, 0)] = 0;
	close(err);
	must(!chdir("/"), "faults: /");
	remove_tree(home);
	return good;
}

static unsigned errors_said(void)
{
	unsigned nr = 0;

	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		int registers = 0;

		sscanf(line, "  Error: vCPU %*u: pc %n", &registers);
		nr += !registers && strncmp(line, "  Error:  x", 11) &&
		      (!strncmp(line, "  Error: ", 9) || !strncmp(line, "  Fatal: ", 9));
		if (!strchr(line, '\n'))
			break;
	}
	return nr;
}

/* NULL: all is well. */
static const char *judge(const struct scenario *s, const struct fault_place *p, bool ended)
{
	const struct outcome *o = &shared->out;
	unsigned errors = errors_said();

	if (!ended)
		return "it crashed or hung";
	if (o->leaks)
		return "memory is leaked";
	if (o->fds > 0)
		return "descriptors are leaked";
	if (o->threads > 0)
		return "threads are left";
	if (o->files && !(p && strstr(p->call, "unlink")))
		return "files are left behind";
	if (o->status && !errors)
		return "it failed without a word";
	if (o->status && errors > 1)
		return "it failed with more than one error";
	if (!o->status && errors > s->goes_on)
		return "it said an error, and all went well";
	return NULL;
}

static void print_place(const struct fault_place *p)
{
	char where[256];

	for (unsigned i = 0; i < FAULT_DEPTH && p->from[i]; i++) {
		__sanitizer_symbolize_pc((char *)p->from[i] - 1, "%f (%s:%l)", where,
					 sizeof(where));
		printf("      %s %s\n", i ? "called by" : "in", where);
	}
}

static void complain(const struct scenario *s, const struct fault_place *p, u32 nth,
		     const char *why)
{
	printf("  FAIL    %s: %s", s->name, why);
	if (p) {
		printf(", when call %u of %s fails\n", nth + 1, p->call);
		print_place(p);
	}
	printf("\n      status %d, descriptors %+d, threads %+d\n%s\n", shared->out.status,
	       shared->out.fds, shared->out.threads, text);
	fflush(stdout);
}

struct counts {
	unsigned passed, failed, never;
};

/* A place is passed again only if the run goes the same way: threads need not. */
static void try_place(const struct scenario *s, const struct fault_place *p, u32 nth,
		      struct counts *n)
{
	const char *why = judge(s, p, run_child(s, p, nth));

	if (why) {
		complain(s, p, nth, why);
		n->failed++;
	} else {
		n->never += !shared->log.happened;
		n->passed++;
	}
}

static void run_scenario(const struct scenario *s, struct counts *all)
{
	u32 times = (u32)setting("FAULTS_TIMES", 1), step = (u32)setting("FAULTS_STEP", 1);
	u32 first = step > 1 ? (u32)setting("FAULTS_FROM", (u64)time(NULL)) % step : 0;
	static struct fault_place places[FAULT_PLACES];
	struct counts n = { 0 };
	const char *why;
	u32 nr;

	memset(&shared->log, 0, sizeof(shared->log));
	why = judge(s, NULL, run_child(s, NULL, 0));
	if (!why && shared->out.status)
		why = "it fails anyway";
	if (why) {
		complain(s, NULL, 0, why);
		all->failed++;
		return;
	}
	nr = shared->log.nr;
	memcpy(places, shared->log.places, nr * sizeof(places[0]));
	if (nr < 2 * step) { /* so few are tried at once */
		step = 1;
		first = 0;
	}
	for (u32 i = first; i < nr; i += step) {
		for (u32 nth = 0; nth < MIN(times, places[i].times); nth++)
			try_place(s, &places[i], nth, &n);
	}
	printf("  %-8s%s: %u places, %u failures tried, %u passed%s", "FAULTS", s->name, nr,
	       n.passed + n.failed, n.passed, n.never ? "" : "\n");
	if (n.never)
		printf(" (%u did not come to it again)\n", n.never);
	fflush(stdout);
	all->passed += n.passed;
	all->failed += n.failed;
}

static void run_all(const struct scenario *s, unsigned nr, int argc, char **argv, struct counts *n)
{
	for (unsigned i = 0; i < nr; i++) {
		bool wanted = argc < 2;

		for (int a = 1; a < argc; a++)
			wanted |= !!strstr(s[i].name, argv[a]);
		if (wanted)
			run_scenario(&s[i], n);
	}
}

int main(int argc, char **argv)
{
	struct counts n = { 0 };

	limit_s *= (unsigned)setting("TIME_SCALE", 1);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	must(shared != MAP_FAILED, "faults: memory");
	run_all(scenarios_start, nr_scenarios_start, argc, argv, &n);
	run_all(scenarios_data, nr_scenarios_data, argc, argv, &n);
	run_all(scenarios_talk, nr_scenarios_talk, argc, argv, &n);
	printf("faults: %u passed, %u failed\n", n.passed, n.failed);
	return n.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
