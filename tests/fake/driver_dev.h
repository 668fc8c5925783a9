/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest half of a virtio device: drives registers over the bus, through virtio-pci (ECAM, BARs,
 * capabilities) or virtio-mmio. The same test runs over both.
 */
#ifndef TESTS_FAKE_DRIVER_DEV_H
#define TESTS_FAKE_DRIVER_DEV_H

#include "lkvm/vm/bus.h"
#include "tests/fake/driver.h"

/* Registers that both transports have, in some place and width. */
enum fake_reg {
	FAKE_DEVICE_FEATURES_SEL,
	FAKE_DEVICE_FEATURES,
	FAKE_DRIVER_FEATURES_SEL,
	FAKE_DRIVER_FEATURES,
	FAKE_STATUS,
	FAKE_GENERATION,
	FAKE_QUEUE_SEL,
	FAKE_QUEUE_SIZE_MAX, /* PCI: the same register as the size */
	FAKE_QUEUE_SIZE,
	FAKE_QUEUE_ENABLE,
	FAKE_QUEUE_RESET,
	FAKE_QUEUE_DESC_LO,
	FAKE_QUEUE_DESC_HI,
	FAKE_QUEUE_DRIVER_LO,
	FAKE_QUEUE_DRIVER_HI,
	FAKE_QUEUE_DEVICE_LO,
	FAKE_QUEUE_DEVICE_HI,
	NR_FAKE_REGS
};

struct fake_reg_at {
	u16 off;
	u8 width;
};

struct fake_dev {
	struct bus *bus;
	const struct fake_reg_at *map;
	bool pci;
	u64 regs;	/* mmio window, or common configuration */
	u64 config;	/* device-specific configuration */
	u32 config_len; /* PCI: as the capability says; mmio: 0, unknown */
	u64 notify;
	u64 isr;
	/* PCI only */
	u64 ecam;	 /* configuration space of the function */
	u64 bar[6];	 /* where the BARs were put, 0: none */
	u32 notify_mult; /* notify_off_multiplier */
	u8 cap_pci_cfg;	 /* offset of the PCI_CFG capability, 0: none */
	u8 cap_msix;	 /* offset of the MSI-X capability, 0: none */
};

/* The window at `base`. False if no device of version 2 answers there. */
bool fake_dev_mmio(struct fake_dev *f, struct bus *b, u64 base);

/*
 * The function whose configuration space lies at `ecam`: sizes its BARs, places them from `window`
 * on, enables memory and bus mastering, finds the virtio capabilities. False if one is missing.
 */
bool fake_dev_pci(struct fake_dev *f, struct bus *b, u64 ecam, u64 window);

/* Any access; asserts BUS_OK. */
u64 fake_read(struct fake_dev *f, u64 addr, unsigned len);
void fake_write(struct fake_dev *f, u64 addr, unsigned len, u64 val);

/* Read and write a register, wherever the transport has it. */
u32 fake_get(struct fake_dev *f, enum fake_reg reg);
void fake_set(struct fake_dev *f, enum fake_reg reg, u32 val);

/* 32 of the features that the device offers, from number 32 * word on. */
u32 fake_dev_offer(struct fake_dev *f, u32 word);

/* Reset, ACKNOWLEDGE, DRIVER, `features`, FEATURES_OK. True if the device kept FEATURES_OK. */
bool fake_dev_negotiate(struct fake_dev *f, u64 features);

/* Size and addresses of queue `index` from `r`; enables it. */
void fake_dev_queue(struct fake_dev *f, u16 index, const struct fake_ring *r);

/* Set DRIVER_OK; ring the doorbell of a queue. */
void fake_dev_driver_ok(struct fake_dev *f);
void fake_dev_notify(struct fake_dev *f, u16 index);

#endif
