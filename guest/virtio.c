/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio driver for tests, over PCI and mmio.
 *
 * Thread: CPU 0.
 * Trust:  none in the device: every wait is bounded.
 * Spec:   virtio 1.3 §2.7 (rings), §4.1 (PCI), §4.2 (mmio), §5.2 (blk), §5.4 (entropy)
 */
#include "guest/virtio.h"

#define PCI_CAP_PTR 0x34
#define PCI_CAP_MSIX 0x11
#define PCI_CAP_VENDOR 0x09
#define PCI_BAR0 0x10
#define PCI_COMMAND 0x04

enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_PCI_CFG };

/* On a machine that is busy with others, too; a device that hangs never answers. */
#define ANSWER_MS 20000

static const struct {
	u16 off;
	u8 width;
} pci_regs[R_NR] = {
	[R_DEVICE_FEATURES_SEL] = { 0x00, 4 }, [R_DEVICE_FEATURES] = { 0x04, 4 },
	[R_DRIVER_FEATURES_SEL] = { 0x08, 4 }, [R_DRIVER_FEATURES] = { 0x0c, 4 },
	[R_STATUS] = { 0x14, 1 },	       [R_QUEUE_SEL] = { 0x16, 2 },
	[R_QUEUE_SIZE_MAX] = { 0x18, 2 },      [R_QUEUE_SIZE] = { 0x18, 2 },
	[R_QUEUE_ENABLE] = { 0x1c, 2 },	       [R_QUEUE_RESET] = { 0x3a, 2 },
	[R_DESC_LO] = { 0x20, 4 },	       [R_DESC_HI] = { 0x24, 4 },
	[R_AVAIL_LO] = { 0x28, 4 },	       [R_AVAIL_HI] = { 0x2c, 4 },
	[R_USED_LO] = { 0x30, 4 },	       [R_USED_HI] = { 0x34, 4 },
}, mmio_regs[R_NR] = {
	[R_DEVICE_FEATURES_SEL] = { 0x14, 4 }, [R_DEVICE_FEATURES] = { 0x10, 4 },
	[R_DRIVER_FEATURES_SEL] = { 0x24, 4 }, [R_DRIVER_FEATURES] = { 0x20, 4 },
	[R_STATUS] = { 0x70, 4 },	       [R_QUEUE_SEL] = { 0x30, 4 },
	[R_QUEUE_SIZE_MAX] = { 0x34, 4 },      [R_QUEUE_SIZE] = { 0x38, 4 },
	[R_QUEUE_ENABLE] = { 0x44, 4 },	       [R_QUEUE_RESET] = { 0xc0, 4 },
	[R_DESC_LO] = { 0x80, 4 },	       [R_DESC_HI] = { 0x84, 4 },
	[R_AVAIL_LO] = { 0x90, 4 },	       [R_AVAIL_HI] = { 0x94, 4 },
	[R_USED_LO] = { 0xa0, 4 },	       [R_USED_HI] = { 0xa4, 4 },
};

u32 vget(const struct vdev *d, enum vreg r)
{
	return d->pci ? (u32)read_width(d->common + pci_regs[r].off, pci_regs[r].width)
		      : (u32)read_width(d->common + mmio_regs[r].off, mmio_regs[r].width);
}

void vset(const struct vdev *d, enum vreg r, u32 v)
{
	if (d->pci)
		write_width(d->common + pci_regs[r].off, pci_regs[r].width, v);
	else
		write_width(d->common + mmio_regs[r].off, mmio_regs[r].width, v);
}

const char *vdev_kind(const struct vdev *d)
{
	switch (d->id) {
	case VIRTIO_ID_NET:
		return "net";
	case VIRTIO_ID_BLK:
		return "blk";
	case VIRTIO_ID_CONSOLE:
		return "console";
	case VIRTIO_ID_RNG:
		return "rng";
	default:
		return "device";
	}
}

/* ---- finding one ---- */

static void size_bars(struct vdev *d)
{
	u64 command = d->ecam + PCI_COMMAND;
	u16 old = read16(command);

	write16(command, (u16)(old & ~3u));
	for (unsigned i = 0; i < 6; i++) {
		u64 at = d->ecam + PCI_BAR0 + 4 * i;
		u32 now = read32(at), mask;

		write32(at, ~0u);
		mask = read32(at);
		write32(at, now);
		if (!mask)
			continue;
		mask &= mask & 1 ? ~3u : ~15u;
		d->bar_size[i] = ~mask + 1;
		d->bar[i] = io(now & (now & 1 ? ~3u : ~15u));
	}
	write16(command, (u16)(old | 6));
}

