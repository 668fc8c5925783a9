/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The value of --mem: sizes and addresses with units.
 *
 * Thread: any.
 * Trust:  the user's own command line.
 */
#include "lkvm/run/options_mem.h"

#include <errno.h>
#include <string.h>

#include "arm64/memmap.h"
#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"

/*
 * A number and its unit; *p moves behind both. `shift` is what counts without a unit. *has_unit
 * says whether there was one. -EINVAL for no number, -ERANGE past u64.
 */
static int mem_number(const char **p, unsigned shift, bool *has_unit, u64 *out)
{
	static const char units[] = "BKMGTP";
	const char *unit;
	int n = decode_number_prefix(out, UINT64_MAX, NUMBER_C, *p, strlen(*p));
	const char *end = *p + n;

	if (n < 0)
		return n;
	unit = *end ? strchr(units, *end >= 'a' && *end <= 'z' ? *end - 'a' + 'A' : *end) : NULL;
	*has_unit = unit;
	if (unit) {
		shift = 10 * (unsigned)(unit - units);
		end++;
	}
	*p = end;
	if (*out > UINT64_MAX >> shift)
		return -ERANGE;
	*out <<= shift;
	return 0;
}

/* Both numbers of options_mem(). */
static int mem_numbers(const char *s, u64 *size, u64 *base)
{
	const char *addr;
	bool has_unit;
	int err = mem_number(&s, 20, &has_unit, size);

	if (err || !*s)
		return err;
	if (*s++ != '@')
		return -EINVAL;
	if (!*s)
		return -EDESTADDRREQ;
	addr = s;
	err = mem_number(&s, 0, &has_unit, base);
	if (!err && !has_unit && *base < MEMMAP_RAM)
		err = mem_number(&addr, 20, &has_unit, base);
	return !err && *s ? -EINVAL : err;
}

int options_mem(const char *s, u64 *size, u64 *base)
{
	u64 new_size = 0, new_base = *base;
	int err = mem_numbers(s, &new_size, &new_base);

	if (!err && !new_size)
		log_error("Invalid RAM size: a guest needs some (--mem %s)", s);
	else if (err == -ERANGE)
		log_error("Memory too large: --mem %s", s);
	else if (err == -EDESTADDRREQ)
		log_error("Missing memory address: --mem SIZE@ADDRESS, not %s", s);
	else if (err)
		log_error(
			"Invalid memory specifier: --mem wants SIZE[BKMGTP][@ADDRESS[BKMGTP]], not '%s'",
			s);
	if (err || !new_size)
		return -EINVAL;
	*size = new_size;
	*base = new_base;
	return 0;
}
