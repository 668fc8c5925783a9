/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MMIO dispatch: sorted ranges of guest physical addresses, each owned by a device. The bus checks
 * that the access lies inside the range, has a width the device knows and is naturally aligned, and
 * takes the device's lock around the handler: handlers take values, never bytes, and never lock.
 *
 * Threads: bus_access() on any vCPU thread; add/remove on any thread, also from inside a handler
 * (a BAR that moves). A handler may still be running, or be called once more, just after its range
 * was removed by another thread: devices live as long as vCPUs run.
 */
#ifndef LKVM_BUS_H
#define LKVM_BUS_H

#include <pthread.h>

#include "lkvm/base/gpa.h"

struct bus;

struct bus_ops {
	/* `off` is inside the range, `len` is 1, 2, 4 or 8 and allowed by widths. */
	u64 (*read)(void *dev, u64 off, unsigned len);
	void (*write)(void *dev, u64 off, unsigned len, u64 val);
};

/* Mask of permitted access widths: the widths themselves or-ed. */
#define BUS_W1 1u
#define BUS_W2 2u
#define BUS_W4 4u
#define BUS_W8 8u
#define BUS_W_ALL 15u

struct bus_range {
	gpa_t base;
	u64 len;
	unsigned widths;
	const struct bus_ops *ops;
	void *dev;
	pthread_mutex_t *lock; /* the device's; may be shared by several ranges of a device */
	const char *name;      /* for messages; static */
};

enum bus_result {
	BUS_OK,
	BUS_UNMAPPED, /* nothing there: the caller gives the architected answer */
	BUS_BAD, /* a device is there but does not take this access: reads ones, writes ignored */
};

/* 0 or -ENOMEM. */
int bus_create(struct bus **out);
/* No vCPU runs. Takes NULL. */
void bus_destroy(struct bus *b);

/*
 * The range is copied. 0, or -EEXIST when it overlaps another, -EINVAL when empty or wrapping,
 * -ENOMEM.
 */
int bus_add(struct bus *b, const struct bus_range *r);

/*
 * What a bridge forwards to where nothing is: reads are all ones, writes have no effect. Ranges are
 * added over it. At most BUS_MAX_WINDOWS, before vCPUs run; they stay.
 */
#define BUS_MAX_WINDOWS 2u
void bus_add_window(struct bus *b, gpa_t base, u64 len);

/* Calls fn() for each range, ascending; it must not call the bus. Any thread. */
void bus_each(struct bus *b, void (*fn)(void *arg, const struct bus_range *r), void *arg);

/* Remove the range that starts at `base` and belongs to `dev`; -ENOENT. */
int bus_remove(struct bus *b, gpa_t base, void *dev);

/*
 * An access of `len` bytes at `g`. *val: the value to write, or the value read (zero-extended; all
 * ones for BUS_BAD). On a vCPU thread, without the device's lock, which is taken here.
 */
enum bus_result bus_access(struct bus *b, gpa_t g, unsigned len, bool is_write, u64 *val);

/*
 * The same for a thread whose accesses often hit the range that its last one did, or the hole
 * between two: that is in *near, which begins as zeros and belongs to the thread.
 */
struct bus_near {
	u64 changes;		/* the bus's number of changes when it was looked up */
	struct bus_range range; /* without ops: a hole */
};
enum bus_result bus_access_near(struct bus *b, struct bus_near *near, gpa_t g, unsigned len,
				bool is_write, u64 *val);

/* The name of what is at `g`; NULL: nothing is. Any thread. */
const char *bus_name(struct bus *b, gpa_t g);

#endif
