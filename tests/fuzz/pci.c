/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI configuration and MSI-X without a device behind them: functions with BARs of several sizes
 * that are moved over each other and out of the window, memory decoding on and off, a table of
 * vectors that is written while interrupts are fired.
 *
 * Checked besides the sanitizers: who answers at an address is the function that has its BAR there;
 * no vector has two routes; and after all of it BARs that are put apart answer again.
 *
 * Thread: one.
 * Trust:  plays the guest.
 * Spec:   PCI 3.0 §6.2.5, §6.8
 *
 * Input: operations of one byte each with their operands.
 */
#include <string.h>

#include "lkvm/vm/msix.h"
#include "tests/fake/irq.h"
#include "tests/fuzz/input.h"

#define ECAM UINT64_C(0x40000000)
#define WINDOW UINT64_C(0x50000000)
#define WINDOW_SIZE (4 * MiB)
#define BAR_0(n) (0x1000u << (n))
#define BAR_4 0x4000u
#define FUNCS 3u
#define VECTORS 5u
#define MSIX_BAR 2u
#define MARK 0x5a000000u /* what BAR 0 of function n reads: MARK + n, and its BAR 4 MARK + 16 + n */

struct func {
	pthread_mutex_t lock;
	struct pci_func f;
	struct msix *msix;
	unsigned number;
	u8 cap;
};

struct rig {
	struct bus *bus;
	struct pci *pci;
	struct fake_irq irq;
	struct func funcs[FUNCS];
};

static u64 mark_read(void *dev, u64 off, unsigned len)
{
	struct func *f = dev;

	return MARK + f->number;
}

static u64 mark_read_4(void *dev, u64 off, unsigned len)
{
	struct func *f = dev;

	return MARK + 16 + f->number;
}

static void mark_write(void *dev, u64 off, unsigned len, u64 val)
{
}

static u64 table_read(void *dev, u64 off, unsigned len)
{
	return msix_read(((struct func *)dev)->msix, off, len);
}

static void table_write(void *dev, u64 off, unsigned len, u64 val)
{
	msix_write(((struct func *)dev)->msix, off, len, val);
}

static bool no_intx(void *dev)
{
	return false;
}

static void on_mapped(void *dev, unsigned bar, gpa_t at, bool on)
{
	check(!on || (at.a >= WINDOW && at.a < WINDOW + WINDOW_SIZE));
}

static const struct pci_ops ops = { .intx = no_intx, .bar_mapped = on_mapped };
static const struct bus_ops mark_ops = { mark_read, mark_write };
static const struct bus_ops mark_4_ops = { mark_read_4, mark_write };
static const struct bus_ops table_ops = { table_read, table_write };

static void func_up(struct rig *x, unsigned n)
{
	static const struct pci_id id = { .vendor = 0x1af4, .device = 0x1040 };
	struct func *f = &x->funcs[n];

	pthread_mutex_init(&f->lock, NULL);
	f->number = n;
	f->f = (struct pci_func){
		.ops = &ops, .dev = f, .name = "fuzz", .lock = &f->lock, .irq = &x->irq.irq
	};
	pci_func_init(&f->f, &id);
	pci_bar_add(&f->f, 0, BAR_0(n), 0, BUS_W4, &mark_ops);
	pci_bar_add(&f->f, 4, BAR_4, 0, BUS_W4, &mark_4_ops);
	check(!msix_create(&f->msix, &f->f, MSIX_BAR, VECTORS, &table_ops));
	f->cap = f->f.cfg[0x34];
	check(!pci_add(x->pci, &f->f, n));
}

static void rig_up(struct rig *x)
{
	static const struct pci_map map = { .ecam = { ECAM },
					    .ecam_size = MiB,
					    .mem = { WINDOW },
					    .mem_size = WINDOW_SIZE,
					    .spi = 64 };

	memset(x, 0, sizeof(*x));
	fake_irq_init(&x->irq, true);
	x->irq.max_routes = FUNCS * VECTORS - 2;
	check(!bus_create(&x->bus) && !pci_create(&x->pci, x->bus, &map));
	for (unsigned n = 0; n < FUNCS; n++)
		func_up(x, n);
}

