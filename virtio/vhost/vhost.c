/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The front end of vhost-user: agreeing on the protocol, lending memory, starting and stopping
 * rings, noticing the end.
 *
 * Thread: main while the machine is built, then the loop of the device.
 * Trust:  the back end may be anybody. Of what it says only feature bits and numbers of queues are
 *         used, and both only make an offer smaller.
 * Spec:   QEMU docs/interop/vhost-user.rst
 *
 * Addresses. Descriptors have addresses of the guest, rings are told by addresses of the front end;
 * the table that the back end gets has both. Here they are the same, so a back end learns nothing
 * of our address space. In a Realm each region is in the table twice, by its plain address and by
 * its shared alias, because guests use either; both are the same bytes of the same file.
 *
 * A back end that is done for is not replaced: whether its last requests were carried out is known
 * to nobody.
 */
#include "virtio/vhost/vhost.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/mem.h"
#include "virtio/vhost/wire.h"

#define F_VERSION_1 BIT(32)
#define F_ACCESS_PLATFORM BIT(33)

static const struct sys_call list[] = {
	CALL(sendmsg),
	CALL(recvfrom),
	CALL_RARE(ppoll, "a back end that is slow"),
#ifdef __NR_poll
	CALL_RARE(poll, "a back end that is slow"),
#endif
	CALL(close),
	CALL(preadv2), /* of an interrupt that the kernel has not taken */
};
const struct calls vhost_calls = CALLS("vhost-user", list);

struct vhost {
	struct wire wire;
	u64 features; /* of the back end, VHOST_F_PROTOCOL_FEATURES among them */
	bool protocol;
	unsigned nr_queues;
	u64 on;	      /* a bit for each ring that was started */
	int err;      /* what ended it */
	bool unasked; /* ... was that it sent something unasked */

	struct loop_fd *reg;
	void (*gone)(void *arg);
	void *arg;
};

static void begin(struct vhost *v)
{
	v->wire.deadline_ns = loop_now_ns() + VHOST_PATIENCE_MS * UINT64_C(1000000);
}

/* The first error is the last. */
static int done_for(struct vhost *v, int err)
{
	if (v->err)
		return v->err;
	v->err = err;
	loop_fd_del(v->reg);
	v->reg = NULL;
	close(v->wire.fd);
	v->wire.fd = -1;
	v->on = 0;
	return err;
}

/* ---- the protocol ---- */

static int agree_on_protocol(struct vhost *v)
{
	u64 wanted = VHOST_PROTOCOL_F_MQ | VHOST_PROTOCOL_F_REPLY_ACK, offered, nr;
	int err =
		wire_ask(&v->wire, VHOST_GET_PROTOCOL_FEATURES, NULL, 0, &offered, sizeof(offered));

	if (!err)
		err = wire_tell_u64(&v->wire, VHOST_SET_PROTOCOL_FEATURES, offered & wanted);
	if (err)
		return err;
	v->protocol = true;
	v->wire.acks = offered & VHOST_PROTOCOL_F_REPLY_ACK;
	if (!(offered & VHOST_PROTOCOL_F_MQ))
		return 0;
	err = wire_ask(&v->wire, VHOST_GET_QUEUE_NUM, NULL, 0, &nr, sizeof(nr));
	if (!err)
		v->nr_queues = (unsigned)MIN(nr, (u64)VHOST_MAX_QUEUES);
	return err;
}

static int agree(struct vhost *v)
{
	int err =
		wire_ask(&v->wire, VHOST_GET_FEATURES, NULL, 0, &v->features, sizeof(v->features));

	if (err)
		return err;
	if (!(v->features & F_VERSION_1))
		return -EOPNOTSUPP;
	if (v->features & VHOST_F_PROTOCOL_FEATURES)
		err = agree_on_protocol(v);
	return err ? err : wire_tell(&v->wire, VHOST_SET_OWNER, NULL, 0, NULL, 0);
}

int vhost_open(struct vhost **out, int fd)
{
	struct vhost *v = calloc(1, sizeof(*v));
	int err;

	if (!v) {
		close(fd);
		return -ENOMEM;
	}
	v->wire.fd = fd;
	begin(v);
	err = agree(v);
	if (err) {
		vhost_close(v);
		return err;
	}
	*out = v;
	return 0;
}

int vhost_connect(struct vhost **out, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return vhost_open(out, fd);
}

void vhost_close(struct vhost *v)
{
	if (!v)
		return;
	done_for(v, -ENOTCONN);
	free(v);
}

u64 vhost_features(const struct vhost *v)
{
	return v->features & ~VHOST_F_PROTOCOL_FEATURES;
}

unsigned vhost_nr_queues(const struct vhost *v)
{
	return v->nr_queues;
}

/* ---- memory ---- */

/* In order of addresses, which the aliases are all behind. fds[i]: the file of region i. */
static int fill_table(struct vhost_table *t, int *fds, const struct mem *m)
{
	unsigned nr = mem_nr_regions(m), views = mem_alias(m) ? 2 : 1;

	assert(nr);
	*t = (struct vhost_table){ .nr = nr * views };
	if (t->nr > VHOST_MAX_REGIONS)
		return -EOPNOTSUPP;
	for (unsigned i = 0; i < t->nr; i++) {
		struct mem_loan loan;
		int err = mem_lend(m, i % nr, &loan);
		u64 base = loan.base.a | (i < nr ? 0 : mem_alias(m));

		if (err)
			return err;
		t->regions[i] = (struct vhost_region){ base, loan.size, base, 0 };
		fds[i] = loan.fd;
	}
	return 0;
}

