/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interrupt controller, emulated by KVM: GICv3 with or without ITS, or GICv2. (The GICv2m
 * frame, which KVM does not have, is v2m.h.)
 *
 * Order: gic_choose, board_layout, gic_create, all vCPUs (created and initialised), gic_init, then
 * what needs a working GIC (PMU of the vCPUs, irqfds). Main thread, before vCPUs run; 0, or -errno
 * after one log_error() line.
 */
#ifndef ARM64_GIC_H
#define ARM64_GIC_H

#include "arm64/board.h"

struct gic;
struct kvm;

/* The name as --irqchip spells it, "gicv3-its"; a constant. Any thread. */
const char *gic_name(enum board_gic gic);

/*
 * What this host can do for `want`: the same, or for BOARD_GIC_AUTO the first of gicv3-its, gicv3,
 * gicv2m, gicv2 that works. -ENODEV: the line names an irqchip that would work, if there is one.
 */
int gic_choose(struct kvm *k, enum board_gic want, enum board_gic *out);

/*
 * Create KVM's devices for the GIC of the layout and set their addresses, each or-ed with `alias`:
 * 0, or the bit that selects the shared half, where a simulated Realm looks for its devices.
 */
int gic_create(struct gic **out, struct kvm *k, const struct board_layout *l, u64 alias);

/* All vCPUs exist and are initialised: fix the number of interrupts, start the GIC and the ITS. */
int gic_init(struct gic *g);

/* Close the descriptors of the devices, which live as long as the VM. Takes NULL. */
void gic_destroy(struct gic *g);

#endif
