/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vhost-vsock: what the host's kernel is told and when, with a model of it in place of ioctl(2). */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/unit/arm64/capture.h"
#include "virtio/dev/kinds.h"
#include "virtio/dev/vsock.h"
#include "virtio/dev/vsock_conf.h"
#include "virtio/vhost/kernel_uapi.h"

#define CID 42u
#define RING_SIZE 64u

/* ---- the kernel ---- */

static struct {
	int fd; /* as open(2) gives it; -errno */
	int open;
	bool owned, running;
	u64 cid, features;
	struct vhost_memory table;
	struct vhost_vring_addr at[2];
	u32 num[2], base[2];
	int kick[2], call[2], err[2];
	unsigned long fails; /* this request... */
	int with;	     /* ... with this errno */
	unsigned nr;
} kernel;

static int take(unsigned long req, const void *arg)
{
	const struct vhost_vring_state *s = arg;
	const struct vhost_vring_file *f = arg;
	const struct vhost_vring_addr *a = arg;

	switch (req) {
	case VHOST_SET_OWNER:
		kernel.owned = true;
		break;
	case VHOST_GET_FEATURES:
		*(u64 *)(uintptr_t)arg = ~UINT64_C(0);
		break;
	case VHOST_SET_FEATURES:
		kernel.features = *(const u64 *)arg;
		break;
	case VHOST_SET_MEM_TABLE:
		kernel.table = *(const struct vhost_memory *)arg;
		break;
	case VHOST_SET_VRING_NUM:
		kernel.num[s->index] = s->num;
		break;
	case VHOST_SET_VRING_BASE:
		kernel.base[s->index] = s->num;
		break;
	case VHOST_SET_VRING_ADDR:
		kernel.at[a->index] = *a;
		break;
	case VHOST_SET_VRING_KICK:
		kernel.kick[f->index] = f->fd;
		break;
	case VHOST_SET_VRING_CALL:
		kernel.call[f->index] = f->fd;
		break;
	case VHOST_SET_VRING_ERR:
		kernel.err[f->index] = f->fd;
		break;
	case VHOST_VSOCK_SET_GUEST_CID:
		kernel.cid = *(const u64 *)arg;
		break;
	case VHOST_VSOCK_SET_RUNNING:
		kernel.running = *(const int *)arg;
		break;
	default:
		ck_abort_msg("request %#lx", req);
	}
	return 0;
}

int ioctl(int fd, unsigned long req, ...)
{
	va_list ap;
	const void *arg;

	va_start(ap, req);
	arg = va_arg(ap, const void *);
	va_end(ap);
	if (fd != kernel.open)
		return (int)syscall(SYS_ioctl, fd, req, arg);
	kernel.nr++;
	ck_assert(kernel.owned || req == VHOST_SET_OWNER);
	if (req == kernel.fails) {
		errno = kernel.with;
		return -1;
	}
	return take(req, arg);
}

int open(const char *path, int flags, ...);

int open(const char *path, int flags, ...)
{
	if (strcmp(path, VSOCK_KERNEL_PATH) != 0)
		return (int)syscall(SYS_openat, -100, path, flags, 0600);
	if (kernel.fd < 0) {
		errno = -kernel.fd;
		return -1;
	}
	kernel.open = memfd_create("vhost", MFD_CLOEXEC);
	return kernel.open;
}

/* ---- the device ---- */

static struct mem *mem;
static struct loop *loop;
static struct virtio_device *dev;
static struct fake_transport irq;
static struct fake_ring ring[VSOCK_NR_QUEUES];
static const struct vsock_conf conf = { .cid = CID, .vhost = true };

static int create(void)
{
	struct virtio_env env;

	mem = fake_mem(0);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	env = (struct virtio_env){ .mem = mem, .loop = loop };
	return virtio_vsock_kernel_create(&dev, &env, &conf);
}

static void start(void)
{
	ck_assert(fake_start(dev, ring, RING_SIZE, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX));
}

static void before(void)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.open = -1;
	capture_start();
}

static void after(void)
{
}

static u64 ring_at(u64 a)
{
	return (uintptr_t)fake_ptr(mem, a, 1);
}

static void signalled(int fd)
{
	const u64 one = 1;

	ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
	for (unsigned i = 0; i < 5; i++)
		loop_step(loop, 1);
}

