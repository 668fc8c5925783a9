/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output of a console: a ring of bytes, filled by any thread, emptied by the loop.
 *
 * Thread: outbuf_write() any, everything else the loop. `lock` guards head, len and the states; the
 *         bytes in [head, head + len) belong to the loop, the rest to writers.
 * Trust:  the bytes are the guest's and go through unseen; how fast they come is the guest's too.
 *
 * The first byte after a pause goes out at once. Then the loop looks every WINDOW_NS until it finds
 * nothing, so writers need not wake it; but they do so when the buffer is half full. When the
 * descriptor takes no more the loop waits for it to become writable.
 */
#include "lkvm/console/outbuf.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/base/ready.h"
#include "lkvm/console/fds.h"

static const struct sys_call list[] = {
	CALL(write),
};

const struct calls outbuf_calls = CALLS("consoles", list);

#define SIZE (16 * KiB)
#define HALF (SIZE / 2)

/* Below what people notice, and some hundred characters of a serial console. */
#define WINDOW_NS 5000000u

/* A lossy output that moved nothing for so long has no reader. */
#define UNREAD_NS 1000000000u
#define FLUSH_TIMEOUT_MS 2000

/* A pipe that poll(2) calls writable takes that much without blocking [pipe(7)]. */
#define CAREFUL_BYTES 4096u

/* When the loop looks at the buffer next. */
enum look {
	LOOK_WOKEN,    /* when a writer wakes it */
	LOOK_WINDOW,   /* when the window ends, or a writer finds the buffer half full */
	LOOK_SOON,     /* it was woken before the window ended */
	LOOK_WRITABLE, /* when the descriptor takes more */
};

/* The descriptor. */
enum sink {
	SINK_IDLE,
	SINK_WRITING, /* the loop is in write(2) with [head, ...) */
	SINK_GONE,    /* no output any more: swallow */
};

struct outbuf {
	struct loop *loop;
	int fd;
	u32 flags;
	bool with_messages; /* it leads where stderr does */
	struct outbuf_user user;

	struct ready out; /* of `fd`, which loop_fd_mod() asks for changes only */
	int wake;
	struct loop_fd *wake_fd, *fd_fd;
	struct loop_timer *window;

	pthread_mutex_t lock;
	size_t head, len;
	enum look next;
	enum sink sink;
	bool failed;	  /* the sink is gone because of an error, and not only its reader */
	bool short_write; /* somebody waits for writable() */
	u64 stalled_ns;	  /* since when the descriptor takes nothing; 0: it does */

	u8 ring[SIZE]; /* last */
};

/* ---- any thread ---- */

static void append(struct outbuf *o, const u8 *buf, size_t n)
{
	size_t tail = (o->head + o->len) % SIZE;
	size_t first = MIN(n, SIZE - tail);

	memcpy(o->ring + tail, buf, first);
	memcpy(o->ring, buf + first, n - first);
	o->len += n;
}

/* Room for `want` bytes at the price of the oldest ones. */
static void forget(struct outbuf *o, size_t want)
{
	size_t n = MIN(want, o->len);

	if (o->sink == SINK_WRITING || !o->stalled_ns || loop_now_ns() - o->stalled_ns < UNREAD_NS)
		return;
	o->head = (o->head + n) % SIZE;
	o->len -= n;
}

/* Has the loop to be told of what was just added? */
static bool must_wake(struct outbuf *o)
{
	if (o->next == LOOK_WOKEN) {
		o->next = LOOK_WINDOW;
		return true;
	}
	if (o->next == LOOK_WINDOW && o->len >= HALF) {
		o->next = LOOK_SOON;
		return true;
	}
	return false;
}

size_t outbuf_write(struct outbuf *o, const void *buf, size_t len)
{
	bool wake = false;
	size_t n = len;

	if (!len)
		return 0;
	pthread_mutex_lock(&o->lock);
	if (o->sink != SINK_GONE) {
		if ((o->flags & (OUTBUF_LOSSY | OUTBUF_LOGGED)) && len > SIZE - o->len)
			forget(o, len - (SIZE - o->len));
		n = MIN(len, SIZE - o->len);
		append(o, buf, n);
		o->short_write |= n < len;
		wake = must_wake(o);
	}
	pthread_mutex_unlock(&o->lock);
	if (wake)
		eventfd_write(o->wake, 1);
	return n;
}

bool outbuf_idle(struct outbuf *o, bool *failed)
{
	bool idle;

	pthread_mutex_lock(&o->lock);
	idle = !o->len;
	*failed = o->failed;
	pthread_mutex_unlock(&o->lock);
	return idle;
}

/* ---- the loop ---- */

