/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What GDB asks about the stub and its threads. For the stub; one thread, as the stub. */
#ifndef LKVM_GDB_QUERY_H
#define LKVM_GDB_QUERY_H

#include "lkvm/gdb/stub.h"

/* The packets q and Q, without their letter, are answered. */
void gdb_query(struct gdb_stub *s, const char *p);
void gdb_set(struct gdb_stub *s, const char *p);

#endif
