/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libslirp, found at run time: lkvm starts, and its other networks work, without it. Any thread.
 */
#ifndef NET_SLIRP_LIB_H
#define NET_SLIRP_LIB_H

#include <libslirp.h>

#include "lkvm/base/util.h"

/* The functions of libslirp that we use. Constant once loaded. */
struct slirp_lib {
	const char *version; /* "4.7.0" */
	Slirp *(*create)(const SlirpConfig *cfg, const SlirpCb *cb, void *opaque);
	void (*cleanup)(Slirp *s);
	void (*input)(Slirp *s, const uint8_t *pkt, int len);
	void (*pollfds_fill)(Slirp *s, uint32_t *timeout_ms, SlirpAddPollCb add, void *opaque);
	void (*pollfds_poll)(Slirp *s, int select_error, SlirpGetREventsCb get, void *opaque);
	void (*handle_timer)(Slirp *s, SlirpTimerId id, void *cb_opaque);
	int (*add_hostxfwd)(Slirp *s, const struct sockaddr *haddr, socklen_t haddrlen,
			    const struct sockaddr *gaddr, socklen_t gaddrlen, int flags);
	int (*remove_hostxfwd)(Slirp *s, const struct sockaddr *haddr, socklen_t haddrlen,
			       int flags);
};

/* Does a libslirp that calls itself `version` have the interface that we need? (4.7, later 4.x) */
bool slirp_version_fits(const char *version);

/* Load the library, which then stays, and fill *lib. 0, or -ENOENT after one log_error() line. */
int slirp_lib_load(struct slirp_lib *lib);

struct slirp_conf;
struct net_hostfwd;

/* What we ask for, in the library's words. */
void slirp_lib_config(SlirpConfig *out, const struct slirp_conf *c);

/* Listen where `f` says, or no more. 0 or -errno. */
int slirp_lib_forward(const struct slirp_lib *lib, Slirp *s, const struct net_hostfwd *f, bool on);

#endif
