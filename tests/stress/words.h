/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a hostile guest says to a server behind a device: messages of 9P, frames. */
#ifndef TESTS_STRESS_WORDS_H
#define TESTS_STRESS_WORDS_H

#include "lkvm/base/util.h"

#define WORDS_9P_MAX 160u
#define WORDS_FRAME 96u

/* Numbers below the second argument. */
typedef u64 (*words_draw)(void *arg, u64 below);

/* A request of 9P2000.L: its length. *data: so many bytes of a Twrite come behind it. */
u32 words_9p(u8 m[WORDS_9P_MAX], u32 *data, words_draw draw, void *arg);

/* The head of an Ethernet frame: ARP, or IPv4 with UDP (DHCP too), TCP, ICMP or anything. */
void words_frame(u8 f[WORDS_FRAME], u32 len, words_draw draw, void *arg);

#endif
