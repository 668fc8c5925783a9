/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Just enough of a device tree reader for payloads: root's children, their properties.
 *
 * Thread: any.
 * Trust:  the VMM's blob; fdt_ok() is what a payload checks about it.
 * Spec:   Devicetree Specification 0.4, chapter 5
 */
#include "guest/guest.h"

#define FDT_MAGIC 0xd00dfeedu

enum { FDT_BEGIN_NODE = 1, FDT_END_NODE = 2, FDT_PROP = 3, FDT_NOP = 4 };

u32 be32(const void *p)
{
	const u8 *b = p;

	return (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3];
}

u64 be64(const void *p)
{
	return (u64)be32(p) << 32 | be32((const u8 *)p + 4);
}

bool fdt_ok(const void *dtb)
{
	return be32(dtb) == FDT_MAGIC;
}

u32 fdt_total_size(const void *dtb)
{
	return be32((const u8 *)dtb + 4);
}

static const u8 *align4(const u8 *p)
{
	return (const u8 *)(((u64)p + 3) & ~(u64)3);
}

/* Past the token at `p`; *depth follows. */
static const u8 *skip(const u8 *p, int *depth)
{
	switch (be32(p)) {
	case FDT_BEGIN_NODE:
		++*depth;
		return align4(p + 4 + strlen((const char *)p + 4) + 1);
	case FDT_END_NODE:
		--*depth;
		return p + 4;
	case FDT_PROP:
		return align4(p + 12 + be32(p + 4));
	default:
		return p + 4;
	}
}

bool fdt_child(const void *dtb, const struct fdt_node *n, unsigned i, struct fdt_node *out)
{
	const u8 *p = n->begin;
	int depth = 0;

	(void)dtb;
	while (depth >= 0) {
		const u8 *next = skip(p, &depth);

		if (be32(p) == FDT_BEGIN_NODE && depth == 1 && i-- == 0) {
			out->name = (const char *)p + 4;
			out->begin = next;
			return true;
		}
		p = next;
	}
	return false;
}

static struct fdt_node fdt_root(const void *dtb)
{
	const u8 *p = (const u8 *)dtb + be32((const u8 *)dtb + 8);
	int depth = 0;

	while (be32(p) != FDT_BEGIN_NODE)
		p += 4;
	return (struct fdt_node){ .begin = skip(p, &depth), .name = "" };
}

bool fdt_find(const void *dtb, const char *name, struct fdt_node *out)
{
	struct fdt_node root = fdt_root(dtb);
	size_t len = strlen(name);

	for (unsigned i = 0; fdt_child(dtb, &root, i, out); i++)
		if (strlen(out->name) >= len && !memcmp(out->name, name, len) &&
		    (out->name[len] == '@' || !out->name[len]))
			return true;
	return false;
}

const void *fdt_prop(const void *dtb, const struct fdt_node *n, const char *name, u32 *len)
{
	const char *strings = (const char *)dtb + be32((const u8 *)dtb + 12);
	const u8 *p = n->begin;
	int depth = 0;

	while (depth >= 0) {
		if (depth == 0 && be32(p) == FDT_PROP && str_equal(strings + be32(p + 8), name)) {
			*len = be32(p + 4);
			return p + 12;
		}
		p = skip(p, &depth);
	}
	return NULL;
}

bool fdt_ram(u64 *base, u64 *end)
{
	struct fdt_node memory;
	const u8 *reg;
	u32 len;

	if (!fdt_find(dtb(), "memory", &memory))
		return false;
	reg = fdt_prop(dtb(), &memory, "reg", &len);
	if (!reg || len < 16)
		return false;
	*base = be64(reg);
	*end = *base + be64(reg + 8);
	return true;
}

bool fdt_cpu(unsigned i, u64 *mpidr)
{
	struct fdt_node cpus, cpu;
	const void *reg;
	u32 len;

	if (!fdt_find(dtb(), "cpus", &cpus) || !fdt_child(dtb(), &cpus, i, &cpu))
		return false;
	reg = fdt_prop(dtb(), &cpu, "reg", &len);
	if (!reg)
		return false;
	*mpidr = len == 8 ? be64(reg) : be32(reg);
	return true;
}

const char *bootargs(void)
{
	struct fdt_node chosen;
	const char *s = NULL;
	u32 len;

	if (fdt_find(dtb(), "chosen", &chosen))
		s = fdt_prop(dtb(), &chosen, "bootargs", &len);
	return s ? s : "";
}
