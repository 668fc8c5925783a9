/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An echo device in slot 1 of a PCI bus with a fake interrupt controller, and a driver beside it.
 */
#ifndef TESTS_UNIT_VIRTIO_PCI_RIG_H
#define TESTS_UNIT_VIRTIO_PCI_RIG_H

#include <string.h>

#include "tests/fake/driver.h"
#include "tests/fake/driver_dev.h"
#include "tests/fake/echo.h"
#include "tests/fake/irq.h"
#include "tests/fake/pci_shown.h"
#include "tests/fake/transport.h"
#include "tests/unit/suite.h"
#include "virtio/transport/pci.h"

#define ECAM UINT64_C(0x40000000)
#define WINDOW UINT64_C(0x50000000)
#define SLOT 1u
#define CFG (ECAM + SLOT * 0x8000)
#define DEVID (SLOT << 3)
#define SPI (64 + SLOT)
#define PLACE UINT64_C(0x60000000) /* where the driver puts the BARs */

#define F_BASE (VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET)

#define S_ACK VIRTIO_S_ACKNOWLEDGE
#define S_DRIVER VIRTIO_S_DRIVER
#define S_FEATURES VIRTIO_S_FEATURES_OK
#define S_OK VIRTIO_S_DRIVER_OK
#define S_ALIVE (S_ACK | S_DRIVER | S_FEATURES | S_OK)

/* Offsets in the common configuration that the driver's map does not name. */
#define CONFIG_VECTOR 0x10
#define NUM_QUEUES 0x12
#define QUEUE_VECTOR 0x1a
#define NOTIFY_OFF 0x1e

struct rig {
	struct mem *mem;
	struct loop *loop;
	struct fake_irq irq;
	struct bus *bus;
	struct pci *pci;
	struct fake_echo e;
	struct virtio_pci *v;
	struct fake_dev f;
	struct fake_ring r[2];
};

static struct fake_shown rig_shown;

static const struct pci_map rig_map = { .ecam = { ECAM },
					.ecam_size = 256 * MiB,
					.mem = { WINDOW },
					.mem_size = 768 * MiB,
					.spi = 64,
					.show = fake_show,
					.show_arg = &rig_shown };

static inline void rig_prepare(struct rig *x, bool has_msi)
{
	memset(x, 0, sizeof(*x));
	rig_shown = (struct fake_shown){ .ecam = ECAM };
	x->mem = fake_mem(0);
	fake_irq_init(&x->irq, has_msi);
	ck_assert_int_eq(loop_create(&x->loop, "test"), 0);
	ck_assert_int_eq(bus_create(&x->bus), 0);
	ck_assert_int_eq(pci_create(&x->pci, x->bus, &rig_map), 0);
	ck_assert_int_eq(fake_echo_init(&x->e, 0, x->mem, x->loop), 0);
}

static inline void rig_plug(struct rig *x)
{
	ck_assert_int_eq(virtio_pci_create(&x->v, &x->e.dev, x->pci, &x->irq.irq, SLOT), 0);
	pci_show(x->pci);
	ck_assert(fake_dev_pci(&x->f, x->bus, CFG, PLACE));
}

static inline void rig_up(struct rig *x, bool has_msi)
{
	rig_prepare(x, has_msi);
	rig_plug(x);
}

static inline void rig_down(struct rig *x)
{
	fake_reset(&x->e.dev);
	loop_stop(x->loop);
	virtio_pci_destroy(x->v);
	fake_echo_fini(&x->e);
	pci_destroy(x->pci);
	bus_destroy(x->bus);
	loop_destroy(x->loop);
	mem_destroy(x->mem);
	fake_irq_fini(&x->irq);
}

static inline u64 rd(struct rig *x, u64 a, unsigned len)
{
	u64 val = fake_read(&x->f, a, len);

	ck_assert_msg(fake_shown_same(&rig_shown, a, len, val), "%#llx", (unsigned long long)a);
	return val;
}

static inline void wr(struct rig *x, u64 a, unsigned len, u64 val)
{
	fake_write(&x->f, a, len, val);
}

static inline u8 status(struct rig *x)
{
	return (u8)fake_get(&x->f, FAKE_STATUS);
}

static inline void set_vector(struct rig *x, u16 queue, u16 vector)
{
	fake_set(&x->f, FAKE_QUEUE_SEL, queue);
	wr(x, x->f.regs + QUEUE_VECTOR, 2, vector);
}

static inline u32 get_vector(struct rig *x, u16 queue)
{
	fake_set(&x->f, FAKE_QUEUE_SEL, queue);
	return (u32)rd(x, x->f.regs + QUEUE_VECTOR, 2);
}

/* MSI-X on; vector i sends 100 + i. */
static inline void msix_on(struct rig *x)
{
	for (unsigned i = 0; i <= FAKE_ECHO_QUEUES; i++) {
		u64 entry = x->f.bar[2] + i * 16;

		wr(x, entry, 4, 0x8000040);
		wr(x, entry + 8, 8, 100 + i);
	}
	wr(x, CFG + x->f.cap_msix + 2, 2, 0x8000);
}

static inline u64 messages(struct rig *x, unsigned vector)
{
	return fake_irq_messages(&x->irq, DEVID, 100 + vector);
}

/* Negotiated, queues 0 and 1 enabled with 8 entries and, if `vectors`, vectors 1 and 2. */
static inline void bring_up(struct rig *x, u64 features, bool vectors)
{
	ck_assert(fake_dev_negotiate(&x->f, features));
	if (vectors)
		wr(x, x->f.regs + CONFIG_VECTOR, 2, 0);
	for (u16 i = 0; i < 2; i++) {
		fake_ring_init(&x->r[i], x->mem, FAKE_RING(i), 8, false);
		if (vectors)
			set_vector(x, i, i + 1);
		fake_dev_queue(&x->f, i, &x->r[i]);
	}
	fake_dev_driver_ok(&x->f);
	ck_assert_uint_eq(status(x), S_ALIVE);
}

#endif
