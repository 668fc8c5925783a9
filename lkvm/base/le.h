/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Little-endian integers as they lie in guest memory and on disk. They are structs, so that using
 * one without converting it does not compile. Any thread; the values are copies: what a guest can
 * still write to is copied first.
 */
#ifndef LKVM_LE_H
#define LKVM_LE_H

#include <endian.h>

#include "lkvm/base/util.h"

typedef struct {
	u16 raw;
} le16;
typedef struct {
	u32 raw;
} le32;
typedef struct {
	u64 raw;
} le64;

static inline u16 le16_get(le16 v)
{
	return le16toh(v.raw);
}

static inline u32 le32_get(le32 v)
{
	return le32toh(v.raw);
}

static inline u64 le64_get(le64 v)
{
	return le64toh(v.raw);
}

static inline le16 le16_of(u16 v)
{
	return (le16){ htole16(v) };
}

static inline le32 le32_of(u32 v)
{
	return (le32){ htole32(v) };
}

static inline le64 le64_of(u64 v)
{
	return (le64){ htole64(v) };
}

#endif
