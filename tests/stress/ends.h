/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands behind devices under stress. On the loop of the devices. */
#ifndef TESTS_STRESS_ENDS_H
#define TESTS_STRESS_ENDS_H

#include "lkvm/vm/chardev.h"
#include "lkvm/vm/loop.h"
#include "net/netif.h"

/* A network that sends back what it gets, and sometimes takes nothing for a while. */
struct netif *ends_netif(struct loop *loop);

/* A terminal that types what was printed, and stalls now and then. Freed by ends_chardev_free(). */
struct chardev *ends_chardev(struct loop *loop);
void ends_chardev_free(struct chardev *c);

#endif
