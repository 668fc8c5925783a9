/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An interrupt controller that remembers.
 *
 * Thread: any.
 * Trust:  none needed.
 * Spec:   lkvm/vm/irq.h
 */
#include "tests/fake/irq.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct fake_irq *of_irq(struct irq *i)
{
	return container_of(i, struct fake_irq, irq);
}

static struct fake_irq *lock(struct irq *i)
{
	struct fake_irq *f = of_irq(i);

	pthread_mutex_lock(&f->lock);
	return f;
}

static void unlock(struct fake_irq *f)
{
	pthread_mutex_unlock(&f->lock);
}

static void line(struct irq *i, u32 spi, bool level)
{
	struct fake_irq *f = lock(i);

	assert(spi < FAKE_IRQ_SPIS);
	f->rises[spi] += level && !f->level[spi];
	f->level[spi] = level;
	unlock(f);
}

static int edge_bind(struct irq *i, u32 spi, int fd)
{
	struct fake_irq *f = lock(i);
	int err = f->edge_err;

	for (unsigned n = 0; n < FAKE_IRQ_EDGES && !err; n++) {
		if (f->edges[n].used)
			continue;
		f->edges[n].used = true;
		f->edges[n].spi = spi;
		f->edges[n].fd = fd;
		break;
	}
	unlock(f);
	return err;
}

static void edge_unbind(struct irq *i, u32 spi, int fd)
{
	struct fake_irq *f = lock(i);
	bool found = false;

	for (unsigned n = 0; n < FAKE_IRQ_EDGES; n++) {
		if (!f->edges[n].used || f->edges[n].spi != spi || f->edges[n].fd != fd)
			continue;
		f->edges[n].used = false;
		found = true;
	}
	assert(found);
	unlock(f);
}

static int level_bind(struct irq *i, u32 spi, int fd, int resample)
{
	struct fake_irq *f = lock(i);
	int err = f->level_err;

	if (!err) {
		assert(!f->bound_level.used);
		f->bound_level.used = true;
		f->bound_level.spi = spi;
		f->bound_level.fd = fd;
		f->bound_level.resample = resample;
	}
	unlock(f);
	return err;
}

static void level_unbind(struct irq *i, u32 spi, int fd)
{
	struct fake_irq *f = lock(i);

	assert(f->bound_level.used && f->bound_level.spi == spi && f->bound_level.fd == fd);
	f->bound_level.used = false;
	unlock(f);
}

static unsigned count_routes(const struct fake_irq *f)
{
	unsigned nr = 0;

	for (unsigned n = 0; n < FAKE_IRQ_ROUTES; n++)
		nr += f->routes[n].used;
	return nr;
}

static int msi_bind(struct irq *i, int *route, const struct msi_msg *msg, int fd)
{
	struct fake_irq *f = lock(i);
	int n = *route, err = 0;

	assert(i->has_msi);
	if (n < 0) {
		for (n = 0; f->routes[n].used; n++)
			assert(n + 1 < (int)FAKE_IRQ_ROUTES);
		if (count_routes(f) >= f->max_routes)
			err = -ENOSPC;
	} else {
		assert(f->routes[n].used && f->routes[n].fd == fd);
	}
	if (!err) {
		f->msi_binds += !f->routes[n].used || memcmp(&f->routes[n].msg, msg, sizeof(*msg));
		f->routes[n].used = true;
		f->routes[n].msg = *msg;
		f->routes[n].fd = fd;
		*route = n;
	}
	unlock(f);
	return err;
}

static void msi_unbind(struct irq *i, int *route, int fd)
{
	struct fake_irq *f = lock(i);

	if (*route >= 0) {
		assert(f->routes[*route].used && f->routes[*route].fd == fd);
		f->routes[*route].used = false;
	}
	*route = -1;
	unlock(f);
}

static unsigned count_doorbells(const struct fake_irq *f)
{
	unsigned nr = 0;

	for (unsigned n = 0; n < FAKE_IRQ_DOORBELLS; n++)
		nr += f->doorbells[n].used;
	return nr;
}

