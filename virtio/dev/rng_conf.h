/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `--rng-limit FLAG[,...]` as plain data. Any thread. */
#ifndef VIRTIO_RNG_CONF_H
#define VIRTIO_RNG_CONF_H

#include "lkvm/base/util.h"

/* How much entropy a guest gets: max_bytes in each period of period_ms. */
struct rng_conf {
	u64 max_bytes; /* 0: as much as it asks for */
	u32 period_ms;
};

/*
 * max-bytes=N[,period=MS], as QEMU's virtio-rng has them: the period is 65536 ms if it is not said.
 * 0, or -EINVAL after one log_error() line.
 */
int rng_conf_parse(const char *arg, struct rng_conf *conf);

#endif