/* Write one contiguous piece: bytes written, 0 (nothing to do), or -errno. */
static ssize_t write_piece(struct outbuf *o)
{
	size_t from, n;
	ssize_t done = 0;

	pthread_mutex_lock(&o->lock);
	from = o->head;
	n = MIN(o->len, SIZE - from);
	if (o->flags & OUTBUF_MAY_BLOCK)
		n = MIN(n, CAREFUL_BYTES);
	if (n)
		o->sink = SINK_WRITING;
	pthread_mutex_unlock(&o->lock);
	if (n) {
		if ((o->flags & OUTBUF_MAY_BLOCK) && !ready_wait(&o->out, 0))
			done = -EAGAIN;
		else if ((done = write(o->fd, o->ring + from, n)) < 0)
			done = -errno;
		else if (done && o->with_messages)
			log_set_mid_line(o->ring[from + (size_t)done - 1] != '\n');
	}
	pthread_mutex_lock(&o->lock);
	if (n)
		o->sink = SINK_IDLE;
	if (done > 0) {
		o->head = (o->head + (size_t)done) % SIZE;
		o->len -= (size_t)done;
		o->stalled_ns = 0;
	}
	if (done == -EAGAIN && !o->stalled_ns)
		o->stalled_ns = loop_now_ns();
	pthread_mutex_unlock(&o->lock);
	return done;
}

static void give_up(struct outbuf *o, int err)
{
	bool unread = err == -EPIPE && o->user.unread;

	if (!unread)
		log_warn("output is lost from here on: %s", strerror(-err));
	pthread_mutex_lock(&o->lock);
	o->sink = SINK_GONE;
	o->failed = !unread;
	o->len = 0;
	pthread_mutex_unlock(&o->lock);
	if (unread)
		o->user.unread(o->user.arg);
}

/* Write what is there; false if the descriptor takes no more now. */
static bool empty(struct outbuf *o)
{
	for (;;) {
		ssize_t n = write_piece(o);

		if (n == -EAGAIN)
			return false;
		if (n == 0)
			return true;
		if (n < 0 && n != -EINTR)
			give_up(o, (int)n);
	}
}

static void look(struct outbuf *o)
{
	bool blocked = !empty(o) && o->fd_fd;
	bool owed;

	if (blocked) /* One event, then silence: a hung-up terminal would report itself for ever. */
		loop_fd_mod(o->fd_fd, EPOLLOUT | EPOLLONESHOT | EPOLLET);
	else
		loop_timer_arm(o->window, WINDOW_NS);

	pthread_mutex_lock(&o->lock);
	o->next = blocked ? LOOK_WRITABLE : LOOK_WINDOW;
	owed = o->short_write && o->len <= HALF;
	if (owed)
		o->short_write = false;
	pthread_mutex_unlock(&o->lock);
	/* Room again: tell who was turned away. */
	if (owed)
		o->user.writable(o->user.arg);
}

static void on_window(void *arg)
{
	struct outbuf *o = arg;
	bool now = false;

	pthread_mutex_lock(&o->lock);
	if (o->next != LOOK_WRITABLE) {
		now = o->len;
		o->next = now ? LOOK_WINDOW : LOOK_WOKEN;
	}
	pthread_mutex_unlock(&o->lock);
	if (now)
		look(o);
}

static void on_wake(void *arg, u32 events)
{
	struct outbuf *o = arg;
	bool now;

	pthread_mutex_lock(&o->lock);
	now = o->next != LOOK_WRITABLE;
	pthread_mutex_unlock(&o->lock);
	if (now)
		look(o);
}

static void on_fd(void *arg, u32 events)
{
	look(arg);
}

void outbuf_flush(struct outbuf *o)
{
	assert(loop_here(o->loop));
	while (!empty(o)) {
		if (o->flags & OUTBUF_LOSSY)
			return;
		if (!ready_wait(&o->out, FLUSH_TIMEOUT_MS)) {
			log_warn("the console does not take the guest's last %zu bytes", o->len);
			return;
		}
	}
}

/* ---- life ---- */

int outbuf_create(struct outbuf **out, struct loop *loop, int fd, u32 flags,
		  const struct outbuf_user *user)
{
	struct outbuf *o = alloc_headed(sizeof(*o), offsetof(struct outbuf, ring));
	int err;

	if (!o)
		return -ENOMEM;
	o->loop = loop;
	o->fd = fd;
	o->flags = flags;
	o->with_messages = fds_same(fd, STDERR_FILENO);
	o->user = *user;
	o->sink = fd < 0 ? SINK_GONE : SINK_IDLE;
	o->out = READY_ALWAYS;
	pthread_mutex_init(&o->lock, NULL);
	o->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = o->wake < 0 ? -errno : 0;
	if (!err)
		err = loop_fd_add(loop, o->wake, EPOLLIN | EPOLLET, on_wake, o, &o->wake_fd);
	if (!err)
		err = loop_timer_add(loop, on_window, o, &o->window);
	if (!err && fd >= 0)
		err = ready_init(&o->out, fd, EPOLLOUT);
	if (!err && fd >= 0) {
		/* EPERM: a regular file, which is always writable. */
		err = loop_fd_add(loop, fd, EPOLLONESHOT | EPOLLET, on_fd, o, &o->fd_fd);
		if (err == -EPERM)
			err = 0;
	}
	if (err) {
		outbuf_destroy(o);
		return err;
	}
	*out = o;
	return 0;
}

void outbuf_destroy(struct outbuf *o)
{
	if (!o)
		return;
	loop_fd_del(o->fd_fd);
	loop_fd_del(o->wake_fd);
	loop_timer_del(o->window);
	ready_fini(&o->out);
	if (o->wake >= 0)
		close(o->wake);
	pthread_mutex_destroy(&o->lock);
	free(o);
}
