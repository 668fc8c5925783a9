/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BARs of functions that need room: 64 bits, small and large, in two windows. */
#include <errno.h>
#include <string.h>

#include "lkvm/vm/pci.h"
#include "tests/fake/irq.h"
#include "tests/unit/suite.h"

#define ECAM UINT64_C(0x40000000)
#define MEM UINT64_C(0x50000000)
#define MEM64 UINT64_C(0x1000000000)

struct fn {
	struct pci_func func;
	pthread_mutex_t lock;
	u64 mapped[PCI_BARS];
	u16 command;
};

static struct bus *bus;
static struct fake_irq irq;
static struct pci *pci;

static bool no_intx(void *dev)
{
	return false;
}

static void mapped(void *dev, unsigned bar, gpa_t at, bool on)
{
	struct fn *f = dev;

	ck_assert_uint_eq(f->mapped[bar], on ? 0 : at.a);
	f->mapped[bar] = on ? at.a : 0;
}

static void command(void *dev, u16 val)
{
	((struct fn *)dev)->command = val;
}

static u64 bar_read(void *dev, u64 off, unsigned len)
{
	return off;
}

static void bar_write(void *dev, u64 off, unsigned len, u64 val)
{
}

static const struct pci_ops fn_ops = { .intx = no_intx, .bar_mapped = mapped, .command = command };
static const struct bus_ops bar_ops = { .read = bar_read, .write = bar_write };

static void setup(u64 mem64_size)
{
	const struct pci_map map = { .ecam = { ECAM },
				     .ecam_size = 256 * MiB,
				     .io_size = 64 * KiB,
				     .mem = { MEM },
				     .mem_size = 768 * MiB,
				     .mem64 = { MEM64 },
				     .mem64_size = mem64_size,
				     .spi = 64 };

	ck_assert_int_eq(bus_create(&bus), 0);
	fake_irq_init(&irq, false);
	ck_assert_int_eq(pci_create(&pci, bus, &map), 0);
}

static void teardown(void)
{
	pci_destroy(pci);
	bus_destroy(bus);
	fake_irq_fini(&irq);
}

static void fn_init(struct fn *f)
{
	const struct pci_id id = { .vendor = 0x1234 };

	memset(f, 0, sizeof(*f));
	pthread_mutex_init(&f->lock, NULL);
	f->func = (struct pci_func){ .ops = &fn_ops,
				     .dev = f,
				     .name = "fn",
				     .lock = &f->lock,
				     .irq = &irq.irq,
				     .roomy = true };
	pci_func_init(&f->func, &id);
}

static u64 cfg(unsigned slot, unsigned off, unsigned len, bool write, u64 val)
{
	ck_assert_int_eq(bus_access(bus, gpa(ECAM + slot * 0x8000 + off), len, write, &val),
			 BUS_OK);
	return val;
}

#define BAR(n) (0x10 + 4 * (n))
#define RD(slot, off) cfg(slot, off, 4, false, 0)
#define WR(slot, off, val) cfg(slot, off, 4, true, val)

/* Behind the shares of all slots; each kind in its window, aligned to its size. */
START_TEST(places)
{
	struct fn a, b;

	setup(64 * GiB);
	fn_init(&a);
	pci_bar_add(&a.func, 0, 16, 0, BUS_W4, &bar_ops);
	pci_bar_add(&a.func, 1, 256 * MiB, PCI_BAR_PREFETCH, BUS_W4, &bar_ops);
	pci_bar_add(&a.func, 2, 16 * KiB, PCI_BAR_64, BUS_W4, &bar_ops);
	pci_bar_add(&a.func, 4, 32 * GiB, PCI_BAR_64 | PCI_BAR_PREFETCH, BUS_W4, &bar_ops);
	ck_assert_int_eq(pci_add(pci, &a.func, 0), 0);
	ck_assert_uint_eq(a.mapped[0], MEM + 0x200000);
	ck_assert_uint_eq(a.mapped[1], 0x60000000);
	ck_assert_uint_eq(a.mapped[2], MEM64);
	ck_assert_uint_eq(a.mapped[4], MEM64 + 32 * GiB);
	ck_assert_uint_eq(RD(0, BAR(1)), 0x60000008);
	ck_assert_uint_eq(RD(0, BAR(2)), 4);
	ck_assert_uint_eq(RD(0, BAR(3)), 0x10);
	ck_assert_uint_eq(RD(0, BAR(4)), 0xc);
	ck_assert_uint_eq(RD(0, 4) & 7, 2); /* bus mastering is for the driver to switch on */
	/* The second one has no room for its large BAR, and leaves nothing behind. */
	fn_init(&b);
	pci_bar_add(&b.func, 0, 4 * KiB, 0, BUS_W4, &bar_ops);
	pci_bar_add(&b.func, 4, 32 * GiB, PCI_BAR_64, BUS_W4, &bar_ops);
	ck_assert_int_eq(pci_add(pci, &b.func, 1), -ENOSPC);
	ck_assert_uint_eq(b.mapped[0], 0);
	ck_assert_uint_eq(RD(1, 0), 0xffffffff);
	pci_func_fini(&b.func);
	pci_func_fini(&a.func);
	teardown();
}
END_TEST

/* On a board without the second window 64-bit BARs are in the first. */
START_TEST(one_window)
{
	struct fn a;

	setup(0);
	fn_init(&a);
	pci_bar_add(&a.func, 0, 16 * KiB, PCI_BAR_64, BUS_W4, &bar_ops);
	ck_assert_int_eq(pci_add(pci, &a.func, 0), 0);
	ck_assert_uint_eq(a.mapped[0], MEM + 0x200000);
	WR(0, BAR(1), 0x10); /* where the window would be */
	ck_assert_uint_eq(a.mapped[0], 0);
	pci_func_fini(&a.func);
	teardown();
}
END_TEST

START_TEST(sizes_and_moves)
{
	struct fn a;

	setup(64 * GiB);
	fn_init(&a);
	pci_bar_add(&a.func, 0, 8 * GiB, PCI_BAR_64, BUS_W4, &bar_ops);
	pci_bar_add(&a.func, 2, 16, 0, BUS_W4, &bar_ops);
	ck_assert_int_eq(pci_add(pci, &a.func, 0), 0);
	WR(0, BAR(0), 0xffffffff);
	WR(0, BAR(1), 0xffffffff);
	WR(0, BAR(2), 0xffffffff);
	ck_assert_uint_eq(RD(0, BAR(0)), 4);
	ck_assert_uint_eq(RD(0, BAR(1)), 0xfffffffe);
	ck_assert_uint_eq(RD(0, BAR(2)), 0xfffffff0);
	ck_assert_uint_eq(a.mapped[0], 0);
	WR(0, BAR(1), 0x1e);
	WR(0, BAR(0), 0);
	ck_assert_uint_eq(a.mapped[0], UINT64_C(0x1e00000000));
	/* The last byte of the window, and the first behind it. */
	WR(0, BAR(1), 0x20);
	ck_assert_uint_eq(a.mapped[0], 0);
	WR(0, 4, 6);
	ck_assert_uint_eq(a.command, 6);
	pci_func_fini(&a.func);
	teardown();
}
END_TEST

SUITE_MAIN("lkvm/pci_bars", places, one_window, sizes_and_moves)
