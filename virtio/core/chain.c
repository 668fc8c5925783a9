/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Take one descriptor chain: copy, check, translate to host iovecs.
 *
 * Thread: the queue's owner (queue.h).
 * Trust:  descriptors are the driver's and change under our eyes: each is copied once, and only the
 *         copy is looked at. The walk is bounded by the size of the table it is in.
 * Spec:   virtio 1.3 §2.7.4, §2.7.5
 */
#include "virtio/core/chain.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "virtio/core/account.h"

/* [virtio 1.3 §2.7.5] */
#define DESC_F_NEXT 1u
#define DESC_F_WRITE 2u
#define DESC_F_INDIRECT 4u

struct desc {
	le64 addr;
	le32 len;
	le16 flags;
	le16 next;
};
static_assert(sizeof(struct desc) == 16, "virtio 1.3 §2.7.5");

/* Where the walk reads descriptors: the queue's own table, later perhaps an indirect one. */
struct table {
	struct mem_win win;
	u32 nr;
	bool indirect;
};

/*
 * A private copy. The fence keeps the compiler from going back to guest memory for a field. Inlined
 * (as table_descend() is), so that the copy lives in registers.
 */
static inline __attribute__((always_inline)) struct desc desc_copy(const struct table *t, u32 i)
{
	struct desc d;

	memcpy(&d, mem_win_at(&t->win, i * (u32)sizeof(d), sizeof(d)), sizeof(d));
	atomic_signal_fence(memory_order_seq_cst);
	return d;
}

/*
 * Descend into the table that `d` refers to. WRITE has no meaning on such a descriptor and is
 * ignored [virtio 1.3 §2.7.5.3.2].
 */
static inline __attribute__((always_inline)) int table_descend(const struct virtqueue *q,
							       struct table *t,
							       const struct desc *d)
{
	u32 len = le32_get(d->len);

	/* [virtio 1.3 §2.7.5.3.1] Only if negotiated, not nested, not together with NEXT. */
	if (!q->indirect || t->indirect || (le16_get(d->flags) & DESC_F_NEXT))
		return -EBADMSG;
	/*
	 * The spec bounds a chain by the queue size; drivers only keep to that where no indirect
	 * table is involved (a packet of 19 pieces on a ring of 16), so any table up to our largest
	 * ring will do.
	 */
	if (!len || len % sizeof(*d) || len > QUEUE_MAX_SIZE * sizeof(*d))
		return -EBADMSG;
	t->nr = len / (u32)sizeof(*d);
	t->indirect = true;
	return mem_win_open(q->mem, gpa(le64_get(d->addr)), len, &t->win);
}

/* Buffers that lie one behind the other: looked up, and checked, at once. */
struct run {
	u64 addr;
	u32 len; /* 0: none */
	bool write;
	bool apart; /* never longer than a buffer */
};

/* Append what has come together to the chain. */
static inline __attribute__((always_inline)) int run_end(struct run *r, struct chain *c,
							 struct mem *m)
{
	u32 nr = (u32)c->nr_read + c->nr_write;
	int n;

	if (!r->len)
		return 0;
	n = mem_iov(m, gpa(r->addr), r->len, c->iov + nr, c->max - nr);
	if (n < 0)
		return n == -ENOBUFS ? -EBADMSG : n;
	if (r->write)
		c->nr_write = (u16)(c->nr_write + n);
	else
		c->nr_read = (u16)(c->nr_read + n);
	r->len = 0;
	return 0;
}

/* The buffer of `d`. */
static inline __attribute__((always_inline)) int chain_add(struct chain *c, struct run *r,
							   struct mem *m, const struct desc *d)
{
	u64 addr = le64_get(d->addr);
	bool write = le16_get(d->flags) & DESC_F_WRITE;
	u32 len = le32_get(d->len);
	int err;

