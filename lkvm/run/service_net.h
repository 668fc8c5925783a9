/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `lkvm net`: the forwards of a running guest. The thread of the control socket. */
#ifndef LKVM_SERVICE_NET_H
#define LKVM_SERVICE_NET_H

#include "lkvm/control/control.h"

struct devices;

/*
 * Answer "net" (a record "forward NETWORK TEXT" for each), "net add TEXT" (with it comes a socket of
 * hostfwd_open()) or "net remove TEXT"; TEXT as in hostfwd_parse().
 */
void service_net(struct devices *d, struct control_client *c, const struct control_request *r);

#endif
