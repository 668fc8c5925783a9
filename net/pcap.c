/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capture to a file: a netif that stands in the doorway of another one and notes what passes.
 *
 * Thread: the loop of the netif.
 * Trust:  frames of both sides are written as they are. The guest can change its bytes while they
 *         are written: the file may differ from what the other netif sees, its structure not.
 *
 * The network waits for no capture. One to a file goes through pcap_writer.c, as a file system may
 * hang. One to a FIFO (wireshark reads from one) is written without waiting. What there is no room
 * for is missing, which is said at the end. `lkvm trace bounce --pcap` begins when no thread can be
 * made any more: guests that may be traced have a writer for it from the start.
 *
 * Large TCP segments are noted whole, with the checksum as the driver left it, as captures on a
 * host with segmentation offload show them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/base/file.h"
#include "lkvm/base/iov.h"
#include "lkvm/base/log.h"
#include "net/kinds.h"
#include "net/pcap_writer.h"

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

/*
 * A capture. A FIFO or a socket whose reader is slow takes a part of a frame or nothing: the rest
 * of that frame waits, and those that come meanwhile are counted instead. `fd` does not block.
 */
struct output {
	int fd;			    /* -1: none, or writing failed */
	struct pcap_writer *writer; /* not NULL: has it in its place */
	u64 missed;		    /* frames that are not in it */
	u8 *rest;		    /* REST_MAX bytes, once there was a rest */
	size_t done, left;	    /* of the rest */
};

#define REST_MAX (sizeof(struct packet_header) + NETIF_FRAME_MAX)

struct pcap_if {
	struct netif netif;
	struct netif *inner;
	struct output file; /* c->pcap */
	/* Of netif_capture(): not ours. NULL: it cannot be asked for. */
	struct pcap_writer *live;
	bool live_on;
	u64 live_missed;
	struct iov_cur room; /* between reserve() and commit() */
	bool retry;	     /* the next frame of the guest is one that was noted already */
};

static struct pcap_if *pcap_if(struct netif *n)
{
	return container_of(n, struct pcap_if, netif);
}

static bool output_is_on(const struct output *o)
{
	return o->fd >= 0 || o->writer;
}

static void say_missed(u64 nr, const char *who)
{
	if (nr)
		log_warn("pcap: %llu frames are not in the capture: its %s was too slow",
			 (unsigned long long)nr, who);
}

static void output_end_said(int err)
{
	log_warn("pcap: capture ends here: %s", strerror(err));
}

static void output_close(struct output *o)
{
	struct pcap_writer *w = o->writer;
	int err;

	if (o->left && write(o->fd, o->rest + o->done, o->left) != (ssize_t)o->left)
		o->missed++;
	say_missed(o->missed, w ? "disk" : "reader");
	if (o->fd >= 0)
		close(o->fd);
	free(o->rest);
	*o = (struct output){ .fd = -1 };
	err = pcap_writer_destroy(w);
	if (err)
		output_end_said(-err);
}

/* Disk full, or nobody reads any more: the guest's network matters more than its recording. */
static void output_fail(struct output *o, int err)
{
	output_end_said(err);
	o->left = 0;
	output_close(o);
}

/* Through a thread of its own, for a regular file: O_NONBLOCK does nothing there. */
static int output_begin_file(struct output *o, int fd, struct loop *loop)
{
	int err = pcap_writer_create(&o->writer, loop);

	if (err)
		close(fd);
	return err ? err : pcap_writer_begin(o->writer, fd);
}

