/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * realm/libcrypto.h for programs that are linked with libcrypto: a static one cannot look for
 * it at run time.
 *
 * Thread: any; OPENSSL_init_crypto() brings its own locks.
 * Trust:  nothing.
 */
#include "realm/libcrypto.h"

#ifdef LKVM_LINKED
#include "lkvm/base/relocate.h"
#else
static inline void relocate_late(void)
{
}
#endif

int libcrypto_load(struct libcrypto *c)
{
	relocate_late();
#define LIBCRYPTO_SET(f) c->f = f;
	LIBCRYPTO_FUNCTIONS(LIBCRYPTO_SET)
#undef LIBCRYPTO_SET
	libcrypto_init(c);
	return 0;
}
