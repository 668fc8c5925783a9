/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RAM where KVM takes it as it is. Main thread. */
#ifndef REALM_HOST_RAM_H
#define REALM_HOST_RAM_H

#include "realm/realm.h"

/*
 * realm_ops.set_ram: each region of the guest's memory becomes a slot of the VM. 0, or the -errno
 * of the first that does not, after one log_error(); the VM is of no use then.
 */
int ram_as_slots(struct realm *r);

#endif
