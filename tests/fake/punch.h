/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fallocate() of tests: the C library's, and before it whoever wants to know what is freed. It
 * returns 0, or -errno for the caller. Any thread.
 */
#ifndef TESTS_FAKE_PUNCH_H
#define TESTS_FAKE_PUNCH_H

#include <sys/types.h>

extern int (*fake_punch)(int fd, int mode, off_t off, off_t len);

#endif
