/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-pci: one device on the PCI bus: BARs, capabilities, interrupts, doorbells.
 *
 * Thread: registers on vCPU threads under d->lock; interrupt_*() on any, the device's loop above
 *         all.
 * Trust:  every offset, width and value of a register access is the guest's.
 * Spec:   virtio 1.3 §4.1
 *
 * Interrupts come from the loop while a vCPU may hold d->lock and wait for that loop, so they take
 * no lock but the leaves of pci.c and msix.c: what they read here is atomic.
 *
 * ISR and INTx: who raises sets a bit, who reads the register takes all bits, and both then let
 * pci_intx_update() compute the line from what is set now. A bit that is set after the read raises
 * the line again; one that is set before is part of what the driver has read.
 */
#include "virtio/transport/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/msix.h"
#include "virtio/transport/pci_common.h"

/* [virtio 1.3 §4.1.2] */
#define VENDOR_ID 0x1af4u
#define DEVICE_ID 0x1040u
#define SUBSYS_ID 0x40u
#define REVISION 1u

static_assert(VIRTIO_MAX_QUEUES <= MSIX_MAX_FEEDS, "each queue can have one");
static_assert(VIRTIO_NO_VECTOR == MSIX_NO_VECTOR, "a vector is what the driver wrote");

/* The window of BAR 0. */
#define PAGE 0x1000u
enum { PAGE_COMMON, PAGE_ISR, PAGE_DEVICE, PAGE_NOTIFY, NR_PAGES };
#define REGS_BAR 0u
#define REGS_SIZE (NR_PAGES * PAGE)
#define MSIX_BAR 2u
#define NOTIFY_MULTIPLIER 4u /* a doorbell is a dword of its own: no value to compare */

/* [virtio 1.3 §4.1.4] */
#define CAP_ID_VENDOR 0x09
enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_PCI_CFG };
#define CAP_LEN 16u
#define CAP_BAR 4u
#define CAP_OFFSET 8u
#define CAP_LENGTH 12u
#define CAP_EXTRA 16u /* notify_off_multiplier, or pci_cfg_data */

/* [virtio 1.3 §4.1.4.5] */
#define ISR_QUEUE 1u
#define ISR_CONFIG 2u

struct virtio_pci {
	struct virtio_device *d;
	struct pci_func func;
	struct msix *msix; /* NULL: the board has no MSIs */
	u8 cap_pci_cfg;	   /* offset in configuration space */

	struct pci_common common;
	_Atomic u8 isr; /* any thread */

	/* A leaf: BARs move on vCPU threads, and the loop says who takes doorbells. */
	pthread_mutex_t bells;
	gpa_t bells_at; /* under it: where they are, or were */
	bool bells_on;	/* under it: the BAR answers */
	struct {
		bool wanted, bound; /* under it: by KVM */
	} bell[VIRTIO_MAX_QUEUES];
};

/* ---- interrupts: any thread ---- */

static bool fire(struct virtio_pci *v, u16 vector)
{
	if (!msix_enabled(v->msix))
		return false;
	if (vector != VIRTIO_NO_VECTOR)
		msix_fire(v->msix, vector);
	return true;
}

static void raise(struct virtio_pci *v, u8 bit)
{
	atomic_fetch_or(&v->isr, bit);
	pci_intx_update(&v->func);
}

static void interrupt_queue(void *transport, u16 queue)
{
	struct virtio_pci *v = transport;

	if (!fire(v, atomic_load_explicit(&v->common.queue_vector[queue], memory_order_relaxed)))
		raise(v, ISR_QUEUE);
}

static void interrupt_config(void *transport)
{
	struct virtio_pci *v = transport;

	/* [virtio 1.3 §4.1.4.5.1] The bit of a configuration change is set even with MSI-X. */
	raise(v, ISR_CONFIG);
	fire(v, atomic_load(&v->common.config_vector));
}

/* INTx has the ISR register, which nobody but us can set: so it is for MSI-X alone. */
static void interrupt_from(void *transport, u16 queue, int fd)
{
	struct virtio_pci *v = transport;

	if (v->msix)
		msix_feed(v->msix, queue, fd);
}

/* The driver has chosen vectors, or has reset the device. vCPU thread. */
static void vectors_changed(struct virtio_pci *v)
{
	for (unsigned i = 0; v->msix && i < v->d->nr_queues; i++)
		msix_feed_vector(v->msix, i, atomic_load(&v->common.queue_vector[i]));
}

/* ---- doorbells ---- */

/* Under v->bells. Without one the write comes over the bus, to notify_write(). */
static void settle_doorbell(struct virtio_pci *v, unsigned i)
{
	bool on = v->bells_on && v->bell[i].wanted;
	gpa_t g = gpa_add(v->bells_at, i * NOTIFY_MULTIPLIER);
	struct irq *irq = v->func.irq;

	if (on == v->bell[i].bound)
		return;
	v->bell[i].bound = on && !irq->ops->doorbell_bind(irq, g, 0, -1, v->d->doorbell[i]);
	if (!on)
		irq->ops->doorbell_unbind(irq, g, 0, -1, v->d->doorbell[i]);
}

