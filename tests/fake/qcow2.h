/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small qcow2 files, made cluster by cluster, and spoiled byte by byte. */
#ifndef TESTS_FAKE_QCOW2_H
#define TESTS_FAKE_QCOW2_H

#include "lkvm/base/util.h"

/* Where the header has what. */
#define QCOW2_VERSION 4u
#define QCOW2_BACKING_OFF 8u
#define QCOW2_BACKING_SIZE 16u
#define QCOW2_CLUSTER_BITS 20u
#define QCOW2_SIZE 24u
#define QCOW2_CRYPT 32u
#define QCOW2_L1_SIZE 36u
#define QCOW2_L1_OFF 40u
#define QCOW2_INCOMPATIBLE 72u
#define QCOW2_LENGTH 100u
#define QCOW2_COMPRESSION 104u
#define QCOW2_EXTENSIONS 112u

struct fake_qcow2 {
	int fd;
	u32 cluster;
	u64 end; /* of the file: the next cluster goes there */
};

/* An empty image in the file `fd`, which stays the caller's. Version 2 or 3. */
void fake_qcow2_create(struct fake_qcow2 *q, int fd, unsigned version, unsigned cluster_bits,
		       u64 size);

/* Cluster number `n` of the disk, with q->cluster bytes of data. */
void fake_qcow2_plain(struct fake_qcow2 *q, u64 n, const void *data);
void fake_qcow2_packed(struct fake_qcow2 *q, u64 n, const void *data, bool zstd);
void fake_qcow2_zero(struct fake_qcow2 *q, u64 n);
/* Its L2 entry as it is. */
void fake_qcow2_entry(struct fake_qcow2 *q, u64 n, u64 entry);

/* A big-endian number of `len` bytes (1, 4 or 8) at `off` of the file. */
void fake_qcow2_poke(struct fake_qcow2 *q, u64 off, u64 val, unsigned len);

/* Name a backing file; `format` NULL: without saying which. */
void fake_qcow2_backing(struct fake_qcow2 *q, const char *name, const char *format);

#endif
