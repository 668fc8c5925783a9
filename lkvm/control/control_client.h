/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking a running guest: the other end of the control socket (control.h), for the commands that
 * talk to it. Main thread.
 */
#ifndef LKVM_CONTROL_CLIENT_H
#define LKVM_CONTROL_CLIENT_H

#include "lkvm/base/util.h"

#define ASK_FIELDS 12u

/* One record of the answer. The fields are valid during the call that gets the record. */
struct ask_record {
	unsigned nr;
	const char *fields[ASK_FIELDS];
};

/* Gets each record. True: go on; false: hang up. */
typedef bool (*ask_fn)(void *arg, const struct ask_record *r);

/*
 * For an answer that takes its time: silence after its first record is no error then. Without this,
 * silence is an error after a few seconds.
 */
struct ask_more {
	int pass_fd; /* goes with the request; -1: none */
	int stop_fd; /* hang up when it is readable; -1: none */
};

/*
 * Ask the guest `name` for `words`, and give each record of the answer to fn(). `more` may be NULL;
 * its descriptors stay the caller's. Waits for the guest's lkvm. 0: the answer came to its end, or
 * fn() or stop_fd ended it. Otherwise -errno after one log_error() line: there is no such guest,
 * its lkvm refused, or the answer broke off.
 */
int ask(const char *name, const char *words, const struct ask_more *more, ask_fn fn, void *arg);

/* Is field `i` there, and is it `word`? */
bool ask_is(const struct ask_record *r, unsigned i, const char *word);

/* Field `i` as a number (decimal, or hexadecimal with 0x); 0 if it is none. */
u64 ask_number(const struct ask_record *r, unsigned i);

/* Field `i` as it is; "" if there is none. */
const char *ask_text(const struct ask_record *r, unsigned i);

#endif
