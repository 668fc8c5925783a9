/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's physical map, as its lkvm has told it, and as a picture. Addresses and lengths are in
 * bytes. Main thread of a command.
 */
#ifndef LKVM_MAP_H
#define LKVM_MAP_H

#include <stdio.h>

#include "lkvm/base/util.h"

/* In the order of the legend. RAM is the last three. */
enum map_kind { MAP_DEVICE, MAP_WINDOW, MAP_MEMORY, MAP_SHARED, MAP_PROTECTED, MAP_NR_KINDS };

struct map_range {
	u64 base, len;
	enum map_kind kind;
	char name[32];
};

struct map {
	char guest[64], backend[32];
	u64 ram_size;
	unsigned nr_loaded;
	struct map_range loaded[3]; /* kernel, initrd, device tree: inside RAM */
	unsigned nr;
	struct map_range *ranges; /* ascending; a window before what lies in it; allocated */
	u64 nr_more;		  /* ranges of RAM that are not listed, and what they add up to */
	u64 more[MAP_NR_KINDS];
};

/* Is it RAM, whoever has it now? */
static inline bool map_is_ram(enum map_kind kind)
{
	return kind >= MAP_MEMORY;
}

/* Room for the text of any size. */
#define MAP_SIZE_LEN 24

/* Write `len` bytes in words to `buf`: "64 KiB", "34.1 MiB". Returns `buf`. */
const char *map_size(char buf[MAP_SIZE_LEN], u64 len);

/*
 * How many bytes of the kind there are, with those that are not listed; *nr: how many ranges of the
 * kind are listed.
 */
u64 map_total(const struct map *m, enum map_kind kind, u64 *nr);

/* Write the picture to `f` as a whole SVG file. The caller looks for errors of `f`. */
void map_svg(const struct map *m, FILE *f);

#endif
