/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What devices have in common whose queues another process serves. For the kinds of virtio/dev that
 * are such devices: their struct virtio_type is `foreign` and has the four functions below.
 */
#ifndef VIRTIO_VHOST_DEV_H
#define VIRTIO_VHOST_DEV_H

#include "virtio/core/device.h"
#include "virtio/dev/kinds.h"

struct daemon;
struct vhost;
struct vhost_dev;

struct vhost_kind {
	const struct virtio_type *type;
	u64 features;	  /* those of the kind that may be offered, if the back end does */
	const char *then; /* completes "the back end has gone: ", for people */
	/*
	 * The back end has gone, and this chain waits: give it an answer that says so. Its length,
	 * or -EBADMSG.
	 */
	int (*refuse)(struct virtio_device *d, const struct chain *c);
	u32 refused; /* a bit for each queue whose chains are; those of others stay there */
};

/* How to be what the device is. The strings are not kept, the rest is. */
struct vhost_dev_conf {
	const struct vhost_kind *kind;
	const u16 *sizes; /* of its queues */
	unsigned nr_queues;
	void *config; /* configuration space; freed with the device, also after an error */
	u32 config_len;
	const char *socket;	 /* where the back end listens; NULL: */
	const char *const *argv; /* the program to start (daemon_start) */
};

/*
 * Make the device: reach the back end, and agree with it. Takes `conf->config` over. 0, or -errno
 * after one log_error() line. Main, before loops run.
 */
int vhost_dev_create(struct virtio_device **out, const struct virtio_env *env,
		     const struct vhost_dev_conf *conf);

/* [virtio_type] */
int vhost_dev_start(struct virtio_device *d);
void vhost_dev_kick(struct virtio_device *d, struct virtqueue *q);
void vhost_dev_stop(struct virtio_device *d, struct virtqueue *q);
void vhost_dev_destroy(struct virtio_device *d);

#endif
