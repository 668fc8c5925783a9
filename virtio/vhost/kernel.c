/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost-net: telling the host's kernel of memory, rings and the tap.
 *
 * Thread: main while the machine is built, then the loop of the device.
 * Trust:  the host's kernel, which does not trust the guest's rings either.
 * Spec:   Linux include/uapi/linux/vhost.h
 *
 * The kernel takes addresses of this process for rings and looks descriptors up in the table of
 * regions, in which there is nothing but RAM of the guest. It says nothing when a ring breaks: that
 * goes to an eventfd, of which the device makes "needs reset".
 */
#include "virtio/vhost/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lkvm/base/calls.h"
#include "lkvm/vm/mem.h"

#define F_VERSION_1 BIT(32)
#define F_ACCESS_PLATFORM BIT(33)
/* Of the back end itself, not of the card: none of them is asked for. */
#define F_BACKEND (BIT(26) | BIT(27)) /* VHOST_F_LOG_ALL, VHOST_NET_F_VIRTIO_NET_HDR */

static const struct sys_call list[] = {
	CALL_IOCTL(VHOST_SET_FEATURES),	   CALL_IOCTL(VHOST_SET_MEM_TABLE),
	CALL_IOCTL(VHOST_SET_VRING_NUM),   CALL_IOCTL(VHOST_SET_VRING_BASE),
	CALL_IOCTL(VHOST_SET_VRING_ADDR),  CALL_IOCTL(VHOST_SET_VRING_KICK),
	CALL_IOCTL(VHOST_SET_VRING_CALL),  CALL_IOCTL(VHOST_SET_VRING_ERR),
	CALL_IOCTL(VHOST_NET_SET_BACKEND),
};
const struct calls kvhost_calls = CALLS("vhost-net", list);

int kvhost_open(struct kvhost *v)
{
	u64 features;
	int err;

	*v = (struct kvhost){ .fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC) };
	if (v->fd < 0)
		return -errno;
	if (ioctl(v->fd, VHOST_SET_OWNER) < 0 || ioctl(v->fd, VHOST_GET_FEATURES, &features) < 0) {
		err = -errno;
		kvhost_close(v);
		return err;
	}
	v->features = features & ~F_BACKEND;
	if (v->features & F_VERSION_1)
		return 0;
	kvhost_close(v);
	return -EOPNOTSUPP;
}

void kvhost_close(struct kvhost *v)
{
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
}

#define MAX_REGIONS 8u

static int tell_memory(const struct kvhost *v, const struct mem *m)
{
	_Alignas(struct vhost_memory) char
		buf[sizeof(struct vhost_memory) + MAX_REGIONS * sizeof(struct vhost_memory_region)];
	struct vhost_memory *table = (struct vhost_memory *)buf;
	unsigned nr = mem_nr_regions(m);

	if (nr > MAX_REGIONS)
		return -E2BIG;
	memset(buf, 0, sizeof(buf));
	table->nregions = nr;
	for (unsigned i = 0; i < nr; i++) {
		const struct mem_region *r = mem_region(m, i);

		table->regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = r->base.a,
			.memory_size = r->size,
			.userspace_addr = (uintptr_t)r->shared_view,
		};
	}
	return ioctl(v->fd, VHOST_SET_MEM_TABLE, table) < 0 ? -errno : 0;
}

/* Where this process has that address of the guest; the whole ring lies in one region. */
static u64 user_address(const struct mem *m, u64 at)
{
	for (unsigned i = 0; i < mem_nr_regions(m); i++) {
		const struct mem_region *r = mem_region(m, i);

		if (at - r->base.a < r->size)
			return (uintptr_t)r->shared_view + (at - r->base.a);
	}
	return 0;
}

static int tell_ring(const struct kvhost *v, const struct mem *m, u32 i, const struct vhost_ring *r,
		     int broken)
{
	struct vhost_vring_state num = { i, r->size }, base = { i, 0 };
	struct vhost_vring_file kick = { i, r->kick }, call = { i, r->call }, err = { i, broken };
	struct vhost_vring_addr addr = {
		.index = i,
		.desc_user_addr = user_address(m, r->desc),
		.avail_user_addr = user_address(m, r->driver),
		.used_user_addr = user_address(m, r->device),
	};

	if (ioctl(v->fd, VHOST_SET_VRING_NUM, &num) < 0 ||
	    ioctl(v->fd, VHOST_SET_VRING_BASE, &base) < 0 ||
	    ioctl(v->fd, VHOST_SET_VRING_ADDR, &addr) < 0 ||
	    ioctl(v->fd, VHOST_SET_VRING_KICK, &kick) < 0 ||
	    ioctl(v->fd, VHOST_SET_VRING_CALL, &call) < 0 ||
	    ioctl(v->fd, VHOST_SET_VRING_ERR, &err) < 0)
		return -errno;
	return 0;
}

static int set_backend(const struct kvhost *v, u32 i, int tap)
{
	struct vhost_vring_file f = { i, tap };

	return ioctl(v->fd, VHOST_NET_SET_BACKEND, &f) < 0 ? -errno : 0;
}

int kvhost_start(struct kvhost *v, struct mem *m, u64 features, const struct vhost_ring *rings,
		 unsigned nr, int tap, int broken)
{
	/* ACCESS_PLATFORM would be an IOMMU for it, which it would ask us about. */
	u64 told = features & v->features & ~F_ACCESS_PLATFORM;
	int err = ioctl(v->fd, VHOST_SET_FEATURES, &told) < 0 ? -errno : tell_memory(v, m);

	for (u32 i = 0; i < nr && !err; i++)
		err = tell_ring(v, m, i, &rings[i], broken);
	for (u32 i = 0; i < nr && !err; i++) {
		err = set_backend(v, i, tap);
		v->running = err ? v->running : i + 1;
	}
	if (err)
		kvhost_stop(v);
	return err;
}

void kvhost_stop(struct kvhost *v)
{
	while (v->running)
		set_backend(v, --v->running, -1);
}