START_TEST(the_kernel_is_told)
{
	ck_assert_int_eq(create(), 0);
	ck_assert_uint_eq(kernel.cid, CID);
	ck_assert(!kernel.running);
	/* SOCK_SEQPACKET, too; but neither an IOMMU nor logs of dirty pages. */
	ck_assert_uint_eq(dev->offered, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX |
						VIRTIO_F_INDIRECT_DESC | BIT(1));
	fake_transport_attach(&irq, dev);
	start();
	ck_assert(kernel.running && !fake_broken(dev));
	ck_assert_uint_eq(kernel.features, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
	ck_assert_uint_eq(kernel.table.nregions, 1);
	ck_assert_uint_eq(kernel.table.regions[0].guest_phys_addr, FAKE_RAM);
	ck_assert_uint_eq(kernel.table.regions[0].memory_size, FAKE_RAM_SIZE);
	ck_assert_uint_eq(kernel.table.regions[0].userspace_addr, ring_at(FAKE_RAM));
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_uint_eq(kernel.num[i], RING_SIZE);
		ck_assert_uint_eq(kernel.base[i], 0);
		ck_assert_uint_eq(kernel.at[i].desc_user_addr, ring_at(ring[i].desc));
		ck_assert_uint_eq(kernel.at[i].avail_user_addr, ring_at(ring[i].avail));
		ck_assert_uint_eq(kernel.at[i].used_user_addr, ring_at(ring[i].used));
		ck_assert_int_eq(kernel.kick[i], dev->doorbell[i]);
	}
	fake_reset(dev);
	ck_assert(!kernel.running);
	start();
	ck_assert(kernel.running);
	fake_unplug(dev);
	ck_assert_str_eq(captured(), "");
}
END_TEST

START_TEST(it_interrupts)
{
	ck_assert_int_eq(create(), 0);
	fake_transport_attach(&irq, dev);
	start();
	signalled(kernel.call[VSOCK_TX]);
	ck_assert_uint_eq(irq.queue[VSOCK_TX], 1);
	ck_assert_uint_eq(irq.queue[VSOCK_RX], 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(irq.from[i] >= 0, i < 2);
	/* Late ones are of the driver before. */
	fake_reset(dev);
	ck_assert(irq.from[VSOCK_RX] < 0 && irq.from[VSOCK_TX] < 0);
	signalled(kernel.call[VSOCK_RX]);
	ck_assert_uint_eq(irq.queue[VSOCK_RX], 0);
	fake_unplug(dev);
}
END_TEST

START_TEST(it_refuses_a_ring)
{
	ck_assert_int_eq(create(), 0);
	fake_transport_attach(&irq, dev);
	start();
	signalled(kernel.err[VSOCK_RX]);
	ck_assert(fake_broken(dev));
	fake_unplug(dev);
	ck_assert(!kernel.running);
}
END_TEST

/* Rings where nothing is; a kernel that says no. The guest has a broken device, and that is all. */
START_TEST(it_cannot_start)
{
	static const unsigned long requests[] = {
		VHOST_SET_FEATURES,   VHOST_SET_MEM_TABLE,  VHOST_SET_VRING_NUM,
		VHOST_SET_VRING_BASE, VHOST_SET_VRING_ADDR, VHOST_SET_VRING_KICK,
		VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,  VHOST_VSOCK_SET_RUNNING,
	};

	ck_assert_int_eq(create(), 0);
	fake_transport_attach(&irq, dev);
	for (unsigned i = 0; i < ARRAY_SIZE(requests); i++) {
		kernel.fails = requests[i];
		kernel.with = EFAULT;
		start();
		ck_assert_msg(fake_broken(dev), "%#lx", requests[i]);
		kernel.fails = 0;
		fake_reset(dev);
	}
	start();
	ck_assert(!fake_broken(dev));
	fake_unplug(dev);
}
END_TEST

static void cannot(const char *words)
{
	ck_assert_int_lt(create(), 0);
	captured_one_error("--vsock", words);
	loop_destroy(loop);
	mem_destroy(mem);
}

START_TEST(what_cannot_be)
{
	kernel.fd = -ENOENT;
	cannot("/dev/vhost-vsock (modprobe vhost_vsock): No such file");
	kernel.fd = 0;
	kernel.fails = VHOST_VSOCK_SET_GUEST_CID;
	kernel.with = EADDRINUSE;
	cannot("another guest has this number");
	kernel.owned = false;
	kernel.fails = VHOST_SET_OWNER;
	kernel.with = EBUSY;
	cannot("busy");
}
END_TEST

SUITE_MAIN_FIXTURE("virtio/vsock_kernel", before, after, the_kernel_is_told, it_interrupts,
		   it_refuses_a_ring, it_cannot_start, what_cannot_be)
