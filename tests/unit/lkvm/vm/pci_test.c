/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host bridge: configuration space, BARs that move, capabilities, INTA#. */
#include <errno.h>
#include <string.h>

#include "lkvm/vm/pci.h"
#include "tests/fake/irq.h"
#include "tests/fake/pci_shown.h"
#include "tests/unit/suite.h"

#define ECAM UINT64_C(0x40000000)
#define ECAM_SIZE (256 * MiB)
#define MEM UINT64_C(0x50000000)
#define MEM_SIZE (768 * MiB)
#define SPI 64u
#define ONES 0xffffffffu

#define COMMAND 0x04
#define BAR0 0x10
#define BAR1 0x14
#define BAR2 0x18

static struct fake_shown shown;

static const struct pci_map map = { .ecam = { ECAM },
				    .ecam_size = ECAM_SIZE,
				    .io = { 0 },
				    .io_size = 64 * KiB,
				    .mem = { MEM },
				    .mem_size = MEM_SIZE,
				    .spi = SPI,
				    .show = fake_show,
				    .show_arg = &shown };

/* A function with BAR 0 of 16 KiB and BAR 2 of 4 KiB. Reads of BAR n return tag << 4 | n. */
struct fn {
	struct pci_func func;
	pthread_mutex_t lock;
	u32 tag;
	_Atomic bool want; /* INTA# */
	u64 mapped[PCI_BARS];
	u64 bar_off, bar_val;
	unsigned cap_reads, cap_writes, cap_off, cap_len;
	u8 cap;
};

struct rig {
	struct bus *bus;
	struct fake_irq irq;
	struct pci *pci;
	struct fn fn[2];
};

static bool fn_intx(void *dev)
{
	struct fn *f = dev;

	return atomic_load(&f->want);
}

static void fn_mapped(void *dev, unsigned bar, gpa_t at, bool on)
{
	struct fn *f = dev;

	/* On and off alternate, and off names the place that on named. */
	ck_assert_uint_eq(f->mapped[bar], on ? 0 : at.a);
	f->mapped[bar] = on ? at.a : 0;
}

static const struct pci_ops fn_ops = { .intx = fn_intx, .bar_mapped = fn_mapped };

static u64 bar0_read(void *dev, u64 off, unsigned len)
{
	struct fn *f = dev;

	return f->tag << 4;
}

static u64 bar2_read(void *dev, u64 off, unsigned len)
{
	struct fn *f = dev;

	return f->tag << 4 | 2;
}

static void bar_write(void *dev, u64 off, unsigned len, u64 val)
{
	struct fn *f = dev;

	f->bar_off = off;
	f->bar_val = val;
}

static const struct bus_ops bar0_ops = { .read = bar0_read, .write = bar_write };
static const struct bus_ops bar2_ops = { .read = bar2_read, .write = bar_write };

static void cap_read(void *arg, unsigned off, unsigned len)
{
	struct fn *f = arg;

	f->cap_reads++;
	if (f->cap_writes)
		f->func.cfg[f->cap + 8] = 0x5a; /* what a read refreshes */
}

static void cap_written(void *arg, unsigned off, unsigned len)
{
	struct fn *f = arg;

	f->cap_writes++;
	f->cap_off = off;
	f->cap_len = len;
}

static const struct pci_cap_ops live_ops = { .read = cap_read, .written = cap_written };
static const struct pci_cap_ops cap_ops = { .read = cap_read,
					    .read_needs_write = true,
					    .written = cap_written };

