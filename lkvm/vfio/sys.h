/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls of this folder, alone in a file so that tests can put a model of a host in its
 * place (tests/fake/vfio.h). All of them: >= 0, or -errno, and no message. Any thread.
 */
#ifndef LKVM_VFIO_SYS_H
#define LKVM_VFIO_SYS_H

#include "lkvm/base/util.h"

#define VFIO_NAME_SIZE 64u /* of a file in sysfs */

/* A node below /dev/vfio, or /dev/iommu, for reading and writing. The caller closes it. */
int vfio_open(const char *path);

int vfio_ioctl(int fd, unsigned long req, void *arg);
int vfio_ioctl_val(int fd, unsigned long req, unsigned long val);

/* All of [off, off + len) of a device's file: 0; -EIO: only a part of it. */
int vfio_read(int fd, u64 off, void *buf, u32 len);
int vfio_write(int fd, u64 off, const void *buf, u32 len);

/* Map [off, off + len) of a device's file at *at, which is the caller's to unmap. */
int vfio_mmap(int fd, u64 off, u64 len, void **at);
void vfio_munmap(void *at, u64 len);

/* What a link in sysfs points to, without its directory, in buf[0..VFIO_NAME_SIZE). */
int vfio_link(const char *path, char buf[VFIO_NAME_SIZE]);

/* The beginning of a file in sysfs as a string, without a newline at the end. */
int vfio_text(const char *path, char *buf, size_t size);

/*
 * The `nth` name (from 0, in no order) in a directory, besides . and .. : -ENOENT: there are fewer,
 * or there is no such directory.
 */
int vfio_entry(const char *path, unsigned nth, char buf[VFIO_NAME_SIZE]);

#endif
