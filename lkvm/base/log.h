/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages for the user, on stderr: one line each, prefixed as kvmtool's users know it
 * ("  Info: ", "  Warning: ", "  Error: ", "  Fatal: ", "  Debug: ").
 *
 * Any thread. A line is written with one write(2), so that lines of two threads never mix, and cut
 * at 1 KiB. write(2) may block: a reader of stderr who sleeps holds up whoever logs. An error of
 * write(2) is ignored.
 */
#ifndef LKVM_LOG_H
#define LKVM_LOG_H

#include <stdatomic.h>
#include <string.h>

#include "lkvm/base/util.h"

/* FATAL is an error like the others: kvmtool says it of files that it cannot open. */
enum log_level { LOG_FATAL, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* From now on messages above `level` are dropped; before the first call, those above LOG_INFO. */
void log_set_level(enum log_level level);

/* How many errors have been said so far: who gives up can see whether anybody has said why. */
unsigned log_errors(void);

/* Is a message of this level printed? */
bool log_enabled(enum log_level level);

/* While `raw`, lines end in CR LF: the terminal does no output processing. */
void log_set_raw_terminal(bool raw);

/*
 * Somebody else has written to where stderr goes. `mid`: not to the end of a line, so that the next
 * message begins with one.
 */
void log_set_mid_line(bool mid);

/* Print one line: the prefix of `level` and the text, which has no newline. */
void log_msg(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Print a line that an option asked for: without a prefix, whatever the level. */
void log_plain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define log_fatal(...) log_msg(LOG_FATAL, __VA_ARGS__)
#define log_error(...) log_msg(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_msg(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_msg(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_enabled(LOG_DEBUG))                                                        \
			log_msg(LOG_DEBUG, __VA_ARGS__);                                           \
	} while (0)

/*
 * Print an error, and behind it what the error number `err` (negative) means: "`fmt`: No such file
 * or directory". `fmt` is a literal. The value of the expression is `err`.
 */
#define log_errno(err, fmt, ...)                                                                   \
	({                                                                                         \
		int err_ = (err);                                                                  \
		log_error(fmt ": %s", ##__VA_ARGS__, strerror(-err_));                             \
		err_;                                                                              \
	})

/*
 * Budget of one call site that a guest (or a network peer) can reach as often as it likes: at most
 * LOG_SITE_BURST lines, then one more that says the rest is suppressed.
 */
struct log_site {
	atomic_uint count;
};

#define LOG_SITE_BURST 5u

/*
 * Take a line out of the budget. False: it is used up, and *last is not written to. True: the line
 * may be printed, and *last says whether it was the last one.
 */
bool log_site_admit(struct log_site *site, bool *last);

/* For guest_err() only. */
void guest_err_msg(struct log_site *site, const char *who, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The guest did something wrong: print a warning, "`who`: ...", where `who` names the device
 * ("virtio-net 0"). A call site prints LOG_SITE_BURST lines in the life of the process, whatever
 * the device, and nothing after that.
 */
#define guest_err(who, ...)                                                                        \
	do {                                                                                       \
		static struct log_site site_;                                                      \
		guest_err_msg(&site_, who, __VA_ARGS__);                                           \
	} while (0)

#endif
