/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irq.h on top of KVM: interrupt lines, irqfds, MSI routes, ioeventfds.
 *
 * Thread: any; the routing table is under `lock`, which is a leaf.
 * Trust:  MSI messages are the guest's: KVM checks them when it sends one.
 * Spec:   [KVM api 4.25 IRQ_LINE, 4.52 SET_GSI_ROUTING, 4.59 IOEVENTFD, 4.75 IRQFD]
 *
 * KVM starts with the routes gsi n -> SPI n. SET_GSI_ROUTING replaces the whole table, so ours
 * holds both: an entry for each SPI that has an irqfd, and one for each MSI. GSIs of SPIs are their
 * numbers, MSIs are numbered from GSI_MSI.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "lkvm/base/calls.h"
#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/vm/irq.h"

static const struct sys_call list[] = {
	CALL_IOCTL(KVM_IRQ_LINE),
	CALL_IOCTL(KVM_IOEVENTFD),
	CALL_IOCTL(KVM_IRQFD),
	CALL_IOCTL(KVM_SET_GSI_ROUTING),
};

const struct calls kvm_event_calls = CALLS("interrupts", list);

#define GSI_MSI 256u /* above the SPIs of the board */
#define MAX_MSI 512u
#define MAX_SPI 160u /* with those of a GICv2m */

struct kvm_event {
	struct irq irq;
	int vm_fd;
	u64 alias;
	bool devid;
	pthread_mutex_t lock;
	unsigned spi_users[MAX_SPI]; /* irqfds: messages of a GICv2m may have several */
	bool msi_used[MAX_MSI];
	struct msi_msg msi[MAX_MSI];
	struct kvm_irq_routing *table; /* room for all of it; built anew for each change */
};

static struct kvm_event *of_irq(struct irq *i)
{
	return container_of(i, struct kvm_event, irq);
}

static void line(struct irq *i, u32 spi, bool level)
{
	struct kvm_irq_level l = {
		.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | (spi + 32), .level = level
	};
	int err = kvm_ioctl(of_irq(i)->vm_fd, KVM_IRQ_LINE, &l);

	/*
	 * Only for an interrupt the GIC does not have, and the board has given it all it hands out.
	 */
	assert(err >= 0);
}

static int commit_routes(struct kvm_event *e)
{
	struct kvm_irq_routing *t = e->table;

	t->nr = 0;
	for (u32 n = 0; n < MAX_SPI; n++) {
		if (e->spi_users[n])
			t->entries[t->nr++] = (struct kvm_irq_routing_entry){
				.gsi = n, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip.pin = n
			};
	}
	for (u32 n = 0; n < MAX_MSI; n++) {
		const struct msi_msg *m = &e->msi[n];
		u64 addr = m->addr | e->alias;

		if (e->msi_used[n])
			t->entries[t->nr++] = (struct kvm_irq_routing_entry){
				.gsi = GSI_MSI + n,
				.type = KVM_IRQ_ROUTING_MSI,
				.flags = e->devid ? KVM_MSI_VALID_DEVID : 0,
				.u.msi = { .address_lo = (u32)addr,
					   .address_hi = (u32)(addr >> 32),
					   .data = m->data,
					   .devid = e->devid ? m->devid : 0 },
			};
	}
	return kvm_ioctl(e->vm_fd, KVM_SET_GSI_ROUTING, t);
}

/* `resample` is -1 for an edge. */
static int irqfd(struct kvm_event *e, u32 gsi, int fd, int resample, u32 flags)
{
	struct kvm_irqfd f = { .fd = (u32)fd, .gsi = gsi, .flags = flags };

	if (resample >= 0) {
		f.flags |= KVM_IRQFD_FLAG_RESAMPLE;
		f.resamplefd = (u32)resample;
	}
	return kvm_ioctl(e->vm_fd, KVM_IRQFD, &f);
}

static int spi_bind(struct irq *i, u32 spi, int fd, int resample)
{
	struct kvm_event *e = of_irq(i);
	int err;

	if (spi >= MAX_SPI)
		return -EINVAL;
	pthread_mutex_lock(&e->lock);
	e->spi_users[spi]++;
	err = commit_routes(e);
	if (!err)
		err = irqfd(e, spi, fd, resample, 0);
	if (err)
		e->spi_users[spi]--;
	pthread_mutex_unlock(&e->lock);
	return err;
}

static int edge_bind(struct irq *i, u32 spi, int fd)
{
	return spi_bind(i, spi, fd, -1);
}

static void spi_unbind(struct irq *i, u32 spi, int fd)
{
	struct kvm_event *e = of_irq(i);

	pthread_mutex_lock(&e->lock);
	irqfd(e, spi, fd, -1, KVM_IRQFD_FLAG_DEASSIGN);
	e->spi_users[spi]--;
	pthread_mutex_unlock(&e->lock);
}

