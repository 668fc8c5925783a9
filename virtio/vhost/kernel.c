/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back ends in the host's kernel: telling them of memory and rings.
 *
 * Thread: main while the machine is built, then whoever starts the device.
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
#include <unistd.h>

#include "lkvm/base/calls.h"
#include "lkvm/vm/mem.h"
#include "virtio/vhost/kernel_uapi.h"

#define F_VERSION_1 BIT(32)
#define F_ACCESS_PLATFORM BIT(33)
/* Of the back end itself, not of the device: none of them is asked for. */
#define F_BACKEND (BIT(26) | BIT(27)) /* VHOST_F_LOG_ALL, VHOST_NET_F_VIRTIO_NET_HDR */

static const struct sys_call list[] = {
	CALL_IOCTL(VHOST_SET_FEATURES),
	CALL_IOCTL(VHOST_SET_MEM_TABLE),
	CALL_IOCTL(VHOST_SET_VRING_NUM),
	CALL_IOCTL(VHOST_SET_VRING_BASE),
	CALL_IOCTL(VHOST_SET_VRING_ADDR),
	CALL_IOCTL(VHOST_SET_VRING_KICK),
	CALL_IOCTL(VHOST_SET_VRING_CALL),
	CALL_IOCTL(VHOST_SET_VRING_ERR),
	CALL(preadv2), /* of an interrupt that the kernel has not taken */
};
const struct calls kvhost_calls = CALLS("vhost", list);

int kvhost_ask(const struct kvhost *v, unsigned long request, const void *arg)
{
	return ioctl(v->fd, request, arg) < 0 ? -errno : 0;
}

int kvhost_open(struct kvhost *v, const char *path)
{
	u64 features = 0;
	int err;

	*v = (struct kvhost){ .fd = open(path, O_RDWR | O_CLOEXEC) };
	if (v->fd < 0)
		return -errno;
	err = kvhost_ask(v, VHOST_SET_OWNER, NULL);
	if (!err)
		err = kvhost_ask(v, VHOST_GET_FEATURES, &features);
	v->features = features & ~F_BACKEND;
	if (!err && !(features & F_VERSION_1))
		err = -EOPNOTSUPP;
	if (err)
		kvhost_close(v);
	return err;
}

void kvhost_close(struct kvhost *v)
{
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
}

static int tell_memory(const struct kvhost *v, const struct mem *m)
{
	struct vhost_memory table = { .nregions = mem_nr_regions(m) };

	if (table.nregions > VHOST_MAX_REGIONS)
		return -E2BIG;
	for (unsigned i = 0; i < table.nregions; i++) {
		const struct mem_region *r = mem_region(m, i);

		table.regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = r->base.a,
			.memory_size = r->size,
			.userspace_addr = (uintptr_t)r->shared_view,
		};
	}
	return kvhost_ask(v, VHOST_SET_MEM_TABLE, &table);
}

/*
 * Where this process has the parts of a ring. [virtio 1.3 §2.7] 16 bytes for each descriptor;
 * flags, index, 2 or 8 for each entry, event.
 */
static int find_ring(struct mem *m, const struct vhost_ring *r, struct vhost_vring_addr *at)
{
	struct mem_win desc, driver, device;
	int err = mem_win_open(m, gpa(r->desc), 16u * r->size, &desc);

	if (!err)
		err = mem_win_open(m, gpa(r->driver), 6u + 2u * r->size, &driver);
	if (!err)
		err = mem_win_open(m, gpa(r->device), 6u + 8u * r->size, &device);
	if (err)
		return err;
	at->desc_user_addr = (uintptr_t)desc.host;
	at->avail_user_addr = (uintptr_t)driver.host;
	at->used_user_addr = (uintptr_t)device.host;
	return 0;
}

static int tell_file(const struct kvhost *v, unsigned long request, u32 i, int fd)
{
	const struct vhost_vring_file f = { .index = i, .fd = fd };

	return kvhost_ask(v, request, &f);
}

static int tell_ring(const struct kvhost *v, struct mem *m, u32 i, const struct vhost_ring *r,
		     int broken)
{
	const struct vhost_vring_state num = { i, r->size }, first = { i, 0 };
	struct vhost_vring_addr at = { .index = i };
	int err = find_ring(m, r, &at);

	if (!err)
		err = kvhost_ask(v, VHOST_SET_VRING_NUM, &num);
	if (!err)
		err = kvhost_ask(v, VHOST_SET_VRING_BASE, &first);
	if (!err)
		err = kvhost_ask(v, VHOST_SET_VRING_ADDR, &at);
	if (!err)
		err = tell_file(v, VHOST_SET_VRING_KICK, i, r->kick);
	if (!err)
		err = tell_file(v, VHOST_SET_VRING_CALL, i, r->call);
	return err ? err : tell_file(v, VHOST_SET_VRING_ERR, i, broken);
}

int kvhost_set_up(const struct kvhost *v, struct mem *m, u64 features,
		  const struct vhost_ring *rings, unsigned nr, int broken)
{
	/* ACCESS_PLATFORM would be an IOMMU for it, which it would ask us about. */
	const u64 told = features & v->features & ~F_ACCESS_PLATFORM;
	int err = kvhost_ask(v, VHOST_SET_FEATURES, &told);

	if (!err)
		err = tell_memory(v, m);
	for (u32 i = 0; i < nr && !err; i++)
		err = tell_ring(v, m, i, &rings[i], broken);
	return err;
}
