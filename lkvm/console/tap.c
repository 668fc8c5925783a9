/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tap on a console: two rings under a lock.
 *
 * Thread: any.
 * Trust:  the bytes are the guest's, and pass unseen; a guest that prints faster than the reader
 *         takes it waits.
 */
#include "lkvm/console/tap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define SIZE (16 * KiB)

struct tap {
	pthread_mutex_t lock;
	int reader, console; /* eventfds */
	bool awake;	     /* the reader comes back by itself */
	bool starved;	     /* the console was told that there is no room */
	size_t head, len;
	u8 ring[SIZE];
	struct inbuf typed; /* last */
};

int tap_create(struct tap **out, int wake)
{
	struct tap *t = alloc_headed(sizeof(*t), offsetof(struct tap, ring));

	if (!t)
		return -ENOMEM;
	pthread_mutex_init(&t->lock, NULL);
	t->reader = wake;
	t->console = -1;
	inbuf_init(&t->typed);
	*out = t;
	return 0;
}

void tap_destroy(struct tap *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static void wake(int fd)
{
	if (fd >= 0)
		eventfd_write(fd, 1);
}

/* ---- the reader ---- */

size_t tap_take(struct tap *t, void *buf, size_t size)
{
	int console = -1;
	size_t n, first;

	pthread_mutex_lock(&t->lock);
	t->awake = true;
	n = MIN(size, t->len);
	first = MIN(n, SIZE - t->head);
	memcpy(buf, t->ring + t->head, first);
	memcpy((u8 *)buf + first, t->ring, n - first);
	t->head = (t->head + n) % SIZE;
	t->len -= n;
	if (t->starved && t->len <= SIZE / 2)
		console = t->console;
	wake(console);
	pthread_mutex_unlock(&t->lock);
	return n;
}

bool tap_sleep(struct tap *t)
{
	bool sleeps;

	pthread_mutex_lock(&t->lock);
	sleeps = !t->len;
	t->awake = !sleeps;
	pthread_mutex_unlock(&t->lock);
	return sleeps;
}

bool tap_type(struct tap *t, const void *buf, size_t len)
{
	bool fits;

	pthread_mutex_lock(&t->lock);
	fits = t->console >= 0 && len <= inbuf_room(&t->typed);
	if (fits)
		inbuf_add(&t->typed, buf, len);
	wake(t->console);
	pthread_mutex_unlock(&t->lock);
	return fits;
}

/* ---- the console ---- */

void tap_bind(struct tap *t, int fd)
{
	pthread_mutex_lock(&t->lock);
	t->console = fd;
	t->typed.len = 0;
	t->starved = false;
	pthread_mutex_unlock(&t->lock);
}

size_t tap_room(struct tap *t)
{
	size_t room;

	pthread_mutex_lock(&t->lock);
	room = SIZE - t->len;
	t->starved |= !room;
	pthread_mutex_unlock(&t->lock);
	return room;
}

void tap_put(struct tap *t, const void *buf, size_t len)
{
	size_t tail, first, before;

	pthread_mutex_lock(&t->lock);
	assert(len <= SIZE - t->len);
	before = t->len;
	tail = (t->head + t->len) % SIZE;
	first = MIN(len, SIZE - tail);
	memcpy(t->ring + tail, buf, first);
	memcpy(t->ring, (const u8 *)buf + first, len - first);
	t->len += len;
	if (len && (!t->awake || (before < SIZE / 2 && t->len >= SIZE / 2))) {
		t->awake = true;
		wake(t->reader);
	}
	pthread_mutex_unlock(&t->lock);
}

bool tap_woken(struct tap *t, struct inbuf *in)
{
	bool room;
	size_t n;

	pthread_mutex_lock(&t->lock);
	for (;;) {
		const char *p = inbuf_peek(&t->typed, &n);

		n = inbuf_add(in, p, n);
		if (!n)
			break;
		inbuf_take(&t->typed, n);
	}
	room = t->starved && t->len < SIZE;
	t->starved &= !room;
	pthread_mutex_unlock(&t->lock);
	return room;
}
