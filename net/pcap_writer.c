/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ring of bytes between the network's loop and a thread that writes them to a file.
 *
 * Thread: put on the network's loop, drain() on the writer's, begin and end on any, the rest on
 *         main.
 * Trust:  bytes are written as they come.
 *
 * The lock is held for moving indices and for copying into the ring, never while the file is
 * written. What is being written stays in the ring until it is done, so nobody overwrites it.
 */
#include "net/pcap_writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/base/log.h"

/* At most so much in one write(2): room in the ring comes back in pieces of this size. */
#define PIECE (256 * KiB)

struct pcap_writer {
	int wake;
	struct loop *loop; /* the writer's own */
	struct loop_fd *reg;
	pthread_mutex_t lock; /* what follows */
	int fd;		      /* -1: there is no file */
	bool ending;	      /* it gets nothing more */
	size_t at, used;      /* the bytes in the ring begin at `at` */
	int err;	      /* of the write that failed */
	u8 *ring;
};

/* One piece that is not written yet; 0: there is none. Takes the lock. */
static size_t next_piece(struct pcap_writer *w, const u8 **p)
{
	size_t n;

	pthread_mutex_lock(&w->lock);
	if (!w->used || w->err)
		w->at = w->used = 0; /* the front of the ring is warm, the rest may not be there */
	n = MIN(w->used, PCAP_WRITER_MAX - w->at);
	*p = w->ring + w->at;
	pthread_mutex_unlock(&w->lock);
	return MIN(n, PIECE);
}

static void piece_done(struct pcap_writer *w, ssize_t n, int err)
{
	pthread_mutex_lock(&w->lock);
	if (n > 0) {
		w->at = (w->at + (size_t)n) % PCAP_WRITER_MAX;
		w->used -= (size_t)n;
	} else {
		w->err = n < 0 ? -err : -ENOSPC;
	}
	pthread_mutex_unlock(&w->lock);
}

/* A file that gets no more, and has all that it got. */
static void finish(struct pcap_writer *w)
{
	int fd = -1, err = 0;

	pthread_mutex_lock(&w->lock);
	if (w->ending && !w->used) {
		fd = w->fd;
		err = w->err;
		w->fd = -1;
		w->err = 0;
		w->ending = false;
	}
	pthread_mutex_unlock(&w->lock);
	if (err)
		log_warn("pcap: capture ends here: %s", strerror(-err));
	if (fd >= 0)
		close(fd);
}

static void drain(void *arg)
{
	struct pcap_writer *w = arg;
	const u8 *p;
	size_t len;

	while ((len = next_piece(w, &p))) {
		ssize_t n = write(w->fd, p, len);

		if (n >= 0 || errno != EINTR)
			piece_done(w, n, errno);
	}
	finish(w);
}

static void on_wake(void *arg, u32 events)
{
	struct pcap_writer *w = arg;
	eventfd_t n;

	eventfd_read(w->wake, &n);
	drain(w);
}

int pcap_writer_create(struct pcap_writer **out, struct loop *loop)
{
	struct pcap_writer *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->fd = -1;
	pthread_mutex_init(&w->lock, NULL);
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = w->wake < 0 ? -errno : 0;
	w->ring = malloc(PCAP_WRITER_MAX);
	if (!err && !w->ring)
		err = -ENOMEM;
	if (!err)
		err = loop_create(&w->loop, "lkvm-pcap");
	if (!err)
		err = loop_fd_add(w->loop, w->wake, EPOLLIN, on_wake, w, &w->reg);
	if (!err)
		err = loop_start(w->loop);
	if (err) {
		pcap_writer_destroy(w);
		return err;
	}
	loop_help(loop, w->loop, 0);
	*out = w;
	return 0;
}

int pcap_writer_begin(struct pcap_writer *w, int fd)
{
	bool busy;

	pthread_mutex_lock(&w->lock);
	busy = w->fd >= 0;
	if (!busy)
		w->fd = fd;
	pthread_mutex_unlock(&w->lock);
	if (busy)
		close(fd);
	return busy ? -EBUSY : 0;
}

void pcap_writer_end(struct pcap_writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->ending = w->fd >= 0;
	pthread_mutex_unlock(&w->lock);
	eventfd_write(w->wake, 1);
}

int pcap_writer_put(struct pcap_writer *w, const struct iovec *v, unsigned nr, size_t len)
{
	size_t to;
	bool asleep;
	int err;

	pthread_mutex_lock(&w->lock);
	to = (w->at + w->used) % PCAP_WRITER_MAX;
	asleep = !w->used;
	err = w->err				? w->err
	      : w->fd < 0 || w->ending		? -EBADF
	      : len > PCAP_WRITER_MAX - w->used ? -EAGAIN
						: 0;
	for (unsigned i = 0; i < nr && !err; i++) {
		size_t n = MIN(v[i].iov_len, PCAP_WRITER_MAX - to);

		memcpy(w->ring + to, v[i].iov_base, n);
		memcpy(w->ring, (const u8 *)v[i].iov_base + n, v[i].iov_len - n);
		to = (to + v[i].iov_len) % PCAP_WRITER_MAX;
	}
	if (!err)
		w->used += len;
	pthread_mutex_unlock(&w->lock);
	if (!err && asleep)
		eventfd_write(w->wake, 1);
	return err;
}

int pcap_writer_destroy(struct pcap_writer *w)
{
	int err;

	if (!w)
		return 0;
	if (w->loop) {
		loop_call(w->loop, drain, w);
		loop_stop(w->loop);
		loop_destroy(w->loop);
	}
	err = w->err;
	if (w->wake >= 0)
		close(w->wake);
	if (w->fd >= 0)
		close(w->fd);
	free(w->ring);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return err;
}
