/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of the specification that rings, devices and transports share [virtio 1.3]. */
#ifndef VIRTIO_SPEC_H
#define VIRTIO_SPEC_H

#include "lkvm/base/util.h"

/* Device status [§2.1]. */
#define VIRTIO_S_ACKNOWLEDGE 1u
#define VIRTIO_S_DRIVER 2u
#define VIRTIO_S_DRIVER_OK 4u
#define VIRTIO_S_FEATURES_OK 8u
#define VIRTIO_S_NEEDS_RESET 64u
#define VIRTIO_S_FAILED 128u

/* Device-independent features [§6]. */
#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_EVENT_IDX BIT(29)
#define VIRTIO_F_VERSION_1 BIT(32)
#define VIRTIO_F_ACCESS_PLATFORM BIT(33)
#define VIRTIO_F_RING_RESET BIT(40)

#endif
