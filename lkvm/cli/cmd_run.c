/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm run: a guest in the foreground, from its options to its end.
 *
 * Thread: main.
 * Trust:  the user's own command line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/cli/rootfs.h"
#include "lkvm/exec/session.h"
#include "lkvm/run/backend.h"
#include "lkvm/run/confine.h"
#include "lkvm/run/consoles.h"
#include "lkvm/run/machine.h"
#include "lkvm/run/options_run.h"
#include "lkvm/run/warden.h"
#include "lkvm/vm/loop.h"
#include "lkvm/watch/watch.h"

/* What a machine has for its end, before it is torn down. A busy host runs vCPUs in turn. */
#define END_MS 30000u
#define END_MS_PER_CPU 1000u

/* Could this host start a guest at all? What exactly is wrong is kvm_open()'s to say. */
static bool host_has_kvm(const struct config *c)
{
	struct utsname u;

	return !uname(&u) && !strcmp(u.machine, "aarch64") && !access(c->kvm_dev, R_OK | W_OK);
}

/*
 * What cannot be had is said by who wanted it, but hardly anybody says that there is no memory.
 * `said`: log_errors() of before.
 */
static void say_why(int err, unsigned said)
{
	if (err && err != -EINTR && log_errors() == said)
		log_errno(err, "the guest cannot be made");
}

static int dump_dtb_only(const struct config *c)
{
	unsigned said = log_errors();
	int err = machine_dump_dtb(c);

	say_why(err, said);
	if (err)
		return EXIT_DIE;
	log_info("Wrote the device tree to %s; no guest is started", c->dump_dtb);
	return 0;
}

/* People copy this line from logs: it is a command. */
static void banner(const struct config *c)
{
	bool whole = is_aligned(c->ram_size, MiB);

	log_info("# lkvm run %s %s -m %llu%s -c %u --name %s", c->firmware ? "--firmware" : "-k",
		 c->firmware ? c->firmware : c->kernel,
		 (unsigned long long)(c->ram_size / (whole ? MiB : KiB)), whole ? "" : "K", c->cpus,
		 c->name);
}

/*
 * The soft limit of open files is low for the sake of programs that use select(2). Connections of
 * the user network, files of shared folders and disks take descriptors: lkvm has all it may have.
 */
static void raise_file_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur == r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r))
		log_debug("the limit of open files stays as it was: %s", strerror(errno));
}

/* One guest from the first instruction to the last. False: it failed, and the reason is out. */
static bool run_once(const struct config *c, struct warden *w, struct watch *watch,
		     enum stop_reason *end)
{
	struct machine *m;
	unsigned said = log_errors();
	int err = machine_create(&m, c, w, watch);

	say_why(err, said);
	*end = stop_why(warden_stop(w));
	if (err)
		return err == -EINTR; /* ended while it was being built */
	*end = machine_run(m);
	if (*end != STOP_RESET || !c->reboot)
		warden_give_back(w);
	machine_destroy(m);
	return true;
}

/*
 * A guest that resets itself again and again: of what is said about each boot, so many times is
 * enough, unless one of them lasts.
 */
#define LOUD_BOOTS 3u
#define LASTING_NS UINT64_C(60000000000)

static void fall_silent(const struct config *c, u64 began_ns, unsigned *boots)
{
	bool lasted = loop_now_ns() - began_ns >= LASTING_NS;

	*boots = lasted ? 0 : *boots + 1;
	if (!*boots)
		log_set_level(c->loglevel);
	if (*boots != LOUD_BOOTS)
		return;
	log_info("the guest resets itself again and again: of its next boots only errors are told");
	log_set_level(MIN(c->loglevel, (enum log_level)LOG_ERROR));
}

/* All boots of a guest. Returns the exit status. */
static int run_watched(const struct config *c, struct warden *w, struct watch *watch)
{
	enum stop_reason end = STOP_NONE;
	unsigned boots = 0;
	u64 began_ns;
	bool ran;

	for (;;) {
		began_ns = loop_now_ns();
		ran = run_once(c, w, watch, &end);
		if (!ran || !watch_ended(watch, end) || !warden_again(w))
			break;
		fall_silent(c, began_ns, &boots);
	}
	log_set_level(c->loglevel);
	warden_last_word(w, NULL, NULL);
	return watch_finish(watch, ran);
}

static int command_status(const void *session)
{
	return session_status(session);
}

static bool command_signal(void *session, int signal)
{
	return session_signal(session, signal);
}

static int run(const struct config *c)
{
	const struct warden_conf conf = { .name = c->name,
					  .limit_ms = END_MS + END_MS_PER_CPU * c->cpus,
					  .reboots = c->reboot,
					  .signal = c->session ? command_signal : NULL,
					  .arg = c->session };
	const struct watch_run about = {
		.name = c->name,
		.console = c->console == CONSOLE_VIRTIO ? WATCH_VIRTIO : 0,
		.sources = consoles_sources(c),
		.reboots = c->reboot,
		.command = c->session ? command_status : NULL,
		.arg = c->session,
	};
	struct warden *w;
	struct watch *watch;
	unsigned said = log_errors();
	int status = EXIT_DIE, err;

	confine_prepare();
	raise_file_limit();
	banner(c);
	/* One for all boots, so that they are one guest. */
	err = warden_create(&w, &conf);
	say_why(err, said);
	if (err)
		return EXIT_DIE;
	err = watch_create(&watch, &c->watch, &about, warden_stop(w));
	say_why(err, said);
	if (!err) {
		warden_last_word(w, watch_torn, watch);
		status = run_watched(c, w, watch);
		watch_destroy(watch);
	}
	warden_destroy(w);
	return status;
}

int run_guest(struct config *c)
{
	int status;

	log_set_level(c->loglevel);
	if (config_complete(c))
		return EXIT_DIE;
	if (c->dump_dtb && (!config_bootable(c) || !host_has_kvm(c)))
		return dump_dtb_only(c);
	status = backend_prepare(c) ? EXIT_DIE : run(c);
	backend_release(c);
	return status;
}

int cmd_run(int argc, char **argv)
{
	/* Too large for a small stack; config_init() says what of it is filled. */
	struct config *c = malloc(sizeof(*c));
	struct rootfs *root = calloc(1, sizeof(*root)); /* large, and mostly left alone */
	int status = EXIT_DIE;

	if (!c || !root) {
		log_errno(-ENOMEM, "cannot start");
		goto out;
	}
	config_init(c);
	status = options_parse(&options_run, c, argc, argv);
	if (!status)
		status = rootfs_prepare(root, c) ? EXIT_DIE : run_guest(c);
	config_fini(c);
	rootfs_fini(root);
out:
	free(root);
	free(c);
	return status;
}
