/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of virtio-console, found in sysfs: there is no udev that would make links with their names.
 *
 * Thread: one.
 * Trust:  none needed: the names are the kernel's.
 */
#include "guest/init/ports.h"

#include <linux/time.h>

#include "guest/init/sys.h"
#include "guest/init/text.h"
#include "lkvm/exec/wire.h"

#define CLASS "/sys/class/virtio-ports/"

/* 20 s in all: the kernel may be an emulated one. */
#define PAUSE_NS 2000000
#define TRIES 10000

/* getdents64(2) */
struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

static const char *const names[NR_PORTS] = { EXEC_PORT_CONTROL, EXEC_PORT_IN, EXEC_PORT_OUT,
					     EXEC_PORT_ERR };

/* The name that the host has given to the port `dev`, a line. */
static bool read_name(const char *dev, char *name, size_t size)
{
	char path[128], file[128];
	long n;
	int fd;

	if (!text_join(path, sizeof(path), CLASS, dev) ||
	    !text_join(file, sizeof(file), path, "/name"))
		return false;
	fd = sys_open(file, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	n = sys_read(fd, name, size - 1);
	sys_close(fd);
	if (n <= 0)
		return false;
	name[name[n - 1] == '\n' ? n - 1 : n] = 0;
	return true;
}

static void try_port(const char *dev, int fds[NR_PORTS])
{
	char name[64], path[128];

	if (!read_name(dev, name, sizeof(name)) || !text_join(path, sizeof(path), "/dev/", dev))
		return;
	for (unsigned i = 0; i < NR_PORTS; i++) {
		if (fds[i] < 0 && text_is(name, names[i]))
			fds[i] = sys_open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
	}
}

static void look(int fds[NR_PORTS])
{
	_Alignas(struct entry) char buf[1024];
	int dir = sys_open(CLASS, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	long n;

	if (dir < 0)
		return;
	while ((n = SYS3(getdents64, dir, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(buf + at);

			try_port(e->name, fds);
			at += e->len;
		}
	}
	sys_close(dir);
}

bool ports_open(int fds[NR_PORTS])
{
	const struct timespec pause = { 0, PAUSE_NS };

	for (unsigned i = 0; i < NR_PORTS; i++)
		fds[i] = -1;
	for (unsigned t = 0; t < TRIES; t++) {
		bool all = true;

		look(fds);
		for (unsigned i = 0; i < NR_PORTS; i++)
			all = all && fds[i] >= 0;
		if (all)
			return true;
		SYS2(nanosleep, &pause, NULL);
	}
	return false;
}
