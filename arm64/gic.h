/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interrupt controller, emulated by KVM: GICv3 with or without ITS, or GICv2. (The GICv2m
 * frame, which KVM does not have, is v2m.h.)
 *
 * Order: gic_choose, board_layout, gic_create, all vCPUs (created and initialised), gic_init, then
 * what needs a working GIC (PMU of the vCPUs, irqfds).
 */
#ifndef ARM64_GIC_H
#define ARM64_GIC_H

#include "arm64/board.h"

struct gic;
struct kvm;

/* As --irqchip spells it: "gicv3-its" ...; static. */
const char *gic_name(enum board_gic gic);

/*
 * What this host can do for `want`: itself, or for BOARD_GIC_AUTO the first of gicv3-its, gicv3,
 * gicv2m, gicv2 that works. -ENODEV with one log_error that names an irqchip which would work.
 */
int gic_choose(struct kvm *k, enum board_gic want, enum board_gic *out);

/*
 * Create the devices and set their addresses, each or-ed with `alias` (0, or the bit that selects
 * the shared half where a simulated Realm looks for its devices).
 */
int gic_create(struct gic **out, struct kvm *k, const struct board_layout *l, u64 alias);

/* All vCPUs exist and are initialised: fix the number of interrupts, start the GIC and the ITS. */
int gic_init(struct gic *g);

/* Closes the device fds; the devices themselves live as long as the VM. Takes NULL. */
void gic_destroy(struct gic *g);

#endif
