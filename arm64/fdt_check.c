/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device tree of the user's: can a guest on this board start with it?
 *
 * Thread: main, or any: no state.
 * Trust:  the blob may be anything; libfdt checks all of it before a node is looked for.
 * Spec:   Devicetree Specification 0.4, chapter 5.
 */
#include <errno.h>
#include <libfdt.h>

#include "arm64/fdt.h"
#include "lkvm/base/log.h"

/* last_comp_version of the specification; fdt_check_full() crashes on older ones. */
#define OLDEST 16u

static int unusable(const char *name, const char *why)
{
	log_error("--dtb %s: %s", name, why);
	return -EINVAL;
}

/* A number of one cell or two; false: neither. */
static bool number(const void *p, int len, u64 *out)
{
	if (len == 4)
		*out = fdt32_ld(p);
	else if (len == 8)
		*out = fdt64_ld(p);
	return len == 4 || len == 8;
}

/* The first range of /memory is within the board's. */
static bool memory_fits(const void *blob, const struct board_span *ram)
{
	int a = 4 * fdt_address_cells(blob, 0), s = 4 * fdt_size_cells(blob, 0), len;
	const u8 *reg = fdt_getprop(blob, fdt_path_offset(blob, "/memory"), "reg", &len);
	u64 base, size;

	return reg && a > 0 && s > 0 && len >= a + s && number(reg, a, &base) &&
	       number(reg + a, s, &size) && base >= ram->base &&
	       range_within(base - ram->base, size, ram->size);
}

/* There or not, as the loader has it. */
static bool initrd_fits(const void *blob, const struct fdt_conf *c)
{
	int at = fdt_path_offset(blob, "/chosen"), first_len, last_len;
	const void *first = fdt_getprop(blob, at, "linux,initrd-start", &first_len);
	const void *last = fdt_getprop(blob, at, "linux,initrd-end", &last_len);
	u64 from, to;

	if (!c->initrd_len)
		return !first && !last;
	return first && last && number(first, first_len, &from) && number(last, last_len, &to) &&
	       from == c->initrd_base && to == c->initrd_base + c->initrd_len;
}

int fdt_check(const char *name, const void *blob, u32 len, const struct fdt_conf *c)
{
	if (len < sizeof(struct fdt_header) || fdt_check_header(blob))
		return unusable(name, "is no device tree blob");
	if (fdt_version(blob) < OLDEST)
		return unusable(name, "is of an old version of the format: let dtc write it anew");
	if (fdt_check_full(blob, len))
		return unusable(name, "is a damaged device tree blob");
	if (!memory_fits(blob, &c->layout->ram))
		return unusable(name, "has no memory node, or one with other memory than --mem");
	if (initrd_fits(blob, c))
		return 0;
	if (!c->initrd_len)
		return unusable(name, "says where an initrd is, but there is no --initrd");
	log_error("--dtb %s: /chosen does not say that the initrd is at 0x%llx up to 0x%llx", name,
		  (unsigned long long)c->initrd_base,
		  (unsigned long long)(c->initrd_base + c->initrd_len));
	return -EINVAL;
}