static void fn_init_with(struct fn *f, struct rig *x, u32 tag, const struct pci_cap_ops *ops)
{
	const struct pci_id id = { .vendor = 0x1234,
				   .device = 0x5678,
				   .subsys_vendor = 0x9abc,
				   .subsys = 0xdef0,
				   .class_code = 0x020304,
				   .revision = 7 };
	const u8 plain[8] = { 0, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66 };
	const u8 body[12] = { [4] = 0xf0, [11] = 0xff };
	const u8 wmask[12] = { [4] = 0x0f, [5] = 0xff };

	pthread_mutex_init(&f->lock, NULL);
	f->tag = tag;
	f->func = (struct pci_func){
		.ops = &fn_ops, .dev = f, .name = "fn", .lock = &f->lock, .irq = &x->irq.irq
	};
	pci_func_init(&f->func, &id);
	pci_bar_add(&f->func, 0, 16 * KiB, 0, BUS_W_ALL, &bar0_ops);
	pci_bar_add(&f->func, 2, 4 * KiB, 0, BUS_W4, &bar2_ops);
	ck_assert_uint_eq(pci_cap_add(&f->func, 9, plain, NULL, sizeof(plain), NULL, NULL), 0x40);
	f->cap = pci_cap_add(&f->func, 0x11, body, wmask, sizeof(body), ops, f);
}

static void fn_init(struct fn *f, struct rig *x, u32 tag)
{
	fn_init_with(f, x, tag, &cap_ops);
}

static void rig_up(struct rig *x)
{
	memset(x, 0, sizeof(*x));
	shown = (struct fake_shown){ .ecam = ECAM };
	ck_assert_int_eq(bus_create(&x->bus), 0);
	fake_irq_init(&x->irq, false);
	ck_assert_int_eq(pci_create(&x->pci, x->bus, &map), 0);
	for (u32 i = 0; i < 2; i++) {
		fn_init(&x->fn[i], x, i + 1);
		ck_assert_int_eq(pci_add(x->pci, &x->fn[i].func, i), 0);
	}
	pci_show(x->pci);
}

static void rig_down(struct rig *x)
{
	for (unsigned i = 0; i < 2; i++) {
		pci_func_fini(&x->fn[i].func);
		ck_assert_uint_eq(x->fn[i].mapped[0] | x->fn[i].mapped[2], 0);
	}
	pci_destroy(x->pci);
	bus_destroy(x->bus);
	fake_irq_fini(&x->irq);
}

static u64 rd(struct rig *x, u64 a, unsigned len)
{
	u64 val = 0;

	ck_assert_int_eq(bus_access(x->bus, gpa(a), len, false, &val), BUS_OK);
	ck_assert_msg(fake_shown_same(&shown, a, len, val), "%#llx", (unsigned long long)a);
	return val;
}

static void wr(struct rig *x, u64 a, unsigned len, u64 val)
{
	ck_assert_int_eq(bus_access(x->bus, gpa(a), len, true, &val), BUS_OK);
}

static u64 cfg(unsigned slot, unsigned off)
{
	return ECAM + slot * 0x8000 + off;
}

static bool unmapped(struct rig *x, u64 a)
{
	u64 val;

	return bus_access(x->bus, gpa(a), 4, false, &val) == BUS_UNMAPPED;
}

/* [PCI 3.0 §6.1, §6.2.1, §6.2.4] */
START_TEST(header)
{
	struct rig x;

	rig_up(&x);
	ck_assert_uint_eq(rd(&x, cfg(0, 0), 4), 0x56781234);
	ck_assert_uint_eq(rd(&x, cfg(0, 2), 2), 0x5678);
	ck_assert_uint_eq(rd(&x, cfg(0, 8), 4), 0x02030407);
	ck_assert_uint_eq(rd(&x, cfg(0, 0x0e), 1), 0); /* type 0, one function */
	ck_assert_uint_eq(rd(&x, cfg(0, 0x2c), 4), 0xdef09abc);
	ck_assert_uint_eq(rd(&x, cfg(0, 0x30), 4), 0);	/* no ROM */
	ck_assert_uint_eq(rd(&x, cfg(0, 0x3d), 1), 1);	/* INTA# */
	ck_assert_uint_eq(rd(&x, cfg(0, 0x100), 4), 0); /* no extended capability */
	ck_assert_uint_eq(rd(&x, cfg(0, 0xffc), 4), 0);
	wr(&x, cfg(0, 0x100), 4, ONES);
	ck_assert_uint_eq(rd(&x, cfg(0, 0x100), 4), 0);
	rig_down(&x);
}
END_TEST

