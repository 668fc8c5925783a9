/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forwards as text, and their sockets.
 *
 * Thread: any.
 * Trust:  the user's command line, or a request of one of the user's processes.
 */
#include "net/hostfwd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/base/encode.h"

#define BACKLOG 128

/* The family is known by the brackets; an empty address has none. */
enum family { NO_ADDR, V4, V6 };

/* "[ADDR]:PORT" up to `end`. An empty address is all zero. */
static bool parse_endpoint(struct net_endpoint *e, enum family *family, const char *s,
			   const char *end)
{
	char addr[INET6_ADDRSTRLEN] = "";
	bool v6 = s < end && *s == '[';
	const char *colon = v6 ? memchr(s, ']', (size_t)(end - s)) : NULL, *from = s + v6;
	size_t len;
	u64 port;

	colon = v6 ? (colon ? colon + 1 : NULL) : memchr(s, ':', (size_t)(end - s));
	if (!colon || colon >= end || *colon != ':' ||
	    decode_number(&port, 65535, NUMBER_DEC, colon + 1, (size_t)(end - colon - 1)) || !port)
		return false;
	len = (size_t)(colon - v6 - from);
	if (len >= sizeof(addr))
		return false;
	memcpy(addr, from, len);
	*e = (struct net_endpoint){ .v6 = IN6ADDR_ANY_INIT, .port = (u16)port };
	*family = v6 ? V6 : len ? V4 : NO_ADDR;
	return *family == NO_ADDR || inet_pton(v6 ? AF_INET6 : AF_INET, addr, &e->v6) == 1;
}

bool hostfwd_parse(struct net_hostfwd *f, const char *text)
{
	struct net_hostfwd x = { .udp = !strncmp(text, "udp:", 4) };
	const char *dash = strchr(text, '-');
	enum family host, guest;

	if ((!x.udp && strncmp(text, "tcp:", 4)) || !dash ||
	    !parse_endpoint(&x.host, &host, text + 4, dash) ||
	    !parse_endpoint(&x.guest, &guest, dash + 1, text + strlen(text)) ||
	    (host != NO_ADDR && guest != NO_ADDR && host != guest))
		return false;
	x.v6 = host == V6 || guest == V6;
	if (host == NO_ADDR && x.v6)
		x.host.v6 = in6addr_loopback;
	else if (host == NO_ADDR)
		x.host.v4.s_addr = htonl(INADDR_LOOPBACK);
	*f = x;
	return true;
}

/* The guest's own address is left out, as one may write it. */
static const char *addr_text(const struct net_endpoint *e, bool v6, bool optional, char *buf)
{
	static const struct in6_addr none = IN6ADDR_ANY_INIT;

	buf[0] = '\0';
	if (!optional || memcmp(&e->v6, &none, sizeof(none)))
		inet_ntop(v6 ? AF_INET6 : AF_INET, &e->v6, buf, INET6_ADDRSTRLEN);
	return buf;
}

const char *hostfwd_text(const struct net_hostfwd *f, char *buf)
{
	char host[INET6_ADDRSTRLEN], guest[INET6_ADDRSTRLEN];
	bool brackets;

	addr_text(&f->host, f->v6, false, host);
	addr_text(&f->guest, f->v6, true, guest);
	brackets = f->v6 && guest[0];
	snprintf(buf, HOSTFWD_TEXT, "%s:%s%s%s:%u-%s%s%s:%u", f->udp ? "udp" : "tcp",
		 f->v6 ? "[" : "", host, f->v6 ? "]" : "", f->host.port, brackets ? "[" : "", guest,
		 brackets ? "]" : "", f->guest.port);
	return buf;
}

/* ---- the socket ---- */

static bool get(int fd, int option, int *value)
{
	socklen_t len = sizeof(*value);

	return !getsockopt(fd, SOL_SOCKET, option, value, &len);
}

static int set(int fd, int level, int option)
{
	int one = 1;

	return setsockopt(fd, level, option, &one, sizeof(one)) < 0 ? -errno : 0;
}

static int listen_at(int fd, const struct net_hostfwd *f)
{
	const struct sockaddr_in a4 = { .sin_family = AF_INET,
					.sin_port = htons(f->host.port),
					.sin_addr = f->host.v4 };
	const struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
					 .sin6_port = htons(f->host.port),
					 .sin6_addr = f->host.v6 };
	const void *a = f->v6 ? (const void *)&a6 : &a4;
	/* "All addresses" of IPv6 are no addresses of IPv4, which has forwards of its own. */
	int err = f->v6 ? set(fd, IPPROTO_IPV6, IPV6_V6ONLY) : 0;

	/* A port that was used a moment ago. Of UDP it would be one that is used now. */
	if (!err && !f->udp)
		err = set(fd, SOL_SOCKET, SO_REUSEADDR);
	if (!err && bind(fd, a, f->v6 ? sizeof(a6) : sizeof(a4)) < 0)
		err = -errno;
	if (!err && !f->udp && listen(fd, BACKLOG) < 0)
		err = -errno;
	return err;
}

int hostfwd_open(const struct net_hostfwd *f)
{
	int fd = socket(f->v6 ? AF_INET6 : AF_INET,
			(f->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? -errno : listen_at(fd, f);

	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}

int hostfwd_check(const struct net_hostfwd *f, int fd)
{
	int domain, type, listens, flags = fcntl(fd, F_GETFL);

	if (!get(fd, SO_DOMAIN, &domain) || !get(fd, SO_TYPE, &type) ||
	    !get(fd, SO_ACCEPTCONN, &listens) || flags < 0)
		return -EINVAL;
	return domain == (f->v6 ? AF_INET6 : AF_INET) && (flags & O_NONBLOCK) &&
			       type == (f->udp ? SOCK_DGRAM : SOCK_STREAM) && !listens == f->udp
		       ? 0
		       : -EINVAL;
}

bool hostfwd_same(const struct net_hostfwd *a, const struct net_hostfwd *b)
{
	return a->udp == b->udp && a->v6 == b->v6 && a->host.port == b->host.port &&
	       !memcmp(&a->host.v6, &b->host.v6, sizeof(a->host.v6));
}
