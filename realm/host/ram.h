/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RAM where KVM takes it as it is. Main thread. */
#ifndef REALM_HOST_RAM_H
#define REALM_HOST_RAM_H

#include "realm/realm.h"

/*
 * For realm_ops.set_ram: make each region of the guest's memory a slot of the VM. 0, or -errno
 * after one log_error() line: then the VM has some of the slots, and is of no use.
 */
int ram_as_slots(struct realm *r);

#endif
