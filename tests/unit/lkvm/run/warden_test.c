/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last resort: machines on a model of a host kernel, in a process and on a terminal of their
 * own, with something in them that does not come back. The terminal gets its modes back, the socket
 * goes, one line says who it was, and the process ends in time with a status of its own.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#include "lkvm/base/exit.h"
#include "lkvm/control/control_client.h"
#include "lkvm/run/machine.h"
#include "lkvm/run/warden.h"
#include "lkvm/watch/watch.h"
#include "realm/host/uapi_rme.h"
#include "tests/fake/kvm.h"
#include "tests/unit/arm64/capture.h"

#define LIMIT_MS 400
#define RAM_SIZE (32 * MiB)

static char home[] = "/tmp/lkvm-warden-XXXXXX", kernel[80], report[80];

/* ---- what hangs ---- */

static bool hang_reading;
static _Atomic bool *hangs; /* both processes have it */

/* No signal gets through. */
static void never_return(void)
{
	for (;;)
		syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
}

static void hang_in_guest(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	never_return();
}

/* The console's, on the loop of the devices. */
ssize_t read(int fd, void *buf, size_t len)
{
	if (hang_reading && isatty(fd)) {
		atomic_store(hangs, true);
		never_return();
	}
	return syscall(SYS_read, fd, buf, len);
}

static void hang_in_launch(unsigned long req, const void *arg)
{
	const struct kvm_enable_cap *e = arg;

	if (req == KVM_ENABLE_CAP && e->args[0] == RME_POPULATE)
		never_return();
}

/* ---- the guest's process ---- */

static const struct fake_op stuck[] = { { GUEST_CALL, 0, 0, hang_in_guest },
					{ GUEST_END, 0, 0, NULL } };
static const struct fake_op off[] = { { GUEST_END, 0, 0, NULL } };

static void wait_a_second(void)
{
	poll(NULL, 0, 1000);
}

static const struct fake_op slow[] = { { GUEST_CALL, 0, 0, wait_a_second },
				       { GUEST_END, 0, 0, NULL } };

struct guest {
	const struct fake_op *ops;
	enum config_realm realm;
	void (*trace)(unsigned long req, const void *arg);
	bool hang_reading;
	u32 timeout_s; /* 0: nobody watches */
};

/* As cmd_run.c does. */
static struct watch *begin_watch(const struct guest *g, struct warden *w)
{
	static const struct watch_run about = { .name = "g", .sources = 1 };
	static struct watch_conf conf;
	struct watch *watch;

	conf.timeout_s = g->timeout_s;
	conf.report = report;
	if (!g->timeout_s || watch_create(&watch, &conf, &about, warden_stop(w)))
		return NULL;
	warden_last_word(w, watch_torn, watch);
	return watch;
}

static int run_guest(const struct guest *g)
{
	const struct warden_conf conf = { .name = "g", .limit_ms = (u32)scaled(LIMIT_MS) };
	static struct config c;
	struct warden *w;
	struct watch *watch;
	struct machine *m;
	enum stop_reason end = STOP_NONE;

	hang_reading = g->hang_reading;
	config_init(&c);
	c.kvm_dev = "/dev/null";
	c.kernel = kernel;
	c.cpus = 1;
	c.ram_size = RAM_SIZE;
	c.realm = g->realm;
	if (netopt_parse(&c.nics[c.nr_nics++], "mode=none", 0) || config_complete(&c))
		return 100;
	fake_kvm_init(HOST_B2, g->ops);
	fake_kvm_trace = g->trace;
	if (warden_create(&w, &conf))
		return 101;
	watch = begin_watch(g, w);
	if (!machine_create(&m, &c, w, watch)) {
		end = machine_run(m);
		machine_destroy(m);
	}
	warden_last_word(w, NULL, NULL);
	watch_destroy(watch);
	warden_destroy(w);
	return end == STOP_POWEROFF || end == STOP_USER || end == STOP_SIGNAL ? 0 : 102;
}

/* ---- seen from outside ---- */

static struct {
	pid_t pid;
	int screen; /* the terminal's other end */
	struct termios modes;
	char text[8192];
	size_t len;
	int status;
	u64 asked_ns, took_ms;
} seen;

static void read_screen(int ms)
{
	struct pollfd p = { .fd = seen.screen, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, ms) <= 0)
		return;
	n = syscall(SYS_read, seen.screen, seen.text + seen.len, sizeof(seen.text) - 1 - seen.len);
	seen.len += (size_t)MAX(n, 0);
	seen.text[seen.len] = 0;
}

