/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fake/vhost_user.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_FDS 8
#define ALL_PROTOCOL UINT64_C(0xffff)

struct message {
	struct vhost_header h;
	union {
		u64 val;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct vhost_table table;
		u8 bytes[512];
	} p;
	int fds[MAX_FDS];
	unsigned nr_fds;
};

void fake_vu_init(struct fake_vu *f)
{
	memset(f, 0, sizeof(*f));
	f->fd = f->listener = -1;
	f->features = BIT(32) | BIT(29) | BIT(28) | VHOST_F_PROTOCOL_FEATURES;
	f->protocol = ALL_PROTOCOL;
	f->nr_queues = FAKE_VU_RINGS;
	for (unsigned i = 0; i < FAKE_VU_RINGS; i++)
		f->rings[i].kick = f->rings[i].call = -1;
}

/* ---- messages ---- */

static bool receive(struct fake_vu *f, struct message *m)
{
	char control[CMSG_SPACE(MAX_FDS * sizeof(int))];
	struct iovec iov = { &m->h, sizeof(m->h) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };

	m->nr_fds = 0;
	if (recvmsg(f->fd, &msg, MSG_WAITALL) != sizeof(m->h))
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		m->nr_fds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(m->fds, CMSG_DATA(c), m->nr_fds * sizeof(int));
	}
	assert(m->h.size <= sizeof(m->p) && (m->h.flags & VHOST_VERSION_MASK) == VHOST_VERSION);
	return !m->h.size || recv(f->fd, &m->p, m->h.size, MSG_WAITALL) == (ssize_t)m->h.size;
}

static void answer(struct fake_vu *f, const struct message *m, const void *payload, u32 size)
{
	enum fake_vu_fault fault = m->h.request == f->at ? f->fault : FAKE_VU_FINE;
	struct vhost_header h = { m->h.request, VHOST_VERSION | VHOST_REPLY, size };
	u8 long_one[600] = { 0 };
	char control[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	struct iovec iov[2] = { { &h, sizeof(h) }, { long_one, size } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	memcpy(long_one, payload, size);
	h.request += fault == FAKE_VU_OTHER_REQUEST;
	h.flags -= fault == FAKE_VU_NO_REPLY_FLAG ? VHOST_REPLY : 0;
	h.flags += fault == FAKE_VU_OTHER_VERSION;
	if (fault == FAKE_VU_SHORT)
		h.size = 4;
	if (fault == FAKE_VU_LONG)
		h.size = 0xffffffff;
	if (fault == FAKE_VU_WITH_FDS) {
		int fds[2] = { STDERR_FILENO, f->fd };

		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		*CMSG_FIRSTHDR(&msg) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(fds)),
							 .cmsg_level = SOL_SOCKET,
							 .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fds, sizeof(fds));
	}
	sendmsg(f->fd, &msg, MSG_NOSIGNAL);
	if (fault == FAKE_VU_CHATTERS)
		send(f->fd, &h, sizeof(h), MSG_NOSIGNAL);
}

static void answer_u64(struct fake_vu *f, const struct message *m, u64 val)
{
	answer(f, m, &val, sizeof(val));
}

/* ---- what it is told ---- */

static void unmap(struct fake_vu *f)
{
	for (u32 i = 0; i < f->table.nr; i++)
		munmap(f->maps[i], f->table.regions[i].offset + f->table.regions[i].size);
	f->table.nr = 0;
}

static void take_table(struct fake_vu *f, const struct message *m)
{
	unmap(f);
	assert(m->p.table.nr == m->nr_fds && m->nr_fds <= VHOST_MAX_REGIONS);
	f->table = m->p.table;
	f->tables++;
	for (u32 i = 0; i < f->table.nr; i++) {
		const struct vhost_region *r = &f->table.regions[i];

		f->maps[i] = mmap(NULL, r->offset + r->size, PROT_READ | PROT_WRITE, MAP_SHARED,
				  m->fds[i], 0);
		assert(f->maps[i] != MAP_FAILED);
		close(m->fds[i]);
	}
}

static int take_fd(const struct message *m, int old)
{
	if (old >= 0)
		close(old);
	assert(m->nr_fds == 1 && !(m->p.val & VHOST_VRING_NO_FD));
	return m->fds[0];
}

static struct fake_vu_ring *ring_of(struct fake_vu *f, u64 i)
{
	assert(i < FAKE_VU_RINGS);
	return &f->rings[i];
}

static void tell_ring(struct fake_vu *f, const struct message *m)
{
	struct fake_vu_ring *r = ring_of(f, m->p.state.index);

	switch (m->h.request) {
	case VHOST_SET_VRING_NUM:
		r->num = m->p.state.num;
		break;
	case VHOST_SET_VRING_BASE:
		r->base = m->p.state.num;
		r->next = (u16)r->base;
		break;
	case VHOST_SET_VRING_ADDR:
		r->addr = m->p.addr;
		break;
	case VHOST_SET_VRING_CALL:
		r->call = take_fd(m, r->call);
		break;
	case VHOST_SET_VRING_KICK:
		/* Everything that a ring needs was there before. */
		assert(r->num && r->call >= 0 && r->addr.desc && f->table.nr);
		r->kick = take_fd(m, r->kick);
		r->running = true;
		break;
	case VHOST_SET_VRING_ENABLE:
		r->enabled = m->p.state.num;
		break;
	default:
		assert(0 && "a request that is not known");
	}
}

