/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm list, stop, pause, resume: the running guests, and what is done to them as a whole.
 *
 * Thread: main.
 * Trust:  the user's own command line; answers of the user's other lkvms.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/json.h"
#include "lkvm/base/log.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/cli/guests.h"
#include "lkvm/control/control_client.h"
#include "lkvm/control/control_dir.h"

/* ---- list ---- */

struct list {
	bool run, rootfs, json;
	json_t *guests; /* with json */
};

static const struct opt list_opts[] = {
	{ .store = OPT_HEADING, .help = "Options" },
	{ .name = "run",
	  .letter = 'i',
	  .store = OPT_TRUE,
	  .offset = offsetof(struct list, run),
	  .help = "Only guests that run" },
	{ .name = "rootfs",
	  .letter = 'r',
	  .store = OPT_TRUE,
	  .offset = offsetof(struct list, rootfs),
	  .help = "Only root file systems below ~/.lkvm" },
	{ .name = "json",
	  .own = true,
	  .store = OPT_TRUE,
	  .offset = offsetof(struct list, json),
	  .help = "Print a JSON object" },
};

static int list_word(void *conf, const char *word)
{
	log_error("lkvm list takes no names: '%s'", word);
	return -1;
}

const struct opt_spec options_list = {
	.usage = "lkvm list [-i] [-r] [--json]",
	.opts = list_opts,
	.nr_opts = ARRAY_SIZE(list_opts),
	.word = list_word,
};

struct state {
	u64 pid;
	char state[16];
};

static bool take_state(void *arg, const struct ask_record *r)
{
	struct state *s = arg;

	if (ask_is(r, 0, "pid"))
		s->pid = ask_number(r, 1);
	else if (ask_is(r, 0, "state"))
		snprintf(s->state, sizeof(s->state), "%s", ask_text(r, 1));
	return true;
}

/* One that is about to end has no answer: it is not listed. */
static void list_guest(struct list *l, int dir, const char *name)
{
	struct state s = { .state = "?" };
	int fd = control_dir_connect(dir, name);

	if (fd < 0)
		return;
	close(fd);
	if (ask(name, "status", NULL, take_state, &s))
		return;
	if (l->json)
		json_append(&l->guests, json_pack("{s:o, s:I, s:o}", "name", json_text(name), "pid",
						  (json_int_t)s.pid, "state", json_text(s.state)));
	else
		printf("%6llu %-20s %s\n", (unsigned long long)s.pid, name, s.state);
}

static int print_list_json(struct list *l, const struct control_names *rootfs)
{
	json_t *names = json_array();

	for (unsigned i = 0; i < rootfs->nr; i++)
		json_append(&names, json_text(rootfs->names[i]));
	return json_print(json_pack("{s:o, s:o}", "guests", l->guests, "rootfs", names), 0);
}

/* Whatever host made them. */
static int find_rootfs(struct control_names *out)
{
	char why[200];
	int err, dir = control_dir_open_rootfs(why, sizeof(why));

	if (dir < 0)
		return dir;
	err = control_dir_rootfs(dir, out);
	close(dir);
	return err;
}

static int list_all(struct list *l, int dir)
{
	struct control_names guests = { 0 }, rootfs = { 0 };
	int err = l->run ? control_dir_guests(dir, &guests) : 0;

	if (!err && l->rootfs)
		err = find_rootfs(&rootfs);
	if (err)
		log_errno(err, "cannot list the guests");
	if (l->json)
		l->guests = json_array();
	else if (!err)
		printf("%6s %-20s %s\n------------------------------------\n", "PID", "NAME",
		       "STATE");
	for (unsigned i = 0; i < guests.nr; i++)
		list_guest(l, dir, guests.names[i]);
	if (!err && l->json)
		err = print_list_json(l, &rootfs);
	for (unsigned i = 0; i < rootfs.nr && !l->json; i++)
		printf("%6s %-20s shut off\n", "", rootfs.names[i]);
	control_names_free(&guests);
	control_names_free(&rootfs);
	return err;
}

int cmd_list(int argc, char **argv)
{
	struct list l = { 0 };
	char why[200];
	int dir, err = options_parse(&options_list, &l, argc, argv);

	if (err)
		return err;
	if (!l.run && !l.rootfs)
		l.run = l.rootfs = true;
	dir = control_dir_open(why, sizeof(why));
	if (dir < 0) {
		log_error("%s", why);
		return EXIT_DIE;
	}
	err = list_all(&l, dir);
	close(dir);
	return err ? EXIT_DIE : 0;
}

/* ---- stop, pause, resume ---- */

static bool take_was(void *arg, const struct ask_record *r)
{
	bool *was_paused = arg;

	if (ask_is(r, 0, "was"))
		*was_paused = ask_is(r, 1, "paused");
	return true;
}

static bool take_torn(void *arg, const struct ask_record *r)
{
	if (ask_is(r, 0, "torn"))
		log_warn("guest %s did not end, and was torn down: %s", (const char *)arg,
			 ask_text(r, 1));
	return true;
}

/* The answer ends with the guest, which may take its time. */
static int stop_one(void *arg, const char *name)
{
	const struct ask_more patient = { .pass_fd = -1, .stop_fd = -1 };
	char who[CONTROL_NAME_MAX];
	int err;

	snprintf(who, sizeof(who), "%s", name);
	err = ask(name, "stop", &patient, take_torn, who);
	if (!err)
		printf("Guest %s has ended\n", name);
	return err;
}

static int pause_one(void *arg, const char *name)
{
	bool was_paused = false;
	int err = ask(name, "pause", NULL, take_was, &was_paused);

	if (!err)
		printf(was_paused ? "Guest %s is already paused.\n" : "Guest %s paused\n", name);
	return err;
}

static int resume_one(void *arg, const char *name)
{
	bool was_paused = true;
	int err = ask(name, "resume", NULL, take_was, &was_paused);

	if (!err)
		printf(was_paused ? "Guest %s resumed\n" : "Guest %s is still running.\n", name);
	return err;
}

static const struct opt stop_opts[] = { GUESTS_OPTIONS("end") };
static const struct opt pause_opts[] = { GUESTS_OPTIONS("hold") };
static const struct opt resume_opts[] = { GUESTS_OPTIONS("let go on") };

const struct opt_spec options_stop = { .usage = "lkvm stop <name> | -a",
				       .opts = stop_opts,
				       .nr_opts = ARRAY_SIZE(stop_opts),
				       .word = guests_word };
const struct opt_spec options_pause = { .usage = "lkvm pause <name> | -a",
					.opts = pause_opts,
					.nr_opts = ARRAY_SIZE(pause_opts),
					.word = guests_word };
const struct opt_spec options_resume = { .usage = "lkvm resume <name> | -a",
					 .opts = resume_opts,
					 .nr_opts = ARRAY_SIZE(resume_opts),
					 .word = guests_word };

static int for_each(const struct opt_spec *spec, int (*one)(void *arg, const char *name), int argc,
		    char **argv)
{
	struct guests g = { 0 };
	int status = options_parse(spec, &g, argc, argv);

	return status ? status : guests_each(&g, one, NULL);
}

int cmd_stop(int argc, char **argv)
{
	return for_each(&options_stop, stop_one, argc, argv);
}

int cmd_pause(int argc, char **argv)
{
	return for_each(&options_pause, pause_one, argc, argv);
}

int cmd_resume(int argc, char **argv)
{
	return for_each(&options_resume, resume_one, argc, argv);
}