static int free_route(const struct kvm_event *e)
{
	for (u32 n = 0; n < MAX_MSI; n++) {
		if (!e->msi_used[n])
			return (int)n;
	}
	return -ENOSPC;
}

static bool same_msg(const struct msi_msg *a, const struct msi_msg *b)
{
	return a->addr == b->addr && a->data == b->data && a->devid == b->devid;
}

/* New route: the table first, then the irqfd that looks its entry up. */
static int bind_new(struct kvm_event *e, int *route, const struct msi_msg *msg, int fd)
{
	int n = free_route(e), err;

	if (n < 0)
		return n;
	e->msi_used[n] = true;
	e->msi[n] = *msg;
	err = commit_routes(e);
	if (!err)
		err = irqfd(e, GSI_MSI + (u32)n, fd, -1, 0);
	if (err)
		e->msi_used[n] = false;
	else
		*route = n;
	return err;
}

static int msi_bind(struct irq *i, int *route, const struct msi_msg *msg, int fd)
{
	struct kvm_event *e = of_irq(i);
	int err = 0;

	pthread_mutex_lock(&e->lock);
	if (*route < 0) {
		err = bind_new(e, route, msg, fd);
	} else if (!same_msg(&e->msi[*route], msg)) {
		/* A guest that masks and unmasks without a change costs no system call. */
		e->msi[*route] = *msg;
		err = commit_routes(e);
	}
	pthread_mutex_unlock(&e->lock);
	return err;
}

static void msi_unbind(struct irq *i, int *route, int fd)
{
	struct kvm_event *e = of_irq(i);

	if (*route < 0)
		return;
	pthread_mutex_lock(&e->lock);
	irqfd(e, GSI_MSI + (u32)*route, fd, -1, KVM_IRQFD_FLAG_DEASSIGN);
	e->msi_used[*route] = false; /* leaves the table with the next commit */
	*route = -1;
	pthread_mutex_unlock(&e->lock);
}

static struct kvm_ioeventfd ioeventfd(const struct kvm_event *e, gpa_t g, unsigned len, s64 match,
				      int fd)
{
	return (struct kvm_ioeventfd){
		.addr = g.a | e->alias,
		.len = len,
		.fd = fd,
		.datamatch = match >= 0 ? (u64)match : 0,
		.flags = match >= 0 ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0,
	};
}

static int doorbell_bind(struct irq *i, gpa_t g, unsigned len, s64 match, int fd)
{
	const struct kvm_event *e = of_irq(i);
	struct kvm_ioeventfd f = ioeventfd(e, g, len, match, fd);

	return kvm_ioctl(e->vm_fd, KVM_IOEVENTFD, &f);
}

static void doorbell_unbind(struct irq *i, gpa_t g, unsigned len, s64 match, int fd)
{
	const struct kvm_event *e = of_irq(i);
	struct kvm_ioeventfd f = ioeventfd(e, g, len, match, fd);

	f.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	kvm_ioctl(e->vm_fd, KVM_IOEVENTFD, &f);
}

static const struct irq_ops ops = {
	.line = line,
	.edge_bind = edge_bind,
	.edge_unbind = spi_unbind,
	.level_bind = spi_bind,
	.level_unbind = spi_unbind,
	.msi_bind = msi_bind,
	.msi_unbind = msi_unbind,
	.doorbell_bind = doorbell_bind,
	.doorbell_unbind = doorbell_unbind,
};

int kvm_event_create(struct kvm_event **out, const struct kvm *k, bool has_msi, u64 alias)
{
	struct kvm_event *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->table = alloc_headed(sizeof(*e->table) +
					(MAX_SPI + MAX_MSI) * sizeof(struct kvm_irq_routing_entry),
				sizeof(*e->table));
	if (!e->table) {
		free(e);
		return -ENOMEM;
	}
	e->irq = (struct irq){ .ops = &ops, .has_msi = has_msi };
	e->vm_fd = k->vm_fd;
	e->alias = alias;
	/* An ITS tells devices apart by this id, a GICv2m does not and refuses it. */
	e->devid = kvm_vm_cap(k, KVM_CAP_MSI_DEVID) > 0;
	pthread_mutex_init(&e->lock, NULL);
	*out = e;
	return 0;
}

void kvm_event_destroy(struct kvm_event *e)
{
	if (!e)
		return;
	pthread_mutex_destroy(&e->lock);
	free(e->table);
	free(e);
}

struct irq *kvm_event_irq(struct kvm_event *e)
{
	return &e->irq;
}