static int lend(struct vhost *v, const struct mem *m)
{
	struct vhost_table t;
	int fds[VHOST_MAX_REGIONS];
	int err = fill_table(&t, fds, m);
	u32 size = (u32)(offsetof(struct vhost_table, regions) + t.nr * sizeof(t.regions[0]));

	return err ? err : wire_tell(&v->wire, VHOST_SET_MEM_TABLE, &t, size, fds, t.nr);
}

/* ---- rings ---- */

static int tell_state(struct vhost *v, enum vhost_request request, u32 index, u32 num)
{
	struct vhost_vring_state s = { index, num };

	return wire_tell(&v->wire, request, &s, sizeof(s), NULL, 0);
}

static int tell_fd(struct vhost *v, enum vhost_request request, u64 index, int fd)
{
	return wire_tell(&v->wire, request, &index, sizeof(index), &fd, 1);
}

/* The back end looks at the ring from SET_VRING_KICK on, so that comes last. */
static int start_ring(struct vhost *v, u32 i, const struct vhost_ring *r)
{
	struct vhost_vring_addr a = {
		.index = i, .desc = r->desc, .avail = r->driver, .used = r->device
	};
	int err = tell_state(v, VHOST_SET_VRING_NUM, i, r->size);

	if (!err)
		err = tell_state(v, VHOST_SET_VRING_BASE, i, 0);
	if (!err)
		err = wire_tell(&v->wire, VHOST_SET_VRING_ADDR, &a, sizeof(a), NULL, 0);
	if (!err)
		err = tell_fd(v, VHOST_SET_VRING_CALL, i, r->call);
	if (err)
		return err;
	v->on |= BIT(i);
	err = tell_fd(v, VHOST_SET_VRING_KICK, i, r->kick);
	/* With features of the protocol a ring starts disabled. */
	if (!err && v->protocol)
		err = tell_state(v, VHOST_SET_VRING_ENABLE, i, 1);
	return err;
}

int vhost_start(struct vhost *v, struct mem *m, u64 features, const struct vhost_ring *rings,
		unsigned nr)
{
	/*
	 * Features that it has not offered are between the guest and us. To a back end that has
	 * offered it, ACCESS_PLATFORM is an IOMMU, of which it wants to be told.
	 */
	u64 told = features & v->features & ~F_ACCESS_PLATFORM;
	int err;

	assert(nr <= VHOST_MAX_QUEUES);
	if (v->err)
		return -ENOTCONN;
	begin(v);
	if (v->protocol)
		told |= VHOST_F_PROTOCOL_FEATURES;
	err = wire_tell_u64(&v->wire, VHOST_SET_FEATURES, told);
	if (!err)
		err = lend(v, m);
	for (unsigned i = 0; i < nr && !err; i++)
		if (rings[i].on)
			err = start_ring(v, i, &rings[i]);
	return err ? done_for(v, err) : 0;
}

int vhost_stop(struct vhost *v)
{
	struct vhost_vring_state asked, answer;
	int err = 0;

	if (v->err)
		return -ENOTCONN;
	begin(v);
	for (u32 i = 0; i < VHOST_MAX_QUEUES && !err; i++) {
		if (!(v->on & BIT(i)))
			continue;
		asked = (struct vhost_vring_state){ .index = i };
		err = wire_ask(&v->wire, VHOST_GET_VRING_BASE, &asked, sizeof(asked), &answer,
			       sizeof(answer));
	}
	v->on = 0;
	return err ? done_for(v, err) : 0;
}

/* ---- the end ---- */

static void readable(void *arg, u32 events)
{
	struct vhost *v = arg;
	char byte;

	/* Answers were taken where they were waited for. */
	v->unasked = recv(v->wire.fd, &byte, 1, MSG_DONTWAIT) > 0;
	done_for(v, v->unasked ? -EPROTO : -ECONNRESET);
	v->gone(v->arg);
}

int vhost_watch(struct vhost *v, struct loop *loop, void (*gone)(void *arg), void *arg)
{
	v->gone = gone;
	v->arg = arg;
	return loop_fd_add(loop, v->wire.fd, EPOLLIN | EPOLLRDHUP, readable, v, &v->reg);
}

const char *vhost_why(const struct vhost *v)
{
	if (v->unasked)
		return "it sends what nobody has asked for";
	return v->err ? vhost_error(v->err) : NULL;
}

const char *vhost_error(int err)
{
	switch (err) {
	case -ETIMEDOUT:
		return "it does not answer";
	case -ECONNRESET:
		return "it has closed the connection";
	case -EPROTO:
		return "what it answers is not vhost-user";
	case -EREMOTEIO:
		return "it refuses what it is told";
	case -EOPNOTSUPP:
		return "it cannot serve this guest";
	}
	return strerror(-err);
}
