/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's sockets behind the guest's flows.
 *
 * Thread: the loop of the netif.
 * Trust:  what comes over the network is passed on unseen; addresses were looked at in reach.c.
 *
 * A socket is not connected, so errors that come back later wait in its queue (IP_RECVERR), each
 * with the address to which the datagram had gone. The host's kernel cuts what is too large for
 * the path.
 */
#include <errno.h>
#include <netinet/udp.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h> /* wants struct timespec */

#include "net/user/udp_flow.h"

#define ERRORS 16u /* at a time */

/* One of the queue; errno, or 0: there is none. */
static int next_error(struct udp_flow *f, union reach_addr *to)
{
	u8 control[CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(union reach_addr))]
		__attribute__((aligned(_Alignof(struct cmsghdr))));
	struct msghdr m = { .msg_name = to,
			    .msg_namelen = sizeof(*to),
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct sock_extended_err e = { .ee_errno = EIO };

	if (recvmsg(f->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR))
			memcpy(&e, CMSG_DATA(c), sizeof(e));
	return m.msg_namelen ? (int)e.ee_errno : EIO;
}

static void on_error(struct udp_flow *f)
{
	union reach_addr to = { .sa.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(int);
	int err;

	/* What there was no memory for is not in the queue, but wants to be taken all the same. */
	getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	for (unsigned i = 0; i < ERRORS && (err = next_error(f, &to)); i++)
		udp_refuse_late(f, &to, err);
}

static void on_event(void *arg, u32 events)
{
	struct udp_flow *f = arg;
	struct udp *u = f->udp;

	if (events & EPOLLERR)
		on_error(f);
	if (events & EPOLLIN)
		udp_deliver(f);
	udp_settle(u);
}

int udp_host_adopt(struct udp_flow *f, int fd)
{
	bool v6 = f->id.v6;
	int one = 1;

	f->fd = fd;
	setsockopt(f->fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_RECVERR : IP_RECVERR, &one,
		   sizeof(one));
	return loop_fd_add(f->udp->loop, f->fd, EPOLLIN, on_event, f, &f->reg);
}

int udp_host_open(struct udp_flow *f)
{
	int fd =
		socket(f->id.v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : udp_host_adopt(f, fd);
}

void udp_host_close(struct udp_flow *f)
{
	loop_fd_del(f->reg);
	f->reg = NULL;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

void udp_host_listen(struct udp_flow *f, bool on)
{
	loop_fd_mod(f->reg, on ? EPOLLIN : 0);
}

bool udp_host_has_trains(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), none = 0;
	bool has = fd >= 0 && !setsockopt(fd, SOL_UDP, UDP_SEGMENT, &none, sizeof(none));

	if (fd >= 0)
		close(fd);
	return has;
}

/* What of an errno is news for the guest, or for the sender of a train. */
static int verdict(int err, size_t step)
{
	/* Larger than the path's MTU, or a device that leaves checksums to its driver. */
	if (step && (err == EINVAL || err == EMSGSIZE || err == EIO))
		return -EMSGSIZE;
	return ip_why(err) == IP_WHY_NONE ? 0 : -err;
}

int udp_host_send(struct udp_flow *f, struct iov_cur data, size_t len, size_t step)
{
	int nr = iov_take(&data, len, f->udp->iov, UDP_PIECES), err = 0;
	union {
		struct cmsghdr h;
		u8 bytes[CMSG_SPACE(sizeof(u16))];
	} c = { .h = { .cmsg_len = CMSG_LEN(sizeof(u16)),
		       .cmsg_level = SOL_UDP,
		       .cmsg_type = UDP_SEGMENT } };
	struct msghdr m = { .msg_name = &f->to,
			    .msg_namelen = (socklen_t)f->to_len,
			    .msg_iov = f->udp->iov,
			    .msg_iovlen = (size_t)nr };
	u16 each = (u16)step;

	if (nr < 0)
		return 0;
	if (step) {
		memcpy(CMSG_DATA(&c.h), &each, sizeof(each));
		m.msg_control = &c;
		m.msg_controllen = sizeof(c);
	}
	/* The first call may say what became of an earlier datagram. */
	for (unsigned tries = 0; tries < 2; tries++) {
		if (sendmsg(f->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		err = verdict(errno, step);
		if (!err || err == -EMSGSIZE)
			break;
	}
	return err;
}

ssize_t udp_host_receive(struct udp_flow *f, unsigned nr, union reach_addr *from)
{
	struct msghdr m = { .msg_name = from,
			    .msg_namelen = sizeof(*from),
			    .msg_iov = f->udp->iov,
			    .msg_iovlen = nr };
	ssize_t n = recvmsg(f->fd, &m, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}
