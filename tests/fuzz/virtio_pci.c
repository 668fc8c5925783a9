/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A driver that means harm, in front of both transports: bytes of the input become register
 * accesses of any width anywhere, chains good and bad, kicks, resets, BARs that move, pages taken
 * back, and what a device does meanwhile.
 *
 * Checked besides the sanitizers: what the fakes assert about bound routes and doorbells; that each
 * access returns; and that whatever was done, a driver that then behaves finds both devices
 * working.
 *
 * Thread: one; the loop is stepped.
 * Trust:  plays the hostile side itself.
 * Spec:   virtio 1.3 §4.1, §4.2; PCI 3.0 §6
 *
 * Input: a byte of set-up, then operations of one byte each with their operands.
 */
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/pci.h"
#include "tests/fake/driver.h"
#include "tests/fake/driver_dev.h"
#include "tests/fake/echo.h"
#include "tests/fake/irq.h"
#include "tests/fake/pci_shown.h"
#include "tests/fuzz/input.h"
#include "virtio/transport/mmio.h"
#include "virtio/transport/pci.h"

#define ECAM UINT64_C(0x40000000)
#define WINDOW UINT64_C(0x50000000)
#define PLACE UINT64_C(0x60000000)
#define MMIO UINT64_C(0x3000000)
#define NR_RINGS 3u

/* One device on its transport, with the driver's idea of it. */
struct side {
	struct fake_echo echo;
	struct fake_dev f;
	struct fake_ring rings[NR_RINGS];
	u64 ram; /* where its rings lie */
};

struct rig {
	struct mem *mem;
	struct loop *loop;
	struct bus *bus;
	struct fake_irq irq;
	struct pci *pci;
	struct virtio_pci *vp;
	struct virtio_mmio *vm;
	struct side side[2]; /* 0: PCI, 1: MMIO */
};

static void rings_init(struct rig *x, struct side *s, bool event_idx)
{
	for (unsigned i = 0; i < NR_RINGS; i++)
		fake_ring_init(&s->rings[i], x->mem, s->ram + i * FAKE_RING_SPAN, 8, event_idx);
}

/* What the guest reads without an exit. */
static struct fake_shown shown;

static void rig_up(struct rig *x, bool has_msi, unsigned max_doorbells)
{
	const struct pci_map map = { .ecam = { ECAM },
				     .ecam_size = MiB,
				     .mem = { WINDOW },
				     .mem_size = 512 * MiB,
				     .spi = 64,
				     .show = fake_show,
				     .show_arg = &shown };
	int err;

	memset(x, 0, sizeof(*x));
	shown = (struct fake_shown){ .ecam = ECAM };
	x->mem = fake_mem(MEM_PROTECTED);
	mem_set_shared(x->mem, gpa(FAKE_RAM), FAKE_RAM_SIZE, true);
	fake_irq_init(&x->irq, has_msi);
	x->irq.max_doorbells = max_doorbells;
	x->irq.max_routes = 3; /* one less than there are vectors */
	err = loop_create(&x->loop, "fuzz");
	err |= bus_create(&x->bus);
	err |= pci_create(&x->pci, x->bus, &map);
	err |= fake_echo_init(&x->side[0].echo, 0, x->mem, x->loop);
	err |= fake_echo_init(&x->side[1].echo, 1, x->mem, x->loop);
	err |= virtio_pci_create(&x->vp, &x->side[0].echo.dev, x->pci, &x->irq.irq, 0);
	err |= virtio_mmio_create(&x->vm, &x->side[1].echo.dev, x->bus, &x->irq.irq, gpa(MMIO), 4);
	check(!err);
	pci_show(x->pci);
	for (unsigned i = 0; i < 2; i++) {
		x->side[i].ram = FAKE_RING(4 * i);
		rings_init(x, &x->side[i], false);
	}
	check(fake_dev_pci(&x->side[0].f, x->bus, ECAM, PLACE));
	check(fake_dev_mmio(&x->side[1].f, x->bus, MMIO));
}

