/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capture to a file: a netif that stands in the doorway of another one and notes what passes.
 *
 * Thread: the loop of the netif.
 * Trust:  frames of both sides are written as they are. The guest can change its bytes while they
 *         are written: the file may differ from what the other netif sees, its structure not.
 *
 * Large TCP segments are noted whole, with the checksum as the driver left it, as captures on a
 * host with segmentation offload show them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/base/iov.h"
#include "lkvm/base/log.h"
#include "net/kinds.h"

#define MAX_PIECES 256u

/* The classic format, in the writer's byte order. */
struct file_header {
	u32 magic;
	u16 major, minor;
	u32 zone, accuracy;
	u32 max_len;
	u32 link_type;
};

struct packet_header {
	u32 sec, usec;
	u32 len, orig_len;
};

struct pcap_if {
	struct netif netif;
	struct netif *inner;
	int fd;	    /* c->pcap; -1: none, or writing failed */
	int live;   /* netif_capture(); -1: as above */
	bool retry; /* the next frame of the guest is one that was noted already */
};

static struct pcap_if *pcap_if(struct netif *n)
{
	return container_of(n, struct pcap_if, netif);
}

static void append(int *fd, const struct iovec *v, int nr, size_t len)
{
	if (*fd < 0 || writev(*fd, v, nr) == (ssize_t)len)
		return;
	/* Disk full: the guest's network matters more than its recording. */
	log_warn("pcap: capture ends here: %s", strerror(errno ? errno : ENOSPC));
	close(*fd);
	*fd = -1;
}

static void note(struct pcap_if *p, struct iov_cur frame)
{
	struct iovec v[1 + MAX_PIECES];
	struct packet_header h;
	struct timespec now;
	size_t len = frame.left;
	int nr;

	if (p->fd < 0 && p->live < 0)
		return;
	nr = iov_take(&frame, len, v + 1, MAX_PIECES);
	if (nr < 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	h = (struct packet_header){ .sec = (u32)now.tv_sec,
				    .usec = (u32)(now.tv_nsec / 1000),
				    .len = (u32)len,
				    .orig_len = (u32)len };
	v[0] = (struct iovec){ &h, sizeof(h) };
	append(&p->fd, v, nr + 1, sizeof(h) + len);
	append(&p->live, v, nr + 1, sizeof(h) + len);
}

/* ---- the side of virtio-net ---- */

static void pcap_if_up(struct netif *n, u32 offloads)
{
	struct pcap_if *p = pcap_if(n);

	p->retry = false;
	p->inner->ops->up(p->inner, offloads);
}

static void pcap_if_down(struct netif *n)
{
	pcap_if(n)->inner->ops->down(pcap_if(n)->inner);
}

static int pcap_if_send(struct netif *n, const struct netif_offload *o, struct iov_cur frame)
{
	struct pcap_if *p = pcap_if(n);
	int err;

	/* First, because the answer may come from inside send(). */
	if (!p->retry)
		note(p, frame);
	err = p->inner->ops->send(p->inner, o, frame);
	p->retry = err == -EAGAIN;
	return err;
}

static void pcap_if_flush(struct netif *n)
{
	pcap_if(n)->inner->ops->flush(pcap_if(n)->inner);
}

static void pcap_if_rx_ready(struct netif *n)
{
	pcap_if(n)->inner->ops->rx_ready(pcap_if(n)->inner);
}

static void pcap_if_destroy(struct netif *n)
{
	struct pcap_if *p = pcap_if(n);

	netif_destroy(p->inner);
	if (p->fd >= 0)
		close(p->fd);
	if (p->live >= 0)
		close(p->live);
	free(p);
}

static const struct sys_call list[] = { CALL(writev), CALL(close) };
static const struct calls pcap_calls = CALLS("capture", list);

static const struct netif_ops pcap_if_ops = {
	.up = pcap_if_up,
	.down = pcap_if_down,
	.send = pcap_if_send,
	.flush = pcap_if_flush,
	.rx_ready = pcap_if_rx_ready,
	.destroy = pcap_if_destroy,
};

/* ---- the side of the other netif ---- */

static int on_receive(void *arg, const struct netif_offload *o, struct iov_cur frame)
{
	struct pcap_if *p = arg;
	int err = p->netif.client->receive(p->netif.client_arg, o, frame);

	if (err != -EAGAIN)
		note(p, frame);
	return err;
}

static void on_flush(void *arg)
{
	struct pcap_if *p = arg;

	p->netif.client->flush(p->netif.client_arg);
}

static void on_writable(void *arg)
{
	struct pcap_if *p = arg;

	p->netif.client->writable(p->netif.client_arg);
}

static const struct netif_client pcap_client = {
	.receive = on_receive,
	.flush = on_flush,
	.writable = on_writable,
};

int netif_capture_begin(int fd)
{
	const struct file_header h = { .magic = 0xa1b2c3d4,
				       .major = 2,
				       .minor = 4,
				       .max_len = NETIF_FRAME_MAX,
				       .link_type = 1 /* Ethernet */ };

	errno = 0;
	if (write(fd, &h, sizeof(h)) == (ssize_t)sizeof(h))
		return 0;
	return errno ? -errno : -ENOSPC;
}

static int open_file(const char *path)
{
	/* What passes may be secret: for the user's eyes only. */
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
	int err = fd < 0 ? -errno : netif_capture_begin(fd);

	if (!err)
		return fd;
	log_errno(err, "pcap: cannot write %s", path);
	if (fd >= 0)
		close(fd);
	return err;
}

int netif_capture(struct netif *n, int fd)
{
	struct pcap_if *p = pcap_if(n);

	if (n->ops != &pcap_if_ops) {
		if (fd >= 0)
			close(fd);
		return -ENODEV;
	}
	if (p->live >= 0)
		close(p->live);
	p->live = fd;
	return 0;
}

int pcap_if_create(struct netif **out, const struct net_conf *c, struct netif *inner)
{
	struct pcap_if *p = calloc(1, sizeof(*p));
	int fd = !p ? -ENOMEM : c->pcap[0] ? open_file(c->pcap) : -1;

	if (!p || (c->pcap[0] && fd < 0)) {
		netif_destroy(inner);
		free(p);
		*out = NULL;
		return fd;
	}
	p->netif = (struct netif){ .calls = { inner->calls[0], inner->calls[1], &pcap_calls },
				   .ops = &pcap_if_ops,
				   .offloads = inner->offloads,
				   .mtu = inner->mtu };
	memcpy(p->netif.mac, inner->mac, NETIF_MAC_LEN);
	p->inner = inner;
	p->fd = fd;
	p->live = -1;
	inner->client = &pcap_client;
	inner->client_arg = p;
	*out = &p->netif;
	return 0;
}
