/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts of an assigned device: INTx, MSI and MSI-X.
 *
 * Thread: main; registers on vCPU threads under the device's lock.
 * Trust:  registers and table are the guest's: a message is passed on, not interpreted.
 * Spec:   PCI Local Bus 3.0 §6.8; linux/vfio.h, VFIO_DEVICE_SET_IRQS
 *
 * The host's kernel writes an eventfd for each interrupt of the device, and KVM reads it and raises
 * the guest's [lkvm/vm/irq.h]. A vector that the guest has masked is not bound to KVM: what comes
 * meanwhile waits in its eventfd, which is what the pending bits show, and is sent when the vector
 * is bound again.
 *
 * The kernel sends one kind at a time, as the device does: MSI-X when it is enabled, else MSI when
 * that is, else INTx. All vectors of a kind are asked for at once, because older kernels let nobody
 * add one later.
 *
 * INTx is level-triggered. The kernel masks it when it comes and unmasks it when `resample` is
 * written, which KVM does when the guest has handled the interrupt.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vfio/inside.h"

/* [PCI 3.0 §6.8.1] */
#define CAP_MSI 0x05u
#define MSI_ENABLE 0x01u
#define MSI_64 0x80u
#define MSI_MAX_SHIFT 1	 /* messages that it can send, as a power of two */
#define MSI_USED_SHIFT 4 /* and that it may */
#define MSI_LEN_32 12u
#define MSI_LEN_64 16u

/* [PCI 3.0 §6.8.2] */
#define CAP_MSIX 0x11u
#define MSIX_LEN 12u
#define MSIX_SIZE 0x07ffu
#define MSIX_ENABLE 0x8000u
#define MSIX_MASK 0x4000u

/* ---- the kernel ---- */

struct set_irqs {
	struct vfio_irq_set set;
	s32 fds[VFIO_MAX_VECTORS];
};

/* Have the kernel write the descriptors in `s`, of which there are s->set.count. */
static int trigger(struct vfio_device *v, struct set_irqs *s, enum vfio_irq_index index, u32 action)
{
	s->set.argsz = (u32)(sizeof(s->set) + s->set.count * sizeof(s->fds[0]));
	s->set.flags = action | VFIO_IRQ_SET_DATA_EVENTFD;
	s->set.index = index;
	s->set.start = 0;
	return vfio_ioctl(v->fd, VFIO_DEVICE_SET_IRQS, s);
}

int vfio_irq_to(struct vfio_device *v, enum vfio_irq_index index, u32 action, int fd)
{
	struct set_irqs s = { .set.count = 1, .fds = { fd } };

	return trigger(v, &s, index, action);
}

static void stop(struct vfio_device *v, enum vfio_irq_index index)
{
	struct vfio_irq_set s = { .argsz = sizeof(s),
				  .flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
				  .index = index };

	vfio_ioctl(v->fd, VFIO_DEVICE_SET_IRQS, &s);
}

/* ---- INTx ---- */

static int start_intx(struct vfio_device *v)
{
	struct vfio_intr *n = &v->intr;
	struct irq *irq = v->env.irq;
	int err = irq->ops->level_bind(irq, v->func.spi, n->intx, n->resample);

	if (err)
		return err;
	n->intx_bound = true;
	err = vfio_irq_to(v, VFIO_PCI_INTX, VFIO_IRQ_SET_ACTION_TRIGGER, n->intx);
	/* The kernel takes this for interrupts that are on only. */
	return err ? err : vfio_irq_to(v, VFIO_PCI_INTX, VFIO_IRQ_SET_ACTION_UNMASK, n->resample);
}

static void stop_intx(struct vfio_device *v)
{
	struct vfio_intr *n = &v->intr;
	struct irq *irq = v->env.irq;

	stop(v, VFIO_PCI_INTX);
	if (n->intx_bound)
		irq->ops->level_unbind(irq, v->func.spi, n->intx);
	n->intx_bound = false;
}

/* ---- messages ---- */

static void unbind(struct vfio_device *v, struct vfio_vector *vec)
{
	msi_source_unbind(&vec->source, v->env.irq);
}

