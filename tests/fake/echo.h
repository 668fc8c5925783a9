/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kind of device that takes every chain and gives it back untouched, and counts what happens to
 * it: for tests of device.c and of transports.
 */
#ifndef TESTS_FAKE_ECHO_H
#define TESTS_FAKE_ECHO_H

#include "virtio/core/device.h"

#define FAKE_ECHO_ID 42u
#define FAKE_ECHO_FEATURE BIT(3) /* the only one besides the device-independent ones */
#define FAKE_ECHO_QUEUES 3u	 /* of at most 8, 16 and 256 entries */

/* Configuration: 8 bytes, of which [4, 6) can be written. */
struct fake_echo {
	struct virtio_device dev;
	u8 config[8];
	u8 beyond[8];  /* 0xee: not for the driver to see */
	int start_err; /* what start() answers */
	unsigned starts, stops, queue_stops, taken;
	unsigned kicks[FAKE_ECHO_QUEUES];
	bool prompt;		      /* what prompt() answers */
	pthread_t served;	      /* who has kicked last */
	u32 written_off, written_len; /* last write to the configuration */
};

/* `instance` as for virtio_init(). Zeroes `e`. */
int fake_echo_init(struct fake_echo *e, unsigned instance, struct mem *m, struct loop *loop);
void fake_echo_fini(struct fake_echo *e);

/* It is of a kind that asks whether to serve promptly, and does. Before it is on a transport. */
void fake_echo_be_prompt(struct fake_echo *e);

/* The same, of a kind that is so at times. */
void fake_echo_be_prompt_at_times(struct fake_echo *e);

#endif
