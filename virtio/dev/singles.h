/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device kinds that a guest has once, if its user asks for it with --NAME, and that are made from a
 * struct virtio_env alone. X(name, what help says of the option), in the order of their slots.
 *
 * A row is all that a new kind of this sort needs besides its file: the option and its help, the
 * member of struct config, the prototype of virtio_NAME_create(), the row in the table of
 * lkvm/run/devices.c, the count of transports in the device tree and that of places on the PCI bus
 * follow from it. A constant.
 */
#ifndef VIRTIO_DEV_SINGLES_H
#define VIRTIO_DEV_SINGLES_H

/* clang-format off */
#define VIRTIO_SINGLES(X) \
	X(balloon, "Let the host take memory from the guest and give it back ('lkvm balloon'), and get free \
pages back by itself (virtio-balloon)") \
	/* a new row goes in front of this line, so that no device changes its place */
/* clang-format on */

#endif
