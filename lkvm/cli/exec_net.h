/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network of a guest whose init is ours: what that has to do for the network cards of the
 * config. A card in user mode or on a tap gets the address that it has there (guest_ip=, host_ip=);
 * others, on which somebody else hands out addresses, are only brought up. Main thread.
 */
#ifndef LKVM_EXEC_NET_H
#define LKVM_EXEC_NET_H

#include "lkvm/exec/orders.h"
#include "lkvm/run/config.h"

#define EXEC_NET_SIZE 512u

/*
 * Into `o`, which points into `resolv` from then on: resolv.conf with the name servers of a card in
 * user mode. True: there is a card, so the guest needs a driver for it.
 */
bool exec_net(struct orders *o, char resolv[EXEC_NET_SIZE], const struct config *c);

#endif
