/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm/base/log.h for the programs of the key broker: lines on stderr as their Rust models print
 * them, "LEVEL text".
 *
 * Thread: any; a message is one write(2).
 * Trust:  a message may have text of the peer in it: control characters do not reach the terminal.
 */
#include "lkvm/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "lkvm/base/encode.h"

#define MESSAGE_MAX 4096

static _Atomic enum log_level max_level = LOG_WARNING;

void log_set_level(enum log_level level)
{
	max_level = level;
}

bool log_enabled(enum log_level level)
{
	return level <= max_level;
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = { [LOG_FATAL] = "ERROR",
					     [LOG_ERROR] = "ERROR",
					     [LOG_WARNING] = "WARN",
					     [LOG_INFO] = "INFO",
					     [LOG_DEBUG] = "DEBUG" };
	char buf[MESSAGE_MAX];
	va_list ap;
	int n, len;

	if (!log_enabled(level))
		return;
	len = snprintf(buf, sizeof(buf), "%s ", names[level]);
	va_start(ap, fmt);
	n = vsnprintf(buf + len, sizeof(buf) - (size_t)len - 1, fmt, ap);
	va_end(ap);
	len = MIN(len + MAX(n, 0), (int)sizeof(buf) - 2);
	encode_safe(buf, (size_t)len, "\n");
	buf[len++] = '\n';
	/* Where would a failure be reported? */
	if (write(STDERR_FILENO, buf, (size_t)len) < 0)
		return;
}
