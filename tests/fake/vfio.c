/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host's VFIO and iommufd.
 *
 * Thread: one.
 * Trust:  none needed.
 * Spec:   Documentation/driver-api/vfio.rst, Documentation/userspace-api/iommufd.rst; linux/vfio.h
 */
#include "tests/fake/vfio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define REGION_SHIFT 40

struct fake_vfio fake_vfio;

/* What a descriptor is. */
enum kind { NOTHING, IOMMUFD, CONTAINER, GROUP, DEVICE };
static struct {
	enum kind kind;
	unsigned number; /* of the group, or index of the device */
	bool joined;
} files[1024];
static bool driver_set;

void fake_vfio_init(void)
{
	memset(&fake_vfio, 0, sizeof(fake_vfio));
	memset(files, 0, sizeof(files));
	driver_set = false;
	fake_vfio.has_iommufd = fake_vfio.has_cdev = fake_vfio.has_container = true;
	fake_vfio.viable = fake_vfio.has_driver = true;
	fake_vfio.max_mapped = UINT64_MAX;
	fake_vfio.nr_allowed = 1;
	fake_vfio.allowed[0] = (struct vfio_iova_range){ 0, BIT(48) - 1 };
}

void fake_vfio_release(void)
{
	for (unsigned i = 0; i < fake_vfio.nr; i++) {
		for (unsigned k = 0; k < 6; k++) {
			struct fake_vfio_bar *b = &fake_vfio.devices[i].bars[k];

			if (b->mem)
				munmap(b->mem, MAX(b->size, 4096u));
			b->mem = NULL;
		}
	}
}

static void put(u8 *at, u64 val, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		at[i] = (u8)(val >> (8 * i));
}

/* Capabilities: power, MSI (64 bits, 8 messages, masks), a vendor's, PCI Express, MSI-X. */
static void fill_config(u8 *c)
{
	put(c, 0x00101b36, 4);
	c[8] = 2;
	put(c + 9, 0x010802, 3);
	put(c + 0x10, 4, 4); /* BAR 0: 64 bits */
	put(c + 0x2c, 0x11001af4, 4);
	c[0x34] = 0x40;
	c[0x3d] = 1;
	put(c + 0x40, 0xfff35001, 4); /* power: all kinds of PME */
	put(c + 0x44, 0x8103, 4);     /* D3, PME status */
	put(c + 0x50, 0x01876005, 4); /* MSI: on, 8 messages, 64 bits, masks */
	put(c + 0x60, 0x00107009, 4); /* a vendor's */
	put(c + 0x70, 0x00028010, 4); /* Express: endpoint, version 2; next at 0x80 is inside */
	c[0x71] = 0xb0;
	put(c + 0x74, 0x10008fc0, 4); /* can be reset by itself */
	put(c + 0x78, 0x00092810, 4);
	put(c + 0x7c, 0x00400d11, 4); /* link */
	put(c + 0xb0, 0xc0400011, 4); /* MSI-X: 65 entries, on */
	put(c + 0xb4, 0x00002000, 4); /* table: BAR 0, 8 KiB */
	put(c + 0xb8, 0x00003000, 4); /* pending bits */
}

struct fake_vfio_device *fake_vfio_add(const char *addr, unsigned group)
{
	struct fake_vfio_device *d = &fake_vfio.devices[fake_vfio.nr++];

	*d = (struct fake_vfio_device){ .addr = addr,
					.driver = "vfio-pci",
					.class_code = "0x010802",
					.group = group,
					.has_iommu = true,
					.can_reset = true,
					.mode = -1,
					.unmask = -1,
					.request = -1,
					.irqs = { 1, 8, 65, 1, 1 } };
	fill_config(d->config);
	d->bars[0].size = 16 * KiB;
	d->bars[0].can_map = true;
	return d;
}

/* ---- sysfs ---- */

#define DEVICES "/sys/bus/pci/devices/"

static struct fake_vfio_device *by_path(const char *path, const char *file)
{
	for (unsigned i = 0; i < fake_vfio.nr; i++) {
		char want[200];

		snprintf(want, sizeof(want), DEVICES "%s/%s", fake_vfio.devices[i].addr, file);
		if (!strcmp(path, want))
			return &fake_vfio.devices[i];
	}
	return NULL;
}

