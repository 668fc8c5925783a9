/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The balloon of a running guest, for the control socket. The warden's thread. Requests, and their
 * records:
 *
 *	balloon inflate|deflate MIB	balloon WANTED ACTUAL	(bytes)
 *	memory				balloon WANTED ACTUAL REPORTED, then per statistic
 *					stat NAME VALUE
 *					silent WHY	the driver's are missing, or old
 */
#ifndef LKVM_SERVICE_BALLOON_H
#define LKVM_SERVICE_BALLOON_H

#include "lkvm/control/control.h"

struct devices;
struct loop;
struct service_balloon;

/* Both outlive it; `loop` is that of the control socket. 0, or -errno without a message. */
int service_balloon_create(struct service_balloon **out, struct devices *d, struct loop *loop);

/* Who still waits for an answer gets what there is. Takes NULL. */
void service_balloon_destroy(struct service_balloon *b);

/* The requests "balloon" (three words) and "memory". */
void service_balloon(struct service_balloon *b, struct control_client *c,
		     const struct control_request *r);
void service_balloon_memory(struct service_balloon *b, struct control_client *c);

/* This client is not there any more. */
void service_balloon_gone(struct service_balloon *b, const struct control_client *c);

#endif
