/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words that the device tree is written with, for fdt.c and fdt_cpu.c only. A tree belongs to
 * one thread.
 */
#ifndef ARM64_FDT_WORDS_H
#define ARM64_FDT_WORDS_H

#include <endian.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "arm64/fdt.h"

#define PHANDLE_GIC 1
#define PHANDLE_MSI 2 /* ITS or GICv2m frame */
#define PHANDLE_PCLK 3
#define PHANDLE_POOL 4

/* First and third cell of an interrupt specifier [arm,gic-v3.yaml]. */
#define IRQ_SPI 0
#define IRQ_PPI 1
#define IRQ_EDGE_RISING 1
#define IRQ_LEVEL_HIGH 4
#define IRQ_LEVEL_LOW 8

/* A tree being written. The first error sticks; later calls do nothing. */
struct tree {
	void *fdt;
	int err;
	const struct fdt_conf *conf;
};

static inline void did(struct tree *t, int err)
{
	if (!t->err)
		t->err = err;
}

static inline void node(struct tree *t, const char *name)
{
	if (!t->err)
		did(t, fdt_begin_node(t->fdt, name));
}

#define NAME_AT_SIZE 64u

/* name@addr; printf() takes ten times as long, and there are twenty of them. */
static inline const char *name_at(char buf[NAME_AT_SIZE], const char *name, u64 addr)
{
	size_t at = NAME_AT_SIZE, len = strlen(name);

	buf[--at] = '\0';
	do
		buf[--at] = "0123456789abcdef"[addr % 16];
	while (addr /= 16);
	buf[--at] = '@';
	assert(len <= at);
	return memcpy(buf + at - len, name, len);
}

static inline void node_at(struct tree *t, const char *name, u64 addr)
{
	char buf[NAME_AT_SIZE];

	node(t, name_at(buf, name, addr));
}

static inline void end(struct tree *t)
{
	if (!t->err)
		did(t, fdt_end_node(t->fdt));
}

static inline void prop(struct tree *t, const char *name, const void *val, size_t len)
{
	if (!t->err)
		did(t, fdt_property(t->fdt, name, val, (int)len));
}

static inline void prop_flag(struct tree *t, const char *name)
{
	prop(t, name, NULL, 0);
}

/* `val` may hold several strings, each ended by NUL; `len` counts all of it. */
#define prop_strings(t, name, val) prop(t, name, val, sizeof(val))

static inline void prop_str(struct tree *t, const char *name, const char *val)
{
	prop(t, name, val, strlen(val) + 1);
}

static inline void prop_cells(struct tree *t, const char *name, const u32 *cells, size_t nr)
{
	void *p;

	if (t->err)
		return;
	did(t, fdt_property_placeholder(t->fdt, name, (int)(nr * sizeof(u32)), &p));
	if (t->err)
		return;
	for (size_t i = 0; i < nr; i++)
		fdt32_st((fdt32_t *)p + i, cells[i]);
}

#define prop_list(t, name, ...)                                                                    \
	prop_cells(t, name, (const u32[]){ __VA_ARGS__ },                                          \
		   sizeof((const u32[]){ __VA_ARGS__ }) / sizeof(u32))

#define hi(x) ((u32)((u64)(x) >> 32))
#define lo(x) ((u32)(x))

/* One range with two address and two size cells. */
static inline void prop_reg(struct tree *t, u64 base, u64 size)
{
	prop_list(t, "reg", hi(base), lo(base), hi(size), lo(size));
}

static inline void prop_u64(struct tree *t, const char *name, u64 val)
{
	prop_list(t, name, hi(val), lo(val));
}

static inline void prop_spi(struct tree *t, u32 spi, u32 trigger)
{
	prop_list(t, "interrupts", IRQ_SPI, spi, trigger);
}

/* A GICv2 PPI says in bits 15:8 which CPUs have it. [arm,gic.yaml] */
static inline u32 ppi_flags(const struct tree *t, u32 trigger)
{
	if (!t->conf->layout->gicc.size)
		return trigger;
	return ((1u << t->conf->board->nr_cpus) - 1) << 8 | trigger;
}

/* ---- nodes about CPUs: fdt_cpu.c ---- */

void fdt_cpus(struct tree *t);
void fdt_psci(struct tree *t);
void fdt_gic(struct tree *t);
void fdt_timer(struct tree *t);
void fdt_pmu(struct tree *t);

#endif