int vfio_link(const char *path, char buf[VFIO_NAME_SIZE])
{
	const struct fake_vfio_device *d = by_path(path, "driver");

	if (d && d->driver) {
		snprintf(buf, VFIO_NAME_SIZE, "%s", d->driver);
		return 0;
	}
	d = by_path(path, "iommu_group");
	if (!d || !d->has_iommu)
		return -ENOENT;
	snprintf(buf, VFIO_NAME_SIZE, "%u", d->group);
	return 0;
}

int vfio_text(const char *path, char *buf, size_t size)
{
	const struct fake_vfio_device *d = by_path(path, "class");

	if (by_path(path, "vendor"))
		snprintf(buf, size, "0x1b36");
	else if (d)
		snprintf(buf, size, "%s", d->class_code);
	else if ((d = by_path(path, "resource")) && d->resource)
		snprintf(buf, size, "%s", d->resource);
	else
		return -ENOENT;
	return 0;
}

static bool has_group(const struct fake_vfio_device *d, char buf[VFIO_NAME_SIZE])
{
	snprintf(buf, VFIO_NAME_SIZE, "%u", d->group);
	return d->has_iommu;
}

static bool is_bound(const struct fake_vfio_device *d, char buf[VFIO_NAME_SIZE])
{
	snprintf(buf, VFIO_NAME_SIZE, "%s", d->addr);
	return d->driver && !strcmp(d->driver, "vfio-pci");
}

/* The nth of the devices that have a name of this kind. */
static int nth_device(unsigned nth, char buf[VFIO_NAME_SIZE],
		      bool (*name)(const struct fake_vfio_device *d, char buf[VFIO_NAME_SIZE]))
{
	for (unsigned i = 0; i < fake_vfio.nr; i++) {
		if (name(&fake_vfio.devices[i], buf) && !nth--)
			return 0;
	}
	return -ENOENT;
}

int vfio_entry(const char *path, unsigned nth, char buf[VFIO_NAME_SIZE])
{
	const struct fake_vfio_device *d = by_path(path, "vfio-dev");

	if (d && !nth && fake_vfio.has_cdev) {
		snprintf(buf, VFIO_NAME_SIZE, "vfio%u", (unsigned)(d - fake_vfio.devices));
		return 0;
	}
	if (!strcmp(path, "/sys/kernel/iommu_groups"))
		return nth_device(nth, buf, has_group);
	if (!strcmp(path, "/sys/bus/pci/drivers/vfio-pci") && fake_vfio.has_driver) {
		if (nth)
			return nth_device(nth - 1, buf, is_bound);
		snprintf(buf, VFIO_NAME_SIZE, "new_id");
		return 0;
	}
	d = by_path(path, "iommu_group/devices");
	for (unsigned i = 0; d && i < fake_vfio.nr; i++) {
		if (fake_vfio.devices[i].group != d->group || nth--)
			continue;
		snprintf(buf, VFIO_NAME_SIZE, "%s", fake_vfio.devices[i].addr);
		return 0;
	}
	return -ENOENT;
}

/* ---- files ---- */

static int new_file(enum kind kind, unsigned number)
{
	int fd = memfd_create("fake", MFD_CLOEXEC);

	assert(fd >= 0 && fd < (int)ARRAY_SIZE(files));
	files[fd].kind = kind;
	files[fd].number = number;
	files[fd].joined = false;
	return fd;
}

int vfio_open(const char *path)
{
	unsigned n;

	if (fake_vfio.open_err && strcspn(path, "0123456789") == strlen(path))
		return fake_vfio.open_err;
	if (!strcmp(path, "/dev/iommu"))
		return fake_vfio.has_iommufd ? new_file(IOMMUFD, 0) : -ENOENT;
	if (!strcmp(path, "/dev/vfio/vfio"))
		return fake_vfio.has_container ? new_file(CONTAINER, 0) : -ENOENT;
	if (sscanf(path, "/dev/vfio/devices/vfio%u", &n) == 1 && n < fake_vfio.nr)
		return new_file(DEVICE, n);
	if (sscanf(path, "/dev/vfio/%u", &n) == 1)
		return new_file(GROUP, n);
	return -ENOENT;
}

static struct fake_vfio_device *device_of(int fd)
{
	assert(files[fd].kind == DEVICE);
	return &fake_vfio.devices[files[fd].number];
}

