/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cursor over an iovec: read, write or skip bytes from where it stands, never past the end.
 * Nobody copies or trims iovec arrays; they move a cursor. Values, no allocation, any thread.
 */
#ifndef LKVM_IOV_H
#define LKVM_IOV_H

#include <sys/uio.h>

#include "lkvm/base/util.h"

struct iov_cur {
	const struct iovec *iov; /* current element */
	unsigned nr;		 /* elements from iov on */
	size_t off;		 /* bytes of *iov already consumed */
	size_t left;		 /* bytes to the end of the cursor */
};

/* A cursor at the start of `iov[0..nr)`. The array must outlive the cursor. */
struct iov_cur iov_cur(const struct iovec *iov, unsigned nr);

/* Total bytes of `iov[0..nr)`. */
size_t iov_len(const struct iovec *iov, unsigned nr);

/*
 * Copy up to `len` bytes out of (into) the memory behind the cursor and advance; returns bytes
 * copied.
 */
size_t iov_read(struct iov_cur *c, void *buf, size_t len);
size_t iov_write(struct iov_cur *c, const void *buf, size_t len);

/* Zero up to `len` bytes and advance; returns bytes zeroed. */
size_t iov_zero(struct iov_cur *c, size_t len);

/* Advance by up to `len` bytes; returns bytes skipped. */
size_t iov_skip(struct iov_cur *c, size_t len);

/* Copy up to `len` bytes from one cursor to the other, advancing both; returns bytes copied. */
size_t iov_copy(struct iov_cur *to, struct iov_cur *from, size_t len);

/*
 * Describe the next `len` bytes as a plain iovec array and advance. Returns the number of elements,
 * or -ENOBUFS when more than `max` are needed (cursor unmoved); `len` must be <= c->left.
 */
int iov_take(struct iov_cur *c, size_t len, struct iovec *out, unsigned max);

#endif