/* [PCI 3.0 §6.1] A function that is not there reads as ones; so do all other buses. */
START_TEST(nobody_home)
{
	struct rig x;
	const u64 at[] = { cfg(2, 0),	   cfg(31, 0),	    cfg(0, 0x1000),  cfg(0, 0x7ffc),
			   cfg(1, 0x3000), cfg(31, 0x7ffc), ECAM + 0x100000, ECAM + ECAM_SIZE - 4 };

	rig_up(&x);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		ck_assert_uint_eq(rd(&x, at[i], 4), ONES);
		ck_assert_uint_eq(rd(&x, at[i], 2), 0xffff);
		wr(&x, at[i], 4, 0);
		ck_assert_uint_eq(rd(&x, at[i], 4), ONES);
	}
	/* The I/O window: no function has an I/O BAR. */
	ck_assert_uint_eq(rd(&x, 0x6200, 1), 0xff);
	wr(&x, 0xcf8, 4, 0x80000000);
	ck_assert_uint_eq(rd(&x, 0xcfc, 4), ONES);
	rig_down(&x);
}
END_TEST

/* Every bit of the configuration space that a guest can change. */
START_TEST(writable_bits)
{
	struct rig x;

	rig_up(&x);
	for (unsigned off = 0; off < 0x40; off += 4) {
		u32 writable;

		wr(&x, cfg(0, off), 4, ONES);
		writable = (u32)rd(&x, cfg(0, off), 4);
		wr(&x, cfg(0, off), 4, 0);
		writable ^= (u32)rd(&x, cfg(0, off), 4);
		switch (off) {
		case COMMAND:
			ck_assert_uint_eq(writable, 0x0546);
			break;
		case 0x0c:
			ck_assert_uint_eq(writable, 0xff); /* cache line size */
			break;
		case BAR0:
			ck_assert_uint_eq(writable, 0xffffc000);
			break;
		case BAR2:
			ck_assert_uint_eq(writable, 0xfffff000);
			break;
		case 0x3c:
			ck_assert_uint_eq(writable, 0xff); /* interrupt line */
			break;
		default:
			ck_assert_msg(writable == 0, "%#x: %#x", off, writable);
		}
	}
	rig_down(&x);
}
END_TEST

START_TEST(narrow_writes)
{
	struct rig x;

	rig_up(&x);
	wr(&x, cfg(0, BAR0 + 2), 2, 0x6123);
	ck_assert_uint_eq(rd(&x, cfg(0, BAR0), 4), 0x61230000);
	wr(&x, cfg(0, BAR0 + 1), 1, 0xff);
	ck_assert_uint_eq(rd(&x, cfg(0, BAR0), 4), 0x6123c000);
	ck_assert_uint_eq(x.fn[0].mapped[0], 0x6123c000);
	wr(&x, cfg(0, COMMAND), 1, 0);
	ck_assert_uint_eq(x.fn[0].mapped[0], 0);
	rig_down(&x);
}
END_TEST

/* As firmware leaves it, and the same on every host. */
START_TEST(preassigned)
{
	struct rig x;

	rig_up(&x);
	for (u32 s = 0; s < 2; s++) {
		ck_assert_uint_eq(rd(&x, cfg(s, BAR0), 4), MEM + s * 0x10000);
		ck_assert_uint_eq(rd(&x, cfg(s, BAR2), 4), MEM + s * 0x10000 + 0x4000);
		ck_assert_uint_eq(rd(&x, cfg(s, BAR1), 4), 0);
		ck_assert_uint_eq(rd(&x, cfg(s, COMMAND), 2), 6);
		ck_assert_uint_eq(rd(&x, MEM + s * 0x10000, 4), (s + 1) << 4);
		ck_assert_uint_eq(rd(&x, MEM + s * 0x10000 + 0x3ffc, 4), (s + 1) << 4);
		ck_assert_uint_eq(rd(&x, MEM + s * 0x10000 + 0x4000, 4), (s + 1) << 4 | 2);
		ck_assert(unmapped(&x, MEM + s * 0x10000 + 0x5000));
	}
	rig_down(&x);
}
END_TEST

