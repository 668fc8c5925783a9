/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine without KVM: devices of all kinds over both transports, memory that changes sides. */
#ifndef TESTS_STRESS_BOARD_H
#define TESTS_STRESS_BOARD_H

#include "lkvm/vm/pci.h"
#include "tests/fake/driver.h"
#include "tests/fake/driver_dev.h"
#include "tests/fake/irq.h"
#include "virtio/transport/mmio.h"
#include "virtio/transport/pci.h"

#define BOARD_ECAM UINT64_C(0x40000000)
#define BOARD_WINDOW UINT64_C(0x50000000)
#define BOARD_WINDOW_SIZE (768 * MiB)
#define BOARD_MMIO UINT64_C(0x20000000)
#define BOARD_TARGETS 15u
#define BOARD_QUEUES 2u
#define BOARD_RING_SIZE 16u

enum board_kind { KIND_RNG, KIND_NET, KIND_CONSOLE, KIND_BLK, KIND_9P };

/* A ring as its driver knows it; a driver holds the target's lock. */
struct ring {
	u64 desc, avail, used;
	u16 avail_idx, used_idx, next_desc;
};

/* A device, and the driver that one vCPU at a time plays for it. */
struct target {
	const char *name;
	enum board_kind kind;
	struct virtio_device *dev;
	struct virtio_pci *pci;
	struct virtio_mmio *mmio;
	unsigned slot; /* PCI */
	pthread_mutex_t lock;
	struct fake_dev f; /* under lock: where registers were at the last bring-up */
	unsigned nr_queues;
	struct ring rings[BOARD_QUEUES]; /* under lock */
	bool up;			 /* under lock: negotiated, as far as the driver knows */
	_Atomic u64 served;		 /* used buffers */
};

struct board {
	struct mem *mem;
	struct loop *loop;
	struct bus *bus;
	struct fake_irq irq;
	struct pci *pci;
	struct target targets[BOARD_TARGETS];
	unsigned nr;
};

/* The loop runs; mem_flags as for mem_add_ram(). It exits the program if the host cannot. */
void board_up(struct board *b, u64 mem_flags);

/* As machine_run() and machine_destroy() do it; no vCPU runs any more. */
void board_down(struct board *b);

#endif
