/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts the guest's IPv4 fragments together, in a fixed amount of memory, so that libslirp never
 * sees one. One thread.
 */
#ifndef NET_REASM_H
#define NET_REASM_H

#include "lkvm/base/util.h"

struct reasm;

/* Memory is only touched when fragments come. -ENOMEM. */
int reasm_create(struct reasm **out);
void reasm_destroy(struct reasm *r);

/*
 * One fragment: a whole frame with an IPv4 header without options that guard_check() has passed,
 * `now_ns` a clock that does not go back. When it completes its datagram, *frame and *len are set
 * to the whole one (good until the next call) and true is returned; its L4 part is not checked yet.
 */
bool reasm_add(struct reasm *r, const u8 *frag, size_t frag_len, u64 now_ns, u8 **frame,
	       size_t *len);

#endif
