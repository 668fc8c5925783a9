/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of fids: a hash of chains over an array that was made once.
 *
 * Thread: any; `lock` guards lists and counts of references.
 * Trust:  numbers are the guest's, 32 bits of its choice; it can make one chain long, which costs
 *         only its own requests, and at most FID_MAX steps.
 */
#include "virtio/share/fid.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int fid_table_init(struct fid_table *t)
{
	/* Pages of these are the host's zero page until they are used. */
	t->all = calloc(FID_MAX, sizeof(*t->all));
	t->xattrs = calloc(FID_XATTRS, sizeof(*t->xattrs));
	if (!t->all || !t->xattrs) {
		free(t->all);
		free(t->xattrs);
		t->all = NULL;
		return -ENOMEM;
	}
	pthread_mutex_init(&t->lock, NULL);
	return 0;
}

void fid_table_fini(struct fid_table *t)
{
	if (!t->all)
		return;
	fid_clear(t);
	free(t->all);
	free(t->xattrs);
	pthread_mutex_destroy(&t->lock);
}

static struct fid **bucket(struct fid_table *t, u32 nr)
{
	return &t->buckets[nr % ARRAY_SIZE(t->buckets)];
}

/* Where the pointer to number `nr` is, or would be. With the lock. */
static struct fid **find(struct fid_table *t, u32 nr)
{
	struct fid **p = bucket(t, nr);

	while (*p && (*p)->nr != nr)
		p = &(*p)->next;
	return p;
}

struct fid *fid_get(struct fid_table *t, u32 nr)
{
	struct fid *f;

	pthread_mutex_lock(&t->lock);
	f = *find(t, nr);
	if (f)
		f->refs++;
	pthread_mutex_unlock(&t->lock);
	return f;
}

void fid_put(struct fid_table *t, struct fid *f)
{
	int fd = -1;

	pthread_mutex_lock(&t->lock);
	assert(f->refs);
	if (!--f->refs) {
		fd = f->fd;
		if (f->xattr) {
			f->xattr->next = t->free_xattr;
			t->free_xattr = f->xattr;
		}
		f->next = t->free;
		t->free = f;
	}
	pthread_mutex_unlock(&t->lock);
	/* Without the lock: a file system may take its time to close a file. */
	if (fd >= 0)
		close(fd);
}

/* With the lock. */
static struct fid *take_fid(struct fid_table *t)
{
	struct fid *f = t->free;

	if (f)
		t->free = f->next;
	else if (t->fresh < FID_MAX)
		f = &t->all[t->fresh++];
	return f;
}

static struct fid_xattr *take_xattr(struct fid_table *t)
{
	struct fid_xattr *x = t->free_xattr;

	if (x)
		t->free_xattr = x->next;
	else if (t->fresh_xattr < FID_XATTRS)
		x = &t->xattrs[t->fresh_xattr++];
	return x;
}

struct fid *fid_new(struct fid_table *t, enum fid_kind kind, int fd, u32 uid, bool xattr)
{
	struct fid *f;
	struct fid_xattr *x = NULL;

	pthread_mutex_lock(&t->lock);
	f = take_fid(t);
	if (f && xattr) {
		x = take_xattr(t);
		if (!x) {
			f->next = t->free;
			t->free = f;
			f = NULL;
		}
	}
	pthread_mutex_unlock(&t->lock);
	if (!f) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	if (x)
		x->size = x->done = 0;
	*f = (struct fid){ .refs = 1, .kind = kind, .fd = fd, .uid = uid, .xattr = x };
	return f;
}

int fid_add(struct fid_table *t, u32 nr, struct fid *f)
{
	struct fid **p;

	pthread_mutex_lock(&t->lock);
	p = find(t, nr);
	if (*p) {
		pthread_mutex_unlock(&t->lock);
		fid_put(t, f);
		return -EBUSY;
	}
	f->nr = nr;
	f->next = NULL;
	*p = f;
	pthread_mutex_unlock(&t->lock);
	return 0;
}

int fid_replace(struct fid_table *t, struct fid *old, struct fid *f)
{
	struct fid **p;

	pthread_mutex_lock(&t->lock);
	p = find(t, old->nr);
	if (*p != old) {
		pthread_mutex_unlock(&t->lock);
		fid_put(t, f);
		return -EBUSY;
	}
	f->nr = old->nr;
	f->next = old->next;
	*p = f;
	pthread_mutex_unlock(&t->lock);
	fid_put(t, old);
	return 0;
}

struct fid *fid_remove(struct fid_table *t, u32 nr)
{
	struct fid **p, *f;

	pthread_mutex_lock(&t->lock);
	p = find(t, nr);
	f = *p;
	if (f)
		*p = f->next;
	pthread_mutex_unlock(&t->lock);
	return f;
}

void fid_clear(struct fid_table *t)
{
	for (unsigned i = 0; i < ARRAY_SIZE(t->buckets); i++) {
		struct fid *f, *next;

		pthread_mutex_lock(&t->lock);
		f = t->buckets[i];
		t->buckets[i] = NULL;
		pthread_mutex_unlock(&t->lock);
		/* The links stay as they are until the fid is put. */
		for (; f; f = next) {
			next = f->next;
			fid_put(t, f);
		}
	}
}
