/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps of a launch and a copy of its bytes, for a measurement that can wait.
 *
 * Thread: see the header; `lock` is for draft_work() and draft_value().
 * Trust:  the copy is of what the host has loaded; the guest never had it.
 *
 * The copy is what makes it right: files change, and a guest's memory does from its first
 * instruction on. It costs a tenth of the hashing, in huge pages where the host has them, and each
 * piece is given back as soon as it has been hashed.
 */
#include "realm/measure/draft.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Of the copy, at a time: a huge page. */
#define PIECE (2 * MiB)

/* What draft_work() hashes at a time, in granules. */
#define WORK 64u

/* A plan has seven [realm/measure/plan.h]. */
#define MAX_STEPS 16u

enum kind { RIPAS, DATA, UNMEASURED, REC };

struct step {
	enum kind kind;
	u64 base, len; /* REC: the first instruction, and nothing */
	u64 gprs[8];
};

struct side {
	struct rim start; /* as the descriptor makes it */
	struct step steps[MAX_STEPS];
	unsigned nr;
	bool overflow;
};

struct draft {
	pthread_mutex_t lock;
	struct side side[2];

	u8 **pieces;
	size_t nr_pieces;
	u64 len; /* of the copy, bytes */

	/* The measurement of DRAFT_BUILT under way. */
	struct rim rim;
	unsigned step;
	u64 off;    /* in the step */
	u64 copied; /* of the copy: what has been hashed */
	bool begun, done;
};

struct draft *draft_create(void)
{
	struct draft *d = calloc(1, sizeof(*d));

	if (d)
		pthread_mutex_init(&d->lock, NULL);
	return d;
}

void draft_destroy(struct draft *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->nr_pieces; i++)
		free(d->pieces[i]);
	free(d->pieces);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* ---- writing down ---- */

void draft_begin(struct draft *d, enum draft_side side, enum rim_rmm rmm,
		 const struct rim_params *p)
{
	rim_create(&d->side[side].start, rmm, p);
}

static struct step *add(struct side *s, enum kind kind, u64 base, u64 len)
{
	struct step *last = s->nr ? &s->steps[s->nr - 1] : NULL;

	/* In how many calls does not matter. */
	if (last && (kind == DATA || kind == UNMEASURED) && last->kind == kind &&
	    last->base + last->len == base) {
		last->len += len;
		return last;
	}
	if (s->nr == MAX_STEPS) {
		s->overflow = true;
		return last;
	}
	s->steps[s->nr] = (struct step){ .kind = kind, .base = base, .len = len };
	return &s->steps[s->nr++];
}

void draft_init_ripas(struct draft *d, enum draft_side side, u64 base, u64 top)
{
	add(&d->side[side], RIPAS, base, top - base);
}

void draft_data(struct draft *d, enum draft_side side, u64 ipa, u64 len, bool measured)
{
	add(&d->side[side], measured ? DATA : UNMEASURED, ipa, len);
}

void draft_rec(struct draft *d, enum draft_side side, bool runnable, u64 pc, const u64 gprs[8])
{
	if (runnable)
		memcpy(add(&d->side[side], REC, pc, 0)->gprs, gprs, 8 * sizeof(*gprs));
}

static bool add_piece(struct draft *d)
{
	u8 **pieces = realloc(d->pieces, (d->nr_pieces + 1) * sizeof(*pieces));

	if (!pieces)
		return false;
	d->pieces = pieces;
	pieces[d->nr_pieces] = aligned_alloc(PIECE, PIECE);
	if (!pieces[d->nr_pieces])
		return false;
	/* Advice. In no core file either: it is a guest's memory. */
	madvise(pieces[d->nr_pieces], PIECE, MADV_HUGEPAGE);
	madvise(pieces[d->nr_pieces], PIECE, MADV_DONTDUMP);
	d->nr_pieces++;
	return true;
}

