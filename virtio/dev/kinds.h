/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Constructors of all device kinds, for lkvm/run/devices.c. Each makes a struct virtio_device that
 * is ready to be attached to a transport, and that type->destroy() frees. `env` is not kept, what
 * it points to outlives the device. Main thread, before the loop runs. 0, or -errno after one
 * log_error() line.
 */
#ifndef VIRTIO_DEV_KINDS_H
#define VIRTIO_DEV_KINDS_H

#include "virtio/core/device.h"
#include "virtio/dev/singles.h"

struct chardev;
struct disk;
struct fs_conf;
struct netif;
struct rng_conf;
struct share_conf;
struct virtio_pool;
struct vsock_conf;

/* Where a device lives. */
struct virtio_env {
	struct mem *mem;
	struct loop *loop;
	unsigned instance; /* n-th of its kind, from 0 */
	/* The guest bounces (Realm), in a pool like this one; NULL: it does not. Constant. */
	const struct virtio_pool *pool;
	/*
	 * The driver of network card `device` has filled its empty receive ring of `size`
	 * descriptors and given `nr` buffers, for packets of `mtu` bytes (0: 1500). Once after each
	 * DRIVER_OK, on the loop. NULL: nobody wants to know.
	 */
	void (*rx_filled)(const char *device, unsigned nr, u16 size, u16 mtu);
};

/* virtio_balloon_create(), ...: those that need nothing else. */
#define SINGLE_CREATE(kind, ...)                                                                   \
	int virtio_##kind##_create(struct virtio_device **out, const struct virtio_env *env);
VIRTIO_SINGLES(SINGLE_CREATE)

/* A source of entropy [virtio 1.3 §5.4]; `conf` says how much there is. */
int virtio_rng_create(struct virtio_device **out, const struct virtio_env *env,
		      const struct rng_conf *conf);

/*
 * A network card [virtio 1.3 §5.1], with a pair of queues for each netif of the list `n` (at most
 * 8). They are its own from then on: destroyed with the device, also after an error.
 */
int virtio_net_create(struct virtio_device **out, const struct virtio_env *env, struct netif *n);

/*
 * A network card with that address that the process serves which listens at `socket`, by
 * vhost-user. `mtu`: to tell the guest, 0: nothing. The memory can be lent (mem_lend) when the
 * driver starts the device.
 */
int virtio_vhost_net_create(struct virtio_device **out, const struct virtio_env *env,
			    const char *socket, const u8 *mac, u16 mtu);

/*
 * The same on a tap of one queue that was opened for it (vhost=1), and whose frames the host's
 * kernel moves. Not for guests that bounce.
 */
int virtio_vhost_tap_create(struct virtio_device **out, const struct virtio_env *env,
			    struct netif *n);

struct virtio_blk_conf {
	const char *serial; /* NULL: derived from the file; at most 20 bytes are shown */
	unsigned nr_queues; /* 1..16 */
	unsigned delay_ms;  /* --debug-iodelay: added to each request */
};

/*
 * A disk [virtio 1.3 §5.2]. `disk` is the device's own from then on: destroyed with it, also after
 * an error.
 */
int virtio_blk_create(struct virtio_device **out, const struct virtio_env *env, struct disk *disk,
		      const struct virtio_blk_conf *conf);

/*
 * Look how large the file of a block device is by now, and tell the driver if it has grown. 0, with
 * the sizes in bytes; -EINVAL: it has shrunk, and the device stays as it was; -EOPNOTSUPP: the size
 * of its format does not change; -ETIMEDOUT: the loop does not answer; -errno. Not on the loop, and
 * without d->lock.
 */
int virtio_blk_resize(struct virtio_device *d, u64 *old, u64 *new);

/* The directory is opened here. */
int virtio_9p_create(struct virtio_device **out, const struct virtio_env *env,
		     const struct share_conf *conf);

/*
 * A directory that virtiofsd serves [virtio 1.3 §5.11], which is started here if it does not run.
 * The memory can be lent (mem_lend) when the driver starts the device.
 */
int virtio_fs_create(struct virtio_device **out, const struct virtio_env *env,
		     const struct fs_conf *conf);

/* The virtiofsd that would be started, into buf[0..size); false: there is none. */
bool virtio_fs_program(char *buf, size_t size);

/*
 * Streams between the guest and Unix sockets of the host [virtio 1.3 §5.10]. It listens at
 * conf->uds from here on.
 */
int virtio_vsock_create(struct virtio_device **out, const struct virtio_env *env,
			const struct vsock_conf *conf);

/* The same, served by the host's kernel (conf->vhost). The guest is none that is confidential. */
int virtio_vsock_kernel_create(struct virtio_device **out, const struct virtio_env *env,
			       const struct vsock_conf *conf);

#define VIRTIO_CONSOLE_MAX_PORTS 14u /* beside the console; two queues each */

/* A port that the guest finds by its name: /dev/virtio-ports/NAME, if it has udev. */
struct virtio_console_port {
	const char *name;
	struct chardev *chr;
};

struct virtio_console_conf {
	struct chardev *console;		 /* of port 0, hvc0; NULL: no console */
	const struct virtio_console_port *ports; /* 1.. */
	unsigned nr_ports;			 /* at most VIRTIO_CONSOLE_MAX_PORTS */
};

/*
 * A console, or ports, or both [virtio 1.3 §5.3]. Without ports it is a console as those of old:
 * no control queues. `conf` is not kept; names and chardevs stay the caller's and outlive the
 * device. The loop is the chardevs' loop, too.
 */
int virtio_console_create(struct virtio_device **out, const struct virtio_env *env,
			  const struct virtio_console_conf *conf);

#endif