static void take_cap(struct vdev *d, u64 cap)
{
	u8 bar = read8(cap + 4);
	u64 at = bar < 6 ? d->bar[bar] + read32(cap + 8) : 0;

	switch (read8(cap + 3)) {
	case CAP_COMMON:
		d->common = at;
		d->common_len = read32(cap + 12);
		break;
	case CAP_NOTIFY:
		d->notify = at;
		d->notify_mult = read32(cap + 16);
		break;
	case CAP_ISR:
		d->isr = at;
		break;
	case CAP_DEVICE:
		d->config = at;
		d->config_len = read32(cap + 12);
		break;
	case CAP_PCI_CFG:
		d->cap_pci_cfg = (u8)(cap - d->ecam);
		break;
	}
}

bool vdev_pci(struct vdev *d, u32 slot)
{
	u64 ecam = io(MEMMAP_PCI_ECAM + ((u64)slot << 15));
	u16 device = read16(ecam + 2);
	unsigned hops = 0;

	if (read16(ecam) != 0x1af4 || device < 0x1040)
		return false;
	*d = (struct vdev){ .pci = true, .id = device - 0x1040u, .slot = slot, .ecam = ecam };
	size_bars(d);
	for (u8 p = read8(ecam + PCI_CAP_PTR); p && hops++ < 48; p = read8(ecam + p + 1)) {
		if (read8(ecam + p) == PCI_CAP_VENDOR)
			take_cap(d, ecam + p);
		if (read8(ecam + p) == PCI_CAP_MSIX) {
			u32 table = read32(ecam + p + 4), pba = read32(ecam + p + 8);

			d->cap_msix = p;
			d->msix_nr = (read16(ecam + p + 2) & 0x7ffu) + 1;
			d->msix_table = d->bar[table & 7] + (table & ~7u);
			d->msix_pba = d->bar[pba & 7] + (pba & ~7u);
		}
	}
	return d->common && d->notify;
}

bool vdev_mmio(struct vdev *d, u32 slot)
{
	u64 base = io(MEMMAP_VIRTIO_MMIO + (u64)slot * MEMMAP_VIRTIO_MMIO_STRIDE);
	bool there;

	fault_begin();
	there = read32(base) == 0x74726976;
	if (fault_end() || !there || read32(base + 4) != 2 || !read32(base + 8))
		return false;
	*d = (struct vdev){ .id = read32(base + 8),
			    .slot = slot,
			    .common = base,
			    .common_len = 0x100,
			    .notify = base + 0x50,
			    .isr = base + 0x60,
			    .config = base + 0x100,
			    .config_len = 0x100 };
	return true;
}

/* ---- life cycle ---- */

bool vdev_reset(const struct vdev *d)
{
	vset(d, R_STATUS, 0);
	return wait_for(vget(d, R_STATUS) == 0, ANSWER_MS);
}

u64 vdev_offered(const struct vdev *d)
{
	u64 lo, hi;

	vset(d, R_DEVICE_FEATURES_SEL, 0);
	lo = vget(d, R_DEVICE_FEATURES);
	vset(d, R_DEVICE_FEATURES_SEL, 1);
	hi = vget(d, R_DEVICE_FEATURES);
	return hi << 32 | lo;
}

