/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device tree of the board, fixed by the options alone: same options, same bytes, on every
 * host. Any thread.
 */
#ifndef ARM64_FDT_H
#define ARM64_FDT_H

#include "arm64/board.h"

struct fdt_conf {
	const struct board_conf *board;
	const struct board_layout *layout; /* of that board */
	const char *bootargs;		   /* complete kernel command line, or NULL: no property */
	u64 initrd_base;
	u64 initrd_len; /* 0: no initrd */
	u64 log_base;
	u64 log_len;	     /* 0: no measurement log */
	bool has_kaslr_seed; /* otherwise no property: nothing random unless asked for */
	u64 kaslr_seed;
};

/*
 * Write the tree to `buf`, which has `size` bytes, and zeros behind the tree, whose totalsize says
 * where it ends. 0; -ENOSPC after one log_error() line: it does not fit (a huge command line).
 */
int fdt_build(void *buf, u32 size, const struct fdt_conf *c);

/*
 * Can a guest on that board use this tree, of which `len` bytes are there? It has to be whole, to
 * put the memory where the board has it and the initrd where the loader has put it. 0, or -EINVAL
 * after one log_error() line that calls the tree `name`.
 */
int fdt_check(const char *name, const void *blob, u32 len, const struct fdt_conf *c);

#endif
