/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding libcrypto and its functions at run time.
 *
 * Thread: any; dlopen() and OPENSSL_init_crypto() bring their own locks.
 * Trust:  the library is the distribution's.
 */
#include "realm/libcrypto.h"

#include <dlfcn.h>
#include <errno.h>

#include "lkvm/base/log.h"
#include "lkvm/base/util.h"

/* The library that belongs to the headers we were compiled with. */
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define SONAME "libcrypto.so." TEXT(OPENSSL_SHLIB_VERSION)

int libcrypto_load(struct libcrypto *c)
{
#define NAME_AND_PLACE(f) { #f, offsetof(struct libcrypto, f) },
	static const struct {
		const char *name;
		size_t offset;
	} wanted[] = { LIBCRYPTO_FUNCTIONS(NAME_AND_PLACE) };
	/*
	 * It stays loaded: a second dlopen() finds it. Lazy, because we call a few of its thousands
	 * of functions.
	 */
	void *dl = dlopen(SONAME, RTLD_LAZY | RTLD_LOCAL);

	if (!dl) {
		log_debug("%s", dlerror());
		log_error("hashes and attestation tokens need " SONAME
			  ": install OpenSSL's libssl3");
		return -ELIBACC;
	}
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		void *f = dlsym(dl, wanted[i].name);

		if (!f) {
			log_error("hashes and attestation tokens need OpenSSL 3: " SONAME
				  " is without %s",
				  wanted[i].name);
			return -ELIBACC;
		}
		*(void **)((char *)c + wanted[i].offset) = f;
	}
	libcrypto_init(c);
	return 0;
}
