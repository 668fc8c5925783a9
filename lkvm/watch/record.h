/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens in a run, and when: each event as a line of JSON (--events), and all of it as a
 * report at the end (--report). One thread at a time.
 */
#ifndef LKVM_RECORD_H
#define LKVM_RECORD_H

#include "lkvm/watch/tail.h"
#include "lkvm/watch/verdict.h"

struct record;

/* 0, or -errno after one log_error() line. `conf` and `name` outlive it. */
int record_create(struct record **out, const struct watch_conf *conf, const char *name);
/* Takes NULL. */
void record_destroy(struct record *r);

/*
 * Something has happened now. `key` and `text`, any bytes of a guest, say more about it; NULL: no
 * more is to be said.
 */
void record_event(struct record *r, const char *event, const char *key, const char *text);

/* Step `n` (from 0) is done. */
void record_step(struct record *r, unsigned n);
/* --until was seen. */
void record_until(struct record *r, const char *line);

/*
 * It is over: both files are completed. `tail` is what the guest said last. 0, or -errno after one
 * log_error() line.
 */
int record_end(struct record *r, const struct verdict *v, const struct tail *tail);

#endif
