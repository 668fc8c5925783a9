/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory balloon: pages that the guest can do without, given back to the host.
 *
 * Thread: create and destroy before and after the loop runs, queues on the loop. What the host
 *         wants is written under d->lock, on any thread.
 * Trust:  page numbers are the driver's. mem_discard() gives back what is the guest's memory, and
 *         refuses all else, which costs the device. Statistics are numbers to print.
 * Spec:   virtio 1.3 §5.5
 *
 * Inflating: the page numbers of a request are sorted, and neighbours are given back in one piece,
 * as each piece costs a system call and an invalidation in KVM's tables. Deflating takes no work,
 * because whoever touches a page gets a new one.
 *
 * Statistics: the driver's only buffer stays with the device until somebody asks. Giving it back is
 * the question, and the next buffer the answer [§5.5.6.3].
 *
 * Queues: 0 inflates, 1 deflates, 2 has statistics. Free pages are reported in queue 4, or 3 when
 * there is no FREE_PAGE_HINT: so drivers count that leave the gap out, as Linux does. Hinting would
 * only serve a migration, and is not offered; so queue 3 is taken for a second one of reports.
 */
#include "virtio/dev/balloon.h"

#include <errno.h>
#include <stdlib.h>

#include "lkvm/base/le.h"
#include "virtio/dev/kinds.h"

#define F_STATS_VQ BIT(1)
#define F_DEFLATE_ON_OOM BIT(2)
#define F_PAGE_REPORTING BIT(5)

enum { INFLATE, DEFLATE, STATS, REPORTS, REPORTS_GAP, NR_QUEUES };

/* Linux has one request in flight; of reports it wants room for 32 ranges. */
#define QUEUE_SIZE 8u
#define REPORTS_SIZE 32u
#define MAX_IOV 64u

#define PAGE_SHIFT 12u
/*
 * Page numbers of one request: Linux sends 256, Windows 1024. A ring of scattered pages is then
 * 8192 system calls at most before the loop turns to its other fds.
 */
#define MAX_PAGES 1024u

struct balloon_config {
	le32 wanted; /* pages; d->lock */
	le32 actual; /* the driver writes it */
};

/* One statistic, as drivers lay them out without padding. */
struct stat_entry {
	le16 tag;
	le64 value;
} __attribute__((packed));
static_assert(sizeof(struct stat_entry) == 10, "virtio 1.3 §5.5.6.3");

struct balloon {
	struct virtio_device dev;
	struct balloon_config config;
	struct iovec iov[MAX_IOV];
	u32 pages[MAX_PAGES];
	/* Statistics. */
	bool has_buffer; /* the driver's is here */
	bool asked;	 /* ... or will come back with an answer */
	u16 head;
	struct balloon_stats stats;
};

static struct balloon *balloon_of(const struct virtio_device *d)
{
	return container_of(d, struct balloon, dev);
}

/* ---- pages ---- */

/* Shell's sort. The C library's qsort() allocates, and asks the host how much memory there is. */
static void sort(u32 *v, unsigned nr)
{
	for (unsigned gap = nr / 2; gap; gap /= 2) {
		for (unsigned i = gap; i < nr; i++) {
			u32 x = v[i];
			unsigned k = i;

			for (; k >= gap && v[k - gap] > x; k -= gap)
				v[k] = v[k - gap];
			v[k] = x;
		}
	}
}

/* The page numbers of the next request, sorted; their number, 0 (no request) or -errno. */
static int take_pages(struct balloon *b, struct virtqueue *q, struct chain *c)
{
	le32 number;
	struct iov_cur cur;
	unsigned nr = 0;
	int err = chain_take(q, c);

	if (err <= 0)
		return err;
	/* [virtio 1.3 §5.5.6] An array of 32-bit numbers, which the device reads. */
	if (c->nr_write || c->read_len % sizeof(number) || c->read_len > MAX_PAGES * sizeof(number))
		return -EBADMSG;
	cur = chain_reader(c);
	while (iov_read(&cur, &number, sizeof(number)))
		b->pages[nr++] = le32_get(number);
	sort(b->pages, nr);
	return (int)nr;
}

