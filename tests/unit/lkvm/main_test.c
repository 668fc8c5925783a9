/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program as its users start it: exit statuses and texts, on a machine that only pretends. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

int lkvm_main(int argc, char **argv);
#define main lkvm_main
#include "lkvm/main.c"
#undef main

#include "lkvm/control/control.h"
#include "lkvm/run/machine.h"
#include "lkvm/run/warden.h"
#include "tests/unit/arm64/capture.h"

/* ---- the machine ---- */

static struct {
	int create_err, dump_err;
	enum stop_reason ends[8]; /* one after the other; where the test says nothing: power off */
	bool talks;
	unsigned nr_created, nr_run, nr_destroyed, nr_dumped;
	bool found[8]; /* at each end */
	const struct config *c;
	struct stop *stop;
} fake;

int machine_create(struct machine **out, const struct config *c, struct warden *warden,
		   struct watch *watch)
{
	fake.c = c;
	if (fake.create_err)
		return fake.create_err;
	fake.stop = warden_stop(warden);
	fake.nr_created++;
	*out = (struct machine *)(uintptr_t)0x1000;
	return 0;
}

enum stop_reason machine_run(struct machine *m)
{
	ck_assert_ptr_eq(m, (struct machine *)(uintptr_t)0x1000);

	enum stop_reason end = fake.ends[fake.nr_run++];

	if (fake.talks)
		log_info("a boot");
	stop_request(fake.stop, end == STOP_NONE ? STOP_POWEROFF : end);
	return stop_why(fake.stop);
}

/* ---- where control sockets go ---- */

static char home[32];

static bool can_be_found(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/.lkvm/g.sock", home);
	return !access(path, F_OK);
}