static int doorbell_bind(struct irq *i, gpa_t g, unsigned len, s64 match, int fd)
{
	struct fake_irq *f = lock(i);
	int err = count_doorbells(f) < f->max_doorbells ? 0 : -ENOSPC;
	unsigned n = 0;

	if (!err) {
		while (f->doorbells[n].used)
			n++;
		f->doorbells[n].used = true;
		f->doorbells[n].addr = g.a;
		f->doorbells[n].len = len;
		f->doorbells[n].match = match;
		f->doorbells[n].fd = fd;
	}
	unlock(f);
	if (f->slow_doorbells)
		usleep(1);
	return err;
}

static void doorbell_unbind(struct irq *i, gpa_t g, unsigned len, s64 match, int fd)
{
	struct fake_irq *f = lock(i);
	bool found = false;

	for (unsigned n = 0; n < FAKE_IRQ_DOORBELLS; n++) {
		if (!f->doorbells[n].used || f->doorbells[n].addr != g.a ||
		    f->doorbells[n].len != len || f->doorbells[n].match != match ||
		    f->doorbells[n].fd != fd)
			continue;
		f->doorbells[n].used = false;
		found = true;
	}
	assert(found);
	unlock(f);
	if (f->slow_doorbells)
		usleep(1);
}

static const struct irq_ops ops = {
	.line = line,
	.edge_bind = edge_bind,
	.edge_unbind = edge_unbind,
	.level_bind = level_bind,
	.level_unbind = level_unbind,
	.msi_bind = msi_bind,
	.msi_unbind = msi_unbind,
	.doorbell_bind = doorbell_bind,
	.doorbell_unbind = doorbell_unbind,
};

void fake_irq_init(struct fake_irq *f, bool has_msi)
{
	memset(f, 0, sizeof(*f));
	f->irq = (struct irq){ .ops = &ops, .has_msi = has_msi };
	f->max_routes = FAKE_IRQ_ROUTES - 1;
	f->max_doorbells = FAKE_IRQ_DOORBELLS;
	pthread_mutex_init(&f->lock, NULL);
}

void fake_irq_fini(struct fake_irq *f)
{
	assert(!count_routes(f) && !count_doorbells(f));
	for (unsigned n = 0; n < FAKE_IRQ_EDGES; n++)
		assert(!f->edges[n].used);
	assert(!f->bound_level.used);
	pthread_mutex_destroy(&f->lock);
}

static u64 take(int fd)
{
	eventfd_t n = 0;

	return eventfd_read(fd, &n) ? 0 : n;
}

u64 fake_irq_messages(struct fake_irq *f, u32 devid, u32 data)
{
	u64 sum = 0;

	lock(&f->irq);
	for (unsigned n = 0; n < FAKE_IRQ_ROUTES; n++)
		if (f->routes[n].used && f->routes[n].msg.devid == devid &&
		    f->routes[n].msg.data == data)
			sum += take(f->routes[n].fd);
	unlock(f);
	return sum;
}

u64 fake_irq_edges(struct fake_irq *f, u32 spi)
{
	u64 sum = 0;

	lock(&f->irq);
	for (unsigned n = 0; n < FAKE_IRQ_EDGES; n++)
		if (f->edges[n].used && f->edges[n].spi == spi)
			sum += take(f->edges[n].fd);
	unlock(f);
	return sum;
}

unsigned fake_irq_nr_routes(struct fake_irq *f)
{
	unsigned nr;

	lock(&f->irq);
	nr = count_routes(f);
	unlock(f);
	return nr;
}

unsigned fake_irq_nr_doorbells(struct fake_irq *f)
{
	unsigned nr;

	lock(&f->irq);
	nr = count_doorbells(f);
	unlock(f);
	return nr;
}

bool fake_irq_ring(struct fake_irq *f, u64 addr, unsigned len, u64 val)
{
	bool rung = false;

	lock(&f->irq);
	for (unsigned n = 0; n < FAKE_IRQ_DOORBELLS; n++) {
		if (!f->doorbells[n].used || f->doorbells[n].addr != addr)
			continue;
		if (f->doorbells[n].len && f->doorbells[n].len != len)
			continue;
		if (f->doorbells[n].match >= 0 && (u64)f->doorbells[n].match != val)
			continue;
		eventfd_write(f->doorbells[n].fd, 1);
		rung = true;
	}
	unlock(f);
	return rung;
}