/* [PCI 3.0 §6.2.5.1] Sizing: all ones, read back; nothing answers there meanwhile. */
START_TEST(bar_sizing)
{
	struct rig x;

	rig_up(&x);
	wr(&x, cfg(0, BAR0), 4, ONES);
	ck_assert_uint_eq(rd(&x, cfg(0, BAR0), 4), 0xffffc000);
	ck_assert(unmapped(&x, MEM));
	ck_assert(unmapped(&x, 0xffffc000));
	wr(&x, cfg(0, BAR1), 4, ONES);
	ck_assert_uint_eq(rd(&x, cfg(0, BAR1), 4), 0);
	wr(&x, cfg(0, BAR2), 4, ONES);
	ck_assert_uint_eq(rd(&x, cfg(0, BAR2), 4), 0xfffff000);
	wr(&x, cfg(0, BAR0), 4, MEM);
	ck_assert_uint_eq(rd(&x, MEM, 4), 1 << 4);
	rig_down(&x);
}
END_TEST

START_TEST(bar_moves)
{
	struct rig x;

	rig_up(&x);
	wr(&x, cfg(0, BAR0), 4, 0x7fffc000); /* the last place in the window */
	ck_assert(unmapped(&x, MEM));
	ck_assert_uint_eq(rd(&x, 0x7fffc000, 4), 1 << 4);
	ck_assert_uint_eq(x.fn[0].mapped[0], 0x7fffc000);
	/* Outside of the window nothing arrives: not on RAM, not on the ECAM, not at 0. */
	wr(&x, cfg(0, BAR0), 4, 0x80000000);
	ck_assert(unmapped(&x, 0x80000000));
	wr(&x, cfg(0, BAR0), 4, 0x4fffc000);
	ck_assert_uint_eq(x.fn[0].mapped[0], 0);
	ck_assert_uint_eq(rd(&x, 0x4fffc000, 4), ONES);
	wr(&x, cfg(0, BAR0), 4, 0);
	ck_assert_uint_eq(x.fn[0].mapped[0], 0);
	wr(&x, cfg(0, BAR0), 4, 0x60000000);
	ck_assert_uint_eq(rd(&x, 0x60000000, 4), 1 << 4);
	rig_down(&x);
}
END_TEST

/* [PCI 3.0 §6.2.2] bit 1 */
START_TEST(memory_decoding)
{
	struct rig x;

	rig_up(&x);
	wr(&x, cfg(0, COMMAND), 2, 4);
	ck_assert(unmapped(&x, MEM));
	ck_assert(unmapped(&x, MEM + 0x4000));
	wr(&x, cfg(0, BAR0), 4, 0x60000000);
	ck_assert(unmapped(&x, 0x60000000));
	wr(&x, cfg(0, COMMAND), 2, 6);
	ck_assert_uint_eq(rd(&x, 0x60000000, 4), 1 << 4);
	ck_assert_uint_eq(rd(&x, MEM + 0x4000, 4), 1 << 4 | 2);
	rig_down(&x);
}
END_TEST

/*
 * Linux swaps BARs with decoding on: the one that comes too early gets its place when it is free.
 */
