/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts of an assigned device: which kind is on, who is bound, what waits while masked. */
#include "tests/unit/lkvm/vfio/rig.h"

#include <sys/eventfd.h>

#define TABLE (BAR0 + 0x2000)
#define PBA (BAR0 + 0x3000)
#define DEVID (SLOT << 3)
#define DOORBELL UINT64_C(0x3ff90040)

static void entry(struct rig *x, unsigned i, u32 data, u32 control)
{
	wr(x, TABLE + i * 16, 4, (u32)DOORBELL);
	wr(x, TABLE + i * 16 + 4, 4, (u32)(DOORBELL >> 32));
	wr(x, TABLE + i * 16 + 8, 4, data);
	wr(x, TABLE + i * 16 + 12, 4, control);
}

static void msix(struct rig *x, u32 control)
{
	wr(x, cfg(MSIX + 2), 2, control);
}

#define ENABLE 0x8000u
#define MASK 0x4000u

START_TEST(intx)
{
	struct rig x;
	struct fake_vfio_device *d = rig_up(&x);

	ck_assert_int_eq(d->mode, VFIO_PCI_INTX);
	ck_assert(x.irq.bound_level.used);
	ck_assert_uint_eq(x.irq.bound_level.spi, SPI + SLOT);
	ck_assert_int_eq(x.irq.bound_level.fd, d->fds[0]);
	ck_assert_int_eq(x.irq.bound_level.resample, d->unmask);
	msix(&x, ENABLE);
	ck_assert(!x.irq.bound_level.used);
	ck_assert_int_eq(d->mode, VFIO_PCI_MSIX);
	msix(&x, 0);
	ck_assert(x.irq.bound_level.used);
	ck_assert_int_eq(d->mode, VFIO_PCI_INTX);
	rig_down(&x);
}
END_TEST

START_TEST(messages)
{
	struct rig x;
	struct fake_vfio_device *d = rig_up(&x);

	ck_assert_uint_eq(rd(&x, TABLE + 12, 4), 1);
	msix(&x, ENABLE | MASK);
	ck_assert_uint_eq(d->nr_fds, 65);
	entry(&x, 0, 100, 0);
	entry(&x, 64, 164, 0);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 0);
	msix(&x, ENABLE);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 2);
	ck_assert(fake_vfio_interrupt(d, 64));
	ck_assert(fake_vfio_interrupt(d, 0));
	ck_assert(fake_vfio_interrupt(d, 0));
	ck_assert_uint_eq(fake_irq_messages(&x.irq, DEVID, 164), 1);
	ck_assert_uint_eq(fake_irq_messages(&x.irq, DEVID, 100), 2);
	/* The guest moves one to another CPU. */
	entry(&x, 64, 264, 0);
	ck_assert(fake_vfio_interrupt(d, 64));
	ck_assert_uint_eq(fake_irq_messages(&x.irq, DEVID, 264), 1);
	msix(&x, 0);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 0);
	rig_down(&x);
}
END_TEST

/* What comes while a vector is masked is one message, when it no longer is; and shown meanwhile. */
START_TEST(masked)
{
	struct rig x;
	struct fake_vfio_device *d = rig_up(&x);

	msix(&x, ENABLE);
	entry(&x, 33, 5, 0);
	wr(&x, TABLE + 33 * 16 + 12, 4, 1);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 0);
	ck_assert_uint_eq(rd(&x, PBA, 8), 0);
	fake_vfio_interrupt(d, 33);
	fake_vfio_interrupt(d, 33);
	ck_assert_uint_eq(rd(&x, PBA, 8), BIT(33));
	ck_assert_uint_eq(rd(&x, PBA + 4, 4), 2);
	ck_assert_uint_eq(rd(&x, PBA + 8, 8), 0);
	wr(&x, TABLE + 33 * 16 + 12, 4, 0);
	ck_assert_uint_eq(fake_irq_messages(&x.irq, DEVID, 5), 1);
	ck_assert_uint_eq(rd(&x, PBA, 8), 0);
	/* By the function's mask, too. */
	msix(&x, ENABLE | MASK);
	fake_vfio_interrupt(d, 33);
	ck_assert_uint_eq(rd(&x, PBA, 8), BIT(33));
	msix(&x, ENABLE);
	ck_assert_uint_eq(fake_irq_messages(&x.irq, DEVID, 5), 1);
	/* What waits is gone with what it was for. */
	msix(&x, ENABLE | MASK);
	fake_vfio_interrupt(d, 33);
	msix(&x, 0);
	msix(&x, ENABLE);
	ck_assert_uint_eq(fake_irq_messages(&x.irq, DEVID, 5), 0);
	rig_down(&x);
}
END_TEST

