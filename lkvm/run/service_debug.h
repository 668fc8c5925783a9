/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking into a running guest, for the control socket. The warden's thread. Requests, and their
 * records:
 *
 *	debug dump	per vCPU N, addresses and registers in hexadecimal:
 *			vcpu N PC SP PSTATE VBAR
 *			x N FIRST VALUE...	(eight at most)
 *			code N INSTRUCTION...	(from PC on)
 *			frame N PC		(callers, the nearest first)
 *	debug sysrq C	BREAK and the character, on the first serial port
 */
#ifndef LKVM_SERVICE_DEBUG_H
#define LKVM_SERVICE_DEBUG_H

#include "lkvm/control/control.h"

struct loop;
struct service_debug;
struct service_env;

/*
 * `env`, the loop and *paused outlive it: does the user want the guest paused, whoever looks? 0, or
 * -errno without a message.
 */
int service_debug_create(struct service_debug **out, const struct service_env *env,
			 const bool *paused, struct loop *loop);

/* Takes NULL. */
void service_debug_destroy(struct service_debug *d);

void service_debug(struct service_debug *d, struct control_client *c,
		   const struct control_request *r);

/*
 * Are the vCPUs held for somebody who looks? Afterwards they go on, unless *paused: whoever changes
 * that meanwhile does no more.
 */
bool service_debug_looks(const struct service_debug *d);

/* This client is not there any more. */
void service_debug_gone(struct service_debug *d, const struct control_client *c);

#endif
