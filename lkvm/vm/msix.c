/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI-X: table, masks, pending bits, the eventfd behind each vector, and those that others write.
 *
 * Thread: msix_fire(), msix_feed() on any; table and capability on vCPU threads. Entries and feeds
 *         are under `lock`, which is held during irq's bind calls and by nobody who waits for a
 *         loop.
 * Trust:  the table is the guest's: a message is passed on, not interpreted; a message that the
 *         host does not take leaves its vector masked.
 * Spec:   PCI Local Bus 3.0 §6.8.2, §6.8.3
 *
 * A vector is *open* when MSI-X is enabled, neither mask is set and its eventfd is bound to the
 * message. Firing an open vector is a load and a write(2). Everything else goes through the lock:
 *
 *	fire, not open		looks again under the lock, then sets the pending bit or writes
 *	opened by the guest	under the lock; sends what is pending
 *	closed by the guest	under the lock
 *
 * So a fire that finds the vector closed and one that opens it agree on who sends: no message is
 * lost and none is sent twice. A fire that found it open just before the guest closed it is a
 * message that was already on its way. The binding outlives a mask, so it goes to where the guest
 * wanted it last.
 *
 * A *feed* is an eventfd that somebody else writes. It is bound while its vector is open, and only
 * then, since nobody here can hold back who writes it. What comes while it is not bound waits in
 * it, until it is bound or until whoever listens to it fires its vector.
 */
#include "lkvm/vm/msix.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/msi.h"

#define CAP_ID_MSIX 0x11
#define CAP_LEN 12
#define CAP_CONTROL 2 /* [PCI 3.0 §6.8.2.3] Message Control */
#define CONTROL_ENABLE 0x8000u
#define CONTROL_MASK 0x4000u

#define PBA_OFF 0x800u
static_assert(MSIX_MAX_VECTORS * MSIX_ENTRY_SIZE <= PBA_OFF,
	      "the table ends before the pending bits");
static_assert(MSIX_MAX_VECTORS <= 64, "pending bits are one quadword");

struct vector {
	_Atomic bool open;     /* written under the lock */
	struct msi_source own; /* what msix_fire() writes */
	u32 words[MSIX_NR_WORDS];
};

struct feed {
	struct msi_source source; /* without an eventfd: there is no such feed */
	unsigned vector;	  /* MSIX_NO_VECTOR: none */
};

struct msix {
	struct pci_func *func;
	u8 cap; /* offset in configuration space */
	unsigned nr;
	_Atomic bool enabled; /* MSI-X Enable; written under the lock */
	pthread_mutex_t lock;
	bool masked; /* Function Mask */
	u64 pending; /* one bit per vector */
	struct vector vectors[MSIX_MAX_VECTORS];
	struct feed feeds[MSIX_MAX_FEEDS];
};

unsigned msix_nr(const struct msix *m)
{
	return m->nr;
}

bool msix_enabled(const struct msix *m)
{
	return m && atomic_load(&m->enabled);
}

static void send(struct vector *v)
{
	eventfd_write(v->own.fd, 1);
}

void msix_fire(struct msix *m, unsigned vector)
{
	struct vector *v = &m->vectors[vector];

	assert(vector < m->nr);
	if (atomic_load_explicit(&v->open, memory_order_acquire)) {
		send(v);
		return;
	}
	pthread_mutex_lock(&m->lock);
	if (atomic_load(&v->open))
		send(v);
	else
		m->pending |= BIT(vector);
	pthread_mutex_unlock(&m->lock);
}

/* ---- opening and closing; under the lock ---- */

static struct msi_msg message(const struct msix *m, const struct vector *v)
{
	return msix_message(v->words, m->func->slot << 3 /* bus 0, function 0 */);
}

