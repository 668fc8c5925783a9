/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BARs of an assigned device: mapped into the guest where whole pages allow it, else carried over.
 *
 * Thread: main; accesses on vCPU threads under the device's lock; vfio_bars_mapped() on any vCPU
 *         thread under the bridge's map lock.
 * Trust:  offsets and values are the guest's; the bus has checked widths and bounds. The kernel
 *         keeps accesses inside of the BAR.
 * Spec:   Documentation/driver-api/vfio.rst; linux/vfio.h on regions
 *
 * What is mapped: all that the kernel allows, but pages that have a part of the MSI-X table or of
 * the pending bits. A BAR that is smaller than a page shares its page with others and is carried
 * over.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vfio/inside.h"

#define CFG_BAR 0x10u

/* The kernel's answer, with a list of areas behind it. */
union region {
	struct vfio_region_info info;
	u64 room[64];
};

/* ---- accesses that are not mapped ---- */

static u64 bar_read(void *dev, unsigned bar, u64 off, unsigned len)
{
	struct vfio_device *v = dev;
	u8 bytes[8];
	u64 val = 0;

	if (vfio_intr_owns(v, bar, off, len))
		return vfio_intr_read(v, bar, off, len);
	if (vfio_read(v->fd, v->bars[bar].file + off, bytes, len))
		return UINT64_MAX;
	for (unsigned i = 0; i < len; i++)
		val |= (u64)bytes[i] << (8 * i);
	return val;
}

static void bar_write(void *dev, unsigned bar, u64 off, unsigned len, u64 val)
{
	struct vfio_device *v = dev;
	u8 bytes[8];

	if (vfio_intr_owns(v, bar, off, len)) {
		vfio_intr_write(v, bar, off, len, val);
		return;
	}
	for (unsigned i = 0; i < len; i++)
		bytes[i] = (u8)(val >> (8 * i));
	vfio_write(v->fd, v->bars[bar].file + off, bytes, len);
}

/* The bus does not say which BAR it is. */
#define BAR(n)                                                                                     \
	static u64 bar##n##_read(void *dev, u64 off, unsigned len)                                 \
	{                                                                                          \
		return bar_read(dev, n, off, len);                                                 \
	}                                                                                          \
	static void bar##n##_write(void *dev, u64 off, unsigned len, u64 val)                      \
	{                                                                                          \
		bar_write(dev, n, off, len, val);                                                  \
	}
BAR(0)
BAR(1)
BAR(2)
BAR(3)
BAR(4)
BAR(5)

static const struct bus_ops bar_ops[PCI_BARS] = {
	{ bar0_read, bar0_write }, { bar1_read, bar1_write }, { bar2_read, bar2_write },
	{ bar3_read, bar3_write }, { bar4_read, bar4_write }, { bar5_read, bar5_write },
};

/* ---- what is mapped ---- */

/* A range without the pages that `hole` touches may be two. */
static void add_area(struct vfio_device *v, unsigned bar, u64 off, u64 end)
{
	struct vfio_bar *b = &v->bars[bar];
	u64 page = (u64)sysconf(_SC_PAGESIZE);

	off = align_up(off, page);
	end = align_down(end, page);
	if (off < end && b->nr_areas < VFIO_MAX_AREAS)
		b->areas[b->nr_areas++] = (struct vfio_area){ .off = off, .len = end - off };
}

static void cut(struct vfio_device *v, unsigned bar, u64 off, u64 end)
{
	const struct vfio_intr *n = &v->intr;
	u64 page = (u64)sysconf(_SC_PAGESIZE);
	u64 holes[2][2] = { { n->table, vfio_table_end(n) }, { n->pba, vfio_pba_end(n) } };
	bool pba_first = n->pba_bar == bar && (n->table_bar != bar || n->pba < n->table);

	for (unsigned i = 0; i < 2; i++) {
		unsigned h = i ^ pba_first;

		if ((h ? n->pba_bar : n->table_bar) != bar || !n->msix_cap || holes[h][1] <= off ||
		    holes[h][0] >= end)
			continue;
		add_area(v, bar, off, MIN(end, align_down(holes[h][0], page)));
		off = MAX(off, align_up(holes[h][1], page));
	}
	add_area(v, bar, off, end);
}

