/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all answers to GDB are made of. For the files of the stub; one thread, as the stub. */
#ifndef LKVM_GDB_ANSWER_H
#define LKVM_GDB_ANSWER_H

#include "lkvm/gdb/stub.h"

/* Close the packet in s->out and send it. */
void gdb_send(struct gdb_stub *s);

/* A packet of this text; of -errno; of that, or "OK" for 0. */
void gdb_answer(struct gdb_stub *s, const char *text);
void gdb_answer_error(struct gdb_stub *s, int err);
void gdb_answer_done(struct gdb_stub *s, int err);

/*
 * The thread that is named at *p, which moves behind it: 1 is vCPU 0; 0 and -1 are any, which is
 * the one asked about last. False: there is no such thread.
 */
bool gdb_thread(const struct gdb_stub *s, const char **p, unsigned *cpu);

/* Whether s begins with `with`; *rest is what is behind it. */
bool gdb_starts(const char *s, const char *with, const char **rest);

#endif