static void output_begin(struct output *o, int fd)
{
	*o = (struct output){ .fd = fd };
	if (fd >= 0 && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		output_fail(o, errno);
}

/* Did what waits go out? */
static bool output_push(struct output *o)
{
	ssize_t n;

	if (!o->left)
		return true;
	n = write(o->fd, o->rest + o->done, o->left);
	if (n < 0 && errno != EAGAIN) {
		output_fail(o, errno);
		return false;
	}
	o->done += n > 0 ? (size_t)n : 0;
	o->left -= n > 0 ? (size_t)n : 0;
	return !o->left;
}

static void append(struct output *o, const struct iovec *v, unsigned nr, size_t len)
{
	struct iov_cur cur = iov_cur(v, nr);
	struct stat st;
	ssize_t n;

	if (o->writer) {
		o->missed += pcap_writer_put(o->writer, v, nr, len) == -EAGAIN;
		return;
	}
	if (o->fd < 0)
		return;
	if (!output_push(o)) {
		o->missed += o->fd >= 0;
		return;
	}
	n = writev(o->fd, v, (int)nr);
	if (n == (ssize_t)len)
		return;
	if (n < 0 && errno == EAGAIN) {
		o->missed++;
		return;
	}
	/* A file that takes a part is on a disk that is full. */
	if (n < 0 || file_stat(o->fd, &st) || S_ISREG(st.st_mode) ||
	    (!o->rest && !(o->rest = malloc(REST_MAX)))) {
		output_fail(o, n < 0 ? errno : ENOSPC);
		return;
	}
	iov_skip(&cur, (size_t)n);
	o->done = 0;
	o->left = len - (size_t)n;
	iov_read(&cur, o->rest, o->left);
}

static void note(struct pcap_if *p, struct iov_cur frame)
{
	NOT_ZEROED struct iovec v[1 + MAX_PIECES];
	struct packet_header h;
	struct timespec now;
	size_t len = frame.left;
	int nr;

	if (!output_is_on(&p->file) && !p->live_on)
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
	append(&p->file, v, (unsigned)nr + 1, sizeof(h) + len);
	if (p->live_on)
		p->live_missed +=
			pcap_writer_put(p->live, v, (unsigned)nr + 1, sizeof(h) + len) == -EAGAIN;
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

static int pcap_if_forward(struct netif *n, const struct net_hostfwd *f, int fd)
{
	return pcap_if(n)->inner->ops->forward(pcap_if(n)->inner, f, fd);
}

static bool pcap_if_forwarded(struct netif *n, unsigned i, struct net_hostfwd *out)
{
	return pcap_if(n)->inner->ops->forwarded(pcap_if(n)->inner, i, out);
}

static void pcap_if_destroy(struct netif *n)
{
	struct pcap_if *p = pcap_if(n);

	netif_destroy(p->inner);
	output_close(&p->file);
	say_missed(p->live_missed, "disk");
	free(p);
}

static const struct sys_call list[] = {
	CALL(write),
	CALL(close),
	CALL_RARE(writev, "a FIFO"),
	CALL_RARE(newfstatat, "a FIFO that is full"),
	CALL(futex),
};
static const struct calls pcap_calls = CALLS("capture", list);

static const struct netif_ops pcap_if_ops = {
	.up = pcap_if_up,
	.down = pcap_if_down,
	.send = pcap_if_send,
	.flush = pcap_if_flush,
	.rx_ready = pcap_if_rx_ready,
	.forward = pcap_if_forward,
	.forwarded = pcap_if_forwarded,
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

static int on_reserve(void *arg, size_t min, size_t want, struct iov_cur *room)
{
	struct pcap_if *p = arg;
	int err = p->netif.client->reserve(p->netif.client_arg, min, want, room);

	p->room = *room;
	return err;
}

/* What the frame is now, the guest may have changed already. */
static void on_commit(void *arg, const struct netif_offload *o, size_t len)
{
	struct pcap_if *p = arg;

	p->room.left = len;
	if (len)
		note(p, p->room);
	p->netif.client->commit(p->netif.client_arg, o, len);
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
	.reserve = on_reserve,
	.commit = on_commit,
	.flush = on_flush,
	.writable = on_writable,
};

static const struct file_header file_header = { .magic = 0xa1b2c3d4,
						.major = 2,
						.minor = 4,
						.max_len = NETIF_FRAME_MAX,
						.link_type = 1 /* Ethernet */ };

static int write_header(int fd)
{
	errno = 0;
	if (write(fd, &file_header, sizeof(file_header)) == (ssize_t)sizeof(file_header))
		return 0;
	return errno ? -errno : -ENOSPC;
}

static int open_file(const char *path)
{
	/* What passes may be secret: for the user's eyes only. */
	int fd = file_open_out(path, O_CREAT | O_TRUNC, 0600);
	int err = fd < 0 ? fd : write_header(fd);

	if (!err)
		return fd;
	log_errno(err, "pcap: cannot write %s", path);
	if (fd >= 0)
		close(fd);
	return err;
}

int netif_capture_begin(struct pcap_writer *w, int fd)
{
	struct file_header h = file_header;
	const struct iovec v = { &h, sizeof(h) };
	int err = pcap_writer_begin(w, fd);

	return err ? err : pcap_writer_put(w, &v, 1, sizeof(h));
}

int netif_capture(struct netif *n, bool on)
{
	struct pcap_if *p = pcap_if(n);

	if (n->ops != &pcap_if_ops || !p->live)
		return -ENODEV;
	p->live_on = on;
	say_missed(p->live_missed, "disk");
	p->live_missed = 0;
	return 0;
}

static bool is_regular(int fd)
{
	struct stat st;

	return !file_stat(fd, &st) && S_ISREG(st.st_mode);
}

static int open_output(struct output *o, const char *path, struct loop *loop)
{
	int fd = *path ? open_file(path) : -1, err;

	if (fd < 0 || !is_regular(fd)) {
		output_begin(o, fd);
		return *path && fd < 0 ? fd : 0;
	}
	err = output_begin_file(o, fd, loop);
	return err ? log_errno(err, "pcap: cannot write %s", path) : 0;
}

int pcap_if_create(struct netif **out, const struct net_conf *c, struct netif *inner,
		   struct loop *loop)
{
	struct pcap_if *p = calloc(1, sizeof(*p));
	int err = p ? open_output(&p->file, c->pcap, loop) : -ENOMEM;

	if (err) {
		netif_destroy(inner);
		free(p);
		*out = NULL;
		return err;
	}
	p->netif = (struct netif){ .ops = &pcap_if_ops,
				   .offloads = inner->offloads,
				   .mtu = inner->mtu };
	memcpy(p->netif.calls, inner->calls, sizeof(inner->calls));
	p->netif.calls[NETIF_CALLS - 1] = &pcap_calls;
	memcpy(p->netif.mac, inner->mac, NETIF_MAC_LEN);
	p->inner = inner;
	p->live = c->capture;
	inner->client = &pcap_client;
	inner->client_arg = p;
	*out = &p->netif;
	return 0;
}
