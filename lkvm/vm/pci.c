/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI host bridge: configuration space, BARs, capabilities, INTA#.
 *
 * Thread: configuration space on vCPU threads under the function's lock; INTA# on any.
 * Trust:  every offset, width and value comes from the guest; the bus has checked that accesses are
 *         aligned and inside one function's page.
 * Spec:   PCI Local Bus 3.0 chapter 6, PCI Express Base §7.2.2 (ECAM)
 *
 * Where a BAR answers. A guest that lays out BARs anew writes one after the other with decoding on,
 * so a BAR may lie on another one for a moment. Each BAR therefore has a place where it wants to be
 * and one where it is: when two want the same bytes the first keeps them, and whenever a BAR leaves
 * its place, those that wait for one try again. All of that is under map_lock, because the BAR that
 * gets its turn may belong to another function than the one that is being written.
 */
#include "lkvm/vm/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ECAM: bus 8 bits, device 5, function 3, register 12. */
#define ECAM_FUNC_SIZE 0x1000u
#define ECAM_SLOT_SIZE (8 * ECAM_FUNC_SIZE)
#define ECAM_BUS_SIZE (PCI_SLOTS * ECAM_SLOT_SIZE)

/* [PCI 3.0 §6.1] type 0 header */
#define CFG_VENDOR 0x00
#define CFG_DEVICE 0x02
#define CFG_COMMAND 0x04
#define CFG_STATUS 0x06
#define CFG_REVISION 0x08
#define CFG_CLASS 0x09
#define CFG_CACHE_LINE 0x0c
#define CFG_BAR 0x10
#define CFG_SUBSYS_VENDOR 0x2c
#define CFG_SUBSYS 0x2e
#define CFG_CAP_PTR 0x34
#define CFG_INT_LINE 0x3c
#define CFG_INT_PIN 0x3d
#define CFG_HEADER_END 0x40

/* [PCI 3.0 §6.2.2] */
#define COMMAND_MEMORY 0x0002u
#define COMMAND_MASTER 0x0004u
#define COMMAND_PARITY 0x0040u
#define COMMAND_SERR 0x0100u
#define COMMAND_INTX_DISABLE 0x0400u

/* [PCI 3.0 §6.2.3] */
#define STATUS_INTX 0x0008u
#define STATUS_CAP_LIST 0x0010u

/* Of the memory window, for the BARs of one slot as we place them. */
#define SLOT_WINDOW 0x10000u

struct pci {
	struct bus *bus;
	struct pci_map map;
	pthread_mutex_t empty_lock; /* for the bus: of ranges where nothing is */
	pthread_mutex_t map_lock;   /* want and mapped of all BARs */
	struct pci_func *slots[PCI_SLOTS];
};

static void put16(u8 *at, u16 v)
{
	at[0] = (u8)v;
	at[1] = (u8)(v >> 8);
}

static void put32(u8 *at, u32 v)
{
	put16(at, (u16)v);
	put16(at + 2, (u16)(v >> 16));
}

static u16 get16(const u8 *at)
{
	return (u16)(at[0] | at[1] << 8);
}

static u32 get32(const u8 *at)
{
	return get16(at) | (u32)get16(at + 2) << 16;
}

/* ---- where nothing is ---- */

static u64 empty_read(void *dev, u64 off, unsigned len)
{
	return UINT64_MAX; /* [PCI 3.0 §6.1] absent functions, and master abort */
}

static void empty_write(void *dev, u64 off, unsigned len, u64 val)
{
}

static const struct bus_ops empty_ops = { .read = empty_read, .write = empty_write };

static int empty_add(struct pci *p, gpa_t base, u64 len)
{
	return bus_add(p->bus, &(struct bus_range){ .base = base,
						    .len = len,
						    .widths = BUS_W_ALL,
						    .ops = &empty_ops,
						    .dev = p,
						    .lock = &p->empty_lock,
						    .name = "pci (empty)" });
}

static gpa_t ecam_of(const struct pci *p, unsigned slot)
{
	return gpa_add(p->map.ecam, slot * ECAM_SLOT_SIZE);
}

/*
 * A range for each function 0, and one for the seven functions behind it (the last: and all buses).
 */
