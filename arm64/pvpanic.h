/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pvpanic: a PCI function with one register, by which a guest says that it has crashed. Its ids and
 * its register are those of QEMU's pvpanic-pci, whose driver Linux has (CONFIG_PVPANIC_PCI).
 *
 * Main thread but for said().
 */
#ifndef ARM64_PVPANIC_H
#define ARM64_PVPANIC_H

#include "lkvm/base/util.h"

struct pci;
struct pvpanic;

/* What a guest can say [QEMU docs/specs/pvpanic.rst]. */
#define PVPANIC_PANICKED BIT(0)	    /* it has panicked, and is about to halt or reset */
#define PVPANIC_CRASH_LOADED BIT(1) /* it has panicked, and goes on in its crash kernel */
#define PVPANIC_SHUTDOWN BIT(2)	    /* it has come to its end, and can be switched off */

/* The last slot: a guest's other devices are counted from the first one on. */
#define PVPANIC_SLOT 31u

/*
 * One of the bits, each once in the life of the device. On a vCPU thread, with the device's lock:
 * it waits for nobody.
 */
typedef void (*pvpanic_fn)(void *arg, u64 said);

/* A function on `p`, which outlives it. 0, or -errno after one log_error() line. */
int pvpanic_create(struct pvpanic **out, struct pci *p, pvpanic_fn said, void *arg);

/* No vCPU runs. Takes NULL. */
void pvpanic_destroy(struct pvpanic *v);

#endif