static int bind(struct msix *m, struct vector *v)
{
	struct irq *irq = m->func->irq;
	struct msi_msg msg = message(m, v);
	eventfd_t late;

	/*
	 * What was written after the last binding was undone belongs to no message of this one. By
	 * read(2): nobody else has it, and eventfd_take() is a call of guests alone whose devices
	 * others serve.
	 */
	if (v->own.route < 0)
		eventfd_read(v->own.fd, &late);
	return irq->ops->msi_bind(irq, &v->own.route, &msg, v->own.fd);
}

/* The host may have no route left: then whoever listens to the feed goes on doing so. */
static void feed_update(struct msix *m, struct feed *f)
{
	const struct vector *v = f->vector < m->nr ? &m->vectors[f->vector] : NULL;

	if (f->source.fd < 0)
		return;
	if (v && atomic_load(&v->open)) {
		struct msi_msg msg = message(m, v);

		/* What waited goes by the vector's own eventfd, which nobody else has. */
		if (!msi_source_bind(&f->source, m->func->irq, &msg, v->own.fd))
			return;
	}
	msi_source_unbind(&f->source, m->func->irq);
}

static void feeds_update(struct msix *m, unsigned vector)
{
	for (unsigned n = 0; n < MSIX_MAX_FEEDS; n++)
		if (m->feeds[n].vector == vector)
			feed_update(m, &m->feeds[n]);
}

/* Something that `open` depends on has changed. */
static void open_or_close(struct msix *m, unsigned i)
{
	struct vector *v = &m->vectors[i];
	int err;

	if (!m->enabled || m->masked || (v->words[MSIX_CONTROL] & MSIX_VECTOR_MASKED)) {
		atomic_store(&v->open, false);
		return;
	}
	err = bind(m, v);
	if (err) {
		atomic_store(&v->open, false);
		guest_err(m->func->name, "the host cannot send MSI-X vector %u (error %d)", i,
			  -err);
		return;
	}
	atomic_store(&v->open, true);
	if (m->pending & BIT(i)) {
		m->pending &= ~BIT(i);
		send(v);
	}
}

static void vector_update(struct msix *m, unsigned i)
{
	open_or_close(m, i);
	feeds_update(m, i);
}

/* The feeds are not bound: no vector is open. */
static void unbind_all(struct msix *m)
{
	for (unsigned i = 0; i < m->nr; i++)
		msi_source_unbind(&m->vectors[i].own, m->func->irq);
}

/* Message Control was written. */
static void control_written(void *arg, unsigned off, unsigned len)
{
	struct msix *m = arg;
	const u8 *at = &m->func->cfg[m->cap + CAP_CONTROL];
	unsigned control = at[0] | at[1] << 8;
	bool enabled = control & CONTROL_ENABLE;
	bool masked = control & CONTROL_MASK;

	if (enabled == m->enabled && masked == m->masked)
		return;
	pthread_mutex_lock(&m->lock);
	atomic_store(&m->enabled, enabled);
	m->masked = masked;
	for (unsigned i = 0; i < m->nr; i++)
		vector_update(m, i);
	if (!enabled) {
		/* The driver gives up messages it did not wait for; INTx and ISR take over. */
		m->pending = 0;
		unbind_all(m);
	}
	pthread_mutex_unlock(&m->lock);
	/* [PCI 3.0 §6.8.3.3] While MSI-X is enabled INTx must not be used. */
	pci_intx_update(m->func);
}

static const struct pci_cap_ops cap_ops = { .written = control_written };

/* ---- feeds ---- */

void msix_feed(struct msix *m, unsigned n, int fd)
{
	struct feed *f = &m->feeds[n];

	assert(n < MSIX_MAX_FEEDS);
	pthread_mutex_lock(&m->lock);
	msi_source_unbind(&f->source, m->func->irq);
	f->source.fd = fd;
	feed_update(m, f);
	pthread_mutex_unlock(&m->lock);
}

void msix_feed_vector(struct msix *m, unsigned n, unsigned vector)
{
	struct feed *f = &m->feeds[n];

	assert(n < MSIX_MAX_FEEDS);
	pthread_mutex_lock(&m->lock);
	if (f->vector != vector) {
		f->vector = vector;
		feed_update(m, f);
	}
	pthread_mutex_unlock(&m->lock);
}

