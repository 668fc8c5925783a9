/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system call below the KVM floor, alone in a file so that tests can put a model of a kernel in
 * its place.
 *
 * Thread: any.
 * Trust:  the kernel.
 * Spec:   [KVM api]
 */
#include <errno.h>

#include "lkvm/kvm/kvm.h"

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	int ret = ioctl(fd, req, arg);

	return ret < 0 ? -errno : ret;
}

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	int ret = ioctl(fd, req, val);

	return ret < 0 ? -errno : ret;
}
