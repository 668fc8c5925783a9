/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An assigned device whose guest is hostile, and whose own bytes are anything: configuration space
 * and BARs are written, interrupts come, pages of a Realm change sides, and calls of the kernel
 * fail meanwhile.
 *
 * Checked besides the sanitizers and the rules of tests/fake/vfio.h: a slot of KVM shows nothing
 * outside of the bridge's windows, and no page with a part of the MSI-X table; the device's memory
 * decoding stays on; a page is mapped in the IOMMU only if the guest shares it.
 *
 * Thread: one.
 * Trust:  plays the guest, and the device.
 * Spec:   PCI 3.0 §6; linux/vfio.h
 *
 * Input: a number of changes to the device's own configuration space, those changes, then
 * operations of one byte each with their operands.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/vfio/device.h"
#include "lkvm/vfio/dma.h"
#include "lkvm/vfio/iommu.h"
#include "lkvm/vm/loop.h"
#include "lkvm/vm/mem.h"
#include "tests/fake/irq.h"
#include "tests/fake/vfio.h"
#include "tests/fuzz/input.h"

#define ECAM UINT64_C(0x40000000)
#define MEM UINT64_C(0x50000000)
#define MEM_SIZE (768 * MiB)
#define MEM64 UINT64_C(0x1000000000)
#define RAM UINT64_C(0x80000000)
#define RAM_PAGES 16u
#define ALIAS BIT(38)
#define NR_SLOTS 32u

static struct rig {
	struct bus *bus;
	struct pci *pci;
	struct fake_irq irq;
	struct mem *mem;
	struct vfio_iommu *io;
	struct loop *loop;
	struct dma *dma;
	struct vfio_device *v;
	u32 nr_slots;
	struct {
		u64 at, size;
		u8 *host;
	} slots[NR_SLOTS];
	bool refuses;
} x;

static u32 new_slot(void *arg)
{
	check(x.nr_slots < NR_SLOTS);
	return x.nr_slots++;
}

static int set_slot(void *arg, u32 slot, gpa_t g, u64 size, void *host)
{
	if (x.refuses && size)
		return -EINVAL;
	check(!size || (g.a >= MEM && g.a + size <= MEM + MEM_SIZE) ||
	      (g.a >= MEM64 && g.a + size <= MEM64 + 64 * GiB));
	x.slots[slot].at = g.a;
	x.slots[slot].size = size;
	x.slots[slot].host = host;
	return 0;
}

static void tell(void *arg, int fd)
{
}

static const struct vfio_host_ops host_ops = { new_slot, set_slot, tell };

static bool rig_up(struct input *i)
{
	static const struct vfio_conf conf = { "0000:00:10.0" };
	static const struct pci_map map = { .ecam = { ECAM },
					    .ecam_size = MiB,
					    .mem = { MEM },
					    .mem_size = MEM_SIZE,
					    .mem64 = { MEM64 },
					    .mem64_size = 64 * GiB,
					    .spi = 64 };
	struct vfio_env env = { .host = &host_ops };
	struct fake_vfio_device *d;

	memset(&x, 0, sizeof(x));
	fake_vfio_init();
	fake_vfio.has_iommufd = in(i, 1) & 1;
	d = fake_vfio_add(conf.addr, 1);
	d->bars[2].size = 1u << in(i, 1) % 21;
	d->bars[2].can_map = true;
	for (unsigned nr = (unsigned)in(i, 1) % 32; nr; nr--) {
		unsigned at = (unsigned)in(i, 1);

		d->config[at] = (u8)in(i, 1);
	}
	fake_irq_init(&x.irq, true);
	check(!bus_create(&x.bus) && !pci_create(&x.pci, x.bus, &map) &&
	      !vfio_iommu_create(&x.io) && !mem_create(&x.mem) && !loop_create(&x.loop, "fuzz"));
	mem_set_alias(x.mem, ALIAS);
	check(!mem_add_ram(x.mem, gpa(RAM), RAM_PAGES * 4096, MEM_PROTECTED | MEM_SPLIT_VIEW,
			   NULL));
	env.iommu = x.io;
	env.pci = x.pci;
	env.irq = &x.irq.irq;
	env.loop = x.loop;
	if (vfio_device_create(&x.v, &env, &conf, 2))
		return false;
	check(!dma_start(&x.dma, x.mem, x.io));
	return true;
}

