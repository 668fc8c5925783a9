/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A back end of vhost-user that answers whatever it likes, before it is asked, and then closes the
 * connection.
 *
 * Checked besides the sanitizers: every call ends, the first error is the last, and no descriptor
 * that comes with an answer stays open.
 *
 * Thread: one.
 * Trust:  plays the back end.
 *
 * Input: answers: request, flags, size (1 byte each; size 255: 4 GiB less 1), then so many bytes;
 * from flag 0x80 on descriptors come with it, too.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fake/driver.h"
#include "tests/fuzz/input.h"
#include "virtio/vhost/proto.h"
#include "virtio/vhost/vhost.h"

#define MAX_ANSWERS 64u

static struct mem *m;
static int ear, probe;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	m = fake_mem(MEM_LENT);
	ear = eventfd(0, EFD_NONBLOCK);
	probe = dup(0);
	close(probe);
	return 0;
}

static void answer(int fd, struct input *i)
{
	struct vhost_header h = { (u32)in(i, 1), (u32)in(i, 1), (u32)in(i, 1) };
	u8 bytes[sizeof(h) + 255];
	size_t len = h.size;
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { bytes, sizeof(h) + len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (h.size == 255)
		h.size = UINT32_MAX;
	memcpy(bytes, &h, sizeof(h));
	for (size_t k = 0; k < len; k++)
		bytes[sizeof(h) + k] = (u8)in(i, 1);
	if (h.flags & 0x80) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		*CMSG_FIRSTHDR(&msg) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
							 .cmsg_level = SOL_SOCKET,
							 .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &ear, sizeof(int));
	}
	check(sendmsg(fd, &msg, MSG_DONTWAIT) == (ssize_t)iov.iov_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct vhost_ring rings[2] = {
		{ true, 8, FAKE_RING(0), FAKE_RING(0) + 0x1000, FAKE_RING(0) + 0x2000, ear, ear },
		{ true, 8, FAKE_RING(1), FAKE_RING(1) + 0x1000, FAKE_RING(1) + 0x2000, ear, ear },
	};
	struct input i = { data, len };
	struct vhost *v;
	int sv[2], err;

	check(!socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	for (unsigned nr = 0; i.left && nr < MAX_ANSWERS; nr++)
		answer(sv[1], &i);
	shutdown(sv[1], SHUT_WR);
	if (!vhost_open(&v, sv[0])) {
		check(!vhost_why(v) && vhost_nr_queues(v) <= VHOST_MAX_QUEUES);
		for (unsigned round = 0; round < 2; round++) {
			err = vhost_start(v, m, vhost_features(v), rings, 2);
			if (!err)
				err = vhost_stop(v);
			check(!err == !vhost_why(v));
			check(!err || vhost_start(v, m, 0, rings, 2) == -ENOTCONN);
		}
		vhost_close(v);
	}
	close(sv[1]);
	/* The next descriptor is the one that it always was. */
	err = dup(0);
	check(err == probe);
	close(err);
	return 0;
}