static u64 address(u32 page)
{
	return (u64)page << PAGE_SHIFT;
}

/* Call what() for each run of neighbours. */
static int each_run(struct balloon *b, unsigned nr, int (*what)(struct mem *m, gpa_t g, u64 len))
{
	int err = 0;

	for (unsigned i = 0, end; i < nr && !err; i = end) {
		for (end = i + 1; end < nr && b->pages[end] - b->pages[end - 1] <= 1; end++)
			;
		err = what(b->dev.mem, gpa(address(b->pages[i])),
			   address(b->pages[end - 1]) + BIT(PAGE_SHIFT) - address(b->pages[i]));
	}
	return err;
}

static int is_ram(struct mem *m, gpa_t g, u64 len)
{
	return mem_is_shared(m, g, len) ? 0 : -EFAULT;
}

static int serve_pages(struct virtio_device *d, struct virtqueue *q)
{
	struct balloon *b = balloon_of(d);
	struct chain c = { .iov = b->iov, .max = MAX_IOV };
	int nr = take_pages(b, q, &c), err;

	if (nr <= 0)
		return nr;
	/* All of them first: a request that is wrong changes nothing. */
	err = each_run(b, (unsigned)nr, is_ram);
	if (!err && q->index == INFLATE)
		err = each_run(b, (unsigned)nr, mem_discard);
	if (err)
		return err;
	queue_push(q, c.head, 0);
	return 1;
}

/* [virtio 1.3 §5.5.6.7] The buffers are the free pages, and nobody needs what is in them. */
static int serve_reports(struct virtio_device *d, struct virtqueue *q)
{
	struct balloon *b = balloon_of(d);
	struct chain c = { .iov = b->iov, .max = MAX_IOV };
	int err = chain_take(q, &c);

	if (err <= 0)
		return err;
	if (c.nr_read)
		return -EBADMSG;
	for (unsigned i = 0; i < c.nr_write; i++) {
		err = mem_discard(d->mem, mem_gpa_of(d->mem, c.iov[i].iov_base), c.iov[i].iov_len);
		if (err)
			return err;
	}
	b->stats.reported += c.write_len;
	queue_push(q, c.head, 0);
	return 1;
}

/* ---- statistics ---- */

static int serve_stats(struct virtio_device *d, struct virtqueue *q)
{
	struct balloon *b = balloon_of(d);
	struct chain c = { .iov = b->iov, .max = MAX_IOV };
	struct stat_entry e;
	struct iov_cur cur;
	int err = chain_take(q, &c);

	if (err <= 0)
		return err;
	/* [virtio 1.3 §5.5.6.3] One buffer, and no other before the device has returned it. */
	if (c.nr_write || b->has_buffer)
		return -EBADMSG;
	cur = chain_reader(&c);
	for (unsigned i = 0; i < BALLOON_NR_STATS; i++)
		b->stats.known[i] = false;
	while (iov_read(&cur, &e, sizeof(e)) == sizeof(e)) {
		if (le16_get(e.tag) >= BALLOON_NR_STATS)
			continue;
		b->stats.known[le16_get(e.tag)] = true;
		b->stats.value[le16_get(e.tag)] = le64_get(e.value);
	}
	b->head = c.head;
	b->has_buffer = true;
	b->asked = false;
	return 1;
}

int virtio_balloon_ask(struct virtio_device *d)
{
	struct balloon *b = balloon_of(d);

	if (!virtio_enter(d))
		return -ENODEV;
	if (b->has_buffer) {
		b->has_buffer = false;
		b->asked = true;
		queue_push(&d->queues[STATS], b->head, 0);
		virtio_queue_flush(d, &d->queues[STATS]);
	}
	virtio_leave(d);
	return b->asked ? 0 : -EOPNOTSUPP;
}

