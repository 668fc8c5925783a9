/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm trace bounce: each transfer of a guest's devices, as it happens.
 *
 * Thread: main.
 * Trust:  the user's own command line; answers of the user's other lkvms.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/json.h"
#include "lkvm/base/log.h"
#include "lkvm/base/options.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/cli/guests.h"
#include "lkvm/control/control_client.h"
#include "lkvm/watch/outfile.h"

struct device {
	char name[32], bus[32];
};

struct trace {
	const char *what, *name, *pcap;
	u64 count; /* 0: until the end */
	bool json;
	struct outfile *out; /* of --pcap, or NULL */
	bool agreed;	     /* the guest has: the file has its name */
	int err;	     /* of that */
	u64 nr;
	struct device devices[GUESTS_MAX_DEVICES];
};

static int trace_word(void *conf, const char *word)
{
	struct trace *t = conf;

	if (!t->what && strcmp(word, "bounce") != 0) {
		log_error("'%s' cannot be traced: lkvm trace bounce NAME", word);
		return -EINVAL;
	}
	if (t->what && t->name) {
		log_error("one guest, please: '%s' and '%s' are two", t->name, word);
		return -EINVAL;
	}
	*(t->what ? &t->name : &t->what) = word;
	return 0;
}

static const struct opt opts[] = {
	GUEST_OPTION(struct trace, "look at"),
	{ .name = "count",
	  .arg = "number",
	  .store = OPT_U64,
	  .offset = offsetof(struct trace, count),
	  .max = UINT64_MAX,
	  .help = "End after so many transfers" },
	{ .name = "json",
	  .own = true,
	  .store = OPT_TRUE,
	  .offset = offsetof(struct trace, json),
	  .help = "Print each transfer as a JSON object in a line" },
	{ .name = "pcap",
	  .arg = "file",
	  .store = OPT_STRING,
	  .offset = offsetof(struct trace, pcap),
	  .help = "Also write the frames of the guest's network devices to this file, meanwhile" },
};

const struct opt_spec options_trace = {
	.usage = "lkvm trace bounce [--json] [--count <number>] [--pcap <file>] <name>",
	.opts = opts,
	.nr_opts = ARRAY_SIZE(opts),
	.word = trace_word,
};

static const struct device *device_of(const struct trace *t, const struct ask_record *r)
{
	static const struct device unknown;
	u64 n = ask_number(r, 2);

	return n < GUESTS_MAX_DEVICES ? &t->devices[n] : &unknown;
}

/* TIME BUS DEVICE queue N out|in|refused ADDRESS LENGTH */
static void print_transfer(const struct trace *t, const struct ask_record *r)
{
	const struct device *d = device_of(t, r);

	printf("%13s %s %s queue %s %s %s %s\n", ask_text(r, 1), d->bus, d->name, ask_text(r, 3),
	       ask_text(r, 4), ask_text(r, 5), ask_text(r, 6));
}

/* The same; the address is a string, as JSON has no hexadecimal numbers. */
static json_t *transfer_json(const struct trace *t, const struct ask_record *r)
{
	const struct device *d = device_of(t, r);

	return json_pack("{s:o, s:o, s:o, s:I, s:o, s:o, s:I}", "time", json_text(ask_text(r, 1)),
			 "bus", json_text(d->bus), "device", json_text(d->name), "queue",
			 (json_int_t)ask_number(r, 3), "direction", json_text(ask_text(r, 4)),
			 "address", json_text(ask_text(r, 5)), "bytes",
			 (json_int_t)ask_number(r, 6));
}

static bool take_json(struct trace *t, const struct ask_record *r)
{
	if (ask_is(r, 0, "transfer"))
		return !json_print(transfer_json(t, r), 0);
	if (ask_is(r, 0, "lost"))
		return !json_print(json_pack("{s:I}", "lost", (json_int_t)ask_number(r, 1)), 0);
	return true;
}

/* Before the guest has agreed to be traced an older file stays what it is. */
static bool agreed(struct trace *t)
{
	if (!t->agreed)
		t->err = outfile_commit(t->out);
	t->agreed = true;
	return !t->err;
}

static bool take(void *arg, const struct ask_record *r)
{
	struct trace *t = arg;
	u64 n = ask_number(r, 1);

	if (!agreed(t))
		return false;
	if (ask_is(r, 0, "device") && n < GUESTS_MAX_DEVICES) {
		snprintf(t->devices[n].name, sizeof(t->devices[n].name), "%s", ask_text(r, 2));
		snprintf(t->devices[n].bus, sizeof(t->devices[n].bus), "%s", ask_text(r, 3));
	} else if (t->json) {
		t->nr += ask_is(r, 0, "transfer");
		if (!take_json(t, r))
			return false;
	} else if (ask_is(r, 0, "transfer")) {
		print_transfer(t, r);
		t->nr++;
	} else if (ask_is(r, 0, "lost")) {
		printf("%13s %s transfers were faster than this trace\n", "", ask_text(r, 1));
	}
	/* Live, also into a pipe; and the end when nobody reads any more. */
	return !fflush(stdout) && (!t->count || t->nr < t->count);
}

/* The guest's lkvm appends, so that a file is whole also if several NICs write to it. */
static int open_pcap(struct trace *t, int *fd)
{
	int err;

	umask(077); /* what passes may be secret: for the user's eyes only */
	err = outfile_create(&t->out, "--pcap", t->pcap);
	if (err)
		return err;
	*fd = outfile_fd(t->out);
	fcntl(*fd, F_SETFL, O_APPEND);
	return 0;
}

/* Ctrl-C is the usual end of a trace, and no failure. */
static int interrupts(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int cmd_trace(int argc, char **argv)
{
	struct trace t = { 0 };
	struct ask_more more = { .pass_fd = -1, .stop_fd = -1 };
	int err, status = options_parse(&options_trace, &t, argc, argv);

	if (status)
		return status;
	if (!t.what || !t.name) {
		log_error("which guest? lkvm trace bounce NAME");
		return EXIT_DIE;
	}
	if (t.pcap && open_pcap(&t, &more.pass_fd))
		return EXIT_DIE;
	more.stop_fd = interrupts();
	err = ask(t.name, "trace", &more, take, &t);
	if (more.stop_fd >= 0)
		close(more.stop_fd);
	outfile_destroy(t.out);
	return err || t.err ? EXIT_DIE : 0;
}
