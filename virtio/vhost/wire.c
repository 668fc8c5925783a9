/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to a vhost-user back end, and its answers.
 *
 * Thread: main while the machine is built, then the loop of the device.
 * Trust:  the back end may be anybody, or be taken over by its guest. An answer has a known size,
 *         so nothing is allocated for it; descriptors that come with it are closed by the kernel,
 *         because there is no room for them.
 * Spec:   QEMU docs/interop/vhost-user.rst, "Front-end message types"
 */
#include "virtio/vhost/wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "lkvm/vm/loop.h"

/* Wait until the socket can be read or written. 0 or -ETIMEDOUT. */
static int await(const struct wire *w, short events)
{
	struct pollfd p = { .fd = w->fd, .events = events };

	for (;;) {
		u64 now = loop_now_ns();
		int n;

		if (now >= w->deadline_ns)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)MIN((w->deadline_ns - now) / 1000000 + 1, (u64)60000));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static bool again(int err)
{
	return err == EAGAIN || err == EINTR;
}

/* All of `iov`, from its first byte on; descriptors go with that one. */
static int send_all(const struct wire *w, struct msghdr *m, struct iovec *iov)
{
	while (iov->iov_len) {
		ssize_t n = sendmsg(w->fd, m, MSG_NOSIGNAL | MSG_DONTWAIT);
		int err = n < 0 && !again(errno) ? -ECONNRESET : 0;

		if (!err && n < 0)
			err = await(w, POLLOUT);
		if (err)
			return err;
		if (n <= 0)
			continue;
		iov->iov_base = (u8 *)iov->iov_base + n;
		iov->iov_len -= (size_t)n;
		m->msg_control = NULL;
		m->msg_controllen = 0;
	}
	return 0;
}

static int send_message(const struct wire *w, u32 request, u32 flags, const void *payload, u32 size,
			const int *fds, unsigned nr_fds)
{
	const struct vhost_header h = { request, VHOST_VERSION | flags, size };
	u8 bytes[sizeof(h) + sizeof(struct vhost_table)];
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(WIRE_MAX_FDS * sizeof(int))];
	} control = { .room = { 0 } };
	struct iovec iov = { bytes, sizeof(h) + size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	assert(nr_fds <= WIRE_MAX_FDS && iov.iov_len <= sizeof(bytes));
	memcpy(bytes, &h, sizeof(h));
	if (size)
		memcpy(bytes + sizeof(h), payload, size);
	if (nr_fds) {
		control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(nr_fds * sizeof(int)),
						 .cmsg_level = SOL_SOCKET,
						 .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.head), fds, nr_fds * sizeof(int));
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
	}
	return send_all(w, &m, &iov);
}

static int receive_all(const struct wire *w, void *buf, size_t len)
{
	char *to = buf;

	while (len) {
		ssize_t n = recv(w->fd, to, len, MSG_DONTWAIT);
		int err = !n || (n < 0 && !again(errno)) ? -ECONNRESET : 0;

		if (!err && n < 0)
			err = await(w, POLLIN);
		if (err)
			return err;
		if (n > 0) {
			to += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int receive_answer(const struct wire *w, u32 request, void *answer, u32 size)
{
	struct vhost_header h;
	int err = receive_all(w, &h, sizeof(h));

	if (err)
		return err;
	if (h.request != request || (h.flags & VHOST_VERSION_MASK) != VHOST_VERSION ||
	    !(h.flags & VHOST_REPLY) || h.size != size)
		return -EPROTO;
	return receive_all(w, answer, size);
}

int wire_tell(struct wire *w, enum vhost_request request, const void *payload, u32 size,
	      const int *fds, unsigned nr_fds)
{
	u32 flags = w->acks ? VHOST_NEED_REPLY : 0;
	int err = send_message(w, request, flags, payload, size, fds, nr_fds);
	u64 refused = 0;

	if (!err && w->acks)
		err = receive_answer(w, request, &refused, sizeof(refused));
	if (!err && refused)
		err = -EREMOTEIO;
	return err;
}

int wire_tell_u64(struct wire *w, enum vhost_request request, u64 val)
{
	return wire_tell(w, request, &val, sizeof(val), NULL, 0);
}

int wire_ask(struct wire *w, enum vhost_request request, const void *payload, u32 size,
	     void *answer, u32 answer_size)
{
	int err = send_message(w, request, 0, payload, size, NULL, 0);

	return err ? err : receive_answer(w, request, answer, answer_size);
}