static u8 *bytes_at(int fd, u64 off, u32 len)
{
	struct fake_vfio_device *d = device_of(fd);
	unsigned region = (unsigned)(off >> REGION_SHIFT);
	u64 at = off & (BIT(REGION_SHIFT) - 1);

	if (region == VFIO_PCI_CONFIG_REGION_INDEX && range_within(at, len, sizeof(d->config)))
		return &d->config[at];
	if (region < 6 && d->bars[region].mem && range_within(at, len, d->bars[region].size))
		return &d->bars[region].mem[at];
	return NULL;
}

int vfio_read(int fd, u64 off, void *buf, u32 len)
{
	const u8 *at = bytes_at(fd, off, len);

	if (at)
		memcpy(buf, at, len);
	return at ? 0 : -EIO;
}

int vfio_write(int fd, u64 off, const void *buf, u32 len)
{
	u8 *at = bytes_at(fd, off, len);

	if (at)
		memcpy(at, buf, len);
	return at ? 0 : -EIO;
}

int vfio_mmap(int fd, u64 off, u64 len, void **at)
{
	struct fake_vfio_device *d = device_of(fd);
	struct fake_vfio_bar *b = &d->bars[off >> REGION_SHIFT];

	if (!b->can_map || !b->mem)
		return -EINVAL;
	*at = b->mem + (off & (BIT(REGION_SHIFT) - 1));
	assert(range_within(off & (BIT(REGION_SHIFT) - 1), len, b->size));
	b->nr_maps++;
	return 0;
}

void vfio_munmap(void *at, u64 len)
{
	for (unsigned i = 0; i < fake_vfio.nr; i++) {
		for (unsigned k = 0; k < 6; k++) {
			struct fake_vfio_bar *b = &fake_vfio.devices[i].bars[k];

			if (b->mem && (u8 *)at >= b->mem && (u8 *)at < b->mem + b->size)
				b->nr_maps--;
		}
	}
}

/* ---- the address space ---- */

static int map(u64 iova, u64 len, u64 host)
{
	u64 sum = len;

	assert(len && is_aligned(iova | len | host, 4096));
	if (fake_vfio.nr_maps == FAKE_VFIO_MAPS)
		return -ENOSPC;
	for (unsigned i = 0; i < fake_vfio.nr_maps; i++) {
		const struct fake_vfio_map *m = &fake_vfio.maps[i];

		if (ranges_overlap(iova, len, m->iova, m->len))
			return -EEXIST;
		sum += m->len;
	}
	if (sum > fake_vfio.max_mapped)
		return -ENOMEM;
	fake_vfio.maps[fake_vfio.nr_maps++] =
		(struct fake_vfio_map){ iova, len, (char *)(uintptr_t)host };
	return 0;
}

/* Whole mappings only, in either way to do it. */
static int unmap(u64 iova, u64 *len)
{
	u64 done = 0;

	for (unsigned i = 0; i < fake_vfio.nr_maps; i++) {
		const struct fake_vfio_map *m = &fake_vfio.maps[i];

		if (ranges_overlap(iova, *len, m->iova, m->len) &&
		    (m->iova < iova || m->iova + m->len > iova + *len))
			return -EINVAL;
	}
	if (fake_vfio.unmaps_less) {
		*len -= fake_vfio.unmaps_less;
		return 0;
	}
	for (unsigned i = 0; i < fake_vfio.nr_maps;) {
		struct fake_vfio_map *m = &fake_vfio.maps[i];

		if (!ranges_overlap(iova, *len, m->iova, m->len)) {
			i++;
			continue;
		}
		done += m->len;
		*m = fake_vfio.maps[--fake_vfio.nr_maps];
	}
	*len = done;
	return 0;
}

char *fake_vfio_dma(u64 iova, u64 len)
{
	for (unsigned i = 0; i < fake_vfio.nr_maps; i++) {
		const struct fake_vfio_map *m = &fake_vfio.maps[i];

		if (iova >= m->iova && range_within(iova - m->iova, len, m->len))
			return m->host + (iova - m->iova);
	}
	return NULL;
}