static void use_home(void)
{
	snprintf(home, sizeof(home), "/tmp/lkvm-main-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	setenv("HOME", home, 1);
}

static void drop_home(void)
{
	char path[64];

	ck_assert(!can_be_found());
	snprintf(path, sizeof(path), "%s/.lkvm", home);
	rmdir(path);
	ck_assert_int_eq(rmdir(home), 0);
}

/* A guest is found until nothing of it will run any more. */
void machine_destroy(struct machine *m)
{
	ck_assert_ptr_nonnull(m);
	fake.found[fake.nr_destroyed++] = can_be_found();
}

int machine_dump_dtb(const struct config *c)
{
	fake.c = c;
	fake.nr_dumped++;
	return fake.dump_err;
}

/* ---- running it ---- */

static int out_fd = -1;
static char out_buf[16384];

static const char *out(void)
{
	ssize_t n = pread(out_fd, out_buf, sizeof(out_buf) - 1, 0);

	out_buf[MAX(n, 0)] = 0;
	return out_buf;
}

static int run_at_home(const char *const *argv, int argc)
{
	capture_start();
	out_fd = memfd_create("stdout", MFD_CLOEXEC);
	dup2(out_fd, STDOUT_FILENO);
	return lkvm_main(argc, (char **)(uintptr_t)argv);
}

static int run(const char *const *argv, int argc)
{
	int status;

	use_home();
	status = run_at_home(argv, argc);
	drop_home();
	return status;
}

#define LKVM(...)                                                                                  \
	run((const char *[]){ "lkvm", __VA_ARGS__ },                                               \
	    (int)ARRAY_SIZE(((const char *[]){ "lkvm", __VA_ARGS__ })))

/* What each boot needs at least. */
#define BOOT "run", "-k", "Image", "-i", "initrd", "-m", "64", "-c", "2", "--name", "g"

static bool said(const char *text)
{
	return strstr(captured(), text);
}

static bool printed(const char *text)
{
	return strstr(out(), text);
}

/* ---- commands ---- */

START_TEST(general_help)
{
	ck_assert_int_eq(LKVM("help"), 0);
	ck_assert(printed("The most commonly used lkvm commands are:") && printed("\n   run "));
	ck_assert_str_eq(captured(), "");
	ck_assert_int_eq(LKVM("--help"), 0);
	ck_assert(printed("The most commonly used lkvm commands are:"));
	ck_assert_int_eq(LKVM("-h"), 0);
	ck_assert(printed("The most commonly used lkvm commands are:"));
}
END_TEST

START_TEST(no_such_command)
{
	ck_assert_int_eq(LKVM("frobnicate"), 22);
	ck_assert(printed("The most commonly used lkvm commands are:"));
	ck_assert(said("  Error: there is no command 'frobnicate'\n"));
	ck_assert_int_eq(LKVM("runn"), EXIT_NO_COMMAND);
	ck_assert(said("  Error: there is no command 'runn': did you mean 'run'?\n"));
	ck_assert_int_eq(run((const char *[]){ "lkvm" }, 1), 0); /* as kvmtool */
	ck_assert(printed("The most commonly used lkvm commands are:"));
	ck_assert(printed("lkvm run -k Image -i initrd.img"));
	ck_assert_int_eq(run(NULL, 0), 0);
	ck_assert_int_eq(LKVM(""), 22);
	ck_assert_int_eq(LKVM("ru"), 22);
}
END_TEST

START_TEST(version)
{
	ck_assert_int_eq(LKVM("version"), 0);
	ck_assert_str_eq(out(), "kvm tool test\n");
	ck_assert_int_eq(LKVM("--version"), 0);
	ck_assert_str_eq(out(), "kvm tool test\n");
}
END_TEST

START_TEST(help_about_a_command)
{
	ck_assert_int_eq(LKVM("help", "run"), 0);
	ck_assert(printed("usage: lkvm run [<options>] [<kernel image>]") &&
		  printed("--kernel <file>"));
	ck_assert_int_eq(LKVM("help", "version"), 0);
	ck_assert(printed("usage: lkvm version\n"));
	ck_assert_int_eq(LKVM("help", "help"), 0);
	ck_assert(printed("usage: lkvm help [COMMAND]\n"));
	ck_assert_int_eq(LKVM("help", "frobnicate"), 22);
	ck_assert(said("there is no command 'frobnicate'"));
	ck_assert_int_eq(LKVM("help", "exit"), 0);
	ck_assert(printed("\n  128  what was asked for cannot be done"));
	ck_assert(printed("\n    1  token: not all of the token could be verified\n"));
	ck_assert_int_eq(LKVM("help", "network"), 0);
	ck_assert(printed("    mode ") && printed("    guest_mac "));
	ck_assert_int_eq(LKVM("help", "--man"), 0);
	ck_assert(printed(".SS Basic options\n"));
	ck_assert_int_eq(LKVM("help", "--man", "network"), 0);
	ck_assert(printed(".TP\n\\fBmode\\fR\n"));
	ck_assert_int_eq(LKVM("help", "--man", "measure"), 0);
	ck_assert(printed("\\fB\\-\\-explain\\fR") && !printed("kernel") && !printed("Refused"));
	ck_assert_int_eq(LKVM("help", "--man", "poem"), 129);
	ck_assert_int_eq(LKVM("help", "--completion"), 0);
	ck_assert(printed("run\nrun ") && printed("\nrun --kernel @file\n"));
	ck_assert(printed("\nrun --confine on|off|strict\n") && printed("\nrun --realm=sim\n"));
	ck_assert(printed("\nrun --name -\n") && printed("\nstop --name @guest\n"));
}
END_TEST

START_TEST(usage_of_run)
{
	ck_assert_int_eq(LKVM("run", "--help"), 129);
	ck_assert(said("usage: lkvm run [<options>] [<kernel image>]") && said("--kernel <file>"));
	ck_assert_str_eq(out(), "");
	ck_assert_int_eq(LKVM("run", "-h"), 129);
	ck_assert_int_eq(LKVM("run", "--realmm"), 129);
	ck_assert(said("unknown option '--realmm'") && said("usage: lkvm run"));
	ck_assert_int_eq(LKVM("run", "-k"), 129);
	ck_assert(said("option -k requires a value"));
	ck_assert_int_eq(LKVM("run", "--cpus", "two"), 129);
	ck_assert_int_eq(LKVM(BOOT, "--mem", "0"), 128);
	ck_assert(said("  Error: Invalid RAM size"));
	ck_assert_int_eq(LKVM(BOOT, "--firmware", "x"), 128);
	ck_assert(said("Only one of --kernel or --firmware"));
	ck_assert_uint_eq(fake.nr_created, 0);
}
END_TEST

/* ---- guests ---- */

START_TEST(a_guest_that_ends)
{
	static const struct {
		enum stop_reason end;
		const char *line;
	} ends[] = {
		{ STOP_POWEROFF, "The guest has switched itself off." },
		{ STOP_RESET, "The guest has reset itself." },
		{ STOP_USER, "lkvm stop has ended the guest." },
	};
	char line[200];

	for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
		fake.nr_run = 0;
		fake.ends[0] = ends[i].end;
		ck_assert_int_eq(LKVM(BOOT), 0);
		snprintf(line, sizeof(line),
			 "  Info: # lkvm run -k Image -m 64 -c 2 --name g\n"
			 "  Info: KVM session ended normally. %s\n",
			 ends[i].line);
		ck_assert_str_eq(captured(), line);
		ck_assert(fake.nr_created == i + 1 && fake.nr_destroyed == i + 1);
	}
}
END_TEST

