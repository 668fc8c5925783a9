/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Socket device that the host's kernel serves (/dev/vhost-vsock): the other side of the guest's
 * connections are AF_VSOCK sockets of the host's programs.
 *
 * Thread: as vhost_kernel.c.
 * Trust:  the kernel reads the guest's rings and buffers by itself, and checks them. It is told
 *         where all of the guest's memory is: so it is for ordinary guests only.
 * Spec:   virtio 1.3 §5.10; <linux/vhost.h>
 *
 * The event queue stays here, and nothing is ever put into it: a guest's number never changes, and
 * no guest is moved [virtio 1.3 §5.10.6.7].
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/base/log.h"
#include "virtio/dev/vhost_kernel.h"
#include "virtio/dev/vsock.h"
#include "virtio/dev/vsock_conf.h"
#include "virtio/vhost/kernel_uapi.h"

#define QUEUE_SIZE 128u
#define EVENT_QUEUE_SIZE 8u
static_assert(VSOCK_EVENT == VHOST_KERNEL_QUEUES, "the event queue is not the kernel's");

/* [virtio 1.3 §5.10.3] What a vsock device of the kernel's may offer: packets with an end, too. */
#define F_SEQPACKET BIT(1)
#define OFFERS (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | F_SEQPACKET)

static const struct sys_call list[] = { CALL_IOCTL(VHOST_VSOCK_SET_RUNNING) };
static const struct calls kernel_calls = CALLS("vhost-vsock", list);

struct kernel_vsock {
	struct vhost_kernel base;
	le64 config; /* guest_cid */
};

static int run(struct vhost_kernel *k, bool on)
{
	const int val = on;

	return kvhost_ask(&k->kernel, VHOST_VSOCK_SET_RUNNING, &val);
}

/* The kernel resets all connections. */
static void kernel_destroy(struct virtio_device *d)
{
	struct kernel_vsock *k = container_of(d, struct kernel_vsock, base.dev);

	vhost_kernel_fini(&k->base);
	free(k);
}

static const struct virtio_type kernel_type = {
	.name = "vsock",
	.id = 19,
	.pci_class = 0x078000, /* communication controller, other */
	.foreign = true,
	.start = vhost_kernel_start,
	.kick = vhost_kernel_kick,
	.stop = vhost_kernel_stop,
	.destroy = kernel_destroy,
};

/* Open it, and take the guest's number, which the host's programs know the guest by. */
static int take(struct vhost_kernel *k, const struct vsock_conf *conf)
{
	const u64 cid = conf->cid;
	int err = kvhost_open(&k->kernel, VSOCK_KERNEL_PATH);

	if (err)
		return log_errno(err, "--vsock: vhost=on: %s (modprobe vhost_vsock)",
				 VSOCK_KERNEL_PATH);
	k->dev.offered = k->kernel.features & OFFERS;
	err = kvhost_ask(&k->kernel, VHOST_VSOCK_SET_GUEST_CID, &cid);
	if (err == -EADDRINUSE)
		log_error("--vsock %u,vhost=on: another guest has this number", conf->cid);
	else if (err)
		log_errno(err, "--vsock %u,vhost=on", conf->cid);
	return err;
}

static int init(struct vhost_kernel *k, const struct virtio_env *env)
{
	const u16 sizes[] = { QUEUE_SIZE, QUEUE_SIZE, EVENT_QUEUE_SIZE };
	int err = virtio_init(&k->dev, &kernel_type, env->instance, env->mem, env->loop, 0, sizes,
			      VSOCK_NR_QUEUES);

	if (!err)
		err = vhost_kernel_listen(k);
	return err ? log_errno(err, "--vsock") : 0;
}

int virtio_vsock_kernel_create(struct virtio_device **out, const struct virtio_env *env,
			       const struct vsock_conf *conf)
{
	struct kernel_vsock *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return log_errno(-ENOMEM, "--vsock");
	vhost_kernel_clear(&k->base, run);
	k->config = le64_of(conf->cid);
	err = init(&k->base, env);
	if (!err)
		err = take(&k->base, conf);
	if (err) {
		kernel_destroy(&k->base.dev);
		return err;
	}
	k->base.dev.config = (u8 *)&k->config;
	k->base.dev.config_len = sizeof(k->config);
	k->base.dev.calls[0] = &kvhost_calls;
	k->base.dev.calls[1] = &kernel_calls;
	*out = &k->base.dev;
	return 0;
}
