/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI device of the host as a function on the guest's PCI bus. What the guest sees of its
 * configuration space is ours: the ids, the memory BARs, and of the capabilities those whose
 * registers are known here (MSI, MSI-X, PCI Express, power management). BARs are mapped into the
 * guest as far as whole pages go, without the pages with the MSI-X table; the rest is carried over
 * access by access. Interrupts go from the host's kernel to KVM by eventfds, and never through this
 * program.
 *
 * Threads: main; registers on vCPU threads under the device's lock; requests of the host on a loop.
 */
#ifndef LKVM_VFIO_DEVICE_H
#define LKVM_VFIO_DEVICE_H

#include "lkvm/vfio/find.h"
#include "lkvm/vm/pci.h"

struct loop;
struct vfio_device;
struct vfio_iommu;

/* What only the machine can do, which knows KVM. */
struct vfio_host_ops {
	/* A new memory slot, in which nothing is yet: its number. Main thread. */
	u32 (*new_slot)(void *arg);
	/*
	 * Show `host` (whole pages) to the guest at `g`, or with a size of 0 nothing any more. 0 or
	 * -errno. Any vCPU thread.
	 */
	int (*set_slot)(void *arg, u32 slot, gpa_t g, u64 size, void *host);
	/* KVM wants to know this file of a device, or of its group. Main thread. */
	void (*tell)(void *arg, int fd);
};

/* What the device is connected to. All of it outlives the device. */
struct vfio_env {
	struct vfio_iommu *iommu;
	struct pci *pci;
	struct irq *irq;
	struct loop *loop; /* hears what the host has to say; none of the guest's interrupts */
	const struct vfio_host_ops *host;
	void *arg;
};

/*
 * Open the device of `conf` and plug it into `slot` of the PCI bus. `env` is copied, `conf`
 * outlives it. 0, or -errno after one log_error() line. Main thread, before vCPUs run.
 */
int vfio_device_create(struct vfio_device **out, const struct vfio_env *env,
		       const struct vfio_conf *conf, unsigned slot);

/*
 * Stop its DMA and its interrupts, and reset it if it can be reset, as at power-on. No vCPU runs
 * any more. What fails is left to the kernel, which does the same when the device is closed.
 */
void vfio_device_reset(struct vfio_device *v);

/* Unplug and close it. No vCPU runs. Takes NULL. */
void vfio_device_destroy(struct vfio_device *v);

/* The system calls of a running guest with such a device. */
extern const struct calls vfio_calls;

#endif