static int iommufd_ioctl(unsigned long req, void *arg)
{
	if (req == IOMMU_IOAS_ALLOC) {
		((struct iommu_ioas_alloc *)arg)->out_ioas_id = 7;
		return 0;
	}
	if (req == IOMMU_IOAS_MAP) {
		const struct iommu_ioas_map *m = arg;

		assert(m->size == sizeof(*m) && m->ioas_id == 7 && m->flags == 7);
		return map(m->iova, m->length, m->user_va);
	}
	if (req == IOMMU_IOAS_UNMAP) {
		struct iommu_ioas_unmap *u = arg;

		assert(u->size == sizeof(*u) && u->ioas_id == 7);
		return unmap(u->iova, &u->length);
	}
	if (req == IOMMU_IOAS_IOVA_RANGES) {
		struct iommu_ioas_iova_ranges *r = arg;

		assert(r->num_iovas >= fake_vfio.nr_allowed);
		memcpy((void *)(uintptr_t)r->allowed_iovas, fake_vfio.allowed,
		       fake_vfio.nr_allowed * sizeof(fake_vfio.allowed[0]));
		r->num_iovas = fake_vfio.nr_allowed;
		return 0;
	}
	return -ENOTTY;
}

static int get_info(struct vfio_iommu_type1_info *info)
{
	struct vfio_iommu_type1_info_cap_iova_range *c;

	info->flags = 1;
	if (!fake_vfio.nr_allowed)
		return 0;
	/* Another one before it. */
	info->flags |= VFIO_IOMMU_INFO_CAPS;
	info->cap_offset = sizeof(*info);
	c = (void *)(info + 1);
	c->header = (struct vfio_info_cap_header){ 3, 1, sizeof(*info) + 16 };
	c = (void *)((char *)c + 16);
	c->header = (struct vfio_info_cap_header){ VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, 0 };
	c->nr_iovas = fake_vfio.nr_allowed;
	memcpy(c->iova_ranges, fake_vfio.allowed,
	       fake_vfio.nr_allowed * sizeof(fake_vfio.allowed[0]));
	return 0;
}

static int container_ioctl(unsigned long req, void *arg)
{
	if (req == VFIO_IOMMU_MAP_DMA) {
		const struct vfio_iommu_type1_dma_map *m = arg;

		assert(driver_set && m->argsz == sizeof(*m) && m->flags == 3);
		return map(m->iova, m->size, m->vaddr);
	}
	if (req == VFIO_IOMMU_UNMAP_DMA) {
		struct vfio_iommu_type1_dma_unmap *u = arg;

		assert(driver_set && u->argsz == sizeof(*u) && !u->flags);
		return unmap(u->iova, &u->size);
	}
	return req == VFIO_IOMMU_GET_INFO ? get_info(arg) : -ENOTTY;
}

static int group_ioctl(int fd, unsigned long req, void *arg)
{
	if (req == VFIO_GROUP_GET_STATUS) {
		((struct vfio_group_status *)arg)->flags =
			fake_vfio.viable ? VFIO_GROUP_FLAGS_VIABLE : 0;
		return 0;
	}
	if (req == VFIO_GROUP_SET_CONTAINER) {
		assert(files[*(int *)arg].kind == CONTAINER);
		files[fd].joined = true;
		return 0;
	}
	if (req != VFIO_GROUP_GET_DEVICE_FD)
		return -ENOTTY;
	if (!files[fd].joined || !driver_set)
		return -EINVAL;
	for (unsigned i = 0; i < fake_vfio.nr; i++) {
		struct fake_vfio_device *d = &fake_vfio.devices[i];

		if (strcmp(d->addr, arg) || d->group != files[fd].number)
			continue;
		d->bound = d->attached = true;
		return new_file(DEVICE, i);
	}
	return -ENODEV;
}

/* ---- devices ---- */

static int region_info(struct fake_vfio_device *d, struct vfio_region_info *r)
{
	struct fake_vfio_bar *b = r->index < 6 ? &d->bars[r->index] : NULL;

	r->offset = (u64)r->index << REGION_SHIFT;
	r->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	r->size = r->index == VFIO_PCI_CONFIG_REGION_INDEX ? 4096 : b ? b->size : 0;
	if (b && b->size && !b->mem)
		b->mem = mmap(NULL, MAX(b->size, 4096u), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!b || !b->can_map)
		return 0;
	r->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	if (b->sparse[0].size) {
		struct vfio_region_info_cap_sparse_mmap *c = (void *)(r + 1);

		r->flags |= VFIO_REGION_INFO_FLAG_CAPS;
		r->cap_offset = sizeof(*r);
		c->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
		c->header.next = 0;
		c->nr_areas = b->sparse[1].size ? 2 : 1;
		memcpy(c->areas, b->sparse, sizeof(b->sparse));
	}
	return 0;
}

