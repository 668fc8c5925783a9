/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: the PCI side of virtio: configuration space, BARs sized and moved, decoding on and off,
 * MSI-X registers, INTx through the interrupt controller. Wants at least one virtio device.
 *
 * Thread: CPU 0 and its interrupts.
 * Trust:  the VMM's PCI is under test.
 * Spec:   PCI 3.0 §6; virtio 1.3 §4.1
 */
#include "guest/virtio.h"

#define COMMAND 4
#define COMMAND_INTX_OFF 0x400
#define STATUS 6
#define STATUS_INTX 8
#define ELSEWHERE 0x60000000u
#define MSIX_ENABLE 0x8000
#define MSIX_MASK_ALL 0x4000
#define NO_VECTOR 0xffff

static struct ring ring_page, *ring;
static volatile unsigned nr_irq;
static volatile u8 isr_seen;
static const struct vdev *irq_dev;

static unsigned bar_of(const struct vdev *d, u64 addr)
{
	unsigned i;

	for (i = 0; i < 6; i++)
		if (d->bar_size[i] && addr >= d->bar[i] && addr - d->bar[i] < d->bar_size[i])
			break;
	return i;
}

/*
 * No common configuration is there: in a Realm an abort, otherwise zeros, which a number of queues
 * cannot be.
 */
#define QUEUES 0x12

static bool gone(u64 addr)
{
	u16 v;

	fault_begin();
	v = read16(addr + QUEUES);
	return fault_end() ? fault_is_sea() : v == 0xffff || (!v && !io_alias);
}

/* ---- configuration space ---- */

static void test_header(const struct vdev *d)
{
	u64 e = d->ecam;

	check("revision is 1 or more", read8(e + 8) >= 1);
	check("single function, type 0", (read8(e + 0xe) & 0xff) == 0);
	check("status has capabilities", read16(e + STATUS) & 0x10);
	check("interrupt pin A", read8(e + 0x3d) == 1);
	write32(e, 0);
	write8(e + 8, 0x77);
	check("ids are read-only", read16(e) == 0x1af4 && read8(e + 8) != 0x77);
	write8(e + 0x3c, 0x42);
	check("interrupt line is the driver's", read8(e + 0x3c) == 0x42);
	check("8, 16 and 32 bits see the same",
	      read8(e + 2) == (read32(e) >> 16 & 0xff) && read16(e + 2) == read32(e) >> 16);
	check("function 1 is not there", read32(e + 0x1000) == ~0u);
	check("has common, notify, isr and PCI_CFG capabilities",
	      d->common && d->notify && d->isr && d->cap_pci_cfg);
	check("has a device configuration if its kind has one",
	      d->config || d->id == VIRTIO_ID_RNG);
}

static void test_bars(const struct vdev *d)
{
	unsigned i = bar_of(d, d->common);
	u64 bar = d->ecam + 0x10 + 4 * i, off;
	u16 command = read16(d->ecam + COMMAND);

	if (!checkf("common configuration is in a memory BAR", i < 6, "%lx", d->common))
		return;
	off = d->common - d->bar[i];
	checkf("its size is a power of two", !(d->bar_size[i] & (d->bar_size[i] - 1)), "%x",
	       d->bar_size[i]);
	checkf("it is naturally aligned", d->bar[i] % d->bar_size[i] == 0, "%lx", d->bar[i]);

	write32(bar, ELSEWHERE);
	checkf("it moves", read32(bar) == ELSEWHERE, "%x", read32(bar));
	write8(io(ELSEWHERE + off) + 0x14, 0);
	check("answers at the new place",
	      read8(io(ELSEWHERE + off) + 0x14) == 0 && read16(io(ELSEWHERE + off) + 0x12) >= 1);
	check("and not at the old one", gone(d->common));
	write16(d->ecam + COMMAND, (u16)(command & ~2u));
	check("decoding off: gone", gone(io(ELSEWHERE + off)));
	write16(d->ecam + COMMAND, command);
	check("decoding on: back", !gone(io(ELSEWHERE + off)));

	/* On top of other things. Who wins is nobody's business; everything must still stand. */
	write32(bar, MEMMAP_UART);
	print("a BAR lies over the UART\n");
	write32(bar, MEMMAP_RAM);
	write32(bar, MEMMAP_PCI_ECAM);
	write32(bar, (u32)d->msix_table);
	write32(bar, 0xfffff000);
	write32(bar, (u32)d->bar[i]);
	checkf("BAR is back", read32(bar) == (u32)d->bar[i] && !gone(d->common), "%x", read32(bar));
}

/* The window in configuration space reaches the same registers [4.1.4.9]. */
static void test_pci_cfg(const struct vdev *d)
{
	u64 cap = d->ecam + d->cap_pci_cfg;
	unsigned i = bar_of(d, d->common);

	if (!d->cap_pci_cfg || i == 6)
		return;
	write8(cap + 4, (u8)i);
	write32(cap + 8, (u32)(d->common - d->bar[i]) + 0x12);
	write32(cap + 12, 2);
	checkf("PCI_CFG reads", read16(cap + 16) == read16(d->common + 0x12), "%x",
	       read16(cap + 16));
	write32(cap + 8, (u32)(d->common - d->bar[i]));
	write32(cap + 12, 4);
	write32(cap + 16, 1);
	check("PCI_CFG writes", read32(d->common) == 1);
	write8(cap + 4, 5);
	write32(cap + 8, 0xfffffffc);
	write32(cap + 12, 3);
	read32(cap + 16);
	write32(cap + 16, ~0u);
	check("PCI_CFG off the rails", vdev_reset(d));
}

