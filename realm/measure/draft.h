/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A measurement that can wait: the steps of a launch are written down, with a copy of the bytes
 * that are measured, and hashed when somebody wants to know, or little by little when nobody is in
 * a hurry. Twice: as the plan says, and as the Realm was built.
 *
 * Main thread while the Realm is built; draft_work() and draft_value() on any.
 */
#ifndef REALM_DRAFT_H
#define REALM_DRAFT_H

#include "realm/measure/rim.h"

struct draft;

enum draft_side { DRAFT_PLANNED, DRAFT_BUILT };

/* NULL: no memory. */
struct draft *draft_create(void);

/* Nobody works on it any more. Takes NULL. */
void draft_destroy(struct draft *d);

/*
 * The steps of one side, in order; see rim.h for what each is. What no Realm has so many of that
 * they do not fit are not the same as planned. digest_load() has succeeded.
 */
void draft_begin(struct draft *d, enum draft_side side, enum rim_rmm rmm,
		 const struct rim_params *p);
void draft_init_ripas(struct draft *d, enum draft_side side, u64 base, u64 top);
void draft_data(struct draft *d, enum draft_side side, u64 ipa, u64 len, bool measured);
void draft_rec(struct draft *d, enum draft_side side, bool runnable, u64 pc, const u64 gprs[8]);

/*
 * Where the bytes of the next measured granule that was built are to be written, RSI_GRANULE of
 * them, in the order of the steps. NULL: no memory.
 */
u8 *draft_granule(struct draft *d);

/* Was it built as planned? From here on nothing is written down any more. */
bool draft_is_as_planned(struct draft *d);

/*
 * Do a part of what is left of the measurement of the Realm as it was built, less than a
 * millisecond of it. False: it is done.
 */
bool draft_work(struct draft *d);

/*
 * The measurement, 64 bytes. Does all that is left to do. Of DRAFT_PLANNED only as long as the
 * Realm as it was built has not been measured: the bytes are gone then.
 */
void draft_value(struct draft *d, enum draft_side side, u8 value[RSI_HASH_MAX]);

#endif
