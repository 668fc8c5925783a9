/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything the guest finds in its memory at the start: kernel or firmware, initrd, device tree.
 * Main thread, before mem_seal().
 */
#ifndef LKVM_LOAD_H
#define LKVM_LOAD_H

#include "arm64/board.h"
#include "arm64/boot.h"
#include "lkvm/run/config.h"

/*
 * Load the files into guest memory, build the device tree for this board there (or load the
 * user's), and write it to the file of --dump-dtb, if there is one. *out says where everything is.
 * 0, or -errno after one log_error() line.
 */
int load_all(struct boot_info *out, struct mem *m, const struct config *c,
	     const struct board_conf *board, const struct board_layout *layout);

#endif
