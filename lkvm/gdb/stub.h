/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other end of GDB's "target remote": what it asks of the guest, against a table of functions.
 * Threads are vCPUs: thread 1 is vCPU 0. All stop together. One thread, or under the caller's lock.
 */
#ifndef LKVM_GDB_STUB_H
#define LKVM_GDB_STUB_H

#include "lkvm/gdb/packet.h"
#include "lkvm/gdb/view.h"

/* The numbers of GDB's Z packets. */
enum gdb_point { GDB_SW_BREAK, GDB_HW_BREAK, GDB_WATCH_WRITE, GDB_WATCH_READ, GDB_WATCH_ACCESS };

/* Returns 0 or -errno, unless it is said otherwise. Registers and memory only while all stand. */
struct gdb_target {
	void *arg;
	unsigned nr_cpus;
	int (*regs_get)(void *arg, unsigned cpu, struct view_regs *r);
	int (*regs_set)(void *arg, unsigned cpu, const struct view_regs *r);
	/* As that vCPU sees it; how many bytes there were. */
	u64 (*read)(void *arg, unsigned cpu, u64 va, void *buf, u64 len);
	u64 (*write)(void *arg, unsigned cpu, u64 va, const void *buf, u64 len);
	/* -ENOSPC: there are no more of that kind; -EFAULT: no memory. To set twice is fine. */
	int (*point)(void *arg, unsigned cpu, enum gdb_point kind, u64 va, u64 len, bool set);
	/* Let them run, or vCPU `step` alone for one instruction. gdb_stopped() follows. */
	void (*run)(void *arg);
	void (*step)(void *arg, unsigned cpu);
	void (*halt)(void *arg);
	void (*detach)(void *arg); /* forget all points, and run */
	void (*kill)(void *arg);   /* end the guest */
	void (*send)(void *arg, const char *bytes, unsigned len);
};

struct gdb_stub {
	const struct gdb_target *t;
	bool running, no_acks;
	bool says_swbreak, says_hwbreak; /* GDB understands the reasons of these names */
	unsigned cpu;			 /* that registers and memory are asked of */
	char stopped[64];		 /* why all stand, as "?" is answered */
	struct packet_reader in;
	struct packet_writer out;
};

/* GDB has connected; the guest runs, and is asked to halt. */
void gdb_begin(struct gdb_stub *s, const struct gdb_target *t);

/* Bytes from GDB. */
void gdb_bytes(struct gdb_stub *s, const u8 *bytes, u64 len);

enum gdb_why {
	GDB_HALTED,
	GDB_TRAPPED, /* one instruction is done, or nothing that has a name */
	GDB_MET_SW,  /* a BRK */
	GDB_MET_HW,
	GDB_WATCHED,
};

/*
 * All stand: because of vCPU `cpu`, which has met what `why` says, a watchpoint for `va`. With a
 * reason GDB itself ignores a breakpoint that it has removed before it heard of the stop.
 */
void gdb_stopped(struct gdb_stub *s, unsigned cpu, enum gdb_why why, u64 va);

#endif