static void rig_down(void)
{
	fake_vfio.fail_err = 0;
	dma_stop(x.dma);
	vfio_device_destroy(x.v);
	check(!fake_vfio.nr_maps);
	for (u32 i = 0; i < x.nr_slots; i++)
		check(!x.slots[i].size);
	loop_destroy(x.loop);
	vfio_iommu_destroy(x.io);
	pci_destroy(x.pci);
	bus_destroy(x.bus);
	mem_destroy(x.mem);
	fake_irq_fini(&x.irq);
	fake_vfio_release();
}

static u64 touch(u64 at, unsigned len, bool is_write, u64 val)
{
	bus_access(x.bus, gpa(at), len, is_write, &val);
	return val;
}

static u64 cfg(unsigned off)
{
	return ECAM + 2 * 0x8000 + off;
}

/* Where the guest has a BAR; without a look at its type. */
static u64 bar(unsigned n)
{
	u64 low = touch(cfg(0x10 + 4 * n), 4, false, 0);

	return (low & ~UINT64_C(15)) | (low & 4 ? touch(cfg(0x14 + 4 * n), 4, false, 0) << 32 : 0);
}

static void share(struct input *i)
{
	u64 page = in(i, 1) % RAM_PAGES, nr = 1 + in(i, 1) % (RAM_PAGES - page);
	static const unsigned long reqs[] = { IOMMU_IOAS_MAP, IOMMU_IOAS_UNMAP, VFIO_IOMMU_MAP_DMA,
					      VFIO_IOMMU_UNMAP_DMA };
	u8 how = (u8)in(i, 1);

	fake_vfio.fail_req = reqs[how % 4];
	fake_vfio.fail_nth = how / 8 % 4;
	fake_vfio.fail_err = how & 4 ? ENOSPC : 0;
	mem_set_shared(x.mem, gpa(RAM + page * 4096), nr * 4096, how & 0x80);
	fake_vfio.fail_err = 0;
}

static void operate(struct input *i)
{
	struct fake_vfio_device *d = &fake_vfio.devices[0];
	u8 op = (u8)in(i, 1);
	unsigned len = 1u << (op >> 6);

	switch (op % 8) {
	case 0:
		touch(cfg((unsigned)in(i, 1)) & ~(u64)(len - 1), len, true, in(i, 4));
		break;
	case 1:
		touch(cfg((unsigned)in(i, 1)) & ~(u64)(len - 1), len, false, 0);
		break;
	case 2:
		touch(cfg(0x10 + 4 * (in(i, 1) % 6)), 4, true, in(i, 4));
		break;
	case 3:
		touch(cfg(4), 2, true, in(i, 2));
		break;
	case 4:
		touch((bar((unsigned)in(i, 1) % 6) + in(i, 2)) & ~(u64)(len - 1), len, op & 8,
		      in(i, 8));
		break;
	case 5:
		fake_vfio_interrupt(d, (unsigned)in(i, 1));
		break;
	case 6:
		share(i);
		break;
	default:
		x.refuses = op & 8;
		d->max_irqs = op & 16 ? 3 : 0;
		fake_vfio.fail_req = VFIO_DEVICE_SET_IRQS;
		fake_vfio.fail_err = op & 32 ? EIO : 0;
		break;
	}
}

/* The table is where the device says, in the BAR as the host has it. */
static void check_table(const struct fake_vfio_device *d)
{
	for (unsigned at = d->config[0x34] & 0xfcu, n = 0; at >= 0x40 && n < 48; n++) {
		const u8 *cap = &d->config[at];
		u32 table;

		if (cap[0] != 0x11 || at > 0xf4) {
			at = cap[1] & 0xfcu;
			continue;
		}
		memcpy(&table, cap + 4, 4);
		if ((table & 7) >= 6 || !d->bars[table & 7].mem)
			return;
		for (u32 i = 0; i < x.nr_slots; i++) {
			const u8 *first = d->bars[table & 7].mem + (table & ~7u);

			check(!x.slots[i].size || first < x.slots[i].host ||
			      first >= x.slots[i].host + x.slots[i].size);
		}
		return;
	}
}

static void check_all(void)
{
	const struct fake_vfio_device *d = &fake_vfio.devices[0];

	check(d->config[4] & 2);
	check_table(d);
	for (u64 a = RAM; a < RAM + RAM_PAGES * 4096; a += 4096) {
		bool shared = mem_is_shared(x.mem, gpa(a), 4096);

		check(shared || (!fake_vfio_dma(a, 1) && !fake_vfio_dma(a | ALIAS, 1)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input i = { data, len };

	log_set_level(LOG_FATAL);
	if (rig_up(&i)) {
		for (unsigned done = 0; i.left && done < 200; done++) {
			operate(&i);
			check_all();
		}
	}
	rig_down();
	return 0;
}