static int empty_add_all(struct pci *p)
{
	int err = p->map.io_size ? empty_add(p, p->map.io, p->map.io_size) : 0;

	for (unsigned i = 0; i < PCI_SLOTS && !err; i++) {
		gpa_t behind = gpa_add(ecam_of(p, i), ECAM_FUNC_SIZE);
		u64 end = i + 1 < PCI_SLOTS ? (i + 1) * ECAM_SLOT_SIZE : p->map.ecam_size;

		err = empty_add(p, ecam_of(p, i), ECAM_FUNC_SIZE);
		if (!err)
			err = empty_add(p, behind, end - (behind.a - p->map.ecam.a));
	}
	return err;
}

int pci_create(struct pci **out, struct bus *bus, const struct pci_map *map)
{
	struct pci *p;
	int err;

	if (map->ecam_size < ECAM_BUS_SIZE || map->mem_size < PCI_SLOTS * SLOT_WINDOW ||
	    !is_aligned(map->mem.a, SLOT_WINDOW) || map->mem.a + map->mem_size > BIT(32))
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->bus = bus;
	p->map = *map;
	pthread_mutex_init(&p->empty_lock, NULL);
	pthread_mutex_init(&p->map_lock, NULL);
	err = empty_add_all(p);
	if (err) {
		pci_destroy(p);
		return err;
	}
	*out = p;
	return 0;
}

void pci_destroy(struct pci *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		assert(!p->slots[i]);
		bus_remove(p->bus, ecam_of(p, i), p);
		bus_remove(p->bus, gpa_add(ecam_of(p, i), ECAM_FUNC_SIZE), p);
	}
	bus_remove(p->bus, p->map.io, p);
	pthread_mutex_destroy(&p->empty_lock);
	pthread_mutex_destroy(&p->map_lock);
	free(p);
}

/* ---- BARs ---- */

static void bar_unmap(struct pci_func *f, unsigned i)
{
	struct pci_bar *b = &f->bars[i];
	gpa_t at = gpa(b->mapped);

	if (!b->mapped)
		return;
	b->mapped = 0;
	f->ops->bar_mapped(f->dev, i, at, false);
	bus_remove(f->pci->bus, at, f->dev);
}

/* -EEXIST: another BAR is there. */
static int bar_try_map(struct pci_func *f, unsigned i)
{
	struct pci_bar *b = &f->bars[i];
	struct bus_range r = { .base = gpa(b->want),
			       .len = b->size,
			       .widths = b->widths,
			       .ops = b->ops,
			       .dev = f->dev,
			       .lock = f->lock,
			       .name = f->name };
	int err = bus_add(f->pci->bus, &r);

	if (err)
		return err;
	b->mapped = b->want;
	f->ops->bar_mapped(f->dev, i, r.base, true);
	return 0;
}

/* Some BAR left its place: those that wait try again, in the order of slots. */
static void bars_retry(struct pci *p)
{
	for (unsigned s = 0; s < PCI_SLOTS; s++) {
		struct pci_func *f = p->slots[s];

		for (unsigned i = 0; f && i < PCI_BARS; i++)
			if (f->bars[i].want && !f->bars[i].mapped)
				bar_try_map(f, i);
	}
}

static u32 bar_wanted(const struct pci_func *f, unsigned i)
{
	const struct pci_map *map = &f->pci->map;
	u32 addr = get32(&f->cfg[CFG_BAR + 4 * i]);

	if (!f->bars[i].size || !(get16(&f->cfg[CFG_COMMAND]) & COMMAND_MEMORY))
		return 0;
	/*
	 * What the bridge does not forward arrives nowhere; all ones while sizing is such a place.
	 */
	if (addr < map->mem.a || !range_within(addr - map->mem.a, f->bars[i].size, map->mem_size))
		return 0;
	return addr;
}

/* The command register or a BAR was written. -EEXIST when one has to wait for its place. */
static int bars_update(struct pci_func *f)
{
	bool freed = false;
	int err = 0;

	pthread_mutex_lock(&f->pci->map_lock);
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct pci_bar *b = &f->bars[i];
		u32 want = bar_wanted(f, i);

		if (want == b->want)
			continue;
		freed |= b->mapped != 0;
		bar_unmap(f, i);
		b->want = want;
		if (want && bar_try_map(f, i))
			err = -EEXIST;
	}
	if (freed)
		bars_retry(f->pci);
	pthread_mutex_unlock(&f->pci->map_lock);
	return err;
}

