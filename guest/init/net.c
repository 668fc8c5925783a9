/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network interfaces: their addresses are the host's to choose, so there is nobody to be asked for
 * them.
 *
 * Thread: one.
 * Trust:  the instructions are a part of the initrd, and measured with it in a Realm.
 * Spec:   netdevice(7)
 */
#include "guest/init/net.h"

#include <linux/errno.h>
#include <linux/if.h>
#include <linux/in.h>
#include <linux/route.h>
#include <linux/sockios.h>

#include "guest/init/text.h"

#define STREAM_OF_PACKETS 2 /* SOCK_DGRAM, which no header for user space of the kernel's has */
#define NETMASK 0xffffff00u
#define RESOLV_CONF "/etc/resolv.conf"

static struct sockaddr_in address_of(unsigned host_order)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	a.sin_addr.s_addr = __builtin_bswap32(host_order);
	return a;
}

static void name_it(struct ifreq *r, const char *name)
{
	size_t len = text_len(name);

	memset(r, 0, sizeof(*r));
	memcpy(r->ifr_name, name, len < IFNAMSIZ ? len : IFNAMSIZ - 1);
}

static long set_address(int fd, const char *name, unsigned long what, unsigned host_order)
{
	struct sockaddr_in a = address_of(host_order);
	struct ifreq r;

	name_it(&r, name);
	memcpy(&r.ifr_addr, &a, sizeof(a));
	return sys_ioctl(fd, what, &r);
}

static long set_up(int fd, const char *name)
{
	struct ifreq r;
	long err;

	name_it(&r, name);
	err = sys_ioctl(fd, SIOCGIFFLAGS, &r);
	r.ifr_flags |= IFF_UP | IFF_RUNNING;
	return err < 0 ? err : sys_ioctl(fd, SIOCSIFFLAGS, &r);
}

static long set_router(int fd, unsigned router)
{
	struct sockaddr_in any = address_of(0), a = address_of(router);
	struct rtentry r;

	memset(&r, 0, sizeof(r));
	r.rt_flags = RTF_UP | RTF_GATEWAY;
	memcpy(&r.rt_dst, &any, sizeof(any));
	memcpy(&r.rt_genmask, &any, sizeof(any));
	memcpy(&r.rt_gateway, &a, sizeof(a));
	return sys_ioctl(fd, SIOCADDRT, &r);
}

static long set_nic(int fd, const struct plan_nic *n)
{
	long err = 0;

	if (n->address)
		err = set_address(fd, n->name, SIOCSIFADDR, n->address);
	if (!err && n->address)
		err = set_address(fd, n->name, SIOCSIFNETMASK, NETMASK);
	if (!err)
		err = set_up(fd, n->name);
	return !err && n->router ? set_router(fd, n->router) : err;
}

bool net_up(const struct plan *p, struct failure *f)
{
	int fd = (int)SYS3(socket, AF_INET, STREAM_OF_PACKETS | O_CLOEXEC, 0);
	long err = 0;

	/* A kernel without a network has none to bring up. */
	if (fd < 0 && !p->nr_nics)
		return true;
	err = fd < 0 ? fd : 0;
	if (!err)
		set_up(fd, "lo");
	for (unsigned i = 0; i < p->nr_nics && !err; i++) {
		err = set_nic(fd, &p->nics[i]);
		f->which = i;
	}
	if (fd >= 0)
		sys_close(fd);
	f->what = EXEC_FAIL_NET;
	f->err = -err;
	return !err;
}

void net_names(const struct plan *p)
{
	int fd;

	if (!p->resolv)
		return;
	/* It may be a link to where nothing is in a guest. */
	SYS3(unlinkat, AT_FDCWD, RESOLV_CONF, 0);
	fd = sys_open(RESOLV_CONF, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	sys_write(fd, p->resolv, text_len(p->resolv));
	sys_close(fd);
}
