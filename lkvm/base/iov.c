/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cursor over an iovec: copy in, copy out, skip, describe.
 *
 * Thread: any; a cursor belongs to its holder.
 * Trust:  lengths come from the guest but were checked when the iovec was made; the bytes behind it
 *         may change at any time, so each is read at most once here.
 */
#include "lkvm/base/iov.h"

#include <errno.h>
#include <string.h>

size_t iov_len(const struct iovec *iov, unsigned nr)
{
	size_t sum = 0;

	for (unsigned i = 0; i < nr; i++)
		sum += iov[i].iov_len;
	return sum;
}

struct iov_cur iov_cur(const struct iovec *iov, unsigned nr)
{
	return (struct iov_cur){ .iov = iov, .nr = nr, .left = iov_len(iov, nr) };
}

/* The next contiguous piece of at most `len` bytes (0 only at the end), and advance over it. */
static size_t next_piece(struct iov_cur *c, size_t len, char **p)
{
	while (c->nr && c->off == c->iov->iov_len) {
		c->iov++;
		c->nr--;
		c->off = 0;
	}
	*p = NULL;
	if (!c->nr)
		return 0;

	size_t n = MIN(len, c->iov->iov_len - c->off);

	*p = (char *)c->iov->iov_base + c->off;
	c->off += n;
	c->left -= n;
	return n;
}

size_t iov_read(struct iov_cur *c, void *buf, size_t len)
{
	size_t done = 0, n;
	char *p;

	while (done < len && (n = next_piece(c, len - done, &p))) {
		memcpy((char *)buf + done, p, n);
		done += n;
	}
	return done;
}

size_t iov_write(struct iov_cur *c, const void *buf, size_t len)
{
	size_t done = 0, n;
	char *p;

	while (done < len && (n = next_piece(c, len - done, &p))) {
		memcpy(p, (const char *)buf + done, n);
		done += n;
	}
	return done;
}

size_t iov_zero(struct iov_cur *c, size_t len)
{
	size_t done = 0, n;
	char *p;

	while (done < len && (n = next_piece(c, len - done, &p))) {
		memset(p, 0, n);
		done += n;
	}
	return done;
}

size_t iov_skip(struct iov_cur *c, size_t len)
{
	size_t done = 0, n;
	char *p;

	while (done < len && (n = next_piece(c, len - done, &p)))
		done += n;
	return done;
}

size_t iov_copy(struct iov_cur *to, struct iov_cur *from, size_t len)
{
	size_t done = 0, n;
	char *p;

	len = MIN(len, to->left);
	while (done < len && (n = next_piece(from, len - done, &p)))
		done += iov_write(to, p, n);
	return done;
}

int iov_take(struct iov_cur *c, size_t len, struct iovec *out, unsigned max)
{
	struct iov_cur t = *c;
	unsigned nr = 0;
	char *p;

	assert(len <= c->left);
	while (len) {
		if (nr == max)
			return -ENOBUFS;

		size_t n = next_piece(&t, len, &p);

		out[nr++] = (struct iovec){ .iov_base = p, .iov_len = n };
		len -= n;
	}
	*c = t;
	return (int)nr;
}
