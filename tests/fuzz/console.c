/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A console driver that means harm: any messages about ports, and ports that are opened, closed,
 * written to and reset, while the host's side comes and goes.
 *
 * Checked besides the sanitizers: each message to the driver is about a port that there is, and as
 * long as its kind is.
 *
 * Thread: one.
 * Trust:  plays the driver, and what stands behind the ports.
 * Spec:   virtio 1.3 §5.3
 *
 * Input: operations of one byte with their operands.
 */
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/vm/chardev.h"
#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/fuzz/input.h"
#include "virtio/dev/kinds.h"

#define NR_PORTS 3u			/* the console, and two with names */
#define NR_QUEUES (2u * (NR_PORTS + 1)) /* and those of control */
#define CONTROL_RX 2u
#define CONTROL_TX 3u
#define RING_SIZE 16u
#define BUF_SIZE 64u
#define BUF(q, i) (FAKE_DATA + 4096u * (q) + BUF_SIZE * (i))
#define MULTIPORT (BIT(1) | BIT(0))

struct message {
	le32 id;
	le16 event, value;
};

struct end {
	struct chardev chr;
	bool full, ready, here, open;
};

static struct {
	struct mem *mem;
	struct loop *loop;
	struct virtio_device *d;
	struct fake_transport t;
	struct fake_ring ring[NR_QUEUES];
	struct end ends[NR_PORTS];
} rig;

/* ---- behind the ports ---- */

static struct end *end_of(struct chardev *c)
{
	return container_of(c, struct end, chr);
}

static size_t end_write(struct chardev *c, const void *buf, size_t len)
{
	static u8 taken[64 * KiB];

	memcpy(taken, buf, MIN(len, sizeof(taken))); /* all of it can be read */
	return end_of(c)->full ? len / 2 : len;
}

static void end_rx_ready(struct chardev *c, bool ready)
{
	end_of(c)->ready = ready;
}

static bool end_size(struct chardev *c, u16 *cols, u16 *rows)
{
	*cols = 80;
	*rows = 25;
	return true;
}

static bool end_connected(struct chardev *c)
{
	return end_of(c)->here;
}

static void end_peer(struct chardev *c, bool open)
{
	end_of(c)->open = open;
}

static const struct chardev_ops end_ops = { .write = end_write,
					    .rx_ready = end_rx_ready,
					    .size = end_size,
					    .connected = end_connected,
					    .peer = end_peer };

static void host(struct input *i)
{
	struct end *e = &rig.ends[in(i, 1) % NR_PORTS];
	const struct chardev_client *c = e->chr.client;
	u8 what = (u8)in(i, 1);
	char bytes[256];

	if (!c)
		return;
	switch (what & 3) {
	case 0:
		memset(bytes, what, sizeof(bytes));
		if (e->ready)
			check(c->receive(e->chr.client_arg, bytes, what) <= what);
		break;
	case 1:
		e->full = what & 4;
		c->writable(e->chr.client_arg);
		break;
	case 2:
		e->here = !e->here;
		if (c->connected)
			c->connected(e->chr.client_arg);
		break;
	case 3:
		if (c->resized)
			c->resized(e->chr.client_arg);
		break;
	}
}

/* ---- the driver ---- */

static void start(u64 features)
{
	fake_start(rig.d, rig.ring, RING_SIZE, features);
}

static void post(struct input *i)
{
	unsigned q = (unsigned)in(i, 1) % NR_QUEUES;
	struct fake_ring *r = &rig.ring[q];
	u8 how = (u8)in(i, 1);
	struct fake_buf b = { BUF(q, r->next_desc % RING_SIZE), how & 1 ? how >> 2 : BUF_SIZE,
			      !(q & 1) != !!(how & 2) };

	fake_ring_add(r, &b, 1);
}

/* A message, mostly about a port that there is and of a kind that is known. */
static void control(struct input *i)
{
	struct fake_ring *r = &rig.ring[CONTROL_TX];
	u8 how = (u8)in(i, 1);
	struct fake_buf b = { BUF(CONTROL_TX, r->next_desc % RING_SIZE),
			      how & 1 ? how >> 3 : sizeof(struct message), false };
	const struct message m = {
		.id = le32_of(how & 2 ? (u32)in(i, 4) : (u32)in(i, 1) % NR_PORTS),
		.event = le16_of(how & 4 ? (u16)in(i, 2) : (u16)in(i, 1) & 7),
		.value = le16_of((u16)in(i, 1) & 3),
	};

	memcpy(fake_ptr(rig.mem, b.addr, sizeof(m)), &m, sizeof(m));
	fake_ring_add(r, &b, 1);
}

static void take_used(void)
{
	const struct message *m;
	u32 id, len;

	while (fake_ring_used(&rig.ring[CONTROL_RX], &id, &len)) {
		if (fake_broken(rig.d))
			continue;
		check(len >= sizeof(*m) && len <= BUF_SIZE);
		m = fake_ptr(rig.mem, BUF(CONTROL_RX, id), sizeof(*m));
		check(le32_get(m->id) < NR_PORTS);
		check(le16_get(m->event) <= 7 && le16_get(m->event) != 0);
		check(le16_get(m->event) == 7 || le16_get(m->event) == 5 || len == sizeof(*m));
	}
}

static void operate(struct input *i)
{
	switch (in(i, 1) % 8) {
	case 0:
	case 1:
		post(i);
		break;
	case 2:
	case 3:
		control(i);
		break;
	case 4:
		virtio_notify(rig.d, (u32)in(i, 1) % NR_QUEUES);
		break;
	case 5:
		host(i);
		break;
	case 6:
		loop_step(rig.loop, 0);
		take_used();
		break;
	case 7:
		start(VIRTIO_F_VERSION_1 | (in(i, 1) & 1 ? VIRTIO_F_EVENT_IDX : 0) |
		      (in(i, 1) & MULTIPORT));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct virtio_console_port ports[] = { { "a", &rig.ends[1].chr },
						     { "a.name", &rig.ends[2].chr } };
	const struct virtio_console_conf conf = { &rig.ends[0].chr, ports, ARRAY_SIZE(ports) };
	struct input i = { data, len };
	struct virtio_env env;

	memset(&rig, 0, sizeof(rig));
	for (unsigned n = 0; n < NR_PORTS; n++)
		rig.ends[n].chr.ops = &end_ops;
	rig.mem = fake_mem(0);
	check(!loop_create(&rig.loop, "fuzz"));
	env = (struct virtio_env){ .mem = rig.mem, .loop = rig.loop };
	check(!virtio_console_create(&rig.d, &env, &conf));
	fake_transport_attach(&rig.t, rig.d);
	start(VIRTIO_F_VERSION_1 | MULTIPORT);
	while (i.left)
		operate(&i);
	virtio_status_set(rig.d, 0);
	for (unsigned n = 0; n < NR_PORTS; n++)
		check(!rig.ends[n].ready);
	fake_unplug(rig.d);
	return 0;
}