START_TEST(bars_swap)
{
	struct rig x;

	rig_up(&x);
	wr(&x, cfg(0, BAR0), 4, MEM + 0x10000); /* where function 1 is */
	ck_assert(unmapped(&x, MEM));
	ck_assert_uint_eq(rd(&x, MEM + 0x10000, 4), 2 << 4); /* who is there stays */
	ck_assert_uint_eq(x.fn[0].mapped[0], 0);
	wr(&x, cfg(1, BAR0), 4, MEM);
	ck_assert_uint_eq(rd(&x, MEM, 4), 2 << 4);
	ck_assert_uint_eq(rd(&x, MEM + 0x10000, 4), 1 << 4);
	ck_assert_uint_eq(x.fn[0].mapped[0], MEM + 0x10000);
	/* Within one function, and by decoding that goes off. */
	wr(&x, cfg(0, BAR2), 4, MEM + 0x12000);
	ck_assert_uint_eq(x.fn[0].mapped[2], 0);
	wr(&x, cfg(0, BAR0), 4, MEM + 0x4000);
	ck_assert_uint_eq(x.fn[0].mapped[2], MEM + 0x12000);
	wr(&x, cfg(0, BAR0), 4, MEM);
	ck_assert_uint_eq(x.fn[0].mapped[0], 0);
	wr(&x, cfg(1, COMMAND), 2, 0);
	ck_assert_uint_eq(rd(&x, MEM, 4), 1 << 4);
	/* Back on: now function 1 waits. */
	wr(&x, cfg(1, COMMAND), 2, 2);
	ck_assert_uint_eq(x.fn[1].mapped[0], 0);
	ck_assert_uint_eq(rd(&x, MEM, 4), 1 << 4);
	rig_down(&x);
}
END_TEST

START_TEST(bar_access_off_the_bus)
{
	struct rig x;
	struct pci_func *f;
	u64 val = 0;

	rig_up(&x);
	f = &x.fn[0].func;
	ck_assert_int_eq(pci_bar_access(f, 0, 8, 4, false, &val), BUS_OK);
	ck_assert_uint_eq(val, 1 << 4);
	val = 0x77;
	ck_assert_int_eq(pci_bar_access(f, 2, 0xffc, 4, true, &val), BUS_OK);
	ck_assert_uint_eq(x.fn[0].bar_off, 0xffc);
	ck_assert_uint_eq(x.fn[0].bar_val, 0x77);
	ck_assert_int_eq(pci_bar_access(f, 2, 0x1000, 4, false, &val), BUS_UNMAPPED);
	ck_assert_int_eq(pci_bar_access(f, 0, UINT64_MAX - 3, 4, false, &val), BUS_UNMAPPED);
	ck_assert_int_eq(pci_bar_access(f, 1, 0, 4, false, &val), BUS_UNMAPPED);
	ck_assert_int_eq(pci_bar_access(f, 6, 0, 4, false, &val), BUS_UNMAPPED);
	ck_assert_int_eq(pci_bar_access(f, 255, 0, 4, false, &val), BUS_UNMAPPED);
	ck_assert_int_eq(pci_bar_access(f, 2, 0, 2, false, &val), BUS_BAD);
	ck_assert_int_eq(pci_bar_access(f, 0, 2, 4, false, &val), BUS_BAD);
	ck_assert_int_eq(pci_bar_access(f, 0, 0, 3, false, &val), BUS_BAD);
	rig_down(&x);
}
END_TEST

