/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the program's objects call instead of the C library, liburing and KVM. Which is called how
 * is in calls.h.
 *
 * Thread: any.
 * Trust:  none needed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lkvm/kvm/kvm.h"
#include "lkvm/kvm/kvm_uapi.h"
#include "tests/faults/faults.h"

/* A frame that lies further up belongs to somebody who keeps no frame pointers. */
#define FRAME_MAX (256 * 1024)

static struct {
	pthread_mutex_t lock;
	struct fault_log *log;
	const struct fault_place *place; /* NULL: write down */
	u32 to_go;
	_Atomic bool held;
} now = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void begin(struct fault_log *log, const struct fault_place *place, u32 nth)
{
	pthread_mutex_lock(&now.lock);
	now.log = log;
	now.place = place;
	now.to_go = nth;
	pthread_mutex_unlock(&now.lock);
}

void faults_record(struct fault_log *log)
{
	begin(log, NULL, 0);
}

void faults_inject(struct fault_log *log, const struct fault_place *place, u32 nth)
{
	begin(log, place, nth);
}

void faults_off(void)
{
	begin(NULL, NULL, 0);
}

void faults_hold(bool held)
{
	now.held = held;
}

bool faults_happened(const char *call)
{
	return now.log && now.place && now.log->happened && !strcmp(now.place->call, call);
}

/* Return addresses, from that of the frame at `frame` on. */
__attribute__((no_sanitize("address", "undefined"))) static void look_back(struct fault_place *p,
									   void **frame)
{
	for (unsigned i = 0; i < FAULT_DEPTH; i++) {
		void **up = frame[0];

		p->from[i] = frame[1];
		if (up <= frame || (char *)up - (char *)frame > FRAME_MAX)
			break;
		frame = up;
	}
}

static bool same_place(const struct fault_place *a, const struct fault_place *b)
{
	return a->call == b->call && !memcmp(a->from, b->from, sizeof(a->from));
}

static void write_down(const struct fault_place *p)
{
	u32 i = 0;

	while (i < now.log->nr && !same_place(&now.log->places[i], p))
		i++;
	assert(i < FAULT_PLACES);
	if (i == now.log->nr) {
		now.log->places[i] = *p;
		now.log->nr++;
	}
	now.log->places[i].times++;
}

static bool is_due(const char *call, void *frame, int err)
{
	struct fault_place p = { .call = call };
	bool due = false;

	if (!now.log || now.held)
		return false;
	look_back(&p, frame);
	pthread_mutex_lock(&now.lock);
	if (now.log && !now.place)
		write_down(&p);
	else if (now.log && !now.log->happened && same_place(now.place, &p))
		due = now.to_go-- == 0;
	if (due)
		now.log->happened = true;
	pthread_mutex_unlock(&now.lock);
	if (due)
		errno = err;
	return due;
}

#define FAULT_DUE(name, err) is_due(#name, __builtin_frame_address(0), err)

#define CALL(type, name, params, args, bad, err)                                                   \
	type fault_##name params;                                                                  \
	type fault_##name params                                                                   \
	{                                                                                          \
		return FAULT_DUE(name, err) ? (bad) : name args;                                   \
	}
#define CALL_MORE(type, name, params) type fault_##name params;
#include "tests/faults/calls.h"

/* An eventfd, a timerfd or their like is not on any medium that could fail. */
static bool is_the_kernels(int fd)
{
	char path[32], name[16];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, name, sizeof(name)) >= 11 && !memcmp(name, "anon_inode:", 11);
}

ssize_t fault_read(int fd, void *p, size_t n)
{
	return now.log && !is_the_kernels(fd) && FAULT_DUE(read, EIO) ? -1 : read(fd, p, n);
}

ssize_t fault_write(int fd, const void *p, size_t n)
{
	return now.log && !is_the_kernels(fd) && FAULT_DUE(write, ENOSPC) ? -1 : write(fd, p, n);
}

/* Without an argument it is a question whether the kernel knows the number; it does or does not. */
int fault_kvm_ioctl(int fd, unsigned long req, void *arg)
{
	return arg && FAULT_DUE(kvm_ioctl, EIO) ? -EIO : kvm_ioctl(fd, req, arg);
}

int fault_kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	bool fails = req != KVM_CHECK_EXTENSION && FAULT_DUE(kvm_ioctl_val, EIO);

	return fails ? -EIO : kvm_ioctl_val(fd, req, val);
}

int fault_open(const char *path, int f, ...)
{
	va_list ap;
	mode_t mode = 0;

	va_start(ap, f);
	if (f & (O_CREAT | O_TMPFILE))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return FAULT_DUE(open, EMFILE) ? -1 : open(path, f, mode);
}

int fault_openat(int d, const char *path, int f, ...)
{
	va_list ap;
	mode_t mode = 0;

	va_start(ap, f);
	if (f & (O_CREAT | O_TMPFILE))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return FAULT_DUE(openat, EMFILE) ? -1 : openat(d, path, f, mode);
}

int fault_ioctl(int fd, unsigned long req, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, req);
	arg = va_arg(ap, void *);
	va_end(ap);
	return FAULT_DUE(ioctl, EIO) ? -1 : ioctl(fd, req, arg);
}

int fault_fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return FAULT_DUE(fcntl, EMFILE) ? -1 : fcntl(fd, cmd, arg);
}
