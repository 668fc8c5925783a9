/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A UART, eight byte-wide registers. What it sends goes to a chardev at once; what the chardev
 * brings goes through a receive FIFO.
 */
#ifndef ARM64_SERIAL_H
#define ARM64_SERIAL_H

#include "lkvm/base/gpa.h"

struct bus;
struct chardev;
struct irq;
struct kvm;
struct loop;
struct serial;
struct vcpu;

/*
 * Put UART number `index` at `base` of `bus`, with the level-triggered SPI `spi`. `c` is what
 * stands behind it; NULL: nobody. `c`, `bus` and `irq` stay the caller's and outlive the UART. Main
 * thread, before other threads run. 0, or -errno without a message.
 */
int serial_create(struct serial **out, unsigned index, gpa_t base, u32 spi, struct bus *bus,
		  struct irq *irq, struct chardev *c);

/*
 * Let KVM have the registers while the guest prints (serial_page.h), if it can. `k`, `v` and
 * `loop`, on which the UART then looks for what was printed, outlive it. Main thread, before other
 * threads run. 0 or -errno without a message.
 */
int serial_use_page(struct serial *s, struct kvm *k, const struct vcpu *v, struct loop *loop);

/*
 * Hand on what the guest has printed up to now. Waits for a chardev that is full, two seconds at
 * most, if the guest does not know that it is. Not on the chardev's loop; as long as the vCPU
 * exists.
 */
void serial_settle(struct serial *s);

/* Take it off the bus. Neither vCPUs nor the chardev's loop run. Takes NULL. */
void serial_destroy(struct serial *s);

/* Receive a BREAK, then `key`. Any thread. -EAGAIN: no room in the FIFO, nothing was sent. */
int serial_sysrq(struct serial *s, char key);

#endif