/* [PCI 3.0 §6.7] */
START_TEST(capabilities)
{
	struct rig x;
	struct fn *f;

	rig_up(&x);
	f = &x.fn[0];
	ck_assert_uint_eq(rd(&x, cfg(0, 6), 2) & 0x10, 0x10); /* status: there is a list */
	ck_assert_uint_eq(rd(&x, cfg(0, 0x34), 1), 0x40);
	ck_assert_uint_eq(rd(&x, cfg(0, 0x40), 4), 0x22114809);
	ck_assert_uint_eq(rd(&x, cfg(0, 0x48), 4), 0x00000011); /* the last */
	/* Only what the mask allows. */
	wr(&x, cfg(0, 0x40), 4, 0);
	ck_assert_uint_eq(rd(&x, cfg(0, 0x40), 4), 0x22114809);
	ck_assert_uint_eq(f->cap_writes, 0);
	wr(&x, cfg(0, 0x4c), 4, 0xaaaa5555);
	ck_assert_uint_eq(f->cap_writes, 1);
	ck_assert_uint_eq(f->cap_off, 4);
	ck_assert_uint_eq(f->cap_len, 4);
	ck_assert_uint_eq(rd(&x, cfg(0, 0x4c), 4), 0x000055f5);
	wr(&x, cfg(0, 0x4d), 1, 0);
	ck_assert_uint_eq(f->cap_off, 5);
	/* A read may refresh what it reads. */
	f->func.cfg[f->cap + 8] = 0;
	ck_assert_uint_eq(rd(&x, cfg(0, 0x50), 1), 0x5a);
	ck_assert_uint_eq(f->cap_reads, 3);
	/* Behind the list. */
	wr(&x, cfg(0, 0x54), 4, ONES);
	ck_assert_uint_eq(rd(&x, cfg(0, 0x54), 4), 0);
	ck_assert_uint_eq(f->cap_writes, 2);
	rig_down(&x);
}
END_TEST

/* [PCI 3.0 §6.2.2 bit 10, §6.2.3 bit 3] */
START_TEST(intx)
{
	struct rig x;
	struct fn *f;

	rig_up(&x);
	f = &x.fn[1];
	atomic_store(&f->want, true);
	pci_intx_update(&f->func);
	ck_assert(x.irq.level[SPI + 1]);
	ck_assert(!x.irq.level[SPI]);
	ck_assert_uint_eq(rd(&x, cfg(1, 6), 2) & 8, 8);
	ck_assert_uint_eq(rd(&x, cfg(0, 6), 2) & 8, 0);
	/* Disabled: the line goes low, the status bit stays. */
	wr(&x, cfg(1, COMMAND), 2, 0x406);
	ck_assert(!x.irq.level[SPI + 1]);
	ck_assert_uint_eq(rd(&x, cfg(1, 4), 4), 0x00180406);
	wr(&x, cfg(1, COMMAND), 2, 0x006);
	ck_assert(x.irq.level[SPI + 1]);
	atomic_store(&f->want, false);
	pci_intx_update(&f->func);
	ck_assert(!x.irq.level[SPI + 1]);
	ck_assert_uint_eq(rd(&x, cfg(1, 6), 2) & 8, 0);
	/* What is asserted when the function goes leaves no line behind. */
	atomic_store(&f->want, true);
	pci_intx_update(&f->func);
	rig_down(&x);
	ck_assert(!x.irq.level[SPI + 1]);
}
END_TEST

static void *toggle(void *arg)
{
	struct fn *f = arg;

	for (unsigned i = 0; i < 5000; i++) {
		atomic_store(&f->want, i & 1);
		pci_intx_update(&f->func);
	}
	return NULL;
}

/* Two threads that change the request and the mask: the line ends where the state says. */
START_TEST(intx_races)
{
	struct rig x;
	pthread_t t;

	rig_up(&x);
	for (unsigned round = 0; round < 4; round++) {
		ck_assert_int_eq(pthread_create(&t, NULL, toggle, &x.fn[0]), 0);
		for (unsigned i = 0; i < 5000; i++)
			wr(&x, cfg(0, COMMAND), 2, i & 1 ? 6 : 0x406);
		pthread_join(t, NULL);
		ck_assert(atomic_load(&x.fn[0].want));
		ck_assert(x.irq.level[SPI]);
		wr(&x, cfg(0, COMMAND), 2, 0x406);
		ck_assert(!x.irq.level[SPI]);
	}
	rig_down(&x);
}
END_TEST

static u32 page32(unsigned slot, unsigned off)
{
	u32 val;

	ck_assert_ptr_nonnull(shown.page[slot]);
	memcpy(&val, shown.page[slot] + off, sizeof(val));
	return val;
}