static void begin(const struct guest *g)
{
	int tty;

	ck_assert_ptr_nonnull(mkdtemp(home));
	setenv("HOME", home, 1);
	snprintf(kernel, sizeof(kernel), "%s/kernel", home);
	snprintf(report, sizeof(report), "%s/report", home);
	tty = open(kernel, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(tty, "not zeros", 9), 9);
	close(tty);
	hangs = mmap(NULL, sizeof(*hangs), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	ck_assert_ptr_ne(hangs, MAP_FAILED);
	seen.screen = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert(seen.screen >= 0 && !grantpt(seen.screen) && !unlockpt(seen.screen));
	ck_assert_int_eq(tcgetattr(seen.screen, &seen.modes), 0);
	seen.pid = fork();
	ck_assert_int_ge(seen.pid, 0);
	if (seen.pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
	setsid();
	tty = open(ptsname(seen.screen), O_RDWR); /* the controlling terminal */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(tty, fd);
	signal(SIGTERM, SIG_DFL);
	_exit(run_guest(g));
}

static bool socket_is_there(void)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/.lkvm/g.sock", home);
	return !access(path, F_OK);
}

static bool take(void *arg, const struct ask_record *r)
{
	if (ask_is(r, 0, "state") || ask_is(r, 0, "torn"))
		snprintf(arg, 100, "%s", ask_text(r, 1));
	return true;
}

/* Wait until its state is this. */
static void becomes(const char *state)
{
	char now[100];

	do {
		now[0] = 0;
		read_screen(5);
		if (socket_is_there())
			ask("g", "status", NULL, take, now);
	} while (strcmp(now, state) != 0);
}

static void hang_the_loop(void)
{
	ck_assert_int_eq(write(seen.screen, "x", 1), 1);
	while (!atomic_load(hangs))
		read_screen(5);
}

static void asked(void)
{
	seen.asked_ns = loop_now_ns();
}

static void gone(int status)
{
	struct termios now;

	while (waitpid(seen.pid, &seen.status, WNOHANG) == 0)
		read_screen(10);
	read_screen(0);
	seen.took_ms = (loop_now_ns() - seen.asked_ns) / 1000000;
	ck_assert_msg(WIFEXITED(seen.status) && WEXITSTATUS(seen.status) == status,
		      "status %#x instead of %d: %s", (unsigned)seen.status, status, seen.text);
	ck_assert(!socket_is_there());
	ck_assert_int_eq(tcgetattr(seen.screen, &now), 0);
	ck_assert_uint_eq(now.c_lflag, seen.modes.c_lflag);
	ck_assert_uint_eq(now.c_iflag, seen.modes.c_iflag);
	ck_assert_uint_eq(now.c_oflag, seen.modes.c_oflag);
}

static void clean_up(void)
{
	char cmd[100];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", home);
	ck_assert_int_eq(system(cmd), 0);
}

/* Torn down: in time, and it says because of whom. */
static void torn_down(const char *who)
{
	const char *line;

	gone(EXIT_TORN_DOWN);
	line = strstr(seen.text, "  Error: the guest was to end, and did not within ");
	ck_assert_msg(line && strstr(line, who), "'%s' in '%s'", who, seen.text);
	ck_assert_ptr_null(strstr(line + 10, "Error"));
	ck_assert_uint_ge(seen.took_ms, (u64)scaled(LIMIT_MS));
	ck_assert_uint_lt(seen.took_ms, (u64)scaled(LIMIT_MS + 20000));
	clean_up();
}

/* Wait until it is: the terminal is set a moment after the guest is said to run. */
static void becomes_raw(void)
{
	struct termios now;

	do {
		read_screen(5);
		ck_assert_int_eq(tcgetattr(seen.screen, &now), 0);
	} while (now.c_lflag & ICANON);
}

/* ---- tests ---- */

START_TEST(a_machine_that_ends_has_all_its_time)
{
	begin(&(struct guest){ .ops = slow });
	becomes("running");
	gone(0);
	ck_assert_ptr_null(strstr(seen.text, "Error"));
	clean_up();
}
END_TEST

START_TEST(kvm_run_that_does_not_return)
{
	begin(&(struct guest){ .ops = stuck });
	becomes("running");
	becomes_raw();
	asked();
	kill(seen.pid, SIGTERM);
	torn_down("vCPU 0 does not come back from KVM_RUN");
}
END_TEST

static bool report_says(const char *what)
{
	char cmd[200];

	snprintf(cmd, sizeof(cmd), "grep -qe '%s' %s", what, report);
	return !system(cmd);
}

/* What it was to end for is its status all the same, and the report says both. */
static void times_out(const struct guest *g, const char *who)
{
	begin(g);
	asked();
	gone(EXIT_TIMEOUT);
	ck_assert_msg(strstr(seen.text, "Error: the guest was to end, and did not within "), "%s",
		      seen.text);
	ck_assert_msg(strstr(seen.text, "Error: --timeout: the run has taken 1 s; it did not end"),
		      "%s", seen.text);
	ck_assert_msg(strstr(seen.text, who), "%s", seen.text);
	ck_assert(report_says("--timeout: the run has taken 1 s"));
	ck_assert(report_says(who));
	clean_up();
}

START_TEST(timeout_in_a_kvm_run_that_does_not_return)
{
	times_out(&(struct guest){ .ops = stuck, .timeout_s = 1 },
		  "vCPU 0 does not come back from KVM_RUN");
}
END_TEST

START_TEST(timeout_in_a_launch_that_does_not_return)
{
	times_out(
		&(struct guest){
			.ops = off, .realm = REALM_ANY, .trace = hang_in_launch, .timeout_s = 1 },
		"it was still being built");
}
END_TEST

/* The client that asked is told, too. */
START_TEST(a_loop_that_does_not_answer)
{
	const struct ask_more patient = { .pass_fd = -1, .stop_fd = -1 };
	char torn[100] = "";

	begin(&(struct guest){ .ops = slow, .hang_reading = true });
	becomes("running");
	hang_the_loop();
	asked();
	ck_assert_int_eq(ask("g", "stop", &patient, take, torn), 0);
	ck_assert_str_eq(torn, "lkvm-io does not answer");
	torn_down("lkvm-io does not answer");
}
END_TEST

/* The guest's own wish to end counts as well, and the state says that it is under way. */
START_TEST(a_guest_that_switches_itself_off)
{
	begin(&(struct guest){ .ops = slow, .hang_reading = true });
	becomes("running");
	hang_the_loop();
	becomes("ending");
	asked();
	gone(EXIT_TORN_DOWN);
	clean_up();
}
END_TEST

/* Requests about devices are refused; those about vCPUs are none of theirs. */
START_TEST(clients_do_not_hang_with_the_loop)
{
	char was[100] = "";
	u64 before;

	begin(&(struct guest){ .ops = stuck, .realm = REALM_SIM, .hang_reading = true });
	becomes("running");
	hang_the_loop();
	capture_start();
	before = loop_now_ns();
	ck_assert_int_ne(ask("g", "bounce", NULL, take, was), 0);
	captured_one_error("g: its devices do not answer: lkvm-io hangs", "");
	ck_assert_int_ne(ask("g", "trace", NULL, take, was), 0);
	captured_one_error("g: its devices do not answer: lkvm-io hangs", "");
	ck_assert_uint_lt(loop_now_ns() - before, (u64)scaled(10) * 1000000000u);
	ck_assert_int_eq(ask("g", "pause", NULL, take, was), 0);
	becomes("paused");
	asked();
	kill(seen.pid, SIGTERM);
	torn_down("lkvm-io does not answer");
}
END_TEST

/* Loading a Realm can take minutes: it is listed meanwhile, and can be ended. */
START_TEST(a_machine_that_is_being_built)
{
	char was[100] = "";

	begin(&(struct guest){ .ops = off, .realm = REALM_ANY, .trace = hang_in_launch });
	becomes("starting");
	capture_start();
	ck_assert_int_ne(ask("g", "pause", NULL, take, was), 0);
	captured_one_error("g: it is still starting", "lkvm list");
	asked();
	kill(seen.pid, SIGTERM);
	becomes("ending");
	torn_down("it was still being built");
}
END_TEST

SUITE_MAIN("lkvm/run/warden", a_machine_that_ends_has_all_its_time, kvm_run_that_does_not_return,
	   timeout_in_a_kvm_run_that_does_not_return, timeout_in_a_launch_that_does_not_return,
	   a_loop_that_does_not_answer, a_guest_that_switches_itself_off,
	   clients_do_not_hang_with_the_loop, a_machine_that_is_being_built)
