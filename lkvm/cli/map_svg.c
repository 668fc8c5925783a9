/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's physical map as a picture: on the left what lies where, on the right all of RAM in
 * cells, with the pages that the guest shares in a colour of their own.
 *
 * Thread: main of a command.
 * Trust:  names come from another lkvm of the user: they are escaped.
 * Spec:   SVG 1.1
 */
#include "lkvm/cli/map.h"

#include <string.h>

#define WIDTH 1160
#define TOP 84
#define MARGIN 32

/* The list. */
#define LIST_WIDTH 440
#define ROW 22
#define MAX_ROWS 200u /* more than the devices and windows that a guest can have */

/* The cells. */
#define GRID_X 620
#define COLUMNS 64u
#define ROWS 32u
#define CELL 7
#define GAP 1
#define STEP (CELL + GAP)
#define CELLS (COLUMNS * ROWS)

static const struct {
	const char *colour, *text;
} legend[] = {
	[MAP_DEVICE] = { "#7a8794", "device" },
	[MAP_WINDOW] = { "#c9d1d9", "window of the PCI bus" },
	[MAP_MEMORY] = { "#4a7ba6", "RAM, open to devices" },
	[MAP_SHARED] = { "#f28e2b", "shared with the host" },
	[MAP_PROTECTED] = { "#27496d", "protected: the guest's own" },
};

#define LOADED_COLOUR "#6f9fd8"
#define UNKNOWN_COLOUR "#eceff2"

/* What of one cell is in which state. */
struct cell {
	u64 bytes[MAP_NR_KINDS];
	bool loaded;
};

struct ram {
	u64 base, end, cell; /* bytes that a cell stands for */
	struct cell cells[CELLS];
};

static void put_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch == '&')
			fputs("&amp;", f);
		else if (ch == '<')
			fputs("&lt;", f);
		else if (ch == '>')
			fputs("&gt;", f);
		else if (ch == '"')
			fputs("&quot;", f);
		else
			putc(ch < 0x20 || ch > 0x7e ? '?' : ch, f);
	}
}

static void text_begin(FILE *f, int x, int y, const char *style)
{
	fprintf(f, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, style);
}

static void text(FILE *f, int x, int y, const char *style, const char *s)
{
	text_begin(f, x, y, style);
	put_text(f, s);
	fputs("</text>\n", f);
}

static void rect(FILE *f, double x, double y, double w, double h, const char *colour)
{
	fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", x,
		y, w, h, colour);
}

/* ---- the list ---- */

/* RAM is one row here, however many pieces it has. */
static void list_row(FILE *f, int y, u64 base, u64 len, enum map_kind kind, bool inside,
		     const char *name)
{
	int x = MARGIN + (inside ? 20 : 0);
	char buf[80], size[MAP_SIZE_LEN];
	u64 last = base + (len - 1);

	fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"3\" fill=\"%s\"/>\n", x,
		y, LIST_WIDTH - 190 - (inside ? 20 : 0), ROW - 4, legend[kind].colour);
	snprintf(buf, sizeof(buf), "%s, %s", name, map_size(size, len));
	text(f, x + 8, y + 13, kind == MAP_WINDOW ? "dark" : "light", buf);
	snprintf(buf, sizeof(buf), "0x%08llx - 0x%08llx", (unsigned long long)base,
		 (unsigned long long)last);
	text(f, MARGIN + LIST_WIDTH - 180, y + 13, "mono", buf);
}

/* How many draw_list() draws: what is no RAM, and a row for that. */
static unsigned nr_rows(const struct map *m)
{
	unsigned rows = 0;

	for (unsigned i = 0; i < m->nr; i++)
		rows += !map_is_ram(m->ranges[i].kind);
	return MIN(rows, MAX_ROWS) + 1;
}

/* Returns where it ends. */
static int draw_list(FILE *f, const struct map *m, const struct ram *ram)
{
	u64 window_end = 0;
	unsigned rows = 0;
	int y = TOP;

	for (unsigned i = 0; i < m->nr && rows < MAX_ROWS; i++) {
		const struct map_range *r = &m->ranges[i];

		if (map_is_ram(r->kind))
			continue;
		list_row(f, y, r->base, r->len, r->kind, r->base < window_end, r->name);
		if (r->kind == MAP_WINDOW)
			window_end = r->base + r->len;
		y += ROW;
		rows++;
	}
	if (ram->end > ram->base) {
		bool open = m->nr && m->ranges[m->nr - 1].kind == MAP_MEMORY;

		list_row(f, y, ram->base, ram->end - ram->base, open ? MAP_MEMORY : MAP_PROTECTED,
			 false, "RAM");
		y += ROW;
	}
	return y;
}

/* ---- the cells ---- */

static void fill_cells(struct ram *ram, const struct map_range *r, bool loaded)
{
	u64 at = r->base, end = r->base + r->len;

	while (at < end && at >= ram->base && at < ram->end) {
		u64 i = MIN((at - ram->base) / ram->cell, (u64)CELLS - 1);
		u64 next = MIN(end, ram->base + (i + 1) * ram->cell);

		if (i == CELLS - 1)
			next = end;
		if (loaded)
			ram->cells[i].loaded = true;
		else
			ram->cells[i].bytes[r->kind] += next - at;
		at = next;
	}
}