/* A read of the page is none of ours: what it shows has to be there before anybody asks. */
START_TEST(page_is_up_to_date)
{
	struct rig x;

	rig_up(&x);
	for (unsigned off = 0; off < PCI_PAGE_SIZE; off += 4) {
		ck_assert_uint_eq(page32(1, off), rd(&x, cfg(1, off), 4));
		ck_assert_uint_eq(page32(1, off) & 0xff, rd(&x, cfg(1, off), 1));
	}
	wr(&x, cfg(1, BAR0), 4, ONES);
	ck_assert_uint_eq(page32(1, BAR0), 0xffffc000);
	wr(&x, cfg(1, BAR0), 4, MEM + 0x10000);
	ck_assert_uint_eq(page32(1, BAR0), MEM + 0x10000);
	wr(&x, cfg(1, 0x3c), 1, 0x99);
	ck_assert_uint_eq(page32(1, 0x3c), 0x0199);
	ck_assert_uint_eq(page32(1, COMMAND), 0x00100006);
	atomic_store(&x.fn[1].want, true);
	pci_intx_update(&x.fn[1].func);
	ck_assert_uint_eq(page32(1, COMMAND), 0x00180006);
	/* What has not changed is not written. */
	((u8 *)shown.page[1])[6] = 0x99;
	pci_intx_update(&x.fn[1].func);
	ck_assert_uint_eq(page32(1, COMMAND), 0x00990006);
	((u8 *)shown.page[1])[6] = 0x18;
	wr(&x, cfg(1, COMMAND), 2, 0x406);
	ck_assert_uint_eq(page32(1, COMMAND), 0x00180406);
	atomic_store(&x.fn[1].want, false);
	pci_intx_update(&x.fn[1].func);
	ck_assert_uint_eq(page32(1, COMMAND), 0x00100406);
	ck_assert_uint_eq(shown.changes, 2);
	rig_down(&x);
}
END_TEST

/* Where a read has an effect there is no page, or none any more once it may have. */
START_TEST(page_goes_where_reads_have_effects)
{
	struct rig x;
	struct fn f = { 0 };

	rig_up(&x);
	fn_init_with(&f, &x, 9, &live_ops);
	ck_assert_int_eq(pci_add(x.pci, &f.func, 3), 0);
	pci_show(x.pci);
	ck_assert_ptr_null(shown.page[3]);
	wr(&x, cfg(0, 0x40), 4, ONES); /* plain bytes */
	ck_assert_ptr_nonnull(shown.page[0]);
	wr(&x, cfg(0, 0x4c), 1, 0);
	ck_assert_ptr_null(shown.page[0]);
	ck_assert_ptr_nonnull(shown.page[1]);
	ck_assert_uint_eq(rd(&x, cfg(0, 0x50), 1), 0x5a);
	wr(&x, cfg(0, 0x4c), 1, 0);
	ck_assert_uint_eq(shown.changes, 3);
	pci_func_fini(&f.func);
	rig_down(&x);
}
END_TEST

/* KVM may not want it: reads are exits then, as long as the machine is. */
START_TEST(page_is_refused)
{
	struct rig x;
	struct fn f = { 0 };

	rig_up(&x);
	shown.err = -EINVAL;
	fn_init(&f, &x, 9);
	ck_assert_int_eq(pci_add(x.pci, &f.func, 3), 0);
	pci_show(x.pci);
	ck_assert_uint_eq(rd(&x, cfg(3, 0), 4), 0x56781234);
	atomic_store(&f.want, true);
	pci_intx_update(&f.func);
	wr(&x, cfg(3, 0x4c), 1, 0);
	ck_assert_uint_eq(rd(&x, cfg(3, 6), 2), 0x18);
	ck_assert_uint_eq(shown.changes, 3);
	pci_func_fini(&f.func);
	rig_down(&x);
}
END_TEST

