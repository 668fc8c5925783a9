/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network driver that means harm, in front of a netif that checks what it is given: every frame
 * has a legal length, every offload lies inside it and was negotiated.
 *
 * Thread: one.
 * Trust:  plays the driver, and a netif with frames of any size.
 * Spec:   virtio 1.3 §5.1
 *
 * Input: 8 bytes of features, then operations of one byte with their operands.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/driver.h"
#include "tests/fake/netif.h"
#include "tests/fake/transport.h"
#include "tests/fuzz/input.h"
#include "virtio/dev/kinds.h"

#define NR_PAIRS 2u
#define NR_QUEUES (2 * NR_PAIRS + 1) /* and the control queue */

struct rig {
	struct mem *mem;
	struct loop *loop;
	struct virtio_device *d;
	struct fake_netif *n;
	struct netif_ops ops;
	struct fake_transport t;
	struct fake_ring ring[NR_QUEUES];
	u64 features;
	int say; /* what send() answers */
};

static struct rig rig;

static int on_send(struct netif *n, const struct netif_offload *o, struct iov_cur frame)
{
	size_t len = frame.left;

	check(len >= 14 && len <= NETIF_FRAME_MAX && frame.nr <= 256);
	if (o->needs_csum)
		check((size_t)o->csum_start + o->csum_offset + 2 <= len &&
		      (rig.n->offloads & NETIF_TX_CSUM));
	if (o->gso != NETIF_GSO_NONE)
		check(o->gso_size && o->needs_csum && o->hdr_len <= len &&
		      (rig.n->offloads &
		       (o->gso == NETIF_GSO_TCPV4 ? NETIF_TX_TSO4 : NETIF_TX_TSO6)));
	return rig.say;
}

static void start(void)
{
	fake_start(rig.d, rig.ring, 16, rig.features);
}

/* A chain of up to four buffers anywhere in the second half of RAM, or a little past its end. */
static void post(struct input *i)
{
	struct fake_ring *r = &rig.ring[in(i, 1) % NR_QUEUES];
	unsigned nr = 1 + in(i, 1) % 4;
	struct fake_buf b[4];
	u8 how = (u8)in(i, 1);

	for (unsigned k = 0; k < nr; k++) {
		b[k].addr = FAKE_DATA + in(i, 3) % (2 * MiB + 4096);
		b[k].len = (u32)in(i, how & 1 ? 2 : 1);
		b[k].write = (how >> (k + 1)) & 1;
	}
	fake_ring_add(r, b, nr);
}

static void put_header(struct input *i)
{
	u64 a = FAKE_DATA + in(i, 3) % (2 * MiB - 12);
	u8 *p = fake_ptr(rig.mem, a, 12);

	for (unsigned k = 0; k < 12; k++)
		p[k] = (u8)in(i, 1);
}

static void frame_in(struct input *i)
{
	static u8 frame[NETIF_FRAME_MAX];
	struct netif_offload o = { .data_valid = true };
	size_t len = 14 + in(i, 2) % (NETIF_FRAME_MAX - 14);
	int err = fake_netif_receive(rig.n, &o, frame, len);

	check(err == 0 || err == -EAGAIN);
	if (in(i, 1) & 1)
		fake_netif_flush(rig.n);
}

static void operate(struct input *i)
{
	switch (in(i, 1) % 8) {
	case 0:
	case 1:
		post(i);
		break;
	case 2:
		put_header(i);
		break;
	case 3:
		virtio_notify(rig.d, (u32)in(i, 1) % NR_QUEUES);
		loop_step(rig.loop, 0);
		break;
	case 4:
		frame_in(i);
		break;
	case 5:
		rig.say = (int[]){ 0, -EAGAIN, -EBADMSG, 0 }[in(i, 1) & 3];
		rig.n->netif.client->writable(rig.n->netif.client_arg);
		break;
	case 6:
		virtio_queue_reset(rig.d, &rig.d->queues[in(i, 1) % NR_QUEUES]);
		break;
	case 7:
		start();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input i = { data, len };
	struct fake_netif *other;

	memset(&rig, 0, sizeof(rig));
	rig.mem = fake_mem(0);
	rig.n = fake_netif(0x3f, 1500);
	rig.ops = *rig.n->netif.ops;
	rig.ops.send = on_send;
	rig.n->netif.ops = &rig.ops;
	other = fake_netif(0x3f, 1500);
	other->netif.ops = &rig.ops;
	rig.n->netif.next = &other->netif;
	check(!loop_create(&rig.loop, "fuzz"));

	struct virtio_env env = { .mem = rig.mem, .loop = rig.loop };

	check(!virtio_net_create(&rig.d, &env, &rig.n->netif));
	fake_transport_attach(&rig.t, rig.d);
	rig.features = (in(&i, 8) & rig.d->offered) | VIRTIO_F_VERSION_1;
	start();
	while (i.left)
		operate(&i);
	fake_unplug(rig.d);
	return 0;
}
