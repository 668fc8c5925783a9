/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The board: which device lies where and which interrupt it has. `struct board_layout` is a pure
 * function of `struct board_conf`, which is filled from the options: no KVM, no host, no
 * randomness. So `--dump-dtb` and the predicted measurement work on any machine. Addresses and
 * sizes are in bytes.
 */
#ifndef ARM64_BOARD_H
#define ARM64_BOARD_H

#include "arm64/memmap.h"
#include "lkvm/base/gpa.h"

struct bus;
struct chardev;
struct irq;
struct kvm;
struct loop;
struct vcpu;

/* In the order in which BOARD_GIC_AUTO tries them. */
enum board_gic {
	BOARD_GIC_AUTO,
	BOARD_GIC_V3_ITS,
	BOARD_GIC_V3,
	BOARD_GIC_V2M,
	BOARD_GIC_V2,
};

struct board_conf {
	unsigned nr_cpus;   /* >= 1 */
	u64 ram_base;	    /* >= MEMMAP_RAM, page aligned */
	u64 ram_size;	    /* bytes, page aligned */
	enum board_gic gic; /* AUTO counts as V3_ITS: the answer where there is no KVM to ask */
	unsigned nr_virtio_mmio; /* transports present, <= MEMMAP_NR_VIRTIO_MMIO */
	bool pmu;
	bool pl031;	/* a PL031 beside the MC146818, and interrupts for both */
	bool edk2;	/* --firmware: the device tree is one that EDK2 can turn into ACPI tables */
	bool el2;	/* the guest starts in EL2: interrupts of a hypervisor, conduit SMC */
	bool aarch32;	/* 32-bit: RAM ends below 4 GiB */
	bool psci_smc;	/* conduit SMC instead of HVC: Realms, where HVC does not reach the host */
	u64 flash_size; /* of --flash, a power of two; 0: none */
	u64 pool_size;	/* of a pool of bounce buffers at the end of RAM, 2 MiB aligned; 0: none */
	u64 pci64_size; /* of a window for 64-bit BARs above RAM, a power of two; 0: none */
	u32 timer_hz;	/* --override-bad-firmware-cntfrq; 0: CNTFRQ_EL0 is right */
};

struct board_span {
	u64 base;
	u64 size; /* 0: not on this board */
};

struct board_layout {
	enum board_gic gic; /* never AUTO */
	struct board_span ram;
	struct board_span pool; /* the end of it: all that devices reach; nothing is loaded there */
	struct board_span pci64; /* above RAM, for assigned devices */
	struct board_span gicd;
	struct board_span gicr; /* GICv3: one span for all CPUs */
	struct board_span its;
	struct board_span gicc; /* GICv2 */
	struct board_span v2m;
	unsigned nr_spis;  /* INTIDs 32 .. 32 + nr_spis - 1 exist; multiple of 32 */
	unsigned ipa_bits; /* smallest width (>= 32) that holds the board; a Realm adds one */
};

/*
 * Compute the layout. Any thread. 0; -EINVAL after one log_error() line: no CPUs, too many for the
 * GIC's area or for a GICv2, RAM that is below MEMMAP_RAM, empty, unaligned or wraps,
 * or a pool that leaves less than half of it.
 */
int board_layout(struct board_layout *out, const struct board_conf *c);

/* MPIDR_EL1 affinity bits that KVM gives the vCPU with this id. [KVM arm64 reset_mpidr] */
u64 board_mpidr(unsigned cpu);

/*
 * Where UART `n`, and virtio-mmio transport `n`, are: below MEMMAP_NR_UARTS, MEMMAP_NR_VIRTIO_MMIO.
 */
static inline gpa_t board_uart(unsigned n)
{
	return gpa(MEMMAP_UART + n * MEMMAP_UART_STRIDE);
}

static inline gpa_t board_virtio_mmio(unsigned n)
{
	return gpa(MEMMAP_VIRTIO_MMIO + n * MEMMAP_VIRTIO_MMIO_STRIDE);
}

/* ---- the devices that are soldered on: UARTs and RTC ---- */

struct board;

/*
 * Put the devices of `c` on the bus. `uart[n]` is what stands behind UART n, or NULL: nothing
 * connected (the UART is there, output vanishes). The chardevs, `bus`, `irq` and `loop`, which
 * wakes the clocks, stay the caller's and must outlive the board. Before any other thread runs. 0
 * or -errno.
 */
int board_create(struct board **out, const struct board_conf *c, struct bus *bus, struct irq *irq,
		 struct loop *loop, struct chardev *const uart[MEMMAP_NR_UARTS]);

/*
 * UART 0 may let KVM answer for it: serial_use_page(). Before any other thread runs, for a VM in
 * which memory may be where the devices are, and whose holes read as zeros, as the page has them.
 */
int board_use_page(struct board *b, struct kvm *k, const struct vcpu *v, struct loop *loop);

/* No vCPU runs any more, but all exist: what the guest has printed last goes to its chardev. */
void board_settle(struct board *b);

/* Take the devices off the bus. No vCPU and no chardev loop runs any more. Takes NULL. */
void board_destroy(struct board *b);

/*
 * Send BREAK and then the character `key` to UART 0: Linux takes that for a sysrq (lkvm debug -s).
 * Any thread. 0; -EAGAIN: the receiver has no room, and nothing was sent.
 */
int board_sysrq(struct board *b, char key);

#endif
