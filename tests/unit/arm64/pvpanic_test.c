/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pvpanic: ids and register as drivers want them; a guest that says anything, often. */
#include "arm64/memmap.h"
#include "arm64/pvpanic.h"
#include "lkvm/vm/pci.h"
#include "tests/unit/suite.h"

#define ECAM (MEMMAP_PCI_ECAM + ((u64)PVPANIC_SLOT << 15))

static const struct pci_map map = {
	.ecam = { MEMMAP_PCI_ECAM },
	.ecam_size = MEMMAP_PCI_ECAM_SIZE,
	.mem = { MEMMAP_PCI_MEM },
	.mem_size = MEMMAP_PCI_MEM_SIZE,
	.spi = MEMMAP_SPI_PCI,
};

static struct bus *bus;
static struct pci *pci;
static struct pvpanic *dev;
static u64 said;
static unsigned nr_said;

static void on_said(void *arg, u64 bit)
{
	ck_assert_ptr_eq(arg, &said);
	ck_assert_uint_eq(said & bit, 0);
	said |= bit;
	nr_said++;
}

static void before(void)
{
	said = nr_said = 0;
	ck_assert_int_eq(bus_create(&bus), 0);
	ck_assert_int_eq(pci_create(&pci, bus, &map), 0);
	ck_assert_int_eq(pvpanic_create(&dev, pci, on_said, &said), 0);
}

static void after(void)
{
	pvpanic_destroy(dev);
	pci_destroy(pci);
	bus_destroy(bus);
}

static u64 get(u64 at, unsigned len)
{
	u64 val = 0;

	bus_access(bus, gpa(at), len, false, &val);
	return val;
}

static enum bus_result put(u64 at, unsigned len, u64 val)
{
	return bus_access(bus, gpa(at), len, true, &val);
}

static u64 reg(void)
{
	return get(ECAM + 0x10, 4) & ~UINT64_C(15);
}

/* [Linux drivers/misc/pvpanic/pvpanic-pci.c] */
START_TEST(as_drivers_find_it)
{
	ck_assert_uint_eq(get(ECAM, 4), 0x00111b36);
	ck_assert_uint_eq(get(ECAM + 8, 4), 0x08800001);
	ck_assert_uint_eq(get(ECAM + 0x2c, 4), 0x11001af4);
	/* Neither capabilities nor an interrupt. */
	ck_assert_uint_eq(get(ECAM + 6, 2) & 0x10, 0);
	ck_assert_uint_eq(get(ECAM + 0x34, 1), 0);
	ck_assert_uint_eq(get(ECAM + 0x3d, 1), 0);
	ck_assert_uint_ge(reg(), MEMMAP_PCI_MEM);
	ck_assert_uint_eq(get(reg(), 1), 7);
}
END_TEST

START_TEST(each_event)
{
	put(reg(), 1, 1);
	ck_assert_uint_eq(said, PVPANIC_PANICKED);
	put(reg(), 1, 2);
	ck_assert_uint_eq(said, PVPANIC_PANICKED | PVPANIC_CRASH_LOADED);
	put(reg(), 1, 4);
	ck_assert_uint_eq(said, 7);
	ck_assert_uint_eq(nr_said, 3);
}
END_TEST

START_TEST(all_at_once)
{
	put(reg(), 1, 0xff);
	ck_assert_uint_eq(said, 7);
	ck_assert_uint_eq(nr_said, 3);
}
END_TEST

/* Bits without a meaning, other places, other widths, the same again and again. */
START_TEST(a_hostile_driver)
{
	u64 at = reg();

	put(at, 1, 0xf8);
	for (u64 off = 1; off < 0x1000; off++) {
		ck_assert_uint_eq(get(at + off, 1), 0);
		put(at + off, 1, 0xff);
	}
	for (unsigned len = 2; len <= 8; len *= 2) {
		ck_assert_int_eq(put(at, len, ~UINT64_C(0)), BUS_BAD);
		ck_assert_uint_eq(get(at, len) & 0xffff, 0xffff);
	}
	put(ECAM + 0x3c, 4, ~UINT64_C(0));
	put(ECAM + 4, 2, 0xffff);
	put(ECAM + 4, 2, 2);
	ck_assert_uint_eq(nr_said, 0);
	for (unsigned i = 0; i < 100000; i++)
		put(at, 1, i);
	ck_assert_uint_eq(nr_said, 3);
	ck_assert_uint_eq(get(at, 1), 7);
}
END_TEST

START_TEST(no_second_one)
{
	struct pvpanic *second = NULL;

	ck_assert_int_lt(pvpanic_create(&second, pci, on_said, &said), 0);
	ck_assert_ptr_null(second);
	pvpanic_destroy(NULL);
}
END_TEST

SUITE_MAIN_FIXTURE("arm64/pvpanic", before, after, as_drivers_find_it, each_event, all_at_once,
		   a_hostile_driver, no_second_one)