static void bind(struct vfio_device *v, unsigned i, const struct msi_msg *msg)
{
	struct msi_source *s = &v->intr.vectors[i].source;
	int err = msi_source_bind(s, v->env.irq, msg, s->fd);

	if (err)
		guest_err(v->name, "the host cannot send message %u (error %d)", i, -err);
}

static void unbind_all(struct vfio_device *v)
{
	for (unsigned i = 0; i < v->intr.nr_fds; i++) {
		unbind(v, &v->intr.vectors[i]);
		msi_source_drain(&v->intr.vectors[i].source); /* of no use to the next driver */
	}
}

/* A host with too few interrupts says how many there are. */
static int start_messages(struct vfio_device *v, enum vfio_irq_index index, unsigned nr)
{
	struct set_irqs s = { .set.count = nr };
	int ret;

	for (unsigned i = 0; i < nr; i++)
		s.fds[i] = v->intr.vectors[i].source.fd;
	ret = trigger(v, &s, index, VFIO_IRQ_SET_ACTION_TRIGGER);
	if (ret > 0 && ret < (int)nr) {
		guest_err(v->name, "the host has only %d of %u interrupts for the device", ret, nr);
		s.set.count = (u32)ret;
		ret = trigger(v, &s, index, VFIO_IRQ_SET_ACTION_TRIGGER);
	}
	return ret > 0 ? -ENOSPC : ret;
}

static u32 msi_devid(const struct vfio_device *v)
{
	return v->func.slot << 3;
}

/* One entry of the table, or what it depends on, has changed. */
static void update_vector(struct vfio_device *v, unsigned i)
{
	struct vfio_intr *n = &v->intr;
	const u32 *words = n->vectors[i].words;
	const struct msi_msg msg = msix_message(words, msi_devid(v));

	if (n->mode != MODE_MSIX || n->masked || words[MSIX_CONTROL] & MSIX_VECTOR_MASKED)
		unbind(v, &n->vectors[i]);
	else
		bind(v, i, &msg);
}

static void bind_msi(struct vfio_device *v)
{
	const u8 *cap = &v->func.cfg[v->intr.msi_cap];
	bool wide = cap[2] & MSI_64;
	unsigned used = MIN(1u << ((cap[2] >> MSI_USED_SHIFT) & 7), v->intr.msi_max);
	struct msi_msg msg = { .addr = vfio_le(cap + 4, 4), .devid = msi_devid(v) };
	u32 data = vfio_le(cap + (wide ? 12 : 8), 2);

	if (wide)
		msg.addr |= (u64)vfio_le(cap + 8, 4) << 32;
	/* [PCI 3.0 §6.8.1.6] The device sets the lower bits of the data. */
	for (unsigned i = 0; i < used; i++) {
		msg.data = (data & ~(used - 1)) | i;
		bind(v, i, &msg);
	}
	/* It may have had more. Those that stay are never without a receiver in between. */
	for (unsigned i = used; i < v->intr.msi_max; i++)
		unbind(v, &v->intr.vectors[i]);
}

/* ---- which kind ---- */

static enum vfio_mode wanted(const struct vfio_device *v)
{
	const struct vfio_intr *n = &v->intr;

	if (n->msix_cap && n->enabled)
		return MODE_MSIX;
	if (n->msi_cap && v->func.cfg[n->msi_cap + 2] & MSI_ENABLE)
		return MODE_MSI;
	return n->has_intx ? MODE_INTX : MODE_NONE;
}

static void end_mode(struct vfio_device *v)
{
	switch (v->intr.mode) {
	case MODE_NONE:
		break;
	case MODE_INTX:
		stop_intx(v);
		break;
	case MODE_MSI:
		stop(v, VFIO_PCI_MSI);
		unbind_all(v);
		break;
	case MODE_MSIX:
		stop(v, VFIO_PCI_MSIX);
		unbind_all(v);
		break;
	}
	v->intr.mode = MODE_NONE;
}

static int begin_mode(struct vfio_device *v, enum vfio_mode mode)
{
	v->intr.mode = mode;
	switch (mode) {
	case MODE_NONE:
		break;
	case MODE_INTX:
		return start_intx(v);
	case MODE_MSI:
		return start_messages(v, VFIO_PCI_MSI, v->intr.msi_max);
	case MODE_MSIX:
		return start_messages(v, VFIO_PCI_MSIX, v->intr.nr_msix);
	}
	return 0;
}

