/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to a host kernel that makes Realms: calls, most of them wrong ones, and what it says to
 * them. The same questions go to the model and (build/arm64/tests/asks) to a real kernel, whose
 * answers are kept beside the tests [tests/unit/fake/answers-v14.txt]. A guest does a script of
 * fake_ops; on a real host it is asks_guest.S, which is loaded into the first page of RAM.
 */
#ifndef TESTS_FAKE_ASKS_H
#define TESTS_FAKE_ASKS_H

#include "tests/fake/kvm.h"

#define ASKS_PAGE 4096u
#define ASKS_IPA 33u /* bits of a guest's addresses; the last one is the shared half's */

/* The second page of RAM: what asks_guest.S does, one after the other. */
enum asks_step_kind { ASKS_OFF, ASKS_RIPAS, ASKS_READ, ASKS_WRITE };
struct asks_step {
	u64 kind, base, top, ripas;
};

struct asks_host {
	const char *dev;  /* /dev/kvm, or any file for the model */
	unsigned posting; /* 7 or 14: how a Realm is made */
	const u8 *guest;  /* asks_guest.S, NULL: nobody will run it */
	u32 guest_size;
	void (*fresh)(const struct fake_op *ops); /* before each VM: what its guest will do */
	void (*said)(const char *line);		  /* "question: answer" */
};

/* Ask all questions, in order. */
void asks_run(const struct asks_host *h);

#endif
