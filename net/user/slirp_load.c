/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding libslirp and its functions at run time.
 *
 * Thread: main.
 * Trust:  the library is the distribution's.
 */
#include <dlfcn.h>
#include <errno.h>

#include "lkvm/base/log.h"
#include "net/user/slirp_lib.h"

#define SONAME "libslirp.so.0"

static const char *find_all(struct slirp_lib *lib, void *dl)
{
#define NAME_AND_PLACE(member, f) { #f, offsetof(struct slirp_lib, member) },
	static const struct {
		const char *name;
		size_t offset;
	} wanted[] = { SLIRP_FUNCTIONS(NAME_AND_PLACE) };

	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
		void *f = dlsym(dl, wanted[i].name);

		if (!f)
			return wanted[i].name;
		*(void **)((char *)lib + wanted[i].offset) = f;
	}
	return NULL;
}

int slirp_lib_load(struct slirp_lib *lib)
{
	/*
	 * Lazy: a third of the instructions of binding everything. There is no dlclose(), because
	 * GLib cannot be unloaded.
	 */
	void *dl = dlopen(SONAME, RTLD_LAZY | RTLD_LOCAL);
	glib_set_handler_fn set_handler;
	const char *missing;

	if (!dl) {
		log_debug("%s", dlerror());
		log_error(
			"user-mode networking needs libslirp: install libslirp0, or use --network mode=none");
		return -ENOENT;
	}
	missing = find_all(lib, dl);
	if (missing || !slirp_version_fits(lib->version())) {
		log_error("user-mode networking needs libslirp 4.7 or later (4.x): %s is %s%s",
			  SONAME, missing ? "without " : "version ",
			  missing ? missing : lib->version());
		return -ENOENT;
	}
	set_handler = (glib_set_handler_fn)dlsym(dl, "g_log_set_handler");
	if (set_handler)
		slirp_lib_quiet(set_handler);
	return 0;
}