START_TEST(the_table)
{
	struct rig x;

	rig_up(&x);
	wr(&x, TABLE, 8, UINT64_MAX);
	ck_assert_uint_eq(rd(&x, TABLE, 8), 0xfffffffffffffffc);
	wr(&x, TABLE + 8, 8, UINT64_MAX);
	ck_assert_uint_eq(rd(&x, TABLE + 8, 8), 0x1ffffffff);
	wr(&x, TABLE + 64 * 16 + 8, 4, 0x42);
	ck_assert_uint_eq(rd(&x, TABLE + 64 * 16 + 8, 4), 0x42);
	/* Narrow accesses are nothing; behind the table the device goes on. */
	wr(&x, TABLE + 8, 2, 0);
	ck_assert_uint_eq(rd(&x, TABLE + 8, 4), 0xffffffff);
	ck_assert_uint_eq(rd(&x, TABLE + 8, 1), 0);
	wr(&x, TABLE + 65 * 16, 4, 0x77);
	ck_assert_uint_eq(fake_vfio.devices[0].bars[0].mem[0x2000 + 65 * 16], 0x77);
	ck_assert_uint_eq(fake_vfio.devices[0].bars[0].mem[0x2000], 0);
	wr(&x, PBA, 8, UINT64_MAX);
	ck_assert_uint_eq(rd(&x, PBA, 8), 0);
	rig_down(&x);
}
END_TEST

START_TEST(msi)
{
	struct rig x;
	struct fake_vfio_device *d = rig_up(&x);

	wr(&x, cfg(MSI + 4), 4, (u32)DOORBELL);
	wr(&x, cfg(MSI + 8), 4, 0);
	wr(&x, cfg(MSI + 12), 2, 0x1238);
	wr(&x, cfg(MSI + 2), 2, 0x21); /* four messages */
	ck_assert_int_eq(d->mode, VFIO_PCI_MSI);
	ck_assert_uint_eq(d->nr_fds, 8);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 4);
	fake_vfio_interrupt(d, 3);
	ck_assert_uint_eq(fake_irq_messages(&x.irq, DEVID, 0x123b), 1);
	/* More than it has, as a power of two that does not exist: as many as it has. */
	wr(&x, cfg(MSI + 2), 2, 0x71);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 8);
	wr(&x, cfg(MSI + 2), 2, 0x01);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 1);
	fake_vfio_interrupt(d, 0);
	ck_assert_uint_eq(fake_irq_messages(&x.irq, DEVID, 0x1238), 1);
	/* MSI-X has precedence; then MSI again. */
	msix(&x, ENABLE);
	ck_assert_int_eq(d->mode, VFIO_PCI_MSIX);
	msix(&x, 0);
	ck_assert_int_eq(d->mode, VFIO_PCI_MSI);
	wr(&x, cfg(MSI + 2), 2, 0);
	ck_assert_int_eq(d->mode, VFIO_PCI_INTX);
	rig_down(&x);
}
END_TEST

static const struct irq_ops *kind;
static unsigned first_came;

static void unbind_and_interrupt(struct irq *i, int *route, int fd)
{
	kind->msi_unbind(i, route, fd);
	first_came += fd == fake_vfio.devices[0].fds[0];
	eventfd_write(fd, 1);
}

