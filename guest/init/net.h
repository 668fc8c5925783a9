/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's network interfaces, as the host has written them down. */
#ifndef GUEST_INIT_NET_H
#define GUEST_INIT_NET_H

#include "guest/init/plan.h"

/* Bring them up, and the loopback with them. Before the root is mounted. False: *f says why. */
bool net_up(const struct plan *p, struct failure *f);

/* Write down the name servers in the root that is / now. */
void net_names(const struct plan *p);

#endif
