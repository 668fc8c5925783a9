/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libslirp, found at run time (slirp_load.c): lkvm starts, and its other networks work, without it.
 * A program that has to run where there are no libraries is linked with it (slirp_linked.c). Any
 * thread.
 */
#ifndef NET_SLIRP_LIB_H
#define NET_SLIRP_LIB_H

#include <libslirp.h>

#include "lkvm/base/util.h"

/* The functions of libslirp that we use: what we call them, and what it does. */
#define SLIRP_FUNCTIONS(X)                                                                         \
	X(version, slirp_version_string)                                                           \
	X(create, slirp_new)                                                                       \
	X(cleanup, slirp_cleanup)                                                                  \
	X(input, slirp_input)                                                                      \
	X(pollfds_fill, slirp_pollfds_fill)                                                        \
	X(pollfds_poll, slirp_pollfds_poll)                                                        \
	X(handle_timer, slirp_handle_timer)

/* Constant once loaded. */
struct slirp_lib {
#define SLIRP_MEMBER(member, f) __typeof__(&f) member;
	SLIRP_FUNCTIONS(SLIRP_MEMBER)
#undef SLIRP_MEMBER
};

/* Does a libslirp that calls itself `version` have the interface that we need? (4.7, later 4.x) */
bool slirp_version_fits(const char *version);

/*
 * GLib, below libslirp, complains on stderr, and the guest can make it complain as often as it
 * likes. The types are those of g_log_set_handler() in GLib's stable interface.
 */
typedef void (*glib_log_fn)(const char *domain, int level, const char *msg, void *data);
typedef unsigned (*glib_set_handler_fn)(const char *domain, int levels, glib_log_fn fn, void *data);
#define GLIB_ALL_LEVELS 0xff

/* From now on GLib complains to our log, which is limited. */
void slirp_lib_quiet(glib_set_handler_fn set);

/* Load the library, which then stays, and fill *lib. 0, or -ENOENT after one log_error() line. */
int slirp_lib_load(struct slirp_lib *lib);

struct slirp_conf;

/* What we ask for, in the library's words. */
void slirp_lib_config(SlirpConfig *out, const struct slirp_conf *c);

#endif