static void rig_down(struct rig *x)
{
	for (unsigned n = 0; n < FUNCS; n++) {
		pci_remove(&x->funcs[n].f);
		msix_destroy(x->funcs[n].msix);
		pci_func_fini(&x->funcs[n].f);
		pthread_mutex_destroy(&x->funcs[n].lock);
	}
	pci_destroy(x->pci);
	bus_destroy(x->bus);
	fake_irq_fini(&x->irq);
}

static u64 access(struct rig *x, u64 at, unsigned len, bool is_write, u64 val)
{
	bus_access(x->bus, gpa(at), len, is_write, &val);
	return val;
}

static u64 cfg(unsigned n)
{
	return ECAM + n * 0x8000ull;
}

static u64 bar(struct rig *x, unsigned n, unsigned b)
{
	return access(x, cfg(n) + 0x10 + 4 * b, 4, false, 0) & ~UINT64_C(15);
}

/* Whoever answers with a mark says the truth. */
static void check_marks(struct rig *x)
{
	for (unsigned n = 0; n < FUNCS; n++) {
		for (unsigned b = 0; b <= 4; b += 4) {
			u64 at = bar(x, n, b), got = access(x, at, 4, false, 0), who;

			if ((got & 0xff000000) != MARK)
				continue;
			who = got & 15;
			check(who < FUNCS);
			at -= bar(x, (unsigned)who, got & 16 ? 4 : 0);
			check(at < (got & 16 ? BAR_4 : BAR_0(who)));
		}
	}
	check(fake_irq_nr_routes(&x->irq) <= FUNCS * VECTORS);
}

static void operate(struct rig *x, struct input *i)
{
	u8 op = (u8)in(i, 1);
	unsigned n = op % FUNCS;
	u64 at, val;

	switch (op / FUNCS % 8) {
	case 0: /* mostly within the window, over others */
		access(x, cfg(n) + 0x10 + 4 * (in(i, 1) % 6), 4, true, WINDOW + in(i, 1) * 4 * KiB);
		break;
	case 1:
		access(x, cfg(n) + 0x10 + 4 * (in(i, 1) % 6), 4, true, in(i, 4));
		break;
	case 2:
		access(x, cfg(n) + 4, 2, true, in(i, 1));
		break;
	case 3:
		at = in(i, 1);
		val = in(i, 1);
		access(x, cfg(n) + at, 1u << (val & 3), val & 4, in(i, 4));
		break;
	case 4:
		at = bar(x, n, MSIX_BAR) + in(i, 1) % (VECTORS + 1) * 16;
		access(x, at + 4 * (in(i, 1) & 3), 4, true, in(i, 2));
		break;
	case 5:
		access(x, cfg(n) + x->funcs[n].cap + 2, 2, true, in(i, 2));
		break;
	case 6:
		msix_fire(x->funcs[n].msix, (unsigned)(in(i, 1) % VECTORS));
		break;
	default:
		at = WINDOW + in(i, 3) % (WINDOW_SIZE + 64 * KiB);
		access(x, at, 1u << (in(i, 1) & 3), op & 0x80, in(i, 2));
		break;
	}
}

static void check_well(struct rig *x)
{
	u64 at = WINDOW;

	for (unsigned n = 0; n < FUNCS; n++) {
		access(x, cfg(n) + 4, 2, true, 0);
		for (unsigned b = 0; b <= 4; b += 2) {
			access(x, cfg(n) + 0x10 + 4 * b, 4, true, at);
			at += 64 * KiB;
		}
	}
	for (unsigned n = 0; n < FUNCS; n++)
		access(x, cfg(n) + 4, 2, true, 6);
	for (unsigned n = 0; n < FUNCS; n++) {
		check(access(x, bar(x, n, 0), 4, false, 0) == MARK + n);
		check(access(x, bar(x, n, 4), 4, false, 0) == MARK + 16 + n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct rig x;
	struct input i = { data, len };

	rig_up(&x);
	for (unsigned ops_done = 0; i.left && ops_done < 200; ops_done++) {
		operate(&x, &i);
		check_marks(&x);
	}
	check_well(&x);
	rig_down(&x);
	return 0;
}