/* True: it was a question, and is answered. */
static bool asked(struct fake_vu *f, const struct message *m)
{
	struct vhost_vring_state s = m->p.state;

	switch (m->h.request) {
	case VHOST_GET_FEATURES:
		answer_u64(f, m, f->features);
		return true;
	case VHOST_GET_PROTOCOL_FEATURES:
		answer_u64(f, m, f->protocol);
		return true;
	case VHOST_GET_QUEUE_NUM:
		answer_u64(f, m, f->nr_queues);
		return true;
	case VHOST_GET_VRING_BASE:
		ring_of(f, s.index)->running = false;
		s.num = ring_of(f, s.index)->next;
		answer(f, m, &s, sizeof(s));
		return true;
	}
	return false;
}

static void told(struct fake_vu *f, const struct message *m)
{
	switch (m->h.request) {
	case VHOST_SET_FEATURES:
		f->features_set = m->p.val;
		break;
	case VHOST_SET_PROTOCOL_FEATURES:
		f->protocol_set = m->p.val;
		break;
	case VHOST_SET_OWNER:
		f->owners++;
		break;
	case VHOST_SET_MEM_TABLE:
		take_table(f, m);
		break;
	default:
		tell_ring(f, m);
	}
}

static bool handle(struct fake_vu *f, const struct message *m)
{
	bool now = m->h.request == f->at;

	f->messages++;
	if (now && f->fault == FAKE_VU_SILENT)
		f->silent = true;
	if (f->silent || (now && f->fault == FAKE_VU_CLOSES)) {
		for (unsigned i = 0; i < m->nr_fds; i++)
			close(m->fds[i]);
		return f->silent;
	}
	if (asked(f, m))
		return true;
	told(f, m);
	if (m->h.flags & VHOST_NEED_REPLY) {
		assert(f->protocol_set & VHOST_PROTOCOL_F_REPLY_ACK);
		answer_u64(f, m, now && f->fault == FAKE_VU_REFUSES);
	}
	return true;
}

static void *serve(void *arg)
{
	struct fake_vu *f = arg;
	struct message m;

	if (f->listener >= 0) {
		f->fd = accept(f->listener, NULL, NULL);
		close(f->listener);
	}
	while (receive(f, &m) && handle(f, &m))
		;
	shutdown(f->fd, SHUT_RDWR);
	return NULL;
}

/* ---- life ---- */

int fake_vu_up(struct fake_vu *f)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		assert(0 && "socketpair");
	f->fd = sv[1];
	pthread_create(&f->thread, NULL, serve, f);
	return sv[0];
}

void fake_vu_up_at(struct fake_vu *f, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	unlink(path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(f->listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(f->listener, 1) < 0)
		assert(0 && "listen");
	pthread_create(&f->thread, NULL, serve, f);
}

void fake_vu_die(struct fake_vu *f)
{
	shutdown(f->fd, SHUT_RDWR);
}

void fake_vu_down(struct fake_vu *f)
{
	if (f->fd >= 0)
		fake_vu_die(f);
	pthread_join(f->thread, NULL);
	close(f->fd);
	unmap(f);
	for (unsigned i = 0; i < FAKE_VU_RINGS; i++) {
		if (f->rings[i].kick >= 0)
			close(f->rings[i].kick);
		if (f->rings[i].call >= 0)
			close(f->rings[i].call);
	}
}

/* ---- what it does with the guest's memory ---- */

void *fake_vu_at(struct fake_vu *f, u64 addr, u64 len)
{
	for (u32 i = 0; i < f->table.nr; i++) {
		const struct vhost_region *r = &f->table.regions[i];

		if (addr >= r->guest && range_within(addr - r->guest, len, r->size))
			return f->maps[i] + r->offset + (addr - r->guest);
	}
	return NULL;
}

/* Of a ring; told by the addresses of the front end, which are translated like the guest's. */
static void *ring_at(struct fake_vu *f, u64 user, u64 len)
{
	for (u32 i = 0; i < f->table.nr; i++) {
		const struct vhost_region *r = &f->table.regions[i];

		if (user >= r->user && range_within(user - r->user, len, r->size))
			return f->maps[i] + r->offset + (user - r->user);
	}
	assert(0 && "a ring in no region");
	return NULL;
}

bool fake_vu_take(struct fake_vu *f, unsigned i, u16 *head)
{
	struct fake_vu_ring *r = &f->rings[i];
	u16 *avail = ring_at(f, r->addr.avail, 6 + 2 * r->num);

	assert(r->running);
	if (__atomic_load_n(&avail[1], __ATOMIC_ACQUIRE) == r->base)
		return false;
	*head = avail[2 + r->base++ % r->num];
	r->base &= 0xffff;
	return true;
}

void *fake_vu_desc(struct fake_vu *f, unsigned i, u16 d, u32 *len, int *next)
{
	struct {
		u64 addr;
		u32 len;
		u16 flags, next;
	} *desc = ring_at(f, f->rings[i].addr.desc + 16u * d, 16);

	*len = desc->len;
	*next = desc->flags & 1 ? desc->next : -1;
	return fake_vu_at(f, desc->addr, desc->len);
}

void fake_vu_push(struct fake_vu *f, unsigned i, u16 head, u32 len)
{
	struct fake_vu_ring *r = &f->rings[i];
	u16 *used = ring_at(f, r->addr.used, 6 + 8 * r->num);
	u32 *elem = (u32 *)(used + 2) + 2 * (r->next % r->num);

	elem[0] = head;
	elem[1] = len;
	__atomic_store_n(&used[1], ++r->next, __ATOMIC_RELEASE);
	eventfd_write(r->call, 1);
}
