/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --dtb: a device tree from anywhere is taken or refused with one line, and what is taken is whole,
 * with its memory where the board has it.
 *
 * Thread: one.
 * Trust:  the input is the file.
 * Spec:   Devicetree Specification 0.4; arm64/fdt.h
 *
 * Input: a byte (bit 0: there is an initrd), then the file; or, with bit 1, what is written over a
 * good tree: an offset of 2 bytes and a byte each.
 */
#include <stdlib.h>
#include <string.h>

#include "arm64/fdt.h"
#include "arm64/memmap.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/said.h"

#define SIZE 65536u

static const struct board_conf board = {
	.pl031 = true, .nr_cpus = 2, .ram_base = MEMMAP_RAM, .ram_size = 64 * MiB
};
static u8 good[2][SIZE]; /* without and with an initrd */
static struct board_layout layout;

static struct fdt_conf conf(bool initrd)
{
	return (struct fdt_conf){ .board = &board,
				  .layout = &layout,
				  .bootargs = "quiet",
				  .initrd_base = MEMMAP_RAM + 16 * MiB,
				  .initrd_len = initrd ? 5000 : 0 };
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	check(!board_layout(&layout, &board));
	for (unsigned i = 0; i < 2; i++) {
		struct fdt_conf c = conf(i);

		check(!fdt_build(good[i], SIZE, &c) && !fdt_check("good", good[i], SIZE, &c));
	}
	return 0;
}

/* A copy of just its size, so that the sanitizer sees the end. */
static void try(const void *tree, size_t len, const struct fdt_conf *c)
{
	void *copy = malloc(len ? len : 1);
	int err;

	memcpy(copy, tree, len);
	errors = 0;
	err = fdt_check("x.dtb", copy, (u32)len, c);
	check(errors == (err != 0));
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static u8 tree[SIZE];
	struct input i = { data, len };
	u64 how = in(&i, 1);
	struct fdt_conf c = conf(how & 1);

	if (!(how & 2)) {
		try(i.p, MIN(i.left, (size_t)SIZE), &c);
		return 0;
	}
	memcpy(tree, good[how & 1], SIZE);
	while (i.left) {
		u64 at = in(&i, 2);

		/* The tree is a few KiB long, and zeros behind it. */
		tree[at % 8192] = (u8)in(&i, 1);
	}
	try(tree, SIZE, &c);
	return 0;
}
