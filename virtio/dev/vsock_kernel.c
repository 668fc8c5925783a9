/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Socket device that the host's kernel serves (/dev/vhost-vsock): the other side of the guest's
 * connections are AF_VSOCK sockets of the host's programs.
 *
 * Thread: create and destroy on main, start and stop on a vCPU thread or the loop, as those of any
 *         device; interrupts on the loop.
 * Trust:  the kernel reads the guest's rings and buffers by itself, and checks them. It is told
 *         where all of the guest's memory is: so it is for ordinary guests only.
 * Spec:   virtio 1.3 §5.10; <linux/vhost.h>
 *
 * The event queue stays here, and nothing is ever put into it: a guest's number never changes, and
 * no guest is moved [virtio 1.3 §5.10.6.7].
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lkvm/base/le.h"
#include "lkvm/base/log.h"
#include "virtio/dev/vhost_uapi.h"
#include "virtio/dev/vsock.h"
#include "virtio/dev/vsock_conf.h"

#define NR_SERVED 2u /* receive, transmit */
#define QUEUE_SIZE 128u
#define EVENT_QUEUE_SIZE 8u

/* [virtio 1.3 §5.10.3] What a vsock device of the kernel's may offer: packets with an end, too. */
#define F_SEQPACKET BIT(1)
#define OFFERS (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | F_SEQPACKET)

static const struct sys_call list[] = {
	CALL_IOCTL(VHOST_SET_FEATURES),	     CALL_IOCTL(VHOST_SET_MEM_TABLE),
	CALL_IOCTL(VHOST_SET_VRING_NUM),     CALL_IOCTL(VHOST_SET_VRING_BASE),
	CALL_IOCTL(VHOST_SET_VRING_ADDR),    CALL_IOCTL(VHOST_SET_VRING_KICK),
	CALL_IOCTL(VHOST_SET_VRING_CALL),    CALL_IOCTL(VHOST_SET_VRING_ERR),
	CALL_IOCTL(VHOST_VSOCK_SET_RUNNING),
};
static const struct calls kernel_calls = CALLS("vhost-vsock", list);

struct kernel_vsock;

struct ring {
	struct kernel_vsock *k;
	unsigned index;
	int call, err; /* eventfds */
	struct loop_fd *on_call, *on_err;
};

struct kernel_vsock {
	struct virtio_device dev;
	le64 config; /* guest_cid */
	int fd;
	bool serving;
	struct ring rings[NR_SERVED];
};

static struct kernel_vsock *kernel_vsock(struct virtio_device *d)
{
	return container_of(d, struct kernel_vsock, dev);
}

static int ask(const struct kernel_vsock *k, unsigned long request, const void *arg)
{
	return ioctl(k->fd, request, arg) < 0 ? -errno : 0;
}

/* ---- from the kernel ---- */

static void on_call(void *arg, u32 events)
{
	struct ring *r = arg;
	struct virtio_device *d = &r->k->dev;

	if (r->k->serving)
		d->tops->interrupt_queue(d->transport, (u16)r->index);
}

/* It has met a ring that makes no sense, and works no more on it. */
static void on_err(void *arg, u32 events)
{
	struct ring *r = arg;

	if (r->k->serving)
		virtio_fail(&r->k->dev, "the host's kernel refuses its ring", -EBADMSG);
}

/* ---- start and stop ---- */

static int set_memory(const struct kernel_vsock *k, const struct mem *m)
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
	return ask(k, VHOST_SET_MEM_TABLE, &table);
}

static int set_files(const struct kernel_vsock *k, const struct ring *r)
{
	struct vhost_vring_file f = { .index = r->index, .fd = k->dev.doorbell[r->index] };
	int err = ask(k, VHOST_SET_VRING_KICK, &f);

	f.fd = r->call;
	if (!err)
		err = ask(k, VHOST_SET_VRING_CALL, &f);
	f.fd = r->err;
	return err ? err : ask(k, VHOST_SET_VRING_ERR, &f);
}

/* [virtio 1.3 §2.7] 16 bytes for each descriptor; flags, index, 2 or 8 for each entry, event. */
static int set_ring(const struct kernel_vsock *k, const struct ring *r)
{
	const struct virtqueue *q = &k->dev.queues[r->index];
	struct vhost_vring_state num = { .index = r->index, .num = q->size };
	const struct vhost_vring_state first = { .index = r->index, .num = 0 };
	struct vhost_vring_addr at = { .index = r->index };
	struct mem_win desc, driver, device;
	int err = mem_win_open(k->dev.mem, gpa(q->desc), 16u * q->size, &desc);

	if (!err)
		err = mem_win_open(k->dev.mem, gpa(q->driver), 6u + 2u * q->size, &driver);
	if (!err)
		err = mem_win_open(k->dev.mem, gpa(q->device), 6u + 8u * q->size, &device);
	if (err)
		return err;
	at.desc_user_addr = (uintptr_t)desc.host;
	at.avail_user_addr = (uintptr_t)driver.host;
	at.used_user_addr = (uintptr_t)device.host;
	err = ask(k, VHOST_SET_VRING_NUM, &num);
	if (!err)
		err = ask(k, VHOST_SET_VRING_BASE, &first);
	if (!err)
		err = ask(k, VHOST_SET_VRING_ADDR, &at);
	return err ? err : set_files(k, r);
}

