/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of forwards.
 *
 * Thread: the loop of the netif, or main before it runs.
 * Trust:  the user's, at the start and at run time.
 */
#include "net/user/forward.h"

#include <errno.h>
#include <string.h>

#include "net/user/tcp.h"
#include "net/user/udp.h"

struct in6_addr forwards_eui64(const struct in6_addr *prefix6, const u8 mac[6])
{
	struct in6_addr a = *prefix6;
	u8 *id = a.s6_addr + 8;

	id[0] = mac[0] ^ 2; /* "universal" is told by the other value there */
	id[1] = mac[1];
	id[2] = mac[2];
	id[3] = 0xff;
	id[4] = 0xfe;
	id[5] = mac[3];
	id[6] = mac[4];
	id[7] = mac[5];
	return a;
}

/* Where `f` leads. */
static struct net_hostfwd resolved(const struct forwards *fs, const struct net_hostfwd *f)
{
	struct net_hostfwd to = *f;

	if (f->v6 && IN6_IS_ADDR_UNSPECIFIED(&f->guest.v6))
		to.guest.v6 = fs->guest6;
	else if (!f->v6 && !f->guest.v4.s_addr)
		to.guest.v4 = fs->guest4;
	return to;
}

int forwards_add(struct forwards *fs, const struct net_hostfwd *f, int fd)
{
	const struct net_hostfwd to = resolved(fs, f);
	int err;

	if (fs->nr == NET_MAX_HOSTFWD)
		return -ENOSPC;
	if (f->v6 && !fs->ipv6)
		return -EAFNOSUPPORT;
	err = hostfwd_check(f, fd);
	if (!err)
		err = f->udp ? udp_listen(fs->udp, &to, fd) : tcp_listen(fs->tcp, &to, fd);
	if (!err)
		fs->f[fs->nr++] = *f;
	return err;
}

int forwards_remove(struct forwards *fs, const struct net_hostfwd *f)
{
	for (unsigned i = 0; i < fs->nr; i++) {
		if (!hostfwd_same(&fs->f[i], f))
			continue;

		int err = f->udp ? udp_ignore(fs->udp, f) : tcp_ignore(fs->tcp, f);

		if (err)
			return err;
		fs->nr--;
		memmove(&fs->f[i], &fs->f[i + 1], (fs->nr - i) * sizeof(fs->f[0]));
		return 0;
	}
	return -ENOENT;
}
