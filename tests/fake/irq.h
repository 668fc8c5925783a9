/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An interrupt controller that remembers: lines, edges, messages, doorbells. Any thread. It asserts
 * that what is unbound was bound, and fake_irq_fini() that nothing stays bound.
 */
#ifndef TESTS_FAKE_IRQ_H
#define TESTS_FAKE_IRQ_H

#include <pthread.h>

#include "lkvm/vm/irq.h"

#define FAKE_IRQ_SPIS 256u
#define FAKE_IRQ_ROUTES 64u
#define FAKE_IRQ_EDGES 8u
#define FAKE_IRQ_DOORBELLS 128u

struct fake_irq {
	struct irq irq;
	pthread_mutex_t lock;

	bool level[FAKE_IRQ_SPIS];
	unsigned rises[FAKE_IRQ_SPIS]; /* from low to high */

	unsigned max_routes; /* msi_bind() of more answers -ENOSPC */
	unsigned msi_binds;  /* calls that made or changed a route */
	struct {
		bool used;
		struct msi_msg msg;
		int fd;
	} routes[FAKE_IRQ_ROUTES];

	int edge_err; /* what edge_bind() answers */
	struct {
		bool used;
		u32 spi;
		int fd;
	} edges[FAKE_IRQ_EDGES];

	int level_err; /* what level_bind() answers; one at a time */
	struct {
		bool used;
		u32 spi;
		int fd, resample;
	} bound_level;

	unsigned max_doorbells; /* doorbell_bind() of more answers -ENOSPC */
	bool slow_doorbells;	/* to bind one, or not any more, takes a while, as with KVM */
	struct {
		bool used;
		u64 addr;
		unsigned len;
		s64 match;
		int fd;
	} doorbells[FAKE_IRQ_DOORBELLS];
};

/* An interrupt controller that has nothing bound; release its descriptors. */
void fake_irq_init(struct fake_irq *f, bool has_msi);
void fake_irq_fini(struct fake_irq *f);

/* Messages with this data that were sent since the last call, over all routes of `devid`. */
u64 fake_irq_messages(struct fake_irq *f, u32 devid, u32 data);

/* Edges of `spi` since the last call. */
u64 fake_irq_edges(struct fake_irq *f, u32 spi);

/* How many routes and doorbells are bound. */
unsigned fake_irq_nr_routes(struct fake_irq *f);
unsigned fake_irq_nr_doorbells(struct fake_irq *f);

/* Do what KVM does with a guest write: true if a doorbell took it, else it belongs on the bus. */
bool fake_irq_ring(struct fake_irq *f, u64 addr, unsigned len, u64 val);

#endif
