/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Libraries of compressions, found at run time. A library stays loaded.
 *
 * Thread: main.
 * Trust:  the libraries are the distribution's.
 */
#include <dlfcn.h>

#include "arm64/unpack.h"
#include "lkvm/base/log.h"

void *unpack_function(const char *soname, const char *function)
{
	void *dl = dlopen(soname, RTLD_LAZY | RTLD_LOCAL);
	void *fn = dl ? dlsym(dl, function) : NULL;

	if (!fn)
		log_debug("%s", dlerror());
	return fn;
}
