/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls of arm64 Linux, without a C library: what init makes of them, under the names that
 * they have in the manual's section 2. Each returns what the kernel does: -errno for an error.
 */
#ifndef GUEST_INIT_SYS_H
#define GUEST_INIT_SYS_H

#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define static_assert _Static_assert /* there is no <assert.h> here */

static inline long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return x0;
}

#define SYS0(n) sys6(__NR_##n, 0, 0, 0, 0, 0, 0)
#define SYS1(n, a) sys6(__NR_##n, (long)(a), 0, 0, 0, 0, 0)
#define SYS2(n, a, b) sys6(__NR_##n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS3(n, a, b, c) sys6(__NR_##n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS4(n, a, b, c, d) sys6(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS5(n, a, b, c, d, e)                                                                     \
	sys6(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

static inline int sys_open(const char *path, int flags, int mode)
{
	return (int)SYS4(openat, AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

static inline long sys_read(int fd, void *buf, size_t len)
{
	return SYS3(read, fd, buf, len);
}

static inline long sys_write(int fd, const void *buf, size_t len)
{
	return SYS3(write, fd, buf, len);
}

static inline int sys_close(int fd)
{
	return (int)SYS1(close, fd);
}

static inline int sys_mkdir(const char *path, int mode)
{
	return (int)SYS3(mkdirat, AT_FDCWD, path, mode);
}

static inline int sys_mount(const char *what, const char *where, const char *type,
			    unsigned long flags, const char *data)
{
	return (int)SYS5(mount, what, where, type, flags, data);
}

static inline int sys_ioctl(int fd, unsigned long request, const void *arg)
{
	return (int)SYS3(ioctl, fd, request, arg);
}

#endif
