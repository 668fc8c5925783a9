/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GICv2m frame: message-signalled interrupts for a GICv2, by way of SPIs. It stands between the
 * devices and KVM's irq seam and turns their messages into edges of SPIs. [SBSA, GICv2m]
 */
#ifndef ARM64_V2M_H
#define ARM64_V2M_H

#include "lkvm/vm/irq.h"

struct bus;
struct v2m;

/*
 * Put a frame at MEMMAP_V2M of `bus`. Its interrupts go to `under`; both stay the caller's and
 * outlive the frame. Main thread, before vCPUs run. 0, or -errno without a message.
 */
int v2m_create(struct v2m **out, struct bus *bus, struct irq *under);

/* Take it off the bus. No vCPU and no device's loop runs. Takes NULL. */
void v2m_destroy(struct v2m *v);

/* The seam to hand to devices: `under` with MSI. Lives as long as the frame. */
struct irq *v2m_irq(struct v2m *v);

#endif
