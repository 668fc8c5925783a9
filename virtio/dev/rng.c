/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entropy device: the host's random(4), straight into the guest's buffers.
 *
 * Also the reference for how a kind of device is written: about a page.
 *
 * Thread: create and destroy before and after the loop runs, everything else on the loop.
 * Trust:  reads nothing from the guest but descriptors; the length of a request is the guest's and
 *         bounds nothing here.
 * Spec:   virtio 1.3 §5.4
 *
 * A limit, if the user wants one, is so many bytes in each period. A period begins with the first
 * request after the last one has ended. When its bytes are gone requests wait in the ring for the
 * next one, and a reset makes neither begin anew.
 *
 * The source is read from a descriptor, which every loop may do anyway: getrandom(2) gives the same
 * bytes, and would be one system call more that a guest's process may make.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "virtio/dev/kinds.h"
#include "virtio/dev/rng_conf.h"

#define RNG_QUEUE_SIZE 8u
#define RNG_MAX_IOV 16u

/*
 * A request may ask for gigabytes; it gets at most this much ([virtio 1.3 §5.4.6.2] the device may
 * use less than the whole buffer), and after a ring's worth of requests the loop turns to its other
 * fds: 128 KiB at some 400 MB/s, a third of a millisecond.
 */
#define RNG_REQUEST_MAX (16 * KiB)

struct rng {
	struct virtio_device dev;
	struct iovec iov[RNG_MAX_IOV];
	struct rng_conf conf;
	int source;
	u64 left;	 /* of this period's bytes; without a limit of no meaning */
	u64 period_ends; /* loop_now_ns() */
	struct loop_timer *next_period;
};

/* How much the next request may be given; 0: nothing before the next period. */
static size_t allowance(struct rng *r)
{
	u64 now;

	if (!r->conf.max_bytes)
		return RNG_REQUEST_MAX;
	now = loop_now_ns();
	if (now >= r->period_ends) {
		r->left = r->conf.max_bytes;
		r->period_ends = now + (u64)r->conf.period_ms * 1000000u;
	}
	if (!r->left)
		loop_timer_arm(r->next_period, r->period_ends - now);
	return (size_t)MIN(r->left, (u64)RNG_REQUEST_MAX);
}

static void on_next_period(void *arg)
{
	struct rng *r = arg;

	virtio_notify(&r->dev, 0);
}

/* Bytes written, at least 1 and at most `max`; or -errno. */
static int rng_fill(const struct rng *r, const struct chain *c, size_t max)
{
	size_t done = 0;

	for (unsigned i = 0; i < c->nr_write && done < max; i++) {
		size_t want = MIN(c->iov[i].iov_len, max - done);
		ssize_t n = read(r->source, c->iov[i].iov_base, want);

		if (n < 0 && !done)
			return -errno;
		if (n > 0)
			done += (size_t)n;
		/* Used bytes are contiguous: a short answer ends the request. */
		if (n != (ssize_t)want)
			break;
	}
	return (int)done;
}

static int rng_serve(struct virtio_device *d, struct virtqueue *q)
{
	struct rng *r = container_of(d, struct rng, dev);
	struct chain c = { .iov = r->iov, .max = RNG_MAX_IOV };
	size_t max = allowance(r);
	int n;

	if (!max)
		return -EAGAIN;
	n = chain_take(q, &c);
	if (n <= 0)
		return n;
	/* [virtio 1.3 §5.4.6.1] The driver must not place device-readable buffers here. */
	n = c.nr_read ? -EBADMSG : rng_fill(r, &c, max);
	if (n < 0)
		return n;
	r->left -= MIN(r->left, (u64)n);
	queue_push(q, c.head, (u32)n);
	return 1;
}

static void rng_kick(struct virtio_device *d, struct virtqueue *q)
{
	virtio_queue_serve(d, q, rng_serve, "bad request");
}

static int rng_start(struct virtio_device *d)
{
	return 0;
}

static void rng_stop(struct virtio_device *d, struct virtqueue *q)
{
	/* Requests never outlive a kick. */
}

static void rng_destroy(struct virtio_device *d)
{
	struct rng *r = container_of(d, struct rng, dev);

	loop_timer_del(r->next_period);
	if (r->source >= 0)
		close(r->source);
	virtio_fini(&r->dev);
	free(r);
}

static const struct sys_call list[] = { CALL(read) };
static const struct calls rng_calls = CALLS("virtio-rng", list);

static const struct virtio_type rng_type = {
	.name = "rng",
	.id = 4,
	.pci_class = 0x00ff00, /* unclassified */
	.start = rng_start,
	.kick = rng_kick,
	.stop = rng_stop,
	.destroy = rng_destroy,
};

/* A descriptor, or -errno. */
static int open_source(void)
{
	u8 first;
	int fd;

	/* Until the host's pool is ready this waits, and a read would not. */
	if (getrandom(&first, sizeof(first), 0) < 0)
		return -errno;
	fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int virtio_rng_create(struct virtio_device **out, const struct virtio_env *env,
		      const struct rng_conf *conf)
{
	static const u16 sizes[] = { RNG_QUEUE_SIZE };
	struct rng *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->conf = *conf;
	r->source = open_source();
	err = MIN(r->source, 0);
	if (!err)
		err = virtio_init(&r->dev, &rng_type, env->instance, env->mem, env->loop, 0, sizes,
				  ARRAY_SIZE(sizes));
	if (!err)
		err = loop_timer_add(env->loop, on_next_period, r, &r->next_period);
	if (err) {
		log_errno(err, "virtio-rng");
		rng_destroy(&r->dev);
		return err;
	}
	r->dev.calls[0] = &rng_calls;
	*out = &r->dev;
	return 0;
}