	/* [virtio 1.3 §2.7.4.2] Device-readable elements come before device-writable ones. */
	if (!write && c->write_len)
		return -EBADMSG;
	if (!len)
		return 0;
	/* [virtio 1.3 §2.7.5.2] No more than 2^32 bytes in total; ours fits a u32. */
	if (len > UINT32_MAX - c->read_len - c->write_len)
		return -EBADMSG;
	if (write) {
		c->bufs_write++;
		c->write_len += len;
	} else {
		c->bufs_read++;
		c->read_len += len;
	}
	if (r->len && r->write == write && r->addr + r->len == addr && !r->apart) {
		r->len += len;
		return 0;
	}
	err = run_end(r, c, m);
	r->addr = addr;
	r->len = len;
	r->write = write;
	return err;
}

/*
 * From c->head on; `t` is the ring's table, and afterwards the one that the chain ended in.
 * `apart`: no piece is longer than a buffer.
 */
static inline __attribute__((always_inline)) int chain_walk(const struct virtqueue *q,
							    struct chain *c, struct table *t,
							    bool apart)
{
	struct run run = { .apart = apart };
	u32 i = c->head;
	int err;
	u32 left = t->nr; /* a chain that visits more descriptors than there are has a loop */

	for (;;) {
		struct desc d = desc_copy(t, i);
		u16 flags = le16_get(d.flags);

		if (flags & DESC_F_INDIRECT) {
			err = table_descend(q, t, &d);
			if (err)
				return err;
			/* [virtio 1.3 §2.7.5.3.2] The chain goes on at the first entry. */
			i = 0;
			left = t->nr;
			continue;
		}
		err = chain_add(c, &run, q->mem, &d);
		if (err)
			return err;
		if (!(flags & DESC_F_NEXT))
			break;
		i = le16_get(d.next);
		if (i >= t->nr || --left == 0)
			return -EBADMSG;
	}
	err = run_end(&run, c, q->mem);
	if (err)
		return err;
	return c->read_len || c->write_len ? 0 : -EBADMSG;
}

/* A chain was taken; its descriptors ended in the table `t`. */
static void account_chain(struct virtqueue *q, const struct chain *c, const struct table *t)
{
	struct account *a = q->account;

	if (!queue_took_new(q))
		return;
	account_buffers(a, q->index, ACCOUNT_OUT, c->iov, c->nr_read, c->bufs_read, c->read_len);
	account_buffers(a, q->index, ACCOUNT_IN, c->iov + c->nr_read, c->nr_write, c->bufs_write,
			c->write_len);
	/* Last, as Linux maps it: who compares the two lists finds them in one order. */
	if (t->indirect)
		account_table(a, q->index, t->win.host, t->win.len);
}

/*
 * The chain at `head` refers to memory that cannot be had: look again which, for the account. A
 * second walk, because to carry each descriptor as far as its error costs the good ones
 * instructions. A driver that has changed it meanwhile has put a wrong address on record.
 */
static __attribute__((cold, noinline)) void blame(const struct virtqueue *q, u16 head)
{
	struct table t = { .win = q->desc_win, .nr = q->size };
	struct desc d = desc_copy(&t, head);

	for (u32 left = t.nr; left; left--) {
		u16 flags = le16_get(d.flags);
		u32 len = le32_get(d.len), i = le16_get(d.next);

		if (len && !mem_is_shared(q->mem, gpa(le64_get(d.addr)), len))
			break;
		if (flags & DESC_F_INDIRECT) {
			if (table_descend(q, &t, &d))
				break;
			i = 0;
			left = t.nr + 1;
		} else if (!(flags & DESC_F_NEXT)) {
			break;
		}
		if (i >= t.nr)
			break;
		d = desc_copy(&t, i);
	}
	account_refused(q->account, q->index, le64_get(d.addr), le32_get(d.len));
}

int chain_take(struct virtqueue *q, struct chain *c)
{
	struct table t = { .win = q->desc_win, .nr = q->size };
	int n = queue_next_head(q, &c->head);

	if (n <= 0)
		return n;
	c->nr_read = c->nr_write = 0;
	c->bufs_read = c->bufs_write = 0;
	c->read_len = c->write_len = 0;

	int err = chain_walk(q, c, &t, q->account && account_traced(q->account));

	if (!err && q->account)
		account_chain(q, c, &t);
	if (err == -EFAULT && q->account)
		blame(q, c->head);
	return err ? err : 1;
}