static void rig_down(struct rig *x)
{
	for (unsigned i = 0; i < 2; i++) {
		pthread_mutex_lock(&x->side[i].echo.dev.lock);
		virtio_status_set(&x->side[i].echo.dev, 0);
		pthread_mutex_unlock(&x->side[i].echo.dev.lock);
	}
	virtio_pci_destroy(x->vp);
	virtio_mmio_destroy(x->vm);
	fake_echo_fini(&x->side[0].echo);
	fake_echo_fini(&x->side[1].echo);
	pci_destroy(x->pci);
	bus_destroy(x->bus);
	loop_destroy(x->loop);
	mem_destroy(x->mem);
	fake_irq_fini(&x->irq);
}

/* ---- operations ---- */

/* Where the BAR is now, as a guest finds out. */
static u64 bar(struct rig *x, unsigned i)
{
	u64 val = 0;

	bus_access(x->bus, gpa(ECAM + 0x10 + 4 * i), 4, false, &val);
	return val;
}

/* Mostly where something is. */
static u64 in_addr(struct rig *x, struct input *i)
{
	u64 kind = in(i, 1);

	switch (kind & 7) {
	case 0:
		return ECAM + in(i, 1);
	case 1:
		return bar(x, 0) + (in(i, 1) & 0x3f); /* common configuration */
	case 2:
		return bar(x, 0) + (in(i, 2) & 0x3fff);
	case 3:
		return bar(x, 2) + (in(i, 1) & 0x7f);
	case 4:
		return MMIO + in(i, 1);
	case 5:
		return MMIO + 0x100 + in(i, 1);
	case 6:
		return WINDOW + in(i, 3);
	default:
		return in(i, 8);
	}
}

static void access_bus(struct rig *x, struct input *i, bool is_write)
{
	u64 addr = in_addr(x, i);
	unsigned shape = (unsigned)in(i, 1);
	unsigned len = shape & 0x80 ? shape & 0x1f : 1u << (shape & 3);
	u64 val = is_write ? in(i, shape & 0x40 ? 8 : 2) : 0;

	if (is_write && fake_irq_ring(&x->irq, addr, len, val))
		return;
	if (bus_access(x->bus, gpa(addr), len, is_write, &val) == BUS_OK && !is_write)
		check(fake_shown_same(&shown, addr, len, val));
}

/* A PCI device whose BARs went astray comes back first. */
static void find(struct rig *x, struct side *s)
{
	u64 command = 0;

	if (s != &x->side[0])
		return;
	bus_access(x->bus, gpa(ECAM + 4), 2, true, &command);
	check(fake_dev_pci(&s->f, x->bus, ECAM, PLACE));
}

static void bring_up(struct rig *x, struct side *s, u64 features, unsigned nr)
{
	find(x, s);
	if (!fake_dev_negotiate(&s->f, features))
		return;
	rings_init(x, s, features & VIRTIO_F_EVENT_IDX);
	for (u16 i = 0; i < nr; i++) {
		if (s->f.pci) {
			fake_set(&s->f, FAKE_QUEUE_SEL, i);
			fake_write(&s->f, s->f.regs + 0x1a, 2, i + 1u);
		}
		fake_dev_queue(&s->f, i, &s->rings[i]);
	}
	fake_dev_driver_ok(&s->f);
}

static void post(struct side *s, struct input *i)
{
	struct fake_ring *r = &s->rings[in(i, 1) % NR_RINGS];
	u8 kind = (u8)in(i, 1);
	const struct fake_buf bufs[2] = { { FAKE_DATA, 16, false },
					  { FAKE_DATA + (u64)kind * 64, kind, true } };

	if (kind & 1)
		fake_bad[kind / 2u % nr_fake_bad].post(r, FAKE_DATA);
	else
		fake_ring_add(r, bufs, 2);
}

