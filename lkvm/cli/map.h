/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's physical map, as its lkvm told it, and as a picture. Main thread of a command. */
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
	struct map_range *ranges; /* ascending; a window before what lies in it */
	u64 nr_more;		  /* ranges of RAM that are not listed, and what they add up to */
	u64 more[MAP_NR_KINDS];
};

static inline bool map_is_ram(enum map_kind kind)
{
	return kind >= MAP_MEMORY;
}

/* Room for the text of any size. */
#define MAP_SIZE_LEN 24

/* "64 KiB", "34.1 MiB". Returns buf. */
const char *map_size(char buf[MAP_SIZE_LEN], u64 len);

/* Bytes and ranges of a kind. */
u64 map_total(const struct map *m, enum map_kind kind, u64 *nr);

/* The picture, as a file of its own. */
void map_svg(const struct map *m, FILE *f);

#endif
