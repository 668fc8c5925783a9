/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan of a launch, and its measurement.
 *
 * Thread: main.
 * Trust:  addresses and lengths come from the loader, and are checked again.
 * Spec:   realm-vm.md 0.3 of veraison/cca-realm-measurements (order of RIPAS_FIRST);
 *         [uapi reference 4.4, 4.5]
 */
#include "realm/measure/plan.h"

#include <errno.h>

#include "lkvm/vm/mem.h"
#include "realm/measure/digest.h"

static bool in_ram(const struct plan_conf *c, const struct plan_part *p)
{
	return p->base.a >= c->ram_base.a &&
	       range_within(p->base.a - c->ram_base.a, p->len, c->ram_size);
}

/* The present parts, ascending. -EINVAL: not in RAM, or one over the other. */
static int sort_parts(const struct plan_conf *c, struct plan_part *parts, unsigned *nr)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->nr_parts; i++) {
		unsigned at = n;

		if (!c->parts[i].len)
			continue;
		if (!in_ram(c, &c->parts[i]))
			return -EINVAL;
		for (; at && parts[at - 1].base.a > c->parts[i].base.a; at--)
			parts[at] = parts[at - 1];
		parts[at] = c->parts[i];
		n++;
	}
	for (unsigned i = 1; i < n; i++) {
		if (parts[i - 1].base.a + parts[i - 1].len > parts[i].base.a)
			return -EINVAL;
	}
	*nr = n;
	return 0;
}

static void add(struct plan *p, struct plan_step s)
{
	assert(p->nr < ARRAY_SIZE(p->steps));
	p->steps[p->nr++] = s;
}

/* The pages of those parts, ascending; `unmeasured` says which parts. */
static void add_data(struct plan *p, const struct plan_conf *c, const struct plan_part *parts,
		     unsigned nr, bool unmeasured)
{
	u64 done = 0; /* end of the range before, of either kind */

	for (unsigned i = 0; i < nr; i++) {
		u64 from = MAX(align_down(parts[i].base.a, c->page), done);
		u64 end = align_up(parts[i].base.a + parts[i].len, c->page);

		done = end;
		if (parts[i].unmeasured == unmeasured && from < end)
			add(p, (struct plan_step){
				       .kind = unmeasured ? PLAN_UNMEASURED : PLAN_DATA,
				       .base = gpa(from),
				       .len = end - from,
				       .part = parts[i],
			       });
	}
}

int plan_build(struct plan *out, const struct plan_conf *c)
{
	const struct plan_step ripas = { PLAN_RIPAS, c->ram_base, c->ram_size, { 0 } };
	const struct plan_step recs = { .kind = PLAN_RECS };
	struct plan p = { .entry = c->entry, .dtb = c->dtb, .nr_vcpus = c->nr_vcpus };
	struct plan_part parts[PLAN_MAX_PARTS];
	unsigned nr;
	int err;

	assert(c->nr_parts <= PLAN_MAX_PARTS && is_power_of_2(c->page) && c->page >= RSI_GRANULE);
	err = sort_parts(c, parts, &nr);
	if (err)
		return err;
	add(&p, (struct plan_step){ .kind = PLAN_CREATE });
	if (c->order == PLAN_RIPAS_FIRST) {
		add(&p, ripas);
		add_data(&p, c, parts, nr, false);
		add(&p, recs);
		add_data(&p, c, parts, nr, true);
	} else {
		add_data(&p, c, parts, nr, false);
		add_data(&p, c, parts, nr, true);
		add(&p, recs);
		add(&p, ripas);
	}
	*out = p;
	return 0;
}

/* ---- measurement ---- */

static int measure_data(struct rim *r, const struct plan_step *s, struct mem *m)
{
	const u8 *content = mem_load_ptr(m, s->base, s->len);

	if (!content)
		return -EFAULT;
	for (u64 off = 0; off < s->len; off += RSI_GRANULE)
		rim_data(r, s->base.a + off, s->kind == PLAN_DATA ? content + off : NULL);
	return 0;
}

static void measure_recs(struct rim *r, const struct plan *p)
{
	const u64 gprs[8] = { p->dtb.a };

	for (unsigned i = 0; i < p->nr_vcpus; i++)
		rim_rec(r, i == 0, p->entry.a, gprs);
}

int plan_draft(const struct plan *p, enum rim_rmm rmm, const struct rim_params *params,
	       struct draft *d)
{
	const u64 gprs[8] = { p->dtb.a };
	int err = digest_load();

	for (unsigned i = 0; i < p->nr && !err; i++) {
		const struct plan_step *s = &p->steps[i];

		switch (s->kind) {
		case PLAN_CREATE:
			draft_begin(d, DRAFT_PLANNED, rmm, params);
			break;
		case PLAN_RIPAS:
			draft_init_ripas(d, DRAFT_PLANNED, s->base.a, s->base.a + s->len);
			break;
		case PLAN_DATA:
		case PLAN_UNMEASURED:
			draft_data(d, DRAFT_PLANNED, s->base.a, s->len, s->kind == PLAN_DATA);
			break;
		case PLAN_RECS:
			draft_rec(d, DRAFT_PLANNED, true, p->entry.a, gprs);
			break;
		}
	}
	return err;
}

int plan_measure(const struct plan *p, enum rim_rmm rmm, const struct rim_params *params,
		 struct mem *m, plan_seen_fn seen, void *arg, struct rim *out)
{
	int err = digest_load();

	for (unsigned i = 0; i < p->nr && !err; i++) {
		const struct plan_step *s = &p->steps[i];

		switch (s->kind) {
		case PLAN_CREATE:
			rim_create(out, rmm, params);
			break;
		case PLAN_RIPAS:
			rim_init_ripas(out, s->base.a, s->base.a + s->len);
			break;
		case PLAN_DATA:
		case PLAN_UNMEASURED:
			err = measure_data(out, s, m);
			break;
		case PLAN_RECS:
			measure_recs(out, p);
			break;
		}
		if (!err && seen)
			seen(arg, s, out);
	}
	return err;
}