/* ---- interrupts ---- */

static void test_msix(const struct vdev *d)
{
	u64 ctrl = d->ecam + d->cap_msix + 2;

	if (!d->cap_msix) {
		print("no MSI-X here\n");
		return;
	}
	checkf("MSI-X has a vector for config and each queue", d->msix_nr >= 2, "%u", d->msix_nr);
	check("entries start masked", read32(d->msix_table + 12) & 1);
	write32(d->msix_table, 0x12345678);
	write32(d->msix_table + 4, 1);
	write32(d->msix_table + 8, 77);
	check("entries keep what is written",
	      read32(d->msix_table) == 0x12345678 && read32(d->msix_table + 8) == 77);
	write16(d->common + 0x10, 0);
	check("config vector 0 is taken", read16(d->common + 0x10) == 0);
	write16(d->common + 0x10, (u16)d->msix_nr);
	check("a vector out of range is refused", read16(d->common + 0x10) == NO_VECTOR);

	/* A masked function keeps the interrupt as pending. */
	write16(ctrl, MSIX_ENABLE | MSIX_MASK_ALL);
	check("function mask reads back", (read16(ctrl) & 0xc000) == 0xc000);
	vdev_negotiate(d, F_VERSION_1);
	vdev_queue(d, vdev_queue_of(d), ring);
	write16(d->common + 0x1a, 1);
	check("queue vector 1 is taken", read16(d->common + 0x1a) == 1);
	vdev_ok(d);
	write32(d->msix_table + 16 + 12, 0);
	ring_desc(ring, 0, (u64)ring + 0x800, 64, d->id == VIRTIO_ID_RNG ? D_WRITE : 0, 0);
	ring_post(ring, 0);
	vdev_notify(d, vdev_queue_of(d));
	check("request is done", wait_for(ring_used_idx(ring) == 1, 2000));
	checkf("pending bit of the masked vector", wait_for(read32(d->msix_pba) & 2, 1000), "%x",
	       read32(d->msix_pba));
	vdev_reset(d);
	write16(ctrl, 0);
}

static void on_irq(u32 intid)
{
	if (intid != 32 + MEMMAP_SPI_PCI + irq_dev->slot)
		return;
	nr_irq++;
	isr_seen |= read8(irq_dev->isr);
}

static void post(const struct vdev *d, u16 i)
{
	ring_desc(ring, i, (u64)ring + 0x800, 64, d->id == VIRTIO_ID_RNG ? D_WRITE : 0, 0);
	ring_post(ring, i);
	vdev_notify(d, vdev_queue_of(d));
}

static void test_intx(const struct vdev *d)
{
	u64 command = d->ecam + COMMAND;

	irq_dev = d;
	nr_irq = 0;
	isr_seen = 0;
	gic_enable(32 + MEMMAP_SPI_PCI + d->slot, false);
	vdev_negotiate(d, F_VERSION_1);
	vdev_queue(d, vdev_queue_of(d), ring);
	vdev_ok(d);
	post(d, 0);
	checkf("INTx arrives", wait_for(nr_irq, 2000), "%u", nr_irq);
	checkf("ISR says queue", isr_seen == 1, "%x", isr_seen);
	check("reading it took the line down", !(read16(d->ecam + STATUS) & STATUS_INTX));
	nr_irq = 0;
	write16(command, read16(command) | COMMAND_INTX_OFF);
	post(d, 1);
	check("INTx disabled: status shows it",
	      wait_for(read16(d->ecam + STATUS) & STATUS_INTX, 2000));
	checkf("but nothing arrives", nr_irq == 0, "%u", nr_irq);
	write16(command, read16(command) & ~COMMAND_INTX_OFF);
	checkf("enabled again: it does", wait_for(nr_irq, 2000), "%u", nr_irq);
	vdev_reset(d);
	gic_disable(32 + MEMMAP_SPI_PCI + d->slot);
}

void payload_main(void)
{
	unsigned nr = 0;
	struct vdev d;

	ring = ring_shared(&ring_page);
	check("there is a GIC", gic_init());
	gic_set_handler(on_irq);
	irq_on();
	for (u32 slot = 0; slot < MEMMAP_NR_PCI_SLOTS; slot++) {
		if (!vdev_pci(&d, slot)) {
			if (read32(io(MEMMAP_PCI_ECAM + (slot << 15))) != ~0u)
				print("slot %u: not virtio\n", slot);
			continue;
		}
		nr++;
		print("slot %u: %s\n", slot, vdev_kind(&d));
		test_header(&d);
		test_bars(&d);
		test_pci_cfg(&d);
		/* What these two post is a request of these kinds, or a chain to be thrown away. */
		if (d.id == VIRTIO_ID_RNG || d.id == VIRTIO_ID_NET) {
			test_msix(&d);
			test_intx(&d);
		}
		check("works after all that", vdev_works(&d, ring));
		vdev_reset(&d);
	}
	print("virtio devices: %u\n", nr);
	check("there is one", nr > 0);
	check_summary();
}
