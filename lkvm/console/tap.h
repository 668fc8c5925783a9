/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tap on a console: somebody else reads what the guest prints, and types. Two bounded rings; the
 * guest waits for a reader that is behind, as it waits for a terminal, so nothing is lost and
 * nothing grows.
 *
 * It belongs to who reads (the other side's functions are for lkvm/console/console.c) and outlives
 * the console. Each function takes the tap's lock, for a copy at most, and calls nobody.
 */
#ifndef LKVM_TAP_H
#define LKVM_TAP_H

#include "lkvm/console/inbuf.h"

struct tap;

/* ---- the reader ---- */

/* `wake` is an eventfd that is written to when there is something to read. 0 or -ENOMEM. */
int tap_create(struct tap **out, int wake);
/* No console has it any more. Takes NULL. */
void tap_destroy(struct tap *t);

/*
 * Take what was printed, at most `size` bytes; how many. Until tap_sleep() the reader has to come
 * back by itself, some milliseconds later: nobody wakes it but for a ring that is half full.
 */
size_t tap_take(struct tap *t, void *buf, size_t size);

/* True: there is nothing to take, and the next byte wakes the reader. */
bool tap_sleep(struct tap *t);

/*
 * Type `len` bytes. False: they do not fit behind what the guest has not taken yet, or there is no
 * console; nothing is typed then.
 */
bool tap_type(struct tap *t, const void *buf, size_t len);

/* ---- the console; one thread at a time for tap_room() and tap_put() ---- */

/* `wake`: an eventfd for room after tap_room() was 0, and for what was typed; -1: no console. */
void tap_bind(struct tap *t, int wake);

/*
 * How many bytes tap_put() takes, in one call or several. 0: the eventfd is written to when there
 * are more.
 */
size_t tap_room(struct tap *t);
void tap_put(struct tap *t, const void *buf, size_t len);

/* Move what was typed to `in`, as far as it fits. True: there is room again, and was none. */
bool tap_woken(struct tap *t, struct inbuf *in);

#endif
