/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vsock driver that means harm, in front of real Unix sockets: any packets in any order, while
 * programs of the host listen, connect, greet, send and go away.
 *
 * Checked besides the sanitizers: what the guest is told is a packet of the device's, as long as
 * its header says and never longer than its buffer, with bytes only if it carries some; and what
 * the guest has said comes back without any.
 *
 * Thread: one.
 * Trust:  plays the driver, and programs of the host.
 * Spec:   virtio 1.3 §5.10
 *
 * Input: operations of one byte with their operands.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/fuzz/input.h"
#include "virtio/dev/vsock.h"
#include "virtio/dev/vsock_conf.h"

#define CID 42u
#define HOST_PORT 51u /* a program listens there */
#define RING_SIZE 16u
#define NR_PEERS 4u
#define RX_SIZE 512u
#define RX_BUF(i) (FAKE_DATA + RX_SIZE * (i))
#define TX_BUF (FAKE_DATA + 1 * MiB)
#define MOST_ALLOC 4096u

static char dir[] = "/tmp/fuzz-vsock-XXXXXX", path[64];
static int listener;

static struct {
	struct mem *mem;
	struct loop *loop;
	struct virtio_device *d;
	struct fake_transport t;
	struct fake_ring ring[VSOCK_NR_QUEUES];
	int peers[NR_PEERS]; /* programs of the host; -1: none */
} rig;

static struct sockaddr_un address(const char *suffix)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s%s", path, suffix);
	return a;
}

static void clean_up(void)
{
	char cmd[64];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	check(!system(cmd));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un a;

	check(mkdtemp(dir));
	atexit(clean_up);
	snprintf(path, sizeof(path), "%s/v", dir);
	a = address("_51");
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	check(!bind(listener, (struct sockaddr *)&a, sizeof(a)) && !listen(listener, 16));
	return 0;
}

/* ---- the driver ---- */

static void start(u64 features)
{
	fake_start(rig.d, rig.ring, RING_SIZE, features);
}

static void post(struct input *i)
{
	struct fake_ring *r = &rig.ring[VSOCK_RX];
	u8 how = (u8)in(i, 1);
	struct fake_buf b = { RX_BUF(r->next_desc % RING_SIZE), RX_SIZE, how != 0xff };

	if (how & 1)
		b.len = (u32)(how >> 1);
	fake_ring_add(r, &b, 1);
}

/* What is likely to make sense, unless the input says otherwise. */
static void transmit(struct input *i)
{
	u8 how = (u8)in(i, 1), len = (u8)in(i, 1);
	struct vsock_hdr h = {
		.src_cid = le64_of(how & 1 ? in(i, 8) : CID),
		.dst_cid = le64_of(how & 2 ? in(i, 8) : VSOCK_HOST_CID),
		.src_port = le32_of(in(i, 1) & 3),
		.dst_port = le32_of(how & 4 ? (u32)in(i, 4) : HOST_PORT),
		.len = le32_of(how & 8 ? (u32)in(i, 4) : len),
		.type = le16_of(how & 16 ? (u16)in(i, 2) : VSOCK_STREAM),
		.op = le16_of((u16)in(i, 1) & (how & 32 ? 0xff : 7)),
		.flags = le32_of((u32)in(i, 1)),
		.buf_alloc = le32_of((u32)in(i, 2) % MOST_ALLOC),
		.fwd_cnt = le32_of(how & 64 ? (u32)in(i, 4) : 0),
	};
	struct fake_buf b[] = { { TX_BUF, sizeof(h), how & 128 }, { TX_BUF + 64, len, false } };

	memcpy(fake_ptr(rig.mem, TX_BUF, sizeof(h)), &h, sizeof(h));
	fake_ring_add(&rig.ring[VSOCK_TX], b, len ? 2 : 1);
}

static void take_used(void)
{
	struct fake_ring *r = &rig.ring[VSOCK_RX];
	const struct vsock_hdr *h;
	u32 id, len;

	while (fake_ring_used(&rig.ring[VSOCK_TX], &id, &len))
		check(!len);
	while (fake_ring_used(r, &id, &len)) {
		if (fake_broken(rig.d))
			continue;
		check(len >= sizeof(*h) && len <= RX_SIZE);
		h = fake_ptr(rig.mem, RX_BUF(id), sizeof(*h));
		check(le64_get(h->dst_cid) == CID && le32_get(h->len) == len - sizeof(*h));
		check(!le32_get(h->len) || le16_get(h->op) == VSOCK_RW);
	}
}

/* ---- programs of the host ---- */

static void peer(struct input *i)
{
	static const char *const greetings[] = { "CONNECT 1\n", "CONNECT 4294967296\n", "CONN",
						 "CONNECT 2\nand more" };
	struct sockaddr_un a = address("");
	char buf[512];
	int *fd = &rig.peers[in(i, 1) % NR_PEERS];
	u8 what = (u8)in(i, 1);
	const char *text = greetings[what >> 4 & 3];

	if (*fd < 0 && (what & 1)) {
		*fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} else if (*fd < 0) {
		*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (connect(*fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
			close(*fd);
			*fd = -1;
			return;
		}
		check(write(*fd, text, strlen(text)) > 0);
	} else if ((what & 7) == 0) {
		close(*fd);
		*fd = -1;
	} else if ((what & 7) == 1) {
		shutdown(*fd, SHUT_WR);
	} else if ((what & 7) == 2) {
		while (read(*fd, buf, sizeof(buf)) > 0)
			continue;
	} else {
		memset(buf, 'h', sizeof(buf));
		sendto(*fd, buf, (size_t)what * 2, MSG_NOSIGNAL, NULL, 0);
	}
}

/* ---- all of it ---- */

static void operate(struct input *i)
{
	switch (in(i, 1) % 8) {
	case 0:
	case 1:
		post(i);
		break;
	case 2:
	case 3:
		transmit(i);
		break;
	case 4:
		virtio_notify(rig.d, (u32)in(i, 1) % VSOCK_NR_QUEUES);
		break;
	case 5:
		peer(i);
		break;
	case 6:
		loop_step(rig.loop, 0);
		take_used();
		break;
	case 7:
		start(VIRTIO_F_VERSION_1 | (in(i, 1) & 1 ? VIRTIO_F_EVENT_IDX : 0));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct vsock_conf conf = { .cid = CID };
	struct input i = { data, len };
	struct virtio_env env;
	int fd;

	strcpy(conf.uds, path);
	memset(&rig, 0, sizeof(rig));
	memset(rig.peers, 0xff, sizeof(rig.peers));
	rig.mem = fake_mem(0);
	check(!loop_create(&rig.loop, "fuzz"));
	env = (struct virtio_env){ .mem = rig.mem, .loop = rig.loop };
	check(!virtio_vsock_create(&rig.d, &env, &conf));
	fake_transport_attach(&rig.t, rig.d);
	start(VIRTIO_F_VERSION_1);
	while (i.left)
		operate(&i);
	take_used();
	fake_unplug(rig.d);
	for (unsigned n = 0; n < NR_PEERS; n++)
		if (rig.peers[n] >= 0)
			close(rig.peers[n]);
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd);
	return 0;
}
