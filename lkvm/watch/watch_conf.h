/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the user wants to be watched: plain data, filled by lkvm/run/options_watch.c. Strings point
 * into argv.
 */
#ifndef LKVM_WATCH_CONF_H
#define LKVM_WATCH_CONF_H

#include "lkvm/base/util.h"

#define WATCH_MAX_STEPS 64u
#define WATCH_VIRTIO 4u /* source: the virtio console; those before it are serial ports */
#define WATCH_OUT 5u	/* stdout and stderr of the command of lkvm exec */
#define WATCH_ERR 6u
#define WATCH_SOURCES 7u /* of one guest */
#define WATCH_NEVER UINT64_MAX

struct watch_step {
	const char *after;     /* regular expression */
	struct ere *after_ere; /* compiled */
	const char *send;      /* as it was given; NULL: the step only waits */
	const char *bytes;     /* what that means, in watch_conf.text */
	size_t len;
	u32 within_s; /* 0: as long as the run may take */
};

struct watch_conf {
	const char *until, *fail_on, *status_from;
	struct ere *until_ere, *fail_on_ere, *status_ere; /* compiled, or NULL */
	bool status_kut; /* the number of --status-from is (status << 1) | 1 */
	u32 timeout_s;	 /* 0: none */
	u32 max_resets;	 /* with --reboot; 0: any number */
	const char *log, *report, *events;
	bool no_panic_watch;

	unsigned nr_steps;
	struct watch_step steps[WATCH_MAX_STEPS];
	size_t text_len;
	char text[4096]; /* of all steps */
};

#endif