/* What a NIC or a disk is, is looked at with all other options: before the guest is announced. */
START_TEST(nics_and_disks_are_options_like_others)
{
	static const struct {
		const char *option[2], *why;
	} bad[] = {
		{ { "--network=color=red" }, "Unknown network parameter color" },
		{ { "--disk=image,readonly" }, "unknown flag 'readonly'" },
		{ { "--disk=/tmp,ro" },
		  "there is no init" }, /* in this program; see lkvm/exec/init.c */
		{ { "--network=mode=tap,guest_mac=02:15:15:15:15:16", "--network=mode=tap" },
		  "two network devices have the same guest_mac" },
		{ { "--network=mode=user", "--network=mode=user" }, "Only one usermode network" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *second = bad[i].option[1] ? bad[i].option[1] : "--rng";

		ck_assert_int_eq(LKVM(BOOT, bad[i].option[0], second), 128);
		captured_one_error(bad[i].why, "");
		ck_assert_uint_eq(fake.nr_created, 0);
	}
}
END_TEST

START_TEST(loglevel_counts)
{
	ck_assert_int_eq(LKVM(BOOT, "--loglevel=warning"), 0);
	ck_assert_str_eq(captured(), "");
}
END_TEST

START_TEST(a_guest_that_nobody_reads)
{
	fake.ends[0] = STOP_UNREAD;
	ck_assert_int_eq(LKVM(BOOT, "--reboot"), 141);
	ck_assert(said("nobody reads its output any more") && !said("ended normally"));
	ck_assert(fake.nr_created == 1 && fake.nr_destroyed == 1);
}
END_TEST

START_TEST(a_guest_that_fails)
{
	fake.ends[0] = STOP_ERROR;
	ck_assert_int_eq(LKVM(BOOT), 1);
	ck_assert(!said("ended normally") && fake.nr_destroyed == 1);
}
END_TEST

START_TEST(a_machine_that_cannot_be_built)
{
	fake.create_err = -ENOENT;
	ck_assert_int_eq(LKVM(BOOT), 128);
	ck_assert(!said("ended normally") && fake.nr_destroyed == 0);
}
END_TEST

START_TEST(ended_before_it_began)
{
	fake.create_err = -EINTR;
	ck_assert_int_eq(LKVM(BOOT), 0);
	ck_assert(said("KVM session ended normally."));
	ck_assert_int_eq(LKVM(BOOT, "--reboot"), 0);
	ck_assert_uint_eq(fake.nr_run, 0);
}
END_TEST

START_TEST(reboots)
{
	fake.ends[0] = fake.ends[1] = STOP_RESET;
	fake.ends[2] = STOP_POWEROFF;
	ck_assert_int_eq(LKVM(BOOT, "--reboot"), 0);
	ck_assert(fake.nr_created == 3 && fake.nr_run == 3 && fake.nr_destroyed == 3);
	ck_assert(fake.found[0] && fake.found[1] && !fake.found[2]);
	ck_assert(said("ended normally"));
	fake.nr_run = fake.nr_created = fake.nr_destroyed = 0;
	ck_assert_int_eq(LKVM(BOOT), 0);
	ck_assert_uint_eq(fake.nr_created, 1);
	ck_assert(!fake.found[0]);
}
END_TEST

/* What is told of each boot is told of the first ones. */
START_TEST(a_guest_that_resets_without_end)
{
	for (unsigned i = 0; i < ARRAY_SIZE(fake.ends) - 1; i++)
		fake.ends[i] = STOP_RESET;
	fake.ends[ARRAY_SIZE(fake.ends) - 1] = STOP_POWEROFF;
	fake.talks = true;
	ck_assert_int_eq(LKVM(BOOT, "--reboot"), 0);
	ck_assert_uint_eq(fake.nr_run, ARRAY_SIZE(fake.ends));
	ck_assert_str_eq(captured(),
			 "  Info: # lkvm run -k Image -m 64 -c 2 --name g\n"
			 "  Info: a boot\n  Info: a boot\n  Info: a boot\n"
			 "  Info: the guest resets itself again and again: of its next boots only "
			 "errors are told\n"
			 "  Info: KVM session ended normally. The guest has switched itself "
			 "off.\n");
}
END_TEST

START_TEST(a_guest_of_that_name_runs)
{
	static const char *const boot[] = { "lkvm", BOOT };
	struct control *other;

	use_home();
	ck_assert_int_eq(control_create(&other, "g"), 0);
	ck_assert_int_eq(run_at_home(boot, (int)ARRAY_SIZE(boot)), EXIT_DIE);
	ck_assert(said("a guest called g is running") && !fake.nr_created);
	control_destroy(other);
	drop_home();
}
END_TEST

START_TEST(firmware_in_the_banner)
{
	ck_assert_int_eq(LKVM("run", "-f", "FW", "-m", "64", "-c", "1", "--name", "g"), 0);
	ck_assert(said("  Info: # lkvm run --firmware FW -m 64 -c 1 --name g\n"));
	/* It says what was given, in full. */
	ck_assert_int_eq(LKVM("run", "-f", "FW", "-m", "68K", "-c", "1", "--name", "g"), 0);
	ck_assert(said("  Info: # lkvm run --firmware FW -m 68K -c 1 --name g\n"));
}
END_TEST

/* No KVM device, or nothing to boot: the device tree alone. */
START_TEST(a_device_tree_without_a_guest)
{
	ck_assert_int_eq(LKVM(BOOT, "--dump-dtb", "x.dtb", "--dev", "/nonexistent"), 0);
	ck_assert(fake.nr_dumped == 1 && !fake.nr_created);
	ck_assert(said("  Info: Wrote the device tree to x.dtb; no guest is started\n"));
	ck_assert_int_eq(LKVM("run", "--dump-dtb", "x.dtb", "-k", "Image"), 0);
	ck_assert(fake.nr_dumped == 2 && !fake.nr_created);
	fake.dump_err = -EACCES;
	ck_assert_int_eq(LKVM("run", "--dump-dtb", "x.dtb", "-k", "Image"), 128);
	/* Nobody else has said why. */
	ck_assert_str_eq(captured(), "  Error: the guest cannot be made: Permission denied\n");
}
END_TEST

/* What is opened next must not become the place where messages go. */
START_TEST(closed_standard_descriptors)
{
	int saved = dup(STDERR_FILENO), status;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		close(fd);
	status = lkvm_main(2, (char *[]){ (char[]){ "lkvm" }, (char[]){ "version" } });
	ck_assert_int_eq(fcntl(STDIN_FILENO, F_GETFL) & O_ACCMODE, O_WRONLY);
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_GETFL) & O_ACCMODE, O_RDONLY);
	dup2(saved, STDERR_FILENO);
	/* Printing to nowhere is a failure, as it was. */
	ck_assert_int_eq(status, EXIT_DIE);
}
END_TEST

