/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An assigned device in slot 2 of a PCI bus, and a guest that accesses it as a vCPU does. */
#ifndef TESTS_UNIT_LKVM_VFIO_RIG_H
#define TESTS_UNIT_LKVM_VFIO_RIG_H

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vfio/device.h"
#include "lkvm/vfio/iommu.h"
#include "lkvm/vm/loop.h"
#include "tests/fake/irq.h"
#include "tests/fake/vfio.h"
#include "tests/unit/suite.h"

#define ECAM UINT64_C(0x40000000)
#define MEM UINT64_C(0x50000000)
#define MEM64 UINT64_C(0x1000000000)
#define SLOT 2u
#define SPI 64u
#define NR_SLOTS 16u

/* Capabilities as the guest has them, one behind the other. */
#define PM 0x40u
#define EXPRESS 0x48u
#define MSI 0x84u
#define MSIX 0x94u

#define BAR0 (MEM64)

struct memslot {
	u64 at, size;
	void *host;
};

struct rig {
	struct bus *bus;
	struct fake_irq irq;
	struct pci *pci;
	struct vfio_iommu *io;
	struct loop *loop;
	struct vfio_device *v;
	struct vfio_conf conf;
	u32 nr_slots;
	struct memslot slots[NR_SLOTS];
	int slot_err;
};

static u32 rig_new_slot(void *arg)
{
	struct rig *x = arg;

	return x->nr_slots++;
}

static int rig_set_slot(void *arg, u32 slot, gpa_t g, u64 size, void *host)
{
	struct rig *x = arg;

	ck_assert_uint_lt(slot, x->nr_slots);
	if (x->slot_err)
		return x->slot_err;
	/* KVM: slots do not overlap. */
	for (u32 i = 0; i < x->nr_slots && size; i++)
		ck_assert(i == slot || !x->slots[i].size ||
			  !ranges_overlap(g.a, size, x->slots[i].at, x->slots[i].size));
	ck_assert(is_aligned(g.a | size | (uintptr_t)host, 4096));
	x->slots[slot] = (struct memslot){ g.a, size, host };
	return 0;
}

static void rig_tell(void *arg, int fd)
{
}

static const struct vfio_host_ops rig_host = {
	.new_slot = rig_new_slot,
	.set_slot = rig_set_slot,
	.tell = rig_tell,
};

/* The host has been made with fake_vfio_init() and fake_vfio_add("0000:00:10.0"). */
static inline int rig_start(struct rig *x, bool has_msi)
{
	const struct pci_map map = { .ecam = { ECAM },
				     .ecam_size = 256 * MiB,
				     .io_size = 64 * KiB,
				     .mem = { MEM },
				     .mem_size = 768 * MiB,
				     .mem64 = { MEM64 },
				     .mem64_size = 64 * GiB,
				     .spi = SPI };

	memset(x, 0, sizeof(*x));
	ck_assert_int_eq(bus_create(&x->bus), 0);
	fake_irq_init(&x->irq, has_msi);
	ck_assert_int_eq(pci_create(&x->pci, x->bus, &map), 0);
	ck_assert_int_eq(vfio_iommu_create(&x->io), 0);
	ck_assert_int_eq(loop_create(&x->loop, "test"), 0);
	ck_assert_int_eq(vfio_conf_parse("00:10.0", &x->conf), 0);

	const struct vfio_env env = {
		.iommu = x->io,
		.pci = x->pci,
		.irq = &x->irq.irq,
		.loop = x->loop,
		.host = &rig_host,
		.arg = x,
	};

	return vfio_device_create(&x->v, &env, &x->conf, SLOT);
}

static inline struct fake_vfio_device *rig_up(struct rig *x)
{
	struct fake_vfio_device *d;

	fake_vfio_init();
	d = fake_vfio_add("0000:00:10.0", 3);
	ck_assert_int_eq(rig_start(x, true), 0);
	return d;
}

static inline void rig_down(struct rig *x)
{
	vfio_device_destroy(x->v);
	for (u32 i = 0; i < x->nr_slots; i++)
		ck_assert_uint_eq(x->slots[i].size, 0);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_uint_eq(fake_vfio.devices[0].bars[i].nr_maps, 0);
	ck_assert_int_eq(fake_vfio.devices[0].mode, -1);
	loop_destroy(x->loop);
	vfio_iommu_destroy(x->io);
	pci_destroy(x->pci);
	bus_destroy(x->bus);
	fake_irq_fini(&x->irq);
}

/* ---- the guest ---- */

static inline u64 rd(struct rig *x, u64 a, unsigned len)
{
	u64 val = 0;

	ck_assert_int_eq(bus_access(x->bus, gpa(a), len, false, &val), BUS_OK);
	return val;
}

static inline void wr(struct rig *x, u64 a, unsigned len, u64 val)
{
	ck_assert_int_eq(bus_access(x->bus, gpa(a), len, true, &val), BUS_OK);
}

static inline u64 cfg(unsigned off)
{
	return ECAM + SLOT * 0x8000 + off;
}

/* What the guest's vCPU finds at `a` without leaving the guest. */
static inline void *direct(struct rig *x, u64 a)
{
	for (u32 i = 0; i < x->nr_slots; i++) {
		const struct memslot *s = &x->slots[i];

		if (a >= s->at && a - s->at < s->size)
			return (char *)s->host + (a - s->at);
	}
	return NULL;
}

#endif
