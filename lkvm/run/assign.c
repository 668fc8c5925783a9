/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Assigned devices, and what of KVM they use: memory slots for their BARs.
 *
 * Thread: main; set_slot() on vCPU threads.
 * Trust:  the user's configuration; where BARs are is the guest's choice, which the PCI bridge has
 *         checked.
 */
#include "lkvm/run/assign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/calls.h"
#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/run/filter.h"
#include "lkvm/vfio/device.h"
#include "lkvm/vfio/dma.h"
#include "lkvm/vfio/iommu.h"
#include "lkvm/vm/mem.h"
#include "realm/realm.h"

/* Room for all but the largest BARs, so that the board does not depend on the device. */
#define WINDOW (64 * GiB)

struct assign {
	struct assign_env env;
	int vfio; /* KVM's device, or -1 */
	struct vfio_iommu *iommu;
	struct dma *dma;
	unsigned nr;
	struct vfio_device *devices[CONFIG_MAX_VFIO];
};

static const struct sys_call list[] = {
	CALL_IOCTL(KVM_SET_USER_MEMORY_REGION),
};

static const struct calls slot_calls = CALLS("BARs", list);

u64 assign_window(const struct config *c)
{
	u64 need = 0, size = WINDOW;

	for (unsigned i = 0; i < c->nr_vfio; i++)
		need += c->measure ? 0 : vfio_find_size64(&c->vfio[i]);
	while (size < need && size < BIT(47))
		size *= 2;
	return c->nr_vfio ? size : 0;
}

/* ---- what VFIO asks of KVM ---- */

static u32 new_slot(void *arg)
{
	struct assign *a = arg;

	return a->env.kvm->nr_slots++;
}

static int set_slot(void *arg, u32 slot, gpa_t g, u64 size, void *host)
{
	const struct assign *a = arg;

	return kvm_set_slot(a->env.kvm, slot, gpa(g.a | a->env.alias), size, host, 0);
}

/* Without it devices work, too: it is for what KVM does differently when a guest has some. */
static void tell(void *arg, int fd)
{
	const struct assign *a = arg;
	s32 file = fd;
	int err = a->vfio < 0
			  ? -ENODEV
			  : kvm_attr_set(a->vfio, KVM_DEV_VFIO_FILE, KVM_DEV_VFIO_FILE_ADD, &file);

	if (err)
		log_debug("KVM does not know of the assigned device: %s", strerror(-err));
}

static const struct vfio_host_ops host_ops = {
	.new_slot = new_slot,
	.set_slot = set_slot,
	.tell = tell,
};

/* ---- create and destroy ---- */

/* Whose shared pages an IOMMU of the host can follow. */
static int check_guest(const struct assign_env *env)
{
	if (!env->ops->no_assign)
		return 0;
	log_error("--vfio-pci: %s; a simulated Realm (--realm=sim) can have devices",
		  env->ops->no_assign);
	return -EOPNOTSUPP;
}

static int open_all(struct assign *a, const struct config *c)
{
	const struct vfio_env env = {
		.iommu = a->iommu,
		.pci = a->env.pci,
		.irq = a->env.irq,
		.loop = a->env.loop,
		.host = &host_ops,
		.arg = a,
	};
	int err = 0;

	for (unsigned i = 0; i < c->nr_vfio && !err; i++) {
		err = vfio_device_create(&a->devices[i], &env, &c->vfio[i], i);
		if (!err)
			a->nr++;
	}
	return err ? err : dma_start(&a->dma, a->env.mem, a->iommu);
}

int assign_create(struct assign **out, const struct config *c, const struct assign_env *env)
{
	struct assign *a;
	int err;

	*out = NULL;
	if (!c->nr_vfio)
		return 0;
	err = check_guest(env);
	if (err)
		return err;
	a = calloc(1, sizeof(*a));
	if (!a)
		return log_errno(-ENOMEM, "--vfio-pci");
	a->env = *env;
	a->vfio = kvm_device_create(env->kvm, KVM_DEV_TYPE_VFIO, 0);
	err = vfio_iommu_create(&a->iommu);
	if (err)
		log_errno(err, "--vfio-pci");
	else
		err = open_all(a, c);
	if (err) {
		assign_destroy(a);
		return err;
	}
	*out = a;
	return 0;
}

void assign_calls(const struct assign *a, struct filter *f)
{
	if (!a)
		return;
	filter_add(f, &vfio_calls);
	filter_add(f, &slot_calls);
}

void assign_reset(struct assign *a)
{
	for (unsigned i = 0; a && i < a->nr; i++)
		vfio_device_reset(a->devices[i]);
}

/* A device first loses the memory, and then its place. */
void assign_destroy(struct assign *a)
{
	if (!a)
		return;
	dma_stop(a->dma);
	while (a->nr)
		vfio_device_destroy(a->devices[--a->nr]);
	vfio_iommu_destroy(a->iommu);
	if (a->vfio >= 0)
		close(a->vfio);
	free(a);
}
