/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The value of --mem. Any thread. */
#ifndef LKVM_OPTIONS_MEM_H
#define LKVM_OPTIONS_MEM_H

#include "lkvm/base/util.h"

/*
 * SIZE[BKMGTP][@ADDR[BKMGTP]], decimal, octal (0...) or hexadecimal (0x...). Without a unit a size
 * counts in MiB. So does an address below 0x80000000, where no RAM can be; a larger one is in
 * bytes: only one of the two readings can be meant. *base stays as it is without an address.
 * -EINVAL after one log_error() line.
 */
int options_mem(const char *s, u64 *size, u64 *base);

#endif
