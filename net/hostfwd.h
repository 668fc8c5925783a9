/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One forward of a port of the host to the guest: as text, as data, as a socket. Any thread. */
#ifndef NET_HOSTFWD_H
#define NET_HOSTFWD_H

#include <netinet/in.h>

#include "lkvm/base/util.h"

/* What hostfwd_text() needs at most. */
#define HOSTFWD_TEXT (sizeof("tcp:[]:65535-[]:65535") + 2 * INET6_ADDRSTRLEN)

struct net_endpoint {
	union {
		struct in_addr v4;
		struct in6_addr v6; /* all zero beyond v4 */
	};
	u16 port; /* host byte order */
};

struct net_hostfwd {
	bool udp, v6;
	struct net_endpoint host;  /* 0.0.0.0, ::: all of the host's addresses */
	struct net_endpoint guest; /* 0.0.0.0, ::: the address that the guest is given */
};

/*
 * "tcp|udp:[ADDR]:PORT-[ADDR]:PORT", an IPv6 address in brackets. Without an address of the host it
 * is 127.0.0.1, or ::1 where the guest's is IPv6: what is open to others is for the user to say.
 * False: it makes no sense, *f is as it was.
 */
bool hostfwd_parse(struct net_hostfwd *f, const char *text);

/* How such a text looks, for whoever has to be told. */
#define HOSTFWD_FORM "tcp|udp:[ADDR]:PORT-[ADDR]:PORT, with IPv6 addresses in brackets"

/* Back to text that hostfwd_parse() reads; `buf` has HOSTFWD_TEXT bytes. Returns it. */
const char *hostfwd_text(const struct net_hostfwd *f, char *buf);

/*
 * A socket where `f` listens: non-blocking, and bound; of TCP others connect to it from now on, and
 * wait. The caller's, or -errno.
 */
int hostfwd_open(const struct net_hostfwd *f);

/* Is `fd` such a socket, as far as its kind goes? 0 or -EINVAL. */
int hostfwd_check(const struct net_hostfwd *f, int fd);

/* Do both listen at the same place? */
bool hostfwd_same(const struct net_hostfwd *a, const struct net_hostfwd *b);

#endif
