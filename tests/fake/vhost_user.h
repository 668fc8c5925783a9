/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vhost-user back end on a thread of its own: does what it is told, remembers it, maps what it is
 * lent, and can be bad in each way that an answer can be. Written from the protocol's text and not
 * from virtio/vhost.
 */
#ifndef TESTS_FAKE_VHOST_USER_H
#define TESTS_FAKE_VHOST_USER_H

#include <pthread.h>

#include "virtio/vhost/proto.h"

#define FAKE_VU_RINGS 8u

/* What it does with the request `at` instead of what it should. */
enum fake_vu_fault {
	FAKE_VU_FINE,
	FAKE_VU_SILENT, /* and from then on */
	FAKE_VU_CLOSES,
	FAKE_VU_OTHER_REQUEST,
	FAKE_VU_NO_REPLY_FLAG,
	FAKE_VU_OTHER_VERSION,
	FAKE_VU_SHORT, /* a size that is smaller; and larger */
	FAKE_VU_LONG,
	FAKE_VU_REFUSES,
	FAKE_VU_WITH_FDS, /* a good answer, and descriptors that nobody wants */
	FAKE_VU_CHATTERS, /* a good answer, and one more */
	FAKE_VU_NR_FAULTS
};

struct fake_vu_ring {
	u32 num, base;
	struct vhost_vring_addr addr;
	int kick, call;
	bool enabled, running;
	u16 next; /* used elements that it has made */
};

struct fake_vu {
	/* To be set before it starts. */
	u64 features, protocol, nr_queues;
	enum vhost_request at;
	enum fake_vu_fault fault;

	/* What it was told. */
	u64 features_set, protocol_set;
	unsigned owners, tables, messages;
	struct vhost_table table;
	u8 *maps[VHOST_MAX_REGIONS];
	struct fake_vu_ring rings[FAKE_VU_RINGS];

	pthread_t thread;
	int fd, listener; /* -1: none */
	bool silent;
};

/* A good one: features of virtio 1, all of the protocol that there is; nothing runs yet. */
void fake_vu_init(struct fake_vu *f);

/* Start it. Returns the other end of its connection, which does not block. */
int fake_vu_up(struct fake_vu *f);
/* Start it at a socket with that path: it takes one connection. */
void fake_vu_up_at(struct fake_vu *f, const char *path);

/* Its connection is closed, by it if it is still open; what it has is released. */
void fake_vu_down(struct fake_vu *f);
/* It closes its connection, as one does that dies. */
void fake_vu_die(struct fake_vu *f);

/*
 * Where it sees the guest's memory at `addr`, in either half; NULL: it was not lent that. Only when
 * it has been told all, and is waiting: as the functions below.
 */
void *fake_vu_at(struct fake_vu *f, u64 addr, u64 len);

/* Take the next chain of ring `i`: *desc is its first descriptor's index. False: none. */
bool fake_vu_take(struct fake_vu *f, unsigned i, u16 *head);
/* Where the descriptor `d` of ring `i` points, and its length; *next: the one behind it, or -1. */
void *fake_vu_desc(struct fake_vu *f, unsigned i, u16 d, u32 *len, int *next);
/* Give the chain back, with an interrupt. */
void fake_vu_push(struct fake_vu *f, unsigned i, u16 head, u32 len);

#endif
