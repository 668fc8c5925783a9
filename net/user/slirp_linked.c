/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libslirp for programs that are linked with it, which look for nothing at run time.
 *
 * Thread: main.
 * Trust:  nothing.
 */
#include "net/user/slirp_lib.h"

/* GLib's, whose headers are not needed for one function. */
unsigned g_log_set_handler(const char *domain, int levels, glib_log_fn fn, void *data);

int slirp_lib_load(struct slirp_lib *lib)
{
#define SET(member, f) lib->member = f;
	SLIRP_FUNCTIONS(SET)
#undef SET
	slirp_lib_quiet(g_log_set_handler);
	return 0;
}
