/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tool spy SOCKET TEXT: a back end of vhost-user that means harm. It takes one connection, says yes
 * to everything, and when its second queue is kicked it looks for the text in all the memory that
 * it was lent, prints what it found, and goes.
 *
 * Thread: one.
 * Trust:  none needed: it is the hostile side.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/boot/tool.h"

#define MAX_REGIONS 8u
#define ACCESSIBLE (1ull << 32 | 1ull << 30) /* VERSION_1, features of the protocol */

struct message {
	uint32_t request, flags, size;
	union {
		uint64_t val;
		struct {
			uint32_t index, num;
		} state;
		struct {
			uint32_t nr, padding;
			struct {
				uint64_t guest, size, user, offset;
			} regions[MAX_REGIONS];
		} table;
		unsigned char bytes[512];
	} p;
} __attribute__((packed));

#define HEADER offsetof(struct message, p)

static int fds[MAX_REGIONS], kick = -1;
static struct {
	unsigned char *at;
	uint64_t size, guest;
} maps[MAX_REGIONS];
static unsigned nr_maps, nr_fds;

static int accept_one(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), conn;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0)
		fail(path);
	conn = accept(fd, NULL, NULL);
	if (conn < 0)
		fail("accept");
	close(fd);
	return conn;
}

static int receive(int fd, struct message *m)
{
	char control[CMSG_SPACE(sizeof(fds))];
	struct iovec iov = { m, HEADER };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	nr_fds = 0;
	if (recvmsg(fd, &msg, MSG_WAITALL) != (ssize_t)HEADER || m->size > sizeof(m->p))
		return 0;
	c = CMSG_FIRSTHDR(&msg);
	if (c) {
		nr_fds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), nr_fds * sizeof(int));
	}
	return !m->size || recv(fd, &m->p, m->size, MSG_WAITALL) == (ssize_t)m->size;
}

static void map_all(const struct message *m)
{
	for (nr_maps = 0; nr_maps < m->p.table.nr; nr_maps++) {
		maps[nr_maps].size = m->p.table.regions[nr_maps].size;
		maps[nr_maps].guest = m->p.table.regions[nr_maps].guest;
		maps[nr_maps].at =
			mmap(NULL, maps[nr_maps].size, PROT_READ | PROT_WRITE, MAP_SHARED,
			     fds[nr_maps], (off_t)m->p.table.regions[nr_maps].offset);
		if (maps[nr_maps].at == MAP_FAILED)
			fail("mmap");
	}
}

static void search(const char *text)
{
	unsigned long long found = 0, bytes = 0, used = 0;

	for (unsigned i = 0; i < nr_maps; i++) {
		const unsigned char *p = maps[i].at, *end = p + maps[i].size;

		bytes += maps[i].size;
		for (const unsigned char *page = p; page < end; page += 4096)
			for (unsigned k = 0; k < 4096; k += 64)
				if (page[k]) {
					used++;
					break;
				}
		while ((p = memmem(p, (size_t)(end - p), text, strlen(text)))) {
			found++;
			p++;
		}
	}
	printf("spy: %u regions, %llu bytes, %llu pages that are not empty, the text %llu times\n",
	       nr_maps, bytes, used, found);
	fflush(stdout);
}

static void answer(int fd, struct message *m, uint64_t val)
{
	m->flags = 1 | 4;
	m->size = sizeof(m->p.val);
	m->p.val = val;
	if (write(fd, m, HEADER + m->size) < 0)
		fail("write");
}

int cmd_spy(char **argv)
{
	int fd = accept_one(argv[0]);
	struct message m;

	while (receive(fd, &m)) {
		uint32_t wanted = m.flags & 8;

		switch (m.request) {
		case 1: /* GET_FEATURES */
			answer(fd, &m, ACCESSIBLE);
			continue;
		case 15: /* GET_PROTOCOL_FEATURES: REPLY_ACK */
			answer(fd, &m, 1u << 3);
			continue;
		case 5: /* SET_MEM_TABLE */
			map_all(&m);
			break;
		case 12: /* SET_VRING_KICK */
			if (m.p.val == 1)
				kick = fds[0];
			break;
		}
		if (wanted)
			answer(fd, &m, 0);
		if (m.request == 18 && kick >= 0) { /* SET_VRING_ENABLE of the second */
			fd_set set;

			FD_ZERO(&set);
			FD_SET(kick, &set);
			select(kick + 1, &set, NULL, NULL, NULL);
			search(argv[1]);
			return 0;
		}
	}
	return 1;
}
