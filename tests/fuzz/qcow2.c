/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 files that mean harm. Opening says no or succeeds; then every read ends, with the bytes
 * that were asked for or an error, and a second one gives the same bytes.
 *
 * Thread: one.
 * Trust:  plays the file.
 *
 * Input: the file, as it is.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/input.h"
#include "tests/fuzz/said.h"
#include "virtio/disk/layer.h"

#define NR_READS 96u
#define READ 1536u

/* Where something may be: the first clusters, and further away in ever larger steps. */
static u64 place(unsigned i, u64 size)
{
	u64 at = i < 64 ? (u64)i * 512 : UINT64_C(1) << (i - 64 + 12);

	return i == NR_READS - 1 || at >= size ? size - 512 : at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static u8 a[READ], b[READ];
	int fd = memfd_create("qcow2", 0);
	struct layer *m;

	check(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	errors = 0;
	if (layer_qcow2_create(&m, fd, "input", false, 0)) {
		check(errors == 1);
		return 0;
	}
	check(!errors);
	check(m->size && m->size % 512 == 0 && !m->ops->write);
	for (unsigned i = 0; i < NR_READS; i++) {
		u64 off = place(i, m->size);
		size_t n = MIN(READ, m->size - off);
		int err = layer_read_all(m, a, n, off);

		check(err <= 0 && layer_read_all(m, b, n, off) == err);
		check(err || memcmp(a, b, n) == 0);
	}
	layer_destroy(m);
	return 0;
}
