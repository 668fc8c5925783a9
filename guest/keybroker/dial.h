/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests over TCP, each on a connection of its own, each with a time in which it is done. Any
 * thread; blocks.
 */
#ifndef GUEST_KEYBROKER_DIAL_H
#define GUEST_KEYBROKER_DIAL_H

#include "guest/keybroker/http.h"
#include "guest/keybroker/url.h"

#define DIAL_TIMEOUT_MS 30000

/*
 * POST body[0..len) and read the answer into `answer`, which this call initialises. 0, or -errno
 * after one log_error() line: -ETIMEDOUT, if all of it takes more than timeout_ms.
 */
int dial_post(const struct url *url, const char *content_type, const char *body, size_t len,
	      int timeout_ms, struct http_reader *answer);

#endif