void vfio_intr_update(struct vfio_device *v)
{
	enum vfio_mode mode = wanted(v);
	int err = 0;

	if (mode != v->intr.mode) {
		end_mode(v);
		err = begin_mode(v, mode);
	}
	if (err) {
		guest_err(v->name, "the host gives no %s (error %d)",
			  mode == MODE_INTX ? "INTx" : "messages", -err);
		end_mode(v);
		v->intr.mode = mode; /* not tried again before the guest changes it */
	}
	if (v->intr.mode == MODE_MSI)
		bind_msi(v);
	for (unsigned i = 0; v->intr.mode == MODE_MSIX && i < v->intr.nr_msix; i++)
		update_vector(v, i);
}

void vfio_intr_off(struct vfio_device *v)
{
	end_mode(v);
}

/* ---- registers ---- */

static void msi_written(void *arg, unsigned off, unsigned len)
{
	vfio_intr_update(arg);
}

static void msix_written(void *arg, unsigned off, unsigned len)
{
	struct vfio_device *v = arg;
	unsigned control = vfio_le(&v->func.cfg[v->intr.msix_cap + 2], 2);

	v->intr.enabled = control & MSIX_ENABLE;
	v->intr.masked = control & MSIX_MASK;
	vfio_intr_update(v);
}

static const struct pci_cap_ops msi_ops = { .written = msi_written };
static const struct pci_cap_ops msix_ops = { .written = msix_written };

bool vfio_intr_owns(const struct vfio_device *v, unsigned bar, u64 off, unsigned len)
{
	const struct vfio_intr *n = &v->intr;

	if (!n->msix_cap)
		return false;
	return (bar == n->table_bar &&
		ranges_overlap(off, len, n->table, vfio_table_end(n) - n->table)) ||
	       (bar == n->pba_bar && ranges_overlap(off, len, n->pba, vfio_pba_end(n) - n->pba));
}

/* What waits in the eventfds of the 32 vectors from `first` on. */
static u32 pending(struct vfio_device *v, u64 first)
{
	u32 bits = 0;

	for (unsigned i = 0; i < 32 && first + i < v->intr.nr_msix; i++) {
		struct msi_source *s = &v->intr.vectors[first + i].source;

		if (s->route < 0 && msi_source_waits(s))
			bits |= 1u << i;
	}
	return bits;
}

static bool in_table(const struct vfio_intr *n, unsigned bar, u64 off)
{
	return bar == n->table_bar && off >= n->table &&
	       off < n->table + n->nr_msix * MSIX_ENTRY_SIZE;
}

/* [PCI 3.0 §6.8.2] Whole words; what is narrower reads zero and writes nothing. */
u64 vfio_intr_read(struct vfio_device *v, unsigned bar, u64 off, unsigned len)
{
	const struct vfio_intr *n = &v->intr;
	u64 val = 0;

	for (unsigned i = 0; i + 4 <= MIN(len, 8u); i += 4) {
		u64 at = off + i - n->table;

		if (in_table(n, bar, off + i))
			val |= (u64)n->vectors[at / MSIX_ENTRY_SIZE].words[at % MSIX_ENTRY_SIZE / 4]
			       << (8 * i);
		else if (bar == n->pba_bar && off + i >= n->pba)
			val |= (u64)pending(v, (off + i - n->pba) * 8) << (8 * i);
	}
	return val;
}

void vfio_intr_write(struct vfio_device *v, unsigned bar, u64 off, unsigned len, u64 val)
{
	struct vfio_intr *n = &v->intr;

	for (unsigned i = 0; i + 4 <= len; i += 4) {
		u64 at = off + i - n->table;
		unsigned word = at % MSIX_ENTRY_SIZE / 4;
		u32 *words;

		if (!in_table(n, bar, off + i))
			continue;
		words = n->vectors[at / MSIX_ENTRY_SIZE].words;
		msix_word_write(words, word, (u32)(val >> (8 * i)));
		/* An entry that is changed while it is masked is looked at when it is not. */
		if (word == MSIX_CONTROL || !words[MSIX_CONTROL])
			update_vector(v, (unsigned)(at / MSIX_ENTRY_SIZE));
	}
}