void pci_bar_add(struct pci_func *f, unsigned bar, u32 size, unsigned widths,
		 const struct bus_ops *ops)
{
	assert(bar < PCI_BARS && !f->bars[bar].size && is_power_of_2(size) && size >= 0x1000);
	f->bars[bar] = (struct pci_bar){ .size = size, .widths = widths, .ops = ops };
	/* [PCI 3.0 §6.2.5.1] Memory, 32 bits, not prefetchable; the size is what cannot be set. */
	put32(&f->wmask[CFG_BAR + 4 * bar], ~(size - 1));
}

enum bus_result pci_bar_access(struct pci_func *f, unsigned bar, u64 off, unsigned len,
			       bool is_write, u64 *val)
{
	const struct pci_bar *b = bar < PCI_BARS ? &f->bars[bar] : NULL;

	if (!b || !range_within(off, len, b->size))
		return BUS_UNMAPPED;
	if (!is_power_of_2(len) || !(b->widths & len) || !is_aligned(off, len))
		return BUS_BAD;
	if (is_write)
		b->ops->write(f->dev, off, len, *val);
	else
		*val = b->ops->read(f->dev, off, len);
	return BUS_OK;
}

/* ---- INTA# ---- */

void pci_intx_update(struct pci_func *f)
{
	bool want, line;

	/*
	 * The answer is computed under the lock, after whatever changed it: of two threads that
	 * race here the last one sees both changes, so the line ends where the device's state says.
	 */
	pthread_mutex_lock(&f->intx_lock);
	want = f->ops->intx(f->dev);
	line = want && !atomic_load(&f->intx_disable);
	atomic_store(&f->intx_status, want);
	if (line != f->intx_line) {
		f->intx_line = line;
		f->irq->ops->line(f->irq, f->spi, line);
	}
	pthread_mutex_unlock(&f->intx_lock);
}

/* ---- configuration space ---- */

static struct pci_cap *cap_at(struct pci_func *f, unsigned off)
{
	for (unsigned i = 0; i < f->nr_caps; i++)
		if (off >= f->caps[i].off && off < (unsigned)f->caps[i].off + f->caps[i].len)
			return &f->caps[i];
	return NULL;
}

/* Aligned accesses of at most 4 bytes: they touch one capability, for those consist of dwords. */
static u64 cfg_read(void *dev, u64 off, unsigned len)
{
	struct pci_func *f = dev;
	struct pci_cap *c;
	u64 val = 0;

	if (off >= PCI_CFG_SIZE)
		return 0;
	c = cap_at(f, (unsigned)off);
	if (c && c->ops && c->ops->read)
		c->ops->read(c->arg, (unsigned)off - c->off, len);
	/* [PCI 3.0 §6.2.3] Interrupt Status shows the request whether or not INTx is disabled. */
	put16(&f->cfg[CFG_STATUS],
	      atomic_load(&f->intx_status) ? STATUS_CAP_LIST | STATUS_INTX : STATUS_CAP_LIST);
	for (unsigned i = 0; i < len; i++)
		val |= (u64)f->cfg[off + i] << (8 * i);
	return val;
}

static void header_written(struct pci_func *f, unsigned off)
{
	bool command = off / 4 == CFG_COMMAND / 4;

	if (command || (off >= CFG_BAR && off < CFG_BAR + 4 * PCI_BARS))
		bars_update(f);
	if (command) {
		/* [PCI 3.0 §6.2.2] bit 10 */
		atomic_store(&f->intx_disable, get16(&f->cfg[CFG_COMMAND]) & COMMAND_INTX_DISABLE);
		pci_intx_update(f);
	}
}

static void cfg_write(void *dev, u64 off, unsigned len, u64 val)
{
	struct pci_func *f = dev;
	struct pci_cap *c;

	if (off >= PCI_CFG_SIZE)
		return;
	for (unsigned i = 0; i < len; i++) {
		u8 mask = f->wmask[off + i];

		f->cfg[off + i] = (u8)((f->cfg[off + i] & ~mask) | ((val >> (8 * i)) & mask));
	}
	if (off < CFG_HEADER_END)
		header_written(f, (unsigned)off);
	c = cap_at(f, (unsigned)off);
	if (c && c->ops)
		c->ops->written(c->arg, (unsigned)off - c->off, len);
}

static const struct bus_ops cfg_ops = { .read = cfg_read, .write = cfg_write };