bool virtio_balloon_stats(const struct virtio_device *d, struct balloon_stats *out)
{
	const struct balloon *b = balloon_of(d);

	*out = b->stats;
	return !b->asked;
}

/* ---- size ---- */

void virtio_balloon_size(struct virtio_device *d, u64 *wanted, u64 *actual)
{
	struct balloon *b = balloon_of(d);

	pthread_mutex_lock(&d->lock);
	*wanted = address(le32_get(b->config.wanted));
	*actual = address(le32_get(b->config.actual));
	pthread_mutex_unlock(&d->lock);
}

void virtio_balloon_want(struct virtio_device *d, u64 wanted)
{
	struct balloon *b = balloon_of(d);

	pthread_mutex_lock(&d->lock);
	b->config.wanted = le32_of((u32)(wanted >> PAGE_SHIFT));
	virtio_config_changed(d);
	pthread_mutex_unlock(&d->lock);
}

static void balloon_config_written(struct virtio_device *d, u32 off, u32 len)
{
	/* What the driver says that it has given is for people to read. */
}

/* ---- the kind ---- */

static void balloon_kick(struct virtio_device *d, struct virtqueue *q)
{
	static int (*const serve[])(struct virtio_device * d, struct virtqueue * q) = {
		[INFLATE] = serve_pages,   [DEFLATE] = serve_pages,	  [STATS] = serve_stats,
		[REPORTS] = serve_reports, [REPORTS_GAP] = serve_reports,
	};

	virtio_queue_serve(d, q, serve[q->index],
			   "a bad request, or pages that are not the guest's");
}

static int balloon_start(struct virtio_device *d)
{
	return 0;
}

static void balloon_stop(struct virtio_device *d, struct virtqueue *q)
{
	struct balloon *b = balloon_of(d);

	if (!q || q->index == STATS)
		b->has_buffer = b->asked = false;
	/* A driver that goes has its pages. The caller has d->lock, or vCPUs have ended. */
	if (!q)
		b->config.actual = le32_of(0);
}

static void balloon_destroy(struct virtio_device *d)
{
	struct balloon *b = balloon_of(d);

	virtio_fini(&b->dev);
	free(b);
}

static const struct sys_call list[] = {
	CALL(madvise),
	CALL_RARE(fallocate, "pages of a hugetlbfs that are given back"),
};
static const struct calls balloon_calls = CALLS("virtio-balloon", list);

static const struct virtio_type balloon_type = {
	.name = "balloon",
	.id = 5,
	.pci_class = 0x00ff00, /* unclassified */
	.start = balloon_start,
	.kick = balloon_kick,
	.stop = balloon_stop,
	.config_written = balloon_config_written,
	.destroy = balloon_destroy,
};

int virtio_balloon_create(struct virtio_device **out, const struct virtio_env *env)
{
	static const u16 sizes[NR_QUEUES] = { QUEUE_SIZE, QUEUE_SIZE, QUEUE_SIZE, REPORTS_SIZE,
					      REPORTS_SIZE };
	struct balloon *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	err = virtio_init(&b->dev, &balloon_type, env->instance, env->mem, env->loop,
			  F_STATS_VQ | F_DEFLATE_ON_OOM | F_PAGE_REPORTING, sizes,
			  ARRAY_SIZE(sizes));
	if (err) {
		log_errno(err, "virtio-balloon");
		free(b);
		return err;
	}
	b->dev.config = (u8 *)&b->config;
	b->dev.config_len = sizeof(b->config);
	b->dev.config_wr_off = offsetof(struct balloon_config, actual);
	b->dev.config_wr_len = sizeof(b->config.actual);
	b->dev.calls[0] = &balloon_calls;
	*out = &b->dev;
	return 0;
}
