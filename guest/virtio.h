/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio driver for tests: one device over either transport, one split ring, no interrupts unless
 * asked for. Polls; never trusts the device to answer.
 */
#ifndef GUEST_VIRTIO_H
#define GUEST_VIRTIO_H

#include "guest/realm.h"

#define VIRTIO_ID_NET 1u
#define VIRTIO_ID_BLK 2u
#define VIRTIO_ID_CONSOLE 3u
#define VIRTIO_ID_RNG 4u

#define S_ACKNOWLEDGE 1u
#define S_DRIVER 2u
#define S_DRIVER_OK 4u
#define S_FEATURES_OK 8u
#define S_NEEDS_RESET 64u

#define F_INDIRECT_DESC (1ull << 28)
#define F_EVENT_IDX (1ull << 29)
#define F_VERSION_1 (1ull << 32)
#define F_ACCESS_PLATFORM (1ull << 33)
#define F_RING_RESET (1ull << 40)

#define D_NEXT 1u
#define D_WRITE 2u
#define D_INDIRECT 4u

/* At most; a device for Realms may have a shorter queue, but a request fits. */
#define RING_SIZE 8u

/*
 * Common configuration, by offset in PCI [virtio 1.3 §4.1.4.3]; mmio has the same under other ones.
 */
enum vreg {
	R_DEVICE_FEATURES_SEL,
	R_DEVICE_FEATURES,
	R_DRIVER_FEATURES_SEL,
	R_DRIVER_FEATURES,
	R_STATUS,
	R_QUEUE_SEL,
	R_QUEUE_SIZE_MAX,
	R_QUEUE_SIZE,
	R_QUEUE_ENABLE,
	R_QUEUE_RESET,
	R_DESC_LO,
	R_DESC_HI,
	R_AVAIL_LO,
	R_AVAIL_HI,
	R_USED_LO,
	R_USED_HI,
	R_NR
};

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

struct ring {
	struct desc desc[RING_SIZE];
	struct {
		u16 flags, idx, ring[RING_SIZE], used_event;
	} avail;
	struct {
		u16 flags, idx;
		struct {
			u32 id, len;
		} ring[RING_SIZE];
		u16 avail_event;
	} used __attribute__((aligned(4)));
	u16 size; /* the driver's own note */
} __attribute__((aligned(4096)));

struct vdev {
	bool pci;
	u32 id;	  /* VIRTIO_ID_* */
	u32 slot; /* PCI slot, or index of the mmio window */
	u64 common, config, notify, isr;
	u32 notify_mult;
	u32 config_len, common_len;
	/* PCI */
	u64 ecam;
	u64 bar[6];
	u32 bar_size[6];
	u8 cap_msix, cap_pci_cfg;
	u64 msix_table, msix_pba;
	u32 msix_nr;
};

/* "net", "blk" and so on, for messages. */
const char *vdev_kind(const struct vdev *d);

/* The device in PCI slot / mmio window `slot`. False: there is none. */
bool vdev_pci(struct vdev *d, u32 slot);
bool vdev_mmio(struct vdev *d, u32 slot);

/* Read and write a register, wherever the transport has it. */
u32 vget(const struct vdev *d, enum vreg r);
void vset(const struct vdev *d, enum vreg r, u32 v);

/* Writes 0 to the status and waits until it reads 0. False: it never does. */
bool vdev_reset(const struct vdev *d);
/* The features that the device offers. */
u64 vdev_offered(const struct vdev *d);
/*
 * Reset, ACKNOWLEDGE, DRIVER, features (in a Realm with ACCESS_PLATFORM), FEATURES_OK. Returns what
 * the status says then.
 */
u32 vdev_negotiate(const struct vdev *d, u64 features);
/*
 * Zeroes the ring (which is shared), gives it to queue `q`, enables it. False if the queue does not
 * exist.
 */
bool vdev_queue(const struct vdev *d, u16 q, struct ring *r);
/* Rings anywhere, of any size; their memory is not touched. */
void vdev_queue_at(const struct vdev *d, u16 q, u64 desc, u64 avail, u64 used, u32 size);
void vdev_ok(const struct vdev *d);
void vdev_notify(const struct vdev *d, u16 q);

static inline void ring_desc(struct ring *r, u16 i, u64 addr, u32 len, u16 flags, u16 next)
{
	r->desc[i] = (struct desc){ addr, len, flags, next };
}

/* A page for a ring, shared if this is a Realm. */
struct ring *ring_shared(struct ring *r);
/* Make a head available. */
void ring_post(struct ring *r, u16 head);
u16 ring_used_idx(const struct ring *r);

/*
 * The device does something useful from reset on: the queue is set up, a request of its kind is
 * answered. `r` is clobbered; the queue used is vdev_queue_of().
 */
bool vdev_works(const struct vdev *d, struct ring *r);
/* A queue whose chains the device takes as soon as they come. */
u16 vdev_queue_of(const struct vdev *d);

#endif
