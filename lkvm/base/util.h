/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small words used in every room: integer names, array sizes, alignment, checked arithmetic. */
#ifndef LKVM_UTIL_H
#define LKVM_UTIL_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define KiB (UINT64_C(1) << 10)
#define MiB (UINT64_C(1) << 20)
#define GiB (UINT64_C(1) << 30)

/*
 * Of a local variable that is written before it is read, large, and on a path that is often taken:
 * the compiler is told to fill all others with zeros.
 */
#if defined(__has_attribute) && __has_attribute(uninitialized)
#define NOT_ZEROED __attribute__((uninitialized))
#else
#define NOT_ZEROED
#endif

/*
 * An object for free(), of which the first `head` bytes are zeros: behind them is a buffer that is
 * read only as far as it was written, and of which most guests never use more than the beginning.
 */
static inline void *alloc_headed(size_t size, size_t head)
{
	void *p = malloc(size);

	if (p)
		memset(p, 0, head);
	return p;
}

/*
 * Behind the `used` characters in `buf` put as much of `text` as fits, and a NUL; how many there
 * are then. For what every start does: printf() takes ten times as long.
 */
static inline size_t text_add(char *buf, size_t size, size_t used, const char *text)
{
	size_t len = strlen(text), room = size - used - 1, n = len < room ? len : room;

	memcpy(buf + used, text, n);
	buf[used + n] = '\0';
	return used + n;
}

/* The same with a number, in decimal. */
static inline size_t text_add_number(char *buf, size_t size, size_t used, u64 number)
{
	char digits[21];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	return text_add(buf, size, used, digits + at);
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (UINT64_C(1) << (n))

/* The object that embeds `ptr` as its member `member`. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define MIN(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) min_a_ = (a);                                                        \
		__typeof__(b) min_b_ = (b);                                                        \
		min_a_ < min_b_ ? min_a_ : min_b_;                                                 \
	})
#define MAX(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) max_a_ = (a);                                                        \
		__typeof__(b) max_b_ = (b);                                                        \
		max_a_ > max_b_ ? max_a_ : max_b_;                                                 \
	})

/*
 * The bits of word `w` of a bitmap that belong to the elements [first, last]; `w` has one of them.
 */
static inline u64 word_mask(u64 w, u64 first, u64 last)
{
	u64 mask = ~UINT64_C(0);

	if (w == first / 64)
		mask &= ~UINT64_C(0) << (first % 64);
	if (w == last / 64)
		mask &= ~UINT64_C(0) >> (63 - last % 64);
	return mask;
}

/* `align` is a power of two. align_up() wraps to 0 past the end of u64: check the input first. */
static inline u64 align_down(u64 x, u64 align)
{
	return x & ~(align - 1);
}

static inline u64 align_up(u64 x, u64 align)
{
	return (x + align - 1) & ~(align - 1);
}

static inline bool is_aligned(u64 x, u64 align)
{
	return (x & (align - 1)) == 0;
}

static inline bool is_power_of_2(u64 x)
{
	return x && !(x & (x - 1));
}

/* True when [off, off + len) lies inside [0, size): no wrap-around for any input. */
static inline bool range_within(u64 off, u64 len, u64 size)
{
	return off <= size && len <= size - off;
}

/* True when the half-open ranges [a, a + a_len) and [b, b + b_len) share a byte; no range wraps. */
static inline bool ranges_overlap(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a_len && b_len && a < b + b_len && b < a + a_len;
}

#endif
