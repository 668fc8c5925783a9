/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device of the host in the guest: opened, taken apart, plugged in, reset, given back.
 *
 * Thread: main.
 * Trust:  the kernel; what the device says of itself is checked.
 * Spec:   Documentation/driver-api/vfio.rst
 */
#include "lkvm/vfio/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/calls.h"
#include "lkvm/base/log.h"
#include "lkvm/vfio/inside.h"
#include "lkvm/vfio/iommu.h"

static const struct sys_call list[] = {
	CALL_IOCTL(VFIO_DEVICE_SET_IRQS),
	CALL_IOCTL_RARE(VFIO_DEVICE_RESET, "a device that can be reset"),
	CALL_RARE(pread64, "a BAR that is not mapped"),
	CALL(pwrite64),
	CALL_RARE(preadv2, "a driver that wants messages"),
	CALL_RARE(read, "a request of the host"),
	CALL_IOCTL_RARE(IOMMU_IOAS_MAP, "a Realm, with iommufd"),
	CALL_IOCTL_RARE(IOMMU_IOAS_UNMAP, "with iommufd"),
	CALL_IOCTL_RARE(VFIO_IOMMU_MAP_DMA, "a Realm, without iommufd"),
	CALL_IOCTL_RARE(VFIO_IOMMU_UNMAP_DMA, "without iommufd"),
};

const struct calls vfio_calls = CALLS("assigned devices", list);

/* INTA# is between the host's kernel and KVM. */
static bool no_intx(void *dev)
{
	return false;
}

static const struct pci_ops func_ops = {
	.intx = no_intx,
	.bar_mapped = vfio_bars_mapped,
	.command = vfio_config_command,
};

static int open_device(struct vfio_device *v)
{
	const struct vfio_host_ops *host = v->env.host;
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_place place;
	int err = vfio_find(v->conf, &place);

	if (err)
		return err;
	v->fd = vfio_iommu_add(v->env.iommu, &place, host->tell, v->env.arg);
	if (v->fd < 0)
		return v->fd;
	err = vfio_ioctl(v->fd, VFIO_DEVICE_GET_INFO, &info);
	if (!err && !(info.flags & VFIO_DEVICE_FLAGS_PCI))
		err = -ENODEV;
	if (!err)
		err = vfio_config_read(v);
	v->can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	return err ? log_errno(err, "--vfio-pci %s: cannot ask what it is", v->conf->addr) : 0;
}

/* [PCI 3.0 §6.8.2.4] The table is where the guest can reach it. */
static bool msix_fits(const struct vfio_device *v)
{
	const struct vfio_intr *n = &v->intr;

	return !n->msix_cap ||
	       (n->table_bar < PCI_BARS && n->pba_bar < PCI_BARS &&
		range_within(n->table, n->nr_msix * 16, v->bars[n->table_bar].size) &&
		range_within(n->pba, (n->nr_msix + 63) / 64 * 8, v->bars[n->pba_bar].size));
}

static int make_function(struct vfio_device *v)
{
	int err;

	vfio_config_init(v);
	err = vfio_intr_init(v);
	if (!err)
		err = vfio_bars_init(v);
	if (!err && !msix_fits(v))
		err = -EINVAL;
	return err ? log_errno(err, "--vfio-pci %s: cannot show it to the guest", v->conf->addr)
		   : 0;
}

static int plug_in(struct vfio_device *v, unsigned slot)
{
	int err = pci_add(v->env.pci, &v->func, slot);

	if (err == -ENOSPC) {
		log_error("--vfio-pci %s: the guest's windows have no room for its BARs",
			  v->conf->addr);
		return err;
	}
	if (err)
		return log_errno(err, "--vfio-pci %s: cannot plug it in", v->conf->addr);
	vfio_config_command(v, 0);
	vfio_intr_update(v);
	return 0;
}

int vfio_device_create(struct vfio_device **out, const struct vfio_env *env,
		       const struct vfio_conf *conf, unsigned slot)
{
	struct vfio_device *v = calloc(1, sizeof(*v));
	int err;

	if (!v)
		return log_errno(-ENOMEM, "--vfio-pci %s", conf->addr);
	v->conf = conf;
	v->env = *env;
	v->fd = v->request.fd = -1;
	snprintf(v->name, sizeof(v->name), "vfio %s", conf->addr);
	pthread_mutex_init(&v->lock, NULL);
	v->func = (struct pci_func){ .ops = &func_ops,
				     .dev = v,
				     .name = v->name,
				     .lock = &v->lock,
				     .irq = env->irq,
				     .roomy = true };
	err = open_device(v);
	if (!err)
		err = make_function(v);
	if (!err)
		err = plug_in(v, slot);
	if (!err) {
		err = vfio_request_init(v);
		if (err)
			log_errno(err, "--vfio-pci %s", conf->addr);
	}
	if (err) {
		vfio_device_destroy(v);
		return err;
	}
	*out = v;
	return 0;
}

void vfio_device_reset(struct vfio_device *v)
{
	vfio_intr_off(v);
	vfio_config_command(v, 0);
	vfio_config_reset(v);
}

void vfio_device_destroy(struct vfio_device *v)
{
	if (!v)
		return;
	vfio_request_fini(v);
	if (v->fd >= 0)
		vfio_intr_off(v);
	pci_func_fini(&v->func);
	vfio_bars_fini(v);
	vfio_intr_fini(v);
	if (v->fd >= 0)
		close(v->fd);
	pthread_mutex_destroy(&v->lock);
	free(v);
}
