/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest is built from, step by step, in the order that a Realm is measured in. The machine
 * follows the plan when it launches a guest, and the prediction follows the same plan: so launch
 * and prediction cannot differ in what is loaded, where, and in which order.
 *
 * Pure: the plan depends on its input alone. Main thread.
 *
 * PLAN_RIPAS_FIRST CREATE, RIPAS, DATA ascending, RECS, UNMEASURED (hosts with RMM 1.0)
 * PLAN_RIPAS_LAST CREATE, DATA ascending, UNMEASURED, RECS, RIPAS (hosts of the "RMI" kind, where
 * the last two happen at the first KVM_RUN)
 */
#ifndef REALM_PLAN_H
#define REALM_PLAN_H

#include "lkvm/base/gpa.h"
#include "realm/measure/draft.h"

struct mem;

enum plan_order { PLAN_RIPAS_FIRST, PLAN_RIPAS_LAST };

/* Something that lies in memory when the guest starts. */
struct plan_part {
	const char *name; /* "kernel" */
	const char *file; /* where it comes from, or NULL: made by us */
	gpa_t base;
	u64 len; /* 0: absent */
	bool unmeasured;
	const char *log; /* what the measurement log calls it: "KERNEL" */
};

#define PLAN_MAX_PARTS 8u
#define PLAN_MAX_STEPS (PLAN_MAX_PARTS + 3)

/* What a plan depends on. */
struct plan_conf {
	enum plan_order order;
	u64 page; /* of the host, which populates whole ones: at least 4 KiB */
	gpa_t ram_base;
	u64 ram_size;
	unsigned nr_vcpus;
	gpa_t entry; /* pc of vCPU 0 */
	gpa_t dtb;   /* its x0 */
	struct plan_part parts[PLAN_MAX_PARTS];
	unsigned nr_parts;
};

enum plan_kind {
	PLAN_CREATE,	 /* the descriptor, with the parameters */
	PLAN_RIPAS,	 /* [base, base + len) is the guest's RAM */
	PLAN_DATA,	 /* [base, base + len) has content, which is measured */
	PLAN_UNMEASURED, /* [base, base + len) has content, of which only the place is measured */
	PLAN_RECS,	 /* the vCPUs in order; only the first is runnable */
};

struct plan_step {
	enum plan_kind kind;
	gpa_t base; /* whole pages, for those kinds that have a range */
	u64 len;
	struct plan_part part; /* PLAN_DATA, PLAN_UNMEASURED: what lies in there */
};

struct plan {
	gpa_t entry, dtb;
	unsigned nr_vcpus;
	unsigned nr;
	struct plan_step steps[PLAN_MAX_STEPS];
};

/*
 * Sort the parts and make the steps. Where two parts share a page of the host, the page belongs to
 * the range of the first, and the second range begins behind it. 0; -EINVAL, without a message: a
 * part is not in RAM, or overlaps another.
 */
int plan_build(struct plan *out, const struct plan_conf *c);

/* Called after each step, with the measurement as it is then; both are valid during the call. */
typedef void (*plan_seen_fn)(void *arg, const struct plan_step *s, const struct rim *r);

/*
 * The measurement of a Realm that is built by this plan, from memory that has the parts: before
 * mem_seal(). seen(arg, ...) is called after each step; NULL: nobody is. 0; -EFAULT: the range of a
 * step is not in memory.
 */
int plan_measure(const struct plan *p, enum rim_rmm rmm, const struct rim_params *params,
		 struct mem *m, plan_seen_fn seen, void *arg, struct rim *out);

/*
 * The same steps, for a measurement that can wait: those that are planned. 0, or -errno of
 * digest_load().
 */
int plan_draft(const struct plan *p, enum rim_rmm rmm, const struct rim_params *params,
	       struct draft *d);

#endif
