/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the devices of a machine are, for devices.c and devices_ask.c only. */
#ifndef LKVM_DEVICES_PRIV_H
#define LKVM_DEVICES_PRIV_H

#include "lkvm/run/devices.h"

#define MAX_DEVICES (CONFIG_MAX_SHARES + CONFIG_MAX_FS + CONFIG_MAX_DISKS + CONFIG_MAX_NICS + 4u)

/* One device with the transport it hangs on: exactly one of pci and mmio is set. */
struct slot {
	struct virtio_device *dev;
	struct virtio_pci *pci;
	struct virtio_mmio *mmio;
};

struct devices {
	const struct config *c;
	const struct devices_env *env;
	struct netif *netifs[CONFIG_MAX_NICS]; /* NULL: mode=none */
	struct virtio_device *disks[CONFIG_MAX_DISKS];
	unsigned nr, nr_pci, nr_mmio;
	const struct virtio_device *_Atomic resetting; /* devices_reset() writes */
	struct slot slots[MAX_DEVICES];
	struct pcap_writer *capture; /* of lkvm trace; NULL: the guest cannot be traced */
	struct pvpanic *pvpanic;     /* NULL: there is none */
};

#endif
