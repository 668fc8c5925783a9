/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What we say to libslirp and it says to us, however its functions were found.
 *
 * Thread: main.
 * Trust:  the library.
 */
#include "net/user/slirp_lib.h"

#include <stdio.h>

#include "lkvm/base/log.h"
#include "net/user/slirp.h"

bool slirp_version_fits(const char *version)
{
	unsigned major, minor;

	/*
	 * Newer libraries accept the configuration of 4.7; another major number is another
	 * interface.
	 */
	return sscanf(version, "%u.%u", &major, &minor) == 2 && major == 4 && minor >= 7;
}

static void on_glib_message(const char *domain, int level, const char *msg, void *data)
{
	guest_err("libslirp", "%s", msg);
}

void slirp_lib_quiet(glib_set_handler_fn set)
{
	/*
	 * NULL: messages without a domain; libslirp may have been built either way. GLib's own
	 * handler would ask for the number of the process.
	 */
	set("Slirp", GLIB_ALL_LEVELS, on_glib_message, NULL);
	set("GLib", GLIB_ALL_LEVELS, on_glib_message, NULL);
	set(NULL, GLIB_ALL_LEVELS, on_glib_message, NULL);
}

void slirp_lib_config(SlirpConfig *out, const struct slirp_conf *c)
{
	*out = (SlirpConfig){
		.version = 4, /* of 4.7; later libraries take it */
		.restricted = c->restricted,
		.in_enabled = true,
		.disable_host_loopback = !c->host_loopback,
		.vnetwork = c->net,
		.vnetmask = c->mask,
		.vhost = c->host,
		.in6_enabled = c->ipv6,
		.vprefix_addr6 = c->prefix6,
		.vprefix_len = 64,
		.vhost6 = c->prefix6,
		.vnameserver6 = c->prefix6,
		.vdhcp_start = c->guest,
		.vnameserver = c->dns,
		.if_mtu = c->mtu,
		.if_mru = c->mtu,
		.disable_dhcp = true, /* net/user/dhcp.c */
	};
	out->vhost6.s6_addr[15] = 1;
	out->vnameserver6.s6_addr[15] = 3;
}
