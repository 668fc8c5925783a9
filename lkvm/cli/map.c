/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What text and picture of a guest's map have in common: sums, and sizes in words.
 *
 * Thread: main of a command.
 * Trust:  numbers come from another lkvm of the user; any of them can be shown.
 */
#include "lkvm/cli/map.h"

const char *map_size(char buf[MAP_SIZE_LEN], u64 len)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned u = 0;
	u64 unit = 1;

	while (u + 1 < ARRAY_SIZE(units) && len >= unit * 1024) {
		unit *= 1024;
		u++;
	}
	if (len % unit)
		snprintf(buf, MAP_SIZE_LEN, "%.1f %s", (double)len / (double)unit, units[u]);
	else
		snprintf(buf, MAP_SIZE_LEN, "%llu %s", (unsigned long long)(len / unit), units[u]);
	return buf;
}

u64 map_total(const struct map *m, enum map_kind kind, u64 *nr)
{
	u64 sum = m->more[kind];

	*nr = 0;
	for (unsigned i = 0; i < m->nr; i++) {
		if (m->ranges[i].kind == kind) {
			sum += m->ranges[i].len;
			++*nr;
		}
	}
	return sum;
}
