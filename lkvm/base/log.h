/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages for the user, on stderr: one line each, prefixed as kvmtool's users know it
 * ("  Info: ", "  Warning: ", "  Error: ", "  Fatal: ", "  Debug: ").
 *
 * Any thread. A line is written with one write(2), so lines of two threads never mix. When the
 * terminal is in raw mode lines end in CR LF.
 */
#ifndef LKVM_LOG_H
#define LKVM_LOG_H

#include <stdatomic.h>
#include <string.h>

#include "lkvm/base/util.h"

/* FATAL is an error like the others: kvmtool says it of files that it cannot open. */
enum log_level { LOG_FATAL, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Messages above `level` are dropped. Default LOG_INFO. Main thread, before others start. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/* Lines end in CR LF while `raw` (the terminal does no output processing). */
void log_set_raw_terminal(bool raw);

void log_msg(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A line that was asked for by name: without a prefix, whatever the level. */
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
 * An error, and behind it what the error number `err` (negative) means: "`fmt`: No such file or
 * directory". `fmt` is a literal. The value is `err`.
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

/* True if this call may print; *last is set when it is the last line of the budget. */
bool log_site_admit(struct log_site *site, bool *last);

void guest_err_msg(struct log_site *site, const char *who, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The guest did something wrong. `who` names the device ("virtio-net 0"). Rate-limited per call
 * site, level warning, never fatal.
 */
#define guest_err(who, ...)                                                                        \
	do {                                                                                       \
		static struct log_site site_;                                                      \
		guest_err_msg(&site_, who, __VA_ARGS__);                                           \
	} while (0)

#endif