static int set_irqs(struct fake_vfio_device *d, const struct vfio_irq_set *s)
{
	const s32 *fds = (const s32 *)(s + 1);

	assert((s->index < 3 || s->index == VFIO_PCI_REQ) && s->start == 0);
	if (s->count > d->irqs[s->index])
		return -EINVAL;
	/* Beside the interrupts of the device. */
	if (s->index == VFIO_PCI_REQ) {
		assert(s->flags == (VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER));
		assert(s->count == 1 && s->argsz == sizeof(*s) + 4);
		d->request = fds[0];
		return 0;
	}
	if (s->flags == (VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK)) {
		if (s->index || d->mode != VFIO_PCI_INTX)
			return -EINVAL;
		d->unmask = fds[0];
		return 0;
	}
	if (s->flags == (VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER)) {
		assert(!s->count);
		if (d->mode == (int)s->index)
			d->mode = d->unmask = -1;
		return 0;
	}
	assert(s->flags == (VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER));
	assert(s->argsz == sizeof(*s) + s->count * 4);
	if (d->mode >= 0)
		return -EINVAL;
	if (d->max_irqs && s->count > d->max_irqs)
		return (int)d->max_irqs;
	d->mode = (int)s->index;
	d->nr_fds = s->count;
	memcpy(d->fds, fds, s->count * sizeof(*fds));
	return 0;
}

bool fake_vfio_interrupt(struct fake_vfio_device *d, unsigned n)
{
	return d->mode >= 0 && n < d->nr_fds && !eventfd_write(d->fds[n], 1);
}

static int device_ioctl(struct fake_vfio_device *d, unsigned long req, void *arg)
{
	if (req == VFIO_DEVICE_BIND_IOMMUFD) {
		const struct vfio_device_bind_iommufd *b = arg;

		assert(files[b->iommufd].kind == IOMMUFD);
		d->bound = true;
		return 0;
	}
	if (req == VFIO_DEVICE_ATTACH_IOMMUFD_PT) {
		assert(d->bound && ((struct vfio_device_attach_iommufd_pt *)arg)->pt_id == 7);
		d->attached = true;
		return 0;
	}
	if (!d->attached)
		return -EINVAL;
	if (req == VFIO_DEVICE_GET_INFO) {
		((struct vfio_device_info *)arg)->flags =
			VFIO_DEVICE_FLAGS_PCI | (d->can_reset ? VFIO_DEVICE_FLAGS_RESET : 0);
		return 0;
	}
	if (req == VFIO_DEVICE_GET_REGION_INFO)
		return region_info(d, arg);
	if (req == VFIO_DEVICE_GET_IRQ_INFO) {
		struct vfio_irq_info *i = arg;

		i->count = d->irqs[i->index];
		return 0;
	}
	if (req == VFIO_DEVICE_SET_IRQS)
		return set_irqs(d, arg);
	if (req != VFIO_DEVICE_RESET)
		return -ENOTTY;
	d->resets++;
	return 0;
}

static int fails(unsigned long req)
{
	fake_vfio.ioctls[req & 255]++;
	return fake_vfio.fail_req == req && fake_vfio.fail_err && !fake_vfio.fail_nth--
		       ? -fake_vfio.fail_err
		       : 0;
}

int vfio_ioctl(int fd, unsigned long req, void *arg)
{
	int err = fails(req);

	if (err)
		return err;
	switch (files[fd].kind) {
	case IOMMUFD:
		return iommufd_ioctl(req, arg);
	case CONTAINER:
		return container_ioctl(req, arg);
	case GROUP:
		return group_ioctl(fd, req, arg);
	case DEVICE:
		return device_ioctl(device_of(fd), req, arg);
	case NOTHING:
		break;
	}
	assert(0 && "an ioctl on what is not open");
	return -EBADF;
}

int vfio_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	int err = fails(req);

	assert(files[fd].kind == CONTAINER);
	if (err)
		return err;
	if (req == VFIO_GET_API_VERSION)
		return VFIO_API_VERSION;
	if (req == VFIO_CHECK_EXTENSION)
		return val == VFIO_TYPE1v2_IOMMU;
	assert(req == VFIO_SET_IOMMU && val == VFIO_TYPE1v2_IOMMU && !driver_set);
	driver_set = true;
	return 0;
}
