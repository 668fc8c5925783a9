/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls for assigned devices.
 *
 * Thread: any.
 * Trust:  the kernel.
 */
#include "lkvm/vfio/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

int vfio_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int vfio_ioctl(int fd, unsigned long req, void *arg)
{
	int ret = ioctl(fd, req, arg);

	return ret < 0 ? -errno : ret;
}

int vfio_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	int ret = ioctl(fd, req, val);

	return ret < 0 ? -errno : ret;
}

static int whole(ssize_t n, u32 len)
{
	return n < 0 ? -errno : n == (ssize_t)len ? 0 : -EIO;
}

int vfio_read(int fd, u64 off, void *buf, u32 len)
{
	return whole(pread(fd, buf, len, (off_t)off), len);
}

int vfio_write(int fd, u64 off, const void *buf, u32 len)
{
	return whole(pwrite(fd, buf, len, (off_t)off), len);
}

int vfio_mmap(int fd, u64 off, u64 len, void **at)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)off);

	if (p == MAP_FAILED)
		return -errno;
	*at = p;
	return 0;
}

void vfio_munmap(void *at, u64 len)
{
	munmap(at, len);
}

int vfio_link(const char *path, char buf[VFIO_NAME_SIZE])
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *slash;

	if (n < 0)
		return -errno;
	target[n] = 0;
	slash = strrchr(target, '/');
	snprintf(buf, VFIO_NAME_SIZE, "%.*s", (int)VFIO_NAME_SIZE - 1, slash ? slash + 1 : target);
	return 0;
}

int vfio_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);
	int err = n < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	if (err)
		return err;
	buf[n] = 0;
	if (n && buf[n - 1] == '\n')
		buf[n - 1] = 0;
	return 0;
}

int vfio_entry(const char *path, unsigned nth, char buf[VFIO_NAME_SIZE])
{
	DIR *d = opendir(path);
	const struct dirent *e;

	if (!d)
		return -ENOENT;
	do
		e = readdir(d);
	while (e && (e->d_name[0] == '.' || nth--));
	if (e)
		snprintf(buf, VFIO_NAME_SIZE, "%.*s", (int)VFIO_NAME_SIZE - 1, e->d_name);
	closedir(d);
	return e ? 0 : -ENOENT;
}
