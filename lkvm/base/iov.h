/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cursor over an iovec: read, write or skip bytes from where the cursor stands, never past the
 * end. Nobody copies or trims arrays of iovecs: a cursor is moved instead.
 *
 * A cursor is a value, which belongs to one thread at a time; nothing is allocated. The array and
 * the memory that it describes are the caller's, and have to outlive the cursor. A call reads or
 * writes each byte once.
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

/* A cursor at the start of iov[0..nr). Elements may be empty. */
struct iov_cur iov_cur(const struct iovec *iov, unsigned nr);

/* The bytes of iov[0..nr) together; the caller knows that the sum does not wrap. */
size_t iov_len(const struct iovec *iov, unsigned nr);

/*
 * Copy `len` bytes, or all that are left if those are fewer, from the cursor's memory to `buf`
 * (from `buf` to the cursor's memory), and advance the cursor by as many. Returns how many.
 */
size_t iov_read(struct iov_cur *c, void *buf, size_t len);
size_t iov_write(struct iov_cur *c, const void *buf, size_t len);

/* The same with zeros. */
size_t iov_zero(struct iov_cur *c, size_t len);

/* Advance by `len` bytes, or to the end. Returns by how many. */
size_t iov_skip(struct iov_cur *c, size_t len);

/*
 * Copy `len` bytes from one cursor's memory to the other's, or as many as the shorter one has left,
 * and advance both by as many. Returns how many. The memories do not overlap.
 */
size_t iov_copy(struct iov_cur *to, struct iov_cur *from, size_t len);

/*
 * Describe the next `len` bytes (c->left at most) in out[0..max), and advance by them. Returns the
 * number of elements, none of them empty, or -ENOBUFS if more than `max` are needed: then the
 * cursor has not moved.
 */
int iov_take(struct iov_cur *c, size_t len, struct iovec *out, unsigned max);

#endif