/* What comes while the guest moves its messages, or asks for fewer, is not lost. */
START_TEST(msi_moves)
{
	struct irq_ops racing;
	struct rig x;

	rig_up(&x);
	wr(&x, cfg(MSI + 4), 4, (u32)DOORBELL);
	wr(&x, cfg(MSI + 12), 2, 0x1238);
	wr(&x, cfg(MSI + 2), 2, 0x21);
	kind = x.irq.irq.ops;
	racing = *kind;
	racing.msi_unbind = unbind_and_interrupt;
	x.irq.irq.ops = &racing;
	wr(&x, cfg(MSI + 2), 2, 0x11);
	x.irq.irq.ops = kind;
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 2);
	fake_vfio_interrupt(&fake_vfio.devices[0], 0);
	ck_assert_uint_eq(fake_irq_messages(&x.irq, DEVID, 0x1238), first_came + 1);
	wr(&x, cfg(MSI + 2), 2, 0x21);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 4);
	rig_down(&x);
}
END_TEST

/* 32-bit MSI: its data lies elsewhere. */
START_TEST(msi_32)
{
	struct rig x;
	struct fake_vfio_device *d;

	fake_vfio_init();
	d = fake_vfio_add("0000:00:10.0", 3);
	d->config[0x52] = 0;
	d->irqs[VFIO_PCI_MSI] = 1;
	ck_assert_int_eq(rig_start(&x, true), 0);
	wr(&x, cfg(MSI + 4), 4, (u32)DOORBELL);
	wr(&x, cfg(MSI + 8), 2, 9);
	wr(&x, cfg(MSI + 2), 2, 0x71);
	fake_vfio_interrupt(d, 0);
	ck_assert_uint_eq(d->nr_fds, 1);
	ck_assert_uint_eq(fake_irq_messages(&x.irq, DEVID, 9), 1); /* not one of 128 */
	rig_down(&x);
}
END_TEST

/* A host with fewer interrupts than the device wants, or with none. */
START_TEST(few)
{
	struct rig x;
	struct fake_vfio_device *d = rig_up(&x);

	d->max_irqs = 4;
	msix(&x, ENABLE);
	ck_assert_int_eq(d->mode, VFIO_PCI_MSIX);
	ck_assert_uint_eq(d->nr_fds, 4);
	msix(&x, 0);
	fake_vfio.fail_req = VFIO_DEVICE_SET_IRQS;
	fake_vfio.fail_err = ENOSPC;
	fake_vfio.fail_nth = 1;
	msix(&x, ENABLE);
	ck_assert_int_eq(d->mode, -1);
	fake_vfio.fail_err = 0;
	msix(&x, 0);
	ck_assert_int_eq(d->mode, VFIO_PCI_INTX);
	/* KVM without routes: the vector stays silent, and nothing else. */
	x.irq.max_routes = 1;
	msix(&x, ENABLE);
	entry(&x, 0, 1, 0);
	entry(&x, 1, 2, 0);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 1);
	/* KVM without level-triggered eventfds: no INTx. */
	x.irq.level_err = -EINVAL;
	msix(&x, 0);
	ck_assert_int_eq(d->mode, -1);
	rig_down(&x);
}
END_TEST

START_TEST(many_vectors)
{
	struct rig x;
	struct fake_vfio_device *d;

	fake_vfio_init();
	d = fake_vfio_add("0000:00:10.0", 3);
	d->config[0xb2] = 0xff;
	d->config[0xb3] = 0x07;
	d->bars[0].size = 128 * KiB;
	d->config[0xb9] = 0x90;
	d->irqs[VFIO_PCI_MSIX] = 2048;
	ck_assert_int_eq(rig_start(&x, true), 0);
	ck_assert_uint_eq(rd(&x, cfg(MSIX + 2), 2), 255);
	msix(&x, ENABLE);
	ck_assert_uint_eq(d->nr_fds, 256);
	rig_down(&x);
}
END_TEST

SUITE_MAIN("lkvm/vfio/intr", intx, messages, masked, the_table, msi, msi_moves, msi_32, few,
	   many_vectors)