u8 *draft_granule(struct draft *d)
{
	u64 at = d->len;

	if (at / PIECE == d->nr_pieces && !add_piece(d))
		return NULL;
	d->len += RSI_GRANULE;
	return d->pieces[at / PIECE] + at % PIECE;
}

static bool same_step(const struct step *a, const struct step *b)
{
	return a->kind == b->kind && a->base == b->base && a->len == b->len &&
	       !memcmp(a->gprs, b->gprs, sizeof(a->gprs));
}

bool draft_is_as_planned(struct draft *d)
{
	const struct side *a = &d->side[DRAFT_PLANNED], *b = &d->side[DRAFT_BUILT];
	bool same = a->nr == b->nr && !a->overflow && !b->overflow &&
		    a->start.rmm == b->start.rmm && a->start.hash == b->start.hash &&
		    !memcmp(a->start.value, b->start.value, sizeof(a->start.value));

	for (unsigned i = 0; i < a->nr && same; i++)
		same = same_step(&a->steps[i], &b->steps[i]);
	return same;
}

/* ---- hashing ---- */

/* The next granule of the copy; of a plan that says more than was built, zeros. */
static const u8 *copied(const struct draft *d, u64 at)
{
	static const u8 zeros[RSI_GRANULE];

	return at < d->len ? d->pieces[at / PIECE] + at % PIECE : zeros;
}

/* How many bytes of the step were done from `off`, up to `max`. *at is the place in the copy. */
static u64 measure(const struct draft *d, struct rim *r, const struct step *s, u64 off, u64 max,
		   u64 *at)
{
	u64 n = 0;

	switch (s->kind) {
	case RIPAS:
		rim_init_ripas(r, s->base, s->base + s->len);
		return s->len;
	case REC:
		rim_rec(r, true, s->base, s->gprs);
		return s->len;
	case UNMEASURED:
	case DATA:
		for (; n < s->len - off && n < max; n += RSI_GRANULE) {
			bool measured = s->kind == DATA;

			rim_data(r, s->base + off + n, measured ? copied(d, *at) : NULL);
			*at += measured ? RSI_GRANULE : 0;
		}
	}
	return n;
}

/* Pieces that lie wholly in [from, to), or end there because the copy does. */
static void give_back(struct draft *d, u64 from, u64 to)
{
	u64 end = to == d->len ? d->nr_pieces : to / PIECE;

	for (u64 i = from / PIECE; i < end; i++) {
		free(d->pieces[i]);
		d->pieces[i] = NULL;
	}
}

static void work(struct draft *d)
{
	const struct side *s = &d->side[DRAFT_BUILT];
	u64 from = d->copied;

	if (!d->begun)
		d->rim = s->start;
	d->begun = true;
	if (d->step < s->nr) {
		const struct step *step = &s->steps[d->step];

		d->off += measure(d, &d->rim, step, d->off, WORK * (u64)RSI_GRANULE, &d->copied);
		if (d->off == step->len) {
			d->step++;
			d->off = 0;
		}
	}
	give_back(d, from, d->copied);
	d->done = d->step == s->nr;
}

bool draft_work(struct draft *d)
{
	bool more;

	pthread_mutex_lock(&d->lock);
	if (!d->done)
		work(d);
	more = !d->done;
	pthread_mutex_unlock(&d->lock);
	return more;
}

static void measure_plan(const struct draft *d, u8 value[RSI_HASH_MAX])
{
	const struct side *s = &d->side[DRAFT_PLANNED];
	struct rim r = s->start;
	u64 at = 0;

	for (unsigned i = 0; i < s->nr; i++)
		measure(d, &r, &s->steps[i], 0, UINT64_MAX, &at);
	memcpy(value, r.value, RSI_HASH_MAX);
}

void draft_value(struct draft *d, enum draft_side side, u8 value[RSI_HASH_MAX])
{
	if (side == DRAFT_PLANNED) {
		assert(!d->begun);
		measure_plan(d, value);
		return;
	}
	while (draft_work(d))
		;
	memcpy(value, d->rim.value, RSI_HASH_MAX);
}