START_TEST(slots)
{
	struct rig x;
	struct fn f = { 0 };

	rig_up(&x);
	fn_init(&f, &x, 9);
	ck_assert_int_eq(pci_add(x.pci, &f.func, 32), -EINVAL);
	ck_assert_int_eq(pci_add(x.pci, &f.func, 1), -EBUSY);
	ck_assert_int_eq(pci_add(x.pci, &f.func, 31), 0);
	ck_assert_uint_eq(rd(&x, cfg(31, 0), 4), 0x56781234);
	ck_assert_uint_eq(rd(&x, MEM + 31 * 0x10000, 4), 9 << 4);
	atomic_store(&f.want, true);
	pci_intx_update(&f.func);
	ck_assert(x.irq.level[SPI + 31]);
	pci_func_fini(&f.func);
	pci_func_fini(&f.func);
	shown.page[31] = NULL; /* no vCPU runs */
	ck_assert_uint_eq(rd(&x, cfg(31, 0), 4), ONES);
	ck_assert(unmapped(&x, MEM + 31 * 0x10000));
	rig_down(&x);
}
END_TEST

/* Somebody else's device sits where the slot's BARs would be: nothing half-plugged stays. */
START_TEST(place_taken)
{
	struct rig x;
	struct fn f = { 0 };
	struct bus_range r;

	rig_up(&x);
	fn_init(&f, &x, 9);
	r = (struct bus_range){ .base = gpa(MEM + 5 * 0x10000 + 0x4000),
				.len = 4,
				.widths = BUS_W4,
				.ops = &bar2_ops,
				.dev = &x,
				.lock = &f.lock };
	ck_assert_int_eq(bus_add(x.bus, &r), 0);
	ck_assert_int_eq(pci_add(x.pci, &f.func, 5), -EEXIST);
	ck_assert_uint_eq(rd(&x, cfg(5, 0), 4), ONES);
	ck_assert(unmapped(&x, MEM + 5 * 0x10000));
	pci_func_fini(&f.func);
	rig_down(&x);
}
END_TEST

START_TEST(bridge_that_does_not_fit)
{
	struct bus *bus;
	struct pci *p = NULL;
	struct pci_map bad;
	u64 val;

	ck_assert_int_eq(bus_create(&bus), 0);
	bad = map;
	bad.ecam_size = 0x80000;
	ck_assert_int_eq(pci_create(&p, bus, &bad), -EINVAL);
	bad = map;
	bad.mem_size = 0x10000;
	ck_assert_int_eq(pci_create(&p, bus, &bad), -EINVAL);
	bad = map;
	bad.mem = gpa(0xf0000000);
	ck_assert_int_eq(pci_create(&p, bus, &bad), -EINVAL);
	ck_assert_int_eq(bus_access(bus, gpa(ECAM), 4, false, &val), BUS_UNMAPPED);
	ck_assert_int_eq(bus_access(bus, gpa(0), 4, false, &val), BUS_UNMAPPED);
	pci_destroy(NULL);
	bus_destroy(bus);
}
END_TEST

/* Any value at any place in any width: nothing but the sanitizers to convince. */
START_TEST(hostile_writes)
{
	struct rig x;
	u64 seed = 1, val;

	rig_up(&x);
	for (unsigned i = 0; i < 200000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		val = seed >> 20;
		/* Half of them hit the header of a function, the rest anything near. */
		bus_access(x.bus, gpa(cfg((seed >> 60) & 1, (seed >> 40) & 0xff)),
			   1u << ((seed >> 58) & 3), seed & BIT(57), &val);
		bus_access(x.bus, gpa(MEM + ((seed >> 30) & 0x3ffff)), 1u << ((seed >> 56) & 3),
			   seed & BIT(55), &val);
	}
	rig_down(&x);
}
END_TEST

SUITE_MAIN("lkvm/pci", header, nobody_home, writable_bits, narrow_writes, preassigned, bar_sizing,
	   bar_moves, memory_decoding, bars_swap, bar_access_off_the_bus, capabilities, intx,
	   intx_races, page_is_up_to_date, page_goes_where_reads_have_effects, page_is_refused,
	   slots, place_taken, bridge_that_does_not_fit, hostile_writes)