static void flip_page(struct rig *x, struct input *i)
{
	gpa_t g = gpa(FAKE_RAM + in(i, 1) % (8 * FAKE_RING_SPAN / 4096) * 4096);

	mem_set_shared(x->mem, g, 4096, !mem_is_shared(x->mem, g, 4096));
}

static void step(struct rig *x, struct input *i)
{
	u8 op = (u8)in(i, 1);
	struct side *s = &x->side[op >> 7];

	switch (op % 11) {
	case 0:
	case 1:
		access_bus(x, i, true);
		break;
	case 2:
		access_bus(x, i, false);
		break;
	case 3: { /* features: by bits of a byte, so that good sets are likely */
		u64 bits = in(i, 1);
		u64 features = (bits & 1 ? 0 : VIRTIO_F_VERSION_1) |
			       (bits & 2 ? VIRTIO_F_RING_RESET : 0) |
			       (bits & 4 ? VIRTIO_F_EVENT_IDX : 0) |
			       (bits & 8 ? VIRTIO_F_INDIRECT_DESC : 0) | (bits & 16 ? BIT(38) : 0);

		bring_up(x, s, features, (unsigned)(bits >> 5) % (NR_RINGS + 1));
		break;
	}
	case 4:
		post(s, i);
		break;
	case 5: /* kick over the doorbells; over the bus where there is none */
		fake_irq_ring(&x->irq, bar(x, 0) + 0x3000 + (in(i, 1) & 15), 2, 0);
		fake_irq_ring(&x->irq, MMIO + 0x50, 4, in(i, 1));
		break;
	case 6:
		loop_step(x->loop, 0);
		break;
	case 7: /* the device's own doing */
		virtio_config_changed(&s->echo.dev);
		break;
	case 8: /* any byte of the rings */
		*(u8 *)fake_ptr(x->mem, s->ram + in(i, 2), 1) = (u8)in(i, 1);
		break;
	case 9:
		flip_page(x, i);
		break;
	case 10: /* MSI-X on or off, masked or not */
		bus_access(x->bus, gpa(ECAM + 0x42), 2, true, &(u64){ in(i, 1) << 8 });
		break;
	}
}

/* ---- afterwards ---- */

/* A driver that behaves: its buffer comes back, and it is told so. */
static void works(struct rig *x, struct side *s)
{
	u32 id, len;

	mem_set_shared(x->mem, gpa(FAKE_RAM), FAKE_RAM_SIZE, true);
	find(x, s);
	if (s->f.cap_msix)
		fake_write(&s->f, s->f.ecam + s->f.cap_msix + 2, 2, 0);
	if (s->f.pci)
		fake_write(&s->f, s->f.ecam + 4, 2, 6); /* INTx on */
	loop_step(x->loop, 0);				/* what was rung before */
	bring_up(x, s, VIRTIO_F_VERSION_1, 1);
	check(fake_get(&s->f, FAKE_STATUS) == 15);
	fake_read(&s->f, s->f.isr, s->f.pci ? 1 : 4);
	fake_irq_edges(&x->irq, 4);
	fake_ring_post(&s->rings[0]);
	fake_dev_notify(&s->f, 0);
	loop_step(x->loop, 0);
	check(fake_ring_used(&s->rings[0], &id, &len));
	if (s->f.pci) {
		check(x->irq.level[64]);
		check(fake_read(&s->f, s->f.isr, 1) == 1);
		check(!x->irq.level[64]);
	} else {
		check(fake_irq_edges(&x->irq, 4) == 1);
		check(fake_read(&s->f, s->f.isr, 4) & 1);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	log_set_level(LOG_ERROR);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input i = { data, len };
	u8 conf = (u8)in(&i, 1);
	static struct rig x;

	rig_up(&x, conf & 1, conf & 2 ? 2 : FAKE_IRQ_DOORBELLS);
	while (i.left)
		step(&x, &i);
	works(&x, &x.side[0]);
	works(&x, &x.side[1]);
	rig_down(&x);
	return 0;
}
