/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Libraries of compressions for programs that are linked with them.
 *
 * Thread: main.
 * Trust:  nothing.
 */
#include <string.h>

#include "arm64/unpack.h"

#define FUNCTIONS(X)                                                                               \
	X(lzma_auto_decoder)                                                                       \
	X(lzma_code)                                                                               \
	X(lzma_end)                                                                                \
	X(LZ4F_createDecompressionContext)                                                         \
	X(LZ4F_decompress)                                                                         \
	X(LZ4F_freeDecompressionContext)                                                           \
	X(LZ4F_isError)                                                                            \
	X(LZ4F_getErrorName)                                                                       \
	X(LZ4_decompress_safe)                                                                     \
	X(BZ2_bzDecompressInit)                                                                    \
	X(BZ2_bzDecompress)                                                                        \
	X(BZ2_bzDecompressEnd)

/* Only their addresses are needed here; unpack_lib.c has the types. */
#define DECLARE(f) void f(void);
FUNCTIONS(DECLARE)

void *unpack_function(const char *soname, const char *function)
{
#define NAME_AND_ADDRESS(f) { #f, f },
	static const struct {
		const char *name;
		void (*address)(void);
	} linked[] = { FUNCTIONS(NAME_AND_ADDRESS) };

	for (unsigned i = 0; i < ARRAY_SIZE(linked); i++) {
		if (!strcmp(linked[i].name, function))
			return (void *)linked[i].address;
	}
	return NULL;
}