/* ---- create and destroy ---- */

static void add_msi(struct vfio_device *v)
{
	u8 at = vfio_raw_cap(v, CAP_MSI), body[MSI_LEN_64] = { 0 }, len;
	u8 wmask[MSI_LEN_64] = {
		0, 0, MSI_ENABLE | 7u << MSI_USED_SHIFT, 0, 0xfc, 0xff, 0xff, 0xff
	};

	if (!at)
		return;
	/* Masks of single messages are not shown, and nothing is enabled. */
	body[2] = v->raw[at + 2] & (MSI_64 | 7u << MSI_MAX_SHIFT);
	v->intr.msi_max = MIN(1u << (body[2] >> MSI_MAX_SHIFT & 7), VFIO_MAX_MSI);
	if (body[2] & MSI_64) {
		memset(&wmask[8], 0xff, 6);
		len = MSI_LEN_64;
	} else {
		memset(&wmask[8], 0xff, 2);
		len = MSI_LEN_32;
	}
	v->intr.msi_cap = pci_cap_add(&v->func, CAP_MSI, body, wmask, len, &msi_ops, v);
}

static int add_msix(struct vfio_device *v)
{
	const u8 wmask[MSIX_LEN] = { 0, 0, 0, (MSIX_ENABLE | MSIX_MASK) >> 8 };
	u8 at = vfio_raw_cap(v, CAP_MSIX), body[MSIX_LEN] = { 0 };
	struct vfio_intr *n = &v->intr;

	if (!at)
		return 0;
	if (at + MSIX_LEN > PCI_CFG_SIZE)
		return -EINVAL;
	memcpy(body, &v->raw[at], MSIX_LEN);
	n->nr_entries = (vfio_le(&body[2], 2) & MSIX_SIZE) + 1;
	n->nr_msix = MIN(n->nr_entries, VFIO_MAX_VECTORS);
	n->table_bar = body[4] & 7;
	n->table = vfio_le(&body[4], 4) & ~7u;
	n->pba_bar = body[8] & 7;
	n->pba = vfio_le(&body[8], 4) & ~7u;
	body[2] = (u8)(n->nr_msix - 1);
	body[3] = (u8)((n->nr_msix - 1) >> 8);
	for (unsigned i = 0; i < n->nr_msix; i++)
		n->vectors[i].words[MSIX_CONTROL] = MSIX_VECTOR_MASKED;
	n->msix_cap = pci_cap_add(&v->func, CAP_MSIX, body, wmask, MSIX_LEN, &msix_ops, v);
	return 0;
}

static int new_eventfd(int *fd)
{
	*fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

static int add_vectors(struct vfio_intr *n)
{
	unsigned nr = MAX(n->nr_msix, n->msi_max);
	int err = 0;

	for (; n->nr_fds < nr && !err; n->nr_fds++) {
		n->vectors[n->nr_fds].source.route = -1;
		err = new_eventfd(&n->vectors[n->nr_fds].source.fd);
	}
	return err;
}

int vfio_intr_init(struct vfio_device *v)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = VFIO_PCI_INTX };
	struct vfio_intr *n = &v->intr;
	int err = 0;

	n->intx = n->resample = -1;
	if (v->env.irq->has_msi) {
		add_msi(v);
		err = add_msix(v);
	}
	if (!err)
		err = add_vectors(n);
	if (!err)
		err = vfio_ioctl(v->fd, VFIO_DEVICE_GET_IRQ_INFO, &info);
	if (err || !info.count)
		return err;
	n->has_intx = true;
	err = new_eventfd(&n->intx);
	return err ? err : new_eventfd(&n->resample);
}

void vfio_intr_fini(struct vfio_device *v)
{
	struct vfio_intr *n = &v->intr;

	while (n->nr_fds) {
		int fd = n->vectors[--n->nr_fds].source.fd;

		if (fd >= 0)
			close(fd);
	}
	if (n->has_intx && n->intx >= 0)
		close(n->intx);
	if (n->has_intx && n->resample >= 0)
		close(n->resample);
	n->has_intx = false;
}
