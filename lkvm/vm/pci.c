/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI host bridge: configuration space, capabilities, INTA#.
 *
 * Thread: configuration space on vCPU threads under the function's lock; INTA# on any.
 * Trust:  every offset, width and value comes from the guest; the bus has checked that accesses are
 *         aligned and inside one function's page.
 * Spec:   PCI Local Bus 3.0 chapter 6, PCI Express Base §7.2.2 (ECAM)
 */
#include "lkvm/vm/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/vm/pci_inside.h"

/* [PCI 3.0 §6.2.2] */
#define COMMAND_MASTER 0x0004u
#define COMMAND_PARITY 0x0040u
#define COMMAND_SERR 0x0100u
#define COMMAND_INTX_DISABLE 0x0400u

int pci_create(struct pci **out, struct bus *bus, const struct pci_map *map)
{
	struct pci *p;

	if (map->ecam_size < ECAM_BUS_SIZE || map->mem_size < PCI_SLOTS * SLOT_WINDOW ||
	    !is_aligned(map->mem.a, SLOT_WINDOW) || map->mem.a + map->mem_size > BIT(32) ||
	    (map->mem64_size && map->mem64.a < BIT(32)))
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->bus = bus;
	p->map = *map;
	p->next = map->mem.a + PCI_SLOTS * SLOT_WINDOW;
	p->next64 = map->mem64.a;
	pthread_mutex_init(&p->map_lock, NULL);
	/* [PCI 3.0 §6.1] ones: absent functions, and master abort */
	bus_add_window(bus, map->ecam, map->ecam_size);
	if (map->io_size)
		bus_add_window(bus, map->io, map->io_size);
	*out = p;
	return 0;
}

void pci_destroy(struct pci *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		assert(!p->slots[i]);
	pthread_mutex_destroy(&p->map_lock);
	free(p);
}

/* ---- INTA# ---- */

void pci_intx_update(struct pci_func *f)
{
	bool want, line;

	if (!f->ops->intx)
		return;
	/*
	 * The answer is computed under the lock, after whatever changed it: of two threads that
	 * race here the last one sees both changes, so the line ends where the device's state says.
	 */
	pthread_mutex_lock(&f->intx_lock);
	want = f->ops->intx(f->dev);
	line = want && !atomic_load(&f->intx_disable);
	/* Most calls change nothing, and a write takes the line from a CPU that reads it. */
	if (want != atomic_load(&f->intx_status)) {
		atomic_store(&f->intx_status, want);
		pci_page_status(f);
	}
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
	put16(&f->cfg[CFG_STATUS], pci_status(f));
	for (unsigned i = 0; i < len; i++)
		val |= (u64)f->cfg[off + i] << (8 * i);
	return val;
}

static void header_written(struct pci_func *f, unsigned off)
{
	bool command = off / 4 == CFG_COMMAND / 4;

	if (command || (off >= CFG_BAR && off < CFG_BAR + 4 * PCI_BARS))
		pci_bars_update(f);
	if (command) {
		/* [PCI 3.0 §6.2.2] bit 10 */
		atomic_store(&f->intx_disable, get16(&f->cfg[CFG_COMMAND]) & COMMAND_INTX_DISABLE);
		pci_intx_update(f);
		if (f->ops->command)
			f->ops->command(f->dev, get16(&f->cfg[CFG_COMMAND]));
	}
}

static void cfg_write(void *dev, u64 off, unsigned len, u64 val)
{
	struct pci_func *f = dev;
	struct pci_cap *c;

	if (off >= PCI_CFG_SIZE)
		return;
	c = cap_at(f, (unsigned)off);
	if (c && c->ops && c->ops->read)
		pci_page_hide(f);
	for (unsigned i = 0; i < len; i++) {
		u8 mask = f->wmask[off + i];

		f->cfg[off + i] = (u8)((f->cfg[off + i] & ~mask) | ((val >> (8 * i)) & mask));
	}
	if (off < CFG_HEADER_END)
		header_written(f, (unsigned)off);
	if (c && c->ops)
		c->ops->written(c->arg, (unsigned)off - c->off, len);
	pci_page_update(f);
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
	f->ready = true;
	put16(&f->cfg[CFG_VENDOR], id->vendor);
	put16(&f->cfg[CFG_DEVICE], id->device);
	f->cfg[CFG_REVISION] = id->revision;
	put16(&f->cfg[CFG_CLASS], (u16)id->class_code);
	f->cfg[CFG_CLASS + 2] = (u8)(id->class_code >> 16);
	put16(&f->cfg[CFG_SUBSYS_VENDOR], id->subsys_vendor);
	put16(&f->cfg[CFG_SUBSYS], id->subsys);
	f->cfg[CFG_INT_PIN] = f->ops->intx ? 1 : 0; /* INTA#, none */
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
	if (f->ready)
		pthread_mutex_destroy(&f->intx_lock);
	f->ready = false;
	free(f->page);
	f->page = NULL;
}

int pci_add(struct pci *p, struct pci_func *f, unsigned slot)
{
	struct bus_range cfg = { .len = PCI_PAGE_SIZE,
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
	cfg.base = pci_ecam(p, slot);
	err = bus_add(p->bus, &cfg);
	assert(!err);
	p->slots[slot] = f;
	f->pci = p;
	f->slot = slot;
	f->spi = p->map.spi + slot;
	err = pci_bars_place(f);
	put16(&f->cfg[CFG_COMMAND], f->roomy ? COMMAND_MEMORY : COMMAND_MEMORY | COMMAND_MASTER);
	if (!err)
		err = pci_bars_update(f);
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
	pci_bars_update(f);
	bus_remove(p->bus, pci_ecam(p, f->slot), f);
	p->slots[f->slot] = NULL;
	f->pci = NULL;
	if (f->intx_line)
		f->irq->ops->line(f->irq, f->spi, false);
	f->intx_line = false;
}