u8 pci_cap_add(struct pci_func *f, u8 id, const void *body, const void *wmask, u8 len,
	       const struct pci_cap_ops *ops, void *arg)
{
	const struct pci_cap *last = f->nr_caps ? &f->caps[f->nr_caps - 1] : NULL;
	unsigned off = last ? last->off + last->len : CFG_HEADER_END;

	assert(len >= 4 && len % 4 == 0 && f->nr_caps < PCI_MAX_CAPS && off + len <= PCI_CFG_SIZE);
	memcpy(&f->cfg[off], body, len);
	if (wmask)
		memcpy(&f->wmask[off], wmask, len);
	/* [PCI 3.0 §6.7] id, offset of the next one; the list begins in the header. */
	f->cfg[off] = id;
	f->cfg[off + 1] = 0;
	f->cfg[last ? last->off + 1 : CFG_CAP_PTR] = (u8)off;
	f->caps[f->nr_caps++] = (struct pci_cap){ (u8)off, len, ops, arg };
	return (u8)off;
}

/* ---- functions ---- */

void pci_func_init(struct pci_func *f, const struct pci_id *id)
{
	pthread_mutex_init(&f->intx_lock, NULL);
	put16(&f->cfg[CFG_VENDOR], id->vendor);
	put16(&f->cfg[CFG_DEVICE], id->device);
	f->cfg[CFG_REVISION] = id->revision;
	put16(&f->cfg[CFG_CLASS], (u16)id->class_code);
	f->cfg[CFG_CLASS + 2] = (u8)(id->class_code >> 16);
	put16(&f->cfg[CFG_SUBSYS_VENDOR], id->subsys_vendor);
	put16(&f->cfg[CFG_SUBSYS], id->subsys);
	f->cfg[CFG_INT_PIN] = 1; /* INTA# */
	/*
	 * Parity and SERR are stored because drivers set them. Bus Master too, and it stops
	 * nothing: DMA and messages here cross no bus, and DRIVER_OK is what a virtio device waits
	 * for.
	 */
	put16(&f->wmask[CFG_COMMAND], COMMAND_MEMORY | COMMAND_MASTER | COMMAND_PARITY |
					      COMMAND_SERR | COMMAND_INTX_DISABLE);
	f->wmask[CFG_CACHE_LINE] = 0xff;
	f->wmask[CFG_INT_LINE] = 0xff;
}

void pci_func_fini(struct pci_func *f)
{
	pci_remove(f);
	if (f->cfg[CFG_INT_PIN])
		pthread_mutex_destroy(&f->intx_lock);
	f->cfg[CFG_INT_PIN] = 0;
}

/* BARs one after the other from the start of the slot's share of the window. */
static void bars_place(struct pci_func *f)
{
	u32 base = (u32)f->pci->map.mem.a + f->slot * SLOT_WINDOW;
	u32 off = 0;

	for (unsigned i = 0; i < PCI_BARS; i++) {
		u32 size = f->bars[i].size;

		if (!size)
			continue;
		off = (u32)align_up(off, size);
		assert(range_within(off, size, SLOT_WINDOW));
		put32(&f->cfg[CFG_BAR + 4 * i], base + off);
		off += size;
	}
}

int pci_add(struct pci *p, struct pci_func *f, unsigned slot)
{
	struct bus_range cfg = { .len = ECAM_FUNC_SIZE,
				 .widths = BUS_W1 | BUS_W2 | BUS_W4,
				 .ops = &cfg_ops,
				 .dev = f,
				 .lock = f->lock,
				 .name = f->name };
	int err;

	if (slot >= PCI_SLOTS)
		return -EINVAL;
	if (p->slots[slot])
		return -EBUSY;
	cfg.base = ecam_of(p, slot);
	bus_remove(p->bus, cfg.base, p);
	err = bus_add(p->bus, &cfg);
	assert(!err);
	p->slots[slot] = f;
	f->pci = p;
	f->slot = slot;
	f->spi = p->map.spi + slot;
	bars_place(f);
	put16(&f->cfg[CFG_COMMAND], COMMAND_MEMORY | COMMAND_MASTER);
	err = bars_update(f);
	if (err)
		pci_remove(f);
	return err;
}

void pci_remove(struct pci_func *f)
{
	struct pci *p = f->pci;

	if (!p)
		return;
	put16(&f->cfg[CFG_COMMAND], 0);
	bars_update(f);
	bus_remove(p->bus, ecam_of(p, f->slot), f);
	empty_add(p, ecam_of(p, f->slot), ECAM_FUNC_SIZE);
	p->slots[f->slot] = NULL;
	f->pci = NULL;
	if (f->intx_line)
		f->irq->ops->line(f->irq, f->spi, false);
	f->intx_line = false;
}
