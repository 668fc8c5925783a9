/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of a guest that its options and files decide: where everything is, what lies in its
 * memory at the start, and the plan by which it gets there. No KVM, so `lkvm run` and
 * `lkvm measure` share it. Main thread.
 *
 *   launch_board -> (the host's say about CPUs and GIC) -> launch_ram -> launch_load -> use
 */
#ifndef LKVM_LAUNCH_H
#define LKVM_LAUNCH_H

#include "arm64/board.h"
#include "arm64/boot.h"
#include "lkvm/base/progress.h"
#include "lkvm/run/config.h"
#include "realm/measure/plan.h"
#include "realm/realm.h"

struct stop;

struct launch {
	const struct config *c;
	const struct stop *stop; /* a request ends the loading; NULL: there will be none */
	bool realm;		 /* its IPA space has a shared half */
	struct board_conf board;
	struct board_layout layout;
	bool gmem;   /* the memory is the guest_memfd ... */
	int gmem_fd; /* ... which launch_ram() takes over */
	struct mem *mem;
	struct boot_info boot;
	struct plan plan;
	bool has_predicted;
	u8 predicted[RSI_HASH_MAX];
	enum rsi_hash hash; /* of it */
	struct draft *draft;
	struct progress progress;
};

/* All functions: 0, or -errno after one line. `c` stays the caller's. */
int launch_board(struct launch *l, const struct config *c, bool realm);

/* A Realm's space is twice the board's: the upper half is the shared alias of the lower one. */
unsigned launch_ipa_bits(const struct launch *l);

/* The memory, with flags as mem_add_ram() takes them. */
int launch_ram(struct launch *l, u64 flags);

/*
 * Files and device tree into the memory, and the plan: in the order of that kind of host, which
 * populates pages of `page` bytes.
 */
int launch_load(struct launch *l, enum plan_order order, u64 page);

/*
 * For realm_conf.draft, for a backend that measures; belongs to the launch, which writes down what
 * is planned. NULL: no memory.
 */
struct draft *launch_draft(struct launch *l);

/*
 * Predict what a Realm of `ops` will measure if all its vCPUs are like `vcpu_fd`, which has its
 * features. Predicts only if somebody is told: events, or debug lines. Side effect: writes the
 * measurement log into the memory, if the Realm has one.
 */
int launch_predict(struct launch *l, const struct realm_ops *ops, const struct realm_conf *conf,
		   int vcpu_fd);

/*
 * The bytes of a step of the plan into the Realm, which can take minutes. Who waits at a terminal
 * sees how far it is; a stop ends it: -EINTR, without a line.
 */
int launch_populate(struct launch *l, struct realm *r, const struct plan_step *s);

/*
 * Compare what a backend has written down, if it does, with what was planned. -errno after one line
 * when they differ.
 */
int launch_check(struct launch *l);

/* Takes a zeroed and a half-filled one. */
void launch_fini(struct launch *l);

/* The predicted RIM in hexadecimal, in `buf`; NULL: launch_predict() had no reason to predict. */
const char *launch_rim(const struct launch *l, char *buf, size_t size);

#endif