static const struct vfio_region_info_cap_sparse_mmap *sparse(const union region *r)
{
	u32 first = r->info.flags & VFIO_REGION_INFO_FLAG_CAPS ? r->info.cap_offset : 0;
	const struct vfio_region_info_cap_sparse_mmap *c =
		vfio_cap(r, sizeof(*r), first, VFIO_REGION_INFO_CAP_SPARSE_MMAP, sizeof(*c));

	if (!c || !range_within((u64)((const char *)c->areas - (const char *)r),
				(u64)c->nr_areas * sizeof(c->areas[0]), sizeof(*r)))
		return NULL;
	return c;
}

static void find_areas(struct vfio_device *v, unsigned bar, const union region *r)
{
	const struct vfio_region_info_cap_sparse_mmap *s = sparse(r);

	if (!(r->info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return;
	if (!s)
		cut(v, bar, 0, r->info.size);
	for (u32 i = 0; s && i < s->nr_areas; i++) {
		if (range_within(s->areas[i].offset, s->areas[i].size, r->info.size))
			cut(v, bar, s->areas[i].offset, s->areas[i].offset + s->areas[i].size);
	}
}

/* What cannot be mapped is carried over. */
static void map_areas(struct vfio_device *v, unsigned bar)
{
	struct vfio_bar *b = &v->bars[bar];

	for (unsigned i = 0; i < b->nr_areas;) {
		struct vfio_area *a = &b->areas[i];
		int err = vfio_mmap(v->fd, b->file + a->off, a->len, &a->host);

		if (err) {
			log_debug("%s: BAR %u at %#llx is not mapped: %s", v->name, bar,
				  (unsigned long long)a->off, strerror(-err));
			*a = b->areas[--b->nr_areas];
			continue;
		}
		a->slot = v->env.host->new_slot(v->env.arg);
		i++;
	}
}

static int init_bar(struct vfio_device *v, unsigned bar)
{
	union region r = { .info = { .argsz = sizeof(r), .index = bar } };
	u32 type = vfio_le(&v->raw[CFG_BAR + 4 * bar], 4) & 15;
	struct vfio_bar *b = &v->bars[bar];
	int err = vfio_ioctl(v->fd, VFIO_DEVICE_GET_REGION_INFO, &r.info);

	if (err)
		return err;
	if (!r.info.size || type & 1) /* I/O ports */
		return 0;
	if (!is_power_of_2(r.info.size) || r.info.size < 16 ||
	    (!(type & PCI_BAR_64) && r.info.size >= BIT(32)) ||
	    (type & PCI_BAR_64 && bar + 1 == PCI_BARS))
		return -EINVAL;
	b->size = r.info.size;
	b->file = r.info.offset;
	find_areas(v, bar, &r);
	map_areas(v, bar);
	pci_bar_add(&v->func, bar, b->size, type & (PCI_BAR_64 | PCI_BAR_PREFETCH), BUS_W_ALL,
		    &bar_ops[bar]);
	return 0;
}

int vfio_bars_init(struct vfio_device *v)
{
	int err = 0;

	for (unsigned i = 0; i < PCI_BARS && !err; i++) {
		err = init_bar(v, i);
		if (v->bars[i].size && v->func.bars[i].type & PCI_BAR_64)
			i++;
	}
	return err;
}

void vfio_bars_fini(struct vfio_device *v)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		for (unsigned k = 0; k < v->bars[i].nr_areas; k++)
			vfio_munmap(v->bars[i].areas[k].host, v->bars[i].areas[k].len);
	}
}

void vfio_bars_mapped(void *dev, unsigned bar, gpa_t at, bool on)
{
	struct vfio_device *v = dev;
	struct vfio_bar *b = &v->bars[bar];

	for (unsigned i = 0; i < b->nr_areas; i++) {
		struct vfio_area *a = &b->areas[i];
		int err;

		if (a->shown == on)
			continue;
		/* One that cannot be shown is reached over the bus. */
		err = v->env.host->set_slot(v->env.arg, a->slot, gpa_add(at, a->off),
					    on ? a->len : 0, a->host);
		if (err)
			guest_err(v->name, "the host cannot map BAR %u (error %d)", bar, -err);
		a->shown = on && !err;
	}
}
