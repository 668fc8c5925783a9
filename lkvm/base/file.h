/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small things that are done with files. No call prints what went wrong: the caller knows what the
 * file was wanted for.
 *
 * A FIFO whose other end nobody has is waited for, but not in open(2), which no signal would end:
 * signals are another thread's. After a line that says so somebody has five seconds to come.
 */
#ifndef LKVM_FILE_H
#define LKVM_FILE_H

#include <sys/types.h>

#include "lkvm/base/util.h"

struct stat;

/*
 * For the start of a program, before it opens anything: a file or a socket that became descriptor
 * 1 or 2 would be given what is meant for a terminal. Those of 0, 1 and 2 that are closed are open
 * afterwards, to no use: reading from 0 and writing to 1 and 2 is an error as before.
 */
void file_occupy_standard(void);

/*
 * Has whoever started lkvm left it this descriptor? All that lkvm opens itself are closed by
 * execve(2), and none that came through it is: a number of the user's must not mean one of ours.
 */
bool file_is_passed(int fd);

/*
 * Read a file, a pipe or whatever else can be read, to its end; "-" is the standard input. May wait
 * for whoever writes to the pipe: main thread. Returns the number of bytes in `buf`; -E2BIG: there
 * are more than `size` (INT_MAX at most), and `buf` has the first `size` of them; -ETIMEDOUT: a
 * FIFO that nobody writes to; or -errno of open(2) or read(2).
 */
int file_read(const char *path, void *buf, size_t size);

/*
 * The standard descriptor, 1 or 2, that this regular file (/dev/stdout, say) can be written
 * through, or -1. Opened anew it would have another position, and what is written to one be written
 * over by what is written to the other.
 */
int file_standard(const char *path);

/*
 * open(2) for a file of the user's to be written, while the machine is set up: O_WRONLY, O_CLOEXEC
 * and O_NOCTTY beside `flags`. What is file_standard() is that descriptor again, and stays as long
 * as it is, unless `flags` have O_APPEND. A descriptor, or -errno; -ETIMEDOUT: a FIFO that nobody
 * reads. Main thread.
 */
int file_open_out(const char *path, int flags, mode_t mode);

/*
 * fstat(2), for while a guest runs: by newfstatat(2), where fstat(2) is one call or the other in
 * each C library, and the sandbox would have to allow both. 0 or -errno. Any thread.
 */
int file_stat(int fd, struct stat *st);

/*
 * Give the bytes [off, off + len) of a file back to the host: they read as zeros from then on, and
 * the file stays as long as it is. 0, or -errno of fallocate(2) but -EINTR. Any thread.
 */
int file_punch(int fd, u64 off, u64 len);

#endif