static void doorbell(void *transport, u16 queue, bool bound)
{
	struct virtio_pci *v = transport;

	pthread_mutex_lock(&v->bells);
	v->bell[queue].wanted = bound;
	settle_doorbell(v, queue);
	pthread_mutex_unlock(&v->bells);
}

static void bar_mapped(void *dev, unsigned bar, gpa_t at, bool on)
{
	struct virtio_pci *v = dev;

	if (bar != REGS_BAR)
		return;
	pthread_mutex_lock(&v->bells);
	v->bells_at = gpa_add(at, PAGE_NOTIFY * PAGE);
	v->bells_on = on;
	for (unsigned i = 0; i < v->d->nr_queues; i++)
		settle_doorbell(v, i);
	pthread_mutex_unlock(&v->bells);
}

static const struct virtio_transport_ops transport_ops = {
	.interrupt_queue = interrupt_queue,
	.interrupt_config = interrupt_config,
	.interrupt_from = interrupt_from,
	.doorbell = doorbell,
};

/*
 * [virtio 1.3 §4.1.4.5.1] INTx is the or of all bits; [PCI 3.0 §6.8.3.3] not while MSI-X is
 * enabled.
 */
static bool intx(void *dev)
{
	struct virtio_pci *v = dev;

	return atomic_load(&v->isr) && !msix_enabled(v->msix);
}

static const struct pci_ops func_ops = { .intx = intx, .bar_mapped = bar_mapped };

static void notify_write(struct virtio_pci *v, u32 off)
{
	/* [virtio 1.3 §4.1.4.4] The address tells the queue; the value repeats it. */
	if (off % NOTIFY_MULTIPLIER == 0)
		virtio_rung(v->d, off / NOTIFY_MULTIPLIER);
}

/* ---- BARs ---- */

static void common_write(struct virtio_pci *v, u32 off, unsigned len, u32 val)
{
	enum pci_common_news news = pci_common_write(&v->common, off, len, val);

	if (news == PCI_COMMON_SAME)
		return;
	vectors_changed(v);
	if (news != PCI_COMMON_RESET)
		return;
	atomic_store(&v->isr, 0);
	pci_intx_update(&v->func);
}

/* [virtio 1.3 §4.1.4.5.1] Reading takes all bits and so lowers the line. */
static u8 isr_read(struct virtio_pci *v)
{
	u8 isr = atomic_exchange(&v->isr, 0);

	pci_intx_update(&v->func);
	return isr;
}

static u64 regs_read(void *dev, u64 off, unsigned len)
{
	struct virtio_pci *v = dev;
	u32 in_page = off % PAGE;

	switch (off / PAGE) {
	case PAGE_COMMON:
		return pci_common_read(&v->common, in_page, len);
	case PAGE_ISR:
		return in_page ? 0 : isr_read(v);
	case PAGE_DEVICE:
		return virtio_config_read(v->d, in_page, len);
	}
	return 0;
}

static void regs_write(void *dev, u64 off, unsigned len, u64 val)
{
	struct virtio_pci *v = dev;
	u32 in_page = off % PAGE;

	switch (off / PAGE) {
	case PAGE_COMMON:
		common_write(v, in_page, len, (u32)val);
		break;
	case PAGE_DEVICE:
		virtio_config_write(v->d, in_page, len, val);
		break;
	case PAGE_NOTIFY:
		notify_write(v, in_page);
		break;
	}
}

static const struct bus_ops regs_ops = { .read = regs_read, .write = regs_write };

static u64 msix_bar_read(void *dev, u64 off, unsigned len)
{
	struct virtio_pci *v = dev;

	return msix_read(v->msix, off, len);
}

static void msix_bar_write(void *dev, u64 off, unsigned len, u64 val)
{
	struct virtio_pci *v = dev;

	msix_write(v->msix, off, len, val);
}

static const struct bus_ops msix_ops = { .read = msix_bar_read, .write = msix_bar_write };

/* ---- capabilities ---- */

static u32 cfg32(const struct virtio_pci *v, unsigned off)
{
	const u8 *at = &v->func.cfg[off];

	return at[0] | (u32)at[1] << 8 | (u32)at[2] << 16 | (u32)at[3] << 24;
}

/*
 * [virtio 1.3 §4.1.4.9] pci_cfg_data is a window on cap.length bytes at cap.offset of BAR cap.bar,
 * for drivers that cannot map BARs. What the BAR does not take reads as ones, as it does over the
 * bus.
 */
static void window_access(struct virtio_pci *v, bool is_write)
{
	u8 *data = &v->func.cfg[v->cap_pci_cfg + CAP_EXTRA];
	u8 bar = v->func.cfg[v->cap_pci_cfg + CAP_BAR];
	u32 off = cfg32(v, v->cap_pci_cfg + CAP_OFFSET);
	u32 len = cfg32(v, v->cap_pci_cfg + CAP_LENGTH);
	u64 val = 0;

	if (len != 1 && len != 2 && len != 4)
		return;
	if (is_write)
		for (unsigned i = 0; i < len; i++)
			val |= (u64)data[i] << (8 * i);
	if (pci_bar_access(&v->func, bar, off, len, is_write, &val) != BUS_OK)
		val = UINT32_MAX;
	if (!is_write)
		for (unsigned i = 0; i < len; i++)
			data[i] = (u8)(val >> (8 * i));
}