static int run(struct kernel_vsock *k, int on)
{
	return ask(k, VHOST_VSOCK_SET_RUNNING, &on);
}

static int kernel_start(struct virtio_device *d)
{
	struct kernel_vsock *k = kernel_vsock(d);
	const u64 features = d->features;
	int err = ask(k, VHOST_SET_FEATURES, &features);

	if (!d->queues[VSOCK_RX].started || !d->queues[VSOCK_TX].started)
		return -EINVAL;
	if (!err)
		err = set_memory(k, d->mem);
	for (unsigned i = 0; i < NR_SERVED && !err; i++)
		err = set_ring(k, &k->rings[i]);
	if (!err)
		err = run(k, 1);
	k->serving = !err;
	return err;
}

static void kernel_kick(struct virtio_device *d, struct virtqueue *q)
{
	/* What was there before the doorbell was given away is rung for once more. */
	if (q->index < NR_SERVED)
		virtio_notify(d, q->index);
}

static void kernel_stop(struct virtio_device *d, struct virtqueue *q)
{
	struct kernel_vsock *k = kernel_vsock(d);

	if (!k->serving)
		return;
	if (q)
		virtio_fail(d, "its driver stops one queue of a running device", -EOPNOTSUPP);
	k->serving = false;
	if (run(k, 0))
		virtio_fail(d, "the host's kernel does not stop", -EIO);
}

/* ---- life ---- */

static void kernel_destroy(struct virtio_device *d)
{
	struct kernel_vsock *k = kernel_vsock(d);

	/* The kernel lets go of the rings, and resets all connections. */
	if (k->fd >= 0)
		close(k->fd);
	for (unsigned i = 0; i < NR_SERVED; i++) {
		loop_fd_del(k->rings[i].on_call);
		loop_fd_del(k->rings[i].on_err);
		if (k->rings[i].call >= 0)
			close(k->rings[i].call);
		if (k->rings[i].err >= 0)
			close(k->rings[i].err);
	}
	virtio_fini(d);
	free(k);
}

static const struct virtio_type kernel_type = {
	.name = "vsock",
	.id = 19,
	.pci_class = 0x078000, /* communication controller, other */
	.foreign = true,
	.start = kernel_start,
	.kick = kernel_kick,
	.stop = kernel_stop,
	.destroy = kernel_destroy,
};

/* Nobody reads them: each write is an edge, as of a doorbell. */
static int watch(struct ring *r, struct loop *loop)
{
	int err;

	r->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->call < 0 || r->err < 0)
		return -errno;
	err = loop_fd_add(loop, r->call, EPOLLIN | EPOLLET, on_call, r, &r->on_call);
	return err ? err : loop_fd_add(loop, r->err, EPOLLIN | EPOLLET, on_err, r, &r->on_err);
}

/* Open it, and take the guest's number, which the host's programs know the guest by. */
static int take(struct kernel_vsock *k, const struct vsock_conf *conf)
{
	const u64 cid = conf->cid;
	u64 features = 0;
	int err;

	k->fd = open(VSOCK_KERNEL_PATH, O_RDWR | O_CLOEXEC);
	if (k->fd < 0)
		return log_errno(-errno, "--vsock: vhost=on: %s (modprobe vhost_vsock)",
				 VSOCK_KERNEL_PATH);
	err = ask(k, VHOST_SET_OWNER, NULL);
	if (!err)
		err = ask(k, VHOST_GET_FEATURES, &features);
	if (err)
		return log_errno(err, "--vsock: vhost=on: %s", VSOCK_KERNEL_PATH);
	k->dev.offered = features & OFFERS;
	err = ask(k, VHOST_VSOCK_SET_GUEST_CID, &cid);
	if (err == -EADDRINUSE)
		log_error("--vsock %u,vhost=on: another guest has this number", conf->cid);
	else if (err)
		log_errno(err, "--vsock %u,vhost=on", conf->cid);
	return err;
}

static int init(struct kernel_vsock *k, const struct virtio_env *env)
{
	const u16 sizes[] = { QUEUE_SIZE, QUEUE_SIZE, EVENT_QUEUE_SIZE };
	int err = virtio_init(&k->dev, &kernel_type, env->instance, env->mem, env->loop, 0, sizes,
			      VSOCK_NR_QUEUES);

	for (unsigned i = 0; i < NR_SERVED && !err; i++)
		err = watch(&k->rings[i], env->loop);
	return err ? log_errno(err, "--vsock") : 0;
}

int virtio_vsock_kernel_create(struct virtio_device **out, const struct virtio_env *env,
			       const struct vsock_conf *conf)
{
	struct kernel_vsock *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return log_errno(-ENOMEM, "--vsock");
	k->config = le64_of(conf->cid);
	k->fd = -1;
	for (unsigned i = 0; i < NR_SERVED; i++)
		k->rings[i] = (struct ring){ .k = k, .index = i, .call = -1, .err = -1 };
	err = init(k, env);
	if (!err)
		err = take(k, conf);
	if (err) {
		kernel_destroy(&k->dev);
		return err;
	}
	k->dev.config = (u8 *)&k->config;
	k->dev.config_len = sizeof(k->config);
	k->dev.calls[0] = &kernel_calls;
	*out = &k->dev;
	return 0;
}