/* ---- the BAR ---- */

static u32 read_dword(const struct msix *m, u64 off)
{
	if (off < m->nr * MSIX_ENTRY_SIZE)
		return m->vectors[off / MSIX_ENTRY_SIZE].words[off % MSIX_ENTRY_SIZE / 4];
	if (off == PBA_OFF)
		return (u32)m->pending;
	if (off == PBA_OFF + 4)
		return (u32)(m->pending >> 32);
	return 0;
}

u64 msix_read(struct msix *m, u64 off, unsigned len)
{
	u64 val;

	pthread_mutex_lock(&m->lock);
	val = read_dword(m, off);
	if (len == 8)
		val |= (u64)read_dword(m, off + 4) << 32;
	pthread_mutex_unlock(&m->lock);
	return val;
}

void msix_write(struct msix *m, u64 off, unsigned len, u64 val)
{
	unsigned i = (unsigned)(off / MSIX_ENTRY_SIZE);
	unsigned word = off % MSIX_ENTRY_SIZE / 4;

	if (i >= m->nr) /* the pending bits are read-only */
		return;
	pthread_mutex_lock(&m->lock);
	msix_word_write(m->vectors[i].words, word, (u32)val);
	if (len == 8)
		msix_word_write(m->vectors[i].words, word + 1, (u32)(val >> 32));
	vector_update(m, i);
	pthread_mutex_unlock(&m->lock);
}

/* ---- create and destroy ---- */

static void add_cap(struct msix *m, unsigned bar)
{
	unsigned control = m->nr - 1;
	/* clang-format off */
	const u8 body[CAP_LEN] = {
		0, 0, (u8)control, (u8)(control >> 8),
		(u8)bar, 0, 0, 0, /* table: at 0 */
		(u8)(PBA_OFF | bar), PBA_OFF >> 8, 0, 0,
	};
	/* clang-format on */
	const u8 wmask[CAP_LEN] = { 0, 0, 0, (CONTROL_ENABLE | CONTROL_MASK) >> 8 };

	m->cap = pci_cap_add(m->func, CAP_ID_MSIX, body, wmask, CAP_LEN, &cap_ops, m);
}

int msix_create(struct msix **out, struct pci_func *f, unsigned bar, unsigned nr,
		const struct bus_ops *ops)
{
	struct msix *m;

	assert(nr >= 1 && nr <= MSIX_MAX_VECTORS);
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->func = f;
	m->nr = nr;
	pthread_mutex_init(&m->lock, NULL);
	for (unsigned i = 0; i < nr; i++)
		m->vectors[i] = (struct vector){ .own = { -1, -1 },
						 .words[MSIX_CONTROL] = MSIX_VECTOR_MASKED };
	for (unsigned n = 0; n < MSIX_MAX_FEEDS; n++)
		m->feeds[n] = (struct feed){ { -1, -1 }, MSIX_NO_VECTOR };
	for (unsigned i = 0; i < nr; i++) {
		m->vectors[i].own.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (m->vectors[i].own.fd < 0) {
			int err = -errno;

			msix_destroy(m);
			return err;
		}
	}
	pci_bar_add(f, bar, MSIX_BAR_SIZE, 0, BUS_W4 | BUS_W8, ops);
	add_cap(m, bar);
	*out = m;
	return 0;
}

void msix_destroy(struct msix *m)
{
	if (!m)
		return;
	for (unsigned n = 0; n < MSIX_MAX_FEEDS; n++)
		assert(m->feeds[n].source.fd < 0);
	unbind_all(m);
	for (unsigned i = 0; i < m->nr; i++)
		if (m->vectors[i].own.fd >= 0)
			close(m->vectors[i].own.fd);
	pthread_mutex_destroy(&m->lock);
	free(m);
}