/* One line says so, and why, however the output was printed. */
START_TEST(a_disk_that_is_full)
{
	static const char *const commands[][3] = { { "lkvm", "version" },
						   { "lkvm", "list", "--json" } };

	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		use_home();
		capture_start();
		dup2(open("/dev/full", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
		ck_assert_int_eq(lkvm_main(2 + (int)i, (char **)(uintptr_t)commands[i]), EXIT_DIE);
		captured_one_error("cannot write to standard output", "No space left");
		clearerr(stdout);
		drop_home();
	}
}
END_TEST

/* ulimit -f: messages and output that a file has no room for are no end by SIGXFSZ. */
START_TEST(files_that_may_not_grow)
{
	struct rlimit none = { 0, RLIM_INFINITY }, all = { RLIM_INFINITY, RLIM_INFINITY };
	char name[] = "/tmp/lkvm-main-XXXXXX";
	int fd = mkstemp(name), saved = dup(STDERR_FILENO), status;

	ck_assert(fd >= 0 && !unlink(name));
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	signal(SIGXFSZ, SIG_DFL);
	/* Check's own messages are in a file, too. */
	setrlimit(RLIMIT_FSIZE, &none);
	status = lkvm_main(2, (char *[]){ (char[]){ "lkvm" }, (char[]){ "version" } });
	setrlimit(RLIMIT_FSIZE, &all);
	dup2(saved, STDERR_FILENO);
	ck_assert_int_eq(status, EXIT_DIE);
}
END_TEST

SUITE_MAIN("lkvm/main", files_that_may_not_grow, a_disk_that_is_full, closed_standard_descriptors,
	   general_help, no_such_command, version, help_about_a_command, usage_of_run,
	   a_guest_that_ends, nics_and_disks_are_options_like_others, loglevel_counts,
	   a_guest_that_fails, a_guest_that_nobody_reads, a_guest_that_resets_without_end,
	   a_machine_that_cannot_be_built, ended_before_it_began, reboots,
	   a_guest_of_that_name_runs, firmware_in_the_banner, a_device_tree_without_a_guest)