u32 vdev_negotiate(const struct vdev *d, u64 features)
{
	vdev_reset(d);
	vset(d, R_STATUS, S_ACKNOWLEDGE);
	vset(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER);
	if (io_alias || is_protected_vm())
		features |= F_ACCESS_PLATFORM;
	vset(d, R_DRIVER_FEATURES_SEL, 0);
	vset(d, R_DRIVER_FEATURES, (u32)features);
	vset(d, R_DRIVER_FEATURES_SEL, 1);
	vset(d, R_DRIVER_FEATURES, (u32)(features >> 32));
	vset(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	return vget(d, R_STATUS);
}

void vdev_queue_at(const struct vdev *d, u16 q, u64 desc, u64 avail, u64 used, u32 size)
{
	vset(d, R_QUEUE_SEL, q);
	vset(d, R_QUEUE_SIZE, size);
	vset(d, R_DESC_LO, (u32)desc);
	vset(d, R_DESC_HI, (u32)(desc >> 32));
	vset(d, R_AVAIL_LO, (u32)avail);
	vset(d, R_AVAIL_HI, (u32)(avail >> 32));
	vset(d, R_USED_LO, (u32)used);
	vset(d, R_USED_HI, (u32)(used >> 32));
	vset(d, R_QUEUE_ENABLE, 1);
}

bool vdev_queue(const struct vdev *d, u16 q, struct ring *r)
{
	u32 max;

	memset(r, 0, sizeof(*r));
	vset(d, R_QUEUE_SEL, q);
	max = vget(d, R_QUEUE_SIZE_MAX);
	if (!max)
		return false;
	r->size = (u16)(max < RING_SIZE ? max : RING_SIZE);
	vdev_queue_at(d, q, (u64)&r->desc, (u64)&r->avail, (u64)&r->used, r->size);
	return true;
}

void vdev_ok(const struct vdev *d)
{
	vset(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK);
}

void vdev_notify(const struct vdev *d, u16 q)
{
	dsb();
	if (!d->pci) {
		write32(d->notify, q);
		return;
	}
	vset(d, R_QUEUE_SEL, q);
	write16(d->notify + (u64)read16(d->common + 0x1e) * d->notify_mult, q);
}

/* ---- rings ---- */

struct ring *ring_shared(struct ring *r)
{
	return share(r, sizeof(*r));
}

void ring_post(struct ring *r, u16 head)
{
	volatile u16 *idx = &r->avail.idx;

	r->avail.ring[*idx % (r->size ? r->size : RING_SIZE)] = head;
	dsb();
	*idx = (u16)(*idx + 1);
	dsb();
}

u16 ring_used_idx(const struct ring *r)
{
	const volatile u16 *idx = &r->used.idx;

	return *idx;
}

/* ---- does it work? ---- */

/* What requests consist of: one page, which a Realm shares. */
static struct bounce {
	struct {
		u32 type, reserved;
		u64 sector;
	} header;
	volatile u8 status;
	u8 data[512];
} bounce __attribute__((aligned(GRANULE)));

static struct bounce *shared_bounce(void)
{
	static struct bounce *b;

	if (!b)
		b = share(&bounce, GRANULE);
	return b;
}

u16 vdev_queue_of(const struct vdev *d)
{
	return d->id == VIRTIO_ID_NET || d->id == VIRTIO_ID_CONSOLE ? 1 : 0;
}

static void post_request(const struct vdev *d, struct ring *r, struct bounce *b)
{
	switch (d->id) {
	case VIRTIO_ID_BLK:
		b->status = 0xff;
		memset(&b->header, 0, sizeof(b->header));
		ring_desc(r, 0, (u64)&b->header, sizeof(b->header), D_NEXT, 1);
		ring_desc(r, 1, (u64)b->data, sizeof(b->data), D_NEXT | D_WRITE, 2);
		ring_desc(r, 2, (u64)&b->status, 1, D_WRITE, 0);
		break;
	case VIRTIO_ID_RNG:
		memset(b->data, 0, 64);
		ring_desc(r, 0, (u64)b->data, 64, D_WRITE, 0);
		break;
	case VIRTIO_ID_CONSOLE:
		b->data[0] = '.';
		ring_desc(r, 0, (u64)b->data, 1, 0, 0);
		break;
	default:
		/*
		 * A broadcast frame of 60 bytes of an experimental ethertype after the 12-byte
		 * header.
		 */
		memset(b->data, 0, 72);
		memset(b->data + 12, 0xff, 6);
		b->data[18] = 2;
		b->data[23] = 1;
		b->data[24] = 0x88;
		b->data[25] = 0xb5;
		ring_desc(r, 0, (u64)b->data, 72, 0, 0);
	}
	ring_post(r, 0);
}

bool vdev_works(const struct vdev *d, struct ring *r)
{
	struct bounce *b = shared_bounce();
	u16 q = vdev_queue_of(d);
	bool zero = true;

	if (!b || !(vdev_negotiate(d, F_VERSION_1) & S_FEATURES_OK) || !vdev_queue(d, q, r))
		return false;
	vdev_ok(d);
	post_request(d, r, b);
	vdev_notify(d, q);
	if (!wait_for(ring_used_idx(r) == 1, ANSWER_MS) || vget(d, R_STATUS) & S_NEEDS_RESET)
		return false;
	if (d->id == VIRTIO_ID_BLK)
		return b->status == 0 && r->used.ring[0].len == 513;
	for (unsigned i = 0; i < 64; i++)
		zero &= !b->data[i];
	return d->id != VIRTIO_ID_RNG || (!zero && r->used.ring[0].len == 64);
}
