/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening, configuring and closing a tap device; net/tap.c moves the frames. Main thread. */
#ifndef NET_TAP_SETUP_H
#define NET_TAP_SETUP_H

#include <sys/types.h>

#include <net/if.h>

#include "net/netopt.h"

#define TAP_HDR_LEN 12u /* of the offload header in front of each frame, when there is one */

/* One tap; the caller's. */
struct tap {
	int fd; /* non-blocking; valid if open */
	bool open;
	char name[IFNAMSIZ];
	bool vnet_hdr; /* frames have an offload header, little-endian */
	u32 offloads;  /* NETIF_* that the kernel does */
	char downscript[PATH_MAX];
	int down_fd; /* what its shell waits for the end of; -1: there is none */
	pid_t down_pid;
};

/*
 * Open the tap that `c` describes, or make it, and set it up: its address or the script c->script,
 * which is waited for. 0, or -errno after one log_error() line: then nothing is open.
 */
int tap_open(struct tap *t, const struct net_conf *c);

/*
 * Open another queue of the interface that `first` has opened, for the same `c`. 0, or -errno after
 * one log_error() line.
 */
int tap_open_queue(struct tap *t, const struct net_conf *c, const struct tap *first);

/* Run the down script and wait for it, then close. A zeroed or closed *t is fine. */
void tap_close(struct tap *t);

/* From now on the kernel gives frames for the guest with these offloads (NETIF_RX_*) at most. */
void tap_set_offloads(struct tap *t, u32 offloads);

#endif
