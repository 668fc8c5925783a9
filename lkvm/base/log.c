/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages for the user.
 *
 * Thread: any. A message is composed in a local buffer and written with one write(2).
 * Trust:  guest_err() may be reached by a guest at will: each call site has a budget.
 *
 * The level and the state of the terminal are mutable file statics, which tests/lint/globals allows
 * here: every room logs, and handing a logger to each of them would say nothing that the name does
 * not.
 */
#include "lkvm/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/encode.h"

#define LINE_MAX_BYTES 1024

static _Atomic int max_level = LOG_INFO;
static _Atomic bool raw_terminal;
static _Atomic bool in_mid_line;
static _Atomic unsigned errors;

/* kvmtool's prefixes: tools and people grep for them. */
/* clang-format off */
static const char *const prefixes[] = {
	[LOG_FATAL] = "  Fatal: ",
	[LOG_ERROR] = "  Error: ",
	[LOG_WARNING] = "  Warning: ",
	[LOG_INFO] = "  Info: ",
	[LOG_DEBUG] = "  Debug: ",
};
/* clang-format on */

void log_set_level(enum log_level level)
{
	max_level = (int)level;
}

unsigned log_errors(void)
{
	return atomic_load_explicit(&errors, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return (int)level <= max_level;
}

void log_set_raw_terminal(bool raw)
{
	raw_terminal = raw;
}

void log_set_mid_line(bool mid)
{
	atomic_store_explicit(&in_mid_line, mid, memory_order_relaxed);
}

/* stderr may be a pipe whose reader went away: nothing sensible is left to do with the error. */
static void write_line(const char *line, size_t len)
{
	while (len) {
		ssize_t n = write(STDERR_FILENO, line, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		line += n;
		len -= (size_t)n;
	}
}

static size_t end_line(char *line, size_t len)
{
	if (raw_terminal)
		line[len++] = '\r';
	line[len++] = '\n';
	return len;
}

__attribute__((format(printf, 3, 0))) static void log_vmsg(const char *prefix, const char *who,
							   const char *fmt, va_list ap)
{
	char line[LINE_MAX_BYTES];
	size_t room = sizeof(line) - 2; /* CR LF */
	size_t start = atomic_exchange(&in_mid_line, false) ? end_line(line, 0) : 0;
	size_t len = text_add(line, room, start, prefix);
	int n;

	len = text_add(line, room, len, who);
	len = text_add(line, room, len, *who ? ": " : "");
	n = vsnprintf(line + len, room - len, fmt, ap);
	len = MIN(len + (size_t)MAX(n, 0), room - 1);
	encode_safe(line + start, len - start, "\n\t"); /* names of files, words of others */
	write_line(line, end_line(line, len));
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level <= LOG_ERROR)
		atomic_fetch_add_explicit(&errors, 1, memory_order_relaxed);
	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	log_vmsg(prefixes[level], "", fmt, ap);
	va_end(ap);
}

void log_plain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vmsg("", "", fmt, ap);
	va_end(ap);
}

bool log_site_admit(struct log_site *site, bool *last)
{
	/* Read first: a flooding guest must not make the counter wrap round to "admit" again. */
	if (atomic_load_explicit(&site->count, memory_order_relaxed) >= LOG_SITE_BURST)
		return false;

	unsigned n = atomic_fetch_add_explicit(&site->count, 1, memory_order_relaxed);

	*last = n == LOG_SITE_BURST - 1;
	return n < LOG_SITE_BURST;
}

void guest_err_msg(struct log_site *site, const char *who, const char *fmt, ...)
{
	va_list ap;
	bool last;

	if (!log_enabled(LOG_WARNING) || !log_site_admit(site, &last))
		return;
	va_start(ap, fmt);
	log_vmsg(prefixes[LOG_WARNING], who, fmt, ap);
	va_end(ap);
	if (last)
		log_msg(LOG_WARNING, "%s: further messages of this kind are not shown", who);
}