static void ram_init(struct ram *ram, const struct map *m)
{
	memset(ram, 0, sizeof(*ram));
	ram->base = UINT64_MAX;
	for (unsigned i = 0; i < m->nr; i++) {
		const struct map_range *r = &m->ranges[i];

		if (!map_is_ram(r->kind))
			continue;
		ram->base = MIN(ram->base, r->base);
		ram->end = MAX(ram->end, r->base + r->len);
	}
	ram->base = MIN(ram->base, ram->end);
	/* What is not listed is RAM all the same. */
	if (m->nr_more)
		ram->end = MAX(ram->end, ram->base + m->ram_size);
	/* A power of two, so that the addresses of rows are round. */
	for (ram->cell = 4096; ram->cell < (ram->end - ram->base + CELLS - 1) / CELLS;)
		ram->cell *= 2;
	for (unsigned i = 0; i < m->nr; i++) {
		if (map_is_ram(m->ranges[i].kind))
			fill_cells(ram, &m->ranges[i], false);
	}
	for (unsigned i = 0; i < m->nr_loaded; i++)
		fill_cells(ram, &m->loaded[i], true);
}

/* The colour of most of it, and from below as much of the shared colour as is shared. */
static void draw_cell(FILE *f, const struct cell *c, int x, int y)
{
	u64 own = c->bytes[MAP_PROTECTED] + c->bytes[MAP_MEMORY], all = own + c->bytes[MAP_SHARED];
	const char *colour = !all		       ? UNKNOWN_COLOUR
			     : c->loaded	       ? LOADED_COLOUR
			     : c->bytes[MAP_PROTECTED] ? legend[MAP_PROTECTED].colour
						       : legend[MAP_MEMORY].colour;
	double part;

	if (own || !all)
		rect(f, x, y, CELL, CELL, colour);
	if (!c->bytes[MAP_SHARED])
		return;
	/* A single page of a large cell must be seen. */
	part = MAX(2.0, CELL * (double)c->bytes[MAP_SHARED] / (double)all);
	rect(f, x, y + CELL - part, CELL, part, legend[MAP_SHARED].colour);
}

static int draw_grid(FILE *f, const struct ram *ram)
{
	u64 nr = (ram->end - ram->base + ram->cell - 1) / ram->cell;
	char buf[80], size[MAP_SIZE_LEN];
	unsigned row = 0;

	for (u64 i = 0; i < MIN(nr, (u64)CELLS); i++) {
		u64 base = ram->base + i * ram->cell;

		row = (unsigned)i / COLUMNS;
		if (i % COLUMNS == 0 && row % 4 == 0) {
			snprintf(buf, sizeof(buf), "0x%08llx", (unsigned long long)base);
			text_begin(f, GRID_X - 10, TOP + (int)row * STEP + 7, "mono end");
			put_text(f, buf);
			fputs("</text>\n", f);
		}
		draw_cell(f, &ram->cells[i], GRID_X + (int)(i % COLUMNS) * STEP,
			  TOP + (int)row * STEP);
	}
	snprintf(buf, sizeof(buf), "one square is %s of RAM", map_size(size, ram->cell));
	text(f, GRID_X, TOP + ((int)row + 1) * STEP + 14, "small", buf);
	return TOP + ((int)row + 1) * STEP + 24;
}

/* ---- legend ---- */

static int legend_row(FILE *f, int y, const char *colour, const char *what, const char *sum)
{
	rect(f, GRID_X, y, 14, 14, colour);
	text(f, GRID_X + 24, y + 12, "plain", what);
	text(f, GRID_X + 260, y + 12, "plain", sum);
	return y + ROW;
}

static int draw_legend(FILE *f, const struct map *m, int y)
{
	char buf[80], size[MAP_SIZE_LEN];
	u64 nr, sum;

	for (int k = MAP_PROTECTED; k >= MAP_DEVICE; k--) {
		sum = map_total(m, (enum map_kind)k, &nr);
		if (!sum)
			continue;
		snprintf(buf, sizeof(buf), "%s in %llu range%s", map_size(size, sum),
			 (unsigned long long)nr, nr == 1 ? "" : "s");
		y = legend_row(f, y, legend[k].colour, legend[k].text, buf);
	}
	for (unsigned i = 0; i < m->nr_loaded; i++) {
		snprintf(buf, sizeof(buf), "0x%08llx, %s", (unsigned long long)m->loaded[i].base,
			 map_size(size, m->loaded[i].len));
		y = legend_row(f, y, LOADED_COLOUR, m->loaded[i].name, buf);
	}
	if (m->nr_more)
		y = legend_row(f, y, UNKNOWN_COLOUR, "in more pieces than are listed", "");
	return y;
}

void map_svg(const struct map *m, FILE *f)
{
	/* Fits the list and the fullest grid; what is below the legend stays blank. */
	const int height = TOP + MAX((int)(nr_rows(m) + 1) * ROW, (int)ROWS * STEP + 9 * ROW);
	struct ram ram;
	char size[MAP_SIZE_LEN];

	ram_init(&ram, m);
	fprintf(f,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\">\n"
		"<style>text{font-family:sans-serif;fill:#24292f}.title{font-size:20px;"
		"font-weight:bold}.small{font-size:12px;fill:#57606a}.plain{font-size:13px}"
		".light{font-size:12px;fill:#ffffff}.dark{font-size:12px}"
		".mono{font-family:monospace;font-size:11px;fill:#57606a}.end{text-anchor:end}"
		"</style>\n",
		WIDTH, height, WIDTH, height);
	rect(f, 0, 0, WIDTH, height, "#ffffff");
	text_begin(f, MARGIN, 40, "title");
	fputs("Guest ", f);
	put_text(f, m->guest);
	fprintf(f, " (");
	put_text(f, m->backend);
	fprintf(f, "), %s of RAM</text>\n", map_size(size, m->ram_size));
	text(f, MARGIN, TOP - 16, "small", "Guest physical addresses, not to scale");
	text(f, GRID_X, TOP - 16, "small", "RAM, and what of it the guest shares");
	draw_list(f, m, &ram);
	draw_legend(f, m, draw_grid(f, &ram) + 8);
	fputs("</svg>\n", f);
}
