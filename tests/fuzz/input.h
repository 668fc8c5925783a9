/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the targets share: the entry points of libFuzzer, an input that is read piece by piece, and
 * a check that ends the run.
 */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stdlib.h>

#include "lkvm/base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

struct input {
	const u8 *p;
	size_t left;
};

/* The next bytes as a number: little-endian, zero past the end. */
static inline u64 in(struct input *i, unsigned bytes)
{
	u64 val = 0;

	for (unsigned k = 0; k < bytes && i->left; k++, i->p++, i->left--)
		val |= (u64)*i->p << (8 * k);
	return val;
}

static inline void check(bool ok)
{
	if (!ok)
		abort();
}

#endif