static void window_read(void *arg, unsigned off, unsigned len)
{
	if (off == CAP_EXTRA)
		window_access(arg, false);
}

static void window_written(void *arg, unsigned off, unsigned len)
{
	if (off == CAP_EXTRA)
		window_access(arg, true);
}

/* Until the guest writes a length, the window is closed. */
static const struct pci_cap_ops window_ops = { .read = window_read,
					       .read_needs_write = true,
					       .written = window_written };

/* [virtio 1.3 §4.1.4] struct virtio_pci_cap for page `page` of BAR 0. */
static void add_cap(struct virtio_pci *v, u8 type, unsigned page, u32 length)
{
	u8 body[CAP_LEN + 4] = {
		[2] = CAP_LEN,
		[3] = type,
		[CAP_BAR] = REGS_BAR,
		[CAP_OFFSET + 1] = (u8)(page * PAGE >> 8),
		[CAP_LENGTH] = (u8)length,
		[CAP_LENGTH + 1] = (u8)(length >> 8),
		[CAP_EXTRA] = NOTIFY_MULTIPLIER,
	};

	if (type == CAP_NOTIFY)
		body[2] += 4;
	pci_cap_add(&v->func, CAP_ID_VENDOR, body, NULL, body[2], NULL, NULL);
}

static void add_window_cap(struct virtio_pci *v)
{
	const u8 body[CAP_LEN + 4] = { [2] = CAP_LEN + 4, [3] = CAP_PCI_CFG };
	u8 wmask[CAP_LEN + 4] = { [CAP_BAR] = 0xff };

	memset(&wmask[CAP_OFFSET], 0xff, sizeof(wmask) - CAP_OFFSET);
	v->cap_pci_cfg =
		pci_cap_add(&v->func, CAP_ID_VENDOR, body, wmask, sizeof(body), &window_ops, v);
}

static void add_caps(struct virtio_pci *v)
{
	add_cap(v, CAP_COMMON, PAGE_COMMON, PCI_COMMON_LEN);
	add_cap(v, CAP_NOTIFY, PAGE_NOTIFY, v->d->nr_queues * NOTIFY_MULTIPLIER);
	add_cap(v, CAP_ISR, PAGE_ISR, 1);
	if (v->d->config_len)
		add_cap(v, CAP_DEVICE, PAGE_DEVICE, v->d->config_len);
	add_window_cap(v);
}

/* ---- create and destroy ---- */

static int build(struct virtio_pci *v, struct pci *p, struct irq *irq, unsigned slot)
{
	const struct virtio_type *type = v->d->type;
	const struct pci_id id = {
		.vendor = VENDOR_ID,
		.device = (u16)(DEVICE_ID + type->id),
		.subsys_vendor = VENDOR_ID,
		.subsys = (u16)(SUBSYS_ID + type->id),
		.class_code = type->pci_class,
		.revision = REVISION,
	};

	assert(v->d->config_len <= PAGE);
	v->func = (struct pci_func){
		.ops = &func_ops, .dev = v, .name = v->d->name, .lock = &v->d->lock, .irq = irq
	};
	for (unsigned i = 0; i < v->d->nr_queues; i++)
		v->bell[i].wanted = virtio_binds_doorbells(v->d);
	pci_func_init(&v->func, &id);
	pci_bar_add(&v->func, REGS_BAR, REGS_SIZE, 0, BUS_W1 | BUS_W2 | BUS_W4, &regs_ops);
	if (irq->has_msi) {
		int err = msix_create(&v->msix, &v->func, MSIX_BAR, v->d->nr_queues + 1, &msix_ops);

		if (err)
			return err;
	}
	add_caps(v);
	pci_common_init(&v->common, v->d, v->msix ? msix_nr(v->msix) : 0);
	virtio_attach(v->d, &transport_ops, v);
	return pci_add(p, &v->func, slot);
}

int virtio_pci_create(struct virtio_pci **out, struct virtio_device *d, struct pci *p,
		      struct irq *irq, unsigned slot)
{
	struct virtio_pci *v = calloc(1, sizeof(*v));
	int err = -ENOMEM;

	if (v) {
		v->d = d;
		pthread_mutex_init(&v->bells, NULL);
		err = build(v, p, irq, slot);
	}
	if (err) {
		log_errno(err, "cannot put %s into PCI slot %u", d->name, slot);
		virtio_pci_destroy(v);
		return err;
	}
	*out = v;
	return 0;
}

void virtio_pci_destroy(struct virtio_pci *v)
{
	if (!v)
		return;
	pci_func_fini(&v->func);
	msix_destroy(v->msix);
	pthread_mutex_destroy(&v->bells);
	free(v);
}
