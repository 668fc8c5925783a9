/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compressed clusters of qcow2 files. One thread at a time. */
#ifndef VIRTIO_QCOW2_UNPACK_H
#define VIRTIO_QCOW2_UNPACK_H

#include "lkvm/base/util.h"

struct qcow2_unpacker;

/* For deflate or `zstd`. 0 or -ENOMEM. */
int qcow2_unpacker_create(struct qcow2_unpacker **out, bool zstd);
/* NULL is fine. */
void qcow2_unpacker_destroy(struct qcow2_unpacker *u);

/*
 * Expand the cluster that `in` begins with (what is behind it does not count) to exactly `out_len`
 * bytes. False: it is not that.
 */
bool qcow2_unpack(struct qcow2_unpacker *u, const u8 *in, size_t in_len, u8 *out, size_t out_len);

#endif
